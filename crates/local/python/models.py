"""What botocore's models say of some APIs: JSON in, JSON out, once.

In:  [[service, operation], ...], operations in any spelling
Out: {"names": [service], "services": {service: null or
      {"names": [operation], "operations": {name: {"input", "output"}}, "shapes": {name: shape}}}}
A shape: {"type", "members": {name: shape}, "required": [name], "of": shape, "enum": [word]}
"""

import json
import sys

import botocore.session

# boto3 fills these in itself.
FILLED_IN = {("glacier", "accountId"), ("machinelearning", "PredictEndpoint")}
# boto3 takes more than the model says.
ANYTHING = {("s3", "CopySource")}


def main():
    wanted = {}
    for service, operation in json.load(sys.stdin):
        wanted.setdefault(service, set()).add(squeezed(operation))
    session = botocore.session.get_session()
    names = session.get_available_services()
    found = {name: described(session, name, wanted[name]) if name in names else None for name in wanted}
    json.dump({"names": names, "services": found}, sys.stdout)


def described(session, name, wanted):
    model = session.get_service_model(name)
    shapes, operations = {}, {}
    for operation in model.operation_names:
        if squeezed(operation) in wanted:
            operation = model.operation_model(operation)
            both = [operation.input_shape, operation.output_shape]
            operations[operation.name] = {"input": both[0] and both[0].name, "output": both[1] and both[1].name}
            for shape in filter(None, both):
                describe(name, shape, shapes)
    return {"names": list(model.operation_names), "operations": operations, "shapes": shapes}


def describe(service, root, shapes):
    open_shapes = [root]
    while open_shapes:
        shape = open_shapes.pop()
        if shape.name in shapes:
            continue
        known = shapes[shape.name] = {"type": shape.type_name}
        if (service, shape.name) in ANYTHING or getattr(shape, "is_document_type", False):
            known["type"] = "any"
        elif shape.type_name == "structure":
            known["members"] = {member: inner.name for member, inner in shape.members.items()}
            tokens = {member for member, inner in shape.members.items() if inner.metadata.get("idempotencyToken")}
            filled_in = {member for known_service, member in FILLED_IN if known_service == service}
            known["required"] = [member for member in shape.required_members if member not in tokens | filled_in]
            open_shapes += shape.members.values()
        elif shape.type_name == "list":
            known["of"] = shape.member.name
            open_shapes.append(shape.member)
        elif shape.type_name == "map":
            known["of"] = shape.value.name
            open_shapes.append(shape.value)
        elif getattr(shape, "enum", None):
            known["enum"] = list(shape.enum)


def squeezed(name):
    return name.replace("_", "").lower()


if __name__ == "__main__":
    main()
