"""Runs `aws:executeScript` jobs, each in a process forked for it: JSON lines in, JSON lines out, many at a time.

In:  {"id", "script", "attachment": {"name", "path"}, "handler", "payload", "context", "region", "caller", "timeout"}, of script and
     attachment at least one, or {"id", "stop": true}
Out: {"id", "ok": what the handler returned} or {"id", "raised": traceback} or {"id", "timed_out": true}
     or {"id", "not_run": why}

boto3 is loaded once, here, before any script is known; a fork has it at once. This process has one thread (a fork of
several is unsafe), an empty environment but for what the gateway gave it, and never runs a script itself.

A script is the developer's own code: what it is kept from is a mistake (real credentials, a real endpoint, no end), not
malice. A script that means harm can get round the check on sockets.
"""

import ctypes
import importlib
import json
import os
import resource
import selectors
import shutil
import signal
import socket
import sys
import tempfile
import time
import traceback
import zipfile

import boto3
import botocore.config
import callers
import plain

MEMORY = 512 * 1024 * 1024
RESULT = 8 * 1024 * 1024


class Job:
    def __init__(self, request, pid, pipe, folder):
        self.id = request["id"]
        self.pid = pid
        self.pipe = pipe
        self.folder = folder
        self.ends = time.monotonic() + float(request["timeout"])
        self.answer = b""


def main():
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    warm_up()
    selector = selectors.DefaultSelector()
    selector.register(0, selectors.EVENT_READ, None)
    jobs = {}
    pending = b""
    while True:
        soonest = min((job.ends for job in jobs.values()), default=None)
        wait = None if soonest is None else max(0.0, soonest - time.monotonic())
        for key, _ in selector.select(wait):
            if key.data is None:
                data = os.read(0, 1 << 16)
                if not data:
                    for job in jobs.values():
                        kill(job)
                    return
                *lines, pending = (pending + data).split(b"\n")
                for line in filter(None, lines):
                    take(json.loads(line), jobs, selector, out)
            else:
                job = key.data
                data = os.read(job.pipe, 1 << 16)
                job.answer += data
                if not data or len(job.answer) > RESULT:
                    finish(job, jobs, selector)
                    reply(out, job.id, outcome(job))
        for job in [job for job in jobs.values() if time.monotonic() >= job.ends]:
            finish(job, jobs, selector)
            reply(out, job.id, {"timed_out": True})


def warm_up():
    """Loads the models that scripts ask for most into the loader that all forks share."""
    session = boto3.session.Session(region_name="us-east-1")
    for service in ("s3", "ec2", "iam", "kms"):
        session.client(service)
    boto3.DEFAULT_SESSION = session


def take(request, jobs, selector, out):
    if request.get("stop"):
        job = jobs.get(request["id"])
        if job:
            finish(job, jobs, selector)
        return
    folder = tempfile.mkdtemp(prefix="plumb-script-")
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        selector.close()
        child(request, write, folder)
    os.close(write)
    job = Job(request, pid, read, folder)
    jobs[job.id] = job
    selector.register(read, selectors.EVENT_READ, job)


def finish(job, jobs, selector):
    selector.unregister(job.pipe)
    os.close(job.pipe)
    kill(job)
    jobs.pop(job.id, None)


