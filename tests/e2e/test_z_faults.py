"""AWS on a bad day. For each fault: nothing is lost, nothing is done twice, and the operator can see it.

Local AWS strikes one call of one function about one table (`crates/local/README.md`, Faults), on either side of the call's
effect. All tables are made at once and every fault strikes its own, so that the waiting is done once. A message that was not
finished comes back after a little more than a claim's lease, as it does on AWS.
"""

import json
import time
from datetime import datetime, timedelta, timezone

import pytest

import events
from faults import CUT_SHORT, Faults, error, fault, killed, late
from logs import Logs
from stack import POLICY_IS_KEPT
from tables import CONTROL, KIND, Tables
from waiting import eventually

# Longer than a claim's lease (60 s), so that the message that comes back takes the claim up; 180 s in the template.
COMES_BACK = 63
PATIENCE = 200

START, LEDGER = "ssm:StartAutomationExecution", "dynamodb:*"
POLICY = ("ssm:GetParameter", "appconfig*")
# What the SDK tries in one call.
TRIES = 3

AUTO = """\
mode: auto
limits:
  cooldown_seconds: 0
  settle_seconds: 20
  running: 100
  per_hour: {control: 10000, account: 10000, all: 10000}
"""

# By name: what strikes, and the word for it in `remediate`'s log; none where the SDK's next try heals it, or where nobody is
# left to write.
REMEDIATE = {
    "throttled-once": (fault(error("ThrottlingException"), START, times=1), None),
    "throttled-for-a-whole-invocation": (
        fault(error("ThrottlingException"), START, times=TRIES),
        "ssm:StartAutomationExecution failed (ThrottlingException)",
    ),
    "throttled-ledger": (
        fault(error("ProvisionedThroughputExceededException"), LEDGER, times=TRIES),
        "(ProvisionedThroughputExceededException)",
    ),
    "server-error-at-the-start": (
        fault(error("InternalServerError", 500), START, times=TRIES),
        "ssm:StartAutomationExecution failed (InternalServerError)",
    ),
    "server-error-at-the-ledger": (
        fault(error("ServiceUnavailable", 503), LEDGER, times=TRIES),
        "(ServiceUnavailable)",
    ),
    "transaction-conflict": (
        fault(
            error("TransactionCanceledException", CancellationReasons=[{"Code": "TransactionConflict"}] * 6),
            "dynamodb:TransactWriteItems",
            times=1,
        ),
        None,
    ),
    "timed-out-before-the-start": (fault(late("before", 5.5), START), None),
    "timed-out-after-the-start": (fault(late("after", 5.5), START), None),
    "timed-out-after-the-claim": (fault(late("after", 5.5), LEDGER), None),
    "answer-lost-after-the-claim": (fault(CUT_SHORT, LEDGER), None),
    "answer-lost-after-the-start": (fault(CUT_SHORT, START), None),
    "credentials-expired": (
        fault(error("ExpiredTokenException"), "*", times=TRIES),
        "(ExpiredTokenException)",
    ),
    "systems-manager-is-full": (
        fault(error("AutomationExecutionLimitExceededException"), START, times=TRIES),
        "ssm:StartAutomationExecution failed (AutomationExecutionLimitExceededException)",
    ),
    "killed-before-the-claim": (fault(killed("before"), LEDGER), None),
    "killed-after-the-claim": (fault(killed("after"), LEDGER), None),
    "killed-before-the-start": (fault(killed("before"), START), None),
    "killed-after-the-start": (fault(killed("after"), START), None),
    "killed-before-it-is-called-running": (fault(killed("before"), LEDGER, skip=1), None),
    "killed-after-it-is-called-running": (fault(killed("after"), LEDGER, skip=1), None),
}

# `track` is told of an execution, not of a table: each of these strikes whichever comes first.
TRACK = {
    "track-killed-before-it-finds-the-record": fault(killed("before"), "dynamodb:Query"),
    "track-killed-after-it-found-the-record": fault(killed("after"), "dynamodb:Query"),
    "track-killed-after-it-read-the-execution": fault(killed("after"), "ssm:GetAutomationExecution"),
    "track-killed-before-it-writes": fault(killed("before"), "dynamodb:*Write*"),
    "track-killed-after-it-wrote": fault(killed("after"), "dynamodb:*Write*"),
    "track-killed-before-it-asks-the-detector": fault(killed("before"), "config:StartConfigRulesEvaluation"),
    "track-throttled-by-the-detector": fault(
        error("LimitExceededException"), "config:StartConfigRulesEvaluation", times=TRIES
    ),
}


@pytest.fixture(scope="module")
def faults(account):
    faults = Faults(account)
    yield faults
    faults.clear()


@pytest.fixture(scope="module")
def tables(account, stack):
    return Tables(account, stack)


@pytest.fixture(scope="module")
def logs(account, stack):
    return Logs(account, stack)


