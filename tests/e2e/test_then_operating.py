"""What an operator looks at: alarms, the dashboard, and the figures that both are made of."""

import json

from logs import Logs

MORE = ["escalated", "failing", "control-stopped", "slow-fixes", "findings-stuck", "status-stuck", "telling-behind", "throttled", "log-volume"]


def test_the_stack_has_the_alarms_that_the_handbook_explains(account, stack):
    pages = account.client("cloudwatch").get_paginator("describe_alarms").paginate()
    alarms = {alarm["AlarmName"]: alarm for page in pages for alarm in page["MetricAlarms"]}
    for name in MORE:
        alarm = alarms[f"plumb-{name}"]
        assert "docs/operating.md#" in alarm["AlarmDescription"]
        assert alarm["TreatMissingData"] == "notBreaching", "nothing happening is no alarm"
    assert len([name for name in alarms if name.startswith("plumb-") or stack.name in name]) >= len(MORE)


def test_the_dashboard_shows_the_stacks_own_functions_and_queues(account, stack):
    answer = account.client("cloudwatch").get_dashboard(DashboardName=f"plumb-{account.region}")
    body = answer["DashboardBody"]
    assert len(json.loads(body)["widgets"]) >= 9
    for name in (stack.remediate, stack.track, stack.findings.rsplit("/", 1)[1]):
        assert name in body
    assert "${" not in body


def test_what_was_fixed_is_counted_and_timed_in_the_log(account, stack):
    """Lines of the embedded metric format, from which CloudWatch makes the metrics that the alarms look at."""
    figures = [line for line in Logs(account, stack).records("tell") if "_aws" in line]
    fixed = [line for line in figures if line.get("State") == "fixed"]
    assert fixed, "the story that was told before fixed something"
    for line in fixed:
        assert line["Transitions"] == 1 and line["Prefix"] == "plumb" and 0 <= line["TimeToFix"] < 600
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == "Plumb" and directive["Dimensions"] == [["Prefix", "State"]]
    states = {line.get("State") for line in figures}
    assert not states & {"planned", "running", "verifying"}, "what is on its way costs no metric"
