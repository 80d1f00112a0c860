"""The AWS account under test, as boto3 sees it."""

import ipaddress
import os
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

DUMMY_KEYS = ("test", "testing", "dummy", "fake", "mock")


class NotLocal(Exception):
    """The environment leads, or might lead, to a real account."""


def check_environment(environment):
    """Refuses everything but a loopback endpoint with dummy credentials."""
    wrong = []
    endpoint = environment.get("AWS_ENDPOINT_URL", "")
    if not is_loopback(endpoint):
        wrong.append("`AWS_ENDPOINT_URL` is not on loopback; set it to the address that `plumb local` prints")
    for name, value in environment.items():
        if name.startswith("AWS_ENDPOINT_URL_") and not is_loopback(value):
            wrong.append(f"`{name}` is not on loopback; unset it")
    key = environment.get("AWS_ACCESS_KEY_ID", "")
    if key not in DUMMY_KEYS and not (len(key) == 12 and key.isdigit()):
        wrong.append("`AWS_ACCESS_KEY_ID` is not a dummy; set it to `test`")
    for name in ("AWS_PROFILE", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"):
        if environment.get(name):
            wrong.append(f"`{name}` leads to a real account; unset it")
    if wrong:
        raise NotLocal("; ".join(wrong))


def is_loopback(url):
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Account:
    """Clients, made once for each service and Region."""

    def __init__(self, environment=os.environ):
        check_environment(environment)
        self.endpoint = environment["AWS_ENDPOINT_URL"]
        self.region = environment.get("AWS_DEFAULT_REGION", "us-east-1")
        # Where nobody looks: neither the stack nor its Config rules are there.
        self.elsewhere = "eu-west-1" if self.region != "eu-west-1" else "eu-central-1"
        self._clients = {}
        self.id = self.client("sts").get_caller_identity()["Account"]

    def client(self, service, region=None):
        key = (service, region or self.region)
        if key not in self._clients:
            self._clients[key] = boto3.client(
                service,
                region_name=key[1],
                endpoint_url=self.endpoint,
                config=Config(
                    s3={"addressing_style": "path"},
                    # Nothing in this test is meant to be tried again: what is refused is a finding.
                    retries={"total_max_attempts": 1},
                    read_timeout=60,
                    proxies={},
                    inject_host_prefix=False,
                ),
            )
        return self._clients[key]


def plain(answer):
    """An answer as data that can be compared, without what belongs to the single call."""
    if isinstance(answer, dict):
        return {key: plain(value) for key, value in answer.items() if key != "ResponseMetadata"}
    if isinstance(answer, (list, tuple)):
        return [plain(value) for value in answer]
    if isinstance(answer, (str, int, float, bool)) or answer is None:
        return answer
    return str(answer)


def unless(codes, call, **arguments):
    """The plain answer, or the error's code if it is one of those that are an answer, too."""
    try:
        return plain(call(**arguments))
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in codes:
            return code
        raise
