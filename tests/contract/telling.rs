//! What people and other systems hear of remediations, with everybody in memory.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may")]

use std::cell::RefCell;

use jiff::{SignedDuration, Timestamp};
use plumb_model::{AccountId, ControlId, FindingRef, Region, Remediation, ResourceRef, Source, State};
use plumb_ports::{Class, tell::Channel};
use plumb_tell::Teller;
use plumb_tests::{Ears, deployment};
use serde_json::{Map, Value, json};

fn noon() -> Timestamp {
    "2026-11-25T12:00:00Z".parse().unwrap()
}

fn teller(ears: &Ears) -> Teller<&Ears, &Ears, &Ears, &Ears, &Ears, &Ears> {
    Teller {
        deployment: deployment(),
        history: ears,
        bus: ears,
        topic: ears,
        ops_items: ears,
        notes: ears,
        digest: ears,
        measured: |line| MEASURED.with_borrow_mut(|lines| lines.push(line.clone())),
        now: noon,
    }
}

thread_local! {
    /// What this test's teller measured.
    static MEASURED: RefCell<Vec<Value>> = const { RefCell::new(Vec::new()) };
}

fn measured() -> Vec<Value> {
    MEASURED.with_borrow_mut(std::mem::take)
}

#[tokio::test]
async fn what_ended_is_counted_once_and_what_is_under_way_is_not() {
    let ears = Ears::default();
    let teller = teller(&ears);
    let since = noon() - SignedDuration::from_secs(90);
    let of = |state| Remediation { started_at: Some(since), since: noon(), ..record("b", state) };
    let (running, verifying, fixed) = (of(State::Running), of(State::Verifying), of(State::Fixed));
    let steps = [
        written(1, None, &running),
        written(2, Some(&running), &verifying),
        written(3, Some(&verifying), &fixed),
    ];
    teller.records(&steps).await.unwrap();
    let lines = measured();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let line = &lines[0];
    assert_eq!(
        (&line["State"], &line["Transitions"], &line["TimeToFix"]),
        (&json!("fixed"), &json!(1), &json!(90))
    );
    assert_eq!(line["Prefix"], json!("plumb"));
    // What the format's specification asks for: each dimension and metric is a member of the line.
    let directive = &line["_aws"]["CloudWatchMetrics"][0];
    assert_eq!(directive["Namespace"], json!("Plumb"));
    assert_eq!(directive["Dimensions"], json!([["Prefix", "State"]]));
    for metric in directive["Metrics"].as_array().unwrap() {
        assert!(line[metric["Name"].as_str().unwrap()].is_number());
    }
    assert_eq!(line["_aws"]["Timestamp"], json!(noon().as_millisecond()));
    // The stream brings a batch again when one of it failed.
    teller.records(&steps).await.unwrap();
    assert_eq!(measured(), [Value::Null; 0]);
}

fn record(bucket: &str, state: State) -> Remediation {
    serde_json::from_value(json!({
        "control": "bucket-public-access",
        "resource": ResourceRef {
            account: AccountId::parse("123456789012").unwrap(),
            region: Region::parse("us-east-1").unwrap(),
            kind: "AWS::S3::Bucket".to_owned(),
            id: bucket.to_owned(),
        },
        "generation": 1,
        "state": state,
        "attempts": 0,
        "source": Source::ConfigRule { rule: "plumb-bucket-public-access".to_owned() },
        "action": null,
        "execution_id": null,
        "before": null,
        "reason": "because the test says so",
        "verdicts": [],
        "detected_at": noon(),
        "updated_at": noon(),
    }))
    .unwrap()
}

/// A record of the stream, as Lambda delivers it.
fn written(sequence: usize, old: Option<&Remediation>, new: &Remediation) -> Value {
    let mut change = json!({ "SequenceNumber": sequence.to_string(), "NewImage": image(new) });
    if let Some(old) = old {
        change["OldImage"] = image(old);
    }
    json!({ "eventSource": "aws:dynamodb", "eventName": "MODIFY", "dynamodb": change })
}

fn image(record: &Remediation) -> Value {
    typed(&serde_json::to_value(record).unwrap())["M"].clone()
}

fn typed(value: &Value) -> Value {
    match value {
        Value::Null => json!({ "NULL": true }),
        Value::Bool(flag) => json!({ "BOOL": flag }),
        Value::Number(number) => json!({ "N": number.to_string() }),
        Value::String(text) => json!({ "S": text }),
        Value::Array(items) => json!({ "L": items.iter().map(typed).collect::<Vec<_>>() }),
        Value::Object(map) => {
            json!({ "M": map.iter().map(|(k, v)| (k.clone(), typed(v))).collect::<Map<_, _>>() })
        }
    }
}

