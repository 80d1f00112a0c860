"""The whole path on the deployed stack, told in order and seen through boto3 alone.

Ten resources violate ten controls; dry-run only reports them; switched on, Plumb fixes each, keeps the rest, and leaves
everything else alone; events that come twice, late or broken change nothing; what was fixed can be undone.
"""

import time
from datetime import datetime, timedelta, timezone

import pytest

import cases
import events
from stack import POLICY_IS_KEPT
from waiting import eventually

CONTROLS = [case.control for case in cases.ALL]
FIXED = [case.control for case in cases.ALL if case.ends_as == "fixed"]
LONG_AGO = "2020-01-01T00:00:00.000Z"
OWNER, REASON = "orders@example.com", "the catalogue is public on purpose"


class Story:
    """Who is in it, and what everything looked like before."""

    def __init__(self, account, stack):
        self.stack = stack
        self.executions_before = stack.executions()
        neighbourhood = cases.Neighbourhood(account)
        self.cases = {case.control: case(account, neighbourhood) for case in cases.ALL}
        self.waived = cases.WaivedBucket(account, neighbourhood)
        self.waived.make()
        for case in self.cases.values():
            case.make()
            case.make_bystander()
        self.everybody = [*self.cases.values(), self.waived]
        self.bystanders = self.see_bystanders()
        self.subjects = {case.resource: case.subject() for case in self.everybody}
        self.kept = {case.control: case.kept() for case in self.cases.values()}
        self.sg_state = self.cases["security-group-open-admin-ports"].state()

    def see_bystanders(self):
        return {case.control: case.bystander() for case in self.cases.values()}

    def record(self, case):
        return self.stack.record(case.control, case.kind, case.resource)

    def verdict(self, case):
        return self.stack.verdict(case.control, case.kind, case.resource)

    def everything(self):
        """All that could change: the resources, their neighbours, the ledger, the executions."""
        return {
            "subjects": {case.resource: case.subject() for case in self.everybody},
            "bystanders": self.see_bystanders(),
            "ledger": {key: standing(record) for key, record in self.stack.records().items()},
            "executions": sorted(self.stack.executions()),
        }


# What a finding within the cooldown of its resource may write: that it has to be looked at again, and when.
ASIDE = {"deferred", "due", "due_at", "expires_at", "reason", "revision", "updated_at", "verdicts"}


def standing(record):
    """What became of a resource, without when somebody looks at it next."""
    return {name: value for name, value in record.items() if name not in ASIDE}


@pytest.fixture(scope="module")
def story(account, stack, witness):
    return Story(account, stack)


@pytest.fixture
def case(request, story):
    return story.cases[request.param]


def each(controls):
    return pytest.mark.parametrize("case", controls, indirect=True)


# 1. Ten resources violate ten controls.


@pytest.mark.step
def test_the_stack_is_deployed_whole_and_may_change_nothing_yet(stack):
    assert stack.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
    unfinished = [r["LogicalResourceId"] for r in stack.resources if not r["ResourceStatus"].endswith("_COMPLETE")]
    assert unfinished == []
    documents = stack.of_type("AWS::SSM::Document")
    assert len(documents) % 2 == 1 and len(documents) > 2 * len(CONTROLS), "two a control, and the one that asks for approval"
    for control in CONTROLS:
        assert stack.config_rule(control)
        assert [name for name in documents if name.endswith((f"-{control}", f"-{control}-rollback"))]
    assert "auto" not in stack.policy()


@pytest.mark.step
@pytest.mark.parametrize("function", ["remediate", "track", "sweep_function"])
def test_the_functions_are_compiled_for_the_runtime_of_the_template(account, stack, function):
    configuration = account.client("lambda").get_function_configuration(FunctionName=getattr(stack, function))
    assert configuration["Runtime"] == "provided.al2023"


