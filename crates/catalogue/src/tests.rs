//! What holds for every control, and for the matching on controls made up for the purpose.

use std::collections::BTreeSet;

use plumb_model::{
    AccountId, ApiCall, Arn, ConfigRule, Control, ControlId, Mode, Pillar, Region, ResourceRef,
    Reversibility, Severity, Signal, Source, Standing, Subject,
};
use serde_json::{Value, json};

use crate::{Heard, control, controls, findings, listen};

const MADE_UP: &[Control] = &[
    Control {
        config_rules: &[
            ConfigRule { identifier: "BUCKET_LOCKED", name: "bucket-locked", deploy: true },
            ConfigRule { identifier: "BUCKET_SHUT", name: "bucket-shut", deploy: false },
        ],
        security_hub: &["S3.8"],
        api_calls: &[ApiCall {
            service: "s3.amazonaws.com",
            name: "OpenBucket",
            resource: "/requestParameters/bucketName",
        }],
        ..blank("bucket-open", "AWS::S3::Bucket")
    },
    Control {
        config_rules: &[ConfigRule { identifier: "BUCKET_SHUT", name: "bucket-shut", deploy: true }],
        ..blank("red-bucket-open", "AWS::S3::Bucket")
    },
    Control {
        security_hub: &["EC2.7"],
        api_calls: &[ApiCall { service: "ec2.amazonaws.com", name: "DisableEncryption", resource: "" }],
        ..blank("encryption-off", "AWS::::Account")
    },
    Control {
        api_calls: &[ApiCall {
            service: "kms.amazonaws.com",
            name: "DisableKeyRotation",
            resource: "/requestParameters/keyId",
        }],
        ..blank("key-still", "AWS::KMS::Key")
    },
];

const fn blank(id: &'static str, resource_type: &'static str) -> Control {
    Control {
        id,
        service: "s3",
        title: "",
        why: "",
        pillar: Pillar::Security,
        best_practices: &[],
        severity: Severity::High,
        resource_type,
        arn: Arn::None,
        config_rules: &[],
        custom_rule: None,
        security_hub: &[],
        api_calls: &[],
        parameters: &[],
        safety: Mode::Auto,
        disruption: "",
        cost: "",
        reversibility: Reversibility::Full,
        reversibility_note: "",
    }
}

fn resource(kind: &str, id: &str) -> ResourceRef {
    ResourceRef {
        account: AccountId::parse("111122223333").unwrap(),
        region: Region::parse("eu-west-1").unwrap(),
        kind: kind.to_owned(),
        id: id.to_owned(),
    }
}

fn signal(source: Source) -> Signal {
    Signal {
        source,
        subject: Subject::Resource(resource("AWS::S3::Bucket", "b")),
        standing: Standing::Violating,
        observed_at: None,
        event_id: None,
        sender: None,
    }
}

fn call(service: &str, name: &str, record: Value) -> Signal {
    let source = Source::ApiCall { service: service.to_owned(), name: name.to_owned() };
    let ResourceRef { account, region, .. } = resource("", "");
    Signal { subject: Subject::Call { account, region, record }, ..signal(source) }
}

fn rule(name: &str) -> Source {
    Source::ConfigRule { rule: name.to_owned() }
}

fn hub(control: &str, rule: Option<&str>) -> Source {
    Source::SecurityHub { control: control.to_owned(), rule: rule.map(str::to_owned), finding: None }
}

/// `control -> resource id` for each finding, or the reason why there is none.
fn heard(signal: &Signal) -> Vec<String> {
    match listen(MADE_UP, signal) {
        Heard::Findings(findings) => {
            findings.iter().map(|f| format!("{} -> {}", f.control, f.resource.id)).collect()
        }
        Heard::Nobody(why) => vec![why],
    }
}

#[test]
fn a_rule_is_heard_by_every_control_that_lists_it() {
    assert_eq!(heard(&signal(rule("bucket-shut"))), ["bucket-open -> b", "red-bucket-open -> b"]);
    assert_eq!(heard(&signal(rule("securityhub-bucket-locked-0a1b2c3d"))), ["bucket-open -> b"]);
    assert_eq!(
        heard(&signal(rule("bucket-locked-tight"))),
        ["no control listens to Config rule `bucket-locked-tight`"]
    );
}

