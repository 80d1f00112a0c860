//! What a policy depends on is read when it matters, only then, and when it can't be read nothing is changed.

#![expect(clippy::unwrap_used, reason = "a test may")]

use jiff::Timestamp;
use plumb_lambda::Unfinished;
use plumb_model::{Calendar, Policy, Tags};
use plumb_ports::Class;
use plumb_remediate::Remediator;
use plumb_tests::{Memory, deployment};
use serde_json::{Value, json};

/// A Monday, 12:00 in London.
fn noon() -> Timestamp {
    "2026-06-01T11:00:00Z".parse().unwrap()
}

fn policy(yaml: &str) -> Policy {
    let policy: Policy = serde_saphyr::from_str(yaml).unwrap();
    policy.check(|id| plumb_catalogue::control(id).is_some()).unwrap();
    policy
}

fn violating() -> String {
    json!({
        "version": "0", "id": "11111111-2222-3333-4444-555555555555", "source": "aws.config",
        "detail-type": "Config Rules Compliance Change", "account": "123456789012", "region": "us-east-1",
        "time": "2026-06-01T10:59:00Z", "resources": [],
        "detail": {
            "messageType": "ComplianceChangeNotification", "awsAccountId": "123456789012", "awsRegion": "us-east-1",
            "configRuleName": "s3-bucket-level-public-access-prohibited",
            "resourceType": "AWS::S3::Bucket", "resourceId": "holiday-photos",
            "newEvaluationResult": { "complianceType": "NON_COMPLIANT", "resultRecordedTime": "2026-06-01T10:59:00Z" },
        },
    })
    .to_string()
}

async fn remediate(memory: &Memory) -> Result<Value, Unfinished> {
    let remediator = Remediator {
        deployment: deployment(),
        ledger: memory,
        automation: memory,
        policy: memory,
        surroundings: memory,
        later: memory,
        now: noon,
    };
    Box::pin(remediator.handle(&violating())).await
}

/// Under a policy, with these tags: what was decided, and the guardrail that stopped it.
async fn decided(yaml: &str, tags: &[(&str, &str)]) -> (String, Option<String>) {
    let memory = Memory::new(policy(yaml));
    let tags: Tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    memory.world().tags.insert("holiday-photos".to_owned(), tags);
    let closed = Calendar { open: false, until: None };
    memory.world().calendars.insert("freeze".to_owned(), closed);
    memory.world().calendars.insert("quiet".to_owned(), Calendar { open: true, until: None });
    let answer = remediate(&memory).await.unwrap();
    let started = !memory.world().started.is_empty();
    let decision = answer.pointer("/decisions/0").cloned().unwrap();
    let outcome = decision.get("outcome").and_then(Value::as_str).unwrap().to_owned();
    assert_eq!(started, outcome == "start");
    let stop =
        decision.get("verdicts").and_then(Value::as_array).unwrap().iter().find(|v| v["passed"] == false);
    (outcome, stop.and_then(|stop| stop["guardrail"].as_str().map(str::to_owned)))
}

fn is(outcome: &str, stopped_by: Option<&str>) -> (String, Option<String>) {
    (outcome.to_owned(), stopped_by.map(str::to_owned))
}

