//! `plumb policy test`: the user's own cases, decided offline.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use plumb_catalogue::Heard;
use plumb_events::Content;
use plumb_model::{
    AccountId, Control, Decision, Finding, Guardrail, Outcome, Policy, Region, Remediation, ResourceRef,
    State, Tags,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    arguments::Test,
    file,
    situation::{self, Situation},
};
use crate::{
    failure::Failure,
    output::{json_pretty, word},
};

const SUFFIX: &str = ".tests.yaml";

/// A file of cases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Suite {
    /// The policy's file, from the folder of this one.
    policy: PathBuf,
    /// When the cases happen that don't say.
    at: Timestamp,
    cases: Vec<Case>,
}

/// What is found, and what is to be decided about it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    /// A finding of this control …
    control: Option<String>,
    /// … on this resource;
    resource: Option<Resource>,
    /// or whatever controls listen to this event.
    event: Option<Value>,
    #[serde(default)]
    tags: Tags,
    /// Change calendars that are closed.
    #[serde(default)]
    closed: Vec<String>,
    /// What Plumb did there before.
    prior: Option<Prior>,
    at: Option<Timestamp>,
    expect: Expectation,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Resource {
    id: String,
    account: Option<AccountId>,
    region: Option<Region>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Prior {
    state: State,
    since: Timestamp,
    #[serde(default)]
    attempts: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expectation {
    outcome: Outcome,
    /// The guardrail that stops it.
    stopped_by: Option<Guardrail>,
    /// Part of the reason.
    because: Option<String>,
}

#[derive(Debug, Serialize)]
struct Verdict {
    file: String,
    name: String,
    passed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differences: Vec<String>,
    decisions: Vec<Decision>,
}

pub(super) fn run(out: &mut dyn Write, arguments: &Test, json: bool) -> Result<(), Failure> {
    let mut verdicts = Vec::new();
    for file in files(&arguments.paths)? {
        verdicts.extend(judge(&file)?);
    }
    let failed = verdicts.iter().filter(|verdict| !verdict.passed).count();
    let passed = verdicts.len() - failed;
    if json {
        json_pretty(out, &json!({ "passed": passed, "failed": failed, "cases": verdicts }))?;
    } else {
        for verdict in &verdicts {
            write(out, verdict)?;
        }
        writeln!(out, "{passed} passed, {failed} failed")?;
    }
    if failed == 0 { Ok(()) } else { Err(Failure::Failed(format!("{failed} cases failed"))) }
}

fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let before = files.len();
            look_into(path, &mut files)?;
            if files.len() == before {
                return Err(Failure::Usage(format!("`{}` holds no file *{SUFFIX}", path.display())));
            }
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

fn look_into(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let unreadable =
        |error: std::io::Error| Failure::Usage(format!("can't read `{}`: {error}", folder.display()));
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
    let mut entries = entries.map_err(unreadable)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        // Not through symbolic links: they may lead back.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            look_into(&entry.path(), files)?;
        } else if entry.file_name().to_string_lossy().ends_with(SUFFIX) {
            files.push(entry.path());
        }
    }
    Ok(())
}

