//! `plumb policy explain`: what a policy means for one resource, the winners and the losers.

use std::io::{self, Write};

use jiff::Timestamp;
use plumb_model::{
    AccountId, Candidate, Decision, Missing, ModeRule, Policy, Region, ResourceRef, Ruling, Selector,
};
use serde::Serialize;

use super::{
    arguments::Explain,
    file,
    situation::{self, Situation},
};
use crate::{
    failure::Failure,
    output::{json_pretty, word},
};

/// Everything that the policy says of one resource.
#[derive(Serialize)]
struct Explanation {
    rules: Vec<Line>,
    iac_rules: Vec<Line>,
    waivers: Vec<Line>,
    windows: Vec<Line>,
    calendars: Vec<Line>,
    ceiling: &'static str,
    decision: Decision,
}

/// One entry of the policy, and what became of it.
#[derive(Serialize)]
struct Line {
    place: String,
    counts: bool,
    because: String,
}

pub(super) fn run(
    out: &mut dyn Write,
    arguments: &Explain,
    now: Timestamp,
    json: bool,
) -> Result<(), Failure> {
    let now = arguments.at.unwrap_or(now);
    let policy = file::read_usable(&arguments.file)?;
    let control = situation::control(&arguments.control)?;
    let usage = |error: plumb_model::InvalidName| Failure::Usage(error.to_string());
    let resource = ResourceRef {
        account: AccountId::parse(arguments.account.as_str()).map_err(usage)?,
        region: Region::parse(arguments.region.as_str()).map_err(usage)?,
        kind: control.resource_type.to_owned(),
        id: arguments.resource.clone(),
    };
    let situation = Situation {
        prior: None,
        tags: arguments.tags.iter().cloned().collect(),
        closed: arguments.closed.iter().cloned().collect(),
    };
    let finding = situation::finding(control, resource, now)?;
    let decision = situation::decide(&policy, &finding, &situation, now)?;
    let candidate = policy.candidate(control, &finding.resource, Some(&situation.tags));
    let explanation = Explanation {
        rules: ruled("rules", &policy.rules, policy.ruling(&candidate), &candidate),
        iac_rules: ruled("iac.rules", &policy.iac.rules, policy.iac_ruling(&candidate), &candidate),
        waivers: waivers(&policy, &candidate, now),
        windows: windows(&policy, &candidate, now),
        calendars: calendars(&policy, &candidate, &situation),
        ceiling: control.ceiling().name(),
        decision,
    };
    if json { json_pretty(out, &explanation) } else { Ok(write(out, &policy, &explanation)?) }
}

fn ruled(
    list: &str,
    rules: &[ModeRule],
    ruling: Result<Ruling, Missing>,
    candidate: &Candidate<'_>,
) -> Vec<Line> {
    let winner = ruling.ok().and_then(|ruling| ruling.rule);
    let of = |index: usize| rules.get(index).map(|rule| rule.selector.specificity());
    rules
        .iter()
        .enumerate()
        .map(|(index, rule)| {
            let mode = rule.mode.name();
            let because = match (mismatch(&rule.selector, candidate), winner) {
                (Some(why), _) => why,
                (None, Some(winner)) if winner == index => {
                    format!("the most specific that matches: `{mode}`")
                }
                (None, Some(winner)) if of(winner) == of(index) => {
                    format!("matches (`{mode}`), but `{list}[{winner}]` is as specific and comes later")
                }
                (None, Some(winner)) => {
                    format!("matches (`{mode}`), but `{list}[{winner}]` is more specific")
                }
                (None, None) => "matches".to_owned(),
            };
            Line { place: format!("{list}[{index}]"), counts: winner == Some(index), because }
        })
        .collect()
}

fn waivers(policy: &Policy, candidate: &Candidate<'_>, now: Timestamp) -> Vec<Line> {
    let lines = policy.waivers.iter().enumerate().map(|(index, waiver)| {
        let (counts, because) = match mismatch(&waiver.selector, candidate) {
            Some(why) => (false, why),
            None if waiver.is_expired(now) => (false, format!("expired at {}", waiver.expires)),
            None => (true, format!("waived by {} until {}: {}", waiver.owner, waiver.expires, waiver.reason)),
        };
        Line { place: format!("waivers[{index}]"), counts, because }
    });
    lines.collect()
}

