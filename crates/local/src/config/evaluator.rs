//! When rules are evaluated, and what follows from it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::{
    sync::{
        broadcast::error::RecvError,
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    },
    time::{Instant, timeout_at},
};

use super::{
    custom::lets_config_invoke,
    evaluation::Judgement,
    invocation::{self, Occasion},
    invoker::Invoker,
    item::Item,
    items::TYPES,
    managed::{ManagedRule, Parameters},
    notifications,
    reader::{ReadError, Reader},
    recording::Recording,
    rule::{Change, Rule, RuleSource},
    store::Store,
};
use crate::{
    eventbridge::Publisher,
    service::{AwsError, Caller, Context, Mutation, Request},
    worker::Call,
};

/// Records the account and evaluates rules, one pass after another.
pub(super) struct Evaluator {
    pub(super) store: Store,
    pub(super) recording: Recording,
    pub(super) invoker: Arc<Invoker>,
    pub(super) context: Context,
    publisher: Arc<Publisher>,
    wishes: UnboundedSender<Wish>,
    waiting: Mutex<Option<UnboundedReceiver<Wish>>>,
}

/// What somebody wants looked at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wish {
    /// One rule of a Region.
    Rule { region: String, name: String },
    /// The resources of a service in a Region, and all rules that look at them.
    Service { region: String, service: String },
    /// Everything everywhere.
    All,
}

impl Wish {
    /// Whether it is about what a service has in a Region. S3 and IAM are everywhere.
    fn is_about(&self, services: &[&str], region: &str) -> bool {
        match self {
            Self::All => true,
            Self::Rule { .. } => false,
            Self::Service { region: of, service } => {
                services.contains(&service.as_str())
                    && (of == region || ["s3", "iam"].contains(&service.as_str()))
            }
        }
    }
}

/// Changes come in bursts: a pass starts when it has been quiet for this long …
const QUIET: Duration = Duration::from_millis(300);
/// … or after this long, however restless it is.
const RESTLESS: Duration = Duration::from_secs(2);

impl Evaluator {
    pub(super) fn new(context: Context) -> Self {
        let (wishes, waiting) = unbounded_channel();
        let publisher = Arc::new(Publisher::new(context.clone()));
        let store = Store::default();
        let invoker = Arc::new(Invoker::new(context.clone(), store.clone()));
        let recording = Recording::new(context.clone());
        let waiting = Mutex::new(Some(waiting));
        Self { store, recording, invoker, context, publisher, wishes, waiting }
    }

