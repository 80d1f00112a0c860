"""Runs ministack on loopback, taught what Plumb's stack needs beyond it: ministack_launcher.py PORT.

The environment says the rest: `AWS_ENDPOINT_URL` and `GATEWAY_PORT` are the gateway's, so that Lambda functions call
back through it and queue URLs name it.

What is taught:
- CloudFormation types that ministack rejects (`stack_types.py`), made through the gateway's own APIs.
- Functions within a template's conditions (`stack_conditions.py`).
- Stacks tell the gateway which buckets, tables, log groups, roles and keys they make, so that it routes to them.
- Functions sign with a session token that names them, so that the call log can.
- A function that reports items of a stream's batch as failed gets the batch again.
- An event for a bus of another account or Region goes there by the gateway.
- `GET /_plumb/instance` answers whose it is: the gateway's URL.
- `POST /_plumb/event` hands an event to EventBridge in AWS's own name, which `PutEvents` refuses.
"""

import asyncio
import json
import logging
import os
import sys
import threading
import urllib.error
import urllib.request
import uuid
from datetime import datetime

import stack_conditions
import stack_types
import watch
from hypercorn.asyncio import serve
from hypercorn.config import Config
from ministack import app as ministack
from ministack.core import lambda_runtime
from ministack.core.responses import get_account_id, get_region, set_request_account_id, set_request_region
from ministack.services import eventbridge, lambda_svc


def main():
    watch.end_with_parent()
    stack_types.register()
    stack_conditions.register()
    name_functions()
    heed_failures_of_streams()
    forward_to_other_places()
    config = Config()
    config.bind = [f"127.0.0.1:{int(sys.argv[1])}"]
    config.keep_alive_timeout = 75
    config.loglevel = "WARNING"
    logging.getLogger("hypercorn.error").setLevel(logging.WARNING)
    asyncio.run(serve(with_events, config))


async def with_events(scope, receive, send):
    """The ASGI application: ministack's, and two paths more."""
    path = scope["path"] if scope["type"] == "http" else ""
    if path == "/_plumb/event":
        await answer(send, *take_event(await whole_body(receive)))
    elif path == "/_plumb/instance":
        await answer(send, 200, os.environ["AWS_ENDPOINT_URL"])
    else:
        await ministack.app(scope, receive, send)


async def answer(send, status, text):
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": text.encode()})


async def whole_body(receive):
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


def take_event(body):
    """Dispatches an event of the shape that targets receive."""
    try:
        event = json.loads(body)
        # Where it came from another account or Region: the bus that it came for.
        bus = event.pop("_bus", {})
        record = {
            "EventId": event.get("id") or str(uuid.uuid4()),
            "Source": event["source"],
            "DetailType": event["detail-type"],
            "Detail": json.dumps(event.get("detail", {})),
            "EventBusName": bus.get("name", "default"),
            "Time": epoch(event.get("time")),
            "Resources": event.get("resources", []),
            "Account": event["account"],
            "Region": event["region"],
        }
        set_request_account_id(bus.get("account", record["Account"]))
        set_request_region(bus.get("region", record["Region"]))
        view = eventbridge._pattern_event_view(record)
        eventbridge._events_log_list().append(record)
        eventbridge._dispatch_event(record, view)
        eventbridge._archive_event(record, view)
        return 200, record["EventId"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return 400, f"{type(error).__name__}: {error}"


def epoch(time):
    if not time:
        return int(eventbridge._now_ts())
    return int(datetime.fromisoformat(time.replace("Z", "+00:00")).timestamp())


def name_functions():
    original = lambda_runtime.execution_credentials

    def named(config):
        return {**original(config), "AWS_SESSION_TOKEN": f"plumb-function/{config.get('FunctionName', '')}"}

    lambda_runtime.execution_credentials = named
    lambda_svc.execution_credentials = named


def forward_to_other_places():
    """Events for a bus of another account or Region: the gateway knows where that is, and whether it may go there."""
    original = eventbridge._dispatch_to_event_bus

    def dispatch(spec, event, rule, event_path, target_input_payload=None):
        if spec.account_id == get_account_id() and spec.region == get_region():
            return original(spec, event, rule, event_path, target_input_payload)
        view = eventbridge._pattern_event_view(event)
        told = {
            "bus": f"arn:{spec.partition}:events:{spec.region}:{spec.account_id}:{spec.resource}",
            "sender": get_account_id(),
            "event": view.event_with_detail(),
        }
        # Not on ministack's event loop: the gateway may ask it something before it answers.
        threading.Thread(target=forward, args=(json.dumps(told).encode(),), daemon=True).start()

    eventbridge._dispatch_to_event_bus = dispatch


def forward(body):
    url = os.environ["AWS_ENDPOINT_URL"] + "/_plumb/forward"
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            answer.read()
    except (OSError, urllib.error.HTTPError) as error:
        reason = error.read().decode() if isinstance(error, urllib.error.HTTPError) else str(error)
        logging.getLogger("plumb").warning("an event was not taken elsewhere: %s", reason)


def heed_failures_of_streams():
    """`ReportBatchItemFailures` for streams, which ministack takes for success. AWS brings the batch again from the first
    failed record; here it comes again from its beginning."""
    original = lambda_svc._execute_function

    def heeding(function, event, *rest, **named):
        result = original(function, event, *rest, **named)
        records = event.get("Records") if isinstance(event, dict) else None
        if records and records[0].get("eventSource") == "aws:dynamodb" and not result.get("error"):
            body = result.get("body")
            if isinstance(body, (str, bytes)):
                try:
                    body = json.loads(body)
                except ValueError:
                    body = None
            failures = body.get("batchItemFailures") if isinstance(body, dict) else None
            if failures:
                told = {"errorType": "BatchItemFailures", "errorMessage": f"{len(failures)} records failed"}
                return {**result, "error": True, "body": told}
        return result

    lambda_svc._execute_function = heeding


if __name__ == "__main__":
    # Emulated functions must not find the way to a real account.
    os.environ.pop("AWS_PROFILE", None)
    main()