@pytest.fixture(scope="module", autouse=True)
def one_message_at_a_time(account, stack):
    """A message that kills its function must not take nine others with it, and comes back soon."""
    sqs, functions, before = account.client("sqs"), account.client("lambda"), stack.policy()
    waits = "VisibilityTimeout"
    mappings = functions.list_event_source_mappings()["EventSourceMappings"]
    batches = {mapping["UUID"]: mapping["BatchSize"] for mapping in mappings if ":sqs:" in mapping["EventSourceArn"]}
    patience = {}
    for queue in (stack.findings, stack.status_queue):
        answer = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=[waits])
        patience[queue] = answer["Attributes"][waits]
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={waits: str(COMES_BACK)})
    for mapping in batches:
        functions.update_event_source_mapping(UUID=mapping, BatchSize=1)
    eventually(stack.assert_at_rest)
    stack.set_policy(AUTO)
    time.sleep(POLICY_IS_KEPT)
    yield
    stack.set_policy(before)
    for mapping, size in batches.items():
        functions.update_event_source_mapping(UUID=mapping, BatchSize=size)
    for queue, seconds in patience.items():
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={waits: seconds})


@pytest.fixture(scope="module")
def wave(account, stack, faults, tables):
    """Every fault at once, each about a table of its own."""
    wanted = {name: strike | {"about": tables.name(name)} for name, (strike, _) in REMEDIATE.items()}
    wanted = {name: strike | {"by": f"function/{stack.remediate}"} for name, strike in wanted.items()}
    wanted |= {name: strike | {"by": f"function/{stack.track}"} for name, strike in TRACK.items()}
    faults.set(*wanted.values())
    made = {name: tables.make(name) for name in [*REMEDIATE, *TRACK]}

    def ended():
        look_again(account, stack, made.values(), tables)
        states = {name: (tables.record(table) or {}).get("state") for name, table in made.items()}
        assert set(states.values()) == {"fixed"}, {name: s for name, s in states.items() if s != "fixed"}

    try:
        eventually(ended, PATIENCE)
        late = ""
    except AssertionError as complaint:
        late = str(complaint)
    struck = dict(zip(wanted, faults.struck()))
    faults.clear()
    return {"made": made, "struck": struck, "wanted": wanted, "late": late}


def look_again(account, stack, names, tables):
    """What the sweep does on its schedule: records whose time has come are looked at again."""
    now = events.now()
    for name in names:
        record = tables.record(name)
        if record and record.get("due_at") and record["due_at"] < now:
            queue = stack.status_queue if record["state"] in ("running", "verifying") else stack.findings
            stack.send(queue, events.due(account, CONTROL, KIND, name))


@pytest.mark.parametrize("name", [*REMEDIATE, *TRACK])
def test_whatever_goes_wrong_it_is_fixed_and_fixed_once(faults, tables, wave, name):
    assert wave["struck"][name] == wave["wanted"][name]["times"], "the fault did strike"
    tables.assert_fixed_once(faults, wave["made"][name])


def test_no_message_of_the_bad_day_is_lost_or_left_over(stack, wave):
    eventually(stack.assert_at_rest, PATIENCE)


@pytest.mark.parametrize("name", [name for name, (_, word) in REMEDIATE.items() if word])
def test_the_operator_reads_what_went_wrong_in_the_log(logs, wave, name):
    word = REMEDIATE[name][1]
    assert wave["struck"][name]
    lines = [line for line in logs.lines("remediate") if "message not finished" in line and word in line]
    assert lines, f"nothing says `{word}`"


def test_a_policy_that_can_t_be_read_changes_nothing_until_it_can(account, stack, faults, tables, logs, brisk):
    strikes = [
        fault(error("AccessDeniedException"), call, by=f"function/{stack.remediate}", times=None) for call in POLICY
    ]
    faults.set(*strikes)
    time.sleep(POLICY_IS_KEPT)
    table = tables.make("no-policy")

    def refused():
        assert sum(faults.struck()) >= 2

    eventually(refused)
    assert tables.record(table) is None, "nothing is decided without a policy"
    assert not tables.runs(table) and not tables.recovers(table)
    assert [line for line in logs.lines("remediate") if "AccessDeniedException" in line]
    faults.clear()
    eventually(lambda: tables.assert_fixed(table))
    tables.assert_fixed_once(faults, table)


def test_a_policy_that_is_no_policy_changes_nothing_until_it_is_one(stack, faults, tables, logs, brisk):
    stack.set_policy("mode: automatic\n")
    time.sleep(POLICY_IS_KEPT)
    table = tables.make("broken-policy")

    def said():
        assert [line for line in logs.lines("remediate") if "unusable policy" in line]

    eventually(said)
    assert not tables.runs(table) and not tables.recovers(table)
    stack.set_policy(AUTO)
    time.sleep(POLICY_IS_KEPT)
    eventually(lambda: tables.assert_fixed(table))
    tables.assert_fixed_once(faults, table)