#[test]
fn of_two_controls_whose_ids_end_alike_the_longer_owns_the_rule() {
    assert_eq!(heard(&signal(rule("plumb-bucket-open"))), ["bucket-open -> b"]);
    assert_eq!(heard(&signal(rule("plumb-red-bucket-open"))), ["red-bucket-open -> b"]);
}

#[test]
fn a_security_hub_control_is_heard_by_its_id() {
    assert_eq!(heard(&signal(hub("S3.8", None))), ["bucket-open -> b"]);
    assert_eq!(heard(&signal(hub("S3.80", None))), ["no control listens to Security Hub control `S3.80`"]);
}

#[test]
fn a_number_of_a_legacy_standard_is_heard_by_the_rule_behind_it() {
    for number in ["cis-aws-foundations-benchmark/v/1.4.0/2.1.5", "2.9", "PCI.S3.8"] {
        assert_eq!(
            heard(&signal(hub(number, Some("securityhub-bucket-locked-fe95bf3f")))),
            ["bucket-open -> b"]
        );
        assert!(heard(&signal(hub(number, None)))[0].starts_with("no control listens"));
    }
}

#[test]
fn another_control_of_security_hub_on_the_same_rule_is_not_heard() {
    let shared = signal(hub("S3.3", Some("securityhub-bucket-locked-fe95bf3f")));
    assert!(heard(&shared)[0].starts_with("no control listens"));
}

#[test]
fn a_call_is_heard_with_the_resource_that_its_record_names() {
    let record = json!({"requestParameters": {"bucketName": " b2 "}});
    assert_eq!(heard(&call("s3.amazonaws.com", "OpenBucket", record.clone())), ["bucket-open -> b2"]);
    assert!(
        heard(&call("s3.amazonaws.com", "OpenBucketV2", record.clone()))[0].starts_with("no control listens")
    );
    assert!(heard(&call("sns.amazonaws.com", "OpenBucket", record))[0].starts_with("no control listens"));
}

#[test]
fn a_call_without_a_resource_says_where_it_was_looked_for() {
    for record in
        [json!(null), json!({"requestParameters": null}), json!({"requestParameters": {"bucketName": ["b"]}})]
    {
        assert_eq!(
            heard(&call("s3.amazonaws.com", "OpenBucket", record)),
            [
                "`bucket-open` listens to the call, but it names no resource at `/requestParameters/bucketName`"
            ]
        );
    }
}

#[test]
fn a_call_that_failed_and_names_nothing_is_ignored_because_it_failed() {
    let standing = Standing::CallFailed { code: "AccessDenied".to_owned() };
    let failed =
        Signal { standing, ..call("s3.amazonaws.com", "OpenBucket", json!({"requestParameters": null})) };
    let expected =
        "the API call `s3.amazonaws.com:OpenBucket` failed with `AccessDenied`, so nothing changed";
    assert_eq!(heard(&failed), [expected]);
}

#[test]
fn an_account_level_call_is_about_the_account() {
    assert_eq!(
        heard(&call("ec2.amazonaws.com", "DisableEncryption", json!({}))),
        ["encryption-off -> 111122223333"]
    );
}

#[test]
fn an_arn_in_a_call_gives_id_account_and_region() {
    let arn = "arn:aws-cn:kms:cn-north-1:444455556666:key/0e6c91d5-e23b-4ed3-bd36-1561fbbc0a2d";
    let signal =
        call("kms.amazonaws.com", "DisableKeyRotation", json!({"requestParameters": {"keyId": arn}}));
    let Heard::Findings(findings) = listen(MADE_UP, &signal) else { panic!("not heard") };
    assert_eq!(
        findings[0].resource,
        ResourceRef {
            account: AccountId::parse("444455556666").unwrap(),
            region: Region::parse("cn-north-1").unwrap(),
            kind: "AWS::KMS::Key".to_owned(),
            id: "0e6c91d5-e23b-4ed3-bd36-1561fbbc0a2d".to_owned(),
        }
    );
}

