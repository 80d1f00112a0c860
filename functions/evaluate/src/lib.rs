//! AWS Config asks, `evaluate` judges.
//!
//! An invocation names a rule and either one resource or all of them. For each resource the rule says what it needs to know, that is
//! read, and the rule judges; the verdicts go to AWS Config by the hundred.
//!
//! **Invariant:** every resource that AWS Config asks about gets an answer. One that can't be judged (a parameter that is wrong, a read that is
//! denied, an item that lacks what it must have) is `NOT_APPLICABLE` with an annotation that begins with `not judged:`, never compliant and never
//! non-compliant, and does not stop the others. AWS being too busy to be read from is no reason for a verdict: the evaluation goes on later, by the queue,
//! each time after a longer pause.
//!
//! **Invariant:** a periodic evaluation of any size ends. Before its time is over it leaves the rest on a queue (the page that comes next and the result token), and
//! the queue invokes the function again.

mod answers;
mod invocation;
mod judge;
mod knowledge;
mod periodic;
mod seen;

use jiff::Timestamp;
use plumb_model::{Deployment, NOT_JUDGED};
use plumb_ports::{Class, Continue, Evaluation, PortError, PutEvaluations, ReadApi, ReadConfig};
use plumb_rules::{Annotation, Item, Place, Verdict};
use serde_json::{Value, json};

pub use answers::Counts;
pub use invocation::{About, Invocation, Mode, Refused, Subject};
pub use judge::Judge;

use answers::Answers;
use judge::Unjudgeable;
use knowledge::{Knowledge, Unread};
use periodic::Rest;

/// Everything that `evaluate` needs.
pub struct Evaluator<C, R, Q> {
    /// Where this stack is.
    pub deployment: Deployment,
    /// AWS Config.
    pub config: C,
    /// Any other AWS API.
    pub reads: R,
    /// Where the rest of a long evaluation goes.
    pub queue: Q,
    /// The clock.
    pub now: fn() -> Timestamp,
    /// The users' own policies in AWS CloudFormation Guard's language, by name.
    pub guard: fn(&str) -> Option<Judge>,
}

/// Why AWS Config got no answer.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// A call to AWS failed.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The event is none that can be answered.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// AWS Config did not take verdicts, twice.
    #[error("AWS Config did not take {0} of the verdicts")]
    NotTaken(usize),
}

impl Unanswered {
    /// A stable word for logs, metrics and the error type that Lambda reports.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Port(error) => error.class.code(),
            Self::Refused(_) => "rejected",
            Self::NotTaken(_) => "not-taken",
        }
    }

    /// Whether AWS was merely busy.
    fn may_pass(&self) -> bool {
        matches!(self, Self::Port(error) if error.class == Class::Retry)
    }
}

