"""Deploys a function for AWS Config's rules, and lets them invoke it. What the function is invoked with, it repeats to
the queue `heard`; then it judges volumes: gp3 complies, anything else does not."""

import io
import json
import zipfile

import boto3

BOOTSTRAP = '''#!/usr/bin/env python3
import json, os, urllib.request

def call(service, target, version, body):
    scope = "/".join([os.environ["AWS_ACCESS_KEY_ID"], "20260101", os.environ["AWS_REGION"], service, "aws4_request"])
    request = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"], json.dumps(body).encode(), {
        "content-type": "application/x-amz-json-" + version,
        "x-amz-target": target,
        "x-amz-security-token": os.environ["AWS_SESSION_TOKEN"],
        "authorization": "AWS4-HMAC-SHA256 Credential=" + scope,
    })
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read() or b"{}")

def config(operation, body):
    return call("config", "StarlingDoveService." + operation, "1.1", body)

def judged(kind, identity, configuration, at, gone):
    if gone:
        verdict = "NOT_APPLICABLE"
    else:
        verdict = "COMPLIANT" if (configuration or {}).get("volumeType") == "gp3" else "NON_COMPLIANT"
    return {"ComplianceResourceType": kind, "ComplianceResourceId": identity, "ComplianceType": verdict,
            "Annotation": "by the judge", "OrderingTimestamp": at}

def handle(event):
    told = json.loads(event["invokingEvent"])
    call("sqs", "AmazonSQS.SendMessage", "1.0", {"QueueUrl": os.environ["HEARD"], "MessageBody": json.dumps(event)})
    if json.loads(event["ruleParameters"]).get("fail"):
        raise ValueError("asked to fail")
    if told["messageType"] == "ScheduledNotification":
        found = config("SelectResourceConfig", {
            "Expression": "SELECT resourceId, configuration WHERE resourceType = 'AWS::EC2::Volume'"})
        evaluations = []
        for row in map(json.loads, found["Results"]):
            evaluations.append(judged("AWS::EC2::Volume", row["resourceId"], row["configuration"],
                                      told["notificationCreationTime"], False))
    else:
        item = told.get("configurationItem")
        if item is None:
            item = told["configurationItemSummary"]
            history = config("GetResourceConfigHistory", {
                "resourceType": item["resourceType"], "resourceId": item["resourceId"], "limit": 1,
                "laterTime": item["configurationItemCaptureTime"]})
            item["configuration"] = json.loads(history["configurationItems"][0]["configuration"])
        gone = event["eventLeftScope"] or item["configurationItemStatus"] == "ResourceDeleted"
        evaluations = [judged(item["resourceType"], item["resourceId"], item["configuration"],
                              item["configurationItemCaptureTime"], gone)]
    config("PutEvaluations", {"Evaluations": evaluations, "ResultToken": event["resultToken"]})

api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    with urllib.request.urlopen(api + "next") as answer:
        request, event = answer.headers["Lambda-Runtime-Aws-Request-Id"], json.load(answer)
    try:
        handle(event)
        path, body = "/response", b"{}"
    except Exception as error:
        path, body = "/error", json.dumps({"errorType": type(error).__name__, "errorMessage": str(error)}).encode()
    urllib.request.urlopen(urllib.request.Request(api + request + path, body)).read()
'''


def handler(events, context):
    queue = boto3.client("sqs").create_queue(QueueName="heard")["QueueUrl"]
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, BOOTSTRAP)
    function = boto3.client("lambda").create_function(
        FunctionName="judge",
        Runtime="provided.al2023",
        Handler="bootstrap",
        Role="arn:aws:iam::123456789012:role/judge",
        Timeout=30,
        Code={"ZipFile": package.getvalue()},
        Environment={"Variables": {"HEARD": queue}},
    )
    return {"Queue": queue, "Arn": function["FunctionArn"]}