#[tokio::test]
async fn a_transition_is_told_once_however_often_the_stream_brings_it() {
    let ears = Ears::default();
    let batch = [written(1, Some(&record("b", State::Running)), &record("b", State::Escalated))];
    for _ in 0..3 {
        assert_eq!(teller(&ears).records(&batch).await.unwrap(), Vec::<String>::new());
    }
    let heard = ears.heard();
    assert_eq!((heard.bus.len(), heard.messages.len(), heard.ops_items_asked), (1, 1, 1));
    assert_eq!((heard.bus[0].from, heard.bus[0].to), (Some(State::Running), State::Escalated));
    assert!(heard.messages[0].text.contains("because the test says so"), "{:?}", heard.messages);
}

#[tokio::test]
async fn a_write_that_moves_nothing_is_nobodys_news() {
    let ears = Ears::default();
    let running = record("b", State::Running);
    let confirmed = Remediation { confirmed_at: Some(noon()), ..running.clone() };
    teller(&ears).records(&[written(1, Some(&running), &confirmed)]).await.unwrap();
    assert!(ears.heard().bus.is_empty() && ears.heard().history.is_empty());
}

#[tokio::test]
async fn a_way_that_fails_is_tried_again_and_the_others_are_not() {
    let ears = Ears::default();
    let batch = [written(7, None, &record("b", State::Escalated))];
    ears.heard().failures.push(("sns:Publish", Class::Retry));
    assert_eq!(teller(&ears).records(&batch).await.unwrap(), ["7"]);
    assert_eq!(teller(&ears).records(&batch).await.unwrap(), Vec::<String>::new());
    let heard = ears.heard();
    assert_eq!((heard.bus.len(), heard.messages.len(), heard.ops_items_asked), (1, 1, 1));
}

#[tokio::test]
async fn what_can_never_be_told_fails_once_loudly_and_holds_nobody_up() {
    let ears = Ears::default();
    let batch =
        [written(1, None, &record("a", State::Escalated)), written(2, None, &record("b", State::Escalated))];
    ears.heard().failures.push(("ssm:CreateOpsItem", Class::Denied));
    let error = teller(&ears).records(&batch).await.unwrap_err();
    assert_eq!(error.code(), "untold");
    assert_eq!(teller(&ears).records(&batch).await.unwrap(), Vec::<String>::new());
    let heard = ears.heard();
    assert_eq!((heard.bus.len(), heard.ops_items_asked), (2, 1));
    assert_eq!(heard.history.values().filter(|entry| !entry.untold.is_empty()).count(), 1);
}

#[tokio::test]
async fn a_storm_of_escalations_is_a_few_messages_and_never_one_a_resource() {
    let ears = Ears::default();
    for batch in 0..50 {
        let records: Vec<_> = (0..100)
            .map(|n| written(n, None, &record(&format!("bucket-{batch}-{n}"), State::Escalated)))
            .collect();
        teller(&ears).records(&records).await.unwrap();
    }
    assert_eq!(ears.heard().messages.len(), 20);
    assert_eq!(ears.heard().bus.len(), 5000);
    let told = teller(&ears).send_digest(noon() + SignedDuration::from_mins(1)).await.unwrap();
    let heard = ears.heard();
    assert_eq!((told, heard.messages.len()), (3000, 21));
    assert!(heard.messages[20].text.contains("and 2997 more"), "{}", heard.messages[20].text);
}

#[tokio::test]
async fn what_is_not_urgent_waits_for_the_digest() {
    let ears = Ears::default();
    let fixed = record("b", State::Fixed);
    teller(&ears).records(&[written(1, Some(&record("b", State::Verifying)), &fixed)]).await.unwrap();
    assert!(ears.heard().messages.is_empty());
    teller(&ears).send_digest(noon() + SignedDuration::from_mins(1)).await.unwrap();
    assert_eq!(ears.heard().messages[0].subject, "Plumb: 1 changes");
    teller(&ears).send_digest(noon() + SignedDuration::from_mins(1)).await.unwrap();
    assert_eq!(ears.heard().messages.len(), 1);
}

#[tokio::test]
async fn people_hear_once_that_a_control_is_stopped() {
    let ears = Ears::default();
    let image = |until: &str| {
        json!({
            "pk": { "S": "usage#breaker#bucket-tls-only" }, "stopped_until": { "N": until },
            "stopped_because": { "S": "5 of 9 remediations failed" },
        })
    };
    let change = json!({ "SequenceNumber": "9", "NewImage": image("1795611600") });
    let batch = [json!({ "eventSource": "aws:dynamodb", "dynamodb": change })];
    ears.heard().failures.push(("sns:Publish", Class::Retry));
    assert_eq!(teller(&ears).records(&batch).await.unwrap(), ["9"]);
    for _ in 0..2 {
        assert_eq!(teller(&ears).records(&batch).await.unwrap(), Vec::<String>::new());
    }
    let messages = ears.heard().messages.clone();
    assert_eq!(messages.len(), 1);
    assert!(messages[0].text.contains("5 of 9 remediations failed"), "{messages:?}");
    let (old, new) = (image("1795611600"), image("1795611600"));
    let same = json!({ "dynamodb": { "SequenceNumber": "10", "OldImage": old, "NewImage": new } });
    teller(&ears).records(&[same]).await.unwrap();
    assert_eq!(ears.heard().messages.len(), 1);
}

