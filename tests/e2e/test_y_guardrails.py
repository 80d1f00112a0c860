"""Each guardrail both ways, by effect: it stops what it is there to stop, and lets the rest pass (docs/guardrails.md)."""

import json
import time
from datetime import datetime, timedelta, timezone

import pytest

import events
from faults import Faults, error, fault, late
from logs import Logs
from stack import POLICY_IS_KEPT
from tables import CONTROL, KIND, Tables
from waiting import eventually

# Held by a slow answer for so long: time enough to look at a runbook that is under way.
HELD = 8
# The blast radius is by the clock's hour; a test that counts has to end in the one in which it began.
AN_HOURS_TURN = 100


def policy(more="", **limits):
    wide = {
        "cooldown_seconds": 0,
        "settle_seconds": 1,
        "running": 100,
        "per_hour": "{control: 100000, account: 100000, all: 100000}",
        "breaker": "{minimum: 100000}",
        "flapping": "{fixes: 100, hours: 1}",
    }
    lines = "".join(f"  {name}: {value}\n" for name, value in (wide | limits).items())
    return f"mode: auto\nlimits:\n{lines}{more}"


@pytest.fixture(scope="module")
def faults(account):
    faults = Faults(account)
    yield faults
    faults.clear()


@pytest.fixture(scope="module")
def tables(account, stack):
    before = stack.policy()
    eventually(stack.assert_at_rest)
    yield Tables(account, stack)
    stack.set_policy(before)
    time.sleep(POLICY_IS_KEPT)


@pytest.fixture
def under(stack):
    def apply(text):
        stack.set_policy(text)
        time.sleep(POLICY_IS_KEPT)

    return apply


@pytest.fixture
def told(account, stack):
    """Tells `remediate` that a table violates, and what it decides; the decision is carried out."""

    def tell(table, region=None):
        event = events.compliance_change(account, stack.config_rule(CONTROL), KIND, table, "NON_COMPLIANT")
        if region:
            event["region"] = event["detail"]["awsRegion"] = region
        (decision,) = stack.invoke(stack.remediate, event)["decisions"]
        return decision

    return tell


def last(decision):
    return decision["verdicts"][-1]["guardrail"], decision["outcome"]


def is_judged(stack, table, verdict):
    def check():
        assert stack.verdict(CONTROL, KIND, table) == verdict

    eventually(check)


def break_again(account, table):
    account.client("dynamodb").update_continuous_backups(
        TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False}
    )


def fixed(tables, table):
    return eventually(lambda: tables.assert_fixed(table))


def stands(tables, table, state):
    def check():
        record = tables.record(table)
        assert record and record["state"] == state, record and (record["state"], record["reason"])
        return record

    return eventually(check)


def test_scope_mode_and_waiver_stop_their_own_and_let_the_neighbour_pass(account, stack, tables, under, told):
    expires = datetime.now(timezone.utc) + timedelta(days=1)
    under(
        policy(
            "rules:\n"
            f"  - {{match: {{resource: {tables.name('off')}}}, mode: 'off'}}\n"
            f"  - {{match: {{resource: {tables.name('notify')}}}, mode: notify}}\n"
            "waivers:\n"
            f"  - match: {{resource: {tables.name('waived')}}}\n"
            f"    owner: data\n    reason: rebuilt nightly\n    expires: {expires:%Y-%m-%dT%H:%M:%SZ}\n"
        )
    )
    off, notify, waived, neighbour = (tables.make(name) for name in ("off", "notify", "waived", "neighbour"))
    fixed(tables, neighbour)
    stands(tables, notify, "detected")
    for table in (off, notify, waived):
        is_judged(stack, table, "NON_COMPLIANT")
    assert last(told(off)) == ("mode", "skip")
    assert told(notify)["outcome"] == "notify"
    assert last(told(waived)) == ("waiver", "skip")
    assert last(told(off, region=account.elsewhere)) == ("scope", "skip")
    for table in (off, notify, waived):
        assert not tables.recovers(table) and not tables.runs(table)


def test_a_poisoned_name_stays_inside_its_log_line(account, stack, under, told):
    under("mode: notify\n")
    name = 'name\nlevel=ERROR "outcome":"start" \x1b[2J {{ssm:/prod/password}}'
    decision = told(name)
    assert decision["outcome"] == "notify" and decision["resource"]["id"] == name
    logs = Logs(account, stack)

    def logged():
        lines = [line for line in logs.lines("remediate") if "level=ERROR" in line]
        assert lines, "the decision is logged"
        return lines

    for line in eventually(logged):
        assert json.loads(line)["fields"]["resource"] == name, line
        assert "\x1b" not in line and "\n" not in line.rstrip("\n")


