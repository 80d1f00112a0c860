//! What the ledger promises, checked against the table that the template makes, on two emulators that were written
//! independently (ministack and moto), and against the ledger in memory that the other tests build on: so that it may stand
//! for DynamoDB.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{path::Path, time::Duration};

use jiff::{SignedDuration, Timestamp};
use plumb_aws::{Aws, DynamoLedger, Settings};
use plumb_local::{Call, LocalAws, Options};
use plumb_model::{
    Change, ControlId, Count, Counter, Hour, Limits, Policy, Remediation, ResourceRef, Source, State,
    Stopped, Tally, Terms,
};
use plumb_ports::{Ledger, Written};
use plumb_tests::{Memory, deployment};
use serde_json::{Value, json};

fn noon() -> Timestamp {
    "2026-06-01T12:00:00.25Z".parse().unwrap()
}

#[tokio::test]
async fn the_ledger_in_memory_keeps_the_promises() {
    let memory = Memory::new(Policy::default());
    promises(&&memory).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_of_the_template_keeps_the_promises_on_two_emulators() {
    let venv = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.plumb/venv");
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ledger");
    let local = LocalAws::start(Options { venv: Some(venv), ..Options::new(home) }).await.unwrap();
    let aws = Aws::new(settings(&local.endpoint()));
    // What a stack makes is ministack's, anything else moto's: crates/local/README.md.
    let on_ministack = made_by_a_stack(&local).await;
    Box::pin(promises(&DynamoLedger::new(&aws, on_ministack))).await;
    let on_moto = made_by_hand(&local).await;
    // moto answers several calls at once and locks nothing meanwhile, so only what happens one after the other.
    Box::pin(promises_one_by_one(&DynamoLedger::new(&aws, on_moto))).await;
    local.stop().await;
}

async fn promises(ledger: &(impl Ledger + Sync)) {
    promises_one_by_one(ledger).await;
    of_many_at_once_no_more_than_the_limit_succeed(ledger).await;
}

async fn promises_one_by_one(ledger: &(impl Ledger + Sync)) {
    of_two_that_expect_the_same_one_succeeds(ledger).await;
    a_plain_write_whose_answer_was_lost_may_be_repeated(ledger).await;
    beyond_a_limit_nothing_is_written(ledger).await;
    while_a_control_is_stopped_nothing_is_written(ledger).await;
    failures_stop_their_control(ledger).await;
    what_is_due_is_found_in_order_and_nothing_else(ledger).await;
    an_execution_leads_to_its_record(ledger).await;
}

async fn of_two_that_expect_the_same_one_succeeds(ledger: &(impl Ledger + Sync)) {
    let first = record("twins", "one");
    yes(ledger.write(&change(&first, None, vec![])).await);
    let second = Remediation { reason: "the other one".to_owned(), ..first.clone() };
    assert_eq!(held(ledger.write(&change(&second, None, vec![])).await), first);
    let moved = Remediation { state: State::Planned, revision: 2, ..first.clone() };
    yes(ledger.write(&change(&moved, Some(&first), vec![])).await);
    assert_eq!(held(ledger.write(&change(&second, Some(&first), vec![])).await), moved);
    // The same in a transaction; and what stands there is told even where a limit would refuse it, too.
    let full = vec![take("twins", 0)];
    assert_eq!(held(ledger.write(&change(&second, Some(&first), full)).await), moved);
    assert_eq!(ledger.get(&moved.key()).await.unwrap(), Some(moved));
}

async fn a_plain_write_whose_answer_was_lost_may_be_repeated(ledger: &(impl Ledger + Sync)) {
    let first = record("again", "one");
    let write = change(&first, None, vec![]);
    yes(ledger.write(&write).await);
    yes(ledger.write(&write).await);
}

async fn beyond_a_limit_nothing_is_written(ledger: &(impl Ledger + Sync)) {
    for (name, fits) in [("one", true), ("two", true), ("three", false)] {
        let record = record("limited", name);
        let counts = vec![take("limited", 2), take("limited-too", 9)];
        let written = ledger.write(&change(&record, None, counts)).await.unwrap();
        assert_eq!(matches!(written, Written::Yes), fits, "{name}: {written:?}");
        assert_eq!(matches!(written, Written::Full), !fits, "{name}: {written:?}");
        assert_eq!(ledger.get(&record.key()).await.unwrap().is_some(), fits);
    }
    let counters = [counter("limited"), counter("limited-too")];
    let usage = ledger.usage(&record("limited", "one"), &counters, noon()).await.unwrap();
    assert_eq!(counters.map(|counter| usage.of(&counter)), [2, 2]);
    // What is given back can be taken again.
    let one = record("limited", "one");
    let closed = Remediation { revision: 2, ..one.clone() };
    yes(ledger.write(&change(&closed, Some(&one), vec![Count::Give(counter("limited"))])).await);
    yes(ledger.write(&change(&record("limited", "three"), None, vec![take("limited", 2)])).await);
}

async fn of_many_at_once_no_more_than_the_limit_succeed(ledger: &(impl Ledger + Sync)) {
    let attempts = (0..12).map(|name| async move {
        let record = record("crowd", &name.to_string());
        let written = ledger.write(&change(&record, None, vec![take("crowd", 5)])).await.unwrap();
        usize::from(matches!(written, Written::Yes))
    });
    let succeeded: usize = all(attempts).await.into_iter().sum();
    assert_eq!(succeeded, 5);
    // Of many that want the same record, one.
    let attempts = (0..12).map(|name: u32| async move {
        let record = Remediation { reason: name.to_string(), ..record("crowd", "the same") };
        let written = ledger.write(&change(&record, None, vec![take("crowd-of-one", 99)])).await.unwrap();
        usize::from(matches!(written, Written::Yes))
    });
    let succeeded: usize = all(attempts).await.into_iter().sum();
    assert_eq!(succeeded, 1, "the same record");
    let usage = ledger.usage(&record("crowd", "1"), &[counter("crowd-of-one")], noon()).await.unwrap();
    assert_eq!(usage.of(&counter("crowd-of-one")), 1);
}

async fn while_a_control_is_stopped_nothing_is_written(ledger: &(impl Ledger + Sync)) {
    let control = control("stopped");
    let until = "2026-06-01T13:00:00Z".parse().unwrap();
    let stop = Count::Stop { control: control.clone(), until, because: "5 of 5 failed".to_owned() };
    yes(ledger.write(&change(&record("stopped", "one"), None, vec![stop])).await);
    let check = |now| vec![Count::NotStopped { control: control.clone(), now }];
    let claim = record("stopped", "two");
    let refused = ledger.write(&change(&claim, None, check(noon()))).await.unwrap();
    assert!(matches!(refused, Written::Full), "{refused:?}");
    let usage = ledger.usage(&claim, &[], noon()).await.unwrap();
    assert_eq!(usage.stopped, Some(Stopped { until, because: "5 of 5 failed".to_owned() }));
    yes(ledger.write(&change(&claim, None, check(until))).await);
}

async fn failures_stop_their_control(ledger: &(impl Ledger + Sync)) {
    let hour = Hour::of(noon());
    let ended = |failed, hour| Count::Ended { control: control("failing"), hour, failed, seen: None };
    yes(ledger.settle(change(&record("failing", "good"), None, vec![ended(false, hour.before())])).await);
    for failure in 1..=5 {
        let before = ledger.usage(&record("failing", "good"), &[], noon()).await.unwrap();
        assert_eq!(before.this_hour, Tally { fixed: 0, failed: failure - 1 });
        assert_eq!(before.last_hour, Tally { fixed: 1, failed: 0 });
        // The fixed one and four failures are the five that make the share count.
        assert_eq!(before.stopped.is_some(), failure > 4, "before failure {failure}");
        let record = record("failing", &failure.to_string());
        yes(ledger.settle(change(&record, None, vec![ended(true, hour)])).await);
    }
    // Whoever has not seen the last failure counts nothing.
    let unseen = Count::Ended { control: control("failing"), hour, failed: true, seen: Some(4) };
    let refused = ledger.write(&change(&record("failing", "unseen"), None, vec![unseen])).await.unwrap();
    assert!(matches!(refused, Written::Full), "{refused:?}");
}

async fn what_is_due_is_found_in_order_and_nothing_else(ledger: &(impl Ledger + Sync)) {
    let due = |name: &str, seconds: i64| Remediation {
        due_at: Some(
            "2026-06-01T11:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds),
        ),
        ..record("due", name)
    };
    for record in [due("c", 30), due("a", 10), due("later", 9_000), record("due", "never"), due("b", 20)] {
        yes(ledger.write(&change(&record, None, vec![])).await);
    }
    let gone = Remediation { due_at: None, revision: 2, ..due("b", 20) };
    yes(ledger.write(&change(&gone, Some(&due("b", 20)), vec![])).await);
    let (mut found, mut next) = (Vec::new(), None);
    loop {
        let page = ledger.due(noon(), next).await.unwrap();
        found.extend(page.records.into_iter().filter(|record| record.control == control("due")));
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    assert_eq!(found, [due("a", 10), due("c", 30)]);
}

async fn an_execution_leads_to_its_record(ledger: &(impl Ledger + Sync)) {
    let running = Remediation { execution_id: Some("an-execution".to_owned()), ..record("running", "one") };
    yes(ledger.write(&change(&running, None, vec![])).await);
    assert_eq!(ledger.by_execution("an-execution").await.unwrap(), Some(running));
    assert_eq!(ledger.by_execution("another").await.unwrap(), None);
}

/// Runs futures at the same time.
async fn all<T>(futures: impl IntoIterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut futures: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        let mut pending = false;
        for (future, answer) in &mut futures {
            if answer.is_none() {
                match future.as_mut().poll(context) {
                    std::task::Poll::Ready(ready) => *answer = Some(ready),
                    std::task::Poll::Pending => pending = true,
                }
            }
        }
        if pending { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }
    })
    .await;
    futures.into_iter().filter_map(|(_, answer)| answer).collect()
}