#[tokio::test]
async fn a_digest_that_is_not_taken_deletes_nothing() {
    let ears = Ears::default();
    teller(&ears).records(&[written(1, None, &record("b", State::Fixed))]).await.unwrap();
    ears.heard().failures.push(("sns:Publish", Class::Retry));
    assert!(teller(&ears).send_digest(noon() + SignedDuration::from_mins(1)).await.is_err());
    assert!(!ears.heard().failures.iter().any(|(operation, _)| *operation == "sqs:DeleteMessage"));
    assert!(ears.heard().messages.is_empty());
}

#[tokio::test]
async fn a_security_hub_finding_gets_a_note_but_not_in_dry_run() {
    let finding = FindingRef { id: "f".to_owned(), product_arn: "arn:aws:securityhub:x".to_owned() };
    let of_hub = |state| Remediation {
        source: Source::SecurityHub {
            control: "S3.8".to_owned(),
            rule: None,
            finding: Some(finding.clone()),
        },
        ..record("b", state)
    };
    let ears = Ears::default();
    teller(&ears).records(&[written(1, None, &of_hub(State::Detected))]).await.unwrap();
    assert!(ears.heard().notes.is_empty());
    let batch = [
        written(2, Some(&of_hub(State::Planned)), &of_hub(State::Running)),
        written(3, Some(&of_hub(State::Verifying)), &of_hub(State::Fixed)),
    ];
    teller(&ears).records(&batch).await.unwrap();
    let workflows: Vec<_> = ears.heard().notes.iter().map(|note| note.workflow).collect();
    assert_eq!(workflows, ["NOTIFIED", "RESOLVED"]);
}

#[tokio::test]
async fn an_unreadable_record_is_reported_and_the_rest_is_told() {
    let ears = Ears::default();
    let mut broken = written(4, None, &record("a", State::Fixed));
    broken["dynamodb"]["NewImage"]["state"] = json!({ "S": "lost" });
    let batch = [broken, written(5, None, &record("b", State::Fixed))];
    assert_eq!(teller(&ears).records(&batch).await.unwrap(), ["4"]);
    assert_eq!(ears.heard().bus.len(), 1);
}

#[tokio::test]
async fn the_history_says_by_which_ways_each_step_was_told() {
    let ears = Ears::default();
    teller(&ears).records(&[written(1, None, &record("b", State::Escalated))]).await.unwrap();
    let heard = ears.heard();
    let told: Vec<_> = heard.history.values().map(|entry| entry.told.clone()).collect();
    assert_eq!(told, [vec![Channel::Bus, Channel::OpsItem, Channel::Message]]);
    let control = ControlId::parse("bucket-public-access").unwrap();
    assert!(heard.history.values().all(|entry| entry.transition.control == control));
}

/// The published schema knows each state and each member that an event has, and no other.
#[test]
fn the_published_schema_is_what_is_told() {
    let schema: Value = serde_json::from_str(include_str!("../../docs/events.schema.json")).unwrap();
    let known = schema["$defs"]["state"]["enum"].as_array().unwrap();
    for state in State::ALL {
        assert!(known.contains(&json!(state)), "docs/events.schema.json lacks {state:?}");
    }
    assert_eq!(known.len(), State::ALL.len());
    let new = Remediation {
        execution_id: Some("e".to_owned()),
        action: serde_json::from_value(json!({
            "document": "d", "document_version": "1", "parameters": {}, "role": "r", "generation": 1,
            "client_token": "2f0d8a14-9c3e-4b8e-8f5a-61d755c0b3a9",
        }))
        .unwrap(),
        verdicts: serde_json::from_value(json!([{ "guardrail": "control", "passed": true, "because": "b" }]))
            .unwrap(),
        ..record("b", State::Running)
    };
    let said = plumb_model::Said {
        title: "t",
        severity: plumb_model::Severity::Low,
        pillar: plumb_model::Pillar::Security,
    };
    let told =
        json!(plumb_model::Transition::between(Some(&record("b", State::Planned)), &new, said).unwrap());
    let mut told: Vec<_> = told.as_object().unwrap().keys().cloned().collect();
    let mut published: Vec<_> = schema["properties"].as_object().unwrap().keys().cloned().collect();
    told.sort();
    published.sort();
    assert_eq!(told, published);
}
