//! Has a person approved it: exactly this, and still?

use plumb_model::{
    Answer, Approval, ApprovalRules, Mode, Outcome, PinnedDocument, Remediation, State, later,
};

use super::{Answered, Question, defer, grant, in_progress::CLAIM_LEASE, pass, stop};
use crate::{Fact, action, approval::terms};

/// How long a document that isn't there is waited for, in seconds.
const NO_DOCUMENT: i64 = 3600;

pub(super) fn ask(q: &Question<'_>) -> Answered {
    match q.mode {
        Mode::Auto => return pass("the policy asks for nobody's approval"),
        Mode::Off | Mode::Notify => return pass("nothing will be changed, so nobody is asked"),
        Mode::Approve => {}
    }
    let Some(rules) = &q.policy.approval else {
        return pass("needs approval, and the policy names nobody who could give it (`approval.approvers`)");
    };
    let prior = q.facts.prior.as_ref();
    let asked = prior.and_then(|prior| Some((prior, prior.approval.as_ref()?)));
    match asked {
        Some((prior, approval)) if prior.state == State::Declined => after_a_no(q, prior, approval),
        Some((prior, approval)) if prior.state == State::AwaitingApproval => {
            waiting(q, prior, approval, rules)
        }
        Some((prior, approval)) if prior.state == State::Planned && is_approved(approval) => {
            carried_out(q, prior, approval)
        }
        _ => to_be_asked(q, rules),
    }
}

fn is_approved(approval: &Approval) -> bool {
    approval.answer == Some(Answer::Approved)
}

/// A no counts for a while.
fn after_a_no(q: &Question<'_>, prior: &Remediation, approval: &Approval) -> Answered {
    let until = later(prior.since, i64::from(approval.rules.hands_off_hours).saturating_mul(3600));
    if q.now >= until {
        to_be_asked(q, &approval.rules)
    } else {
        defer(until, format!("{}: hands off until {until}", prior.reason))
    }
}

fn waiting(q: &Question<'_>, prior: &Remediation, approval: &Approval, rules: &ApprovalRules) -> Answered {
    let expires = approval.expires_at;
    if q.now >= expires {
        return stop(Outcome::Decline, format!("nobody carried it out until {expires}"));
    }
    match approval.answer {
        Some(Answer::Approved) => carried_out(q, prior, approval),
        Some(Answer::Declined | Answer::Lapsed) => to_be_asked(q, rules),
        None if approval.execution_id.is_none() => {
            if q.now.duration_since(approval.asked_at) < CLAIM_LEASE {
                stop(Outcome::Skip, "the approvers are being asked")
            } else {
                pass(format!("to be asked since {}, but the question never went out", approval.asked_at))
            }
        }
        None => stop(
            Outcome::Skip,
            format!(
                "waits for {} of {} until {expires}",
                approval.rules.required,
                approval.rules.approvers.join(", ")
            ),
        ),
    }
}

/// It was approved: is what would be done now exactly that?
fn carried_out(q: &Question<'_>, prior: &Remediation, approval: &Approval) -> Answered {
    let changed = |what: &str| {
        stop(Outcome::Decline, format!("approved by {}, but {what} has changed since", approval.by()))
    };
    let Some(approved) = &prior.action else { return changed("the record") };
    let mut fresh = action(q.control, q.finding, q.facts);
    fresh.document_version.clone_from(&approved.document_version);
    if fresh != *approved {
        return changed("what would be done");
    }
    match document(q, &approved.document, &approved.document_version)? {
        Some(document) if terms(&prior.key(), approved, &document.content) == approval.hash => {
            let (by, hash) = (approval.by(), approval.hash.get(..12).unwrap_or_default());
            grant(format!("approved by {by}: exactly this ({hash}…), until {}", approval.expires_at))
        }
        _ => changed("the document"),
    }
}

fn to_be_asked(q: &Question<'_>, rules: &ApprovalRules) -> Answered {
    let fresh = action(q.control, q.finding, q.facts);
    match document(q, &fresh.document, &fresh.document_version)? {
        Some(document) => pass(format!(
            "{} of {} has to approve version {} of `{}`",
            rules.required,
            rules.approvers.join(", "),
            document.version,
            fresh.document
        )),
        None => {
            defer(later(q.now, NO_DOCUMENT), format!("there is no document `{}` to approve", fresh.document))
        }
    }
}

/// The document as it stands, or the fact that has to be read.
fn document<'a>(q: &'a Question<'_>, name: &str, version: &str) -> Result<Option<&'a PinnedDocument>, Fact> {
    let which = (name.to_owned(), version.to_owned());
    q.facts.documents.get(&which).map(Option::as_ref).ok_or(Fact::Document(which.0, which.1))
}
