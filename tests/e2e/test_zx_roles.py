"""The functions' own roles against what the functions called in all that was told before: enough, and nothing over.

No emulator refuses a call for want of a permission; so what was called is taken from local AWS's log, and what is allowed from the
policies that the stack made.
"""

import pytest

from faults import Faults

# Names of services in signatures, where IAM has another.
SERVICES = {"tagging": "tag", "monitoring": "cloudwatch", "appconfigdata": "appconfig"}
# What IAM asks for where it is not the operation's own name.
NEEDED = {
    "dynamodb:TransactWriteItems/Put": "dynamodb:PutItem",
    "dynamodb:TransactWriteItems/Update": "dynamodb:UpdateItem",
    "dynamodb:TransactWriteItems/Delete": "dynamodb:DeleteItem",
    "dynamodb:TransactWriteItems/ConditionCheck": "dynamodb:ConditionCheckItem",
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
}

# What Lambda does in the role's name, and local AWS's Lambda does without asking itself.
LOGS_AND_TRACES = {"logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTraceSegments", "xray:PutTelemetryRecords"}
QUEUE = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
STREAM = {"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"}

# What else a role allows and no call names, and why.
UNCALLED = {
    # Systems Manager checks it when a runbook is started in a role.
    "remediate": QUEUE | {"iam:PassRole"},
    "track": QUEUE,
    "sweep": set(),
    # Lambda sends what it gave up.
    "tell": STREAM | {"sqs:SendMessage"},
    # A change that is too large to be told, and the rest of a long evaluation: tests/sam-local/EvaluateFunction shows both.
    "evaluate": QUEUE | {"config:GetResourceConfigHistory", "sqs:SendMessage"},
}


def called(account, name):
    found = set()
    for operation in Faults(account).operations(name):
        service, api = operation.split(":", 1)
        action = f"{SERVICES.get(service, service)}:{api}"
        found.add(NEEDED.get(action, action))
    return found


def statements(account, name):
    role = account.client("lambda").get_function_configuration(FunctionName=name)["Role"].rsplit("/", 1)[1]
    iam = account.client("iam")
    for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        for statement in iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]["Statement"]:
            actions = statement["Action"]
            yield statement["Sid"], {actions} if isinstance(actions, str) else set(actions)


def allowed(account, name):
    return set().union(*(actions for _, actions in statements(account, name)))


def function_named(stack, function):
    (name,) = [one for one in stack.of_type("AWS::Lambda::Function") if f"-{function.capitalize()}Function-" in one]
    return name


@pytest.fixture(params=list(UNCALLED))
def function(request, stack):
    return request.param, function_named(stack, request.param)


def test_a_functions_role_is_enough(account, function):
    _, name = function
    made, may = called(account, name), allowed(account, name)
    assert made, "it was never invoked"
    assert made <= may, f"not allowed: {sorted(made - may)}"


def test_a_functions_role_has_nothing_over(account, function):
    which, name = function
    over = allowed(account, name) - called(account, name) - LOGS_AND_TRACES - UNCALLED[which]
    if which == "evaluate":
        # What Plumb's own rules look up: `tests/contract/rules.rs` holds these statements against the rules' list.
        looked_up = {"Facts", "Roles", "Users", "Keys", "ImageParameters"}
        over -= set().union(*(actions for sid, actions in statements(account, name) if sid in looked_up))
    assert not over, f"allowed and never called: {sorted(over)}"
