"""A game day, as an operator has it: `plumb gameday` breaks what infra/fis.yaml's document breaks, and measures.

Local AWS has no AWS FIS, and its AWS Config sees nothing that a stack made. So the victims are made beside the stack, and the
stack has the document, the role and the outputs alone.
"""

import json
import os
import subprocess
import time
import uuid
from pathlib import Path

import pytest

from stack import POLICY_IS_KEPT
from test_templates import read
from waiting import eventually

ROOT = Path(__file__).parents[2]
AUTO = "mode: auto\nlimits: {cooldown_seconds: 0, settle_seconds: 5}\n"


@pytest.fixture(scope="module")
def game(account):
    token = uuid.uuid4().hex[:6]
    s3, dynamodb, ec2 = account.client("s3"), account.client("dynamodb"), account.client("ec2")
    bucket, table = f"gameday-{token}", f"gameday-{token}"
    s3.create_bucket(Bucket=bucket)
    closed = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=closed)
    dynamodb.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.update_continuous_backups(
        TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    vpc = ec2.create_vpc(CidrBlock="10.99.0.0/16")["Vpc"]["VpcId"]
    group = ec2.create_security_group(GroupName=f"gameday-{token}", Description="nothing is in it", VpcId=vpc)["GroupId"]

    written = read(ROOT / "infra/fis.yaml")
    role = dict(written["Resources"]["BreakRole"]["Properties"], Policies=[])
    role.pop("PermissionsBoundary")
    outputs = {"VictimBucket": bucket, "VictimTable": table, "VictimGroup": group}
    template = {
        "Parameters": {"Prefix": {"Type": "String", "Default": "plumb"}},
        "Resources": {
            "BreakDocument": written["Resources"]["BreakDocument"],
            "BreakRole": {"Type": "AWS::IAM::Role", "Properties": role},
        },
        "Outputs": {
            **{name: written["Outputs"][name] for name in ("BreakDocument", "BreakRoleArn")},
            **{name: {"Value": value} for name, value in outputs.items()},
        },
    }
    name, cloudformation = f"gameday-{token}", account.client("cloudformation")
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"])

    def made():
        assert cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"

    eventually(made)
    yield {"stack": name, **outputs}
    cloudformation.delete_stack(StackName=name)


@pytest.fixture(scope="module", autouse=True)
def policy_before(stack):
    before = stack.policy()
    yield
    stack.set_policy(before)
    time.sleep(POLICY_IS_KEPT)


def is_whole(account, game):
    block = account.client("s3").get_public_access_block(Bucket=game["VictimBucket"])["PublicAccessBlockConfiguration"]
    backups = account.client("dynamodb").describe_continuous_backups(TableName=game["VictimTable"])
    recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
    (group,) = account.client("ec2").describe_security_groups(GroupIds=[game["VictimGroup"]])["SecurityGroups"]
    return all(block.values()) and recovery == "ENABLED" and not group["IpPermissions"]


def gameday(account, stack, game):
    environment = {**os.environ, "AWS_REGION": account.region}
    arguments = ["gameday", "--stack", stack.name, "--game", game["stack"], "--without-fis", "--patience", "120", "--json"]
    return subprocess.run([os.environ["PLUMB_CLI"], *arguments], env=environment, capture_output=True, text=True, timeout=180)


def test_nothing_is_broken_that_would_not_be_mended(account, stack, game):
    stack.set_policy(AUTO.replace("auto", "notify"))
    time.sleep(POLICY_IS_KEPT)
    done = gameday(account, stack, game)
    assert done.returncode == 1
    assert "nothing was broken" in done.stderr and "plumb:gameday" in done.stderr
    assert is_whole(account, game)


def test_a_game_day_measures_detection_and_recovery(account, stack, game):
    stack.set_policy(AUTO)
    time.sleep(POLICY_IS_KEPT)
    done = gameday(account, stack, game)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert sorted(victim["control"] for victim in report["victims"]) == [
        "bucket-public-access",
        "security-group-open-admin-ports",
        "table-without-recovery",
    ]
    for victim in report["victims"]:
        assert victim["state"] == "fixed"
        assert 0 <= victim["detected_after"] <= victim["fixed_after"] <= 120, victim
    assert is_whole(account, game)
    broken = account.client("ssm").get_automation_execution(AutomationExecutionId=report["experiment"])
    steps = broken["AutomationExecution"]["StepExecutions"]
    assert [step["StepStatus"] for step in steps] == ["Success"] * 3, "it was really broken"
