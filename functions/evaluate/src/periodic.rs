//! A periodic evaluation: page after page, and on another day if need be.

use jiff::{SignedDuration, Timestamp};
use plumb_ports::{Class, Continue, Evaluation, PutEvaluations, ReadApi, ReadConfig, Records};
use plumb_rules::{Item, Listing, Place};
use serde_json::{Value, json};

use crate::{
    Answers, Evaluator, Invocation, Judge, Knowledge, Refused, Unanswered, Unread, answered, evaluation,
    seen::Seen,
};

/// How long before its end an invocation begins nothing new: two pages' calls, each tried to the end.
const RESERVE: SignedDuration = SignedDuration::from_secs(60);

/// How often in a row an evaluation pauses because AWS is too busy to be read from: for an hour in all.
const PAUSES: u32 = 8;

/// The first pause, in seconds; each is twice the one before.
const PAUSE: u32 = 30;

/// The longest pause, in seconds: SQS delays a message by no more.
const LONGEST: u32 = 900;

/// The member of a message that holds what the rest of an evaluation needs.
const REST: &str = "plumbRest";

/// What is left to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rest {
    /// Which part, counted from 1.
    part: u64,
    /// Whether every resource was judged, and only verdicts of old are left.
    listed: bool,
    /// The token of the page that comes next.
    token: Option<String>,
    /// Whether that page was begun: what was seen of it is judged.
    begun: bool,
    /// How often in a row it has paused.
    pauses: u32,
    /// What was judged, as long as it could be handed on: what was not is gone.
    seen: Option<Seen>,
}

impl Default for Rest {
    fn default() -> Self {
        Self { part: 0, listed: false, token: None, begun: false, pauses: 0, seen: Some(Seen::default()) }
    }
}

impl Rest {
    /// The invocation, and what is left of it: everything, unless it comes from the queue.
    pub(crate) fn read(event: &Value) -> Result<(Value, Option<Self>), Refused> {
        let Some(rest) = event.get(REST) else { return Ok((event.clone(), None)) };
        let unreadable = || Refused(format!("`{REST}` is not what this function writes"));
        let number = |name: &str| rest.get(name).and_then(Value::as_u64);
        let invocation = event.get("invocation").cloned().ok_or_else(unreadable)?;
        Ok((
            invocation,
            Some(Self {
                part: number("part").ok_or_else(unreadable)?,
                listed: rest.get("listed").and_then(Value::as_bool).ok_or_else(unreadable)?,
                token: rest.get("token").and_then(Value::as_str).map(str::to_owned),
                begun: rest.get("begun").and_then(Value::as_bool).ok_or_else(unreadable)?,
                pauses: number("pauses").and_then(|pauses| pauses.try_into().ok()).ok_or_else(unreadable)?,
                seen: rest.get("seen").and_then(Value::as_str).and_then(Seen::read),
            }),
        ))
    }

    /// The message that brings it back.
    pub(crate) fn write(&self, invocation: &Value) -> String {
        let seen = self.seen.as_ref().and_then(Seen::write);
        let rest = json!({
            "part": self.part, "listed": self.listed, "token": self.token, "begun": self.begun, "pauses": self.pauses,
            "seen": seen,
        });
        json!({REST: rest, "invocation": invocation}).to_string()
    }

    /// In how many seconds to go on, after a call that AWS was too busy for; nothing once it was too busy for too long.
    pub(crate) fn pause(&mut self) -> Option<u32> {
        let after = PAUSE.checked_shl(self.pauses).unwrap_or(LONGEST).min(LONGEST);
        (self.pauses < PAUSES).then(|| {
            self.pauses += 1;
            after
        })
    }
}

/// One invocation's part of a periodic evaluation.
pub(crate) struct Run<'a, C, R, Q> {
    pub(crate) evaluator: &'a Evaluator<C, R, Q>,
    pub(crate) invocation: &'a Invocation,
    pub(crate) judge: &'a Judge,
    pub(crate) place: &'a Place,
    /// When AWS Config asked: the time that the verdicts are for.
    pub(crate) at: Timestamp,
    pub(crate) until: Timestamp,
}