def kill(job):
    """The script and whatever it started."""
    for end in (os.killpg, os.kill):
        try:
            end(job.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
    try:
        os.waitpid(job.pid, 0)
    except ChildProcessError:
        pass
    shutil.rmtree(job.folder, ignore_errors=True)


def outcome(job):
    try:
        return json.loads(job.answer)
    except ValueError:
        if len(job.answer) > RESULT:
            return {"raised": f"ValueError - the output is larger than {RESULT} bytes"}
        return {"raised": "MemoryError - the script ended without an answer: killed, out of memory or exited"}


def reply(out, job_id, answer):
    out.write(json.dumps({"id": job_id, **answer}) + "\n")
    out.flush()


# In the forked process


def child(request, write, folder):
    try:
        os.setpgid(0, 0)
        end_with_parent()
        confine(request, folder)
        answer = plain.dumps(run(request, folder))
    except BaseException as error:
        answer = json.dumps({"not_run": f"{type(error).__name__}: {error}"})
    view = memoryview(answer.encode())
    try:
        while view:
            view = view[os.write(write, view) :]
    except OSError:
        pass
    os._exit(0)


def end_with_parent():
    """Linux alone has this; elsewhere the job's timeout ends it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def confine(request, folder):
    os.chdir(folder)
    os.environ["HOME"] = os.environ["TMPDIR"] = folder
    tempfile.tempdir = None
    os.environ["AWS_REGION"] = os.environ["AWS_DEFAULT_REGION"] = request["region"]
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    seconds = int(float(request["timeout"])) + 1
    for limit, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_FSIZE, 64 * 1024 * 1024),
    ):
        try:
            resource.setrlimit(limit, (value, value))
        except (ValueError, OSError):
            pass
    stay_on_loopback()
    # The models stay loaded: only the Region and the marking are new.
    boto3.DEFAULT_SESSION._session.set_config_variable("region", request["region"])
    boto3.DEFAULT_SESSION._session.set_default_client_config(
        botocore.config.Config(inject_host_prefix=False, s3={"addressing_style": "path"})
    )
    callers.is_now(request["caller"])
    mark_clients()


def stay_on_loopback():
    def checked(original):
        def connect(self, address, *rest):
            if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1", "localhost"):
                raise PermissionError(f"a script may reach local AWS only, not `{address[0]}`")
            return original(self, address, *rest)

        return connect

    for name in ("connect", "connect_ex"):
        setattr(socket.socket, name, checked(getattr(socket.socket, name)))
    look_up = socket.getaddrinfo

    def getaddrinfo(host, *rest, **named):
        if host not in ("127.0.0.1", "::1", "localhost", None):
            raise PermissionError(f"a script may reach local AWS only, not `{host}`")
        return look_up(host, *rest, **named)

    socket.getaddrinfo = getaddrinfo


def mark_clients():
    original = boto3.session.Session.client
    boto3.session.Session.client = lambda self, *args, **named: callers.mark(original(self, *args, **named))


def run(request, folder):
    path = os.path.join(folder, "customer_script.py")
    try:
        sys.path.insert(0, folder)
        if request.get("attachment"):
            unpack(request["attachment"], folder)
        if request.get("script") is None:
            handler = attached_handler(request)
        else:
            handler = handler_of(request, path)
        result = handler(request["payload"], request["context"])
        return {"ok": plain.tidy(result, 0)}
    except BaseException as error:
        return {"raised": as_aws_shows_it(error, folder)}


def handler_of(request, path):
    """The function of a script in the document; a handler `file.function` names it, too."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(request["script"])
    # A module like any other, so that classes can be pickled and dataclasses find their module.
    module = type(sys)("customer_script")
    module.__file__ = path
    sys.modules["customer_script"] = module
    exec(compile(request["script"], path, "exec"), module.__dict__)
    handler = getattr(module, request["handler"].rpartition(".")[2], None)
    if not callable(handler):
        raise AttributeError(f"module 'customer_script' has no attribute '{request['handler']}'")
    return handler


def attached_handler(request):
    """`file.function`, or a function of the one file that is attached."""
    file, _, function = request["handler"].rpartition(".")
    name = request["attachment"]["name"]
    if not file:
        if not name.endswith(".py"):
            raise AttributeError(f"handler '{function}' names no file; write it as file.function")
        file = name.rpartition(".")[0]
    handler = getattr(importlib.import_module(file.replace("/", ".")), function, None)
    if not callable(handler):
        raise AttributeError(f"module '{file}' has no attribute '{function}'")
    return handler


def unpack(attachment, folder):
    """A zip file becomes the files in it; any other is kept under its name."""
    if zipfile.is_zipfile(attachment["path"]):
        with zipfile.ZipFile(attachment["path"]) as archive:
            archive.extractall(folder)
    else:
        shutil.copyfile(attachment["path"], os.path.join(folder, os.path.basename(attachment["name"])))


def as_aws_shows_it(error, folder):
    """The script's own frames, and `KeyError - 'name'` as the last line."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    while frames and not frames[0].filename.startswith(folder):
        frames.pop(0)
    lines = "".join(traceback.format_list(frames))
    return f"Traceback (most recent call last):\n{lines}\n{type(error).__name__} - {error}"


if __name__ == "__main__":
    main()