def test_the_event_rules_lead_each_event_to_the_queue_that_its_reader_empties(account, stack):
    bucket = {"bucketName": "b"}

    def verdict(word):
        return events.compliance_change(account, "any-rule", "AWS::S3::Bucket", "b", word)

    for event, queues in [
        (verdict("NON_COMPLIANT"), [stack.findings]),
        (verdict("COMPLIANT"), [stack.status_queue]),
        (verdict("NOT_APPLICABLE"), [stack.status_queue]),
        (events.failed_control(account, "S3.8", "AwsS3Bucket", "arn:aws:s3:::b"), [stack.findings]),
        (events.api_call(account, "s3", "DeleteBucketPublicAccessBlock", bucket), [stack.findings]),
        (events.api_call(account, "s3", "DeleteBucketPublicAccessBlock", bucket, error="AccessDenied"), []),
        (events.api_call(account, "s3", "GetBucketPublicAccessBlock", bucket), []),
    ]:
        names = [queue.rsplit("/", 1)[1] for queue in queues]
        assert stack.led_to(event) == names, event["detail-type"]


@pytest.mark.step
def test_ten_resources_violate_ten_controls(story):
    assert len(story.cases) == 10
    for case in story.everybody:
        case.assert_violating()


@each(CONTROLS)
def test_aws_config_finds_each_violation(story, case):
    def found():
        assert story.verdict(case) == "NON_COMPLIANT"

    eventually(found)


# 2. Dry-run: everything is reported, nothing is changed.


@each(CONTROLS)
def test_dry_run_records_each_violation_and_what_would_be_done(stack, story, case):
    def detected():
        record = story.record(case)
        assert record, "no record yet"
        assert record["state"] == "detected"
        return record

    record = eventually(detected)
    assert record["reason"].startswith("dry-run")
    assert record["action"]["document"] in stack.of_type("AWS::SSM::Document")
    assert record["source"] == {"source": "config-rule", "rule": stack.config_rule(case.control)}
    assert "execution_id" not in record


@pytest.mark.step
def test_dry_run_starts_no_runbook_and_changes_no_resource(stack, story):
    stack.sweep()
    eventually(stack.assert_at_rest)
    assert stack.executions() == story.executions_before == {}
    assert {case.resource: case.subject() for case in story.everybody} == story.subjects
    assert story.see_bystanders() == story.bystanders
    # A bystander may have been seen half made, and then whole.
    assert {record["state"] for record in stack.records().values()} <= {"detected", "unneeded"}


# 3. Switched on: each violation is fixed, and nothing else is touched.


@pytest.mark.step
def test_a_sweep_after_the_switch_takes_up_every_violation(stack, story):
    expires = datetime.now(timezone.utc) + timedelta(days=30)
    # Only the story's own controls: the others of the stack would fix what is nobody's case here.
    rules = "".join(f"  - {{match: {{control: {control}}}, mode: auto}}\n" for control in CONTROLS)
    stack.set_policy(
        f"""\
mode: notify
rules:
{rules}\
waivers:
  - match:
      control: {story.waived.control}
      resource: {story.waived.resource}
    owner: {OWNER}
    reason: {REASON}
    expires: {expires:%Y-%m-%dT%H:%M:%SZ}
"""
    )
    time.sleep(POLICY_IS_KEPT)
    found = stack.sweep()["found"]
    assert {control: found[control] >= 1 for control in CONTROLS} == dict.fromkeys(CONTROLS, True)
    assert found[story.waived.control] == 2, "the waived bucket, too: waivers are for the decision"


@each(FIXED)
def test_each_resource_is_fixed_and_what_need_not_change_is_kept(stack, story, case):
    def fixed():
        record = story.record(case)
        assert record["state"] == "fixed", record["reason"]
        return record

    record = eventually(fixed)
    case.assert_fixed()
    assert case.kept() == story.kept[case.control]
    assert story.verdict(case) == "COMPLIANT"
    assert record["generation"] == 1
    assert record["before"], "the state before is what a rollback needs"


