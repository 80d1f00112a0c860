"""A storm: many findings over few resources, while AWS throttles and functions die. Everything ends fixed or accounted for, nothing twice.

    python tests/e2e/storm.py --findings 10000 --resources 1000 --throttle 20 --kill 1

against a `plumb local` with Plumb deployed (`cargo xtask storm` does both). The resources are DynamoDB tables without
point-in-time recovery: the cheapest runbook there is, with no script. Prints how it goes, then the figures; exits with 1 if a
resource is not fixed, was fixed twice, or a message is unaccounted for.
"""

import argparse
import json
import os
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import events
from account import Account
from faults import Faults, error, fault, killed
from stack import POLICY_IS_KEPT, Stack
from tables import CONTROL, KIND, Tables
from waiting import eventually

POLICY = """\
mode: auto
limits:
  cooldown_seconds: 0
  settle_seconds: 20
  running: 100
  per_hour: {control: 1000000, account: 1000000, all: 1000000}
  breaker: {minimum: 1000000}
"""

# Where a resource is accounted for: fixed; or found to comply by an attempt after the one that fixed it, because AWS Config had looked at it
# before the fix and said so after it.
SETTLED = {"fixed", "unneeded"}

# Longer than a claim's lease, so that the message that comes back takes the claim up.
COMES_BACK = 63
THROTTLED = ("dynamodb:*", "ssm:*", "config:*", "sqs:*")


