//! Reading documents and binding parameters.

use std::{collections::BTreeMap, fmt::Write};

use plumb_automation::{
    Document, ParameterError,
    document::{Count, OnCancel, OnFailure, ValueType},
};
use proptest::prelude::*;
use serde_json::{Value, json};

const FULL: &str = "
schemaVersion: '0.3'
description: Everything a document may say
assumeRole: '{{ Role }}'
parameters:
  Role: {type: AWS::IAM::Role::Arn, default: ''}
  Name: {type: String, description: A name, allowedPattern: '^[\\w-]+$', minChars: 2, maxChars: 8, displayType: textfield}
  Kind: {type: String, allowedValues: [a, b], default: a}
  Names: {type: StringList, default: [], maxItems: 2}
  Count: {type: Integer, default: 5}
  Flag: {type: Boolean, default: false}
  Map: {type: StringMap, default: {}}
  Maps: {type: MapList, default: []}
  Ids: {type: 'List<AWS::EC2::Instance::Id>', default: []}
variables:
  Seen: {type: StringList, default: []}
mainSteps:
  - name: First
    action: aws:executeAwsApi
    description: |
      Looks.
    maxAttempts: 3
    timeoutSeconds: '{{ Count }}'
    onFailure: step:Last
    onCancel: step:Last
    nextStep: Last
    inputs: {Service: s3, Api: ListBuckets}
    outputs:
      - {Name: All, Selector: $.Buckets, Type: MapList}
      - {Name: First, Selector: '$.Buckets[0].Name'}
  - name: Last
    action: aws:somethingNew
    isCritical: false
    isEnd: 'true'
    onFailure: Continue
    inputs: {}
outputs: [First.All, '{{ First.First }}']
files:
  script.zip: {checksums: {sha256: abc}}
";

fn given(parameters: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    parameters.iter().map(|(name, texts)| ((*name).to_owned(), owned(texts))).collect()
}

#[test]
fn every_field_is_read() {
    let document = Document::parse(FULL).unwrap();
    let first = &document.steps[0];
    assert_eq!(first.max_attempts, Count::Number(3));
    assert_eq!(first.timeout_seconds, Some(Count::Reference("{{ Count }}".into())));
    assert_eq!(first.on_failure, OnFailure::Step("Last".into()));
    assert_eq!(first.on_cancel, OnCancel::Step("Last".into()));
    assert!(first.is_critical && !first.is_end);
    assert_eq!(first.outputs[0].kind, ValueType::MapList);
    assert_eq!(first.outputs[1].kind, ValueType::String);
    let last = &document.steps[1];
    assert!(!last.is_critical && last.is_end);
    assert_eq!(document.outputs, ["First.All", "First.First"]);
    assert_eq!(document.files["script.zip"].sha256.as_deref(), Some("abc"));
    assert_eq!((document.parameters["Name"].at.line, first.at.line > 10), (7, true));
}

#[test]
fn json_is_read_as_yaml_is() {
    let json = r#"{
	"schemaVersion": "0.3",
	"mainSteps": [
		{"name": "A", "action": "aws:sleep", "inputs": {"Duration": "PT1S", "Face": "\ud83d\ude00", "Path": "a\/b"}}
	]
}"#;
    let document = Document::parse(json).unwrap();
    assert_eq!(document.steps[0].inputs["Face"], "😀");
    assert_eq!(document.steps[0].inputs["Path"], "a/b");
}

#[test]
fn what_is_no_document_is_refused_with_its_place() {
    let step = "mainSteps: [{name: A, action: a, inputs: {}}]";
    for (text, line, message) in [
        ("", 1, "must be a map"),
        ("schemaVersion: '0.3'\nmainSteps: [", 2, "not YAML"),
        ("{\"schemaVersion\": \"0.3\",,}", 1, "not JSON"),
        (&format!("schemaVersion: '2.2'\n{step}"), 1, "only '0.3' is an Automation document"),
        ("schemaVersion: '0.3'", 1, "has no `mainSteps`"),
        ("schemaVersion: '0.3'\nmainSteps: []", 2, "there are no steps"),
        (&format!("schemaVersion: '0.3'\nextra: 1\n{step}"), 2, "unknown key `extra`"),
        (&format!("schemaVersion: '0.3'\n{step}\nmainSteps: []"), 3, "uplicate"),
        (
            &format!("schemaVersion: '0.3'\nparameters:\n  P: {{type: Text}}\n{step}"),
            3,
            "`Text` is not a parameter type",
        ),
        (
            &format!("schemaVersion: '0.3'\nparameters:\n  P: {{type: String, allowedPattern: '('}}\n{step}"),
            3,
            "not a regular expression",
        ),
        (
            "schemaVersion: '0.3'\nmainSteps:\n- {name: A, action: a, inputs: []}",
            3,
            "`inputs` of step `A` must be a map",
        ),
        (
            "schemaVersion: '0.3'\nmainSteps:\n- {name: A, action: a}\n- {name: A, action: a}",
            4,
            "two steps `A`",
        ),
        (
            "schemaVersion: '0.3'\nmainSteps:\n- {name: A, action: a, onFailure: retry}",
            3,
            "`onFailure` is `retry`",
        ),
        (
            "schemaVersion: '0.3'\nmainSteps:\n- {name: A, action: a, isEnd: maybe}",
            3,
            "must be true or false",
        ),
        ("schemaVersion: '0.3'\nmainSteps:\n- {name: A, action: a, nextStep: B}", 3, "leads to step `B`"),
        (
            "schemaVersion: '0.3'\nmainSteps:\n- {name: A, action: 'aws:branch', inputs: {Choices: [], Default: B}}",
            3,
            "leads to step `B`",
        ),
        (
            "schemaVersion: '0.3'\nmainSteps:\n- {name: A, action: a, outputs: [{Name: x, Selector: y, Type: z}]}",
            3,
            "`z` is not a type",
        ),
        (&format!("schemaVersion: '0.3'\n{step}\noutputs: [A]"), 3, "step.Output"),
    ] {
        let error = Document::parse(text).unwrap_err();
        assert_eq!(error.place.line, line, "{text}: {error}");
        assert!(error.to_string().contains(message), "{text}: {error}");
    }
}

