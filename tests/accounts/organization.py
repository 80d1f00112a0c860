"""Four accounts, each by its own credentials through the hub's endpoint; what Plumb did in each."""

import json
import urllib.request
import uuid

import boto3
from botocore.config import Config

from account import Account, plain
from stack import Stack
from tables import CONTROL, KIND

HUB_REGION = "us-east-1"


class Place(Account):
    """An account in a Region. Its requests go to whatever endpoint the hub has: the access key says whose they are."""

    def __init__(self, environment, account, region):
        self.key = account
        super().__init__({**environment, "AWS_DEFAULT_REGION": region, "AWS_ACCESS_KEY_ID": account})
        assert self.id == account

    def client(self, service, region=None):
        key = (service, region or self.region)
        if key not in self._clients:
            self._clients[key] = boto3.client(
                service,
                region_name=key[1],
                endpoint_url=self.endpoint,
                aws_access_key_id=self.key,
                aws_secret_access_key="test",
                config=Config(retries={"total_max_attempts": 1}, read_timeout=60, proxies={}, inject_host_prefix=False),
            )
        return self._clients[key]


class Organization:
    def __init__(self, environment):
        self.endpoints = json.loads(environment["PLUMB_ACCOUNTS"])
        self.external_id = environment["PLUMB_EXTERNAL_ID"]
        self.hub = Place(environment, "111111111111", HUB_REGION)
        self.hub_elsewhere = Place(environment, "111111111111", "eu-west-1")
        self.near = Place(environment, "222222222222", HUB_REGION)
        self.far = Place(environment, "333333333333", "eu-west-1")
        self.stranger = Place(environment, "444444444444", HUB_REGION)
        self.stack = Stack(self.hub, environment["PLUMB_STACK"])
        self._token = uuid.uuid4().hex[:6]

    def page(self, place, path):
        """A page of a local AWS's own."""
        url = self.endpoints[place.id] + path
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=10) as answer:
            return json.loads(answer.read())

    # A table without point-in-time recovery: the cheapest violation there is.

    def violate(self, place, what, **tags):
        name = f"a-{self._token}-{what}"
        place.client("dynamodb").create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        )
        return name

    def recovers(self, place, table):
        answer = place.client("dynamodb").describe_continuous_backups(TableName=table)
        status = answer["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        return status["PointInTimeRecoveryStatus"] == "ENABLED"

    def key(self, place, table):
        return f"{CONTROL}#{place.id}#{place.region}#{KIND}#{table}"

    def record(self, place, table):
        return self.stack.records().get(self.key(place, table))

    def verdict(self, place, table):
        answer = place.client("config").get_compliance_details_by_resource(ResourceType=KIND, ResourceId=table)
        return [result["ComplianceType"] for result in answer["EvaluationResults"]]

    def runs(self, place, table):
        """The executions at a place that were about a table."""
        ssm, found = place.client("ssm"), []
        for page in ssm.get_paginator("describe_automation_executions").paginate():
            for listed in page["AutomationExecutionMetadataList"]:
                one = ssm.get_automation_execution(AutomationExecutionId=listed["AutomationExecutionId"])
                execution = plain(one["AutomationExecution"])
                if execution["Parameters"].get("TableName") == [table]:
                    found.append(execution)
        return found

    def assert_fixed_there(self, place, table):
        """By its effect, by the hub's ledger, by the member's Systems Manager and by its AWS Config: fixed, and there."""
        record = self.record(place, table)
        assert record, "the hub knows nothing of it"
        assert record["state"] == "fixed", (record["state"], record["reason"])
        assert self.recovers(place, table)
        (run,) = self.runs(place, table)
        assert run["AutomationExecutionId"] == record["execution_id"]
        assert run["Parameters"]["AutomationAssumeRole"] == [
            f"arn:aws:iam::{place.id}:role/plumb-{place.region}-{CONTROL}"
        ]
        assert self.runs(self.hub, table) == [], "nothing of it was run where the hub is"
        assert self.verdict(place, table) == ["COMPLIANT"]
        return record
