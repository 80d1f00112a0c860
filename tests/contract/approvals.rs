//! Approval on an account in memory: asked once, bound to exactly one change, and never a way around a guardrail.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may")]

use std::collections::BTreeMap;

use jiff::Timestamp;
use plumb_lambda::Unfinished;
use plumb_model::{
    Answer, ApprovalRules, Execution, Mode, ModeRule, Policy, Remediation, Selector, State, Waiver,
};
use plumb_ports::Class;
use plumb_remediate::Remediator;
use plumb_tests::{Memory, deployment};
use serde_json::{Value, json};

const ADDRESS: &str = "elastic-ip-unattached#123456789012#us-east-1#AWS::EC2::EIP#eipalloc-0123456789abcdef0";

fn at(text: &str) -> Timestamp {
    format!("2026-06-01T{text}:00Z").parse().unwrap()
}

fn noon() -> Timestamp {
    at("12:00")
}

fn later() -> Timestamp {
    at("12:30")
}

fn after_expiry() -> Timestamp {
    at("14:01")
}

fn after_hands_off() -> Timestamp {
    at("18:00")
}

fn asking() -> Policy {
    let rules: ApprovalRules = serde_json::from_value(json!({
        "approvers": ["ann", "ben"], "expires_hours": 2, "hands_off_hours": 3,
    }))
    .unwrap();
    Policy { mode: Mode::Approve, approval: Some(rules), ..Policy::default() }
}

fn memory(policy: Policy) -> Memory {
    let memory = Memory::new(policy);
    memory.world().content = Some("abc".to_owned());
    memory
}

