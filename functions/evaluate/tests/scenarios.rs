//! Every kind of invocation, answered in memory.

#![expect(clippy::unwrap_used, reason = "a test may")]

use std::{fs, path::PathBuf, sync::Mutex};

use jiff::Timestamp;
use plumb_evaluate::{Evaluator, Judge, Unanswered};
use plumb_model::{AccountId, Deployment, Members, Region};
use plumb_ports::{
    Api, Class, Continue, Evaluated, Evaluation, PortError, PutEvaluations, ReadApi, ReadConfig, Records,
};
use plumb_rules::Verdict;
use serde_json::{Value, json};

/// What is said to AWS Config, and what it and other services answer.
#[derive(Default)]
struct World {
    /// Rows of an advanced query, by a part of the statement.
    rows: Vec<(&'static str, Vec<Value>)>,
    history: Vec<Value>,
    evaluated: Vec<Evaluated>,
    /// Records of reads, by action; one that is not here is denied.
    records: Vec<(&'static str, Vec<Value>)>,
    /// How many reads AWS is too busy for.
    throttled: Mutex<u32>,
    /// How often `PutEvaluations` refuses the first verdict.
    refusals: Mutex<usize>,
    said: Mutex<Vec<Vec<Evaluation>>>,
    tested: Mutex<Vec<bool>>,
    /// What was handed on, and for how many seconds later.
    handed_on: Mutex<Vec<(String, u32)>>,
    calls: Mutex<Vec<String>>,
}

fn failed(operation: &'static str, code: &str, class: Class) -> PortError {
    PortError { operation, code: code.to_owned(), class, source: None }
}

/// A hundred a page, the token is where the next begins.
fn page(all: &[Value], token: Option<&str>) -> Records {
    let from: usize = token.map_or(0, |token| token.parse().unwrap());
    let records: Vec<_> = all.iter().skip(from).take(100).cloned().collect();
    let next = (from + records.len() < all.len()).then(|| (from + records.len()).to_string());
    Records { records, next }
}

impl PutEvaluations for &World {
    async fn put(
        &self,
        evaluations: &[Evaluation],
        token: &str,
        test: bool,
    ) -> Result<Vec<Evaluation>, PortError> {
        assert!(!token.is_empty() && (1..=100).contains(&evaluations.len()));
        self.said.lock().unwrap().push(evaluations.to_vec());
        self.tested.lock().unwrap().push(test);
        let mut refusals = self.refusals.lock().unwrap();
        if *refusals > 0 {
            *refusals -= 1;
            return Ok(evaluations.first().cloned().into_iter().collect());
        }
        Ok(Vec::new())
    }
}

impl ReadConfig for &World {
    async fn select(&self, expression: &str, token: Option<&str>) -> Result<Records, PortError> {
        self.calls.lock().unwrap().push("select".to_owned());
        let rows = self.rows.iter().find(|(part, _)| expression.contains(part));
        Ok(page(rows.map_or(&[][..], |(_, rows)| rows), token))
    }

    async fn history(
        &self,
        _: &str,
        _: &str,
        _: Option<Timestamp>,
        limit: u8,
        _: Option<&str>,
    ) -> Result<Records, PortError> {
        Ok(Records { records: self.history.iter().take(limit.into()).cloned().collect(), next: None })
    }

    async fn evaluated(
        &self,
        _: &str,
        _: Option<&str>,
    ) -> Result<(Vec<Evaluated>, Option<String>), PortError> {
        Ok((self.evaluated.clone(), None))
    }
}

impl ReadApi for &World {
    async fn page(&self, api: &'static Api, _: &Value, token: Option<&str>) -> Result<Records, PortError> {
        self.calls.lock().unwrap().push(api.action.to_owned());
        let mut throttled = self.throttled.lock().unwrap();
        if *throttled > 0 {
            *throttled -= 1;
            return Err(failed(api.action, "ThrottlingException", Class::Retry));
        }
        match self.records.iter().find(|(action, _)| *action == api.action) {
            Some((_, records)) => Ok(page(records, token)),
            None => Err(failed(api.action, "AccessDeniedException", Class::Denied)),
        }
    }
}

impl Continue for &World {
    async fn hand_on(&self, rest: &str, after: u32) -> Result<(), PortError> {
        self.handed_on.lock().unwrap().push((rest.to_owned(), after));
        Ok(())
    }
}

fn now() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

fn guard(name: &str) -> Option<Judge> {
    let judge = |_: &str, _: &str, _: &plumb_rules::Item| Ok(Verdict::non_compliant("the policy says so"));
    (name == "own").then_some(Judge::Policy { name: "own", text: "", resource_type: None, judge })
}

impl World {
    /// With this many seconds left.
    fn handle_in(&self, event: &Value, seconds: i64) -> Result<Value, Unanswered> {
        let evaluator = Evaluator {
            deployment: Deployment {
                partition: "aws".into(),
                account: AccountId::parse("123456789012").unwrap(),
                region: Region::parse("eu-west-1").unwrap(),
                prefix: "plumb".into(),
                members: Members::Nobody,
                role_path: "/".into(),
            },
            config: self,
            reads: self,
            queue: self,
            now,
            guard,
        };
        let until = Timestamp::from_second(now().as_second() + seconds).unwrap();
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(evaluator.handle(event, until))
    }

    fn handle(&self, event: &Value) -> Result<Value, Unanswered> {
        self.handle_in(event, 300)
    }

    /// Handles an event and whatever it hands on; the seconds that were waited.
    fn to_the_end(&self, event: &Value) -> Result<Vec<u32>, Unanswered> {
        let (mut event, mut pauses) = (event.clone(), Vec::new());
        while self.handle(&event)?.get("continued") == Some(&json!(true)) {
            let (rest, after) = self.handed_on.lock().unwrap().pop().unwrap();
            pauses.push(after);
            event = serde_json::from_str(&rest).unwrap();
        }
        Ok(pauses)
    }

    /// `id: COMPLIANCE (annotation)` of everything that was said.
    fn said(&self) -> Vec<String> {
        let said = self.said.lock().unwrap();
        said.iter()
            .flatten()
            .map(|one| {
                let why = one.annotation.as_deref().map(|why| format!(" ({why})")).unwrap_or_default();
                format!("{}: {}{why}", one.resource_id, one.compliance)
            })
            .collect()
    }
}

fn volume(id: &str, kind: &str) -> Value {
    json!({
        "resourceType": "AWS::EC2::Volume", "resourceId": id, "configurationItemStatus": "OK",
        "configurationItemCaptureTime": "2026-11-20T11:00:00Z", "awsAccountId": "123456789012",
        "configuration": {"volumeType": kind, "state": {"value": "in-use"}}
    })
}

fn running(id: &str) -> Value {
    json!({"resourceType": "AWS::EC2::Instance", "resourceId": id, "configuration": {"state": {"name": "running"}}})
}

fn stopped(id: &str) -> Value {
    json!({"resourceType": "AWS::EC2::Instance", "resourceId": id, "configuration": {"state": {"name": "stopped"}}})
}

fn change(rule: &str, item: &Value) -> Value {
    let inner = json!({"messageType": "ConfigurationItemChangeNotification", "configurationItem": item});
    json!({
        "invokingEvent": inner.to_string(), "ruleParameters": json!({"rule": rule}).to_string(), "resultToken": "token",
        "eventLeftScope": false, "configRuleName": format!("plumb-{rule}"), "version": "1.0"
    })
}

fn schedule(rule: &str) -> Value {
    let inner =
        json!({"messageType": "ScheduledNotification", "notificationCreationTime": "2026-11-20T11:59:00Z"});
    json!({
        "invokingEvent": inner.to_string(), "ruleParameters": json!({"rule": rule}).to_string(), "resultToken": "token",
        "configRuleName": format!("plumb-{rule}")
    })
}

#[test]
fn a_change_is_judged_as_of_the_time_of_its_item() {
    let world = World::default();
    let answer = world.handle(&change("volume-gp2", &volume("vol-1", "gp2"))).unwrap();
    assert_eq!(answer["nonCompliant"], 1);
    assert_eq!(
        world.said(),
        ["vol-1: NON_COMPLIANT (the volume is gp2; gp3 costs less and is at least as fast)"]
    );
    let said = world.said.lock().unwrap();
    assert_eq!(said[0][0].ordering, "2026-11-20T11:00:00Z".parse().unwrap());
    assert_eq!(*world.tested.lock().unwrap(), [false]);
}

#[test]
fn the_rule_is_known_by_the_name_of_the_config_rule_where_no_parameter_says_it() {
    let mut event = change("volume-gp2", &volume("vol-1", "gp3"));
    event.as_object_mut().unwrap().remove("ruleParameters");
    let world = World::default();
    world.handle(&event).unwrap();
    assert_eq!(world.said(), ["vol-1: COMPLIANT"]);
}

#[test]
fn what_is_gone_out_of_scope_or_of_another_type_is_not_applicable() {
    let mut deleted = volume("vol-1", "gp2");
    deleted["configurationItemStatus"] = json!("ResourceDeleted");
    deleted["configuration"] = json!(null);
    let mut left = change("volume-gp2", &volume("vol-1", "gp2"));
    left["eventLeftScope"] = json!(true);
    let mut other = volume("b", "gp2");
    other["resourceType"] = json!("AWS::S3::Bucket");
    for (event, why) in [
        (change("volume-gp2", &deleted), "gone"),
        (left, "left the rule's scope"),
        (change("volume-gp2", &other), "the rule judges AWS::EC2::Volume"),
    ] {
        let world = World::default();
        world.handle(&event).unwrap();
        let said = world.said();
        assert!(said[0].contains("NOT_APPLICABLE") && said[0].contains(why), "{said:?}");
    }
}

#[test]
fn an_oversized_item_is_fetched() {
    let summary = json!({
        "resourceType": "AWS::EC2::Volume", "resourceId": "vol-1", "configurationItemStatus": "OK",
        "configurationItemCaptureTime": "2026-11-20T11:00:00Z"
    });
    let inner = json!({
        "messageType": "OversizedConfigurationItemChangeNotification", "configurationItemSummary": summary,
        "s3DeliverySummary": {"s3BucketLocation": null, "errorCode": "NoSuchBucket"}
    });
    let mut event = change("volume-gp2", &json!({}));
    event["invokingEvent"] = json!(inner.to_string());
    let mut stored = volume("vol-1", "gp2");
    stored["configuration"] = json!(stored["configuration"].to_string());
    let world = World { history: vec![stored], ..World::default() };
    world.handle(&event).unwrap();
    assert_eq!(world.said().len(), 1);
    assert!(world.said()[0].starts_with("vol-1: NON_COMPLIANT"));

    let too_early = World::default();
    assert_eq!(
        too_early.handle(&event).unwrap()["continued"],
        true,
        "AWS Config may not have written it down yet"
    );
    assert!(too_early.said().is_empty());
}

#[test]
fn what_can_not_be_judged_is_answered_all_the_same_and_says_why() {
    let mut wrong = change("volume-unattached", &volume("vol-1", "gp2"));
    wrong["ruleParameters"] = json!({"rule": "volume-unattached", "days": "soon"});
    let mut bare = volume("vol-1", "gp2");
    bare["configuration"] = json!({});
    for (event, why) in [
        (wrong, "not judged: parameter `days` is `soon`, not a whole number from 0 to 3650"),
        (change("volume-gp2", &bare), "not judged: the configuration item has no `volumeType`"),
        (change("no-such-rule", &volume("vol-1", "gp2")), "not judged: there is no rule `no-such-rule`"),
        (
            change("instance-without-session-manager", &running("i-1")),
            "not judged: ssm:DescribeInstanceInformation failed (AccessDeniedException)",
        ),
    ] {
        let world = World::default();
        let answer = world.handle(&event).unwrap();
        assert_eq!(answer["notJudged"], 1);
        let said = world.said();
        assert!(said[0].contains("NOT_APPLICABLE") && said[0].contains(why), "{said:?}");
    }
}

#[test]
fn a_read_that_is_throttled_is_tried_again_later_and_nothing_is_said_until_then() {
    let reachable = vec![json!({"InstanceId": "i-1", "PingStatus": "Online"})];
    let world = World {
        throttled: Mutex::new(2),
        records: vec![("ssm:DescribeInstanceInformation", reachable)],
        ..World::default()
    };
    let pauses = world.to_the_end(&change("instance-without-session-manager", &running("i-1"))).unwrap();
    assert_eq!(pauses, [30, 60]);
    assert_eq!(world.said(), ["i-1: COMPLIANT"]);
}

#[test]
fn a_resource_that_can_not_be_read_for_an_hour_is_an_error_for_the_dead_letter_queue() {
    let world = World { throttled: Mutex::new(u32::MAX), ..World::default() };
    let error = world.to_the_end(&change("instance-without-session-manager", &running("i-1"))).unwrap_err();
    assert_eq!(error.code(), "retry");
    assert!(world.said().is_empty());
}

#[test]
fn a_throttled_schedule_pauses_where_it_is_and_judges_each_resource_once() {
    let instances: Vec<_> = (0..130).map(|number| running(&format!("i-{number}"))).collect();
    let world = World {
        throttled: Mutex::new(2),
        rows: vec![("AWS::EC2::Instance", instances)],
        records: vec![("ssm:DescribeInstanceInformation", vec![])],
        ..World::default()
    };
    let pauses = world.to_the_end(&schedule("instance-without-session-manager")).unwrap();
    assert_eq!(pauses, [30, 60]);
    let said = world.said();
    assert_eq!(said.len(), 130, "none is left out and none is said twice");
    assert!(said.iter().all(|said| said.contains(": NON_COMPLIANT")), "{said:?}");
}

#[test]
fn what_a_schedule_can_not_read_for_an_hour_is_not_judged_and_stops_no_other() {
    let rows = vec![running("i-1"), stopped("i-2"), running("i-3")];
    let world = World {
        throttled: Mutex::new(u32::MAX),
        rows: vec![("AWS::EC2::Instance", rows)],
        ..World::default()
    };
    let pauses = world.to_the_end(&schedule("instance-without-session-manager")).unwrap();
    assert_eq!(pauses, [30, 60, 120, 240, 480, 900, 900, 900], "an hour");
    let said = world.said();
    assert_eq!(said.len(), 3);
    assert!(said[0].contains("i-1: NOT_APPLICABLE (not judged: ssm:DescribeInstanceInformation failed"));
    assert!(said[1].starts_with("i-2: ") && !said[1].contains("not judged"), "{said:?}");
}

#[test]
fn a_try_is_not_kept() {
    let mut event = change("volume-gp2", &volume("vol-1", "gp2"));
    event["resultToken"] = json!("TESTMODE");
    let world = World::default();
    world.handle(&event).unwrap();
    assert_eq!(*world.tested.lock().unwrap(), [true]);
}

#[test]
fn what_is_about_to_be_made_is_judged_by_its_template() {
    let item = json!({
        "resourceType": "AWS::EC2::Volume", "resourceId": "MyVolume", "configuration": {"VolumeType": "gp2", "Size": 10}
    });
    let mut event = change("volume-gp2", &item);
    event["evaluationMode"] = json!("PROACTIVE");
    let world = World::default();
    world.handle(&event).unwrap();
    assert!(world.said()[0].starts_with("MyVolume: NON_COMPLIANT"), "{:?}", world.said());
}

#[test]
fn a_verdict_that_was_not_taken_is_said_again_once() {
    let once = World { refusals: Mutex::new(1), ..World::default() };
    once.handle(&change("volume-gp2", &volume("vol-1", "gp2"))).unwrap();
    assert_eq!(once.said().len(), 2);
    let twice = World { refusals: Mutex::new(2), ..World::default() };
    let error = twice.handle(&change("volume-gp2", &volume("vol-1", "gp2"))).unwrap_err();
    assert_eq!(error.code(), "not-taken");
}

#[test]
fn a_users_policy_is_asked_by_its_name() {
    let mut event = change("x", &volume("vol-1", "gp2"));
    event["ruleParameters"] = json!({"guard": "own"});
    let world = World::default();
    world.handle(&event).unwrap();
    assert_eq!(world.said(), ["vol-1: NON_COMPLIANT (the policy says so)"]);

    event["ruleParameters"] = json!({"guard": "other"});
    let world = World::default();
    world.handle(&event).unwrap();
    assert!(world.said()[0].contains("no Guard policy `other`"), "{:?}", world.said());
}

#[test]
fn everything_is_judged_page_by_page_as_of_the_time_of_the_schedule() {
    let rows: Vec<_> = (0..250)
        .map(|number| volume(&format!("vol-{number}"), if number % 2 == 0 { "gp2" } else { "gp3" }))
        .collect();
    let world = World { rows: vec![("AWS::EC2::Volume", rows)], ..World::default() };
    let answer = world.handle(&schedule("volume-gp2")).unwrap();
    assert_eq!(answer["nonCompliant"], 125);
    assert_eq!(answer["compliant"], 125);
    let said = world.said.lock().unwrap();
    assert_eq!(said.iter().map(Vec::len).collect::<Vec<_>>(), [100, 100, 50]);
    assert!(said.iter().flatten().all(|one| one.ordering == "2026-11-20T11:59:00Z".parse().unwrap()));
    assert!(world.handed_on.lock().unwrap().is_empty());
}

#[test]
fn what_all_need_is_read_once() {
    let world = World {
        rows: vec![("AWS::EC2::Instance", (0..5).map(|number| running(&format!("i-{number}"))).collect())],
        records: vec![(
            "ssm:DescribeInstanceInformation",
            vec![json!({"InstanceId": "i-3", "PingStatus": "Online"})],
        )],
        ..World::default()
    };
    let answer = world.handle(&schedule("instance-without-session-manager")).unwrap();
    assert_eq!((&answer["compliant"], &answer["nonCompliant"]), (&json!(1), &json!(4)));
    assert_eq!(*world.calls.lock().unwrap(), ["select", "ssm:DescribeInstanceInformation"]);
}

#[test]
fn one_resource_that_can_not_be_judged_does_not_stop_the_others() {
    let mut bare = volume("vol-2", "gp2");
    bare["configuration"] = json!({});
    let rows = vec![volume("vol-1", "gp2"), bare, volume("vol-3", "gp3")];
    let world = World { rows: vec![("AWS::EC2::Volume", rows)], ..World::default() };
    let answer = world.handle(&schedule("volume-gp2")).unwrap();
    assert_eq!(answer["notJudged"], 1);
    assert_eq!(world.said().len(), 3);
}

#[test]
fn a_snapshot_that_is_gone_is_forgotten() {
    let of =
        |id: &str| Evaluated { resource_type: "AWS::EC2::Snapshot".to_owned(), resource_id: id.to_owned() };
    let snapshot =
        json!({"snapshotId": "snap-1", "status": "completed", "startTime": "2020-01-01T00:00:00Z"});
    let world = World {
        records: vec![("ec2:DescribeSnapshots", vec![snapshot]), ("ec2:DescribeImages", vec![])],
        evaluated: vec![of("snap-1"), of("snap-2")],
        ..World::default()
    };
    world.handle(&schedule("snapshot-old-without-image")).unwrap();
    let said = world.said();
    assert_eq!(said.len(), 2);
    assert!(said[0].starts_with("snap-1: NON_COMPLIANT"), "{said:?}");
    assert_eq!(said[1], "snap-2: NOT_APPLICABLE (the resource is no longer there)");
}

#[test]
fn an_evaluation_that_runs_out_of_time_goes_on_in_later_invocations() {
    let rows: Vec<_> = (0..250).map(|number| volume(&format!("vol-{number}"), "gp2")).collect();
    let world = World { rows: vec![("AWS::EC2::Volume", rows)], ..World::default() };
    let mut event = schedule("volume-gp2");
    let mut parts = 0;
    loop {
        parts += 1;
        let answer = world.handle_in(&event, 30).unwrap();
        if answer["continued"] == false {
            break;
        }
        let (rest, after) = world.handed_on.lock().unwrap().pop().unwrap();
        assert_eq!(after, 0, "nothing is waited for");
        event = serde_json::from_str(&rest).unwrap();
    }
    let mut said = world.said();
    said.sort();
    said.dedup();
    assert_eq!((parts, said.len()), (4, 250), "each part judges a page, and the last looks for what is gone");
}

#[test]
fn what_earlier_parts_judged_is_not_taken_for_gone() {
    let snapshot = |number: u32| json!({"snapshotId": format!("snap-{number}"), "status": "completed", "startTime": "2020-01-01T00:00:00Z"});
    let of = |number: u32| Evaluated {
        resource_type: "AWS::EC2::Snapshot".to_owned(),
        resource_id: format!("snap-{number}"),
    };
    let world = World {
        records: vec![
            ("ec2:DescribeSnapshots", (0..150).map(snapshot).collect()),
            ("ec2:DescribeImages", vec![]),
        ],
        evaluated: (0..151).map(of).collect(),
        ..World::default()
    };
    let mut event = schedule("snapshot-old-without-image");
    while world.handle_in(&event, 30).unwrap()["continued"] == true {
        event = serde_json::from_str(&world.handed_on.lock().unwrap().pop().unwrap().0).unwrap();
    }
    let gone: Vec<_> = world.said().into_iter().filter(|said| said.contains("no longer there")).collect();
    assert_eq!(gone, ["snap-150: NOT_APPLICABLE (the resource is no longer there)"]);
}

/// AWS's own sample invocations, where the folder is at hand.
#[test]
fn every_real_invocation_is_answered_or_refused_in_words() {
    let folder =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/events/config-rule-invocation");
    let Ok(files) = fs::read_dir(folder) else { return };
    for file in files {
        let file = file.unwrap().path();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let event: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        let mut item = volume("i-00000000", "gp2");
        item["resourceType"] = json!("AWS::EC2::Instance");
        let world = World { history: vec![item], ..World::default() };
        match world.handle(&event) {
            Ok(_) => assert_eq!(world.said().len(), 1, "{name}"),
            Err(Unanswered::Refused(why)) => assert!(!why.to_string().is_empty(), "{name}"),
            Err(error) => assert!(name.starts_with("never"), "{name}: {error}"),
        }
    }
}
