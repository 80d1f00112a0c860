//! Every control's `cases/*.json`: the event, through the same reading and planning as in the functions, has the
//! outcome that the case expects; the whole reasoning is kept as a snapshot. A new case needs no Rust.

use std::{fs, path::PathBuf};

use jiff::Timestamp;
use plumb_catalogue::Heard;
use plumb_events::Content;
use plumb_model::{Outcome, Policy, Tags};
use plumb_planner::{Facts, Plan};
use plumb_tests::deployment;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    why: String,
    event: Value,
    #[serde(default)]
    policy: Policy,
    /// The resource's tags.
    #[serde(default)]
    tags: Tags,
    expect: Expectation,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expectation {
    outcome: Outcome,
    reason_contains: String,
}

#[derive(Serialize)]
struct Read {
    why: String,
    decisions: Vec<Decided>,
}

#[derive(Serialize)]
struct Decided {
    control: String,
    resource: String,
    outcome: Outcome,
    reason: String,
    reasoning: Vec<String>,
    would_run: Option<Vec<String>>,
}

fn controls() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../controls")
}

fn cases() -> Vec<PathBuf> {
    let list = |folder: PathBuf| {
        let mut paths: Vec<_> =
            fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
        paths.sort();
        paths
    };
    list(controls())
        .into_iter()
        .flat_map(list)
        .flat_map(|control| list(control.join("cases")))
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect()
}

#[test]
fn every_case_has_the_outcome_it_expects() {
    let now: Timestamp = "2026-06-01T12:00:00Z".parse().unwrap();
    let cases = cases();
    assert!(plumb_catalogue::controls().len() >= 10);
    assert!(cases.len() >= plumb_catalogue::controls().len() * 4, "{} cases", cases.len());
    for path in cases {
        let case: Case = serde_json::from_slice(&fs::read(&path).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let control = path
            .ancestors()
            .nth(2)
            .and_then(|folder| folder.file_name())
            .unwrap()
            .to_string_lossy()
            .into_owned();
        let mut decisions = Vec::new();
        let mut elsewhere = Vec::new();
        for reading in plumb_events::read(case.event.to_string().as_bytes()) {
            match reading.content {
                Content::Signals(signals) => {
                    for signal in &signals {
                        let findings = match plumb_catalogue::listen(plumb_catalogue::controls(), signal) {
                            Heard::Findings(findings) => findings,
                            Heard::Nobody(why) => {
                                elsewhere.push((Outcome::Ignore, why));
                                continue;
                            }
                        };
                        for finding in findings {
                            let control = plumb_catalogue::control(finding.control.as_str()).unwrap();
                            let facts = Facts { tags: Some(case.tags.clone()), ..Facts::new(deployment()) };
                            match plumb_planner::plan(control, &case.policy, &finding, &facts, now) {
                                Plan::Decided(decision) => decisions.push(decision),
                                Plan::Needs(fact) => panic!("{}: depends on {fact:?}", path.display()),
                            }
                        }
                    }
                }
                Content::Ignored(reason) => elsewhere.push((Outcome::Ignore, reason)),
                Content::Rejected(reason) => elsewhere.push((Outcome::Reject, reason)),
                Content::Automation(_) | Content::Rollback(_) | Content::Clear(_) | Content::Due(_) => {}
            }
        }
        let met = decisions
            .iter()
            .filter(|decision| decision.control.as_str() == control)
            .map(|decision| (decision.outcome, decision.reason.clone()))
            .chain(elsewhere)
            .any(|(outcome, reason)| {
                outcome == case.expect.outcome && reason.contains(&case.expect.reason_contains)
            });
        assert!(
            met,
            "{}: expected `{:?}` because of `{}`, got {decisions:#?}",
            path.display(),
            case.expect.outcome,
            case.expect.reason_contains
        );
        let read = Read {
            why: case.why,
            decisions: decisions
                .into_iter()
                .map(|decision| Decided {
                    control: decision.control.to_string(),
                    resource: decision.resource.to_string(),
                    outcome: decision.outcome,
                    reason: decision.reason,
                    reasoning: decision
                        .verdicts
                        .iter()
                        .map(|v| {
                            format!(
                                "{} {}: {}",
                                if v.passed { "pass" } else { "stop" },
                                v.guardrail.name(),
                                v.because
                            )
                        })
                        .collect(),
                    would_run: decision.action.map(|action| {
                        std::iter::once(action.document)
                            .chain(
                                action.parameters.iter().map(|(name, v)| format!("{name}={}", v.join(","))),
                            )
                            .collect()
                    }),
                })
                .collect(),
        };
        let name = format!("{control}-{}", path.file_stem().unwrap().to_string_lossy());
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_yaml_snapshot!(name, read);
        });
    }
}
