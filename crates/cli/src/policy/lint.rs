//! `plumb policy lint`: errors that make a policy unusable, and warnings about what is probably not meant.

use std::io::Write;

use jiff::{SignedDuration, Timestamp, ToSpan as _};
use plumb_automation::located::Place;
use plumb_catalogue::controls;
use plumb_model::{Control, Policy, Problem, SSM_RUNNING, Selector};
use serde_json::{Value, json};

use super::{
    arguments::Lint,
    file::{self, PolicyText},
};
use crate::{failure::Failure, output::json_pretty};

/// How long before its end a waiver is worth a word.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Deferred findings come back with the sweep, by default every hour; a shorter span may be missed.
const SHORT_MINUTES: u16 = 60;

pub(super) fn run(out: &mut dyn Write, arguments: &Lint, now: Timestamp, json: bool) -> Result<(), Failure> {
    let (mut errors, mut warnings) = (0, 0);
    let mut documents = Vec::new();
    for path in &arguments.files {
        let text = file::read(path)?;
        let found = findings(&text, now);
        for (severity, Problem { path: place, what }) in &found {
            let Place { line, column } = text.place(place);
            if !json {
                let about = if place.is_empty() { String::new() } else { format!("`{place}` ") };
                writeln!(out, "{}:{line}:{column}: {severity}: {about}{what}", path.display())?;
            }
        }
        errors += found.iter().filter(|(severity, _)| *severity == "error").count();
        warnings += found.iter().filter(|(severity, _)| *severity == "warning").count();
        documents.push(json!({
            "file": path.display().to_string(),
            "findings": found.iter().map(|finding| as_json(&text, finding)).collect::<Vec<_>>(),
        }));
    }
    if json {
        json_pretty(out, &json!({ "documents": documents, "errors": errors, "warnings": warnings }))?;
    } else {
        writeln!(out, "{errors} errors, {warnings} warnings")?;
    }
    if errors == 0 { Ok(()) } else { Err(Failure::Failed(format!("{errors} errors make it unusable"))) }
}

fn as_json(text: &PolicyText, (severity, problem): &(&str, Problem)) -> Value {
    let Place { line, column } = text.place(&problem.path);
    json!({ "severity": severity, "line": line, "column": column, "path": problem.path, "message": problem.what })
}

/// Everything that is wrong; or, with a usable policy, everything that is doubtful.
fn findings(text: &PolicyText, now: Timestamp) -> Vec<(&'static str, Problem)> {
    match &text.policy {
        Err(problems) => problems.iter().map(|problem| ("error", problem.clone())).collect(),
        Ok(policy) => doubts(policy, now).into_iter().map(|problem| ("warning", problem)).collect(),
    }
}

fn doubts(policy: &Policy, now: Timestamp) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut doubt = |path: String, what: String| found.push(Problem { path, what });
    for (index, waiver) in policy.waivers.iter().enumerate() {
        let place = format!("waivers[{index}].expires");
        if waiver.is_expired(now) {
            doubt(place, format!("is past: the waiver no longer counts; ask {} or remove it", waiver.owner));
        } else if waiver.expires.duration_since(now) < SOON {
            let hours = waiver.expires.duration_since(now).as_hours();
            doubt(place, format!("is near: the waiver ends in {} days; ask {}", hours / 24, waiver.owner));
        }
    }
    if policy.limits.running > SSM_RUNNING {
        let what = format!(
            "is more than Systems Manager runs at the same time, which is {SSM_RUNNING}: that many count"
        );
        doubt("limits.running".to_owned(), what);
    }
    for (place, selector) in policy.selectors() {
        if picked(selector).next().is_none() {
            doubt(place, "picks nothing: no control has that control, severity and pillar".to_owned());
        }
    }
    rules(policy, &mut doubt);
    for (index, window) in policy.windows.iter().enumerate() {
        for (at, span) in window.open.iter().enumerate() {
            if span.minutes() < SHORT_MINUTES {
                let what = "is shorter than an hour; what waits for it comes back with the sweep, hourly by default, and may miss it";
                doubt(format!("windows[{index}].open[{at}]"), what.to_owned());
            }
        }
        if always_open(window, now) {
            doubt(format!("windows[{index}]"), "is always open, so it stops nothing".to_owned());
        }
    }
    found
}

fn rules(policy: &Policy, doubt: &mut impl FnMut(String, String)) {
    for (index, rule) in policy.rules.iter().enumerate() {
        let place = format!("rules[{index}]");
        let mut later = policy.rules.iter().enumerate().skip(index + 1);
        if let Some((other, _)) = later.find(|(_, other)| other.selector == rule.selector) {
            doubt(place.clone(), format!("never counts: `rules[{other}]` picks the same and comes later"));
        }
        if rule.selector.is_everything() {
            doubt(place.clone(), "picks everything; say it with `mode` at the top instead".to_owned());
        }
        let mut picked = picked(&rule.selector).peekable();
        let highest = picked.clone().map(Control::ceiling).max();
        if let (Some(control), Some(highest)) = (picked.peek(), highest)
            && rule.mode > highest
        {
            let which = rule.selector.control.as_deref().map_or_else(
                || "none of its controls allows".to_owned(),
                |_| format!("`{}` allows no", control.id),
            );
            let what = format!("is `{}`, but {which} more than `{}`", rule.mode.name(), highest.name());
            doubt(format!("{place}.mode"), what);
        }
    }
}

/// The controls that a selector can pick at all.
fn picked(selector: &Selector) -> impl Iterator<Item = &'static Control> + Clone + use<'_> {
    controls().iter().filter(move |control| {
        selector.control.as_deref().is_none_or(|id| id == control.id)
            && selector.pillar.is_none_or(|pillar| pillar == control.pillar)
            && selector.severity.is_none_or(|severity| severity == control.severity)
    })
}

/// Open at every quarter of an hour of the coming week.
fn always_open(window: &plumb_model::Window, now: Timestamp) -> bool {
    (0..7 * 24 * 4).all(|quarter: i64| {
        let then = now.checked_add((15 * quarter).minutes()).unwrap_or(now);
        matches!(window.at(then), Ok(plumb_model::Opening::Open))
    })
}
