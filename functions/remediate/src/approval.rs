//! Asking people, and taking their answer: an SSM execution that does nothing but ask.
//!
//! **Invariant:** an answer starts nothing. It is written to the record, and then the finding is decided on again like any
//! other: a waiver, a mode or a limit that has come in between wins.

use plumb_events::AutomationStatus;
use plumb_lambda::Unfinished;
use plumb_model::{Answer, Decision, Execution, Finding, Outcome, Progress, Remediation, State, Word};
use plumb_planner::{
    approval::asking,
    life::{self, Happened},
};
use plumb_ports::{
    Approvals, Ledger, PolicySource, ReadAutomation, ReadCalendar, ReadTags, SendLater, StartAutomation,
    Written,
};
use serde_json::Value;

use crate::{Remediator, control_of};

impl<L, A, P, F, Q> Remediator<L, A, P, F, Q>
where
    L: Ledger + Sync,
    A: StartAutomation + ReadAutomation + Approvals,
    P: PolicySource,
    F: ReadCalendar + ReadTags,
    Q: SendLater,
{
    /// Asks the approvers of a record that was just written: starts the execution that asks, and writes down which.
    pub(crate) async fn ask(&self, record: &Remediation) -> Result<(), Unfinished> {
        let control = control_of(record.control.as_str())?;
        let Some(question) = asking(control, &self.deployment, record) else { return Ok(()) };
        // A crash or an error leaves the record without an execution: whoever comes back asks with the same token.
        let execution = self.automation.start(&question).await?;
        let happened = Happened::Asked { execution_id: &execution };
        let Some(change) = life::next(record, &happened, (self.now)()) else { return Ok(()) };
        match self.ledger.settle(change).await? {
            Written::Yes => tracing::info!(key = record.key(), execution, "approvers asked"),
            Written::Held(_) | Written::Full => {
                tracing::warn!(key = record.key(), execution, "someone else moved the record meanwhile");
            }
        }
        Ok(())
    }

    /// An execution that asks has moved; what was decided, if that was an answer.
    pub(crate) async fn answered(&self, status: &AutomationStatus) -> Result<Option<Decision>, Unfinished> {
        let id = status.execution_id.as_str();
        if status.step.is_some() || Progress::of_status(&status.status) == Some(Progress::Going) {
            tracing::info!(
                execution = id,
                outcome = "ignore",
                reason = "nobody has answered yet",
                "event ignored"
            );
            return Ok(None);
        }
        // The event only says where to look.
        let execution = self.automation.execution(&self.deployment.home(), id).await?;
        let given = |name: &str| execution.parameters.get(name).and_then(|values| values.first()).cloned();
        let (Some(key), Some(hash)) = (given("Remediation"), given("Hash")) else {
            return Err(Unfinished::Rejected(format!("execution `{id}` does not say what it asks for")));
        };
        let Some(answer) = answer(&execution) else {
            return Err(Unfinished::NotYet(format!("execution `{id}` is `{}`", execution.status)));
        };
        let Some(record) = self.ledger.get(&key).await? else {
            return Err(Unfinished::Rejected(format!("there is no remediation `{key}` to approve")));
        };
        let words = words(&execution);
        let happened = Happened::Answered { execution_id: id, hash: &hash, answer, words: &words };
        let after = match life::next(&record, &happened, (self.now)()) {
            Some(change) => {
                let after = change.record.clone();
                match self.ledger.settle(change).await? {
                    Written::Yes => after,
                    Written::Held(_) | Written::Full => {
                        return Err(Unfinished::NotYet("the record changed meanwhile".to_owned()));
                    }
                }
            }
            // A crash after the answer was written, before it was carried out.
            None if is_given(&record, id) => record,
            None => {
                tracing::info!(
                    execution = id,
                    key,
                    outcome = "ignore",
                    reason = "no longer asked",
                    "event ignored"
                );
                return Ok(None);
            }
        };
        tracing::info!(execution = id, key, state = ?after.state, reason = after.reason, "approvers answered");
        if after.state == State::AwaitingApproval {
            self.decide_again(after).await.map(Some)
        } else {
            Ok(None)
        }
    }

    /// Decides again on what was approved. If something else says no by now, that is the end of it; if it only says
    /// "not now", the approval counts until it expires.
    async fn decide_again(&self, record: Remediation) -> Result<Decision, Unfinished> {
        let finding = Finding { observed_at: None, ..life::waiting(&record) };
        let decision = self.remediate(&finding, Some(record.clone())).await?;
        if matches!(decision.outcome, Outcome::Skip | Outcome::Ignore | Outcome::Reject)
            && let Some(change) =
                life::next(&record, &Happened::Overruled { because: &decision.reason }, (self.now)())
            && let Written::Held(standing) = self.ledger.settle(change).await?
        {
            tracing::info!(key = record.key(), state = ?standing.state, "the record has moved on");
        }
        Ok(decision)
    }

    /// Takes a question back that the record has moved on from. That it stays open is no harm: its answer would not
    /// count. It only would be asked in vain.
    pub(crate) async fn withdraw(&self, prior: Option<&Remediation>, after: &Remediation) {
        let open = prior
            .filter(|prior| prior.state == State::AwaitingApproval && after.state != prior.state)
            .and_then(|prior| prior.approval.as_ref())
            .filter(|approval| approval.answer.is_none())
            .and_then(|approval| approval.execution_id.as_deref());
        if let Some(execution) = open
            && let Err(error) = self.automation.withdraw(execution).await
        {
            tracing::warn!(execution, "a question that is no longer asked stays open: {error}");
        }
    }
}

/// The record whose question was written down and never went out, if that is what the decision is about.
pub(crate) fn never_asked<'a>(
    decision: &Decision,
    prior: Option<&'a Remediation>,
) -> Option<&'a Remediation> {
    let asked = prior?.approval.as_ref()?;
    prior.filter(|prior| {
        prior.state == State::AwaitingApproval
            && asked.execution_id.is_none()
            && decision.approval.as_deref() == Some(asked)
    })
}

fn is_given(record: &Remediation, execution: &str) -> bool {
    record.state == State::AwaitingApproval
        && record.approval.as_ref().is_some_and(|approval| {
            approval.execution_id.as_deref() == Some(execution) && approval.answer == Some(Answer::Approved)
        })
}

/// How the approvers answered; none while the execution goes on. Only an approval is a yes: whatever else ends it is not.
fn answer(execution: &Execution) -> Option<Answer> {
    let said = execution.outputs.get("Approve.ApprovalStatus").and_then(Value::as_str);
    match (Progress::of_status(&execution.status)?, said) {
        (Progress::Going, _) => None,
        (Progress::Succeeded, Some("Approved")) => Some(Answer::Approved),
        (_, Some("Rejected")) => Some(Answer::Declined),
        _ if execution.status == "Rejected" => Some(Answer::Declined),
        _ => Some(Answer::Lapsed),
    }
}

/// Who said what: `ApproverDecisions`, a text of JSON for each.
fn words(execution: &Execution) -> Vec<Word> {
    let texts: Vec<&str> = match execution.outputs.get("Approve.ApproverDecisions") {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(texts)) => texts.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    texts
        .into_iter()
        .filter_map(|text| serde_json::from_str::<Value>(text).ok())
        .flat_map(|said| match said {
            Value::Array(many) => many,
            one => vec![one],
        })
        .map(|said| {
            let text = |name: &str| said.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            Word { by: text("Approver"), decision: text("Decision"), comment: text("Comment") }
        })
        .collect()
}
