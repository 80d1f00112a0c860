//! Remediations to their end: SSM says that the runbook ended, AWS Config says that the resource complies.
//!
//! **Invariant:** `Fixed` is written only after the resource was read again: the runbook's `Verify` step succeeded *and*
//! the detector agreed, or there is no detector to ask, which the reason then says.

use jiff::Timestamp;
use plumb_events::{AutomationStatus, Content};
use plumb_lambda::Unfinished;
use plumb_model::{
    Deployment, Finding, Progress, Remediation, Signal, Source, Standing, State, remediation_key,
};
use plumb_ports::{Class, Execution, Ledger, ReadAutomation, Reevaluate, Written};
use serde_json::{Value, json};

/// Everything that `track` needs.
pub struct Tracker<L, A, C> {
    /// Where this stack is.
    pub deployment: Deployment,
    /// The table of remediations.
    pub ledger: L,
    /// SSM Automation.
    pub automation: A,
    /// AWS Config.
    pub config: C,
    /// The clock.
    pub now: fn() -> Timestamp,
}

impl<L: Ledger, A: ReadAutomation, C: Reevaluate> Tracker<L, A, C> {
    /// Handles one message: an SSM Automation status change, or a Config evaluation. The answer lists the transitions.
    ///
    /// # Errors
    /// When the message has to come again, or can't be used at all.
    pub async fn handle(&self, body: &str) -> Result<Value, Unfinished> {
        let mut moves = Vec::new();
        let mut rejected = None;
        for reading in plumb_events::read(body.as_bytes()) {
            let kind = reading.kind.name();
            match reading.content {
                Content::Rejected(reason) => rejected = Some(reason),
                Content::Ignored(reason) => tracing::info!(kind, outcome = "ignore", reason, "event ignored"),
                Content::Rollback(_) => {
                    tracing::info!(kind, outcome = "ignore", reason = "for `remediate`", "event ignored");
                }
                Content::Automation(status) => moves.extend(self.execution_moved(&status).await?),
                Content::Signals(signals) => {
                    for signal in signals.iter().filter(|signal| signal.standing == Standing::Compliant) {
                        moves.extend(self.complies(signal).await?);
                    }
                }
            }
        }
        rejected.map_or_else(|| Ok(json!({ "moved": moves })), |reason| Err(Unfinished::Rejected(reason)))
    }

    /// A runbook changed its status.
    async fn execution_moved(&self, status: &AutomationStatus) -> Result<Option<Value>, Unfinished> {
        let id = status.execution_id.as_str();
        if status.step.is_some() {
            return Ok(ignored(id, "a step's status; the execution's own follows"));
        }
        match Progress::of_status(&status.status) {
            None => return Err(Unfinished::Rejected(format!("`{}` is not a known status", status.status))),
            Some(Progress::Going) => return Ok(ignored(id, "the runbook has not ended")),
            Some(Progress::Succeeded | Progress::Failed) => {}
        }
        let Some(record) = self.ledger.by_execution(id).await? else {
            let ours = format!("{}-", self.deployment.prefix);
            if !status.definition.as_deref().is_some_and(|name| name.starts_with(&ours)) {
                return Ok(ignored(id, "not one of Plumb's documents"));
            }
            return Err(Unfinished::NotYet(format!("no remediation is recorded for execution `{id}`")));
        };
        if record.state == State::Verifying {
            // A repeat of an event whose re-evaluation could not be asked for.
            return self.verify(record).await;
        }
        if !matches!(record.state, State::Running | State::RollingBack) {
            return Ok(ignored(id, "its remediation is closed"));
        }
        // The event only says where to look; the execution itself says how it ended.
        let execution = self.automation.execution(id).await?;
        let now = (self.now)();
        let after = match Progress::of_status(&execution.status) {
            Some(Progress::Succeeded) => succeeded(&record, &execution, now),
            Some(Progress::Failed) => failed(&record, &execution, now),
            Some(Progress::Going) | None => {
                return Err(Unfinished::NotYet(format!("execution `{id}` is `{}`", execution.status)));
            }
        };
        let moved = self.write(&record, &after).await?;
        if after.state == State::Verifying {
            self.verify(after).await.map(|next| next.or(Some(moved)))
        } else {
            Ok(Some(moved))
        }
    }