fn judge(path: &Path) -> Result<Vec<Verdict>, Failure> {
    let wrong = |why: String| Failure::Usage(format!("`{}`: {why}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let suite: Suite = serde_saphyr::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let policy = file::read_usable(&path.parent().unwrap_or(Path::new(".")).join(&suite.policy))?;
    suite
        .cases
        .iter()
        .map(|case| {
            let now = case.at.unwrap_or(suite.at);
            let decisions = decisions(case, &policy, now)
                .map_err(|failure| wrong(format!("case `{}`: {failure}", case.name)))?;
            let differences = differences(&case.expect, &decisions);
            let (file, name) = (path.display().to_string(), case.name.clone());
            Ok(Verdict { file, name, passed: differences.is_empty(), differences, decisions })
        })
        .collect()
}

fn decisions(case: &Case, policy: &Policy, now: Timestamp) -> Result<Vec<Decision>, Failure> {
    let findings = findings(case, now)?;
    if findings.is_empty() {
        return Err(Failure::Usage("no control listens to the event".to_owned()));
    }
    let decided = findings.iter().map(|finding| {
        let situation = Situation {
            prior: case.prior.as_ref().map(|prior| record(prior, finding)),
            tags: case.tags.clone(),
            closed: case.closed.iter().cloned().collect(),
        };
        situation::decide(policy, finding, &situation, now)
    });
    decided.collect()
}

fn findings(case: &Case, now: Timestamp) -> Result<Vec<Finding>, Failure> {
    match (&case.control, &case.resource, &case.event) {
        (Some(control), Some(resource), None) => {
            let control = situation::control(control)?;
            Ok(vec![situation::finding(control, reference(resource, control)?, now)?])
        }
        (control, None, Some(event)) => {
            let mut findings = Vec::new();
            for reading in plumb_events::read(event.to_string().as_bytes()) {
                match reading.content {
                    Content::Signals(signals) => {
                        for signal in &signals {
                            if let Heard::Findings(heard) =
                                plumb_catalogue::listen(plumb_catalogue::controls(), signal)
                            {
                                findings.extend(heard);
                            }
                        }
                    }
                    Content::Rejected(why) | Content::Ignored(why) => return Err(Failure::Usage(why)),
                    _ => return Err(Failure::Usage("the event is no finding".to_owned())),
                }
            }
            if let Some(control) = control {
                findings.retain(|finding| finding.control.as_str() == control);
            }
            Ok(findings)
        }
        _ => Err(Failure::Usage("give either `control` and `resource`, or `event`".to_owned())),
    }
}

fn reference(resource: &Resource, control: &Control) -> Result<ResourceRef, Failure> {
    let usage = |error: plumb_model::InvalidName| Failure::Usage(error.to_string());
    let account = resource.account.clone().map_or_else(|| AccountId::parse("123456789012"), Ok);
    let region = resource.region.clone().map_or_else(|| Region::parse("us-east-1"), Ok);
    Ok(ResourceRef {
        account: account.map_err(usage)?,
        region: region.map_err(usage)?,
        kind: control.resource_type.to_owned(),
        id: resource.id.clone(),
    })
}

/// The ledger's record, as far as a decision depends on it.
fn record(prior: &Prior, finding: &Finding) -> Remediation {
    Remediation {
        generation: 1,
        state: prior.state,
        attempts: prior.attempts,
        ..Remediation::seen(
            finding.control.clone(),
            finding.resource.clone(),
            finding.source.clone(),
            prior.since,
        )
    }
}

/// In what the decisions are not as expected: one of them has to be.
fn differences(expected: &Expectation, decisions: &[Decision]) -> Vec<String> {
    let mut fewest: Option<Vec<String>> = None;
    for decision in decisions {
        let mut found = Vec::new();
        if decision.outcome != expected.outcome {
            found.push(format!(
                "outcome: expected {}, got {}",
                word(expected.outcome),
                word(decision.outcome)
            ));
        }
        let stopped_by =
            decision.verdicts.iter().find(|verdict| !verdict.passed).map(|verdict| verdict.guardrail);
        if expected.stopped_by.is_some() && expected.stopped_by != stopped_by {
            let name = |guardrail: Option<Guardrail>| guardrail.map_or("nothing", Guardrail::name);
            found.push(format!(
                "stopped by: expected {}, got {}",
                name(expected.stopped_by),
                name(stopped_by)
            ));
        }
        if let Some(because) =
            expected.because.as_deref().filter(|because| !decision.reason.contains(because))
        {
            found.push(format!("reason: expected `… {because} …`, got `{}`", decision.reason));
        }
        if fewest.as_ref().is_none_or(|fewest| found.len() < fewest.len()) {
            fewest = Some(found);
        }
    }
    fewest.unwrap_or_default()
}

fn write(out: &mut dyn Write, verdict: &Verdict) -> Result<(), Failure> {
    let mark = if verdict.passed { "ok    " } else { "FAILED" };
    writeln!(out, "{mark}  {}: {}", verdict.file, verdict.name)?;
    for difference in &verdict.differences {
        writeln!(out, "        {difference}")?;
    }
    if !verdict.passed {
        for decision in &verdict.decisions {
            for one in &decision.verdicts {
                let mark = if one.passed { '+' } else { '-' };
                writeln!(out, "          {mark} {:12}{}", one.guardrail.name(), one.because)?;
            }
        }
    }
    Ok(())
}