#[test]
fn yaml_that_grows_is_refused() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let previous = format!("*a{}, ", level - 1).repeat(9);
        writeln!(bomb, "a{level}: &a{level} [{previous}]").unwrap();
    }
    assert!(Document::parse(&bomb).is_err());
    assert!(Document::parse(&"[".repeat(100_000)).is_err());
    assert!(Document::parse(&"{\"a\":".repeat(100_000)).is_err());
    assert!(Document::parse(&"- ".repeat(50_000)).is_err());
    assert!(Document::parse(&" ".repeat(2 << 20)).is_err());
}

#[test]
fn parameters_are_typed() {
    let document = Document::parse(FULL).unwrap();
    let bound = document
        .bind(&given(&[
            ("Name", &["ab-c"]),
            ("Names", &["x", "y"]),
            ("Count", &["-7"]),
            ("Flag", &["True"]),
            ("Map", &[r#"{"a": {"b": 1}}"#]),
            ("Maps", &[r#"{"a": 1}"#, r#"{"b": 2}"#]),
            ("Ids", &["i-12345678"]),
        ]))
        .unwrap();
    for (name, value) in [
        ("Role", json!("")),
        ("Name", json!("ab-c")),
        ("Kind", json!("a")),
        ("Names", json!(["x", "y"])),
        ("Count", json!(-7)),
        ("Flag", json!(true)),
        ("Map", json!({"a": {"b": 1}})),
        ("Maps", json!([{"a": 1}, {"b": 2}])),
        ("Ids", json!(["i-12345678"])),
    ] {
        assert_eq!(bound.get(name), Some(&value), "{name}");
    }
    assert_eq!(bound.wire()["Map"], [r#"{"a":{"b":1}}"#]);
    assert_eq!(bound.wire()["Count"], ["-7"]);
    let listed = document.bind(&given(&[("Name", &["abc"]), ("Maps", &[r#"[{"a": 1}]"#])])).unwrap();
    assert_eq!(listed.get("Maps"), Some(&json!([{"a": 1}])));
}

#[test]
fn parameters_outside_their_constraints_are_refused() {
    let document = Document::parse(FULL).unwrap();
    assert_eq!(document.bind(&given(&[])), Err(ParameterError::Missing(vec!["Name".into()])));
    assert_eq!(
        document.bind(&given(&[("Name", &["abc"]), ("Nope", &["x"])])),
        Err(ParameterError::Unknown(vec!["Nope".into()]))
    );
    for (name, texts) in [
        ("Name", &["a"][..]),
        ("Name", &["abcdefghi"]),
        ("Name", &["a b"]),
        ("Name", &["ab", "cd"]),
        ("Name", &[]),
        ("Kind", &["c"]),
        ("Names", &["x", "y", "z"]),
        ("Count", &["1.5"]),
        ("Count", &["five"]),
        ("Flag", &["1"]),
        ("Map", &["[]"]),
        ("Map", &["{"]),
        ("Maps", &["[1]"]),
        ("Ids", &["i-xyz"]),
        ("Role", &["role"]),
    ] {
        let mut parameters = given(&[("Name", &["abc"])]);
        parameters.extend(given(&[(name, texts)]));
        match document.bind(&parameters) {
            Err(ParameterError::Invalid { name: wrong, .. }) => assert_eq!(wrong, name),
            other => panic!("{name} {texts:?}: {other:?}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(250))]

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        let _ = Document::parse(&text);
    }

    #[test]
    fn any_yaml_like_text_is_read_or_refused(
        text in r"(schemaVersion: '0\.3'\n|mainSteps:\n|- |  |name: |action: |inputs: |\{|\}|\[|\]|: |, |a|'|&x |\*x|\||>|\n|!!str |<<: |~|0x1|#|%|---\n|\t){0,60}"
    ) {
        let _ = Document::parse(&text);
    }

    #[test]
    fn a_damaged_document_is_read_or_refused(at in 0..FULL.len(), with in "\\PC{0,3}", cut in 0..20_usize) {
        let end = (at + cut).min(FULL.len());
        let damaged = format!("{}{with}{}", &FULL[..at], &FULL[end..]);
        let _ = Document::parse(&damaged);
    }

    #[test]
    fn any_parameters_are_bound_or_refused(name in "Name|Count|Flag|Map|Maps|Names|Ids|X", texts in prop::collection::vec("\\PC{0,12}", 0..3)) {
        let document = Document::parse(FULL).unwrap();
        let mut parameters = given(&[("Name", &["abc"])]);
        parameters.insert(name, texts);
        if let Ok(bound) = document.bind(&parameters) {
            prop_assert!(bound.values().values().all(|value| *value != Value::Null));
            prop_assert_eq!(document.bind(&bound.wire()), Ok(bound));
        }
    }
}