impl<C, R, Q> Run<'_, C, R, Q>
where
    C: PutEvaluations + ReadConfig,
    R: ReadApi,
    Q: Continue,
{
    /// Judges until nothing is left, or time is; then what is left, and in how many seconds to go on. AWS being too busy to be
    /// read from is a pause, not a verdict: only when the last pause has not helped is a resource `not judged`.
    pub(crate) async fn go(
        &self,
        rest: Option<Rest>,
        knowledge: &mut Knowledge,
        answers: &mut Answers<'_, C>,
    ) -> Result<Option<(Rest, u32)>, Unanswered> {
        let mut rest = rest.unwrap_or_default();
        rest.part += 1;
        while !rest.listed {
            let page = match self.page(rest.token.as_deref()).await {
                Err(busy) if busy.may_pass() => return paused(rest, busy, answers).await,
                page => page?,
            };
            for record in &page.records {
                if let Some(busy) = self.judge(record, &mut rest, knowledge, answers).await? {
                    rest.begun = true;
                    return paused(rest, busy, answers).await;
                }
            }
            rest.listed = page.next.is_none();
            (rest.token, rest.begun) = (page.next, false);
            if self.is_late() {
                answers.say().await?;
                return Ok(Some((rest, 0)));
            }
        }
        answers.say().await?;
        self.forget(rest, answers).await
    }

    /// Half of what is left is still needed to hand on and to end; a short time is shared, too.
    fn is_late(&self) -> bool {
        (self.evaluator.now)().duration_until(self.until) < RESERVE
    }

    async fn page(&self, token: Option<&str>) -> Result<Records, Unanswered> {
        match self.judge.listing() {
            Listing::Read { api, parameters, .. } => {
                Ok(self.evaluator.reads.page(api, &parameters(), token).await?)
            }
            Listing::Recorded => {
                let kind = self.judge.resource_type().ok_or_else(|| {
                    Refused("a policy without a resource type can't be evaluated periodically".to_owned())
                })?;
                Ok(self.evaluator.config.select(&recorded(kind), token).await?)
            }
        }
    }

    /// Judges one record; not if what it has to know can't be read for the moment, and that was not waited out yet.
    async fn judge(
        &self,
        record: &Value,
        rest: &mut Rest,
        knowledge: &mut Knowledge,
        answers: &mut Answers<'_, C>,
    ) -> Result<Option<Unanswered>, Unanswered> {
        let item = match self.judge.listing() {
            Listing::Recorded => Item::read(record).ok(),
            Listing::Read { item, .. } => item(record, self.place),
        };
        let Some(item) = item else {
            tracing::error!("a listed record names no resource, so there is nobody to answer for");
            return Ok(None);
        };
        // By its id, not by its place: the list may have changed meanwhile. Where too many were seen to be remembered, once more.
        if rest.begun && rest.seen.as_ref().is_some_and(|seen| seen.has(&item.id)) {
            return Ok(None);
        }
        let reads = knowledge.reads;
        let verdict = match self.evaluator.verdict(self.invocation, self.judge, &item, knowledge).await {
            Ok(Err(Unread::Port(busy))) if busy.class == Class::Retry && rest.pauses < PAUSES => {
                return Ok(Some(busy.into()));
            }
            verdict => verdict,
        };
        if knowledge.reads > reads {
            rest.pauses = 0;
        }
        if let Some(seen) = &mut rest.seen {
            seen.add(&item.id);
        }
        let verdict = answered(verdict, &item, answers);
        answers.add(evaluation(&item, &verdict, self.at)).await.map(|()| None)
    }

    /// Verdicts of old on what is listed no more: without this, a snapshot that is gone would stay non-compliant for good. Told by the
    /// ids, not by the times of the verdicts, because AWS Config shows new ones only after a while. Where AWS Config records the type, it knows
    /// by itself what is gone.
    async fn forget(
        &self,
        mut rest: Rest,
        answers: &mut Answers<'_, C>,
    ) -> Result<Option<(Rest, u32)>, Unanswered> {
        if self.invocation.is_test()
            || self.invocation.config_rule.is_empty()
            || matches!(self.judge.listing(), Listing::Recorded)
        {
            return Ok(None);
        }
        let Some(seen) = rest.seen.clone() else {
            tracing::warn!("too many resources to remember, so what is gone keeps its verdict");
            return Ok(None);
        };
        let (mut old, mut busy) = (Vec::new(), None);
        loop {
            let page =
                self.evaluator.config.evaluated(&self.invocation.config_rule, rest.token.as_deref()).await;
            let (evaluated, next) = match page.map_err(Unanswered::from) {
                Err(error) if error.may_pass() => {
                    busy = Some(error);
                    break;
                }
                page => page?,
            };
            old.extend(evaluated.into_iter().filter(|known| !seen.has(&known.resource_id)));
            rest.token = next;
            if rest.token.is_none() || self.is_late() {
                break;
            }
        }
        for known in old {
            let gone = Evaluation {
                resource_type: known.resource_type,
                resource_id: known.resource_id,
                compliance: "NOT_APPLICABLE",
                annotation: Some("the resource is no longer there".to_owned()),
                ordering: self.at,
            };
            answers.add(gone).await?;
        }
        if let Some(busy) = busy {
            return paused(rest, busy, answers).await;
        }
        answers.say().await?;
        Ok(rest.token.is_some().then_some((rest, 0)))
    }
}

/// Says what was judged, and goes on later; if it was too busy for too long, that is the invocation's error.
async fn paused<C: PutEvaluations>(
    mut rest: Rest,
    busy: Unanswered,
    answers: &mut Answers<'_, C>,
) -> Result<Option<(Rest, u32)>, Unanswered> {
    answers.say().await?;
    let Some(after) = rest.pause() else { return Err(busy) };
    tracing::warn!(after, pauses = rest.pauses, error = %busy, "AWS is busy; the evaluation goes on later");
    Ok(Some((rest, after)))
}

/// The items of a type, with everything that a rule may look at.
fn recorded(kind: &str) -> String {
    format!(
        "SELECT accountId, awsRegion, resourceType, resourceId, resourceName, arn, configurationItemCaptureTime, \
         configurationItemStatus, resourceCreationTime, configuration, supplementaryConfiguration, tags, relationships \
         WHERE resourceType = '{kind}'"
    )
}
