"""The hub, its members and the stranger, found once."""

import os

import pytest

from account import NotLocal, check_environment
from organization import Organization


def pytest_configure(config):
    try:
        check_environment(os.environ)
    except NotLocal as error:
        raise pytest.UsageError(str(error)) from error


@pytest.fixture(scope="session")
def organization():
    return Organization(os.environ)
