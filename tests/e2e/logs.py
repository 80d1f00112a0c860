"""What the functions log: one JSON object a line."""

import json


class Logs:
    def __init__(self, account, stack):
        self._logs = account.client("logs")
        self._groups = [group for group in stack.of_type("AWS::Logs::LogGroup")]

    def lines(self, function):
        (group,) = [group for group in self._groups if group.endswith(f"/{function}")]
        pages = self._logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        return [event["message"] for page in pages for event in page["events"]]

    def records(self, function):
        for line in self.lines(function):
            try:
                yield json.loads(line)
            except ValueError:
                continue
