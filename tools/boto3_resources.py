"""Writes crates/automation/src/iam/resources.txt: which API operation each member of boto3's resources calls.

    .plumb/venv/bin/python tools/boto3_resources.py > crates/automation/src/iam/resources.txt
"""

import json
import pathlib

import boto3
from botocore import xform_name

# What boto3 adds by hand to what its resource models say.
ADDED = {
    "dynamodb": {"batch_writer": ["BatchWriteItem"]},
    "s3": {
        name: operations
        for names, operations in [
            (("upload_file", "upload_fileobj"), ["PutObject"]),
            (("download_file", "download_fileobj"), ["GetObject", "HeadObject"]),
            (("copy",), ["CopyObject", "GetObject", "HeadObject"]),
        ]
        for name in names
    },
}


def members(model):
    """Each member of each resource, by boto3's name, with its operation."""
    found = {}

    def add(name, operation):
        found.setdefault(name, set()).add(operation)

    def collections_and_actions(definition):
        for name, action in definition.get("actions", {}).items():
            add(xform_name(name), action["request"]["operation"])
        for name, collection in definition.get("hasMany", {}).items():
            add(xform_name(name), collection["request"]["operation"])

    collections_and_actions(model["service"])
    for name, definition in model["resources"].items():
        collections_and_actions(definition)
        load = definition.get("load")
        if load:
            # An instance reads its attributes when they are first looked at.
            add(name, load["request"]["operation"])
            add("load", load["request"]["operation"])
            add("reload", load["request"]["operation"])
        for batch, action in definition.get("batchActions", {}).items():
            add(xform_name(batch), action["request"]["operation"])
    return found


def main():
    print(f"# Made by tools/boto3_resources.py from boto3 {boto3.__version__}")
    print("# `> service` | `member Operation …`: a class stands for what its attributes are read by")
    data = pathlib.Path(boto3.__file__).parent / "data"
    for service in sorted(path.name for path in data.iterdir() if path.is_dir()):
        models = sorted((data / service).glob("*/resources-1.json"))
        if not models:
            continue
        found = members(json.loads(models[-1].read_text()))
        for name, operations in ADDED.get(service, {}).items():
            found.setdefault(name, set()).update(operations)
        print(f"> {service}")
        for name in sorted(found):
            print(name, *sorted(found[name]))


if __name__ == "__main__":
    main()