@each(FIXED)
def test_one_execution_of_the_control_s_own_runbook_fixed_it(stack, story, case):
    record = story.record(case)
    execution = stack.execution(record["execution_id"])
    assert execution["AutomationExecutionStatus"] == "Success"
    assert execution["DocumentName"] == record["action"]["document"]
    assert execution["Parameters"]["AutomationAssumeRole"] == [record["action"]["role"]]
    steps = [(step["StepName"], step["StepStatus"]) for step in execution["StepExecutions"]]
    assert steps[0] == ("Inspect", "Success")
    assert steps[-1] == ("Verify", "Success")


def test_an_elastic_ip_waits_for_a_person(story):
    case = story.cases["elastic-ip-unattached"]

    def waits():
        assert story.record(case)["state"] == "awaiting-approval"

    eventually(waits)
    assert case.subject() == story.subjects[case.resource]
    assert "execution_id" not in story.record(case)


def test_the_waived_bucket_and_every_bystander_are_left_alone(stack, story):
    eventually(stack.assert_at_rest)
    assert story.waived.subject() == story.subjects[story.waived.resource]
    assert story.record(story.waived)["state"] == "detected"
    assert story.see_bystanders() == story.bystanders


# 4. Events that come twice, late, out of order, or say that nothing happened.


def test_events_that_come_twice_or_late_change_nothing(account, stack, story, witness):
    before = story.everything()
    unseen = []
    for case in story.everybody:
        rule = stack.config_rule(case.control)
        if captured := witness.violation(rule, case.resource):
            stack.send(stack.findings, captured, captured)
        else:
            unseen.append(case.control)
        again = events.compliance_change(account, rule, case.kind, case.resource, "NON_COMPLIANT")
        stack.send(stack.findings, again, again)
    assert_settled_as(before, stack, story)
    assert unseen == ["ebs-default-encryption-off"], "an account begins with it, so Config said so at deployment"


def test_the_same_finding_by_security_hub_changes_nothing(account, stack, story):
    before = story.everything()
    bucket = story.cases["bucket-public-access"].resource
    stack.send(stack.findings, *[events.failed_control(account, "S3.8", "AwsS3Bucket", f"arn:aws:s3:::{bucket}")] * 2)
    assert_settled_as(before, stack, story)


def test_an_old_verdict_that_a_resource_complies_changes_nothing(account, stack, story):
    before = story.everything()
    for case in story.everybody:
        rule = stack.config_rule(case.control)
        old = events.compliance_change(account, rule, case.kind, case.resource, "COMPLIANT", LONG_AGO)
        stack.send(stack.findings, old)
        stack.send(stack.status_queue, old)
    assert_settled_as(before, stack, story)


def test_an_api_call_that_failed_changes_nothing(account, stack, story):
    case = story.cases["bucket-public-access"]
    before = story.everything()
    for bucket in (case.resource, case.other, story.waived.resource):
        call = ("s3", "DeleteBucketPublicAccessBlock", {"bucketName": bucket})
        stack.send(stack.findings, events.api_call(account, *call, error="AccessDenied"))
    assert_settled_as(before, stack, story)


def test_a_runbook_s_success_that_is_told_again_changes_nothing(stack, story, witness):
    before = story.everything()
    for control in FIXED:
        execution = story.record(story.cases[control])["execution_id"]
        told = witness.success(execution)
        assert told, f"nobody was told that {control}'s runbook succeeded"
        stack.send(stack.status_queue, told, told)
    assert_settled_as(before, stack, story)


def test_a_violation_that_many_tell_of_at_once_is_fixed_once(account, stack, story):
    before = set(stack.executions())
    case = story.cases["key-without-rotation"]
    key = case.make_key(Description="told of by everybody")
    about = (case.kind, key, "NON_COMPLIANT")
    arn = f"arn:aws:kms:{account.region}:{account.id}:key/{key}"
    stack.send(
        stack.findings,
        *[events.compliance_change(account, stack.config_rule(case.control), *about) for _ in range(6)],
        *[events.compliance_change(account, "cmk-backing-key-rotation-enabled", *about) for _ in range(6)],
        *[events.failed_control(account, "KMS.4", "AwsKmsKey", arn) for _ in range(6)],
        *[events.api_call(account, "kms", "DisableKeyRotation", {"keyId": key}) for _ in range(6)],
    )

    def fixed():
        record = stack.record(case.control, case.kind, key)
        assert record and record["state"] == "fixed", record
        return record

    record = eventually(fixed)
    eventually(stack.assert_at_rest)
    assert case.rotates(key) is True
    assert set(stack.executions()) - before == {record["execution_id"]}
    assert record["generation"] == 1