    /// The runbook's own check passed: asks the detector.
    async fn verify(&self, record: Remediation) -> Result<Option<Value>, Unfinished> {
        let rule = match &record.source {
            Source::ConfigRule { rule } | Source::SecurityHub { rule: Some(rule), .. } => rule.clone(),
            _ => self.deployment.config_rule(&record.control),
        };
        match self.config.reevaluate(&rule).await {
            Ok(()) => Ok(None),
            Err(error) if error.class == Class::Permanent => {
                let now = (self.now)();
                let reason =
                    format!("the runbook read it again and it complies; no detector to ask ({error})");
                let after = Remediation { state: State::Fixed, reason, updated_at: now, ..record.clone() };
                self.write(&record, &after).await.map(Some)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A detector says that a resource complies.
    async fn complies(&self, signal: &Signal) -> Result<Vec<Value>, Unfinished> {
        let mut moves = Vec::new();
        for finding in plumb_catalogue::findings(signal) {
            let key = remediation_key(&finding.control, &finding.resource);
            let Some(record) = self.ledger.get(&key).await? else {
                moves.extend(ignored(&key, "complies, and Plumb has nothing open on it"));
                continue;
            };
            match confirmed(&record, &finding, (self.now)()) {
                Some(after) => moves.push(self.write(&record, &after).await?),
                None => moves.extend(ignored(&key, "complies, which changes nothing")),
            }
        }
        Ok(moves)
    }

    async fn write(&self, from: &Remediation, to: &Remediation) -> Result<Value, Unfinished> {
        match self.ledger.write(to, Some(from)).await? {
            Written::Held(_) => Err(Unfinished::NotYet("the record changed meanwhile".to_owned())),
            Written::Yes => {
                tracing::info!(
                    control = %to.control,
                    resource_type = to.resource.kind,
                    resource = to.resource.id,
                    account = %to.resource.account,
                    region = %to.resource.region,
                    from = ?from.state,
                    to = ?to.state,
                    reason = to.reason,
                    execution = to.execution_id,
                    "moved"
                );
                Ok(json!({ "key": to.key(), "from": from.state, "to": to.state, "reason": to.reason }))
            }
        }
    }
}

fn ignored(what: &str, reason: &str) -> Option<Value> {
    tracing::info!(what, outcome = "ignore", reason, "event ignored");
    None
}

/// What a runbook that ended well leads to.
fn succeeded(record: &Remediation, execution: &Execution, now: Timestamp) -> Remediation {
    let output = |name: &str| execution.outputs.get(name);
    let says_no = |name: &str| output(name) == Some(&Value::Bool(false));
    let verified = execution.steps.iter().any(|(name, status)| name == "Verify" && status == "Success");
    let (state, reason) = if record.state == State::RollingBack {
        (State::RolledBack, "the state before was restored, and read again".to_owned())
    } else if says_no("Inspect.Found") {
        (State::Unneeded, "the resource is gone".to_owned())
    } else if output("Inspect.Compliant") == Some(&Value::Bool(true)) {
        (State::Unneeded, "it already complied: nothing was changed".to_owned())
    } else if !verified {
        (State::Failed, "the runbook ended without verifying".to_owned())
    } else if let Some(at) = record.confirmed_at {
        (State::Fixed, format!("the runbook read it again and it complies; the detector agreed at {at}"))
    } else {
        (
            State::Verifying,
            "the runbook read it again and it complies; the detector is being asked".to_owned(),
        )
    };
    let attempts = if state == State::Failed { record.attempts.saturating_add(1) } else { record.attempts };
    let before = match state {
        State::Verifying | State::Fixed | State::Failed => output("Inspect.Before").cloned(),
        _ => record.before.clone(),
    };
    Remediation { state, reason, attempts, before, updated_at: now, ..record.clone() }
}

/// What a runbook that did not end well leads to. What it captured is kept: it may have changed the resource.
fn failed(record: &Remediation, execution: &Execution, now: Timestamp) -> Remediation {
    let why = execution.failure.as_deref().unwrap_or("no failure message");
    let (state, reason) = if record.state == State::RollingBack {
        (State::Escalated, format!("the rollback ended as {}: {why}", execution.status))
    } else {
        (State::Failed, format!("the runbook ended as {}: {why}", execution.status))
    };
    let captured = execution
        .outputs
        .get("Inspect.Before")
        .filter(|before| before.as_str().is_some_and(|text| text.trim_start().starts_with('{')));
    Remediation {
        state,
        reason,
        attempts: record.attempts.saturating_add(1),
        before: captured.cloned().or_else(|| record.before.clone()),
        updated_at: now,
        ..record.clone()
    }
}

/// What a record becomes when a detector says that its resource complies; none when that is no news.
fn confirmed(record: &Remediation, finding: &Finding, now: Timestamp) -> Option<Remediation> {
    let seen = finding.observed_at?;
    let since = record.started_at.unwrap_or(record.detected_at);
    if seen < since {
        return None;
    }
    let moved =
        |state, reason: String| Some(Remediation { state, reason, updated_at: now, ..record.clone() });
    match record.state {
        State::Verifying => moved(
            State::Fixed,
            format!("the runbook read it again and it complies; the detector agreed at {seen}"),
        ),
        State::Running => Some(Remediation { confirmed_at: Some(seen), updated_at: now, ..record.clone() }),
        State::Detected | State::AwaitingApproval | State::Failed | State::Escalated => {
            moved(State::Unneeded, format!("it complies since {seen}, without a change by Plumb"))
        }
        State::Planned | State::Fixed | State::Unneeded | State::RollingBack | State::RolledBack => None,
    }
}
