"""A small storm: 300 findings over 60 resources, a fifth of all calls throttled, functions dying. `cargo xtask storm` raises a large one."""

import json
import time

from stack import POLICY_IS_KEPT
from storm import Storm, accounted_for
from waiting import eventually


def test_in_a_storm_every_resource_ends_fixed_and_none_twice(account, stack):
    eventually(stack.assert_at_rest)
    before, sqs = stack.policy(), account.client("sqs")
    try:
        storm = Storm(account, stack, findings=300, resources=60, throttle=20, kill=1, seed=7, tell=print)
        figures = storm.rage(patience=300)
    finally:
        for queue in (stack.findings, stack.status_queue):
            sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "180"})
        stack.set_policy(before)
        time.sleep(POLICY_IS_KEPT)
    print(json.dumps(figures, indent=2))
    assert figures["throttled_calls"] > 30 and figures["functions_killed"] > 0, "there was a storm"
    assert accounted_for(figures), figures
