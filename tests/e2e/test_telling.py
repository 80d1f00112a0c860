"""What people and other systems hear, and what an operator sees and asks for: after the story, on the same stack.

A step in the life of a remediation is on the bus, in the history and, if it matters, in a message; an escalation is one
OpsItem; a Security Hub finding gets its note and starts no loop; what events missed the sweep finds; dead letters say
why, and heal.
"""

import json
import os
import subprocess
import time
import uuid

import pytest

import events
from stack import POLICY_IS_KEPT
from waiting import eventually

CONTROL, KIND = "bucket-public-access", "AWS::S3::Bucket"

# Only this control: with all at once, the account's own resources would use up an hour's starts.
AUTO = """\
mode: notify
rules: [{match: {control: bucket-public-access}, mode: auto}]
limits: {per_hour: {control: 1000, account: 1000, all: 1000}}
"""


class Listener:
    """A queue of the test's own."""

    def __init__(self, account, name):
        self.sqs = account.client("sqs")
        self.url = self.sqs.create_queue(QueueName=name)["QueueUrl"]
        self.arn = f"arn:aws:sqs:{account.region}:{account.id}:{name}"
        self.heard = []

    def hear(self):
        """Everything that has arrived so far, decoded."""
        while messages := self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                self.heard.append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return self.heard


@pytest.fixture(scope="module")
def outputs(account, stack):
    described = account.client("cloudformation").describe_stacks(StackName=stack.name)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}


@pytest.fixture(scope="module")
def bus(account, outputs):
    listener, client = Listener(account, "e2e-bus"), account.client("events")
    pattern = {"source": ["plumb"], "detail-type": ["Plumb Remediation State Change"]}
    client.put_rule(Name="e2e-bus", EventBusName=outputs["EventBus"], EventPattern=json.dumps(pattern))
    target = {"Id": "e2e", "Arn": listener.arn}
    client.put_targets(Rule="e2e-bus", EventBusName=outputs["EventBus"], Targets=[target])
    return listener


@pytest.fixture(scope="module")
def mail(account, outputs):
    listener = Listener(account, "e2e-mail")
    account.client("sns").subscribe(TopicArn=outputs["NoticeTopicArn"], Protocol="sqs", Endpoint=listener.arn)
    return listener


@pytest.fixture(scope="module", autouse=True)
def auto(stack):
    stack.set_policy(AUTO)
    time.sleep(POLICY_IS_KEPT)


@pytest.fixture
def bucket(account):
    return make_bucket(account)


def make_bucket(account):
    """A bucket that lets the public in, but not over plain HTTP."""
    name, s3 = f"e2e-heard-{uuid.uuid4().hex[:8]}", account.client("s3")
    s3.create_bucket(Bucket=name)
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps(policy))
    return name


