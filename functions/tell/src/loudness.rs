//! Who has to hear of what, and how soon.

use plumb_model::{Severity, Source, State, Transition};
use plumb_ports::tell::Channel;

/// How soon people have to hear of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loudness {
    /// Now: a person has to act, or to know before they touch the resource.
    Now,
    /// With the next digest.
    Digest,
    /// Not at all: a step on the way. It is on the bus and in the history.
    Silent,
}

/// How soon people have to hear of a transition.
pub(crate) fn loudness(transition: &Transition) -> Loudness {
    match transition.to {
        State::Escalated | State::RolledBack => Loudness::Now,
        State::Failed if transition.severity >= Severity::Critical => Loudness::Now,
        State::Detected | State::AwaitingApproval | State::Declined | State::Fixed | State::Failed => {
            Loudness::Digest
        }
        State::Planned
        | State::Running
        | State::Verifying
        | State::RollingBack
        | State::Unneeded
        | State::Waived => Loudness::Silent,
    }
}

/// The workflow status that a Security Hub finding gets; none where Plumb leaves the finding alone. In dry-run it does:
/// a finding has one note, which may be a person's.
pub(crate) fn workflow(to: State) -> Option<&'static str> {
    match to {
        State::Fixed => Some("RESOLVED"),
        State::AwaitingApproval
        | State::Declined
        | State::Running
        | State::Failed
        | State::Escalated
        | State::RolledBack => Some("NOTIFIED"),
        State::Detected
        | State::Planned
        | State::Verifying
        | State::RollingBack
        | State::Unneeded
        | State::Waived => None,
    }
}

/// The ways by which a transition has to be told.
pub(crate) fn wanted(transition: &Transition) -> Vec<Channel> {
    let has_finding = matches!(transition.detected_by, Source::SecurityHub { finding: Some(_), .. });
    [
        Some(Channel::Bus),
        (has_finding && workflow(transition.to).is_some()).then_some(Channel::Note),
        (transition.to == State::Escalated).then_some(Channel::OpsItem),
        (loudness(transition) != Loudness::Silent).then_some(Channel::Message),
    ]
    .into_iter()
    .flatten()
    .collect()
}
