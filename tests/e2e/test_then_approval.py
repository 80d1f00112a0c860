"""A person's word: asked with everything it takes to decide, bound to exactly one change, and no way around a guardrail."""

import json
import time
from datetime import datetime, timedelta, timezone

import boto3
import pytest
from botocore.exceptions import ClientError

import events
from stack import POLICY_IS_KEPT
from waiting import eventually

CONTROL, KIND = "elastic-ip-unattached", "AWS::EC2::EIP"
ASKING = """\
approval: {approvers: [ann, ben], expires_hours: 1, hands_off_hours: 1}
# An approved change is counted like any other, and whatever ran before this in the hour counts, too.
limits: {per_hour: {control: 1000, account: 1000, all: 1000}}
"""
POLICY = "mode: notify\nrules:\n  - {match: {control: elastic-ip-unattached}, mode: approve}\n" + ASKING


class Addresses:
    def __init__(self, account, stack):
        self._account, self._stack = account, stack
        self._ec2 = account.client("ec2")

    def make(self):
        return self._ec2.allocate_address(Domain="vpc")["AllocationId"]

    def is_there(self, address):
        try:
            return bool(self._ec2.describe_addresses(AllocationIds=[address])["Addresses"])
        except ClientError as refused:
            assert refused.response["Error"]["Code"] == "InvalidAllocationID.NotFound"
            return False

    def record(self, address):
        return self._stack.record(CONTROL, KIND, address)

    def stands(self, address, state):
        def check():
            record = self.record(address)
            assert record and record["state"] == state, record and (record["state"], record["reason"])
            return record

        return eventually(check)

    def asked(self, address):
        def check():
            record = self.record(address)
            assert record and record["state"] == "awaiting-approval" and record.get("execution_id"), record
            status = self._stack.execution(record["execution_id"])["AutomationExecutionStatus"]
            assert status == "Waiting", status
            return record

        return eventually(check)

    def runs(self, address):
        """Every execution that could have changed the address."""
        listed = self._stack.executions().items()
        ids = [identity for identity, one in listed if one["DocumentName"].endswith(f"-{CONTROL}")]
        executions = [self._stack.execution(identity) for identity in ids]
        return [one for one in executions if one["Parameters"].get("AllocationId") == [address]]


@pytest.fixture(scope="module")
def addresses(account, stack):
    before = stack.policy()
    eventually(stack.assert_at_rest)
    stack.set_policy(POLICY)
    time.sleep(POLICY_IS_KEPT)
    yield Addresses(account, stack)
    stack.set_policy(before)
    time.sleep(POLICY_IS_KEPT)


@pytest.fixture(scope="module")
def inbox(account, stack):
    """A queue that hears what approvers are asked."""
    sqs, sns = account.client("sqs"), account.client("sns")
    queue = sqs.create_queue(QueueName="e2e-approvers")["QueueUrl"]
    arn = f"arn:aws:sqs:{account.region}:{account.id}:e2e-approvers"
    sns.subscribe(TopicArn=stack.approval_topic, Protocol="sqs", Endpoint=arn)
    return queue


def say(account, who, execution, word, comment=""):
    """`SendAutomationSignal` by an IAM user."""
    client = boto3.client(
        "ssm",
        region_name=account.region,
        endpoint_url=account.endpoint,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        aws_session_token=f"plumb-user/{who}",
    )
    payload = {"Comment": [comment]} if comment else {}
    client.send_automation_signal(AutomationExecutionId=execution, SignalType=word, Payload=payload)