def plumb(account, *arguments, fails=False):
    """Runs the command line against the stack; what it printed."""
    command = os.environ.get("PLUMB_CLI")
    if not command:
        pytest.skip("`PLUMB_CLI` does not name the command")
    environment = {**os.environ, "AWS_REGION": account.region, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    done = subprocess.run([command, *arguments], env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode != 0) == fails, done.stderr
    return done.stderr if fails else done.stdout


def fixed(stack, bucket):
    def is_fixed():
        record = stack.record(CONTROL, KIND, bucket)
        assert record and record["state"] == "fixed", record and record["reason"]
        return record

    return eventually(is_fixed)


# The bus and the history.


def test_each_step_is_on_the_bus_once_and_in_the_history(account, stack, bus, bucket):
    fixed(stack, bucket)

    def told():
        steps = [event["detail"] for event in bus.hear() if event["detail"]["resource"]["id"] == bucket]
        assert [step["to"] for step in sorted(steps, key=lambda step: step["at"])][-1:] == ["fixed"]
        return steps

    steps = eventually(told)
    moves = {(step["control"], step.get("from"), step["to"]) for step in steps}
    assert {(CONTROL, "planned", "running"), (CONTROL, "running", "verifying"), (CONTROL, "verifying", "fixed")} <= moves
    assert len({step["id"] for step in steps}) == len(steps), "no step twice"
    history = json.loads(plumb(account, "history", bucket, "--json"))
    assert [entry["id"] for entry in history if entry["to"] == "fixed"] == [
        step["id"] for step in steps if step["to"] == "fixed"
    ]
    assert all("bus" in entry["told"] for entry in history)


def test_what_is_not_urgent_comes_in_one_digest(account, stack, outputs, mail, bucket):
    fixed(stack, bucket)
    time.sleep(1)
    mail.hear()
    already = len(mail.heard)
    answer = stack.invoke(outputs["TellFunction"], {"digest": True})
    assert answer["lines"] >= 1

    def one_message():
        new = mail.hear()[already:]
        assert [message["Subject"].startswith("Plumb: ") for message in new] == [True]
        return new[0]

    message = eventually(one_message)
    assert f"{CONTROL}: fixed" in message["Message"]
    assert message["MessageAttributes"]["kind"]["Value"] == "digest"


# An escalation.


def test_an_escalation_is_one_message_and_one_ops_item_however_often_it_is_told(account, stack, mail, bucket):
    fixed(stack, bucket)
    table, dynamodb = stack.ledger_table, account.client("dynamodb")
    key = {"pk": {"S": f"{CONTROL}#{account.id}#{account.region}#{KIND}#{bucket}"}}

    def stands(state, reason):
        dynamodb.update_item(
            TableName=table,
            Key=key,
            UpdateExpression="SET #state = :state, reason = :reason",
            ExpressionAttributeNames={"#state": "state"},
            ExpressionAttributeValues={":state": {"S": state}, ":reason": {"S": reason}},
        )

    def messages():
        return [message for message in mail.hear() if bucket in message["Subject"] and "escalated" in message["Subject"]]

    def ops_items():
        listed = account.client("ssm").describe_ops_items(
            OpsItemFilters=[{"Key": "Source", "Values": ["Plumb"], "Operator": "Equal"}]
        )["OpsItemSummaries"]
        return [item for item in listed if bucket in item["Title"]]

    stands("escalated", "the test wants a person")

    def told():
        assert len(messages()) == 1 and len(ops_items()) == 1

    eventually(told)
    assert messages()[0]["MessageAttributes"]["severity"]["Value"] == "high"
    assert "the test wants a person" in messages()[0]["Message"]
    item = account.client("ssm").get_ops_item(OpsItemId=ops_items()[0]["OpsItemId"])["OpsItem"]
    related = json.loads(item["OperationalData"]["/aws/resources"]["Value"])
    assert related == [{"arn": f"arn:aws:s3:::{bucket}"}]

    # Once more: a person hears of it again, but what is to be worked on is still one item.
    stands("running", "again")
    stands("escalated", "and again")

    def again():
        history = json.loads(plumb(account, "history", bucket, "--json"))
        assert [entry["to"] for entry in history].count("escalated") == 2

    eventually(again)
    assert len(ops_items()) == 1
    assert "escalated" in plumb(account, "status", "--state", "escalated", "--json")
    plumb(account, "clear", bucket, "--control", CONTROL)

    def cleared():
        assert stack.record(CONTROL, KIND, bucket)["state"] != "escalated"

    eventually(cleared)


# Security Hub.


def test_a_security_hub_finding_gets_its_note_and_starts_no_loop(account, stack, outputs):
    hub, rule = account.client("securityhub"), stack.of_type("AWS::Events::Rule")
    noncompliant = next(name for name in rule if "config-noncompliant" in name)
    client = account.client("events")
    # So that it is Security Hub's finding that Plumb works on.
    client.disable_rule(Name=noncompliant)
    try:
        bucket = make_bucket(account)
        event = events.failed_control(account, "S3.8", "AwsS3Bucket", f"arn:aws:s3:::{bucket}")
        (finding,) = event["detail"]["findings"]
        assert hub.batch_import_findings(Findings=[finding])["SuccessCount"] == 1
        record = fixed(stack, bucket)
    finally:
        client.enable_rule(Name=noncompliant)
    assert record["source"]["source"] == "security-hub"

    def noted():
        filters = {"Id": [{"Value": finding["Id"], "Comparison": "EQUALS"}]}
        (seen,) = hub.get_findings(Filters=filters)["Findings"]
        assert seen["Workflow"]["Status"] == "RESOLVED"
        return seen

    seen = eventually(noted)
    assert seen["Note"]["UpdatedBy"] == "Plumb" and "fixed" in seen["Note"]["Text"]
    assert seen["UpdatedAt"] == finding["UpdatedAt"], "an update leaves the finding's own time"
    # Each note was published like an import. It came to the queue, and nothing came of it.
    eventually(stack.assert_at_rest)
    after = stack.record(CONTROL, KIND, bucket)
    assert (after["generation"], after["revision"]) == (1, record["revision"])
    open_again = {**finding, "Workflow": {"Status": "NOTIFIED"}, "Note": {**seen["Note"], "UpdatedAt": events.now()}}
    own = events.envelope(account, "aws.securityhub", "Security Hub Findings - Imported", {"findings": [open_again]})
    assert stack.led_to(own) == [stack.findings.rsplit("/", 1)[1]], "the rule can't tell; the function does"
    stack.send(stack.findings, own)
    eventually(stack.assert_at_rest)
    assert stack.record(CONTROL, KIND, bucket)["revision"] == record["revision"]


# The sweep.


def test_a_sweep_finds_what_no_event_told_of(account, stack):
    client = account.client("events")
    rules = [name for name in stack.of_type("AWS::Events::Rule") if "config-noncompliant" in name]
    for name in rules:
        client.disable_rule(Name=name)
    try:
        bucket = make_bucket(account)

        def seen_by_config():
            assert stack.verdict(CONTROL, KIND, bucket) == "NON_COMPLIANT"

        eventually(seen_by_config)
        assert stack.record(CONTROL, KIND, bucket) is None, "the event was lost"
        planned = json.loads(plumb(account, "plan", "--control", CONTROL, "--json"))
        (mine,) = [decision for decision in planned if decision["resource"]["id"] == bucket]
        assert mine["outcome"] == "start" and mine["verdicts"][0]["guardrail"] == "control"
        assert stack.record(CONTROL, KIND, bucket) is None, "a plan writes nothing"
        answer = stack.sweep()
        assert answer["finished"] is True and answer["found"][CONTROL] >= 1
        fixed(stack, bucket)
    finally:
        for name in rules:
            client.enable_rule(Name=name)


# Dead letters.


@pytest.fixture
def impatient_queue(account, stack):
    sqs, name = account.client("sqs"), "VisibilityTimeout"
    before = sqs.get_queue_attributes(QueueUrl=stack.findings, AttributeNames=[name])["Attributes"][name]
    sqs.set_queue_attributes(QueueUrl=stack.findings, Attributes={name: "2"})
    yield
    sqs.set_queue_attributes(QueueUrl=stack.findings, Attributes={name: before})


def test_a_dead_letter_says_why_and_heals_when_it_is_sent_back(account, stack, impatient_queue):
    stack.set_policy("mode: anything goes\n")
    time.sleep(POLICY_IS_KEPT)
    bucket = make_bucket(account)

    def letters():
        listed = json.loads(plumb(account, "dlq", "list", "--json"))["letters"]
        # Another control's rule judges the new bucket, too.
        return [letter for letter in listed if bucket in letter["what"] and f"plumb-{CONTROL}" in letter["what"]]

    def dead():
        (letter,) = letters()
        return letter

    def is_dead():
        assert len(letters()) == 1

    eventually(is_dead)
    letter = dead()
    assert letter["code"] == "permanent" and "policy" in letter["reason"], letter
    assert stack.record(CONTROL, KIND, bucket) is None, "nothing is changed under a policy that can't be read"
    stack.set_policy(AUTO)
    time.sleep(POLICY_IS_KEPT)
    assert "no dead letter nonesuch" in plumb(account, "dlq", "redrive", "--id", "nonesuch", fails=True)
    redriven = json.loads(plumb(account, "dlq", "redrive", "--id", letter["id"], "--json"))
    assert redriven == {"not_found": [], "redriven": [letter["id"]]}
    fixed(stack, bucket)
    assert letters() == []
    # What other controls had to say of the bucket meanwhile.
    plumb(account, "dlq", "redrive", "--all")
    eventually(stack.assert_at_rest)


# The operator.


def test_an_operator_sees_why_undoes_and_is_told_what_cant_be(account, stack, bucket):
    fixed(stack, bucket)
    why = plumb(account, "explain", bucket, "--control", CONTROL)
    assert "fixed since" in why and "passes  waiver" in why
    assert f"{CONTROL}" in plumb(account, "status")
    assert "knows nothing of `nonesuch`" in plumb(account, "explain", "nonesuch", fails=True)
    assert "does not wait for an approval" in plumb(account, "approve", bucket, "--control", CONTROL, fails=True)
    undone = json.loads(plumb(account, "rollback", bucket, "--control", CONTROL, "--wait", "50", "--json"))
    assert undone["state"] == "rolled-back"
    blocks = account.client("s3")
    with pytest.raises(blocks.exceptions.ClientError):
        blocks.get_public_access_block(Bucket=bucket)
    assert "already rolled back" in plumb(account, "rollback", bucket, "--control", CONTROL, fails=True)
