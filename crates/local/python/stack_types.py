"""CloudFormation resource types that ministack does not know, and what the gateway must know of stacks."""

import json
import os
import urllib.request

import boto3
import botocore.config
from ministack.core.responses import get_account_id, get_region
from ministack.services import dynamodb, eventbridge
from ministack.services.cloudformation import provisioners, stacks

# The types whose resources share a service with resources outside of any stack: the gateway has to know which
# emulator has them.
SHARED = {
    "AWS::S3::Bucket": "s3",
    "AWS::DynamoDB::Table": "dynamodb",
    "AWS::Logs::LogGroup": "logs",
    "AWS::IAM::Role": "iam",
    "AWS::IAM::ManagedPolicy": "iam",
    "AWS::IAM::User": "iam",
    "AWS::IAM::InstanceProfile": "iam",
    "AWS::KMS::Key": "kms",
    "AWS::KMS::Alias": "kms",
}


# What ministack's `AWS::DynamoDB::Table` leaves out.
TABLE_EXTRAS = (
    ("PointInTimeRecoverySpecification", dynamodb._update_continuous_backups),
    ("TimeToLiveSpecification", dynamodb._update_ttl),
)


def register():
    handlers = provisioners._RESOURCE_HANDLERS
    ours = {
        "AWS::SSM::Document": {"create": create_document, "update": update_document, "delete": delete_document},
        "AWS::Config::ConfigRule": {"create": create_rule, "update": update_rule, "delete": delete_rule},
        "AWS::Config::ConfigurationRecorder": recorded("ConfigurationRecorder"),
        "AWS::Config::DeliveryChannel": recorded("DeliveryChannel"),
    }
    ours["AWS::Events::EventBusPolicy"] = {
        "create": create_bus_policy,
        "update": lambda physical_id, old, new, stack: create_bus_policy("", new, stack),
        "delete": delete_bus_policy,
    }
    ours["AWS::Config::ConfigurationAggregator"] = {
        "create": create_aggregator,
        "update": lambda physical_id, old, new, stack: create_aggregator("", new, stack),
        "delete": lambda physical_id, props: client("config").delete_configuration_aggregator(
            ConfigurationAggregatorName=physical_id
        ),
    }
    ours["AWS::Config::AggregationAuthorization"] = {
        "create": create_authorization,
        "update": lambda physical_id, old, new, stack: create_authorization("", new, stack),
        "delete": lambda physical_id, props: client("config").delete_aggregation_authorization(**props_of(props)),
    }
    # Neither emulator has them; a stack may name them, and nothing comes of it.
    for kind in ("AWS::Logs::QueryDefinition", "AWS::CodeDeploy::Application", "AWS::CodeDeploy::DeploymentGroup"):
        ours[kind] = {
            "create": lambda logical_id, props, stack_name: (f"{stack_name}-{logical_id}", {}),
            "update": lambda physical_id, old, new, stack_name: (physical_id, {}),
            "delete": lambda physical_id, props: None,
        }
    ours["AWS::Budgets::Budget"] = {
        "create": create_budget,
        "update": lambda physical_id, old, new, stack_name: (physical_id, {}),
        "delete": lambda physical_id, props: client("budgets").delete_budget(
            AccountId=get_account_id(), BudgetName=physical_id
        ),
    }
    ours["AWS::SQS::QueueInlinePolicy"] = inline_policy(handlers["AWS::SQS::QueuePolicy"], "Queue", "Queues")
    ours["AWS::SNS::TopicInlinePolicy"] = inline_policy(handlers["AWS::SNS::TopicPolicy"], "TopicArn", "Topics")
    for kind, handler in ours.items():
        handlers.setdefault(kind, handler)
    handlers["AWS::DynamoDB::Table"] = completed(handlers["AWS::DynamoDB::Table"])
    for kind, service in SHARED.items():
        handlers[kind] = announced(service, handlers[kind])
    blocking = stacks._runs_on_worker_thread
    # Ours call the gateway, which may need ministack before it answers: never on ministack's event loop.
    stacks._runs_on_worker_thread = lambda kind: kind in ours or blocking(kind)


