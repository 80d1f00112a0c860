//! The sweep on an account in memory: nothing is lost, nothing is flooded, and what ran out of time goes on.

#![expect(clippy::unwrap_used, reason = "a test may")]

use jiff::{SignedDuration, Timestamp};
use plumb_model::{ControlId, Mode, Policy, Remediation, ResourceRef, Selector, Source, State, Waiver};
use plumb_ports::{Class, tell::Line};
use plumb_sweep::Sweeper;
use plumb_tests::{Memory, deployment};
use serde_json::{Value, json};

const RULE: &str = "s3-bucket-level-public-access-prohibited";

fn noon() -> Timestamp {
    "2026-06-01T12:00:00Z".parse().unwrap()
}

fn later() -> Timestamp {
    noon() + SignedDuration::from_mins(10)
}

type OnMemory<'a> = Sweeper<&'a Memory, &'a Memory, &'a Memory, &'a Memory, &'a Memory, &'a Memory>;

fn sweeper(memory: &Memory) -> OnMemory<'_> {
    Sweeper {
        deployment: deployment(),
        config: memory,
        ledger: memory,
        memory,
        findings: memory,
        status: memory,
        policy: memory,
        digest: memory,
        now: noon,
    }
}

fn bucket(name: &str) -> ResourceRef {
    serde_json::from_value(json!({
        "account": "123456789012", "region": "us-east-1", "type": "AWS::S3::Bucket", "id": name,
    }))
    .unwrap()
}

fn record(name: &str, state: State) -> Remediation {
    let control = ControlId::parse("bucket-public-access").unwrap();
    let source = Source::ConfigRule { rule: RULE.to_owned() };
    Remediation { state, ..Remediation::seen(control, bucket(name), source, noon()) }
}

fn world_of(buckets: &[&str]) -> Memory {
    let memory = Memory::new(Policy { mode: Mode::Auto, ..Policy::default() });
    let listed = buckets.iter().map(|name| bucket(name)).collect();
    memory.world().non_compliant.insert(RULE.to_owned(), listed);
    memory
}

/// The ids of the resources that went to a queue, in order.
fn sent(memory: &Memory) -> Vec<String> {
    let event = |body: &String| serde_json::from_str::<Value>(body).unwrap();
    let id = |event: Value| {
        let id = event.pointer("/detail/resourceId").or_else(|| event.pointer("/detail/resource/id"));
        id.and_then(Value::as_str).unwrap().to_owned()
    };
    memory.world().sent.iter().map(event).map(id).collect()
}

#[tokio::test]
async fn every_page_comes_back_through_the_same_door() {
    let memory = world_of(&["a", "b", "c", "d", "e"]);
    let swept = sweeper(&memory).sweep(later()).await.unwrap();
    assert_eq!(sent(&memory), ["a", "b", "c", "d", "e"]);
    assert_eq!((&swept["found"]["bucket-public-access"], &swept["finished"]), (&json!(5), &json!(true)));
}

#[tokio::test]
async fn what_is_under_way_or_to_be_left_alone_is_not_sent_again() {
    let memory = world_of(&["running", "escalated", "detected", "fixed"]);
    for (name, state) in [
        ("running", State::Running),
        ("escalated", State::Escalated),
        ("detected", State::Detected),
        ("fixed", State::Fixed),
    ] {
        let record = record(name, state);
        memory.world().records.insert(record.key(), record);
    }
    let swept = sweeper(&memory).sweep(later()).await.unwrap();
    assert_eq!(sent(&memory), ["detected", "fixed"]);
    assert_eq!(swept["known"], 2);
}

#[tokio::test]
async fn a_record_whose_time_has_come_is_looked_at_again_and_another_is_not() {
    let memory = world_of(&[]);
    for (name, due) in [("late", noon() - SignedDuration::from_secs(1)), ("early", later())] {
        let record = Remediation { due_at: Some(due), ..record(name, State::Running) };
        memory.world().records.insert(record.key(), record);
    }
    let swept = sweeper(&memory).sweep(later()).await.unwrap();
    assert_eq!((sent(&memory), &swept["due"]), (vec!["late".to_owned()], &json!(1)));
    assert!(memory.world().sent[0].contains("Plumb Remediation Due"));
}

#[tokio::test]
async fn a_throttled_sweep_goes_on_where_it_stopped() {
    let memory = world_of(&["a", "b", "c"]);
    memory.world().failures.push((
        "config:GetComplianceDetailsByConfigRule",
        Class::Retry,
        "ThrottlingException",
    ));
    let swept = sweeper(&memory).sweep(later()).await.unwrap();
    assert_eq!((&swept["finished"], memory.world().cursor.is_some()), (&json!(false), true));
    let swept = sweeper(&memory).sweep(later()).await.unwrap();
    assert_eq!((&swept["finished"], &swept["resumed"]), (&json!(true), &json!(true)));
    assert_eq!(sent(&memory), ["a", "b", "c"]);
    assert_eq!(memory.world().cursor, None);
}

#[tokio::test]
async fn a_sweep_without_time_sends_nothing_and_forgets_nothing() {
    let memory = world_of(&["a"]);
    let swept = sweeper(&memory).sweep(noon()).await.unwrap();
    assert_eq!((&swept["finished"], sent(&memory).len()), (&json!(false), 0));
    sweeper(&memory).sweep(later()).await.unwrap();
    assert_eq!(sent(&memory), ["a"]);
}

#[tokio::test]
async fn an_ended_waiver_is_reported_once() {
    let memory = world_of(&[]);
    let waiver = |expires| Waiver {
        selector: Selector { resource: Some("public-website".to_owned()), ..Selector::default() },
        owner: "web team".to_owned(),
        reason: "serves the public site".to_owned(),
        expires,
    };
    let waivers = vec![waiver(noon()), waiver(later())];
    memory.world().policy = Some(Policy { waivers, ..Policy::default() });
    for _ in 0..2 {
        sweeper(&memory).sweep(later()).await.unwrap();
    }
    let lines = memory.world().lines.clone();
    assert!(
        matches!(lines.as_slice(), [Line::WaiverExpired { expired, .. }] if *expired == noon()),
        "{lines:?}"
    );
}

#[tokio::test]
async fn a_policy_that_cant_be_read_keeps_nobody_from_being_swept() {
    let memory = world_of(&["a"]);
    memory.world().policy = None;
    sweeper(&memory).sweep(later()).await.unwrap();
    assert_eq!(sent(&memory), ["a"]);
}
