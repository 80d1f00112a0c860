"""Systems Manager full to its documented quotas, not by a fault: 100 automations under way and 5,000 waiting. The last test: its
executions make every list of them long."""

import time
from concurrent.futures import ThreadPoolExecutor

from faults import Faults
from logs import Logs
from stack import POLICY_IS_KEPT
from tables import Tables
from waiting import eventually

# https://docs.aws.amazon.com/general/latest/gr/ssm.html
RUNNING, QUEUED = 100, 5000
# Longer than a claim's lease (60 s): the message that comes back takes the claim up.
COMES_BACK = 63
HOLDS = """\
schemaVersion: '0.3'
mainSteps:
  - {name: Hold, action: 'aws:pause', inputs: {}}
"""
PASSES = """\
schemaVersion: '0.3'
mainSteps:
  - {name: Pass, action: 'aws:sleep', inputs: {Duration: PT0S}}
"""


def test_when_systems_manager_is_full_nothing_is_lost_and_it_goes_on_when_there_is_room(account, stack):
    ssm, sqs, tables = account.client("ssm"), account.client("sqs"), Tables(account, stack)
    eventually(stack.assert_at_rest)
    before = stack.policy()
    stack.set_policy("mode: auto\nlimits: {cooldown_seconds: 0, settle_seconds: 20, running: 100, per_hour: {control: 100000, account: 100000, all: 100000}}\n")
    for name, text in (("e2e-hold", HOLDS), ("e2e-pass", PASSES)):
        ssm.create_document(Name=name, DocumentType="Automation", DocumentFormat="YAML", Content=text)
    time.sleep(POLICY_IS_KEPT)
    sqs.set_queue_attributes(QueueUrl=stack.findings, Attributes={"VisibilityTimeout": str(COMES_BACK)})
    with ThreadPoolExecutor(4) as pool:
        start = lambda document: ssm.start_automation_execution(DocumentName=document)["AutomationExecutionId"]

        def until_full(document):
            try:
                return start(document)
            except ssm.exceptions.AutomationExecutionLimitExceededException:
                return None

        holding = list(pool.map(start, ["e2e-hold"] * RUNNING))
        # One of these more than there are: whatever else was under way when it began, at the end it is full.
        waiting = list(pool.map(until_full, ["e2e-pass"] * (QUEUED + 1)))
        assert waiting.count(None) >= 1 and len(waiting) - waiting.count(None) >= QUEUED - 50, "full, and by these"
        logs = Logs(account, stack)

        def refusals():
            word = "ssm:StartAutomationExecution failed (AutomationExecutionLimitExceededException)"
            return len([line for line in logs.lines("remediate") if word in line and "message not finished" in line])

        refused_before = refusals()
        table = tables.make("when-full")

        def refused():
            assert refusals() > refused_before

        try:
            eventually(refused)
            record = tables.record(table)
            assert record and record["state"] == "planned" and not tables.recovers(table), "claimed, and nothing done"
        finally:
            list(pool.map(lambda one: ssm.stop_automation_execution(AutomationExecutionId=one), holding))
    eventually(lambda: tables.assert_fixed(table), 240)
    assert tables.recovers(table) and tables.record(table)["generation"] == 1
    assert len(tables.changes(Faults(account), table)) == 1
    sqs.set_queue_attributes(QueueUrl=stack.findings, Attributes={"VisibilityTimeout": "180"})
    eventually(stack.assert_at_rest, 200)
    stack.set_policy(before)
