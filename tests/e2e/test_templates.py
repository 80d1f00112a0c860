"""The templates as they are written: within AWS's limits, in any partition and Region, and no role wider than it says."""

import json
import re
from functools import cache
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
TEMPLATES = [ROOT / "template.yaml", *sorted((ROOT / "infra").glob("**/*.yaml"))]
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
RESOURCES, PARAMETERS, OUTPUTS, BODY = 500, 200, 200, 1_000_000
# https://docs.aws.amazon.com/general/latest/gr/ssm.html
DOCUMENT = 64 * 1024
# Inline policies of a role in all, white space not counted: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
ROLE_POLICIES = 10_240


class Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short functions, read as their long forms."""


def function(loader, suffix, node):
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        return {name: value.split(".", 1) if suffix == "GetAtt" else value}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: loader.construct_mapping(node, deep=True)}


Loader.add_multi_constructor("!", function)


@cache
def read(path):
    return yaml.load(path.read_text(), Loader)


def resources(kind):
    """Every resource of a type in all templates, with where it is."""
    for path in TEMPLATES:
        for name, resource in (read(path).get("Resources") or {}).items():
            if resource["Type"] == kind:
                yield f"{path.relative_to(ROOT)}: {name}", resource["Properties"]


def statements(properties):
    for policy in properties.get("Policies", []):
        for statement in as_list(policy["PolicyDocument"]["Statement"]):
            # What a condition adds is looked at as if it were there.
            yield statement["Fn::If"][1] if "Fn::If" in statement else statement


def as_list(value):
    return value if isinstance(value, list) else [value]


def compact(value):
    return json.dumps(value, separators=(",", ":"), default=str)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_template_is_within_the_limits_of_cloudformation(path):
    template = read(path)
    assert len(template["Resources"]) <= RESOURCES
    assert len(template.get("Parameters") or {}) <= PARAMETERS
    assert len(template.get("Outputs") or {}) <= OUTPUTS
    assert path.stat().st_size <= BODY, "51,200 bytes are the limit without S3; `sam deploy` and `sam package` upload"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_template_names_a_partition(path):
    code = "\n".join(line.split(" #", 1)[0] for line in path.read_text().splitlines() if not line.lstrip().startswith("#"))
    assert not re.findall(r"arn:aws[a-z-]*:", code), "write arn:${AWS::Partition}:"


def test_each_document_is_within_the_limit_of_systems_manager():
    documents = list(resources("AWS::SSM::Document"))
    assert len(documents) > 60
    for where, properties in documents:
        content = properties["Content"]
        text = content if isinstance(content, str) else compact(content)
        assert len(text.encode()) <= DOCUMENT, where


def test_each_role_is_within_the_limit_of_iam():
    for where, properties in resources("AWS::IAM::Role"):
        policies = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        assert sum(len(compact(policy)) for policy in policies) <= ROLE_POLICIES, where


def test_each_role_trusts_services_or_named_roles_and_nobody_else():
    roles = list(resources("AWS::IAM::Role"))
    assert len(roles) > 35
    for where, properties in roles:
        for statement in as_list(properties["AssumeRolePolicyDocument"]["Statement"]):
            assert statement["Effect"] == "Allow" and isinstance(statement["Principal"], dict), where
            for kind, principals in statement["Principal"].items():
                for principal in as_list(principals):
                    text = compact(principal)
                    assert "*" not in text and ":root" not in text, f"{where} trusts {text}"
                    assert kind == "Service" or kind == "AWS", f"{where} trusts a {kind}"
                    if kind == "AWS" and ":role" not in text:
                        # An account, which has to say the word, and to be narrowed to roles by name unless the role only reads tags.
                        condition = statement["Condition"]
                        assert condition["StringEquals"]["sts:ExternalId"], where
                        if not only_reads_tags(properties):
                            assert ":role" in compact(condition["ArnEquals"]["aws:PrincipalArn"]), where


def only_reads_tags(role):
    statements = [one for policy in role["Policies"] for one in as_list(policy["PolicyDocument"]["Statement"])]
    actions = {action for statement in statements for action in as_list(statement["Action"])}
    return actions <= {"tag:GetResources", "config:BatchGetResourceConfig"} and not role.get("ManagedPolicyArns")


def test_a_runbooks_role_is_for_systems_manager_of_this_account_alone():
    runbooks = [(where, role) for where, role in resources("AWS::IAM::Role") if "plumb:control" in compact(role.get("Tags"))]
    assert len({where.split(":")[0] for where, _ in runbooks}) == 2, "at home and in a member"
    assert len(runbooks) > 50
    for where, properties in runbooks:
        (statement,) = as_list(properties["AssumeRolePolicyDocument"]["Statement"])
        assert statement["Principal"] == {"Service": "ssm.amazonaws.com"}, where
        condition = statement["Condition"]
        assert condition["StringEquals"]["aws:SourceAccount"] == {"Ref": "AWS::AccountId"}, where
        assert "automation-execution/*" in compact(condition["ArnLike"]["aws:SourceArn"]), where


def test_the_queues_take_messages_from_the_stacks_own_rules_only():
    policies = list(resources("AWS::SQS::QueuePolicy"))
    lets_in = [
        (where, statement)
        for where, properties in policies
        for statement in as_list(properties["PolicyDocument"]["Statement"])
        if statement["Effect"] == "Allow"
    ]
    assert lets_in
    for where, statement in lets_in:
        assert statement["Principal"] == {"Service": "events.amazonaws.com"} and statement["Action"] == "sqs:SendMessage", where
        assert statement["Condition"]["StringEquals"]["aws:SourceAccount"] == {"Ref": "AWS::AccountId"}, where
        assert ":rule/${Prefix}-*" in compact(statement["Condition"]["ArnLike"]["aws:SourceArn"]), where


def test_each_role_takes_the_boundary_and_the_path_that_the_owner_gives():
    for path in TEMPLATES:
        if "PermissionsBoundary" not in (read(path).get("Parameters") or {}):
            continue
        for name, resource in read(path)["Resources"].items():
            if resource["Type"] == "AWS::IAM::Role":
                assert "PermissionsBoundary" in compact(resource["Properties"].get("PermissionsBoundary")), name
                if "RolePath" in read(path)["Parameters"]:
                    assert resource["Properties"].get("Path") == {"Ref": "RolePath"}, name


def test_a_role_with_a_name_has_its_region_in_it():
    """IAM is one for all Regions of an account: a stack in a second Region must not clash with the first."""
    for where, properties in resources("AWS::IAM::Role"):
        if "RoleName" in properties:
            assert "${AWS::Region}" in compact(properties["RoleName"]), where


def test_a_role_is_passed_to_one_service_and_only_if_it_is_named():
    passed = 0
    for where, properties in resources("AWS::IAM::Role"):
        for statement in statements(properties):
            if "iam:PassRole" in as_list(statement["Action"]):
                passed += 1
                assert "*" not in [text for text in as_list(statement["Resource"]) if isinstance(text, str)], where
                assert "iam:PassedToService" in compact(statement.get("Condition")), where
    assert passed


def test_a_function_that_sends_to_the_queue_it_reads_says_that_this_is_meant():
    """Lambda stops what looks like an endless loop after sixteen turns, unless the function allows it."""
    template = read(ROOT / "template.yaml")["Resources"]
    meant = []
    for name, function in template.items():
        if function["Type"] != "AWS::Serverless::Function":
            continue
        properties = function["Properties"]
        reads = [event["Properties"]["Queue"] for event in properties.get("Events", {}).values() if event["Type"] == "SQS"]
        role = template[properties["Role"]["Fn::GetAtt"][0]]["Properties"]
        sends = [
            queue
            for statement in statements(role)
            if "sqs:SendMessage" in as_list(statement["Action"])
            for queue in as_list(statement["Resource"])
        ]
        if any(queue in sends for queue in reads):
            meant.append(name)
            assert properties.get("RecursiveLoop") == "Allow", name
        else:
            assert "RecursiveLoop" not in properties, name
    assert meant


def test_each_alarm_names_its_section_of_the_handbook():
    handbook = (ROOT / "docs/operating.md").read_text().splitlines()
    sections = {line.lstrip("# ").lower().replace(" ", "-") for line in handbook if line.startswith("#")}
    named = []
    for path in (ROOT / "template.yaml", ROOT / "infra/operations.yaml"):
        for name, resource in read(path)["Resources"].items():
            if resource["Type"] == "AWS::CloudWatch::Alarm":
                text = resource["Properties"]["AlarmDescription"]["Fn::Sub"]
                assert "; ${HandbookUrl}#" in text, name
                named.append(text.rsplit("#", 1)[1])
                assert named[-1] in sections, f"{name}: docs/operating.md has no section {named[-1]}"
    assert len(named) > 15


def test_the_dashboard_is_one_that_cloudwatch_can_read():
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html"""
    dashboard = read(ROOT / "infra/operations.yaml")["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    widgets = json.loads(dashboard)["widgets"]
    assert len(widgets) >= 9
    for widget in widgets:
        assert widget["x"] + widget["width"] <= 24
        for metric in widget["properties"]["metrics"]:
            assert len(metric) > 1