fn yes(written: Result<Written, plumb_ports::PortError>) {
    let written = written.unwrap();
    assert!(matches!(written, Written::Yes), "{written:?}");
}

fn held(written: Result<Written, plumb_ports::PortError>) -> Remediation {
    match written.unwrap() {
        Written::Held(standing) => *standing,
        other => panic!("not held: {other:?}"),
    }
}

fn control(name: &str) -> ControlId {
    ControlId::parse(name).unwrap()
}

fn counter(name: &str) -> Counter {
    Counter::ControlHour(control(name), Hour::of(noon()))
}

fn take(name: &str, limit: u32) -> Count {
    Count::Take { counter: counter(name), limit: Some(limit) }
}

fn record(name: &str, id: &str) -> Remediation {
    let resource = ResourceRef {
        account: deployment().account,
        region: deployment().region,
        kind: "AWS::S3::Bucket".to_owned(),
        id: id.to_owned(),
    };
    let source = Source::ConfigRule { rule: "a-rule".to_owned() };
    Remediation {
        reason: "a reason".to_owned(),
        before: Some(json!({"as": ["it", 1, true]})),
        fixes: vec![noon()],
        terms: Terms { limits: Limits { running: 7, ..Limits::default() }, roll_back_unverified: true },
        revision: 1,
        ..Remediation::seen(control(name), resource, source, noon())
    }
}

