"""The REST routes of a service, from botocore's models: which operation a method and a path are.

[{"service", "operation", "method", "path", "query": {name: value or null}, "headers": [name]}]; `query` and `headers`
are those that a request of the operation has to carry.
"""

import botocore.exceptions

# Services that sign with the name of another one.
TOGETHER = {"s3": ["s3", "s3control"], "appconfig": ["appconfig", "appconfigdata"]}


def of_signing_name(session, signing_name):
    found = []
    for service in TOGETHER.get(signing_name, [signing_name]):
        try:
            model = session._session.get_service_model(service)
        except botocore.exceptions.UnknownServiceError:
            continue
        if model.metadata.get("protocol", "").startswith("rest"):
            found += [route(service, model.operation_model(name)) for name in model.operation_names]
    return found


def route(service, operation):
    path, _, query = operation.http["requestUri"].partition("?")
    required = {}
    for pair in filter(None, query.split("&")):
        name, _, value = pair.partition("=")
        required[name] = value or None
    headers = []
    shape = operation.input_shape
    for name in shape.required_members if shape else []:
        where = shape.members[name].serialization
        if where.get("location") == "querystring":
            required[where["name"]] = None
        elif where.get("location") == "header":
            headers.append(where["name"].lower())
    return {
        "service": service,
        "operation": operation.name,
        "method": operation.http["method"],
        "path": path,
        "query": required,
        "headers": headers,
    }
