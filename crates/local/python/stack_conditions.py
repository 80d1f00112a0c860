"""Conditions of CloudFormation templates: ministack compares what Fn::Join, Fn::Split and Fn::Sub are written as, not what they
come to. They are resolved before it evaluates."""

import sys

from ministack.services.cloudformation import engine

FUNCTIONS = ("Fn::Join", "Fn::Split", "Fn::Sub")


def register():
    original = engine._evaluate_conditions

    def evaluate(template, params):
        conditions = template.get("Conditions") or {}
        return original({**template, "Conditions": resolved(conditions, template, params)}, params)

    for module in list(sys.modules.values()):
        if getattr(module, "_evaluate_conditions", None) is original:
            module._evaluate_conditions = evaluate


def resolved(node, template, params):
    if isinstance(node, list):
        return [resolved(item, template, params) for item in node]
    if not isinstance(node, dict):
        return node
    if any(name in node for name in FUNCTIONS):
        return engine._resolve_refs(node, {}, params, {}, template.get("Mappings") or {}, "", "")
    return {key: resolved(value, template, params) for key, value in node.items()}
