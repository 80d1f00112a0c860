//! The functions on an account in memory, by scenario. One of them is silence: nothing was called.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may")]

use std::collections::BTreeMap;

use jiff::Timestamp;
use plumb_lambda::Unfinished;
use plumb_model::{Limits, Looker, Mode, Policy, Remediation, Selector, State, Waiver};
use plumb_ports::{Class, Execution};
use plumb_remediate::Remediator;
use plumb_sweep::Sweeper;
use plumb_tests::{Memory, deployment};
use plumb_track::Tracker;
use serde_json::{Value, json};

const BUCKET: &str = "bucket-public-access#123456789012#us-east-1#AWS::S3::Bucket#holiday-photos";

fn noon() -> Timestamp {
    "2026-06-01T12:00:00Z".parse().unwrap()
}

fn one() -> Timestamp {
    "2026-06-01T13:00:00Z".parse().unwrap()
}

fn auto() -> Policy {
    Policy { mode: Mode::Auto, ..Policy::default() }
}

fn config_event(compliance: &str, at: &str) -> String {
    json!({
        "version": "0", "id": "11111111-2222-3333-4444-555555555555", "source": "aws.config",
        "detail-type": "Config Rules Compliance Change", "account": "123456789012", "region": "us-east-1",
        "time": at, "resources": [],
        "detail": {
            "messageType": "ComplianceChangeNotification", "awsAccountId": "123456789012", "awsRegion": "us-east-1",
            "configRuleName": "s3-bucket-level-public-access-prohibited",
            "resourceType": "AWS::S3::Bucket", "resourceId": "holiday-photos",
            "newEvaluationResult": { "complianceType": compliance, "resultRecordedTime": at },
        },
    })
    .to_string()
}

fn violating() -> String {
    config_event("NON_COMPLIANT", "2026-06-01T11:59:00Z")
}

fn ssm_event(execution: &str, status: &str) -> String {
    json!({
        "version": "0", "id": "99999999-2222-3333-4444-555555555555", "source": "aws.ssm",
        "detail-type": "EC2 Automation Execution Status-change Notification", "account": "123456789012",
        "region": "us-east-1", "time": "2026-06-01T12:01:00Z", "resources": [],
        "detail": { "ExecutionId": execution, "Definition": "plumb-bucket-public-access", "DefinitionVersion": 1.0,
                    "Status": status },
    })
    .to_string()
}

async fn remediate(memory: &Memory, body: &str, now: fn() -> Timestamp) -> Result<Value, Unfinished> {
    let remediator = Remediator {
        deployment: deployment(),
        ledger: memory,
        automation: memory,
        policy: memory,
        surroundings: memory,
        later: memory,
        now,
    };
    // Boxed: a future as large as the work is.
    Box::pin(remediator.handle(body)).await
}

async fn track(memory: &Memory, body: &str, now: fn() -> Timestamp) -> Result<Value, Unfinished> {
    let tracker = Tracker {
        deployment: deployment(),
        ledger: memory,
        automation: memory,
        config: memory,
        later: memory,
        now,
    };
    Box::pin(tracker.handle(body)).await
}

fn outcome(answer: &Value) -> &str {
    answer.pointer("/decisions/0/outcome").and_then(Value::as_str).unwrap_or("none")
}

fn standing(memory: &Memory) -> Remediation {
    memory.world().records[BUCKET].clone()
}