def test_tags_that_can_t_be_read_change_nothing_until_they_can(stack, faults, tables, logs, brisk):
    table = tables.name("no-tags")
    faults.set(fault(error("AccessDeniedException"), "*:GetResources", about=table, by=f"function/{stack.remediate}", times=None))
    tables.make("no-tags")
    unreadable(faults, tables, logs, table, "tag:GetResources failed (AccessDeniedException)")
    faults.clear()
    eventually(lambda: tables.assert_fixed(table))
    tables.assert_fixed_once(faults, table)


def test_a_change_calendar_that_can_t_be_read_changes_nothing_until_it_can(account, stack, faults, tables, logs, brisk):
    account.client("ssm").create_document(
        Name="e2e-unreadable",
        DocumentType="ChangeCalendar",
        DocumentFormat="TEXT",
        Content="BEGIN:VCALENDAR\r\nPRODID:-//AWS//Change Calendar 1.0//EN\r\nVERSION:2.0\r\nX-CALENDAR-TYPE:DEFAULT_OPEN\r\nEND:VCALENDAR\r\n",
    )
    table = tables.name("no-calendar")
    stack.set_policy(f"{AUTO}calendars:\n  - {{match: {{resource: {table}}}, calendar: e2e-unreadable}}\n")
    time.sleep(POLICY_IS_KEPT)
    faults.set(fault(error("ThrottlingException"), "ssm:GetCalendarState", by=f"function/{stack.remediate}", times=None))
    tables.make("no-calendar")
    unreadable(faults, tables, logs, table, "ssm:GetCalendarState failed (ThrottlingException)")
    faults.clear()
    eventually(lambda: tables.assert_fixed(table))
    tables.assert_fixed_once(faults, table)
    stack.set_policy(AUTO)


def unreadable(faults, tables, logs, table, word):
    """It was tried, said in the log, and nothing was decided or done."""

    def refused():
        assert sum(faults.struck()) >= 2

    eventually(refused)
    eventually(lambda: said(logs, word))
    assert tables.record(table) is None, "nothing is decided without what has to be known"
    assert not tables.runs(table) and not tables.recovers(table)


def said(logs, word):
    assert [line for line in logs.lines("remediate") if word in line], f"nothing says `{word}`"


@pytest.fixture
def brisk(account, stack):
    """A message comes back after seconds, and on a slow machine more often than five times before a fault is taken away."""
    sqs, queue = account.client("sqs"), stack.findings
    names = ["VisibilityTimeout", "RedrivePolicy"]
    before = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
    patient = json.dumps({**json.loads(before["RedrivePolicy"]), "maxReceiveCount": 50})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "5", "RedrivePolicy": patient})
    yield
    before["VisibilityTimeout"] = str(COMES_BACK)
    sqs.set_queue_attributes(QueueUrl=queue, Attributes=before)


def deaf(account, stack, part):
    """The stack's event rule whose name ends so, switched off for a while."""
    (name,) = [name for name in stack.of_type("AWS::Events::Rule") if name.endswith(part)]
    return account.client("events"), name


def test_a_lost_finding_is_found_by_the_sweep(account, stack, faults, tables):
    rules, name = deaf(account, stack, "-config-noncompliant")
    rules.disable_rule(Name=name)
    try:
        table = tables.make("lost-finding")

        def judged():
            assert stack.verdict(CONTROL, KIND, table) == "NON_COMPLIANT"

        eventually(judged)
        eventually(stack.assert_at_rest)
        assert tables.record(table) is None, "nobody has told Plumb"
    finally:
        rules.enable_rule(Name=name)
    stack.sweep()
    eventually(lambda: tables.assert_fixed(table))
    tables.assert_fixed_once(faults, table)


def test_news_of_a_runbook_that_come_late_and_twice_close_it_once(account, stack, faults, tables, witness):
    """Out of order, too: the detector agrees before Systems Manager says that the runbook has ended."""
    rules, name = deaf(account, stack, "-automation-status")
    rules.disable_rule(Name=name)
    try:
        table = tables.make("late-news")

        def confirmed():
            record = tables.record(table)
            assert record and record.get("confirmed_at"), record
            return record

        record = eventually(confirmed)
        assert record["state"] == "running", "fixed is said when the runbook's own check is known, too"
    finally:
        rules.enable_rule(Name=name)
    told = eventually(lambda: heard(witness, record["execution_id"]))
    stack.send(stack.status_queue, told, told, told)
    eventually(lambda: tables.assert_fixed(table))
    eventually(stack.assert_at_rest, PATIENCE)
    tables.assert_fixed_once(faults, table)


def heard(witness, execution):
    told = witness.success(execution)
    assert told
    return told


def test_findings_that_come_twice_and_too_late_start_nothing(account, stack, faults, tables):
    table = tables.make("doubled")
    eventually(lambda: tables.assert_fixed(table))
    rule = stack.config_rule(CONTROL)
    long_ago = datetime.now(timezone.utc) - timedelta(hours=1)
    again = events.compliance_change(account, rule, KIND, table, "NON_COMPLIANT", events.stamp(long_ago))
    stack.send(stack.findings, again, again)
    eventually(stack.assert_at_rest, PATIENCE)
    tables.assert_fixed_once(faults, table)
