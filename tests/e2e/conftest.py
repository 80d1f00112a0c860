"""The stack under test, found once; and a story that stops where it can't go on."""

import os

import pytest

from account import Account, NotLocal, check_environment
from events import Witness
from stack import Stack


def pytest_configure(config):
    try:
        check_environment(os.environ)
    except NotLocal as error:
        raise pytest.UsageError(str(error)) from error


@pytest.fixture(scope="session")
def account():
    return Account()


@pytest.fixture(scope="session")
def stack(account):
    return Stack(account, os.environ.get("PLUMB_STACK", "plumb"))


@pytest.fixture(scope="session")
def witness(account):
    return Witness(account)


def pytest_collection_modifyitems(items):
    """The story begins with an empty ledger, and faults come last."""
    items.sort(key=lambda item: (item.module.__name__ != "test_story", item.module.__name__.startswith("test_z")))


broken = pytest.StashKey()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed and item.get_closest_marker("step"):
        item.session.stash.setdefault(broken, item.name)
    return report


def pytest_runtest_setup(item):
    name = item.session.stash.get(broken, None)
    if name:
        pytest.skip(f"`{name}` failed, and this rests on it")