/// The runbook of the one started execution ends.
fn ends(memory: &Memory, status: &str, found: bool, compliant: bool, verify: &str) -> String {
    let mut world = memory.world();
    let id = world.started.last().unwrap().0.clone();
    let outputs = BTreeMap::from([
        ("Inspect.Found".to_owned(), json!(found)),
        ("Inspect.Compliant".to_owned(), json!(compliant)),
        ("Inspect.Before".to_owned(), json!("{\"configuration\":null}")),
    ]);
    let steps = vec![("Inspect".to_owned(), "Success".to_owned()), ("Verify".to_owned(), verify.to_owned())];
    let failure = (status != "Success").then(|| "Step fails when it is Execute/Cancelling action".to_owned());
    let action = world.started.last().unwrap().1.clone();
    let execution = Execution {
        status: status.to_owned(),
        outputs,
        steps,
        failure,
        document: action.document,
        parameters: action.parameters,
        started_at: Some(noon()),
    };
    world.executions.insert(id.clone(), execution);
    id
}

#[tokio::test]
async fn dry_run_records_and_starts_nothing() {
    let memory = Memory::new(Policy::default());
    let answer = remediate(&memory, &violating(), noon).await.unwrap();
    assert_eq!(outcome(&answer), "notify");
    assert!(memory.world().started.is_empty());
    assert_eq!(standing(&memory).state, State::Detected);
    // Again: not even a write.
    remediate(&memory, &violating(), noon).await.unwrap();
    assert_eq!(memory.world().writes.len(), 1);
}

#[tokio::test]
async fn a_compliant_resource_is_met_with_silence() {
    let memory = Memory::new(auto());
    let event = config_event("COMPLIANT", "2026-06-01T11:59:00Z");
    assert_eq!(outcome(&remediate(&memory, &event, noon).await.unwrap()), "ignore");
    assert!(memory.world().writes.is_empty());
    assert!(memory.world().started.is_empty());
}

#[tokio::test]
async fn a_violation_is_claimed_started_verified_and_closed() {
    let memory = Memory::new(auto());
    assert_eq!(outcome(&remediate(&memory, &violating(), noon).await.unwrap()), "start");
    assert_eq!(standing(&memory).state, State::Running);
    let id = ends(&memory, "Success", true, false, "Success");
    track(&memory, &ssm_event(&id, "Success"), noon).await.unwrap();
    assert_eq!(standing(&memory).state, State::Verifying);
    assert_eq!(memory.world().reevaluated, ["s3-bucket-level-public-access-prohibited"]);
    track(&memory, &config_event("COMPLIANT", "2026-06-01T12:02:00Z"), noon).await.unwrap();
    let record = standing(&memory);
    assert_eq!(record.state, State::Fixed);
    assert_eq!(record.before, Some(json!("{\"configuration\":null}")));
    let states: Vec<_> = memory.world().writes.iter().map(|record| record.state).collect();
    assert_eq!(states, [State::Planned, State::Running, State::Verifying, State::Fixed]);
}

#[tokio::test]
async fn the_detector_may_agree_before_the_runbook_has_ended() {
    let memory = Memory::new(auto());
    remediate(&memory, &violating(), noon).await.unwrap();
    track(&memory, &config_event("COMPLIANT", "2026-06-01T12:00:30Z"), noon).await.unwrap();
    assert_eq!(standing(&memory).state, State::Running);
    let id = ends(&memory, "Success", true, false, "Success");
    track(&memory, &ssm_event(&id, "Success"), noon).await.unwrap();
    assert_eq!(standing(&memory).state, State::Fixed);
    assert!(memory.world().reevaluated.is_empty());
}

#[tokio::test]
async fn what_could_not_be_judged_is_no_agreement_and_what_is_not_applicable_any_more_is() {
    for (annotation, state) in
        [("not judged: s3:GetBucketPolicyStatus failed (AccessDenied)", State::Verifying), ("", State::Fixed)]
    {
        let memory = Memory::new(auto());
        remediate(&memory, &violating(), noon).await.unwrap();
        let id = ends(&memory, "Success", true, false, "Success");
        track(&memory, &ssm_event(&id, "Success"), noon).await.unwrap();
        let mut event: Value =
            serde_json::from_str(&config_event("NOT_APPLICABLE", "2026-06-01T12:02:00Z")).unwrap();
        event["detail"]["newEvaluationResult"]["annotation"] = annotation.into();
        track(&memory, &event.to_string(), noon).await.unwrap();
        assert_eq!(standing(&memory).state, state, "{annotation}");
    }
}