def client(service):
    config = botocore.config.Config(
        retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=30, inject_host_prefix=False
    )
    made = boto3.session.Session().client(
        service,
        region_name=get_region(),
        endpoint_url=os.environ["AWS_ENDPOINT_URL"],
        aws_access_key_id=get_account_id(),
        aws_secret_access_key="test",
        aws_session_token="plumb-local",
        config=config,
    )
    return made


# AWS::SSM::Document


def create_document(logical_id, props, stack_name):
    name = props.get("Name") or f"{stack_name}-{logical_id}"
    request = document_request(name, props)
    optional(request, props, "DocumentType", "TargetType", "VersionName", "Requires", "Tags")
    client("ssm").create_document(**request)
    return name, {}


def update_document(physical_id, old_props, new_props, stack_name):
    """In place, as `UpdateMethod: NewVersion` does: the new version becomes the default one. `Replace`, AWS's default,
    would give a named document the same outcome after an interruption."""
    if (new_props.get("Name") or physical_id) != physical_id:
        raise ValueError(f"AWS::SSM::Document {physical_id}: a change of Name is not supported by plumb local")
    ssm = client("ssm")
    request = document_request(physical_id, new_props)
    optional(request, new_props, "TargetType", "VersionName")
    try:
        version = ssm.update_document(DocumentVersion="$LATEST", **request)["DocumentDescription"]["DocumentVersion"]
        ssm.update_document_default_version(Name=physical_id, DocumentVersion=version)
    except ssm.exceptions.DuplicateDocumentContent:
        pass
    return physical_id, {}


def delete_document(physical_id, props):
    ssm = client("ssm")
    try:
        ssm.delete_document(Name=physical_id, Force=True)
    except ssm.exceptions.InvalidDocument:
        pass


def document_request(name, props):
    content = props["Content"]
    return {
        "Name": name,
        "Content": content if isinstance(content, str) else json.dumps(content),
        "DocumentFormat": props.get("DocumentFormat", "JSON"),
    }


# AWS::Config


def create_rule(logical_id, props, stack_name):
    name = props.get("ConfigRuleName") or f"{stack_name}-{logical_id}"
    return name, put_rule(name, props)


def update_rule(physical_id, old_props, new_props, stack_name):
    if (new_props.get("ConfigRuleName") or physical_id) != physical_id:
        raise ValueError(f"AWS::Config::ConfigRule {physical_id}: a change of name is not supported by plumb local")
    return physical_id, put_rule(physical_id, new_props)


def delete_rule(physical_id, props):
    config = client("config")
    try:
        config.delete_config_rule(ConfigRuleName=physical_id)
    except config.exceptions.NoSuchConfigRuleException:
        pass


def put_rule(name, props):
    rule = {"ConfigRuleName": name, "Source": props["Source"]}
    optional(rule, props, "Description", "Scope", "MaximumExecutionFrequency", "EvaluationModes")
    parameters = props.get("InputParameters")
    if parameters is not None:
        # CloudFormation takes an object (and turns its values to text), the API takes JSON text.
        if not isinstance(parameters, str):
            parameters = json.dumps({key: text(value) for key, value in parameters.items()})
        rule["InputParameters"] = parameters
    config = client("config")
    config.put_config_rule(ConfigRule=rule)
    found = config.describe_config_rules(ConfigRuleNames=[name])["ConfigRules"][0]
    return {
        "Arn": found.get("ConfigRuleArn", ""),
        "ConfigRuleId": found.get("ConfigRuleId", ""),
        "Compliance.Type": "INSUFFICIENT_DATA",
    }


def text(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value)


def recorded(what):
    """Local AWS Config always records everything: these exist so that a stack may name them."""
    return {
        "create": lambda logical_id, props, stack_name: (props.get("Name") or "default", {}),
        "update": lambda physical_id, old, new, stack_name: (physical_id, {}),
        "delete": lambda physical_id, props: None,
    }


def create_aggregator(logical_id, props, stack_name):
    name = props.get("ConfigurationAggregatorName") or f"{stack_name}-{logical_id}"
    request = {"ConfigurationAggregatorName": name}
    optional(request, props, "AccountAggregationSources", "OrganizationAggregationSource")
    for source in (*request.get("AccountAggregationSources", ()), request.get("OrganizationAggregationSource", {})):
        source.update(typed(source))
    made = client("config").put_configuration_aggregator(**request)["ConfigurationAggregator"]
    return name, {"ConfigurationAggregatorArn": made["ConfigurationAggregatorArn"]}