def assert_settled_as(before, stack, story):
    eventually(stack.assert_at_rest)
    assert changed(before, story.everything()) == {}


def changed(before, now):
    """What differs, down to the first value that does: a whole ledger is no message."""
    if not (isinstance(before, dict) and isinstance(now, dict)):
        return (before, now)
    names = before.keys() | now.keys()
    return {name: changed(before.get(name), now.get(name)) for name in names if before.get(name) != now.get(name)}


def test_a_finding_about_a_resource_that_complies_changes_nothing(account, stack, story):
    # A neighbour that has complied from its first moment, so that nothing is known of it.
    case = story.cases["trail-without-log-validation"]
    assert stack.record(case.control, case.kind, case.other) is None
    rule = stack.config_rule(case.control)
    stack.send(stack.findings, events.compliance_change(account, rule, case.kind, case.other, "NON_COMPLIANT"))

    def looked_at():
        record = stack.record(case.control, case.kind, case.other)
        assert record and record["state"] == "unneeded", record
        return record

    execution = stack.execution(eventually(looked_at)["execution_id"])
    ran = [step["StepName"] for step in execution["StepExecutions"] if step["StepStatus"] == "Success"]
    assert ran == ["Inspect", "Decide"]
    assert story.see_bystanders() == story.bystanders


# 5. A second pass.


def test_a_second_sweep_changes_nothing(stack, story):
    eventually(stack.assert_at_rest)
    before = story.everything()
    found = stack.sweep()["found"]
    assert {control: found[control] for control in FIXED} == {
        **dict.fromkeys(FIXED, 0),
        story.waived.control: 1,
    }
    assert_settled_as(before, stack, story)


# 6. A message that can't be used.


@pytest.fixture
def impatient_queue(account, stack):
    """A message that is not finished comes back after seconds, not minutes, so that its five chances pass while we wait."""
    sqs = account.client("sqs")
    name = "VisibilityTimeout"
    answer = sqs.get_queue_attributes(QueueUrl=stack.findings, AttributeNames=[name])
    sqs.set_queue_attributes(QueueUrl=stack.findings, Attributes={name: "3"})
    yield
    sqs.set_queue_attributes(QueueUrl=stack.findings, Attributes={name: answer["Attributes"][name]})


def test_a_malformed_message_ends_as_a_dead_letter_and_its_batch_is_worked_on(account, stack, story, impatient_queue):
    case, rule = story.cases["security-group-open-admin-ports"], "restricted-common-ports"
    assert stack.record(case.control, case.kind, case.other) is None
    # By the name that AWS gives the managed rule: that is how the record shows that this very message was worked on.
    finding = events.compliance_change(account, rule, case.kind, case.other, "NON_COMPLIANT")
    nameless = events.compliance_change(account, rule, case.kind, case.other, "NON_COMPLIANT")
    del nameless["detail"]["resourceId"]
    del nameless["detail"]["newEvaluationResult"]["evaluationResultIdentifier"]
    malformed = ["{this is no JSON", nameless]
    stack.send(stack.findings, malformed[0], finding, malformed[1])

    def worked_on():
        record = stack.record(case.control, case.kind, case.other)
        assert record and record["state"] == "unneeded", record
        return record

    record = eventually(worked_on)
    assert record["source"] == {"source": "config-rule", "rule": rule}

    def dead():
        assert stack.waiting(stack.findings_dead_letters) == 2

    eventually(dead)
    sqs = account.client("sqs")
    letters = sqs.receive_message(QueueUrl=stack.findings_dead_letters, MaxNumberOfMessages=10)["Messages"]
    for letter in letters:
        sqs.delete_message(QueueUrl=stack.findings_dead_letters, ReceiptHandle=letter["ReceiptHandle"])
    bodies = [letter["Body"] for letter in letters]
    assert malformed[0] in bodies and len(bodies) == 2
    eventually(stack.assert_at_rest)
    assert story.see_bystanders() == story.bystanders