#[tokio::test]
async fn an_old_compliant_event_closes_nothing() {
    let memory = Memory::new(auto());
    remediate(&memory, &violating(), noon).await.unwrap();
    let id = ends(&memory, "Success", true, false, "Success");
    track(&memory, &ssm_event(&id, "Success"), noon).await.unwrap();
    track(&memory, &config_event("COMPLIANT", "2026-06-01T10:00:00Z"), noon).await.unwrap();
    assert_eq!(standing(&memory).state, State::Verifying);
}

#[tokio::test]
async fn the_same_finding_twice_starts_one_runbook() {
    let memory = Memory::new(auto());
    remediate(&memory, &violating(), noon).await.unwrap();
    let again = remediate(&memory, &violating(), noon).await.unwrap();
    assert_eq!(outcome(&again), "skip");
    assert_eq!(memory.world().started.len(), 1);
}

#[tokio::test]
async fn a_finding_older_than_the_fix_is_stale() {
    let memory = Memory::new(auto());
    remediate(&memory, &violating(), noon).await.unwrap();
    let id = ends(&memory, "Success", true, false, "Success");
    track(&memory, &ssm_event(&id, "Success"), noon).await.unwrap();
    track(&memory, &config_event("COMPLIANT", "2026-06-01T12:02:00Z"), noon).await.unwrap();
    let late = remediate(&memory, &violating(), one).await.unwrap();
    assert_eq!(outcome(&late), "ignore");
    assert_eq!(memory.world().started.len(), 1);
    let new = config_event("NON_COMPLIANT", "2026-06-01T12:59:00Z");
    assert_eq!(outcome(&remediate(&memory, &new, one).await.unwrap()), "start");
    assert_eq!(standing(&memory).generation, 2);
}

#[tokio::test]
async fn a_crash_between_claim_and_start_is_taken_up_with_the_same_token() {
    let memory = Memory::new(auto());
    let failure = ("ssm:StartAutomationExecution", Class::Ambiguous, "timeout");
    memory.world().failures.push(failure);
    assert!(matches!(remediate(&memory, &violating(), noon).await, Err(Unfinished::Port(_))));
    assert_eq!(standing(&memory).state, State::Planned);
    let token = standing(&memory).action.unwrap().client_token;
    // A duplicate within the lease leaves the claim alone; the message that comes back later takes it up.
    assert_eq!(outcome(&remediate(&memory, &violating(), noon).await.unwrap()), "skip");
    assert_eq!(outcome(&remediate(&memory, &violating(), one).await.unwrap()), "start");
    let record = standing(&memory);
    assert_eq!((record.generation, record.action.unwrap().client_token), (1, token));
    assert_eq!(memory.world().started.len(), 1);
}

#[tokio::test]
async fn a_crash_after_the_start_does_not_start_again() {
    let memory = Memory::new(auto());
    remediate(&memory, &violating(), noon).await.unwrap();
    // The write of `Running` was lost: the ledger still holds the claim.
    let claim = memory.world().writes[0].clone();
    memory.world().records.insert(BUCKET.to_owned(), claim);
    assert_eq!(outcome(&remediate(&memory, &violating(), one).await.unwrap()), "start");
    assert_eq!(memory.world().started.len(), 1);
    assert_eq!(standing(&memory).state, State::Running);
}

#[tokio::test]
async fn an_unreadable_policy_changes_nothing_and_the_message_comes_again() {
    let memory = Memory::new(auto());
    memory.world().policy = None;
    assert!(matches!(remediate(&memory, &violating(), noon).await, Err(Unfinished::Port(_))));
    assert!(memory.world().writes.is_empty());
    assert!(memory.world().started.is_empty());
}

