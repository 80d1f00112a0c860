"""Plumb as a hub: what violates in a member is fixed there, by the member's own roles; a stranger is not listened to.

Everything is seen through boto3 with each account's own credentials.
"""

import json
import os
import subprocess
import time

import pytest
from botocore.exceptions import ClientError

from stack import POLICY_IS_KEPT
from tables import CONTROL
from waiting import eventually

AUTO = "mode: auto\nlimits: {cooldown_seconds: 0, settle_seconds: 5}\n"


@pytest.fixture(scope="module", autouse=True)
def switched_on(organization):
    organization.stack.set_policy(AUTO)
    time.sleep(POLICY_IS_KEPT)


def test_a_violation_in_a_member_is_fixed_there(organization):
    table = organization.violate(organization.near, "near")
    eventually(lambda: organization.assert_fixed_there(organization.near, table), 120)


def test_a_violation_in_another_region_is_fixed_there(organization):
    table = organization.violate(organization.far, "far")
    record = eventually(lambda: organization.assert_fixed_there(organization.far, table), 120)
    (run,) = organization.runs(organization.far, table)
    assert run["DocumentName"].endswith(f":document/plumb-{CONTROL}"), "the hub's document, shared"
    assert "eu-west-1" in run["DocumentName"] and organization.hub.id in run["DocumentName"]
    assert record["action"]["place"] == {"account": organization.far.id, "region": "eu-west-1"}


def test_a_runbook_is_shared_with_those_that_needed_it_and_nobody_else(organization):
    for region, member in ((organization.near.region, organization.near), (organization.far.region, organization.far)):
        ssm = organization.hub.client("ssm", region)
        shared = ssm.describe_document_permission(Name=f"plumb-{CONTROL}", PermissionType="Share")["AccountIds"]
        assert shared == [member.id]
        assert ssm.describe_document_permission(Name="plumb-volume-gp2", PermissionType="Share")["AccountIds"] == []


def test_the_hub_fixes_its_own_as_before(organization):
    table = organization.violate(organization.hub, "hub")

    def fixed():
        record = organization.record(organization.hub, table)
        assert record and record["state"] == "fixed", record
        assert organization.recovers(organization.hub, table)
        (run,) = organization.runs(organization.hub, table)
        assert run["DocumentName"] == f"plumb-{CONTROL}"

    eventually(fixed, 120)


def test_the_hubs_own_account_in_a_second_region_is_a_member_like_any_other(organization):
    table = organization.violate(organization.hub_elsewhere, "elsewhere")
    record = eventually(lambda: organization.assert_fixed_there(organization.hub_elsewhere, table), 120)
    assert record["action"]["place"] == {"account": organization.hub.id, "region": "eu-west-1"}


def test_a_strangers_event_is_refused_and_changes_nothing(organization):
    table = organization.violate(organization.stranger, "stranger")
    eventually(lambda: assert_violates(organization, organization.stranger, table), 60)

    def refused():
        events = organization.page(organization.hub, "/_plumb/events")["events"]
        mine = [one for one in events if table in json.dumps(one["event"])]
        assert mine, "its rule has forwarded nothing yet"
        assert all("does not let account 444444444444" in (one["error"] or "") for one in mine), mine

    eventually(refused, 60)
    assert organization.record(organization.stranger, table) is None
    assert not organization.recovers(organization.stranger, table)
    assert organization.runs(organization.stranger, table) == []


def assert_violates(organization, place, table):
    assert organization.verdict(place, table) == ["NON_COMPLIANT"]


def test_a_member_can_make_up_no_event_of_awss(organization):
    events, name = organization.near.client("events"), "made-up"
    detail = {
        "messageType": "ComplianceChangeNotification", "awsAccountId": organization.near.id, "awsRegion": "us-east-1",
        "configRuleName": f"plumb-{CONTROL}", "resourceType": "AWS::DynamoDB::Table", "resourceId": name,
        "newEvaluationResult": {"complianceType": "NON_COMPLIANT"},
    }
    entry = {"Source": "aws.config", "DetailType": "Config Rules Compliance Change", "Detail": json.dumps(detail)}
    answer = events.put_events(Entries=[entry])
    assert answer["Entries"][0]["ErrorCode"] == "NotAuthorizedForSourceException"
    # Under a name of its own it reaches the hub's bus, and nobody listens.
    bus = f"arn:aws:events:us-east-1:{organization.hub.id}:event-bus/plumb-members"
    role = f"arn:aws:iam::{organization.near.id}:role/plumb.us-east-1.forward"
    events.put_rule(Name="own", EventPattern=json.dumps({"source": ["config.own"]}), State="ENABLED")
    events.put_targets(Rule="own", Targets=[{"Id": "hub", "Arn": bus, "RoleArn": role}])
    assert events.put_events(Entries=[{**entry, "Source": "config.own"}])["FailedEntryCount"] == 0
    # Something that the hub does hear, and that was sent later.
    table = organization.violate(organization.near, "after-made-up")
    eventually(lambda: organization.assert_fixed_there(organization.near, table), 120)
    assert organization.record(organization.near, name) is None