class Storm:
    def __init__(self, account, stack, findings, resources, throttle, kill, seed, tell):
        self.account, self.stack, self.faults = account, stack, Faults(account)
        self.findings, self.resources, self.seed, self.tell = findings, resources, seed, tell
        self.throttle, self.kill = throttle, kill
        self.tables = Tables(account, stack)
        self.memory, self.struck = {}, []

    def strikes(self):
        for number, call in enumerate(THROTTLED):
            yield fault(error("ThrottlingException"), call, times=None, share=self.throttle / 100, seed=self.seed + number)
        for number, when in enumerate(("before", "after")):
            share = self.kill / 200
            yield fault(killed(when), "*", times=None, share=share, seed=self.seed + 100 + number)

    def rage(self, patience):
        """Makes the resources, lets the findings loose, and waits until all is quiet; the figures."""
        sqs = self.account.client("sqs")
        for queue in (self.stack.findings, self.stack.status_queue):
            sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": str(COMES_BACK)})
        self.stack.set_policy("mode: 'off'\n")
        time.sleep(POLICY_IS_KEPT)
        before, dead_before = self.changes()[1], self.dead()
        started = time.monotonic()
        with ThreadPoolExecutor(4) as pool:
            names = list(pool.map(self.tables.make, (f"s{number}" for number in range(self.resources))))
        made = time.monotonic()
        self.tell(f"{len(names)} tables made in {made - started:.0f} s")
        # What AWS Config says of them by itself has to be heard under the policy that does nothing.
        eventually(lambda: self.assert_heard_of(names), 60 + len(names))
        self.stack.set_policy(POLICY)
        time.sleep(POLICY_IS_KEPT)
        self.faults.set(*self.strikes())
        begun = time.monotonic()
        self.let_loose(names)
        redriven, states = self.wait(names, begun, patience)
        ended = time.monotonic()
        struck = self.struck or self.faults.struck()
        self.faults.clear()
        return self.figures(names, begun, ended, struck, redriven, states, before, dead_before)

    def assert_heard_of(self, names):
        """AWS Config has judged every table, and nobody has its word still to read."""
        pages = self.account.client("config").get_paginator("get_compliance_details_by_config_rule").paginate(
            ConfigRuleName=self.stack.config_rule(CONTROL), ComplianceTypes=["NON_COMPLIANT"]
        )
        found = {
            result["EvaluationResultIdentifier"]["EvaluationResultQualifier"]["ResourceId"]
            for page in pages
            for result in page["EvaluationResults"]
        }
        assert found >= set(names), f"{len(set(names) - found)} are not judged yet"
        assert not self.stack.waiting(self.stack.findings), "findings are still to be read"

    def let_loose(self, names):
        """Each resource is told of as often as the others, in any order."""
        rule = self.stack.config_rule(CONTROL)
        told = [names[number % len(names)] for number in range(self.findings)]
        random.Random(self.seed).shuffle(told)
        batches = [told[at : at + 10] for at in range(0, len(told), 10)]

        def send(batch):
            messages = [events.compliance_change(self.account, rule, KIND, name, "NON_COMPLIANT") for name in batch]
            self.stack.send(self.stack.findings, *messages)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(send, batches))
        self.tell(f"{len(told)} findings sent")

    def wait(self, names, begun, patience):
        """Until every resource is settled and the queues are empty. What events missed is the sweep's, as on a schedule."""
        redriven, swept, last = 0, time.monotonic(), ""
        while True:
            records = self.stack.records()
            states = self.states(names, records)
            waiting = [self.stack.waiting(queue) for queue in (self.stack.findings, self.stack.status_queue)]
            self.look_at_memory()
            line = f"{time.monotonic() - begun:5.0f} s  waiting {waiting[0]:>5} + {waiting[1]:>4}  {dict(sorted(states.items()))}"
            if line[10:] != last[10:]:
                self.tell(line)
                last = line
            settled = set(states) <= SETTLED
            if settled and not self.struck:
                # The storm is over; what is still in the queues came back because of it.
                self.struck = self.faults.struck()
                self.faults.clear()
            if settled and not any(waiting):
                return redriven, states
            if time.monotonic() - begun > patience:
                return redriven, states
            if not waiting[0] and time.monotonic() - swept > 30:
                # The dead letters first: an operator's `plumb dlq redrive`.
                redriven += self.redrive()
                self.stack.account.client("lambda").invoke(
                    FunctionName=self.stack.sweep_function, Payload=b"{}", InvocationType="Event"
                )
                swept = time.monotonic()
            time.sleep(3)

    def states(self, names, records):
        key = f"{CONTROL}#{self.account.id}#{self.account.region}#{KIND}#"
        states = {}
        for name in names:
            state = records.get(key + name, {}).get("state", "unknown")
            states[state] = states.get(state, 0) + 1
        return states

    def dead(self):
        letters = (self.stack.findings_dead_letters, self.stack.status_dead_letters)
        return [self.stack.waiting(queue) for queue in letters]

    def redrive(self):
        """Dead letters back to where they came from; how many."""
        sqs, moved = self.account.client("sqs"), 0
        for dead, queue in (
            (self.stack.findings_dead_letters, self.stack.findings),
            (self.stack.status_dead_letters, self.stack.status_queue),
        ):
            while messages := sqs.receive_message(QueueUrl=dead, MaxNumberOfMessages=10).get("Messages"):
                for message in messages:
                    sqs.send_message(QueueUrl=queue, MessageBody=message["Body"])
                    sqs.delete_message(QueueUrl=dead, ReceiptHandle=message["ReceiptHandle"])
                    moved += 1
        return moved

    def look_at_memory(self):
        """The largest resident size of each function's processes, in MB; on Linux."""
        for process in Path("/proc").glob("[0-9]*"):
            try:
                environment = (process / "environ").read_bytes().split(b"\0")
                if f"AWS_ENDPOINT_URL={self.account.endpoint}".encode() not in environment:
                    continue
                name = next(line for line in environment if line.startswith(b"AWS_LAMBDA_FUNCTION_NAME="))
                status = (process / "status").read_text()
                peak = int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) // 1024
            except (OSError, StopIteration, ValueError):
                continue
            name = name.decode().split("=", 1)[1]
            self.memory[name] = max(self.memory.get(name, 0), peak)

    def changes(self):
        """How often each table was changed, and how many runbooks ran: by Systems Manager's own record. The call log forgets."""
        changes, runs = {}, 0
        for identity, listed in self.stack.executions().items():
            if not listed["DocumentName"].endswith(f"-{CONTROL}"):
                continue
            runs += 1
            execution = self.stack.execution(identity)
            (table,) = execution["Parameters"]["TableName"]
            steps = execution["StepExecutions"]
            if any(step["StepName"].startswith("Fix") and step["StepStatus"] == "Success" for step in steps):
                changes[table] = changes.get(table, 0) + 1
        return changes, runs

    def figures(self, names, begun, ended, struck, redriven, states, before, dead_before):
        changes, runs = self.changes()
        not_fixed = [name for name in names if not self.tables.recovers(name)]
        twice = [name for name in names if changes.get(name, 0) > 1]
        seconds = ended - begun
        return {
            "findings": self.findings,
            "resources": self.resources,
            "throttle_percent": self.throttle,
            "kill_percent": self.kill,
            "seconds": round(seconds, 1),
            "findings_per_second": round(self.findings / seconds, 1),
            "states": states,
            "resources_not_fixed": len(not_fixed),
            "resources_fixed_twice": len(twice),
            "runbooks_started": runs - before,
            "throttled_calls": sum(struck[:-2]),
            "functions_killed": sum(struck[-2:]),
            "dead_letters_redriven": redriven,
            "dead_letters_left": [now - then for now, then in zip(self.dead(), dead_before)],
            "waiting": [self.stack.waiting(queue) for queue in (self.stack.findings, self.stack.status_queue)],
            "peak_memory_mb": self.memory,
        }


def accounted_for(figures):
    return (
        not figures["resources_not_fixed"]
        and not figures["resources_fixed_twice"]
        and set(figures["states"]) <= SETTLED
        and not any(figures["waiting"])
        and not any(figures["dead_letters_left"])
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--findings", type=int, default=10_000)
    parser.add_argument("--resources", type=int, default=1_000)
    parser.add_argument("--throttle", type=float, default=20, help="percent of the functions' calls")
    parser.add_argument("--kill", type=float, default=1, help="percent of the functions' calls at which the function dies")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--patience", type=int, default=3600, help="seconds")
    parser.add_argument("--json", metavar="FILE")
    asked = parser.parse_args()
    account = Account()
    stack = Stack(account, os.environ.get("PLUMB_STACK", "plumb"))
    storm = Storm(
        account, stack, asked.findings, asked.resources, asked.throttle, asked.kill, asked.seed,
        lambda line: print(line, flush=True),
    )
    figures = storm.rage(asked.patience)
    text = json.dumps(figures, indent=2)
    print(text)
    if asked.json:
        Path(asked.json).write_text(text + "\n")
    sys.exit(0 if accounted_for(figures) else 1)


if __name__ == "__main__":
    main()