impl<C, R, Q> Evaluator<C, R, Q>
where
    C: PutEvaluations + ReadConfig,
    R: ReadApi,
    Q: Continue,
{
    /// Answers one invocation, or goes on with one from the queue. A periodic evaluation stops in time before `until`.
    ///
    /// # Errors
    /// When AWS Config got no answer, or not all of it.
    pub async fn handle(&self, event: &Value, until: Timestamp) -> Result<Value, Unanswered> {
        let (event, rest) = Rest::read(event)?;
        let invocation = Invocation::read(&event)?;
        let judge = self.judge(&invocation);
        let place = self.place();
        let mut answers = Answers::new(&self.config, &invocation.token, invocation.is_test());
        let mut knowledge = Knowledge::default();
        let left = match &invocation.about {
            About::One(subject) => {
                match self.one(&invocation, judge, subject, &mut knowledge, &mut answers).await {
                    Err(busy) if busy.may_pass() => {
                        let mut rest = rest.unwrap_or_default();
                        Some(rest.pause().ok_or(busy).map(|after| (rest, after))?)
                    }
                    done => done.map(|()| None)?,
                }
            }
            About::Everything { at } => {
                let judge = judge.map_err(|error| Refused(error.0))?;
                let run = periodic::Run {
                    evaluator: self,
                    invocation: &invocation,
                    judge: &judge,
                    place: &place,
                    at: *at,
                    until,
                };
                run.go(rest, &mut knowledge, &mut answers).await?
            }
        };
        let continued = left.is_some();
        if let Some((rest, after)) = left {
            self.queue.hand_on(&rest.write(&event), after).await?;
        }
        let Counts { compliant, non_compliant, not_applicable, not_judged, batches } = answers.counts;
        let rule = invocation.config_rule.as_str();
        tracing::info!(
            rule,
            compliant,
            non_compliant,
            not_applicable,
            not_judged,
            batches,
            continued,
            "evaluated"
        );
        Ok(json!({
            "rule": rule, "compliant": compliant, "nonCompliant": non_compliant, "notApplicable": not_applicable,
            "notJudged": not_judged, "batches": batches, "continued": continued,
        }))
    }

    /// What the parameter `rule` or `guard` names; without either, Plumb's rule whose name the AWS Config rule has after the prefix.
    fn judge(&self, invocation: &Invocation) -> Result<Judge, Unjudgeable> {
        let parameter = |name: &str| invocation.parameters.get(name).and_then(Value::as_str);
        if let Some(name) = parameter("guard") {
            return (self.guard)(name)
                .ok_or_else(|| Unjudgeable(format!("there is no Guard policy `{name}` in this deployment")));
        }
        let own = invocation.config_rule.strip_prefix(&format!("{}-", self.deployment.prefix));
        let name = parameter("rule").or(own).unwrap_or_default();
        plumb_rules::rule(name).map(Judge::Rule).ok_or_else(|| {
            Unjudgeable(format!(
                "there is no rule `{name}`; the parameter `rule` has to name one of docs/rules.md"
            ))
        })
    }

    fn place(&self) -> Place {
        let Deployment { partition, account, region, .. } = &self.deployment;
        Place { partition: partition.clone(), account: account.to_string(), region: region.to_string() }
    }

    /// The item that was too large for the event. AWS Config may not have written it down yet; then another try is worth it.
    async fn whole(&self, summary: &Value) -> Result<Item, Unanswered> {
        let of = Item::read(summary).map_err(|error| Refused(error.to_string()))?;
        if of.is_gone() {
            return Ok(of);
        }
        let page = self.config.history(&of.kind, &of.id, of.captured_at, 1, None).await?;
        let latest = page.records.first().ok_or_else(|| PortError {
            operation: "config:GetResourceConfigHistory",
            code: "no item yet".to_owned(),
            class: Class::Retry,
            source: None,
        })?;
        Ok(Item::read(latest).map_err(|error| Refused(error.to_string()))?)
    }

    /// Judges the one resource that AWS Config asks about.
    async fn one(
        &self,
        invocation: &Invocation,
        judge: Result<Judge, Unjudgeable>,
        subject: &Subject,
        knowledge: &mut Knowledge,
        answers: &mut Answers<'_, C>,
    ) -> Result<(), Unanswered> {
        let item = &match subject {
            Subject::Item(item) => Item::read(item).map_err(|error| Refused(error.to_string()))?,
            Subject::Oversized(summary) => self.whole(summary).await?,
        };
        let ordering = item.captured_at.unwrap_or_else(self.now);
        let verdict = match judge {
            Err(why) => Err(why),
            Ok(judge) => self.verdict(invocation, &judge, item, knowledge).await,
        };
        // Judging it in a moment may go better, and nothing is lost by waiting: the verdict before stands.
        let verdict = match verdict {
            Err(Unjudgeable(_)) => verdict,
            Ok(Err(Unread::Port(error))) if error.class == Class::Retry => return Err(error.into()),
            other => other,
        };
        let verdict = answered(verdict, item, answers);
        answers.add(evaluation(item, &verdict, ordering)).await?;
        answers.say().await
    }

    /// Learns what the rule needs until it needs nothing new, then judges.
    async fn verdict(
        &self,
        invocation: &Invocation,
        judge: &Judge,
        item: &Item,
        knowledge: &mut Knowledge,
    ) -> Result<Result<Verdict, Unread>, Unjudgeable> {
        if let Some(why) = unconcerned(invocation, judge, item) {
            return Ok(Ok(Verdict::not_applicable(why)));
        }
        judge.verdict(invocation, item, (self.now)(), (&self.config, &self.reads), knowledge).await
    }
}

/// What is to be said of a resource, whether or not it could be judged.
fn answered<C>(
    verdict: Result<Result<Verdict, Unread>, Unjudgeable>,
    item: &Item,
    answers: &mut Answers<'_, C>,
) -> Verdict {
    let why = match verdict {
        Ok(Ok(verdict)) => return verdict,
        Ok(Err(Unread::Port(error))) => format!("{} failed ({})", error.operation, error.code),
        Ok(Err(unread)) => unread.to_string(),
        Err(Unjudgeable(why)) => why,
    };
    answers.counts.not_judged += 1;
    tracing::error!(resource = item.id, kind = item.kind, why, "a resource could not be judged");
    Verdict::NotApplicable(Annotation::new(format!("{NOT_JUDGED}{why}")))
}

/// Why the rule has nothing to say of a resource, whatever its state.
fn unconcerned(invocation: &Invocation, judge: &Judge, item: &Item) -> Option<String> {
    if item.is_gone() {
        return Some("the resource is gone, or no longer recorded".to_owned());
    }
    if invocation.left_scope {
        return Some("the resource has left the rule's scope".to_owned());
    }
    let kind = judge.resource_type()?;
    (kind != item.kind).then(|| format!("the rule judges {kind}"))
}

fn evaluation(item: &Item, verdict: &Verdict, ordering: Timestamp) -> Evaluation {
    Evaluation {
        resource_type: item.kind.clone(),
        resource_id: item.id.clone(),
        compliance: verdict.compliance(),
        annotation: verdict.annotation().map(ToString::to_string),
        ordering,
    }
}