    /// Starts the passes, and watches for calls that change something.
    pub(super) fn watch(&self) {
        let Some(waiting) = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return;
        };
        let pass = Pass {
            store: self.store.clone(),
            recording: self.recording.clone(),
            invoker: Arc::clone(&self.invoker),
            context: self.context.clone(),
            publisher: Arc::clone(&self.publisher),
        };
        tokio::spawn(passes(pass, waiting));
        tokio::spawn(schedule(self.store.clone(), Arc::clone(&self.invoker), self.context.clone()));
        let (mut mutations, wishes) = (self.context.mutations(), self.wishes.clone());
        tokio::spawn(async move {
            loop {
                let wish = match mutations.recv().await {
                    Ok(mutation) if touches_configuration(&mutation) => {
                        Wish::Service { region: mutation.region, service: mutation.service }
                    }
                    Ok(_) => continue,
                    Err(RecvError::Lagged(_)) => Wish::All,
                    Err(RecvError::Closed) => return,
                };
                if wishes.send(wish).is_err() {
                    return;
                }
            }
        });
    }

    /// Asks for an evaluation; it happens soon.
    pub(super) fn ask(&self, wish: Wish) {
        if self.wishes.send(wish).is_err() {
            tracing::warn!("rules are not evaluated any more: local AWS is stopping");
        }
    }

    /// Begins to record a Region, if it isn't recorded yet: what is there is read before this returns.
    pub(super) async fn begin_recording(&self, region: &str) {
        let recording = &self.recording;
        if TYPES.iter().all(|of| !recording.records(of, region) || recording.knows(of, region)) {
            return;
        }
        let reader = Reader::new(&self.context, self.context.account(), region);
        let recorded = recording.record(&reader, |of| !recording.knows(of, region)).await;
        let now = Timestamp::now();
        for recorded in &recorded {
            let origin = notifications::origin(self.context.account(), region);
            self.publisher.publish(notifications::item_change(origin, recorded, now));
        }
    }

    /// Refuses a custom rule whose function isn't there, or doesn't let AWS Config invoke it.
    pub(super) async fn check_function(&self, request: &Request) -> Result<(), AwsError> {
        let definition = request.body.get("ConfigRule").unwrap_or(&Value::Null);
        let rule = Rule::put(definition, &request.account, &request.region)?;
        let RuleSource::Custom(custom) = &rule.source else { return Ok(()) };
        let asked = Call {
            region: Some(custom.function.split(':').nth(3).unwrap_or(&request.region).to_owned()),
            caller: Caller::Local,
            ..Call::outside("lambda", "GetPolicy", json!({"FunctionName": custom.function}))
        };
        let policy = match self.context.worker().call(asked).await {
            Ok(answer) => answer.get("Policy").and_then(Value::as_str).unwrap_or_default().to_owned(),
            Err(error) if error.code == "ResourceNotFoundException" => String::new(),
            Err(error) => return Err(AwsError::internal(error.to_string())),
        };
        if lets_config_invoke(&policy, &request.account, &rule.arn) {
            return Ok(());
        }
        Err(AwsError::client(
            "InsufficientPermissionsException",
            format!(
                "The AWS Lambda function {} cannot be invoked. Check the specified function ARN, and check the \
                 function's permissions.",
                custom.function
            ),
        ))
    }

    /// Lets the time of periodic rules come now: of one, or of all in the Region; their names.
    pub(super) fn schedule_now(&self, region: &str, rule: Option<&str>) -> Vec<String> {
        scheduled(&self.store, &self.invoker, self.context.account(), region, |name, _, _| {
            rule.is_none_or(|wanted| wanted == name)
        })
    }

    /// Publishes what has changed.
    pub(super) fn tell(&self, account: &str, region: &str, rule: &str, rule_arn: &str, changes: &[Change]) {
        tell(&self.publisher, (account, region), rule, rule_arn, changes);
    }

    /// Publishes that an evaluation that somebody asked for has started.
    pub(super) fn tell_started(&self, account: &str, region: &str, rules: &[String]) {
        let origin = notifications::origin(account, region);
        self.publisher.publish(notifications::evaluation_started(origin, rules, Timestamp::now()));
    }
}

/// Whether a rule or the recorder could care. Calls that only move data don't count: there is a flood of them.
fn touches_configuration(mutation: &Mutation) -> bool {
    if !TYPES.iter().any(|of| of.services.contains(&mutation.service.as_str())) {
        return false;
    }
    let data = match mutation.service.as_str() {
        "dynamodb" => &[
            "PutItem",
            "UpdateItem",
            "DeleteItem",
            "BatchWriteItem",
            "TransactWriteItems",
            "ExecuteStatement",
            "BatchExecuteStatement",
            "ExecuteTransaction",
        ][..],
        "s3" => &[
            "PutObject",
            "CopyObject",
            "DeleteObject",
            "DeleteObjects",
            "CreateMultipartUpload",
            "UploadPart",
            "UploadPartCopy",
            "CompleteMultipartUpload",
            "AbortMultipartUpload",
        ][..],
        "lambda" => &["Invoke", "InvokeAsync", "InvokeWithResponseStream"],
        "kms" => &[
            "Encrypt",
            "Decrypt",
            "ReEncrypt",
            "GenerateDataKey",
            "GenerateDataKeyWithoutPlaintext",
            "GenerateRandom",
            "Sign",
            "Verify",
            "GenerateMac",
            "VerifyMac",
        ][..],
        _ => &[],
    };
    !data.contains(&mutation.operation.as_str())
}

