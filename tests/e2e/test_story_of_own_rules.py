"""What AWS has no rule for: a change to a resource becomes a configuration item, `evaluate` judges it, the verdict becomes an
event, Plumb fixes it, and the item of what was fixed is judged to comply. Seen through boto3 alone.

It runs after the story, on the same stack.
"""

import json
import time

import pytest

from cases import Neighbourhood, own_rules
from stack import POLICY_IS_KEPT
from waiting import eventually


@pytest.fixture(scope="module")
def own(account, stack):
    """The cases, made under a policy that lets Plumb fix what is theirs and nothing else."""
    deployed = stack.of_type("AWS::Config::ConfigRule")
    absent = [case.control for case in own_rules.ALL if not any(rule.endswith(f"-{case.control}") for rule in deployed)]
    if absent:
        pytest.skip(f"the stack deploys no rule for {', '.join(absent)}")
    before = stack.policy()
    neighbourhood = Neighbourhood(account)
    cases = {case.control: case(account, neighbourhood) for case in own_rules.ALL}
    rules = [{"match": {"control": control}, "mode": "auto"} for control in cases]
    # Policies are YAML, and JSON is YAML.
    stack.set_policy(json.dumps({"mode": "notify", "rules": rules}))
    time.sleep(POLICY_IS_KEPT)
    for case in cases.values():
        case.make_bystander()
        case.seen = case.bystander()
        case.make()
        assert not case.is_fixed()
        case.before = case.kept()
    # The time of the rules that no change triggers has come.
    client = account.client("config")
    periodic = [stack.config_rule(case.control) for case in cases.values() if not getattr(case, "recorded", True)]
    client.start_config_rules_evaluation(ConfigRuleNames=periodic)
    yield cases
    stack.set_policy(before)


@pytest.fixture
def case(request, own):
    return own[request.param]


def each(cases):
    return pytest.mark.parametrize("case", [case.control for case in cases], indirect=True)


RECORDED = [case for case in own_rules.ALL if getattr(case, "recorded", True)]


@each(own_rules.ALL)
def test_evaluate_finds_the_violation_and_plumb_fixes_it(stack, case):
    def fixed():
        record = stack.record(case.control, case.kind, case.resource)
        assert record, "no record yet"
        assert record["state"] == "fixed" or case.is_fixed(), record
        return record

    record = eventually(fixed)
    assert record["source"] == {"source": "config-rule", "rule": stack.config_rule(case.control)}
    assert case.is_fixed()
    assert case.kept() == case.before
    assert case.bystander() == case.seen


@each(RECORDED)
def test_what_was_fixed_is_recorded_judged_again_and_closed(account, stack, case):
    def closed():
        assert stack.verdict(case.control, case.kind, case.resource) == "COMPLIANT"
        assert stack.record(case.control, case.kind, case.resource)["state"] == "fixed"

    eventually(closed)
    answer = account.client("config").get_resource_config_history(
        resourceType=case.kind, resourceId=case.resource, chronologicalOrder="Forward"
    )
    statuses = [item["configurationItemStatus"] for item in answer["configurationItems"]]
    assert statuses[0] == "ResourceDiscovered"
    assert statuses[1:] == ["OK"] * (len(statuses) - 1) and len(statuses) >= 2, statuses


def test_a_periodic_rule_closes_what_was_fixed_when_it_is_asked_again(account, stack, own):
    case = own["log-group-without-retention"]

    def closed():
        assert stack.verdict(case.control, case.kind, case.resource) == "COMPLIANT"
        assert stack.record(case.control, case.kind, case.resource)["state"] == "fixed"

    eventually(closed)


def test_the_rules_invoke_the_stack_s_function_and_nothing_has_failed(account, stack):
    config = account.client("config")
    for case in own_rules.ALL:
        name = stack.config_rule(case.control)
        (rule,) = config.describe_config_rules(ConfigRuleNames=[name])["ConfigRules"]
        assert rule["Source"]["Owner"] == "CUSTOM_LAMBDA"
        (status,) = config.describe_config_rule_evaluation_status(ConfigRuleNames=[name])["ConfigRulesEvaluationStatus"]
        assert "LastErrorMessage" not in status, status
        assert status["LastSuccessfulEvaluationTime"]
