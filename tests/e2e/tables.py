"""Tables without point-in-time recovery: the cheapest violation there is to make, to fix and to look at."""

import json
import uuid

CONTROL, KIND = "table-without-recovery", "AWS::DynamoDB::Table"


class Tables:
    def __init__(self, account, stack):
        self._account, self._stack = account, stack
        self._token = uuid.uuid4().hex[:6]

    def name(self, what):
        return f"f-{self._token}-{what}"

    def make(self, what):
        """Makes one that violates; its name."""
        name = self.name(what)
        self._account.client("dynamodb").create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        return name

    def recovers(self, name):
        answer = self._account.client("dynamodb").describe_continuous_backups(TableName=name)
        status = answer["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        return status["PointInTimeRecoveryStatus"] == "ENABLED"

    def record(self, name):
        return self._stack.record(CONTROL, KIND, name)

    def runs(self, name):
        """Every execution of the runbook on this table."""
        runs = []
        for identity, listed in self._stack.executions().items():
            if not listed["DocumentName"].endswith(f"-{CONTROL}"):
                continue
            execution = self._stack.execution(identity)
            if execution["Parameters"].get("TableName") == [name]:
                runs.append(execution)
        return runs

    def changes(self, faults, name):
        """Every call that switched recovery on for this table, and succeeded."""
        return [
            call
            for call in faults.calls(mutating="true")
            if call["operation"] == "UpdateContinuousBackups"
            and call["status"] < 400
            and name in call["about"].replace("=", " ").split()
        ]

    def assert_fixed(self, name):
        record = self.record(name)
        assert record, "nothing is known of it"
        assert record["state"] == "fixed", (record["state"], record["reason"])
        return record

    def assert_fixed_once(self, faults, name):
        """By its effect, by the ledger, by Systems Manager and by the call log: fixed, and once."""
        record = self.assert_fixed(name)
        assert self.recovers(name)
        runs = self.runs(name)
        assert [run["AutomationExecutionId"] for run in runs] == [record["execution_id"]], json.dumps(runs, indent=1)
        assert record["generation"] == 1
        assert len(self.changes(faults, name)) == 1