# 7. Undone.


@each(["bucket-public-access", "security-group-open-admin-ports"])
def test_a_rollback_restores_the_state_before(account, stack, story, case):
    fixed_by = story.record(case)["execution_id"]
    stack.send(stack.findings, events.rollback_request(account, case.control, case.kind, case.resource, story.record(case)["generation"]))

    def rolled_back():
        record = story.record(case)
        assert record["state"] == "rolled-back", record["reason"]
        return record

    record = eventually(rolled_back)
    case.assert_violating()
    assert record["execution_id"] != fixed_by
    assert stack.execution(record["execution_id"])["DocumentName"].endswith(f"-{case.control}-rollback")
    assert case.kept() == story.kept[case.control]


def test_the_bucket_is_as_it_was_to_the_last_byte(story):
    case = story.cases["bucket-public-access"]
    assert case.subject() == story.subjects[case.resource]


def test_the_security_group_is_as_it_was_but_for_the_ids_of_the_rules_that_came_back(story):
    assert story.cases["security-group-open-admin-ports"].state() == story.sg_state


def test_what_was_rolled_back_is_left_alone_although_it_violates_again(account, stack, story):
    rolled_back = [story.cases[control] for control in ("bucket-public-access", "security-group-open-admin-ports")]

    def found_again():
        for case in rolled_back:
            assert story.verdict(case) == "NON_COMPLIANT"

    eventually(found_again)
    eventually(stack.assert_at_rest)
    before = story.everything()
    found = stack.sweep()["found"]
    for case in rolled_back:
        assert found[case.control] >= 1
        rule = stack.config_rule(case.control)
        stack.send(
            stack.findings, events.compliance_change(account, rule, case.kind, case.resource, "NON_COMPLIANT")
        )
    assert_settled_as(before, stack, story)
    assert {story.record(case)["state"] for case in rolled_back} == {"rolled-back"}


def test_a_rollback_that_is_asked_for_twice_is_done_once(account, stack, story):
    before = story.everything()
    case = story.cases["bucket-public-access"]
    stack.send(stack.findings, events.rollback_request(account, case.control, case.kind, case.resource, story.record(case)["generation"]))
    assert_settled_as(before, stack, story)


# 8. The function, asked directly.


def test_the_function_invoked_with_an_event_answers_with_its_decisions(account, stack, story):
    def decided(case, compliance="NON_COMPLIANT"):
        rule = stack.config_rule(case.control)
        event = events.compliance_change(account, rule, case.kind, case.resource, compliance)
        (decision,) = stack.invoke(stack.remediate, event)["decisions"]
        about = {"account": account.id, "region": account.region, "type": case.kind, "id": case.resource}
        assert (decision["control"], decision["resource"]) == (case.control, about)
        return decision

    before = story.everything()
    waived = decided(story.waived)
    assert waived["outcome"] == "skip"
    assert OWNER in waived["reason"] and REASON in waived["reason"]
    assert waived["verdicts"][-1]["guardrail"] == "waiver"
    assert waived["verdicts"][-1]["passed"] is False
    assert decided(story.cases["bucket-public-access"])["outcome"] == "skip"
    assert decided(story.cases["key-without-rotation"])["outcome"] == "defer"
    assert decided(story.cases["key-without-rotation"], "COMPLIANT")["outcome"] == "ignore"
    assert decided(story.cases["elastic-ip-unattached"])["outcome"] == "approve"
    assert story.everything() == before


def test_nothing_of_the_story_is_left_in_the_queues(stack, story):
    eventually(stack.assert_at_rest)
    assert story.see_bystanders() == story.bystanders