async fn passes(pass: Pass, mut waiting: UnboundedReceiver<Wish>) {
    while let Some(first) = waiting.recv().await {
        let mut wishes = BTreeSet::from([first]);
        let latest = Instant::now() + RESTLESS;
        while let Ok(Some(wish)) = timeout_at(latest.min(Instant::now() + QUIET), waiting.recv()).await {
            wishes.insert(wish);
        }
        pass.run(&wishes).await;
    }
}

/// How often it is looked whose time has come: the shortest period is an hour.
const TICK: Duration = Duration::from_secs(30);

/// Invokes the functions of periodic rules when their time has come.
async fn schedule(store: Store, invoker: Arc<Invoker>, context: Context) {
    loop {
        tokio::time::sleep(TICK).await;
        for region in store.regions() {
            let now = Timestamp::now();
            scheduled(&store, &invoker, context.account(), &region, |_, last, every| {
                // Before the first pass it has not begun to run.
                last.is_some_and(|last| now.duration_since(last).unsigned_abs() >= every)
            });
        }
    }
}

/// Queues the scheduled invocation of the Region's periodic rules that `is_time` picks; their names.
fn scheduled(
    store: &Store,
    invoker: &Invoker,
    account: &str,
    region: &str,
    is_time: impl Fn(&str, Option<Timestamp>, Duration) -> bool,
) -> Vec<String> {
    let now = Timestamp::now();
    let due = store.with(region, |rules| {
        let mut all = Vec::new();
        for rule in rules.values_mut() {
            let RuleSource::Custom(custom) = &rule.source else { continue };
            let Some(every) = custom.every.filter(|every| is_time(&rule.name, rule.status.scheduled, *every))
            else {
                continue;
            };
            tracing::debug!(rule = rule.name, ?every, "a periodic rule's time has come");
            rule.status.scheduled = Some(now);
            all.extend(
                invocation::due(custom, &Occasion::Schedule, account, now)
                    .map(|due| (rule.name.clone(), due)),
            );
        }
        all
    });
    due.into_iter()
        .map(|(name, due)| {
            invoker.queue(region, &name, due);
            name
        })
        .collect()
}

struct Pass {
    store: Store,
    recording: Recording,
    invoker: Arc<Invoker>,
    context: Context,
    publisher: Arc<Publisher>,
}

impl Pass {
    async fn run(&self, wishes: &BTreeSet<Wish>) {
        for region in self.recording.history.regions() {
            let reader = Reader::new(&self.context, self.context.account(), &region);
            self.record(&reader, wishes).await;
            let wanted = self.wanted(&region, wishes);
            for (name, (rule, parameters)) in wanted {
                let invoked = Timestamp::now();
                let verdicts = (rule.judge)(&reader, &parameters).await;
                self.keep(&region, &name, invoked, verdicts);
            }
        }
    }

    /// Records what may have changed, tells of it, and invokes the functions of the rules that it concerns.
    async fn record(&self, reader: &Reader<'_>, wishes: &BTreeSet<Wish>) {
        let (region, account) = (reader.region(), self.context.account());
        let asked: BTreeSet<&str> = wishes
            .iter()
            .filter_map(|wish| match wish {
                Wish::Rule { region: of, name } if of == region => Some(name.as_str()),
                _ => None,
            })
            .collect();
        let scopes = self.store.with(region, |rules| {
            let scopes = asked.iter().filter_map(|name| match &rules.get(*name)?.source {
                RuleSource::Custom(custom) => Some(custom.scope.clone()),
                RuleSource::Managed(..) | RuleSource::Policy => None,
            });
            scopes.collect::<Vec<_>>()
        });
        let recorded = self
            .recording
            .record(reader, |of| {
                !self.recording.knows(of, region)
                    || wishes.iter().any(|wish| wish.is_about(of.services, region))
                    || scopes.iter().any(|scope| scope.takes(of.kind))
            })
            .await;
        let now = Timestamp::now();
        for recorded in &recorded {
            let origin = notifications::origin(account, region);
            self.publisher.publish(notifications::item_change(origin, recorded, now));
        }
        let again: Vec<Item> = if scopes.is_empty() {
            Vec::new()
        } else {
            self.recording.history.with(region, |items| items.newest().cloned().collect())
        };
        let due = self.store.with(region, |rules| {
            let mut all = Vec::new();
            for rule in rules.values_mut() {
                let RuleSource::Custom(custom) = &rule.source else { continue };
                let is_asked = asked.contains(rule.name.as_str());
                let mut occasions: Vec<Occasion> = recorded
                    .iter()
                    // A rule that is asked judges everything that is there, below.
                    .filter(|recorded| {
                        !is_asked || recorded.item.is_deleted() || !custom.scope.covers(&recorded.item)
                    })
                    .map(|recorded| Occasion::Change(Box::new(recorded.clone())))
                    .collect();
                if is_asked {
                    let there = again.iter().filter(|item| !item.is_deleted());
                    occasions.extend(there.map(|item| Occasion::Again(Box::new(item.clone()))));
                    occasions.push(Occasion::Schedule);
                    rule.status.scheduled = custom.every.map(|_| now);
                }
                let due = occasions.iter().filter_map(|why| invocation::due(custom, why, account, now));
                all.extend(due.map(|due| (rule.name.clone(), due)));
            }
            all
        });
        for (name, due) in due {
            self.invoker.queue(region, &name, due);
        }
    }

