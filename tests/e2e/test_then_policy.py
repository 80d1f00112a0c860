"""The policy's guardrails against real tags and change calendars, each both ways, with the policy delivered by AppConfig."""

import time
import uuid
from datetime import datetime, timedelta, timezone

import pytest

import events
from cases.base import blocks
from stack import POLICY_IS_KEPT
from waiting import eventually

CONTROL, KIND = "bucket-public-access", "AWS::S3::Bucket"
LIMITS = "limits: {per_hour: {control: 500, account: 500, all: 500}, running: 100}\n"
# What the six kinds of buckets are stopped by, or nothing.
POLICY = f"""\
mode: notify
rules:
  - {{match: {{control: {CONTROL}, tags: {{e2e: policy}}}}, mode: auto}}
scope:
  exclude:
    - {{tags: {{sandbox: '*'}}}}
waivers:
  - match: {{tags: {{data-class: public}}}}
    owner: data office
    reason: published data sets
    expires: {{expires}}
iac: {{tags: {{managed-by: terraform}}}}
windows:
  - match: {{tags: {{wait: window}}}}
    zone: UTC
    open: [{{days: [{{other_day}}]}}]
calendars:
  - {{match: {{tags: {{wait: calendar}}}}, calendar: e2e-freeze}}
{LIMITS}"""


def calendar(kind):
    return f"BEGIN:VCALENDAR\r\nPRODID:-//AWS//Change Calendar 1.0//EN\r\nVERSION:2.0\r\nX-CALENDAR-TYPE:{kind}\r\nEND:VCALENDAR\r\n"


class Buckets:
    def __init__(self, account, stack):
        self._account, self._stack, self._s3 = account, stack, account.client("s3")

    def make(self, **tags):
        name = f"e2e-policy-{uuid.uuid4().hex[:12]}"
        self._s3.create_bucket(Bucket=name)
        self._s3.put_public_access_block(
            Bucket=name, PublicAccessBlockConfiguration=blocks(True, False, False, True)
        )
        pairs = {"e2e": "policy", **{key.replace("_", "-"): value for key, value in tags.items()}}
        self.tag(name, pairs)
        return name

    def tag(self, name, pairs):
        tags = [{"Key": key, "Value": value} for key, value in pairs.items()]
        self._s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})

    def find(self, name):
        rule = self._stack.config_rule(CONTROL)
        event = events.compliance_change(self._account, rule, KIND, name, "NON_COMPLIANT")
        self._stack.send(self._stack.findings, event)

    def is_public(self, name):
        block = self._s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
        return not all(block.values())

    def stands(self, name, *states):
        def check():
            record = self._stack.record(CONTROL, KIND, name)
            assert record and record["state"] in states, record and (record["state"], record["reason"])
            return record

        return eventually(check)

    def is_fixed(self, name):
        self.find(name)
        self.stands(name, "running", "verifying", "fixed")
        eventually(lambda: _assert(not self.is_public(name)))

    def stays(self, name):
        """Nothing is started within some seconds, and the bucket is as it was."""
        self.find(name)
        eventually(lambda: _assert(self._stack.waiting(self._stack.findings) == 0))
        time.sleep(2)
        assert self.is_public(name)
        return self._stack.record(CONTROL, KIND, name)


def _assert(condition):
    assert condition


@pytest.fixture(scope="module")
def buckets(account, stack):
    before = stack.policy()
    now = datetime.now(timezone.utc)
    expires = (now + timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
    other_day = (now + timedelta(days=3)).strftime("%a").lower()
    stack.set_policy(POLICY.replace("{expires}", expires).replace("{other_day}", other_day))
    account.client("ssm").create_document(
        Name="e2e-freeze", DocumentType="ChangeCalendar", DocumentFormat="TEXT", Content=calendar("DEFAULT_CLOSED")
    )
    time.sleep(POLICY_IS_KEPT)
    yield Buckets(account, stack)
    stack.set_policy(before)
    time.sleep(POLICY_IS_KEPT)


def test_what_no_guardrail_stops_is_fixed(buckets):
    buckets.is_fixed(buckets.make())


def test_a_rule_by_tag_picks_by_the_tag_of_now(buckets):
    name = buckets.make(e2e="nobody")
    buckets.find(name)
    assert "dry-run" in buckets.stands(name, "detected")["reason"]
    assert buckets.is_public(name)
    buckets.tag(name, {"e2e": "policy"})
    buckets.is_fixed(name)


def test_what_the_scope_excludes_is_not_even_recorded(buckets):
    assert buckets.stays(buckets.make(sandbox="yes")) is None


def test_a_waiver_by_tag_wins(buckets):
    record = buckets.stays(buckets.make(data_class="public"))
    assert record is None or record["state"] == "waived"


def test_what_infrastructure_as_code_owns_is_told_to_its_owner(buckets):
    name = buckets.make(managed_by="terraform")
    buckets.find(name)
    assert "fix it there" in buckets.stands(name, "detected")["reason"]
    assert buckets.is_public(name)
    buckets.tag(name, {"e2e": "policy", "managed-by": "hand"})
    buckets.is_fixed(name)


def test_a_closed_window_defers(buckets):
    name = buckets.make(wait="window")
    buckets.stays(name)
    buckets.tag(name, {"e2e": "policy"})
    buckets.is_fixed(name)


def test_a_closed_change_calendar_defers_until_it_is_open(buckets, account):
    name = buckets.make(wait="calendar")
    buckets.stays(name)
    account.client("ssm").update_document(
        Name="e2e-freeze", DocumentFormat="TEXT", Content=calendar("DEFAULT_OPEN"), DocumentVersion="$LATEST"
    )
    buckets.is_fixed(name)
