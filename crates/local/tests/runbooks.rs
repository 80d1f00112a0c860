//! What the linter and the policy of documents say of every control's own.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use plumb_automation::{
    Document,
    iam::Policy,
    lint::{Code, Models, Severity, api_calls, lint},
};
use plumb_local::proof::ControlFolder;
use serde_json::Value;

#[tokio::test]
async fn every_controls_documents_pass_the_linter() {
    let controls = ControlFolder::read_all(&controls()).unwrap();
    let texts: Vec<&str> =
        controls.iter().flat_map(|control| [control.remediate.as_str(), &control.rollback]).collect();
    let calls: BTreeSet<_> = texts.iter().flat_map(|text| api_calls(text)).collect();
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/local");
    let home = target.join(format!("runbooks-{}", std::process::id()));
    let answer = plumb_local::models::describe(&calls, &home, &target.join("venv")).await.unwrap();
    let models = Models::from_json(answer).unwrap();
    std::fs::remove_dir_all(&home).unwrap();
    // That the models are looked at.
    let broken = texts.concat().contains("Api: EnableKeyRotation\n");
    assert!(broken, "no control calls kms:EnableKeyRotation any more; choose another call to misspell");
    let misspelt =
        texts.iter().map(|text| text.replace("Api: EnableKeyRotation\n", "Api: EnableKeyRotate\n"));
    assert!(misspelt.flat_map(|text| lint(&text, Some(&models))).any(|found| found.code == Code::UnknownApi));

    let mut errors = Vec::new();
    for control in &controls {
        for (name, text) in [("remediate", &control.remediate), ("rollback", &control.rollback)] {
            let found = lint(text, Some(&models));
            errors.extend(
                found.iter().filter(|finding| finding.code.severity() == Severity::Error).map(|finding| {
                    format!("{} {name} {}: {}", control.id, finding.place.line, finding.message)
                }),
            );
        }
    }
    assert!(errors.is_empty(), "{errors:#?}");
}

/// What AWS checks on the caller's behalf (Auto Scaling launching instances, `CloudHSM` making interfaces) no call names: such
/// an action has to have its reason in `control.yaml`. That each is used is proven by the proof.
#[test]
fn every_controls_permissions_are_those_that_its_documents_need() {
    let mut differences = Vec::new();
    for control in ControlFolder::read_all(&controls()).unwrap() {
        let documents = [&control.remediate, &control.rollback].map(|text| Document::parse(text).unwrap());
        let policy = Policy::of(&documents);
        let derived: BTreeSet<String> = policy.needs.into_iter().map(|need| need.action).collect();
        let more: Vec<_> = derived.difference(&control.actions).collect();
        let reasoned = reasoned(&control);
        let less: Vec<_> =
            control.actions.difference(&derived).filter(|action| !reasoned.contains(*action)).collect();
        if !more.is_empty() || !less.is_empty() {
            differences.push(format!("{}: derived besides {more:?}, not derived {less:?}", control.id));
        }
    }
    assert!(differences.is_empty(), "{differences:#?}");
}

/// The actions that `control.yaml` gives a reason for.
fn reasoned(control: &ControlFolder) -> BTreeSet<String> {
    let file = controls().join(&control.service).join(&control.id).join("control.yaml");
    let definition: Value = serde_saphyr::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let by_hand = ["iam_instead", "iam_extra"].into_iter().filter_map(|key| definition[key].as_array());
    by_hand
        .flatten()
        .filter(|entry| entry["reason"].is_string())
        .map(|entry| entry["action"].as_str().unwrap().to_owned())
        .collect()
}

fn controls() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../controls")
}