#[tokio::test]
async fn a_waived_bucket_is_left_alone() {
    let waiver = Waiver {
        selector: Selector { resource: Some("holiday-*".to_owned()), ..Selector::default() },
        owner: "web team".to_owned(),
        reason: "serves the public site".to_owned(),
        expires: "2026-12-31T00:00:00Z".parse().unwrap(),
    };
    let memory = Memory::new(Policy { waivers: vec![waiver], ..auto() });
    assert_eq!(outcome(&remediate(&memory, &violating(), noon).await.unwrap()), "skip");
    assert!(memory.world().writes.is_empty());
}

#[tokio::test]
async fn a_runbook_that_cannot_be_started_is_recorded_as_failed_and_not_tried_without_end() {
    let memory = Memory::new(auto());
    let failure = ("ssm:StartAutomationExecution", Class::Permanent, "AutomationDefinitionNotFoundException");
    memory.world().failures.push(failure);
    assert!(remediate(&memory, &violating(), noon).await.is_err());
    assert_eq!(standing(&memory).state, State::Failed);
    assert_eq!(outcome(&remediate(&memory, &violating(), noon).await.unwrap()), "defer");
    assert!(memory.world().started.is_empty());
}

#[tokio::test]
async fn after_three_failed_runbooks_a_person_has_to_look() {
    let policy =
        Policy { limits: Limits { attempts: 3, cooldown_seconds: 0, ..Limits::default() }, ..auto() };
    let memory = Memory::new(policy);
    for attempt in 1..=3 {
        assert_eq!(outcome(&remediate(&memory, &violating(), noon).await.unwrap()), "start", "{attempt}");
        let id = ends(&memory, "Failed", true, false, "Pending");
        track(&memory, &ssm_event(&id, "Failed"), noon).await.unwrap();
        assert_eq!(standing(&memory).attempts, attempt);
        let state = if attempt < 3 { State::Failed } else { State::Escalated };
        assert_eq!(standing(&memory).state, state);
    }
    assert_eq!(outcome(&remediate(&memory, &violating(), noon).await.unwrap()), "skip");
    assert_eq!(memory.world().started.len(), 3);
}

#[tokio::test]
async fn a_runbook_that_found_nothing_to_do_is_not_called_a_fix() {
    for (found, compliant) in [(true, true), (false, true)] {
        let memory = Memory::new(auto());
        remediate(&memory, &violating(), noon).await.unwrap();
        let id = ends(&memory, "Success", found, compliant, "Pending");
        track(&memory, &ssm_event(&id, "Success"), noon).await.unwrap();
        assert_eq!(standing(&memory).state, State::Unneeded);
    }
}

#[tokio::test]
async fn a_success_without_verification_is_a_failure() {
    let memory = Memory::new(auto());
    remediate(&memory, &violating(), noon).await.unwrap();
    let id = ends(&memory, "Success", true, false, "Pending");
    track(&memory, &ssm_event(&id, "Success"), noon).await.unwrap();
    assert_eq!(standing(&memory).state, State::Failed);
}

#[tokio::test]
async fn the_event_says_where_to_look_and_the_execution_how_it_ended() {
    let memory = Memory::new(auto());
    remediate(&memory, &violating(), noon).await.unwrap();
    let id = ends(&memory, "Failed", true, false, "Failed");
    track(&memory, &ssm_event(&id, "Success"), noon).await.unwrap();
    assert_eq!(standing(&memory).state, State::Failed);
}

#[tokio::test]
async fn a_status_before_its_record_comes_again_and_one_of_others_is_let_go() {
    let memory = Memory::new(auto());
    let unknown = track(&memory, &ssm_event("nobody", "Success"), noon).await;
    assert!(matches!(unknown, Err(Unfinished::NotYet(_))));
    let theirs = ssm_event("nobody", "Success").replace("plumb-bucket", "AWS-bucket");
    assert!(track(&memory, &theirs, noon).await.is_ok());
    assert!(matches!(track(&memory, &ssm_event("x", "Sideways"), noon).await, Err(Unfinished::Rejected(_))));
}

