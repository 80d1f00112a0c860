//! Following a runbook: from its status to its record, whatever was lost between the two.

use plumb_events::AutomationStatus;
use plumb_lambda::Unfinished;
use plumb_model::{
    ControlId, Execution, Place, Progress, Remediation, State, document_name, remediation_key,
};
use plumb_planner::life::{Happened, claimed_resource};
use plumb_ports::{Class, Ledger, ReadAutomation, ReadJudgement, Reevaluate, SendLater};
use serde_json::Value;

use crate::{Tracker, ignored, told};

/// Whose an execution is.
enum Owner {
    /// This record's.
    Record(Box<Remediation>),
    /// Nobody's, and why.
    Nobody(&'static str),
}

impl<L, A, C, Q> Tracker<L, A, C, Q>
where
    L: Ledger + Sync,
    A: ReadAutomation,
    C: Reevaluate + ReadJudgement,
    Q: SendLater,
{
    /// A runbook changed its status.
    pub(crate) async fn execution_moved(&self, status: &AutomationStatus) -> Result<Vec<Value>, Unfinished> {
        let id = status.execution_id.as_str();
        if status.step.is_some() {
            return Ok(ignored(id, "a step's status; the execution's own follows"));
        }
        if status.definition.as_deref().is_some_and(|name| self.deployment.asks(name)) {
            return Ok(ignored(id, "an approval, which is for `remediate`"));
        }
        match Progress::of_status(&status.status) {
            Some(Progress::Going) => return Ok(ignored(id, "the runbook has not ended")),
            Some(Progress::Succeeded | Progress::Failed) => {}
            // The execution itself may say it in words that are known.
            None => {
                let status = status.status.as_str();
                tracing::error!(execution = id, status, "an event reports an unknown status");
            }
        }
        let ours = format!("{}-", self.deployment.prefix);
        let record = match self.ledger.by_execution(id).await? {
            Some(record) => record,
            None if !status
                .definition
                .as_deref()
                .is_some_and(|name| document_name(name).starts_with(&ours)) =>
            {
                return Ok(ignored(id, "not one of Plumb's documents"));
            }
            None => match self.owner(id, &self.place(status)).await {
                Ok(Owner::Record(record)) => *record,
                Ok(Owner::Nobody(reason)) => return Ok(ignored(id, reason)),
                Err(Unfinished::NotYet(_)) if Progress::of_status(&status.status).is_none() => {
                    return Err(Unfinished::Rejected(format!("`{}` is not a known status", status.status)));
                }
                Err(error) => return Err(error),
            },
        };
        match record.state {
            // A repeat of an event whose re-evaluation could not be asked for.
            State::Verifying => self.ask(record).await,
            State::Running | State::RollingBack => self.look_at_runbook(record, id).await,
            _ => Ok(ignored(id, "its remediation is closed")),
        }
    }

    /// Looks at a runbook itself: an event only says where to look.
    pub(crate) async fn look_at_runbook(
        &self,
        record: Remediation,
        id: &str,
    ) -> Result<Vec<Value>, Unfinished> {
        let execution = match self.automation.execution(&record.resource.place(), id).await {
            Ok(execution) => execution,
            Err(error) if error.class == Class::Permanent && error.code.contains("NotFound") => {
                return Ok(told(self.advance(record, &Happened::Lost).await?.as_ref()));
            }
            Err(error) => return Err(error.into()),
        };
        match Progress::of_status(&execution.status) {
            Some(Progress::Succeeded | Progress::Failed) => self.ended(record, &execution).await,
            Some(Progress::Going) => {
                let now = (self.now)();
                if record.due_at.is_some_and(|due| due <= now) {
                    return Ok(told(self.advance(record, &Happened::StillRunning).await?.as_ref()));
                }
                Err(Unfinished::NotYet(format!("execution `{id}` is `{}`", execution.status)))
            }
            // Kept in the record, logged as an error, and the message ends as a dead letter, which alarms.
            None => {
                let status = execution.status.as_str();
                tracing::error!(key = record.key(), execution = id, status, "SSM reports an unknown status");
                self.advance(record, &Happened::UnknownStatus { status }).await?;
                Err(Unfinished::Rejected(format!("`{status}` is not a known status")))
            }
        }
    }

    /// Where an execution runs, says an event about it.
    fn place(&self, status: &AutomationStatus) -> Place {
        let home = self.deployment.home();
        Place {
            account: status.account.clone().unwrap_or(home.account),
            region: status.region.clone().unwrap_or(home.region),
        }
    }

    /// The runbook has ended; if it fixed something, the detector is asked.
    async fn ended(&self, record: Remediation, execution: &Execution) -> Result<Vec<Value>, Unfinished> {
        let Some(end) = self.advance(record, &Happened::Ended(execution)).await? else {
            return Ok(Vec::new());
        };
        let mut moves = vec![end.value()];
        if end.after.state == State::Verifying {
            moves.extend(self.ask(end.after).await?);
        }
        Ok(moves)
    }

    /// The record of an execution that no record names: the index lags behind the table, or whoever started the runbook
    /// died before it could write which. Its document and parameters say which resource it is for.
    async fn owner(&self, id: &str, place: &Place) -> Result<Owner, Unfinished> {
        let execution = match self.automation.execution(place, id).await {
            Ok(execution) => execution,
            Err(error) if error.class == Class::Permanent && error.code.contains("NotFound") => {
                return Err(Unfinished::NotYet(format!("no remediation is recorded for execution `{id}`")));
            }
            Err(error) => return Err(error.into()),
        };
        let prefix = format!("{}-", self.deployment.prefix);
        let name = document_name(&execution.document).strip_prefix(&prefix).unwrap_or_default();
        let name = name.strip_suffix("-rollback").unwrap_or(name);
        let claimed = plumb_catalogue::control(name).and_then(|control| {
            let resource = claimed_resource(control, &execution.parameters, place)?;
            Some(remediation_key(&ControlId::parse(control.id).ok()?, &resource))
        });
        let Some(key) = claimed else { return Ok(Owner::Nobody("not a remediation's runbook")) };
        let Some(record) = self.ledger.get(&key).await? else {
            return Err(Unfinished::NotYet(format!("no remediation is recorded for execution `{id}`")));
        };
        if record.execution_id.as_deref() == Some(id) {
            return Ok(Owner::Record(Box::new(record)));
        }
        if execution.started_at.is_some_and(|started| started < record.since) {
            return Ok(Owner::Nobody("an execution of an earlier attempt"));
        }
        if !was_claimed_by(&record, &execution) {
            return Err(Unfinished::NotYet(format!("no remediation is recorded for execution `{id}`")));
        }
        tracing::warn!(key, execution = id, "a runbook was started and not recorded: taken up");
        let moved = self.advance(record, &Happened::Started { execution_id: id }).await?;
        moved
            .map(|moved| Owner::Record(Box::new(moved.after)))
            .ok_or_else(|| Unfinished::NotYet(format!("the claim for execution `{id}` moved meanwhile")))
    }
}

/// Whether an execution is what a claim was about to start. Older ones with the same parameters are told apart by time.
fn was_claimed_by(record: &Remediation, execution: &Execution) -> bool {
    let claimed = matches!(record.state, State::Planned | State::RollingBack);
    let action = record.action.as_ref().filter(|_| claimed && record.execution_id.is_none());
    action.is_some_and(|action| {
        document_name(&action.document) == document_name(&execution.document)
            && action
                .parameters
                .iter()
                .all(|(name, value)| execution.parameters.get(name).is_some_and(|given| given == value))
    })
}
