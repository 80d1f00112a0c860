"""The published schema, held against policies by a validator that is not Plumb's. Needs no AWS."""

import json
import pathlib

import jsonschema
import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "docs/policy.schema.json").read_text())
EXAMPLES = [path for path in sorted((ROOT / "examples/policies").glob("*.yaml")) if ".tests." not in path.name]
WRONG = [
    {"mode": "sometimes"},
    {"rules": [{"match": {"colour": "red"}, "mode": "auto"}]},
    {"rules": [{"match": {}}]},
    {"waivers": [{"match": {"resource": "x"}, "owner": "o", "reason": "r"}]},
    {"waivers": [{"match": {"resource": "x"}, "owner": "o", "reason": "r", "expires": "tomorrow"}]},
    {"windows": [{"zone": "UTC", "open": [{"from": "7:00"}]}]},
    {"windows": [{"zone": "UTC", "open": [{"days": ["monday"]}]}]},
    {"organization": {"ou": {"A": ["12"]}}},
    {"limits": {"attempts": 0}},
    {"unknown": True},
]


def test_the_schema_is_one():
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    # AppConfig's validator reads draft 4.
    jsonschema.Draft4Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_as_the_schema_says(path):
    # BaseLoader: as YAML 1.2 has it, a time stays a text; the only numbers are the limits.
    policy = yaml.load(path.read_text(), yaml.BaseLoader)
    policy.get("limits", {}).update({name: int(value) for name, value in policy.get("limits", {}).items()})
    for validator in (jsonschema.Draft7Validator, jsonschema.Draft4Validator):
        validator(SCHEMA).validate(policy)


@pytest.mark.parametrize("policy", WRONG, ids=json.dumps)
def test_a_wrong_policy_is_refused(policy):
    for validator in (jsonschema.Draft7Validator, jsonschema.Draft4Validator):
        assert not validator(SCHEMA).is_valid(policy)