def test_what_was_approved_is_done_once_and_the_record_names_who(account, stack, addresses, inbox):
    address, other = addresses.make(), addresses.make()
    asked = addresses.asked(address)
    assert addresses.is_there(address) and not addresses.runs(address)

    def told():
        messages = account.client("sqs").receive_message(QueueUrl=inbox, MaxNumberOfMessages=10).get("Messages", [])
        texts = [json.loads(message["Body"])["Message"] for message in messages]
        (text,) = [json.loads(text)["Message"] for text in texts if address in text]
        return text

    question = eventually(told)
    for part in (address, account.id, account.region, asked["approval"]["hash"], "Cost: ", "Undo: ", "Disruption: "):
        assert part in question, question
    assert asked["action"]["document_version"].isdigit(), "pinned"

    with pytest.raises(ClientError) as refused:
        say(account, "mallory", asked["execution_id"], "Approve")
    assert refused.value.response["Error"]["Code"] == "InvalidAutomationSignalException"
    say(account, "ann", asked["execution_id"], "Approve", "nobody needs it")

    fixed = addresses.stands(address, "fixed")
    assert not addresses.is_there(address)
    (run,) = addresses.runs(address)
    assert run["AutomationExecutionId"] == fixed["execution_id"]
    assert run["DocumentVersion"] == asked["action"]["document_version"]
    assert run["Parameters"] == asked["action"]["parameters"]
    (word,) = fixed["approval"]["words"]
    assert (word["by"].endswith("user/ann"), word["decision"], word["comment"]) == (True, "Approve", "nobody needs it")
    with pytest.raises(ClientError):
        say(account, "ben", asked["execution_id"], "Approve")
    assert addresses.is_there(other) and not addresses.runs(other), "the neighbour waits for a word of its own"


def test_a_no_is_recorded_and_the_resource_is_left_alone(account, stack, addresses):
    address = addresses.make()
    asked = addresses.asked(address)
    say(account, "ben", asked["execution_id"], "Reject")
    declined = addresses.stands(address, "declined")
    assert "user/ben" in declined["reason"]
    event = events.compliance_change(account, stack.config_rule(CONTROL), KIND, address, "NON_COMPLIANT")
    (decision,) = stack.invoke(stack.remediate, event)["decisions"]
    assert decision["outcome"] == "defer" and "hands off" in decision["reason"]
    assert addresses.is_there(address) and not addresses.runs(address)


def test_a_waiver_set_between_asking_and_approving_wins(account, stack, addresses):
    address = addresses.make()
    asked = addresses.asked(address)
    expires = datetime.now(timezone.utc) + timedelta(days=1)
    waiver = f"{{match: {{resource: {address}}}, owner: net, reason: needed, expires: {expires:%Y-%m-%dT%H:%M:%SZ}}}"
    stack.set_policy(f"{POLICY}waivers:\n  - {waiver}\n")
    time.sleep(POLICY_IS_KEPT)
    say(account, "ann", asked["execution_id"], "Approve")
    declined = addresses.stands(address, "declined")
    assert "approved by" in declined["reason"] and "waived by net" in declined["reason"]
    assert addresses.is_there(address) and not addresses.runs(address)
    stack.set_policy(POLICY)
    time.sleep(POLICY_IS_KEPT)


def test_a_question_that_the_policy_no_longer_asks_is_taken_back(account, stack, addresses):
    address = addresses.make()
    asked = addresses.asked(address)
    stack.set_policy("mode: notify\n" + ASKING)
    time.sleep(POLICY_IS_KEPT)
    event = events.compliance_change(account, stack.config_rule(CONTROL), KIND, address, "NON_COMPLIANT")
    (decision,) = stack.invoke(stack.remediate, event)["decisions"]
    assert decision["outcome"] == "notify"
    addresses.stands(address, "detected")

    def nobody_is_asked_any_more():
        assert stack.execution(asked["execution_id"])["AutomationExecutionStatus"] == "Cancelled"

    eventually(nobody_is_asked_any_more)
    with pytest.raises(ClientError):
        say(account, "ann", asked["execution_id"], "Approve")
    assert addresses.is_there(address) and not addresses.runs(address)
    stack.set_policy(POLICY)
    time.sleep(POLICY_IS_KEPT)


def test_a_record_that_was_tampered_with_is_not_carried_out(account, stack, addresses):
    address, victim = addresses.make(), addresses.make()
    asked = addresses.asked(address)
    addresses.asked(victim)
    key = f"{CONTROL}#{account.id}#{account.region}#{KIND}#{address}"
    account.client("dynamodb").update_item(
        TableName=stack.ledger_table,
        Key={"pk": {"S": key}},
        UpdateExpression="SET #a.#p.AllocationId = :victim",
        ExpressionAttributeNames={"#a": "action", "#p": "parameters"},
        ExpressionAttributeValues={":victim": {"L": [{"S": victim}]}},
    )
    say(account, "ann", asked["execution_id"], "Approve")
    declined = addresses.stands(address, "declined")
    assert "has changed since" in declined["reason"]
    for one in (address, victim):
        assert addresses.is_there(one) and not addresses.runs(one)
