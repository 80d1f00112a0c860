//! The questions asked of every finding, whatever its source, in one place and one order.

use jiff::{SignedDuration, Timestamp};
use plumb_model::{
    Control, Deployment, Finding, Guardrail, Mode, Outcome, Policy, Remediation, Reversibility, Source,
    Standing, State,
};

/// How long a claim without an execution belongs to the one who made it. Longer than a `remediate` invocation may take,
/// shorter than the queue's visibility timeout, so that the message that comes back takes the claim up.
const CLAIM_LEASE: SignedDuration = SignedDuration::from_secs(60);

pub(crate) struct Question<'a> {
    pub(crate) control: &'a Control,
    pub(crate) policy: &'a Policy,
    pub(crate) deployment: &'a Deployment,
    pub(crate) finding: &'a Finding,
    pub(crate) prior: Option<&'a Remediation>,
    pub(crate) now: Timestamp,
}

pub(crate) enum Answer {
    Pass(String),
    Stop(Outcome, String),
}

type Ask = fn(&Question<'_>) -> Answer;

pub(crate) const IN_ORDER: &[(Guardrail, Ask)] = &[
    (Guardrail::Control, control),
    (Guardrail::Event, event),
    (Guardrail::Scope, scope),
    (Guardrail::Waiver, waiver),
    (Guardrail::Mode, mode),
    (Guardrail::InProgress, in_progress),
    (Guardrail::Attempts, attempts),
];

fn pass(because: impl Into<String>) -> Answer {
    Answer::Pass(because.into())
}

fn stop(outcome: Outcome, because: impl Into<String>) -> Answer {
    Answer::Stop(outcome, because.into())
}

fn control(q: &Question<'_>) -> Answer {
    if q.finding.resource.kind == q.control.resource_type {
        pass(format!("`{}` listens to {}", q.control.id, said_by(&q.finding.source)))
    } else {
        let (kind, expected) = (&q.finding.resource.kind, q.control.resource_type);
        stop(Outcome::Ignore, format!("`{}` is about {expected}, not {kind}", q.control.id))
    }
}

fn event(q: &Question<'_>) -> Answer {
    let by = said_by(&q.finding.source);
    match &q.finding.standing {
        Standing::Compliant => stop(Outcome::Ignore, format!("compliant, says {by}")),
        Standing::Undecided { why } => stop(Outcome::Ignore, format!("no verdict from {by}: {why}")),
        Standing::Closed { why } => stop(Outcome::Ignore, format!("closed at its source, {by}: {why}")),
        Standing::CallFailed { code } => {
            stop(Outcome::Ignore, format!("{by} failed with `{code}`, so nothing changed"))
        }
        Standing::Deleted => stop(Outcome::Ignore, format!("the resource is gone, says {by}")),
        Standing::Violating => match (q.prior, q.finding.observed_at) {
            (Some(prior), Some(seen)) if settled(prior.state) && seen <= prior.updated_at => stop(
                Outcome::Ignore,
                format!(
                    "stale: seen at {seen}, but the resource was read and complied at {}",
                    prior.updated_at
                ),
            ),
            _ => pass(match q.finding.source {
                Source::ApiCall { .. } => format!("worth a look after {by}"),
                _ => format!("violating, says {by}"),
            }),
        },
    }
}

fn scope(q: &Question<'_>) -> Answer {
    let (resource, home) = (&q.finding.resource, q.deployment);
    if resource.account != home.account {
        let because =
            format!("account {} is not {}, the one this stack looks after", resource.account, home.account);
        return stop(Outcome::Skip, because);
    }
    if resource.region != home.region {
        let because =
            format!("Region {} is not {}, the one this stack looks after", resource.region, home.region);
        return stop(Outcome::Skip, because);
    }
    pass(format!("in account {} and Region {}", resource.account, resource.region))
}

fn waiver(q: &Question<'_>) -> Answer {
    match q.policy.waiver_for(q.control, &q.finding.resource, q.now) {
        Some(waiver) => stop(
            Outcome::Skip,
            format!("waived by {} until {}: {}", waiver.owner, waiver.expires, waiver.reason),
        ),
        None => pass("no waiver covers it"),
    }
}

fn mode(q: &Question<'_>) -> Answer {
    match effective_mode(q.control, q.policy, q.finding) {
        (Mode::Off, because) => stop(Outcome::Skip, because),
        (_, because) => pass(because),
    }
}

/// The lower of what the policy says and what the control allows, and where it comes from.
pub(crate) fn effective_mode(control: &Control, policy: &Policy, finding: &Finding) -> (Mode, String) {
    let wanted = policy.mode_for(control, &finding.resource);
    let ceiling = match control.reversibility {
        Reversibility::None => control.safety.min(Mode::Approve),
        Reversibility::Full | Reversibility::Partial => control.safety,
    };
    let word = |mode| match mode {
        Mode::Off => "off",
        Mode::Notify => "notify",
        Mode::Approve => "approve",
        Mode::Auto => "auto",
    };
    if wanted <= ceiling {
        (wanted, format!("the policy's mode is `{}`", word(wanted)))
    } else {
        let because = format!("the policy says `{}`, the control allows `{}`", word(wanted), word(ceiling));
        (ceiling, because)
    }
}

fn in_progress(q: &Question<'_>) -> Answer {
    let Some(prior) = q.prior else { return pass("nothing is under way") };
    let execution = prior.execution_id.as_deref().unwrap_or("no execution yet");
    match prior.state {
        State::Planned if q.now.duration_since(prior.updated_at) >= CLAIM_LEASE => {
            pass(format!("claimed at {} but never started: taken up again", prior.updated_at))
        }
        State::Planned => stop(Outcome::Skip, "already claimed: its runbook is being started"),
        State::Running => stop(Outcome::Skip, format!("already being fixed ({execution})")),
        State::Verifying if still_violating(q, prior) => {
            pass(format!("fixed at {}, but the detector still disagrees", prior.updated_at))
        }
        State::Verifying => stop(Outcome::Skip, format!("already fixed, being verified ({execution})")),
        State::RollingBack => stop(Outcome::Skip, format!("being rolled back ({execution})")),
        State::Detected
        | State::AwaitingApproval
        | State::Fixed
        | State::Unneeded
        | State::Failed
        | State::Escalated
        | State::RolledBack => pass("nothing is under way"),
    }
}

/// The detector saw the violation after the fix, and has had the cooldown to catch up.
fn still_violating(q: &Question<'_>, prior: &Remediation) -> bool {
    let cooldown = SignedDuration::from_secs(i64::from(q.policy.limits.cooldown_seconds));
    q.finding.observed_at.is_some_and(|seen| seen.duration_since(prior.updated_at) > cooldown)
}

fn attempts(q: &Question<'_>) -> Answer {
    let Some(prior) = q.prior else { return pass("the first attempt") };
    let limits = &q.policy.limits;
    let cooldown = SignedDuration::from_secs(i64::from(limits.cooldown_seconds));
    let cooling = q.now.duration_since(prior.updated_at) < cooldown;
    match prior.state {
        State::RolledBack => stop(Outcome::Skip, "rolled back: hands off until someone clears it"),
        State::Escalated => stop(Outcome::Skip, "escalated: a person has to look first"),
        State::Failed if prior.attempts >= limits.attempts => {
            stop(Outcome::Skip, format!("failed {} times: a person has to look first", prior.attempts))
        }
        State::Failed | State::Fixed | State::Unneeded if cooling => stop(
            Outcome::Defer,
            format!("handled at {}, within the cooldown of {} s", prior.updated_at, limits.cooldown_seconds),
        ),
        State::Failed => pass(format!("attempt {} of {}", prior.attempts.saturating_add(1), limits.attempts)),
        _ => pass("the first attempt"),
    }
}

/// The resource was read and complied: an older event says nothing new.
fn settled(state: State) -> bool {
    matches!(state, State::Fixed | State::Unneeded)
}

fn said_by(source: &Source) -> String {
    match source {
        Source::ConfigRule { rule } => format!("Config rule `{rule}`"),
        Source::SecurityHub { control, .. } => format!("Security Hub control `{control}`"),
        Source::ApiCall { service, name } => format!("API call `{service}:{name}`"),
        Source::Notice { service, name } => format!("`{service}` ({name})"),
    }
}