#[tokio::test]
async fn a_repeated_end_moves_nothing() {
    let memory = Memory::new(auto());
    remediate(&memory, &violating(), noon).await.unwrap();
    let id = ends(&memory, "Failed", true, false, "Failed");
    track(&memory, &ssm_event(&id, "Failed"), noon).await.unwrap();
    let writes = memory.world().writes.len();
    track(&memory, &ssm_event(&id, "Failed"), noon).await.unwrap();
    track(&memory, &ssm_event(&id, "InProgress"), noon).await.unwrap();
    assert_eq!(memory.world().writes.len(), writes);
}

#[tokio::test]
async fn a_throttled_re_evaluation_is_asked_for_later_without_using_up_receives() {
    let memory = Memory::new(auto());
    remediate(&memory, &violating(), noon).await.unwrap();
    let id = ends(&memory, "Success", true, false, "Success");
    let failure = ("config:StartConfigRulesEvaluation", Class::Retry, "LimitExceededException");
    memory.world().failures.push(failure);
    track(&memory, &ssm_event(&id, "Success"), noon).await.unwrap();
    assert_eq!(standing(&memory).state, State::Verifying);
    let (to, body, seconds) = memory.world().later[0].clone();
    assert_eq!(to, Looker::Track);
    assert!((60..120).contains(&seconds), "{seconds}");
    track(&memory, &body, noon).await.unwrap();
    assert_eq!(memory.world().reevaluated.len(), 1);
}

/// A person asks that the first attempt be undone.
fn rollback_request() -> String {
    json!({
        "version": "0", "id": "1", "source": "plumb", "detail-type": "Plumb Rollback Requested",
        "account": "123456789012", "region": "us-east-1", "time": "2026-06-01T12:30:00Z", "resources": [],
        "detail": {
            "control": "bucket-public-access", "generation": 1, "requested_by": "alex",
            "resource": { "account": "123456789012", "region": "us-east-1", "type": "AWS::S3::Bucket", "id": "holiday-photos" },
        },
    })
    .to_string()
}

/// A rollback is under way.
async fn undoing() -> Memory {
    let memory = Memory::new(auto());
    remediate(&memory, &violating(), noon).await.unwrap();
    let id = ends(&memory, "Success", true, false, "Success");
    track(&memory, &ssm_event(&id, "Success"), noon).await.unwrap();
    track(&memory, &config_event("COMPLIANT", "2026-06-01T12:02:00Z"), noon).await.unwrap();
    assert_eq!(outcome(&remediate(&memory, &rollback_request(), noon).await.unwrap()), "start");
    memory
}

#[tokio::test]
async fn a_rollback_that_finds_nothing_to_restore_is_done_and_one_that_verified_nothing_is_not() {
    for (found, restored, state, reason) in [
        (true, true, State::RolledBack, "was there already"),
        (false, true, State::RolledBack, "is gone"),
        // What the remediation deleted is not found, and has to be restored.
        (false, false, State::Escalated, "ended without verifying"),
        (true, false, State::Escalated, "ended without verifying"),
    ] {
        let memory = undoing().await;
        let id = ends(&memory, "Success", found, false, "Pending");
        {
            let mut world = memory.world();
            let execution = world.executions.get_mut(&id).unwrap();
            execution.outputs.insert("Inspect.Restored".to_owned(), json!(restored));
        }
        track(&memory, &ssm_event(&id, "Success"), noon).await.unwrap();
        let record = standing(&memory);
        assert_eq!(record.state, state, "found {found}, restored {restored}");
        assert!(record.reason.contains(reason), "{}", record.reason);
    }
}

