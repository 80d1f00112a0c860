//! Findings to remediations: event → finding → decision → claim → runbook started.
//!
//! **Invariant:** what happens to a finding is decided by `plumb_planner::plan` alone; this function carries the decision
//! out. The claim is written before the runbook is started, and the runbook is started with a token that belongs to the
//! claim, so that a crash between the two loses nothing and starts nothing twice.

use jiff::Timestamp;
use plumb_catalogue::{Heard, controls, listen};
use plumb_events::Content;
use plumb_lambda::Unfinished;
use plumb_model::{
    Control, Decision, Deployment, Finding, Outcome, Policy, Remediation, RollbackRequest, State,
    remediation_key,
};
use plumb_planner::{Fact, Facts, Plan, plan, plan_rollback};
use plumb_ports::{Class, Ledger, PolicySource, ReadCalendar, StartAutomation, Written};
use serde_json::{Value, json};

/// How often a decision is taken anew because the record changed under it.
const TRIES: usize = 4;

/// How many facts one decision may ask for. A plan never asks twice for the same; this only bounds a mistake.
const FACTS: usize = 64;

/// Everything that `remediate` needs.
pub struct Remediator<L, A, P, F> {
    /// Where this stack is.
    pub deployment: Deployment,
    /// The table of remediations.
    pub ledger: L,
    /// SSM Automation.
    pub automation: A,
    /// The policy.
    pub policy: P,
    /// What a decision may depend on beside the ledger; read only when it does.
    pub surroundings: F,
    /// The clock.
    pub now: fn() -> Timestamp,
}

impl<L: Ledger, A: StartAutomation, P: PolicySource, F: ReadCalendar> Remediator<L, A, P, F> {
    /// Handles one message: any event that Plumb listens to. The answer lists what was decided.
    ///
    /// # Errors
    /// When the message has to come again, or can't be used at all.
    pub async fn handle(&self, body: &str) -> Result<Value, Unfinished> {
        let mut decisions = Vec::new();
        let mut rejected = None;
        for reading in plumb_events::read(body.as_bytes()) {
            let kind = reading.kind.name();
            match reading.content {
                Content::Rejected(reason) => rejected = Some(reason),
                Content::Ignored(reason) => tracing::info!(kind, outcome = "ignore", reason, "event ignored"),
                Content::Automation(_) => {
                    tracing::info!(kind, outcome = "ignore", reason = "for `track`", "event ignored");
                }
                Content::Rollback(request) => decisions.push(self.roll_back(&request).await?),
                Content::Signals(signals) => {
                    for signal in signals {
                        match listen(controls(), &signal) {
                            Heard::Nobody(reason) => {
                                tracing::info!(kind, outcome = "ignore", reason, "event ignored");
                            }
                            Heard::Findings(findings) => {
                                for finding in findings {
                                    decisions.push(self.remediate(&finding).await?);
                                }
                            }
                        }
                    }
                }
            }
        }
        // The rest of the message was dealt with; doing it again when it comes back changes nothing.
        rejected
            .map_or_else(|| Ok(json!({ "decisions": decisions })), |reason| Err(Unfinished::Rejected(reason)))
    }

    /// Decides about one finding and carries the decision out.
    async fn remediate(&self, finding: &Finding) -> Result<Decision, Unfinished> {
        let control = control_of(finding.control.as_str())?;
        let policy = self.policy.policy((self.now)()).await?;
        let mut facts = Facts::new(self.deployment.clone());
        for _ in 0..TRIES {
            let (decision, now) = self.decide(control, &policy, finding, &mut facts).await?;
            let Some(record) = record_of(&decision, finding, facts.prior.as_ref(), now) else {
                return Ok(reported(decision, finding, None));
            };
            match self.ledger.write(&record, facts.prior.as_ref()).await? {
                Written::Held(standing) => facts.prior = Some(*standing),
                Written::Yes if decision.outcome == Outcome::Start => {
                    let execution = self.start(&record).await?;
                    return Ok(reported(decision, finding, Some(&execution)));
                }
                Written::Yes => return Ok(reported(decision, finding, None)),
            }
        }
        Err(Unfinished::NotYet("the record kept changing".to_owned()))
    }

    /// Plans, reading each fact that the plan asks for; the decision, and when it was made.
    async fn decide(
        &self,
        control: &Control,
        policy: &Policy,
        finding: &Finding,
        facts: &mut Facts,
    ) -> Result<(Decision, Timestamp), Unfinished> {
        for _ in 0..FACTS {
            let now = (self.now)();
            match plan(control, policy, finding, facts, now) {
                Plan::Decided(decision) => return Ok((decision, now)),
                Plan::Needs(fact) => self.learn(fact, facts).await?,
            }
        }
        Err(Unfinished::Rejected("the plan keeps asking for facts: a defect in Plumb".to_owned()))
    }