#[test]
fn that_a_resource_is_gone_is_heard_by_every_control_of_its_type() {
    let source = Source::Notice { service: "aws.config".to_owned(), name: "ResourceDeleted".to_owned() };
    let gone = Signal { standing: Standing::Deleted, ..signal(source.clone()) };
    assert_eq!(heard(&gone), ["bucket-open -> b", "red-bucket-open -> b"]);
    assert_eq!(heard(&signal(source)), ["no control listens to `ResourceDeleted` of `aws.config`"]);
}

#[test]
fn every_id_is_a_control_id_and_no_two_are_the_same() {
    let ids: BTreeSet<_> = controls().iter().map(|control| control.id).collect();
    assert_eq!(ids.len(), controls().len());
    for id in ids {
        ControlId::parse(id).unwrap();
        assert_eq!(control(id).unwrap().id, id);
    }
}

#[test]
fn the_controls_are_in_the_order_of_service_and_id() {
    assert!(controls().is_sorted_by_key(|control| (control.service, control.id)));
}

#[test]
fn every_control_is_found_by_each_of_its_rules_under_every_name() {
    for control in controls() {
        let own = format!("plumb-{}", control.id);
        let known = control.config_rules.iter().flat_map(|rule| {
            let name = rule.name;
            [
                name.to_owned(),
                format!("securityhub-{name}-1a2b3c4d"),
                format!("{name}-conformance-pack-a1b2c3d4e"),
                format!("OrgConfigRule-{name}-dbgzf8ba"),
            ]
        });
        for name in known.chain([own]) {
            let found = findings(&signal(rule(&name)));
            assert!(found.iter().any(|finding| finding.control.as_str() == control.id), "{name}");
        }
    }
}

#[test]
fn every_control_is_found_by_its_security_hub_ids_and_calls() {
    for control in controls() {
        for id in control.security_hub {
            let found = findings(&signal(hub(id, None)));
            assert!(found.iter().any(|finding| finding.control.as_str() == control.id), "{id}");
        }
        for api_call in control.api_calls {
            assert!(api_call.service.ends_with(".amazonaws.com"), "{}: {}", control.id, api_call.service);
            let mut record = json!("name");
            for part in api_call.resource.rsplit('/').filter(|part| !part.is_empty()) {
                record = match part.parse::<usize>() {
                    Ok(index) => Value::Array([vec![Value::Null; index], vec![record]].concat()),
                    Err(_) => json!({part: record}),
                };
            }
            let found = findings(&call(api_call.service, api_call.name, record));
            assert!(found.iter().any(|finding| finding.control.as_str() == control.id), "{}", api_call.name);
        }
    }
}

#[test]
fn every_control_says_what_people_need_to_know() {
    for control in controls() {
        let texts = [
            control.title,
            control.why,
            control.service,
            control.disruption,
            control.cost,
            control.resource_type,
        ];
        for text in texts {
            assert!(!text.trim().is_empty(), "{} leaves a text empty", control.id);
        }
        assert!(!control.title.ends_with('.'), "{}: a title is no sentence", control.id);
        assert!(!control.best_practices.is_empty(), "{} serves no best practice", control.id);
        assert!(control.resource_type.starts_with("AWS::"), "{}", control.id);
        assert!(!control.parameters.is_empty(), "{}: its runbook is told nothing", control.id);
        assert!(
            !(control.config_rules.is_empty()
                && control.custom_rule.is_none()
                && control.security_hub.is_empty()
                && control.api_calls.is_empty()),
            "nothing detects {}",
            control.id
        );
        assert!(
            control.reversibility == Reversibility::Full || !control.reversibility_note.trim().is_empty(),
            "{}: what does rollback leave?",
            control.id
        );
    }
}

#[test]
fn no_rule_is_deployed_by_two_controls() {
    let mut seen = BTreeSet::new();
    for (control, rule) in
        controls().iter().flat_map(|control| control.config_rules.iter().map(move |rule| (control, rule)))
    {
        assert!(
            !rule.deploy || seen.insert(rule.identifier),
            "{} deploys {} again",
            control.id,
            rule.identifier
        );
    }
}