def test_the_cooldown_stops_the_second_fix_and_lets_it_pass_when_it_is_over(account, stack, tables, under, told):
    under(policy(cooldown_seconds=900))
    table = tables.make("cooling")
    fixed(tables, table)
    break_again(account, table)
    is_judged(stack, table, "NON_COMPLIANT")
    decision = told(table)
    assert last(decision) == ("attempts", "defer") and "cooldown" in decision["reason"]
    assert not tables.recovers(table)
    under(policy())
    assert told(table)["outcome"] == "start"
    fixed(tables, table)
    assert tables.recovers(table)


def test_work_under_way_stops_a_second_runbook_and_concurrency_a_second_resource(tables, under, told, faults):
    under(policy(running=1))
    slow, other = tables.name("slow"), tables.name("other")
    faults.set(fault(late("before", HELD), "dynamodb:*", about=slow, by="execution/*"))
    tables.make("slow")
    stands(tables, slow, "running")
    assert last(told(slow)) == ("in-progress", "skip")
    tables.make("other")
    decision = told(other)
    assert last(decision) == ("concurrency", "defer"), decision["reason"]
    assert not tables.runs(other)
    fixed(tables, slow)
    faults.clear()
    assert told(other)["outcome"] == "start"
    fixed(tables, other)
    assert len(tables.runs(slow)) == 1


@pytest.mark.parametrize(("limit", "what"), [("control", f"control#{CONTROL}"), ("account", "account#{account}"), ("all", "all")])
def test_the_blast_radius_stops_what_is_too_much_for_an_hour_and_lets_the_rest_pass(
    account, stack, tables, under, told, limit, what
):
    taken = taken_in_this_hour(account, stack, what.format(account=account.id))
    wide = {"control": 100000, "account": 100000, "all": 100000} | {limit: taken + 2}
    under(policy(per_hour="{" + ", ".join(f"{name}: {most}" for name, most in wide.items()) + "}"))
    made = [tables.make(f"blast-{limit}-{number}") for number in range(3)]
    for table in made:
        is_judged(stack, table, "NON_COMPLIANT") if not tables.recovers(table) else None

    def two_are_fixed():
        assert [tables.recovers(table) for table in made].count(True) == 2

    eventually(two_are_fixed)
    (left,) = [table for table in made if not tables.recovers(table)]
    decision = told(left)
    assert last(decision) == ("blast-radius", "defer"), decision["reason"]
    assert not tables.runs(left)
    under(policy())
    assert told(left)["outcome"] == "start"
    fixed(tables, left)


def taken_in_this_hour(account, stack, what):
    """Starts that are counted already, in a clock hour that goes on for longer than the test."""
    left = 3600 - time.time() % 3600
    if left < AN_HOURS_TURN:
        time.sleep(left + 1)
    key = f"usage#starts#{what}#{int(time.time() // 3600)}"
    answer = account.client("dynamodb").get_item(TableName=stack.ledger_table, Key={"pk": {"S": key}}, ConsistentRead=True)
    return int(answer["Item"]["taken"]["N"]) if "Item" in answer else 0


def test_the_organizational_unit_decides_for_the_accounts_in_it(account, stack, tables, under, told):
    def without(unit):
        units = f"organization:\n  ou: {{Workloads/Prod: ['{account.id}'], Sandbox: []}}\n"
        return policy(f"{units}scope:\n  exclude:\n    - {{ou: {unit}}}\n")

    under(without("Workloads"))
    table = tables.make("in-a-unit")
    is_judged(stack, table, "NON_COMPLIANT")
    assert last(told(table)) == ("scope", "skip")
    assert not tables.runs(table)
    under(without("Sandbox"))
    assert told(table)["outcome"] == "start"
    fixed(tables, table)


def test_a_waiver_that_has_ended_stops_nothing(stack, tables, under, told):
    def waived(table, expires):
        return policy(
            f"waivers:\n  - match: {{resource: {table}}}\n    owner: data\n    reason: rebuilt nightly\n    expires: {expires:%Y-%m-%dT%H:%M:%SZ}\n"
        )

    name, now = tables.name("waived-for-a-while"), datetime.now(timezone.utc)
    ends = now + timedelta(seconds=POLICY_IS_KEPT + 20)
    under(waived(name, ends))
    table = tables.make("waived-for-a-while")
    is_judged(stack, table, "NON_COMPLIANT")
    assert last(told(table)) == ("waiver", "skip")
    time.sleep(max(0, (ends - datetime.now(timezone.utc)).total_seconds()) + 1)
    assert told(table)["outcome"] == "start"
    fixed(tables, table)
    assert stack.sweep()["waivers_ended"] == 1
    assert stack.sweep()["waivers_ended"] == 0, "it is said once"