    /// Reads a fact. One that can't be read is an error: nothing is changed, and the message comes again.
    async fn learn(&self, fact: Fact, facts: &mut Facts) -> Result<(), Unfinished> {
        match fact {
            Fact::Calendar(name) => {
                let calendar = self.surroundings.calendar(&name).await?;
                facts.calendars.insert(name, calendar);
            }
        }
        Ok(())
    }

    /// Undoes a remediation that someone asked to have undone.
    async fn roll_back(&self, request: &RollbackRequest) -> Result<Decision, Unfinished> {
        let control = control_of(request.control.as_str())?;
        let key = remediation_key(&request.control, &request.resource);
        let prior = self.ledger.get(&key).await?;
        let prior =
            prior.ok_or_else(|| Unfinished::Rejected(format!("there is no remediation `{key}` to undo")))?;
        let now = (self.now)();
        let decision = plan_rollback(control, &self.deployment, &prior);
        let requested_by = request.requested_by.as_str();
        if let Some(action) = decision.action.clone() {
            let record = Remediation {
                state: State::RollingBack,
                action: Some(action),
                execution_id: None,
                reason: format!("rollback asked for by {requested_by}"),
                updated_at: now,
                ..prior.clone()
            };
            match self.ledger.write(&record, Some(&prior)).await? {
                Written::Held(_) => return Err(Unfinished::NotYet("the record changed".to_owned())),
                Written::Yes => self.start(&record).await?,
            };
        }
        tracing::info!(
            control = control.id, resource = %request.resource, outcome = ?decision.outcome, requested_by,
            reason = decision.reason, "rollback decided"
        );
        Ok(decision)
    }

    /// Starts the runbook that the record has claimed; the execution's id.
    async fn start(&self, claimed: &Remediation) -> Result<String, Unfinished> {
        let Some(action) = &claimed.action else {
            return Err(Unfinished::Rejected("a claim without an action".to_owned()));
        };
        let undoing = claimed.state == State::RollingBack;
        let started = self.automation.start(action).await;
        let now = (self.now)();
        let (after, answer) = match started {
            Ok(execution) => {
                let running = Remediation {
                    state: if undoing { State::RollingBack } else { State::Running },
                    execution_id: Some(execution.clone()),
                    started_at: Some(now),
                    confirmed_at: None,
                    updated_at: now,
                    ..claimed.clone()
                };
                (running, Ok(execution))
            }
            // The claim stays: the message comes back and takes it up, with the same token.
            Err(error) if matches!(error.class, Class::Retry | Class::Ambiguous) => return Err(error.into()),
            Err(error) => {
                let failed = Remediation {
                    state: if undoing { State::Escalated } else { State::Failed },
                    attempts: claimed.attempts.saturating_add(1),
                    reason: format!("the runbook could not be started: {error}"),
                    updated_at: now,
                    ..claimed.clone()
                };
                (failed, Err(error.into()))
            }
        };
        if let Written::Held(standing) = self.ledger.write(&after, Some(claimed)).await? {
            tracing::warn!(key = claimed.key(), state = ?standing.state, "someone else moved the record meanwhile");
        }
        answer
    }
}

fn control_of(id: &str) -> Result<&'static Control, Unfinished> {
    plumb_catalogue::control(id).ok_or_else(|| Unfinished::Rejected(format!("there is no control `{id}`")))
}

/// The record that a decision asks for; none when nothing changes.
fn record_of(
    decision: &Decision,
    finding: &Finding,
    prior: Option<&Remediation>,
    now: Timestamp,
) -> Option<Remediation> {
    let state = match decision.outcome {
        Outcome::Start => State::Planned,
        Outcome::Notify => State::Detected,
        Outcome::Approve => State::AwaitingApproval,
        Outcome::Defer | Outcome::Skip | Outcome::Ignore | Outcome::Reject => return None,
    };
    if state != State::Planned && prior.is_some_and(|prior| prior.state == state) {
        return None;
    }
    let generation = match (&decision.action, state) {
        (Some(action), State::Planned) => action.generation,
        _ => prior.map_or(0, |prior| prior.generation),
    };
    Some(Remediation {
        control: finding.control.clone(),
        resource: finding.resource.clone(),
        generation,
        state,
        attempts: prior.map_or(0, |prior| match prior.state {
            State::Failed | State::Planned => prior.attempts,
            _ => 0,
        }),
        source: finding.source.clone(),
        action: decision.action.clone(),
        execution_id: None,
        before: None,
        reason: decision.reason.clone(),
        verdicts: decision.verdicts.clone(),
        detected_at: finding.observed_at.unwrap_or(now),
        started_at: None,
        confirmed_at: None,
        updated_at: now,
    })
}

/// The one summary line of a finding.
fn reported(decision: Decision, finding: &Finding, execution: Option<&str>) -> Decision {
    tracing::info!(
        control = %decision.control,
        resource_type = decision.resource.kind,
        resource = decision.resource.id,
        account = %decision.resource.account,
        region = %decision.resource.region,
        outcome = ?decision.outcome,
        reason = decision.reason,
        execution,
        trigger = ?finding.source,
        event = finding.event_id,
        "decided"
    );
    decision
}