fn windows(policy: &Policy, candidate: &Candidate<'_>, now: Timestamp) -> Vec<Line> {
    let lines = policy.windows.iter().enumerate().map(|(index, window)| {
        let (counts, because) = match (mismatch(&window.selector, candidate), window.at(now)) {
            (Some(why), _) => (false, why),
            (None, Ok(plumb_model::Opening::Open)) => (true, format!("applies, and is open at {now}")),
            (None, Ok(plumb_model::Opening::Closed { opens })) => {
                let opens = opens.map_or_else(String::new, |opens| format!("; it opens at {opens}"));
                (true, format!("applies, and is closed at {now}{opens}"))
            }
            (None, Err(error)) => (true, error.to_string()),
        };
        Line { place: format!("windows[{index}]"), counts, because }
    });
    lines.collect()
}

fn calendars(policy: &Policy, candidate: &Candidate<'_>, situation: &Situation) -> Vec<Line> {
    let lines = policy.calendars.iter().enumerate().map(|(index, rule)| {
        let (counts, because) = match mismatch(&rule.selector, candidate) {
            Some(why) => (false, why),
            None if situation.closed.contains(&rule.calendar) => {
                (true, format!("applies: `{}`, taken to be closed", rule.calendar))
            }
            None => (true, format!("applies: `{}`, taken to be open", rule.calendar)),
        };
        Line { place: format!("calendars[{index}]"), counts, because }
    });
    lines.collect()
}

/// Why a selector does not match: the first field that doesn't. Each field is asked alone.
fn mismatch(selector: &Selector, candidate: &Candidate<'_>) -> Option<String> {
    if selector.matches(candidate) == Ok(true) {
        return None;
    }
    let nothing = Selector::default;
    let resource = candidate.resource;
    let fields = [
        (
            "control",
            Selector { control: selector.control.clone(), ..nothing() },
            candidate.control.id.to_owned(),
        ),
        ("pillar", Selector { pillar: selector.pillar, ..nothing() }, word(candidate.control.pillar)),
        ("severity", Selector { severity: selector.severity, ..nothing() }, word(candidate.control.severity)),
        (
            "account",
            Selector { account: selector.account.clone(), ..nothing() },
            resource.account.to_string(),
        ),
        (
            "ou",
            Selector { ou: selector.ou.clone(), ..nothing() },
            candidate.unit.unwrap_or("unknown").to_owned(),
        ),
        ("region", Selector { region: selector.region.clone(), ..nothing() }, resource.region.to_string()),
        ("resource", Selector { resource: selector.resource.clone(), ..nothing() }, resource.id.clone()),
        ("tags", Selector { tags: selector.tags.clone(), ..nothing() }, said(candidate)),
    ];
    let differs = fields.into_iter().find(|(_, alone, _)| alone.matches(candidate) != Ok(true));
    Some(differs.map_or_else(
        || "doesn't match".to_owned(),
        |(name, _, actual)| format!("doesn't match: the {name} is {actual}"),
    ))
}

fn said(candidate: &Candidate<'_>) -> String {
    let tags = candidate.tags.into_iter().flatten().map(|(key, value)| format!("{key}={value}"));
    let tags: Vec<_> = tags.collect();
    if tags.is_empty() { "none".to_owned() } else { tags.join(", ") }
}

fn write(out: &mut dyn Write, policy: &Policy, explanation: &Explanation) -> io::Result<()> {
    let decision = &explanation.decision;
    writeln!(out, "{}: {}", word(decision.outcome), decision.reason)?;
    writeln!(out, "\nmode")?;
    let default = !explanation.rules.iter().any(|line| line.counts);
    let mark = if default { '*' } else { ' ' };
    let why = if default { ", because no rule matches" } else { "" };
    writeln!(out, "  {mark} {:16}`{}` by default{why}", "mode", policy.mode.name())?;
    lines(out, &explanation.rules)?;
    writeln!(out, "    {:16}the control allows `{}` at most", "control", explanation.ceiling)?;
    for (title, list) in [
        ("waivers", &explanation.waivers),
        ("infrastructure as code", &explanation.iac_rules),
        ("windows", &explanation.windows),
        ("calendars", &explanation.calendars),
    ] {
        if !list.is_empty() {
            writeln!(out, "\n{title}")?;
            lines(out, list)?;
        }
    }
    writeln!(out, "\nguardrails, in order")?;
    for verdict in &decision.verdicts {
        let mark = if verdict.passed { '+' } else { '-' };
        writeln!(out, "  {mark} {:16}{}", word(verdict.guardrail), verdict.because)?;
    }
    Ok(())
}

fn lines(out: &mut dyn Write, lines: &[Line]) -> io::Result<()> {
    for line in lines {
        let mark = if line.counts { '*' } else { ' ' };
        writeln!(out, "  {mark} {:16}{}", line.place, line.because)?;
    }
    Ok(())
}