    fn wanted(
        &self,
        region: &str,
        wishes: &BTreeSet<Wish>,
    ) -> BTreeMap<String, (&'static ManagedRule, Parameters)> {
        self.store.with(region, |rules| {
            rules
                .values()
                .filter_map(|rule| {
                    let RuleSource::Managed(managed, parameters) = &rule.source else { return None };
                    let asked = wishes.iter().any(|wish| match wish {
                        Wish::Rule { region: of, name } => of == region && *name == rule.name,
                        wish => wish.is_about(&[managed.service], region),
                    });
                    asked.then(|| (rule.name.clone(), (*managed, parameters.clone())))
                })
                .collect()
        })
    }

    fn keep(
        &self,
        region: &str,
        name: &str,
        invoked: Timestamp,
        verdicts: Result<Vec<Judgement>, ReadError>,
    ) {
        let recorded = Timestamp::now();
        let told = self.store.with(region, |rules| {
            let rule = rules.get_mut(name)?;
            match verdicts {
                Ok(verdicts) => {
                    rule.status.invoked = Some(recorded);
                    rule.status.succeeded = Some(recorded);
                    rule.status.error = None;
                    Some((rule.arn.clone(), rule.record(verdicts, invoked, recorded)))
                }
                Err(error) => {
                    tracing::warn!(rule = name, region, %error, "a rule could not be evaluated");
                    rule.status.not_invoked = Some(recorded);
                    rule.status.failed = Some(recorded);
                    rule.status.error = Some((error.source.code.clone(), error.to_string()));
                    None
                }
            }
        });
        if let Some((arn, changes)) = told {
            tell(&self.publisher, (self.context.account(), region), name, &arn, &changes);
        }
    }
}

fn tell(
    publisher: &Publisher,
    (account, region): (&str, &str),
    rule: &str,
    rule_arn: &str,
    changes: &[Change],
) {
    let origin = notifications::origin(account, region);
    for change in changes {
        publisher.publish(notifications::compliance_change(origin, rule, rule_arn, change, Timestamp::now()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mutation(service: &str, operation: &str) -> Mutation {
        Mutation {
            service: service.to_owned(),
            operation: operation.to_owned(),
            region: "us-east-1".to_owned(),
        }
    }

    #[test]
    fn moving_data_does_not_call_for_an_evaluation() {
        assert!(!touches_configuration(&mutation("dynamodb", "PutItem")));
        assert!(touches_configuration(&mutation("dynamodb", "UpdateContinuousBackups")));
        assert!(!touches_configuration(&mutation("s3", "PutObject")));
        assert!(touches_configuration(&mutation("s3", "PutBucketPolicy")));
        assert!(touches_configuration(&mutation("ec2", "AuthorizeSecurityGroupIngress")));
    }
}