fn change(record: &Remediation, expected: Option<&Remediation>, counts: Vec<Count>) -> Change {
    Change { record: record.clone(), expected: expected.cloned(), counts, at: noon() }
}

fn settings(endpoint: &str) -> Settings {
    let settings = Settings::read(|name| {
        let value = match name {
            "PLUMB_PREFIX" => "plumb",
            "PLUMB_PARTITION" => "aws",
            "PLUMB_ACCOUNT" => "123456789012",
            "AWS_REGION" => "us-east-1",
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => "test",
            "AWS_ENDPOINT_URL" => endpoint,
            _ => return None,
        };
        Some(value.to_owned())
    });
    settings.unwrap()
}

/// The template's own `LedgerTable`, in a stack of its own; its name.
async fn made_by_a_stack(local: &LocalAws) -> String {
    let template =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml")).unwrap();
    let table: Vec<&str> = template
        .lines()
        .skip_while(|line| *line != "  LedgerTable:")
        .enumerate()
        .take_while(|(at, line)| *at == 0 || line.is_empty() || line.starts_with("   "))
        .map(|(_, line)| line)
        .collect();
    let body = format!("Resources:\n{}\n", table.join("\n"));
    call(local, "cloudformation", "CreateStack", json!({"StackName": "ledger", "TemplateBody": body})).await;
    for _ in 0..100 {
        let stacks = call(local, "cloudformation", "DescribeStacks", json!({"StackName": "ledger"})).await;
        match stacks["Stacks"][0]["StackStatus"].as_str() {
            Some("CREATE_COMPLETE") => {
                let asked = json!({"StackName": "ledger", "LogicalResourceId": "LedgerTable"});
                let made = call(local, "cloudformation", "DescribeStackResource", asked).await;
                return made["StackResourceDetail"]["PhysicalResourceId"].as_str().unwrap().to_owned();
            }
            Some("CREATE_IN_PROGRESS") => tokio::time::sleep(Duration::from_millis(100)).await,
            other => panic!("the stack is {other:?}: {stacks:#}"),
        }
    }
    panic!("the stack was never ready");
}

/// A table with the same keys and indexes, made by a call; its name.
async fn made_by_hand(local: &LocalAws) -> String {
    let key = |hash: &str, range: Option<&str>| -> Vec<Value> {
        [Some((hash, "HASH")), range.map(|range| (range, "RANGE"))]
            .into_iter()
            .flatten()
            .map(|(name, kind)| json!({"AttributeName": name, "KeyType": kind}))
            .collect()
    };
    let index = |name: &str, keys: Vec<Value>| json!({"IndexName": name, "KeySchema": keys, "Projection": {"ProjectionType": "ALL"}});
    let attributes = ["pk", "execution_id", "due", "due_at"]
        .map(|name| json!({"AttributeName": name, "AttributeType": "S"}));
    let asked = json!({
        "TableName": "by-hand",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": attributes,
        "KeySchema": key("pk", None),
        "GlobalSecondaryIndexes": [
            index("by-execution", key("execution_id", None)),
            index("by-due", key("due", Some("due_at"))),
        ],
    });
    call(local, "dynamodb", "CreateTable", asked).await;
    "by-hand".to_owned()
}

async fn call(local: &LocalAws, service: &str, api: &str, params: Value) -> Value {
    local.context().worker().call(Call::outside(service, api, params)).await.unwrap()
}
