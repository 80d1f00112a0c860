//! Findings to remediations: event → finding → decision → claim → runbook started.
//!
//! **Invariant:** what happens to a finding is decided by `plumb_planner::plan` alone; this function carries the decision
//! out. The claim is written before the runbook is started, and the runbook is started with a token that belongs to the
//! claim, so that a crash between the two loses nothing and starts nothing twice.

mod approval;

use jiff::Timestamp;
use plumb_catalogue::{Heard, controls, listen};
use plumb_events::Content;
use plumb_lambda::Unfinished;
use plumb_model::{
    Change, ClearRequest, Control, Decision, Deployment, DueRequest, Finding, Looker, Outcome, Policy,
    Remediation, RollbackRequest, State, remediation_key,
};
use plumb_planner::{
    Fact, Facts, Plan, another,
    life::{self, Happened},
    plan, plan_rollback,
};
use plumb_ports::{
    Approvals, Class, Ledger, PolicySource, ReadAutomation, ReadCalendar, ReadTags, SendLater,
    StartAutomation, Written, counters_of,
};
use serde_json::{Value, json};

/// How often a decision is taken anew because the record changed under it.
const TRIES: usize = 4;

/// The longest that the queue itself holds what has to wait, in seconds; what waits longer is found by the sweep.
const HELD_BY_THE_QUEUE: i64 = 900;

/// How many facts one decision may ask for. A plan never asks twice for the same; this only bounds a mistake.
const FACTS: usize = 64;

/// Everything that `remediate` needs.
pub struct Remediator<L, A, P, F, Q> {
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
    /// The queues, for what has to wait.
    pub later: Q,
    /// The clock.
    pub now: fn() -> Timestamp,
}

