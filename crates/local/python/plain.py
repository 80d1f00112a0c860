"""Values as JSON has them: what boto3 returns, and what scripts return."""

import base64
import datetime
import decimal
import json
import math

# Whoever reads the lines takes 128 levels.
DEEPEST = 100


def dumps(value):
    """One line of JSON that any reader takes; a `ValueError` if the value can't be one."""
    return json.dumps(tidy(value, 0), allow_nan=False)


def tidy(value, depth):
    if depth > DEEPEST:
        raise ValueError(f"the value is nested deeper than {DEEPEST} levels")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        # Half a surrogate pair is no text.
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, int):
        return int(value) if -(1 << 63) <= value < 1 << 64 else float(value)
    if isinstance(value, float):
        if math.isnan(value) or math.isinf(value):
            raise ValueError(f"JSON has no number `{value}`")
        return float(value)
    if isinstance(value, dict):
        return {key_of(key): tidy(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [tidy(inner, depth + 1) for inner in value]
    if isinstance(value, (set, frozenset)):
        return sorted((tidy(inner, depth + 1) for inner in value), key=repr)
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return tidy(int(value) if value == value.to_integral_value() else float(value), depth)
    if isinstance(value, (bytes, bytearray, memoryview)):
        try:
            return bytes(value).decode("utf-8")
        except UnicodeDecodeError:
            return base64.b64encode(value).decode("ascii")
    if hasattr(value, "read"):
        return tidy(value.read(), depth)
    if hasattr(value, "__iter__"):
        return [tidy(inner, depth + 1) for inner in value]
    return tidy(str(value), depth)


def key_of(key):
    if isinstance(key, bool):
        return "true" if key else "false"
    if key is None:
        return "null"
    return tidy(key if isinstance(key, str) else str(key), 0)