def create_authorization(logical_id, props, stack_name):
    client("config").put_aggregation_authorization(**props_of(props))
    return f"{props['AuthorizedAccountId']}/{props['AuthorizedAwsRegion']}", {}


def props_of(props):
    return {name: props[name] for name in ("AuthorizedAccountId", "AuthorizedAwsRegion")}


# AWS::Budgets::Budget


def create_budget(logical_id, props, stack_name):
    budget = dict(props["Budget"])
    if "CostFilters" in budget:
        budget["CostFilters"] = {name: [str(one) for one in values] for name, values in budget["CostFilters"].items()}
    limit = budget.get("BudgetLimit")
    if limit:
        budget["BudgetLimit"] = {name: str(value) for name, value in limit.items()}
    client("budgets").create_budget(AccountId=get_account_id(), Budget=budget)
    return budget["BudgetName"], {}


# AWS::Events::EventBusPolicy


def create_bus_policy(logical_id, props, stack_name):
    bus, statement = props.get("EventBusName") or "default", dict(props["Statement"])
    statement["Sid"] = props["StatementId"]
    kept = eventbridge._event_bus_policies.setdefault(bus, {"Version": "2012-10-17", "Statement": []})
    kept["Statement"] = [one for one in kept["Statement"] if one.get("Sid") != statement["Sid"]] + [statement]
    return f"{bus}|{statement['Sid']}", {}


def delete_bus_policy(physical_id, props):
    bus, _, sid = physical_id.partition("|")
    kept = eventbridge._event_bus_policies.get(bus, {"Statement": []})
    kept["Statement"] = [one for one in kept["Statement"] if one.get("Sid") != sid]


# AWS::SQS::QueueInlinePolicy, AWS::SNS::TopicInlinePolicy


def inline_policy(policy, one, many):
    def listed(props):
        return {**{key: value for key, value in props.items() if key != one}, many: [props[one]]}

    return {
        "create": lambda logical_id, props, stack_name: policy["create"](logical_id, listed(props), stack_name),
        "update": lambda physical_id, old, new, stack_name: policy["update"](
            physical_id, listed(old), listed(new), stack_name
        ),
        "delete": lambda physical_id, props: policy["delete"](physical_id, listed(props)),
    }


# AWS::DynamoDB::Table


def completed(handler):
    def complete(name, props):
        for member, apply in TABLE_EXTRAS:
            if member in props:
                apply({"TableName": name, member: typed(props[member])})
        if "SSESpecification" in props:
            table = dynamodb._tables[name]
            table["SSEDescription"] = dynamodb._sse_description_from_spec(typed(props["SSESpecification"]))

    def create(logical_id, props, stack_name):
        name, attributes = handler["create"](logical_id, props, stack_name)
        complete(name, props)
        return name, attributes

    def update(physical_id, old_props, new_props, *rest):
        name, attributes = handler["update"](physical_id, old_props, new_props, *rest)
        complete(name, new_props)
        return name, attributes

    return {**handler, "create": create, "update": update}


def typed(members):
    """A template may say "true" for true."""
    return {name: value == "true" if value in ("true", "false") else value for name, value in members.items()}


# What the gateway must know


def announced(service, handler):
    def create(logical_id, props, stack_name):
        physical_id, attributes = handler["create"](logical_id, props, stack_name)
        announce("made", service, physical_id)
        return physical_id, attributes

    def update(physical_id, *rest):
        new_id, attributes = handler["update"](physical_id, *rest)
        announce("made", service, new_id)
        return new_id, attributes

    def delete(physical_id, *rest):
        handler["delete"](physical_id, *rest)
        announce("deleted", service, physical_id)

    wrapped = {**handler, "create": create, "delete": delete}
    if "update" in handler:
        wrapped["update"] = update
    return wrapped


def announce(what, service, physical_id):
    body = json.dumps({"what": what, "service": service, "id": physical_id, "region": get_region()}).encode()
    request = urllib.request.Request(
        os.environ["AWS_ENDPOINT_URL"] + "/_plumb/stack-resource", body, {"content-type": "application/json"}
    )
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
        answer.read()


def optional(request, props, *names):
    for name in names:
        if props.get(name) is not None:
            request[name] = props[name]
