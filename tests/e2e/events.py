"""AWS's events, written by hand in the shapes that AWS documents, and a witness that keeps the real ones."""

import json
import uuid
from datetime import datetime, timezone


def now():
    return stamp(datetime.now(timezone.utc))


def stamp(time):
    return time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03d}Z"


def envelope(account, source, detail_type, detail, at=None):
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": detail_type,
        "source": source,
        "account": account.id,
        "time": at or now(),
        "region": account.region,
        "resources": [],
        "detail": detail,
    }


def compliance_change(account, rule, kind, resource, compliance, at=None):
    """`Config Rules Compliance Change`: a rule has changed its mind about a resource."""
    at = at or now()
    return envelope(
        account,
        "aws.config",
        "Config Rules Compliance Change",
        {
            "resourceId": resource,
            "awsRegion": account.region,
            "awsAccountId": account.id,
            "configRuleName": rule,
            "recordVersion": "1.0",
            "configRuleARN": f"arn:aws:config:{account.region}:{account.id}:config-rule/config-rule-e2eabc",
            "messageType": "ComplianceChangeNotification",
            "newEvaluationResult": {
                "evaluationResultIdentifier": {
                    "evaluationResultQualifier": {
                        "configRuleName": rule,
                        "resourceType": kind,
                        "resourceId": resource,
                        "evaluationMode": "DETECTIVE",
                    },
                    "orderingTimestamp": at,
                },
                "complianceType": compliance,
                "resultRecordedTime": at,
                "configRuleInvokedTime": at,
            },
            "notificationCreationTime": at,
            "resourceType": kind,
        },
        at,
    )


def failed_control(account, control, asff_type, arn):
    """`Security Hub Findings - Imported`: one of Security Hub's own controls has failed."""
    at = now()
    finding = {
        "SchemaVersion": "2018-10-08",
        "Id": f"arn:aws:securityhub:{account.region}:{account.id}:security-control/{control}/finding/{uuid.uuid4()}",
        "ProductArn": f"arn:aws:securityhub:{account.region}::product/aws/securityhub",
        "ProductName": "Security Hub",
        "CompanyName": "AWS",
        "Region": account.region,
        "GeneratorId": f"security-control/{control}",
        "AwsAccountId": account.id,
        "Types": ["Software and Configuration Checks/Industry and Regulatory Standards"],
        "CreatedAt": at,
        "UpdatedAt": at,
        "Severity": {"Label": "HIGH", "Normalized": 70, "Original": "HIGH"},
        "Title": f"{control} failed",
        "Description": "A control's check failed.",
        "ProductFields": {"aws/securityhub/ProductName": "Security Hub"},
        "Resources": [{"Type": asff_type, "Id": arn, "Partition": "aws", "Region": account.region}],
        "Compliance": {"Status": "FAILED", "SecurityControlId": control},
        "WorkflowState": "NEW",
        "Workflow": {"Status": "NEW"},
        "RecordState": "ACTIVE",
    }
    return envelope(account, "aws.securityhub", "Security Hub Findings - Imported", {"findings": [finding]}, at)


def api_call(account, service, name, parameters, error=None):
    """`AWS API Call via CloudTrail`; with an error code, of a call that failed."""
    at = now()
    record = {
        "eventVersion": "1.09",
        "userIdentity": {
            "type": "IAMUser",
            "principalId": "AIDAEXAMPLE",
            "arn": f"arn:aws:iam::{account.id}:user/e2e",
            "accountId": account.id,
            "userName": "e2e",
        },
        "eventTime": at,
        "eventSource": f"{service}.amazonaws.com",
        "eventName": name,
        "awsRegion": account.region,
        "sourceIPAddress": "198.51.100.7",
        "userAgent": "aws-cli/2",
        "requestParameters": parameters,
        "responseElements": None,
        "requestID": str(uuid.uuid4()),
        "eventID": str(uuid.uuid4()),
        "readOnly": False,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": account.id,
        "eventCategory": "Management",
    }
    if error:
        record |= {"errorCode": error, "errorMessage": "User is not authorized to perform this operation"}
    return envelope(account, f"aws.{service}", "AWS API Call via CloudTrail", record, at)


def rollback_request(account, control, kind, resource, generation=1):
    """A person asks Plumb to undo what it did, in that attempt."""
    about = {"account": account.id, "region": account.region, "type": kind, "id": resource}
    detail = {"control": control, "resource": about, "generation": generation, "requested_by": "the end-to-end test"}
    return envelope(account, "plumb", "Plumb Rollback Requested", detail)


def due(account, control, kind, resource):
    """The time has come to look at a record again: what the sweep sends."""
    about = {"account": account.id, "region": account.region, "type": kind, "id": resource}
    return envelope(account, "plumb", "Plumb Remediation Due", {"control": control, "resource": about})


class Witness:
    """A queue of the test's own that gets what AWS Config and Systems Manager publish."""

    NAME = "e2e-witness"

    def __init__(self, account):
        self._sqs, events = account.client("sqs"), account.client("events")
        self._queue = self._sqs.create_queue(QueueName=self.NAME)["QueueUrl"]
        self._seen = []
        arn = f"arn:aws:sqs:{account.region}:{account.id}:{self.NAME}"
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self._sqs.set_queue_attributes(QueueUrl=self._queue, Attributes={"Policy": policy})
        events.put_rule(Name=self.NAME, EventPattern=json.dumps({"source": ["aws.config", "aws.ssm"]}))
        answer = events.put_targets(Rule=self.NAME, Targets=[{"Id": "witness", "Arn": arn}])
        assert answer["FailedEntryCount"] == 0, answer

    def events(self):
        """Everything so far."""
        while messages := self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                self._seen.append(json.loads(message["Body"]))
                self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])
        return self._seen

    def violation(self, rule, resource):
        """The event by which a Config rule first said that a resource does not comply; none if that was before us."""
        return self._first(
            lambda detail: detail.get("configRuleName") == rule
            and detail.get("resourceId") == resource
            and detail.get("newEvaluationResult", {}).get("complianceType") == "NON_COMPLIANT"
        )

    def success(self, execution):
        """The event by which Systems Manager said that an execution had succeeded."""
        return self._first(
            lambda detail: detail.get("ExecutionId") == execution
            and detail.get("Status") == "Success"
            and "StepName" not in detail
        )

    def _first(self, wanted):
        return next((event for event in self.events() if wanted(event["detail"])), None)
