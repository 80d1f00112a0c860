"""Makes AWS calls by name: JSON lines in, JSON lines out, many at a time.

In:  {"id", "service", "api", "params", "region", "caller", "days_ago"}
Out: {"id", "ok": response} or {"id", "error": {"code", "message", "operation", "http_status"}}
Also: {"id", "routes": service} answers with the REST routes of a service.

Nothing is tried twice: whoever asks decides about that.
"""

import base64
import concurrent.futures
import datetime
import decimal
import json
import os
import sys
import threading

import boto3
import botocore.config
import botocore.exceptions
import callers
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
        else:
            reply = call(request)
    except Exception as error:
        reply = failure(type(error).__name__, str(error), request.get("api", ""), 0)
    text = json.dumps({"id": request.get("id"), **reply}, default=plain)
    with writing:
        out.write(text + "\n")
        out.flush()


def call(request):
    operation = request["api"]
    callers.is_now(request.get("caller", ""), request.get("days_ago", 0))
    try:
        client = client_of(request["service"], request["region"])
        method, operation = operation_of(client, operation)
        response = getattr(client, method)(**request.get("params", {}))
        # Here, for a body that is cut short is an error of the call's.
        return {"ok": json.loads(json.dumps(response, default=plain))}
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


def plain(value):
    """What JSON does not have."""
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray)):
        try:
            return bytes(value).decode("utf-8")
        except UnicodeDecodeError:
            return base64.b64encode(value).decode("ascii")
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, (set, frozenset, tuple)):
        return list(value)
    if hasattr(value, "read"):
        return plain(value.read())
    if hasattr(value, "__iter__"):
        return list(value)
    return str(value)


if __name__ == "__main__":
    main()