#[tokio::test]
async fn a_rollback_restores_and_then_keeps_hands_off() {
    let memory = Memory::new(auto());
    remediate(&memory, &violating(), noon).await.unwrap();
    let id = ends(&memory, "Success", true, false, "Success");
    track(&memory, &ssm_event(&id, "Success"), noon).await.unwrap();
    track(&memory, &config_event("COMPLIANT", "2026-06-01T12:02:00Z"), noon).await.unwrap();
    let request = rollback_request();
    let late = request.replace("\"generation\":1", "\"generation\":2");
    let refused = remediate(&memory, &late, noon).await.unwrap();
    assert_eq!(outcome(&refused), "skip", "another attempt was to be undone: {refused}");
    assert_eq!(standing(&memory).state, State::Fixed);
    assert_eq!(outcome(&remediate(&memory, &request, noon).await.unwrap()), "start");
    {
        let world = memory.world();
        let (_, action) = world.started.last().unwrap();
        assert_eq!(action.document, "plumb-bucket-public-access-rollback");
        assert_eq!(action.parameters["Before"], ["{\"configuration\":null}"]);
    }
    let id = ends(&memory, "Success", true, false, "Success");
    track(&memory, &ssm_event(&id, "Success"), noon).await.unwrap();
    assert_eq!(standing(&memory).state, State::RolledBack);
    let new = config_event("NON_COMPLIANT", "2026-06-01T12:59:00Z");
    assert_eq!(outcome(&remediate(&memory, &new, one).await.unwrap()), "skip");
}

#[tokio::test]
async fn the_sweep_brings_every_page_back_through_the_same_door() {
    let memory = Memory::new(Policy::default());
    let bucket = |id: &str| plumb_model::ResourceRef {
        account: deployment().account,
        region: deployment().region,
        kind: "AWS::S3::Bucket".to_owned(),
        id: id.to_owned(),
    };
    let buckets = ["one", "two", "three", "four", "five"].map(bucket).to_vec();
    memory.world().non_compliant.insert("plumb-bucket-public-access".to_owned(), buckets);
    let sweeper = Sweeper {
        deployment: deployment(),
        config: &memory,
        ledger: &memory,
        memory: &memory,
        findings: &memory,
        status: &memory,
        policy: &memory,
        digest: &memory,
        now: noon,
    };
    sweeper.sweep(one()).await.unwrap();
    let sent = memory.world().sent.clone();
    assert_eq!(sent.len(), 5);
    for body in &sent {
        assert_eq!(outcome(&remediate(&memory, body, noon).await.unwrap()), "notify");
    }
    assert_eq!(memory.world().records.len(), 5);
}

#[tokio::test]
async fn a_malformed_event_is_not_lost() {
    let memory = Memory::new(auto());
    assert!(matches!(remediate(&memory, "not json", noon).await, Err(Unfinished::Rejected(_))));
    assert!(matches!(track(&memory, "{", noon).await, Err(Unfinished::Rejected(_))));
}

#[tokio::test]
async fn a_batch_reports_only_the_messages_that_failed() {
    let memory = Memory::new(auto());
    let message = |id: &str, body: &str| {
        json!({ "messageId": id, "receiptHandle": "r", "body": body, "attributes": {}, "messageAttributes": {},
                "md5OfBody": "", "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:q",
                "awsRegion": "us-east-1" })
    };
    let batch = json!({ "Records": [message("good", &violating()), message("bad", "not json")] });
    let remediator = Remediator {
        deployment: deployment(),
        ledger: &memory,
        automation: &memory,
        policy: &memory,
        surroundings: &memory,
        later: &memory,
        now: noon as fn() -> Timestamp,
    };
    let answer =
        plumb_lambda::answer(batch, &async |body: &str| Box::pin(remediator.handle(body)).await, &())
            .await
            .unwrap();
    assert_eq!(answer, json!({ "batchItemFailures": [{ "itemIdentifier": "bad" }] }));
    assert_eq!(memory.world().started.len(), 1);
}