def test_a_member_can_not_speak_of_another_ones_resources(organization):
    """What reaches the queue from a member and is about another member's resource: as if EventBridge had let it pass."""
    event = {
        "version": "0", "id": "slander", "detail-type": "Config Rules Compliance Change", "source": "aws.config",
        "account": organization.near.id, "region": "us-east-1", "time": "2026-11-26T12:00:00Z", "resources": [],
        "detail": {
            "messageType": "ComplianceChangeNotification", "awsAccountId": organization.far.id, "awsRegion": "eu-west-1",
            "configRuleName": f"plumb-{CONTROL}", "resourceType": "AWS::DynamoDB::Table", "resourceId": "somebody-elses",
            "newEvaluationResult": {"complianceType": "NON_COMPLIANT", "resultRecordedTime": "2026-11-26T12:00:00Z"},
        },
    }
    answer = organization.stack.invoke(
        organization.stack.remediate,
        {"Records": [{"messageId": "1", "body": json.dumps(event), "eventSource": "aws:sqs", "attributes": {}}]},
    )
    assert answer == {"batchItemFailures": []}
    assert organization.runs(organization.far, "somebody-elses") == []
    assert not [key for key in organization.stack.records() if "somebody-elses" in key]


@pytest.mark.parametrize(
    "external_id", [None, "another"], ids=["without an external id", "with another external id"]
)
def test_nobody_assumes_a_members_role_without_the_word(organization, external_id):
    said = {"ExternalId": external_id} if external_id else {}
    assert_denied(organization, said)


def test_nobody_but_the_hubs_functions_assumes_a_members_role(organization):
    """The hub's own administrator knows the word, and still is none of the two functions."""
    assert_denied(organization, {"ExternalId": organization.external_id})


def assert_denied(organization, said):
    sts = organization.hub.client("sts")
    role = f"arn:aws:iam::{organization.near.id}:role/plumb.us-east-1.member"
    with pytest.raises(ClientError) as error:
        sts.assume_role(RoleArn=role, RoleSessionName="test", **said)
    assert error.value.response["Error"]["Code"] == "AccessDenied"


def test_what_events_missed_is_found_by_the_sweep_through_the_aggregator(organization):
    events = organization.far.client("events")
    events.disable_rule(Name="plumb-forward-judgements")
    try:
        table = organization.violate(organization.far, "missed")
        eventually(lambda: assert_violates(organization, organization.far, table), 60)
        assert organization.record(organization.far, table) is None
    finally:
        events.enable_rule(Name="plumb-forward-judgements")
    swept = organization.stack.sweep()
    assert swept["found"][CONTROL] >= 1 and swept["finished"]
    eventually(lambda: organization.assert_fixed_there(organization.far, table), 120)


def test_the_members_role_allows_what_the_hub_called_there(organization):
    """By the member's own call log, against the policy that its stack made."""
    calls = organization.page(organization.near, "/_plumb/calls")["calls"]
    made = {
        f"{'tag' if call['service'] == 'tagging' else call['service']}:{call['operation']}"
        for call in calls
        if call["caller"]["kind"] == "function"
    }
    policy = organization.near.client("iam").get_role_policy(RoleName="plumb.us-east-1.member", PolicyName="member")
    allowed = set()
    for statement in policy["PolicyDocument"]["Statement"]:
        actions = statement["Action"]
        allowed |= set([actions] if isinstance(actions, str) else actions)
    assert {"ssm:StartAutomationExecution", "ssm:GetAutomationExecution", "config:StartConfigRulesEvaluation"} <= made
    assert made <= allowed, made - allowed
    # It is passed, never called; and read only where an ARN does not follow from the id.
    assert allowed - made <= {"iam:PassRole", "config:BatchGetResourceConfig", "config:GetComplianceDetailsByResource"}


