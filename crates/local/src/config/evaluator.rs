//! When rules are evaluated, and what follows from it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::{
    sync::{
        broadcast::error::RecvError,
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    },
    time::{Instant, timeout_at},
};

use super::{
    evaluation::Judgement,
    managed::{ManagedRule, Parameters},
    notifications,
    reader::{ReadError, Reader},
    rule::{Change, RuleSource},
    store::Store,
};
use crate::{
    eventbridge::Publisher,
    service::{Context, Mutation},
};

/// Evaluates rules, one pass after another.
pub(super) struct Evaluator {
    pub(super) store: Store,
    context: Context,
    publisher: Arc<Publisher>,
    wishes: UnboundedSender<Wish>,
    waiting: Mutex<Option<UnboundedReceiver<Wish>>>,
}

/// Rules that somebody wants evaluated.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wish {
    /// One rule of a Region.
    Rule { region: String, name: String },
    /// All rules of a Region that look at a service.
    Service { region: String, service: String },
    /// All rules everywhere.
    All,
}

/// Changes come in bursts: a pass starts when it has been quiet for this long …
const QUIET: Duration = Duration::from_millis(300);
/// … or after this long, however restless it is.
const RESTLESS: Duration = Duration::from_secs(2);

impl Evaluator {
    pub(super) fn new(context: Context) -> Self {
        let (wishes, waiting) = unbounded_channel();
        let publisher = Arc::new(Publisher::new(context.clone()));
        Self { store: Store::default(), context, publisher, wishes, waiting: Mutex::new(Some(waiting)) }
    }

    /// Starts the passes, and watches for calls that change something.
    pub(super) fn watch(&self) {
        let Some(waiting) = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return;
        };
        let pass = Pass {
            store: self.store.clone(),
            context: self.context.clone(),
            publisher: Arc::clone(&self.publisher),
        };
        tokio::spawn(passes(pass, waiting));
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

/// Calls that move data only: there is a flood of them, and none changes what a rule looks at.
fn touches_configuration(mutation: &Mutation) -> bool {
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

struct Pass {
    store: Store,
    context: Context,
    publisher: Arc<Publisher>,
}

impl Pass {
    async fn run(&self, wishes: &BTreeSet<Wish>) {
        for region in self.store.regions() {
            let wanted = self.wanted(&region, wishes);
            let reader = Reader::new(&self.context, self.context.account(), &region);
            for (name, (rule, parameters)) in wanted {
                let invoked = Timestamp::now();
                let verdicts = (rule.judge)(&reader, &parameters).await;
                self.keep(&region, &name, invoked, verdicts);
            }
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
                        Wish::All => true,
                        Wish::Rule { region: of, name } => of == region && *name == rule.name,
                        Wish::Service { region: of, service } => {
                            *service == managed.service && (of == region || service == "s3")
                        }
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
                    rule.status.succeeded = Some(recorded);
                    rule.status.error = None;
                    Some((rule.arn.clone(), rule.record(verdicts, invoked, recorded)))
                }
                Err(error) => {
                    tracing::warn!(rule = name, region, %error, "a rule could not be evaluated");
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