impl<L, A, P, F, Q> Remediator<L, A, P, F, Q>
where
    L: Ledger + Sync,
    A: StartAutomation + ReadAutomation + Approvals,
    P: PolicySource,
    F: ReadCalendar + ReadTags,
    Q: SendLater,
{
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
                Content::Automation(status) => {
                    if status.definition.as_deref().is_some_and(|name| self.deployment.asks(name)) {
                        // Boxed: rare, and larger than all the rest.
                        decisions.extend(Box::pin(self.answered(&status)).await?);
                    } else {
                        tracing::info!(kind, outcome = "ignore", reason = "for `track`", "event ignored");
                    }
                }
                Content::Rollback(request) => decisions.push(self.roll_back(&request).await?),
                Content::Clear(request) => decisions.extend(self.clear(&request).await?),
                Content::Due(request) => decisions.extend(self.look(&request).await?),
                Content::Signals(signals) => {
                    for signal in signals {
                        match listen(controls(), &signal) {
                            Heard::Nobody(reason) => {
                                tracing::info!(kind, outcome = "ignore", reason, "event ignored");
                            }
                            Heard::Findings(findings) => {
                                for finding in findings {
                                    decisions.push(self.remediate(&finding, None).await?);
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

    /// Decides about one finding and carries the decision out. `prior` is its record, if it has been read.
    async fn remediate(&self, finding: &Finding, prior: Option<Remediation>) -> Result<Decision, Unfinished> {
        let control = control_of(finding.control.as_str())?;
        let policy = self.policy.policy((self.now)()).await?;
        let mut facts = Facts { prior, ..Facts::new(self.deployment.clone()) };
        for _ in 0..TRIES {
            let (decision, now) = self.decide(control, &policy, finding, &mut facts).await?;
            if let Some(asked) = approval::never_asked(&decision, facts.prior.as_ref()) {
                self.ask(asked).await?;
                return Ok(reported(decision, finding, None));
            }
            let change = self.change(&decision, control, &policy, finding, facts.prior.as_ref(), now);
            let Some(change) = change else { return Ok(reported(decision, finding, None)) };
            let record = change.record.clone();
            match self.ledger.settle(change).await? {
                Written::Held(standing) => facts.prior = Some(*standing),
                Written::Full => {
                    let counters = counters_of(&record.resource, &record.control, now);
                    facts.usage = Some(self.ledger.usage(&record, &counters, now).await?);
                }
                Written::Yes => {
                    self.withdraw(facts.prior.as_ref(), &record).await;
                    let execution = self.carry_out(&decision, &record, now).await?;
                    return Ok(reported(decision, finding, execution.as_deref()));
                }
            }
        }
        Err(Unfinished::NotYet("the record or the counters kept changing".to_owned()))
    }

    /// What a decision does to the record; none when it changes nothing.
    fn change(
        &self,
        decision: &Decision,
        control: &Control,
        policy: &Policy,
        finding: &Finding,
        prior: Option<&Remediation>,
        now: Timestamp,
    ) -> Option<Change> {
        match (decision.outcome, prior, finding.observed_at) {
            (Outcome::Reopen, Some(prior), Some(seen)) => {
                let undo = plan_rollback(control, &self.deployment, prior, prior.generation).action;
                let undo = undo.as_ref().filter(|_| prior.terms.roll_back_unverified);
                life::next(prior, &Happened::Disagreed { seen, undo }, now)
            }
            _ => life::claim(decision, finding, prior, policy, now)
                .or_else(|| life::next(prior?, &Happened::Expired, now))
                .or_else(|| life::laid_aside(decision, prior?, now)),
        }
    }

    /// What follows once a decision is in the ledger; the execution's id, if a runbook was started.
    async fn carry_out(
        &self,
        decision: &Decision,
        record: &Remediation,
        now: Timestamp,
    ) -> Result<Option<String>, Unfinished> {
        let claimed = matches!(record.state, State::Planned | State::RollingBack);
        match decision.outcome {
            Outcome::Start | Outcome::Reopen if claimed => self.start(record).await.map(Some),
            Outcome::Approve if record.approval.is_some() => self.ask(record).await.map(|()| None),
            Outcome::Defer => {
                let wait = record.due_at.map_or(i64::MAX, |due| due.duration_since(now).as_secs());
                if wait < HELD_BY_THE_QUEUE {
                    let body = DueRequest::of(record).event(now).to_string();
                    let seconds = u32::try_from(wait.saturating_add(1)).unwrap_or(1);
                    self.later.send_later(Looker::Remediate, &body, seconds).await?;
                }
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    /// Looks at a record whose time has come: a claim that may not have been started, or something that had to wait.
    async fn look(&self, request: &DueRequest) -> Result<Option<Decision>, Unfinished> {
        let key = remediation_key(&request.control, &request.resource);
        let Some(record) = self.ledger.get(&key).await? else {
            tracing::info!(key, outcome = "ignore", reason = "there is no such record", "event ignored");
            return Ok(None);
        };
        if record.looked_at_by() != Looker::Remediate {
            tracing::info!(key, outcome = "ignore", reason = "for `track`", "event ignored");
            return Ok(None);
        }
        if record.state == State::RollingBack {
            self.start(&record).await?;
            return Ok(None);
        }
        self.remediate(&life::waiting(&record), Some(record)).await.map(Some)
    }

    /// Lets Plumb touch a resource again, and looks at it at once: its detector has nothing new to say.
    async fn clear(&self, request: &ClearRequest) -> Result<Option<Decision>, Unfinished> {
        let key = remediation_key(&request.control, &request.resource);
        let (by, now) = (request.requested_by.as_str(), (self.now)());
        let record = self.ledger.get(&key).await?;
        let record =
            record.ok_or_else(|| Unfinished::Rejected(format!("there is no remediation `{key}`")))?;
        let change = if request.generation == record.generation {
            life::next(&record, &Happened::Cleared { by }, now).ok_or("nothing keeps Plumb off it".to_owned())
        } else {
            Err(another(request.generation, &record))
        };
        let change = match change {
            Ok(change) => change,
            Err(reason) => {
                tracing::info!(key, requested_by = by, outcome = "ignore", reason, state = ?record.state, "clear ignored");
                return Ok(None);
            }
        };
        let cleared = change.record.clone();
        match self.ledger.settle(change).await? {
            Written::Held(_) | Written::Full => Err(Unfinished::NotYet("the record changed".to_owned())),
            Written::Yes => {
                tracing::info!(key, requested_by = by, from = ?record.state, "cleared");
                self.remediate(&life::waiting(&cleared), Some(cleared)).await.map(Some)
            }
        }
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
                Plan::Needs(fact) => self.learn(fact, control, finding, facts).await?,
            }
        }
        Err(Unfinished::Rejected("the plan keeps asking for facts: a defect in Plumb".to_owned()))
    }

    /// Reads a fact. One that can't be read is an error: nothing is changed, and the message comes again.
    async fn learn(
        &self,
        fact: Fact,
        control: &Control,
        finding: &Finding,
        facts: &mut Facts,
    ) -> Result<(), Unfinished> {
        match fact {
            Fact::Tags => facts.tags = Some(self.surroundings.tags(control, &finding.resource).await?),
            Fact::Calendar(name) => {
                let calendar = self.surroundings.calendar(&name).await?;
                facts.calendars.insert(name, calendar);
            }
            Fact::Document(name, version) => {
                let document = self.automation.document(&name, &version).await?;
                facts.documents.insert((name, version), document);
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
        let decision = plan_rollback(control, &self.deployment, &prior, request.generation);
        let requested_by = request.requested_by.as_str();
        let because = format!("rollback asked for by {requested_by}");
        if let Some(change) = life::undo(&decision, &prior, because, now) {
            let record = change.record.clone();
            match self.ledger.settle(change).await? {
                Written::Held(_) | Written::Full => {
                    return Err(Unfinished::NotYet("the record changed".to_owned()));
                }
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
        let started = self.automation.start(action).await;
        let happened = match &started {
            Ok(execution) => Happened::Started { execution_id: execution },
            // The claim stays: the message comes back and takes it up, with the same token; at last the sweep does.
            Err(error) if matches!(error.class, Class::Retry | Class::Ambiguous) => {
                return Ok(started?);
            }
            Err(error) => Happened::NotStarted { because: error.to_string() },
        };
        if let Some(change) = life::next(claimed, &happened, (self.now)())
            && let Written::Held(standing) = self.ledger.settle(change).await?
            && standing.execution_id.as_ref() != started.as_ref().ok()
        {
            tracing::warn!(key = claimed.key(), state = ?standing.state, "someone else moved the record meanwhile");
        }
        Ok(started?)
    }
}

fn control_of(id: &str) -> Result<&'static Control, Unfinished> {
    plumb_catalogue::control(id).ok_or_else(|| Unfinished::Rejected(format!("there is no control `{id}`")))
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
