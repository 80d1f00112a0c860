//! Invokes the functions of custom rules: each rule's invocations one after another, the rules beside each other.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use axum::{
    body::Body,
    http::{Request, header::AUTHORIZATION},
};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use serde_json::Value;
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::{sleep, timeout},
};

use super::{
    invocation::{Due, event},
    rule::RuleSource,
    store::Store,
    tokens::{Invoked, Tokens},
};
use crate::service::Context;

/// How often a function that fails is invoked, as Lambda does it with an asynchronous invocation; AWS waits minutes in
/// between.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);
/// The longest that a function may run, and some.
const PATIENCE: Duration = Duration::from_secs(15 * 60 + 10);

/// The queues of due invocations, by Region and rule.
pub(super) struct Invoker {
    context: Context,
    store: Store,
    pub(super) tokens: Tokens,
    lines: Mutex<BTreeMap<(String, String), UnboundedSender<Due>>>,
}

impl Invoker {
    pub(super) fn new(context: Context, store: Store) -> Self {
        Self { context, store, tokens: Tokens::default(), lines: Mutex::default() }
    }

    /// Queues an invocation of a rule's function. Must be called within the runtime.
    pub(super) fn queue(&self, region: &str, rule: &str, due: Due) {
        let key = (region.to_owned(), rule.to_owned());
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let line = lines.entry(key).or_insert_with(|| {
            let (sender, receiver) = unbounded_channel();
            let line = Line {
                context: self.context.clone(),
                store: self.store.clone(),
                tokens: self.tokens.clone(),
                region: region.to_owned(),
                rule: rule.to_owned(),
            };
            tokio::spawn(line.run(receiver));
            sender
        });
        if line.send(due).is_err() {
            tracing::warn!(rule, region, "an invocation is lost: local AWS is stopping");
        }
    }

    /// Ends the queue of a rule that is deleted.
    pub(super) fn forget(&self, region: &str, rule: &str) {
        let key = (region.to_owned(), rule.to_owned());
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }
}

struct Line {
    context: Context,
    store: Store,
    tokens: Tokens,
    region: String,
    rule: String,
}

/// What came of an invocation that did not end well.
struct Failure {
    /// Whether the function ran.
    ran: bool,
    code: String,
    message: String,
}

impl Line {
    async fn run(self, mut waiting: UnboundedReceiver<Due>) {
        while let Some(due) = waiting.recv().await {
            let mut tries = 0;
            while let Err(failure) = self.invoke(&due).await {
                tries += 1;
                let Failure { code, message, .. } = &failure;
                tracing::warn!(rule = self.rule, code, message, tries, "a rule's function has failed");
                self.note(&failure);
                if tries >= TRIES {
                    break;
                }
                sleep(PAUSE).await;
            }
        }
    }

    /// Invokes the function, if the rule is still there.
    async fn invoke(&self, due: &Due) -> Result<(), Failure> {
        let at = Timestamp::now();
        let account = self.context.account();
        let wanted = self.store.with(&self.region, |rules| {
            let rule = rules.get_mut(&self.rule)?;
            let RuleSource::Custom(custom) = &rule.source else { return None };
            let token =
                self.tokens.give(Invoked { region: self.region.clone(), rule: self.rule.clone(), at });
            let call = (custom.function.clone(), event(due, rule, custom, account, &token));
            rule.status.invoked = Some(at);
            Some(call)
        });
        let Some((function, event)) = wanted else { return Ok(()) };
        timeout(PATIENCE, self.call(&function, &event)).await.unwrap_or_else(|_| {
            Err(failed(true, "Timeout", &format!("the function did not answer within {PATIENCE:?}")))
        })
    }

    async fn call(&self, function: &str, event: &Value) -> Result<(), Failure> {
        let encoded: String = function.replace(':', "%3A");
        let region = function.split(':').nth(3).unwrap_or(&self.region);
        let (endpoint, account) = (self.context.endpoint(), self.context.account());
        let request = Request::post(format!("{endpoint}/2015-03-31/functions/{encoded}/invocations"))
            // Nobody checks the signature; it says which service and Region this is for.
            .header(
                AUTHORIZATION,
                format!("AWS4-HMAC-SHA256 Credential={account}/20260101/{region}/lambda/aws4_request"),
            )
            .header("x-plumb-caller", "local")
            .header("x-plumb-operation", "Invoke")
            .body(Body::from(event.to_string()))
            .map_err(|error| failed(false, "InvalidRequest", &error.to_string()))?;
        let answer =
            self.context.http().send(request).await.map_err(|error| failed(false, "Unreachable", &error))?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(|error| failed(true, "Unreachable", &error.to_string()))?;
        let body = String::from_utf8_lossy(&body.to_bytes()).into_owned();
        let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
        if let Some(error) = header("x-amz-function-error") {
            return Err(failed(true, error, &body));
        }
        if head.status.is_success() {
            return Ok(());
        }
        let code = header("x-amzn-errortype").unwrap_or(head.status.as_str()).to_owned();
        Err(failed(false, &code, &body))
    }

    fn note(&self, failure: &Failure) {
        let now = Timestamp::now();
        self.store.with(&self.region, |rules| {
            let Some(rule) = rules.get_mut(&self.rule) else { return };
            if failure.ran {
                rule.status.failed = Some(now);
            } else {
                rule.status.not_invoked = Some(now);
            }
            rule.status.error = Some((failure.code.clone(), failure.message.clone()));
        });
    }
}

fn failed(ran: bool, code: &str, message: &str) -> Failure {
    Failure { ran, code: code.to_owned(), message: message.chars().take(1000).collect() }
}