async fn handle(memory: &Memory, body: &str, now: fn() -> Timestamp) -> Result<Value, Unfinished> {
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

fn event(now: fn() -> Timestamp) -> String {
    json!({
        "version": "0", "id": "11111111-2222-3333-4444-555555555555", "source": "aws.config",
        "detail-type": "Config Rules Compliance Change", "account": "123456789012", "region": "us-east-1",
        "time": now(), "resources": [],
        "detail": {
            "messageType": "ComplianceChangeNotification", "awsAccountId": "123456789012", "awsRegion": "us-east-1",
            "configRuleName": "eip-attached", "resourceType": "AWS::EC2::EIP",
            "resourceId": "eipalloc-0123456789abcdef0",
            "newEvaluationResult": { "complianceType": "NON_COMPLIANT", "resultRecordedTime": now() },
        },
    })
    .to_string()
}

async fn found(memory: &Memory, now: fn() -> Timestamp) -> Value {
    handle(memory, &event(now), now).await.unwrap()
}

/// The execution that asks ends, and Systems Manager says so.
async fn answer(memory: &Memory, said: &str, now: fn() -> Timestamp) -> Result<Value, Unfinished> {
    let event = ends(memory, said);
    handle(memory, &event, now).await
}

fn ends(memory: &Memory, said: &str) -> String {
    let mut world = memory.world();
    let (id, action) =
        world.started.iter().rfind(|(_, action)| action.document == "plumb-approval").unwrap().clone();
    let status = if said == "Approved" { "Success" } else { "Failed" };
    let decision =
        json!({"Approver": "arn:aws:iam::123456789012:user/ann", "Decision": said, "Comment": "as agreed"});
    let outputs = BTreeMap::from([
        ("Approve.ApprovalStatus".to_owned(), json!(said)),
        ("Approve.ApproverDecisions".to_owned(), json!(decision.to_string())),
    ]);
    let execution = Execution {
        status: status.to_owned(),
        outputs,
        parameters: action.parameters,
        ..Execution::default()
    };
    world.executions.insert(id.clone(), execution);
    json!({
        "version": "0", "id": "99999999-2222-3333-4444-555555555555", "source": "aws.ssm",
        "detail-type": "EC2 Automation Execution Status-change Notification", "account": "123456789012",
        "region": "us-east-1", "time": "2026-06-01T12:01:00Z", "resources": [],
        "detail": { "ExecutionId": id, "Definition": "plumb-approval", "DefinitionVersion": 1.0, "Status": status },
    })
    .to_string()
}

fn record(memory: &Memory) -> Remediation {
    memory.world().records[ADDRESS].clone()
}

fn started(memory: &Memory) -> Vec<String> {
    memory.world().started.iter().map(|(_, action)| action.document.clone()).collect()
}

#[tokio::test]
async fn approvers_are_asked_once_with_everything_they_need() {
    let memory = memory(asking());
    found(&memory, noon).await;
    found(&memory, later).await;
    assert_eq!(started(&memory), ["plumb-approval"]);
    let record = record(&memory);
    assert_eq!(record.state, State::AwaitingApproval);
    let approval = record.approval.unwrap();
    assert_eq!(approval.expires_at, at("14:00"));
    assert_eq!(record.action.unwrap().document_version, "3", "pinned");
    let world = memory.world();
    let asked = &world.started[0].1.parameters;
    assert_eq!(asked["Approvers"], ["ann", "ben"]);
    assert_eq!(asked["Hash"], [approval.hash]);
    assert_eq!(asked["Remediation"], [ADDRESS]);
    assert!(asked["Change"][0].contains("plumb-elastic-ip-unattached version 3"), "{asked:?}");
    assert!(asked["Change"][0].contains("eipalloc-0123456789abcdef0"), "{asked:?}");
    for name in ["What", "Where", "Why", "Disruption", "Cost", "Undo", "Expires"] {
        let text = &asked[name][0];
        assert!((2..=512).contains(&text.chars().count()), "{name}: {text}");
    }
}

#[tokio::test]
async fn what_was_approved_is_started_once_and_the_record_names_who_approved() {
    let memory = memory(asking());
    found(&memory, noon).await;
    let approved = record(&memory).action.unwrap();
    let event = ends(&memory, "Approved");
    handle(&memory, &event, later).await.unwrap();
    handle(&memory, &event, later).await.unwrap();
    found(&memory, later).await;
    assert_eq!(started(&memory), ["plumb-approval", "plumb-elastic-ip-unattached"]);
    assert_eq!(memory.world().started[1].1, approved, "down to version, parameters and token");
    let record = record(&memory);
    assert_eq!(record.state, State::Running);
    assert_eq!(record.approval.unwrap().words[0].by, "arn:aws:iam::123456789012:user/ann");
}

#[tokio::test]
async fn a_no_is_recorded_and_counts_for_a_while() {
    let memory = memory(asking());
    found(&memory, noon).await;
    answer(&memory, "Rejected", later).await.unwrap();
    let declined = record(&memory);
    assert_eq!(declined.state, State::Declined);
    assert_eq!(declined.reason, "declined by arn:aws:iam::123456789012:user/ann");
    assert_eq!(found(&memory, after_expiry).await["decisions"][0]["outcome"], "defer");
    assert_eq!(started(&memory), ["plumb-approval"]);
    found(&memory, after_hands_off).await;
    assert_eq!(started(&memory), ["plumb-approval", "plumb-approval"], "asked again, much later");
}

#[tokio::test]
async fn a_waiver_or_a_mode_set_between_asking_and_approving_wins() {
    let waived = Policy {
        waivers: vec![Waiver {
            selector: Selector { control: Some("elastic-ip-unattached".to_owned()), ..Selector::default() },
            owner: "network".to_owned(),
            reason: "kept for the relaunch".to_owned(),
            expires: "2027-01-01T00:00:00Z".parse().unwrap(),
        }],
        ..asking()
    };
    let off = Policy { rules: vec![ModeRule { selector: Selector::default(), mode: Mode::Off }], ..asking() };
    for (policy, because) in [(waived, "waived by network"), (off, "the policy's mode is `off`")] {
        let memory = memory(asking());
        found(&memory, noon).await;
        memory.world().policy = Some(policy);
        answer(&memory, "Approved", later).await.unwrap();
        assert_eq!(started(&memory), ["plumb-approval"], "{because}");
        let record = record(&memory);
        assert_eq!(record.state, State::Declined);
        assert!(record.reason.starts_with("approved by arn:"), "{}", record.reason);
        assert!(record.reason.contains(because), "{}", record.reason);
    }
}

#[tokio::test]
async fn an_approval_is_for_this_content_these_parameters_and_this_time_only() {
    type Tamper = fn(&mut plumb_tests::World);
    let changes: [(&str, Tamper); 3] = [
        ("the document has changed", |world| world.content = Some("abd".to_owned())),
        ("the document has changed", |world| world.content = None),
        ("what would be done has changed", |world| {
            let record = world.records.get_mut(ADDRESS).unwrap();
            let action = record.action.as_mut().unwrap();
            action.parameters.insert("AllocationId".to_owned(), vec!["eipalloc-0f".to_owned()]);
        }),
    ];
    for (because, change) in changes {
        let memory = memory(asking());
        found(&memory, noon).await;
        change(&mut memory.world());
        answer(&memory, "Approved", later).await.unwrap();
        assert_eq!(started(&memory), ["plumb-approval"], "{because}");
        assert_eq!(record(&memory).state, State::Declined);
        assert!(record(&memory).reason.contains(because), "{}", record(&memory).reason);
    }
    let memory = memory(asking());
    found(&memory, noon).await;
    answer(&memory, "Approved", after_expiry).await.unwrap();
    assert_eq!(started(&memory), ["plumb-approval"]);
    assert_eq!(record(&memory).state, State::Declined);
}

#[tokio::test]
async fn an_approval_can_t_be_taken_from_another_question() {
    let memory = memory(asking());
    found(&memory, noon).await;
    let event = ends(&memory, "Approved");
    memory.world().records.get_mut(ADDRESS).unwrap().approval.as_mut().unwrap().hash = "0".repeat(64);
    handle(&memory, &event, later).await.unwrap();
    assert_eq!(started(&memory), ["plumb-approval"]);
    assert_eq!(record(&memory).approval.unwrap().answer, None);
}

#[tokio::test]
async fn nobody_answers_and_the_next_finding_says_so() {
    let memory = memory(asking());
    found(&memory, noon).await;
    found(&memory, after_expiry).await;
    let lapsed = record(&memory);
    assert_eq!(lapsed.state, State::Declined);
    assert_eq!(lapsed.approval.unwrap().answer, Some(Answer::Lapsed));
    assert_eq!(memory.world().withdrawn.len(), 1, "the question is taken back");
}

#[tokio::test]
async fn a_question_that_never_went_out_goes_out_with_the_same_token() {
    let memory = memory(asking());
    memory.world().failures.push(("ssm:StartAutomationExecution", Class::Retry, "ThrottlingException"));
    handle(&memory, &event(noon), noon).await.unwrap_err();
    let asked_at = record(&memory).approval.unwrap().asked_at;
    found(&memory, later).await;
    let asked = record(&memory).approval.unwrap();
    assert_eq!(started(&memory), ["plumb-approval"]);
    assert_eq!(asked.asked_at, asked_at, "the same question");
    assert!(asked.execution_id.is_some());
}

#[tokio::test]
async fn without_approvers_it_is_only_recorded_and_says_why() {
    let memory = memory(Policy { approval: None, ..asking() });
    found(&memory, noon).await;
    assert!(started(&memory).is_empty());
    let record = record(&memory);
    assert_eq!((record.state, record.approval), (State::AwaitingApproval, None));
    assert!(record.verdicts.iter().any(|verdict| verdict.because.contains("names nobody")));
}
