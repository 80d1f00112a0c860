//! Remediations to their end: SSM says that the runbook ended, AWS Config says that the resource complies.
//!
//! **Invariant:** `Fixed` is written only after the resource was read again: the runbook's `Verify` step succeeded *and*
//! the detector agreed, or there is no detector to ask, which the reason then says.
//!
//! `track` starts nothing. Where something has to be started (a rollback by policy), it moves the record and sends
//! `remediate` a message to look at it.

mod follow;

use jiff::Timestamp;
use plumb_events::Content;
use plumb_lambda::Unfinished;
use plumb_model::{
    Control, Deployment, DueRequest, Looker, Remediation, Signal, Source, Standing, State, remediation_key,
};
use plumb_planner::{
    life::{self, Happened, believable},
    plan_rollback,
};
use plumb_ports::{Class, Ledger, ReadAutomation, ReadJudgement, Reevaluate, SendLater, Written};
use serde_json::{Value, json};

/// How often a move is decided on anew because the record changed under it.
const TRIES: usize = 4;

/// Everything that `track` needs.
pub struct Tracker<L, A, C, Q> {
    /// Where this stack is.
    pub deployment: Deployment,
    /// The table of remediations.
    pub ledger: L,
    /// SSM Automation.
    pub automation: A,
    /// AWS Config.
    pub config: C,
    /// The queues, for what has to wait.
    pub later: Q,
    /// The clock.
    pub now: fn() -> Timestamp,
}

