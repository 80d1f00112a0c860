//! The linter over whole documents. `lint/models.json` is what `models.py` says of the APIs that they call.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{collections::BTreeSet, fmt::Write as _};

use plumb_automation::{
    cost::{Assumptions, Cost},
    document::Document,
    iam::Policy,
    lint::{Code, Finding, Models, Severity, api_calls, lint},
};
use proptest::prelude::*;

fn models() -> Models {
    Models::from_json(serde_json::from_str(include_str!("lint/models.json")).unwrap()).unwrap()
}

fn readable(findings: &[Finding]) -> String {
    let mut text = String::new();
    for Finding { code, place, message, help } in findings {
        let severity = code.severity();
        let (line, column) = (place.line, place.column);
        writeln!(text, "{line}:{column}: {severity:?}[{code}]: {message}\n    help: {help}").unwrap();
    }
    text
}

#[test]
fn bad_documents_are_told_what_is_wrong_where() {
    insta::glob!("lint/bad/*", |path| {
        let text = std::fs::read_to_string(path).unwrap();
        let found = lint(&text, Some(&models()));
        assert!(found.iter().any(|finding| finding.code.severity() == Severity::Error));
        insta::assert_snapshot!(readable(&found));
    });
}

#[test]
fn good_documents_pass() {
    insta::glob!("lint/good/*", |path| {
        let text = std::fs::read_to_string(path).unwrap();
        let found = lint(&text, Some(&models()));
        assert!(found.is_empty(), "{}", readable(&found));
    });
}

/// The kinds that the bad documents have no example of, each with one here.
#[test]
fn every_kind_of_finding_can_be_found() {
    let mut found = BTreeSet::new();
    for name in ["schema.yaml", "references.yaml", "flow.yaml", "api.yaml", "text.yaml", "tabs.json"] {
        let path = format!("{}/tests/lint/bad/{name}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        found.extend(lint(&text, Some(&models())).into_iter().map(|finding| finding.code));
    }
    let step = |step: &str| format!("schemaVersion: '0.3'\nmainSteps:\n{step}");
    for text in [
        step("- {name: A, action: 'aws:pause', inputs: {}}\n").replace('A', &"A".repeat(70_000)),
        step("- {name: A, action: 'aws:pause', inputs: {}, nextStep: A}\n"),
        step("- {name: A, action: 'aws:shareSQLMedia', inputs: {}}\n"),
        step("- {name: A, action: 'aws:pause', inputs: {}, description: [text]}\n"),
        step(
            "- {name: A, action: 'aws:executeScript', inputs: {Runtime: python3.99, Handler: h, Script: x}}\n",
        ),
        "mainSteps: x".to_owned(),
    ] {
        found.extend(lint(&text, None).into_iter().map(|finding| finding.code));
    }
    let missing: Vec<_> = Code::ALL.iter().filter(|code| !found.contains(code)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn without_models_apis_are_not_looked_at() {
    let text = include_str!("lint/bad/api.yaml");
    assert!(lint(text, None).is_empty(), "{}", readable(&lint(text, None)));
    assert!(api_calls(text).contains(&("kms".to_owned(), "EnableKeyRotations".to_owned())));
}

#[test]
fn a_policy_says_why() {
    let document = Document::parse(include_str!("lint/good/everything.yaml")).unwrap();
    let policy = Policy::of([&document]);
    insta::assert_json_snapshot!((policy.document(), &policy));
}

#[test]
fn a_cost_is_by_step() {
    let document = Document::parse(include_str!("lint/good/everything.yaml")).unwrap();
    insta::assert_json_snapshot!(Cost::of(&document, Assumptions { script_seconds: 30.0 }));
}

fn survives(text: &str) {
    let _ = (lint(text, Some(&models())), api_calls(text));
    if let Ok(document) = Document::parse(text) {
        let policy = Policy::of([&document]);
        let _ = (policy.document(), Cost::of(&document, Assumptions { script_seconds: 1.0 }));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_bytes_are_looked_at_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        survives(&String::from_utf8_lossy(&bytes));
    }

    /// A document with a piece cut out, doubled or replaced.
    #[test]
    fn any_mangled_document_is_looked_at_without_panic(
        which in 0..4_usize, start in 0..3000_usize, length in 0..200_usize, instead in "[{}\\[\\]:,'\"a-z0-9 \n$.-]{0,12}", double in any::<bool>(),
    ) {
        let text = [
            include_str!("lint/good/everything.yaml"),
            include_str!("lint/bad/flow.yaml"),
            include_str!("lint/bad/api.yaml"),
            include_str!("lint/bad/references.yaml"),
        ][which];
        let start = text.floor_char_boundary(start.min(text.len()));
        let end = text.floor_char_boundary((start + length).min(text.len()));
        let kept = if double { end } else { start };
        survives(&format!("{}{instead}{}", &text[..kept], &text[if double { start } else { end }..]));
    }
}