@pytest.fixture
def hard_of_hearing(account, stack):
    """What AWS Config says reaches nobody by itself. Nothing may be under way that would wait for it."""
    client = account.client("events")
    rules = [rule for rule in stack.of_type("AWS::Events::Rule") if rule.endswith(("-config-compliant", "-config-noncompliant"))]
    assert len(rules) == 2

    def switch(on):
        for rule in rules:
            (client.enable_rule if on else client.disable_rule)(Name=rule)

    yield switch
    switch(True)


def test_a_fix_that_the_detector_denies_is_undone_where_the_policy_says_so(
    account, stack, tables, under, told, hard_of_hearing
):
    table = tables.name("denied")
    alone = policy(f"rollback: {{on_failed_verification: true}}\nrules:\n  - {{match: {{resource: {table}}}, mode: auto}}\n")
    under(alone.replace("mode: auto\n", "mode: notify\n", 1))
    eventually(stack.assert_at_rest)
    hard_of_hearing(False)
    tables.make("denied")
    is_judged(stack, table, "NON_COMPLIANT")
    assert told(table)["outcome"] == "start"
    stands(tables, table, "verifying")
    time.sleep(2)
    break_again(account, table)
    is_judged(stack, table, "NON_COMPLIANT")
    stack.send(stack.status_queue, events.due(account, CONTROL, KIND, table))
    record = stands(tables, table, "rolled-back")
    hard_of_hearing(True)
    assert "was there already" in record["reason"] and not tables.recovers(table)
    assert stack.execution(record["execution_id"])["DocumentName"].endswith(f"-{CONTROL}-rollback")
    assert last(told(table))[1] == "skip", "hands off, until someone clears it"


def test_flapping_stops_a_fight_that_two_fixes_have_not_ended(account, stack, tables, under, told):
    under(policy(flapping="{fixes: 2, hours: 1}"))
    table = tables.make("flapping")
    for fixes in (1, 2):
        fixed(tables, table)
        assert tables.record(table)["generation"] == fixes
        is_judged(stack, table, "COMPLIANT")
        break_again(account, table)
        is_judged(stack, table, "NON_COMPLIANT")
        if fixes == 1:
            eventually(lambda: generation(tables, table, 2))
    record = stands(tables, table, "escalated")
    assert "fixed" in record["reason"]
    assert not tables.recovers(table) and len(tables.runs(table)) == 2


def generation(tables, table, expected):
    assert tables.record(table)["generation"] == expected


def test_attempts_and_the_breaker_stop_a_runbook_that_keeps_failing(account, stack, tables, under, faults):
    """On keys: few of their runbooks have run in this hour, so that a few failures are a large share."""
    control, kind = "key-without-rotation", "AWS::KMS::Key"
    kms = account.client("kms")
    under(policy(attempts=1, breaker="{failed_percent: 40, minimum: 4, pause_seconds: 30}"))
    faults.set(fault(error("AccessDeniedException"), "kms:*", by="execution/*", times=None))
    failing = [kms.create_key(Description="fails")["KeyMetadata"]["KeyId"] for _ in range(4)]

    def escalated():
        states = [(stack.record(control, kind, key) or {}).get("state") for key in failing]
        assert states.count("escalated") >= 3, states

    eventually(escalated)
    faults.clear()
    event = events.compliance_change(account, stack.config_rule(control), kind, failing[0], "NON_COMPLIANT")
    (decision,) = stack.invoke(stack.remediate, event)["decisions"]
    if stack.record(control, kind, failing[0])["state"] == "escalated":
        assert last(decision) == ("attempts", "skip"), "a person has to look first"
    key = kms.create_key(Description="held by the breaker")["KeyMetadata"]["KeyId"]
    event = events.compliance_change(account, stack.config_rule(control), kind, key, "NON_COMPLIANT")
    (decision,) = stack.invoke(stack.remediate, event)["decisions"]
    assert last(decision) == ("breaker", "defer"), decision["reason"]
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is False

    def passes():
        stack.invoke(stack.remediate, event)
        record = stack.record(control, kind, key)
        assert record["state"] == "fixed", (record["state"], record["reason"])

    eventually(passes, 90)
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is True