def test_a_policy_reaches_as_far_as_an_organizational_unit(organization):
    organization.stack.set_policy(
        AUTO.replace("mode: auto", "mode: notify")
        + "organization: {ou: {sandbox: ['222222222222'], live: ['111111111111', '333333333333']}}\n"
        + "rules: [{match: {ou: sandbox}, mode: auto}]\n"
    )
    time.sleep(POLICY_IS_KEPT)
    try:
        sandbox = organization.violate(organization.near, "sandbox")
        live = organization.violate(organization.far, "live")
        eventually(lambda: organization.assert_fixed_there(organization.near, sandbox), 120)

        def only_noted():
            record = organization.record(organization.far, live)
            assert record and record["state"] == "detected", record
            assert record["reason"].startswith("dry-run"), record["reason"]

        eventually(only_noted, 60)
        assert not organization.recovers(organization.far, live)
    finally:
        organization.stack.set_policy(AUTO)
        time.sleep(POLICY_IS_KEPT)


def test_an_operator_sees_what_would_be_done_in_the_members(organization):
    """By tags of the member's resource, which the operator reads by the member's role `look`, and by nobody else's."""
    organization.stack.set_policy(
        "mode: notify\n"
        "waivers:\n"
        "  - {match: {tags: {keep: as-it-is}}, owner: data, reason: rebuilt nightly, expires: 2030-01-01T00:00:00Z}\n"
    )
    time.sleep(POLICY_IS_KEPT)
    try:
        kept = organization.violate(organization.far, "kept", keep="as-it-is")
        plain, near = organization.violate(organization.far, "plain"), organization.violate(organization.near, "next")
        for place, table in ((organization.far, kept), (organization.far, plain), (organization.near, near)):
            eventually(lambda: assert_violates(organization, place, table), 60)
        planned = json.loads(plumb(organization, "plan", "--control", CONTROL, "--json"))
        decided = {decision["resource"]["id"]: decision for decision in planned}
        assert decided[kept]["outcome"] == "skip" and "waived by data" in decided[kept]["reason"]
        assert decided[plain]["outcome"] == decided[near]["outcome"] == "notify"
        there = plumb(organization, "plan", "--control", CONTROL, "--account", organization.near.id, "--all")
        assert f"{near} in account {organization.near.id}, us-east-1" in there
        assert plain not in there
    finally:
        organization.stack.set_policy(AUTO)
        time.sleep(POLICY_IS_KEPT)
    looked = [
        call["operation"]
        for call in organization.page(organization.far, "/_plumb/calls")["calls"]
        if call["service"] == "tagging" and call["caller"]["kind"] != "function"
    ]
    assert looked, "the operator has looked, in the member's account"


def test_an_operator_looks_at_a_member_only_with_the_word(organization):
    role = f"arn:aws:iam::{organization.near.id}:role/plumb.us-east-1.look"
    for place, said, lets_in in (
        (organization.hub, {}, False),
        (organization.hub, {"ExternalId": "another"}, False),
        (organization.stranger, {"ExternalId": organization.external_id}, False),
        (organization.hub, {"ExternalId": organization.external_id}, True),
    ):
        try:
            place.client("sts").assume_role(RoleArn=role, RoleSessionName="ann", **said)
            assert lets_in, (place.id, said)
        except ClientError as error:
            assert not lets_in and error.response["Error"]["Code"] == "AccessDenied", error
    policy = organization.near.client("iam").get_role_policy(RoleName="plumb.us-east-1.look", PolicyName="look")
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert set(statement["Action"]) == {"tag:GetResources", "config:BatchGetResourceConfig"}, "it reads, and no more"


def test_a_fix_in_a_member_is_undone_there(organization):
    table = organization.violate(organization.near, "undone")
    eventually(lambda: organization.assert_fixed_there(organization.near, table), 120)
    plumb(organization, "rollback", table, "--control", CONTROL)

    def undone():
        record = organization.record(organization.near, table)
        assert record["state"] == "rolled-back", (record["state"], record["reason"])
        assert not organization.recovers(organization.near, table)

    eventually(undone, 120)
    names = sorted(run["DocumentName"].rsplit("/", 1)[1] for run in organization.runs(organization.near, table))
    assert names == [f"plumb-{CONTROL}", f"plumb-{CONTROL}-rollback"]
    assert organization.runs(organization.hub, table) == []


def plumb(organization, *arguments):
    """The command line, as the hub's operator has it."""
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": organization.hub.id}
    where = ["--stack", organization.stack.name, "--region", organization.hub.region]
    done = subprocess.run(
        [os.environ["PLUMB_CLI"], *arguments, *where], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