#[tokio::test]
async fn each_guardrail_stops_and_lets_pass() {
    let cloudformation = ("aws:cloudformation:stack-name", "web");
    for (yaml, tags, expected) in [
        ("mode: auto", &[][..], is("start", None)),
        // Scope.
        (
            "{mode: auto, scope: {exclude: [{tags: {env: sandbox}}]}}",
            &[("env", "sandbox")],
            is("skip", Some("scope")),
        ),
        ("{mode: auto, scope: {exclude: [{tags: {env: sandbox}}]}}", &[("env", "prod")], is("start", None)),
        ("{mode: auto, scope: {include: [{resource: 'prod-*'}]}}", &[], is("skip", Some("scope"))),
        ("{mode: auto, scope: {include: [{resource: 'holiday-*'}]}}", &[], is("start", None)),
        (
            "{mode: auto, rules: [{match: {ou: Prod}, mode: 'off'}], organization: {ou: {Prod: ['111111111111']}}}",
            &[],
            is("skip", Some("scope")),
        ),
        (
            "{rules: [{match: {ou: Prod}, mode: auto}], organization: {ou: {Prod/Web: ['123456789012']}}}",
            &[],
            is("start", None),
        ),
        // Waiver.
        (
            "{mode: auto, waivers: [{match: {tags: {public: 'yes'}}, owner: o, reason: r, expires: 2026-06-02T00:00:00Z}]}",
            &[("public", "yes")],
            is("skip", Some("waiver")),
        ),
        (
            "{mode: auto, waivers: [{match: {tags: {public: 'yes'}}, owner: o, reason: r, expires: 2026-06-01T11:00:00Z}]}",
            &[("public", "yes")],
            is("start", None),
        ),
        // Mode.
        (
            "{mode: auto, rules: [{match: {tags: {plumb: 'off'}}, mode: 'off'}]}",
            &[("plumb", "off")],
            is("skip", Some("mode")),
        ),
        ("{mode: auto, rules: [{match: {tags: {plumb: 'off'}}, mode: 'off'}]}", &[], is("start", None)),
        ("{rules: [{match: {tags: {plumb: auto}}, mode: auto}]}", &[("plumb", "auto")], is("start", None)),
        // Infrastructure as code.
        ("mode: auto", &[cloudformation], is("notify", None)),
        ("{mode: auto, iac: {mode: 'off'}}", &[cloudformation], is("skip", Some("iac"))),
        ("{mode: auto, iac: {mode: auto}}", &[cloudformation], is("start", None)),
        (
            "{mode: auto, iac: {rules: [{match: {severity: high}, mode: auto}]}}",
            &[cloudformation],
            is("start", None),
        ),
        ("{mode: auto, iac: {tags: {by: terraform}}}", &[("by", "terraform")], is("notify", None)),
        ("{mode: auto, iac: {tags: {by: terraform}}}", &[("by", "hand")], is("start", None)),
        // Change calendars.
        (
            "{mode: auto, calendars: [{calendar: quiet}, {calendar: freeze}]}",
            &[],
            is("defer", Some("calendar")),
        ),
        ("{mode: auto, calendars: [{calendar: quiet}]}", &[], is("start", None)),
        (
            "{mode: auto, calendars: [{calendar: freeze, match: {resource: 'prod-*'}}]}",
            &[],
            is("start", None),
        ),
        ("{mode: notify, calendars: [{calendar: freeze}]}", &[], is("notify", None)),
        // Windows.
        (
            "{mode: auto, windows: [{zone: Europe/London, open: [{from: '12:30', to: '13:00'}]}]}",
            &[],
            is("defer", Some("window")),
        ),
        (
            "{mode: auto, windows: [{zone: Europe/London, open: [{from: '12:00', to: '13:00'}]}]}",
            &[],
            is("start", None),
        ),
        (
            "{mode: auto, windows: [{zone: Europe/London, open: [{days: [sun]}]}]}",
            &[],
            is("defer", Some("window")),
        ),
        ("{mode: notify, windows: [{zone: Europe/London, open: [{days: [sun]}]}]}", &[], is("notify", None)),
    ] {
        assert_eq!(decided(yaml, tags).await, expected, "{yaml} {tags:?}");
    }
}

#[tokio::test]
async fn tags_are_read_only_when_they_matter_and_once() {
    for (yaml, reads) in [
        ("mode: notify", 0),
        ("mode: 'off'", 0),
        ("{mode: auto, iac: {mode: auto}}", 0),
        (
            "{mode: auto, waivers: [{match: {resource: 'holiday-*'}, owner: o, reason: r, expires: 2027-01-01T00:00:00Z}]}",
            0,
        ),
        // A rule by resource is more specific than one by tag.
        (
            "{rules: [{match: {resource: holiday-photos}, mode: notify}, {match: {tags: {a: b}}, mode: auto}]}",
            0,
        ),
        ("mode: auto", 1),
        ("{mode: notify, rules: [{match: {tags: {a: b}}, mode: auto}]}", 1),
        (
            "{mode: auto, scope: {exclude: [{tags: {a: b}}]}, rules: [{match: {tags: {a: b}}, mode: 'off'}]}",
            1,
        ),
    ] {
        let memory = Memory::new(policy(yaml));
        remediate(&memory).await.unwrap();
        assert_eq!(memory.world().tag_reads, reads, "{yaml}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_changes_nothing_and_the_message_comes_again() {
    for (yaml, operation) in [
        ("mode: auto", "tag:GetResources"),
        (
            "{mode: notify, waivers: [{match: {tags: {a: b}}, owner: o, reason: r, expires: 2027-01-01T00:00:00Z}]}",
            "tag:GetResources",
        ),
        ("{mode: auto, calendars: [{calendar: quiet}]}", "ssm:GetCalendarState"),
    ] {
        let memory = Memory::new(policy(yaml));
        memory.world().failures.push((operation, Class::Denied, "AccessDeniedException"));
        assert!(matches!(remediate(&memory).await, Err(Unfinished::Port(_))), "{yaml}");
        assert!(memory.world().writes.is_empty() && memory.world().started.is_empty(), "{yaml}");
    }
    // A calendar that doesn't exist.
    let memory = Memory::new(policy("{mode: auto, calendars: [{calendar: nonesuch}]}"));
    assert!(matches!(remediate(&memory).await, Err(Unfinished::Port(_))));
    assert!(memory.world().started.is_empty());
}
