"""Makes AWS calls by name: JSON lines in, JSON lines out, many at a time.

In:  {"id", "service", "api", "params", "region", "caller", "days_ago"}
Out: {"id", "ok": response} or {"id", "error": {"code", "message", "operation", "http_status"}}
Also: {"id", "routes": service} answers with the REST routes of a service, and {"id", "download": {"bucket", "key", "folder"},
"region"} keeps an object of S3 in a folder under its SHA-256, and answers with {"sha256", "size"}.

Nothing is tried twice: whoever asks decides about that.
"""

import concurrent.futures
import hashlib
import json
import os
import sys
import threading

import boto3
import botocore.config
import botocore.exceptions
import callers
import plain
import routes
import watch

CONFIG = botocore.config.Config(
    retries={"total_max_attempts": 1},
    connect_timeout=5,
    read_timeout=25,
    max_pool_connections=32,
    # Loopback has no `123456789012.127.0.0.1`.
    inject_host_prefix=False,
    s3={"addressing_style": "path"},
)

session = boto3.session.Session()
clients = {}
# boto3's sessions are not thread-safe, its clients are.
making = threading.Lock()
writing = threading.Lock()


def main():
    # The real stdout is the protocol's; whatever prints goes to stderr.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    with concurrent.futures.ThreadPoolExecutor(max_workers=16) as pool:
        for line in sys.stdin:
            pool.submit(answer, line, out)
        # At once: nobody waits for the calls under way.
        watch.end_group()


def answer(line, out):
    request = {}
    try:
        request = json.loads(line)
        if "routes" in request:
            reply = {"ok": routes.of_signing_name(session, request["routes"])}
        elif "download" in request:
            reply = caught("GetObject", lambda: download(request))
        else:
            reply = caught(request["api"], lambda: call(request))
        text = plain.dumps({"id": request.get("id"), **reply})
    except Exception as error:
        reply = failure(type(error).__name__, str(error), request.get("api", ""), 0)
        text = plain.dumps({"id": request.get("id"), **reply})
    with writing:
        out.write(text + "\n")
        out.flush()


def call(request):
    callers.is_now(request.get("caller", ""), request.get("days_ago", 0))
    client = client_of(request["service"], request["region"])
    method, _ = operation_of(client, request["api"])
    response = getattr(client, method)(**request.get("params", {}))
    # Here, for a body that is cut short is an error of the call's.
    return {"ok": plain.tidy(response, 0)}


def download(request):
    wanted = request["download"]
    callers.is_now(request.get("caller", ""))
    client = client_of("s3", request["region"])
    body = client.get_object(Bucket=wanted["bucket"], Key=wanted["key"])["Body"].read()
    digest = hashlib.sha256(body).hexdigest()
    os.makedirs(wanted["folder"], exist_ok=True)
    path = os.path.join(wanted["folder"], digest)
    with open(f"{path}.new", "wb") as file:
        file.write(body)
    os.replace(f"{path}.new", path)
    return {"ok": {"sha256": digest, "size": len(body)}}


def caught(operation, work):
    try:
        return work()
    except botocore.exceptions.ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        code = error.response.get("Error", {}).get("Code", "")
        return failure(code, str(error), error.operation_name, status, error.response.get("Error", {}).get("Message"))
    except botocore.exceptions.BotoCoreError as error:
        return failure(type(error).__name__, str(error), operation, 0)


def failure(code, message, operation, status, said=None):
    return {"error": {"code": str(code), "message": message, "operation": operation, "http_status": status, "said": said}}


def client_of(service, region):
    key = (service, region)
    with making:
        if key not in clients:
            made = session.client(service, region_name=region, endpoint_url=os.environ["AWS_ENDPOINT_URL"], config=CONFIG)
            clients[key] = callers.mark(made)
        return clients[key]


def operation_of(client, name):
    """The client's method and the operation's name, however it is spelt."""
    wanted = squeezed(name)
    for method, operation in client.meta.method_to_api_mapping.items():
        if squeezed(operation) == wanted or squeezed(method) == wanted:
            return method, operation
    raise botocore.exceptions.UnknownServiceError(
        service_name=f"{client.meta.service_model.service_name}:{name}",
        known_service_names="its operations",
    )


def squeezed(name):
    return name.replace("_", "").lower()


if __name__ == "__main__":
    main()
