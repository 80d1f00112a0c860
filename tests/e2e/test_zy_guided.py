"""`sam deploy --guided`, typed in at a terminal as docs/deploy.md says: what comes of it, and what is left when the stack is deleted.

The deletion is CloudFormation's. `sam delete` looks for what it uploaded by the nested stacks' URLs, and takes those of an endpoint of
one's own for no URLs of S3's, so against local AWS it ends with an error before it deletes anything.
"""

import os
import re
import sys
from pathlib import Path

import pexpect
import pytest

from waiting import eventually

ROOT = Path(__file__).parents[2]
NAME = "guided"
# What docs/deploy.md has people answer; Enter for all others.
ANSWERS = {"Stack Name": NAME, "Parameter Prefix": NAME, "Parameter DeployConfigRules": "false"}
# A terminal's own codes: colours, and where the cursor goes.
CODES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


@pytest.fixture(scope="module")
def sam():
    path = os.environ.get("PLUMB_SAM")
    if not path:
        pytest.skip("`PLUMB_SAM` does not name the SAM CLI")
    return path


def typed(sam, *arguments):
    environment = {**os.environ, "SAM_CLI_TELEMETRY": "0", "__SAM_CLI_APP_DIR": str(ROOT / ".plumb/sam"), "NO_COLOR": "1"}
    return pexpect.spawn(sam, list(arguments), cwd=ROOT, env=environment, encoding="utf-8", timeout=240, dimensions=(50, 200))


def answer_everything(terminal, answers):
    """Answers each question until the SAM CLI has none any more; the questions, without what they offer."""
    asked = []
    while True:
        found = terminal.expect([r"\n(?P<question>[^\n]+) \[[^\n\[\]]*\]: $", pexpect.EOF], timeout=120)
        if found == 1:
            return asked
        question = CODES.sub("", terminal.match["question"]).strip("# \t\r")
        asked.append(question)
        terminal.sendline(answers.get(question, ""))


def left(account):
    """Everything that has the stack's prefix in its name."""
    found = set()
    for page in account.client("lambda").get_paginator("list_functions").paginate():
        found |= {function["FunctionName"] for function in page["Functions"]}
    for page in account.client("ssm").get_paginator("list_documents").paginate():
        found |= {document["Name"] for document in page["DocumentIdentifiers"]}
    found |= {url.rsplit("/", 1)[1] for url in account.client("sqs").list_queues().get("QueueUrls", [])}
    found |= {rule["Name"] for rule in account.client("events").list_rules()["Rules"]}
    for page in account.client("cloudformation").get_paginator("list_stacks").paginate():
        found |= {stack["StackName"] for stack in page["StackSummaries"] if stack["StackStatus"] != "DELETE_COMPLETE"}
    return sorted(name for name in found if name.startswith(f"{NAME}-") or name == NAME)


@pytest.fixture(scope="module")
def deployed(account, sam):
    assert left(account) == []
    terminal = typed(sam, "deploy", "--guided", "--region", account.region)
    terminal.logfile_read = sys.stdout
    # Two questions have no or another default than docs/deploy.md's answer.
    answers = {**ANSWERS, "Save arguments to configuration file": "n", "Deploy this changeset?": "y"}
    asked = answer_everything(terminal, answers)
    terminal.close()
    assert terminal.exitstatus == 0, asked
    return asked


def test_the_guide_asks_what_the_page_says_and_deploys(account, deployed):
    page = (ROOT / "docs/deploy.md").read_text()
    for question in deployed:
        word = question.removeprefix("Parameter ").rstrip("?")
        assert word in page, f"docs/deploy.md does not say what to answer to `{question}`"
    described = account.client("cloudformation").describe_stacks(StackName=NAME)["Stacks"][0]
    assert described["StackStatus"] == "CREATE_COMPLETE"
    names = left(account)
    assert len([name for name in names if name.startswith(f"{NAME}-bucket-")]) >= 4, "its runbooks"


def test_deleting_leaves_nothing_but_the_two_tables_that_are_kept_on_purpose(account, deployed):
    stack = account.client("cloudformation").describe_stacks(StackName=NAME)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    account.client("cloudformation").delete_stack(StackName=NAME)

    def gone():
        assert left(account) == []

    eventually(gone, 120)
    for table in ("LedgerTable", "HistoryTable"):
        kept = account.client("dynamodb").describe_table(TableName=outputs[table])["Table"]
        assert kept["TableStatus"] == "ACTIVE", "docs/deploy.md says how it is deleted"
        account.client("dynamodb").delete_table(TableName=outputs[table])