impl<L, A, C, Q> Tracker<L, A, C, Q>
where
    L: Ledger + Sync,
    A: ReadAutomation,
    C: Reevaluate + ReadJudgement,
    Q: SendLater,
{
    /// Handles one message: an SSM Automation status change, a Config evaluation, or a record whose time has come. The
    /// answer lists the transitions.
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
                Content::Rollback(_) | Content::Clear(_) => {
                    tracing::info!(kind, outcome = "ignore", reason = "for `remediate`", "event ignored");
                }
                Content::Automation(status) => moves.extend(self.execution_moved(&status).await?),
                Content::Due(request) => moves.extend(self.look(&request).await?),
                Content::Signals(signals) => {
                    for signal in &signals {
                        moves.extend(self.judged(signal).await?);
                    }
                }
            }
        }
        rejected.map_or_else(|| Ok(json!({ "moved": moves })), |reason| Err(Unfinished::Rejected(reason)))
    }

    /// Looks at a record whose time has come: the news of its runbook, or of its detector, may have been lost.
    async fn look(&self, request: &DueRequest) -> Result<Vec<Value>, Unfinished> {
        let key = remediation_key(&request.control, &request.resource);
        let Some(record) = self.ledger.get(&key).await? else {
            return Ok(ignored(&key, "there is no such record"));
        };
        match (&record.execution_id, record.state) {
            (_, State::Verifying) => self.look_at_fix(record).await,
            (Some(id), State::Running | State::RollingBack) => {
                let id = id.clone();
                self.look_at_runbook(record, &id).await
            }
            _ => Ok(ignored(&key, "nothing of it is under way")),
        }
    }

    /// Asks the detector what it last said of a fix; if that is no answer, has it judge again.
    async fn look_at_fix(&self, record: Remediation) -> Result<Vec<Value>, Unfinished> {
        let judgement = self.config.judgement(&self.rule(&record), &record.resource).await?;
        let since = record.started_at.unwrap_or(record.detected_at);
        match judgement {
            Some(said) if said.complies && since <= said.recorded_at => {
                Ok(told(self.advance(record, &Happened::Agreed { seen: said.recorded_at }).await?.as_ref()))
            }
            Some(said) if !said.complies && believable(&record, said.recorded_at) => {
                let control = plumb_catalogue::control(record.control.as_str());
                let undo =
                    control.filter(|_| record.terms.roll_back_unverified).and_then(|control: &Control| {
                        plan_rollback(control, &self.deployment, &record, record.generation).action
                    });
                let happened = Happened::Disagreed { seen: said.recorded_at, undo: undo.as_ref() };
                Ok(told(self.advance(record, &happened).await?.as_ref()))
            }
            _ => {
                let Some(waits) = self.advance(record, &Happened::Unanswered).await? else {
                    return Ok(Vec::new());
                };
                let mut moves = vec![waits.value()];
                if waits.after.state == State::Verifying {
                    moves.extend(self.ask(waits.after).await?);
                }
                Ok(moves)
            }
        }
    }

    /// The runbook's own check passed: asks the detector.
    async fn ask(&self, record: Remediation) -> Result<Vec<Value>, Unfinished> {
        match self.config.reevaluate(&record.resource.place(), &self.rule(&record)).await {
            Ok(()) => Ok(Vec::new()),
            Err(error) if error.class == Class::Permanent => Ok(told(
                self.advance(record, &Happened::NoDetector { because: error.to_string() }).await?.as_ref(),
            )),
            // AWS Config judges a rule once at a time. What it is judging covers this resource, so that the answer may be
            // there when it is looked for; the message waits in the queue and uses up no receives.
            Err(error) if matches!(error.class, Class::Retry | Class::Ambiguous) => {
                let now = (self.now)();
                tracing::info!(
                    key = record.key(),
                    code = error.code,
                    "asked the detector in vain: later again"
                );
                self.come_back(Looker::Track, &record, 60 + spread(&record, 60), now).await?;
                Ok(Vec::new())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The rule that judges a record's resource: the one that found it, else the one that the stack deploys.
    fn rule(&self, record: &Remediation) -> String {
        match &record.source {
            Source::ConfigRule { rule } | Source::SecurityHub { rule: Some(rule), .. } => rule.clone(),
            Source::SecurityHub { rule: None, .. } | Source::ApiCall { .. } | Source::Notice { .. } => {
                self.deployment.config_rule(&record.control)
            }
        }
    }

    /// A detector says that a resource complies, or that there is nothing left to judge.
    async fn judged(&self, signal: &Signal) -> Result<Vec<Value>, Unfinished> {
        let complies = signal.standing == Standing::Compliant;
        if !complies && !is_gone(&signal.standing) {
            return Ok(Vec::new());
        }
        if let Some(sender) = &signal.sender
            && !self.deployment.may_speak_of_others(sender)
        {
            return Ok(ignored(sender.as_str(), "speaks of a resource of another account"));
        }
        let mut moves = Vec::new();
        for finding in plumb_catalogue::findings(signal) {
            let key = remediation_key(&finding.control, &finding.resource);
            let Some(record) = self.ledger.get(&key).await? else {
                ignored(&key, "complies, and Plumb has nothing open on it");
                continue;
            };
            // A rule also stops to apply for reasons that have nothing to do with a fix.
            if !complies && !matches!(record.state, State::Running | State::Verifying) {
                ignored(&key, "no longer judged, and Plumb has nothing under way on it");
                continue;
            }
            let Some(seen) = finding.observed_at else {
                ignored(&key, "complies, but since when is not said");
                continue;
            };
            moves.extend(self.advance(record, &Happened::Agreed { seen }).await?.map(|moved| moved.value()));
        }
        Ok(moves)
    }

    /// Makes the move that follows from what happened; if another one was made meanwhile, the one that follows then.
    async fn advance(
        &self,
        mut record: Remediation,
        happened: &Happened<'_>,
    ) -> Result<Option<Move>, Unfinished> {
        let execution = record.execution_id.clone();
        for _ in 0..TRIES {
            let now = (self.now)();
            let Some(change) = life::next(&record, happened, now) else {
                ignored(&record.key(), "it changes nothing");
                return Ok(None);
            };
            let after = change.record.clone();
            match self.ledger.settle(change).await? {
                // What happened to one execution says nothing about another.
                Written::Held(standing) if standing.execution_id != execution => {
                    ignored(&standing.key(), "another attempt has begun");
                    return Ok(None);
                }
                Written::Held(standing) => record = *standing,
                Written::Full => {}
                Written::Yes => {
                    if after.state == State::RollingBack && after.execution_id.is_none() {
                        self.come_back(Looker::Remediate, &after, 0, now).await?;
                    }
                    return Ok(Some(Move::of(&record, after)));
                }
            }
        }
        Err(Unfinished::NotYet("the record kept changing".to_owned()))
    }

    /// Has a record looked at later.
    async fn come_back(
        &self,
        to: Looker,
        record: &Remediation,
        seconds: u32,
        now: Timestamp,
    ) -> Result<(), Unfinished> {
        let body = DueRequest::of(record).event(now).to_string();
        Ok(self.later.send_later(to, &body, seconds).await?)
    }
}

/// AWS Config has nothing left to judge: where the fix was to delete the resource, that is its agreement.
fn is_gone(standing: &Standing) -> bool {
    match standing {
        Standing::Deleted | Standing::NotApplicable => true,
        Standing::Violating
        | Standing::Compliant
        | Standing::Undecided { .. }
        | Standing::Closed { .. }
        | Standing::CallFailed { .. } => false,
    }
}

/// A number below `most` that is always the same for a record, so that those who wait don't all come back at once.
fn spread(record: &Remediation, most: u32) -> u32 {
    let sum =
        record.key().bytes().fold(7_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
    sum % most
}

fn ignored(what: &str, reason: &str) -> Vec<Value> {
    tracing::info!(what, outcome = "ignore", reason, "event ignored");
    Vec::new()
}

fn told(moved: Option<&Move>) -> Vec<Value> {
    moved.map(Move::value).into_iter().collect()
}

/// A move that was made.
struct Move {
    from: State,
    after: Remediation,
}

impl Move {
    fn of(from: &Remediation, after: Remediation) -> Self {
        tracing::info!(
            control = %after.control,
            resource_type = after.resource.kind,
            resource = after.resource.id,
            account = %after.resource.account,
            region = %after.resource.region,
            from = ?from.state,
            to = ?after.state,
            reason = after.reason,
            execution = after.execution_id,
            "moved"
        );
        Self { from: from.state, after }
    }

    fn value(&self) -> Value {
        let Self { from, after } = self;
        json!({ "key": after.key(), "from": from, "to": after.state, "reason": after.reason })
    }
}
