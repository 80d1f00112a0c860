"""The functions' own roles against what the functions called in all that was told before: enough.

No emulator refuses a call for want of a permission; so what was called is taken from local AWS's log, and what is allowed from the
policies that the stack made.
"""

import pytest

from faults import Faults

# Names of services in signatures, where IAM has another.
SERVICES = {"tagging": "tag", "monitoring": "cloudwatch", "cloudhsm": "cloudhsm", "appconfigdata": "appconfig", "elasticloadbalancing": "elasticloadbalancing"}
# What IAM asks for where it is not the operation's own name.
NEEDED = {
    "dynamodb:TransactWriteItems": {"dynamodb:PutItem", "dynamodb:UpdateItem"},
    "sqs:SendMessageBatch": {"sqs:SendMessage"},
    "sqs:DeleteMessageBatch": {"sqs:DeleteMessage"},
    "sns:Publish": {"sns:Publish"},
}
FUNCTIONS = ("remediate", "track", "sweep", "tell", "evaluate")


def made(account, name):
    found = set()
    for call in Faults(account).calls(function=name):
        action = f"{SERVICES.get(call['service'], call['service'])}:{call['operation']}"
        found |= NEEDED.get(action, {action})
    return found


def allowed(account, name):
    role = account.client("lambda").get_function_configuration(FunctionName=name)["Role"].rsplit("/", 1)[1]
    iam, found = account.client("iam"), set()
    for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
        for statement in document["Statement"]:
            actions = statement["Action"]
            found |= {actions} if isinstance(actions, str) else set(actions)
    return found


def function_named(stack, function):
    (name,) = [one for one in stack.of_type("AWS::Lambda::Function") if f"-{function.capitalize()}Function-" in one]
    return name


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_functions_role_is_enough(account, stack, function):
    name = function_named(stack, function)
    called, may = made(account, name), allowed(account, name)
    assert called, "it was never invoked"
    assert called <= may, f"not allowed: {sorted(called - may)}"
