"""The deployed stack: found through CloudFormation, read through the services that it is made of."""

import json
from decimal import Decimal

import yaml
from boto3.dynamodb.types import TypeDeserializer

from account import plain

# How long a function may go on with the policy that it has read (`INTERVAL_SECONDS` in `crates/aws/src/policy.rs`), and a
# second.
POLICY_IS_KEPT = 16

ENDED = ("Success", "Failed", "TimedOut", "Cancelled", "CompletedWithSuccess", "CompletedWithFailure")
OPEN = ("planned", "running", "verifying", "rolling-back")


class Stack:
    def __init__(self, account, name):
        self.account = account
        self.name = name
        self.resources = list(self._resources(name))
        described = account.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
        self.status = described["StackStatus"]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}
        self.policy_application = outputs["PolicyApplication"]
        self.policy_environment = outputs["PolicyEnvironment"]
        self.policy_profile = outputs["PolicyProfile"]
        self.policy_at_once = outputs["PolicyAtOnce"]
        self.ledger_table = outputs["LedgerTable"]
        self.findings = outputs["FindingsQueueUrl"]
        self.findings_dead_letters = outputs["FindingsDeadLettersUrl"]
        self.status_queue = outputs["StatusQueueUrl"]
        self.status_dead_letters = outputs["StatusDeadLettersUrl"]
        self.approval_topic = outputs["ApprovalTopicArn"]
        self.remediate = outputs["RemediateFunction"]
        self.track = outputs["TrackFunction"]
        self.sweep_function = outputs["SweepFunction"]

    def _resources(self, name):
        """The stack's resources and those of the stacks inside it."""
        pages = self.account.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=name)
        for page in pages:
            for resource in page["StackResourceSummaries"]:
                yield resource
                if resource["ResourceType"] == "AWS::CloudFormation::Stack":
                    yield from self._resources(resource["PhysicalResourceId"])

    def of_type(self, kind):
        return [r["PhysicalResourceId"] for r in self.resources if r["ResourceType"] == kind]

    def config_rule(self, control):
        """The one Config rule that the stack deployed for a control."""
        (rule,) = [name for name in self.of_type("AWS::Config::ConfigRule") if name.endswith(f"-{control}")]
        return rule

    # Policy

    def policy(self):
        """What AppConfig gives a client that asks now."""
        client = self.account.client("appconfigdata")
        session = client.start_configuration_session(
            ApplicationIdentifier=self.policy_application,
            EnvironmentIdentifier=self.policy_environment,
            ConfigurationProfileIdentifier=self.policy_profile,
        )
        answer = client.get_latest_configuration(ConfigurationToken=session["InitialConfigurationToken"])
        return answer["Configuration"].read().decode()

    def set_policy(self, text):
        """Deploys a policy, given as YAML, at once and as JSON. Local AppConfig holds it against no schema: what the real one
        would refuse reaches the functions here."""
        content = json.dumps(yaml.safe_load(text), default=lambda time: time.isoformat())
        client = self.account.client("appconfig")
        version = client.create_hosted_configuration_version(
            ApplicationId=self.policy_application,
            ConfigurationProfileId=self.policy_profile,
            Content=content.encode(),
            ContentType="application/json",
        )["VersionNumber"]
        client.start_deployment(
            ApplicationId=self.policy_application,
            EnvironmentId=self.policy_environment,
            DeploymentStrategyId=self.policy_at_once,
            ConfigurationProfileId=self.policy_profile,
            ConfigurationVersion=str(version),
        )

    # EventBridge

    def led_to(self, event):
        """The names of the queues that the stack's event rules would put an event on."""
        client, names = self.account.client("events"), set()
        for name in self.of_type("AWS::Events::Rule"):
            pattern = client.describe_rule(Name=name).get("EventPattern")
            if pattern and client.test_event_pattern(EventPattern=pattern, Event=json.dumps(event))["Result"]:
                targets = client.list_targets_by_rule(Rule=name)["Targets"]
                names |= {target["Arn"].rsplit(":", 1)[1] for target in targets}
        return sorted(names)

    # Functions

    def invoke(self, function, event):
        answer = self.account.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
        payload = json.loads(answer["Payload"].read() or b"null")
        assert "FunctionError" not in answer, payload
        return payload

    def sweep(self):
        return self.invoke(self.sweep_function, {})

    # Ledger

    def record(self, control, kind, resource, region=None):
        key = f"{control}#{self.account.id}#{region or self.account.region}#{kind}#{resource}"
        answer = self.account.client("dynamodb").get_item(
            TableName=self.ledger_table, Key={"pk": {"S": key}}, ConsistentRead=True
        )
        return deserialised(answer["Item"]) if "Item" in answer else None

    def records(self):
        pages = self.account.client("dynamodb").get_paginator("scan").paginate(TableName=self.ledger_table)
        # Counters, and what functions remember, are in the same table.
        return {item["pk"]["S"]: deserialised(item) for page in pages for item in page["Items"] if "state" in item}

    # SSM Automation

    def executions(self):
        """Every execution there ever was, by id."""
        pages = self.account.client("ssm").get_paginator("describe_automation_executions").paginate()
        listed = (execution for page in pages for execution in page["AutomationExecutionMetadataList"])
        return {execution["AutomationExecutionId"]: plain(execution) for execution in listed}

    def execution(self, identity):
        answer = self.account.client("ssm").get_automation_execution(AutomationExecutionId=identity)
        return plain(answer["AutomationExecution"])

    # AWS Config

    def verdict(self, control, kind, resource):
        """What the control's rule says of a resource; nothing if it has not looked yet."""
        rule, token = self.config_rule(control), {}
        while True:
            answer = self.account.client("config").get_compliance_details_by_resource(
                ResourceType=kind, ResourceId=resource, **token
            )
            for result in answer["EvaluationResults"]:
                qualifier = result["EvaluationResultIdentifier"]["EvaluationResultQualifier"]
                if qualifier["ConfigRuleName"] == rule:
                    return result["ComplianceType"]
            if not answer.get("NextToken"):
                return None
            token = {"NextToken": answer["NextToken"]}

    # Queues

    def send(self, queue, *messages):
        """Sends events, or texts that are none, as one batch."""
        bodies = [message if isinstance(message, str) else json.dumps(message) for message in messages]
        for start in range(0, len(bodies), 10):
            entries = [
                {"Id": str(index), "MessageBody": body} for index, body in enumerate(bodies[start : start + 10])
            ]
            answer = self.account.client("sqs").send_message_batch(QueueUrl=queue, Entries=entries)
            assert not answer.get("Failed"), answer["Failed"]

    def waiting(self, queue):
        """How many messages a queue holds, in flight or not; those aside that wait for their time, such as a finding within
        the cooldown of its resource."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.account.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=names)
        return sum(int(count) for count in answer["Attributes"].values())

    def assert_no_dead_letters(self):
        for queue in (self.findings_dead_letters, self.status_dead_letters):
            assert self.waiting(queue) == 0, f"{queue} holds dead letters"

    def assert_at_rest(self):
        """Nothing is waiting, nothing is running, nothing is open."""
        for queue in (self.findings, self.status_queue):
            assert self.waiting(queue) == 0, f"{queue} is not drained"
        running = [
            execution["DocumentName"]
            for execution in self.executions().values()
            if execution["AutomationExecutionStatus"] not in ENDED
            # A question waits for a person, not for Plumb.
            and not execution["DocumentName"].endswith("-approval")
        ]
        assert not running, f"still running: {running}"
        unfinished = {key: record["state"] for key, record in self.records().items() if record["state"] in OPEN}
        assert not unfinished, f"still open: {unfinished}"
        self.assert_no_dead_letters()


def deserialised(item):
    """A ledger item as a dictionary; all its numbers are whole."""
    return {name: whole(TypeDeserializer().deserialize(value)) for name, value in item.items()}


def whole(value):
    if isinstance(value, dict):
        return {name: whole(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [whole(inner) for inner in value]
    return int(value) if isinstance(value, Decimal) else value
