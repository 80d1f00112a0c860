//! What the demo does to the account, and how it watches.

use std::{
    collections::BTreeMap,
    error::Error,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use plumb_local::Caller;
use plumb_model::{AccountId, ControlId, InvalidName, Region, ResourceRef, RollbackRequest, remediation_key};
use serde_json::{Value, json};

use super::{Violation, ledger, row::Row, table::Table};
use crate::{
    account::{Account, text},
    test::say,
};

/// How long an act may take.
const PATIENCE: Duration = Duration::from_mins(3);

/// How often the table looks.
const GLANCE: Duration = Duration::from_millis(400);

/// The account, the ten resources and the table that shows them.
pub(super) struct Stage<'a> {
    account: &'a Account,
    violations: &'a [Violation],
    rows: Vec<Row>,
    opened: Instant,
    table: Table,
}

impl<'a> Stage<'a> {
    pub(super) fn new(account: &'a Account, violations: &'a [Violation]) -> Result<Self, Box<dyn Error>> {
        let mut rows = Vec::new();
        for violation in violations {
            let control = ControlId::parse(&violation.control.id)?;
            let resource = resource(account, violation)?;
            rows.push(Row {
                key: remediation_key(&control, &resource),
                control: control.into(),
                resource: resource.id,
                made_at: violation.made_at,
                ..Row::default()
            });
        }
        Ok(Self { account, violations, rows, opened: Instant::now(), table: Table::new() })
    }

    /// Begins an act.
    pub(super) fn open(&mut self, title: &str) {
        say(&format!("\n━━ {title}"));
        self.opened = Instant::now();
    }

    /// Watches until every row is done, or patience ends: the rows as they then stand.
    pub(super) async fn until(&mut self, done: impl Fn(&Row) -> bool) -> Result<Vec<Row>, Box<dyn Error>> {
        loop {
            let rows = self.rows().await?;
            self.table.show(&rows, self.opened.elapsed().as_secs_f64());
            if rows.iter().all(&done) || self.opened.elapsed() > PATIENCE {
                self.table.close(&rows);
                return Ok(rows);
            }
            tokio::time::sleep(GLANCE).await;
        }
    }

    /// The rows now.
    pub(super) async fn rows(&mut self) -> Result<Vec<Row>, Box<dyn Error>> {
        let records = ledger::records(self.account).await?;
        let mut rows = std::mem::take(&mut self.rows);
        for row in &mut rows {
            let Some(record) = records.get(&row.key) else { continue };
            let execution = row.execution.clone();
            let was_moving = row.moves();
            row.read(record);
            if (was_moving || row.moves() || row.execution != execution)
                && let Some(execution) = row.execution.clone()
            {
                row.steps = self.steps(&execution).await?;
            }
        }
        self.rows = rows;
        Ok(self.rows.clone())
    }

    async fn steps(&self, execution: &str) -> Result<Vec<(String, String)>, Box<dyn Error>> {
        let parameters = json!({ "AutomationExecutionId": execution });
        let answer = self.account.call("ssm:GetAutomationExecution", parameters).await?;
        let steps = answer.pointer("/AutomationExecution/StepExecutions").and_then(Value::as_array);
        Ok(steps
            .into_iter()
            .flatten()
            .filter_map(|step| Some((text(step, "/StepName")?, text(step, "/StepStatus")?)))
            .collect())
    }

    /// The ids of every execution so far, sorted.
    pub(super) async fn executions(&self) -> Result<Vec<String>, Box<dyn Error>> {
        let mut ids = Vec::new();
        let mut next = None;
        loop {
            let parameters = match &next {
                Some(token) => json!({ "NextToken": token }),
                None => json!({}),
            };
            let answer = self.account.call("ssm:DescribeAutomationExecutions", parameters).await?;
            let page = answer.pointer("/AutomationExecutionMetadataList").and_then(Value::as_array);
            ids.extend(page.into_iter().flatten().filter_map(|one| text(one, "/AutomationExecutionId")));
            next = text(&answer, "/NextToken");
            if next.is_none() {
                ids.sort();
                return Ok(ids);
            }
        }
    }

    /// The mutating calls that runbooks made so far.
    pub(super) fn mutations(&self) -> Vec<String> {
        self.account
            .context()
            .calls()
            .select(|call| call.mutating && matches!(call.caller, Caller::Execution { .. }))
            .iter()
            .map(|call| format!("{}:{} {}", call.service, call.operation, call.about))
            .collect()
    }

    pub(super) async fn set_policy(&self, policy: &str) -> Result<(), Box<dyn Error>> {
        let output = |name: &str| self.account.output(name);
        let (application, profile) = (output("PolicyApplication")?, output("PolicyProfile")?);
        let parameters = json!({
            "ApplicationId": application, "ConfigurationProfileId": profile, "Content": policy,
            "ContentType": "application/json",
        });
        let version = self.account.call("appconfig:CreateHostedConfigurationVersion", parameters).await?;
        let version = version.get("VersionNumber").ok_or("AppConfig names no version")?.to_string();
        let parameters = json!({
            "ApplicationId": application, "EnvironmentId": output("PolicyEnvironment")?,
            "DeploymentStrategyId": output("PolicyAtOnce")?, "ConfigurationProfileId": profile,
            "ConfigurationVersion": version,
        });
        self.account.call("appconfig:StartDeployment", parameters).await.map(drop)
    }

    /// Runs the sweep as its schedule would.
    pub(super) async fn sweep(&self) -> Result<(), Box<dyn Error>> {
        let function = self.account.output("SweepFunction")?;
        let answer =
            self.account.call("lambda:Invoke", json!({ "FunctionName": function, "Payload": "{}" })).await?;
        match answer.get("FunctionError").and_then(Value::as_str) {
            Some(error) => {
                let payload = answer.get("Payload").cloned().unwrap_or_default();
                Err(format!("the sweep failed: {error}: {payload}").into())
            }
            None => Ok(()),
        }
    }

    /// Sends each resource's first finding again, twice: late and doubled.
    pub(super) async fn repeat_the_findings(&self) -> Result<(), Box<dyn Error>> {
        let long_ago = Timestamp::now() - jiff::SignedDuration::from_secs(3600);
        for violation in self.violations {
            let resource = resource(self.account, violation)?;
            let rule = &violation.control.config_rule;
            let rule =
                rule.as_ref().ok_or_else(|| format!("no Config rule finds `{}`", violation.control.id))?;
            let event = json!({
                "version": "0", "id": "repeated", "source": "aws.config",
                "detail-type": "Config Rules Compliance Change", "account": resource.account,
                "region": resource.region, "time": long_ago, "resources": [],
                "detail": {
                    "messageType": "ComplianceChangeNotification", "awsAccountId": resource.account,
                    "awsRegion": resource.region, "configRuleName": rule,
                    "resourceType": resource.kind, "resourceId": resource.id,
                    "newEvaluationResult": { "complianceType": "NON_COMPLIANT", "resultRecordedTime": long_ago },
                },
            });
            for _ in 0..2 {
                self.send(&event).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn ask_for_rollback(&self, violation: &Violation) -> Result<(), Box<dyn Error>> {
        let resource = resource(self.account, violation)?;
        self.send(&json!({
            "version": "0", "id": "rollback", "source": RollbackRequest::SOURCE,
            "detail-type": RollbackRequest::DETAIL_TYPE,
            "account": resource.account, "region": resource.region, "time": Timestamp::now(), "resources": [],
            "detail": { "control": violation.control.id, "resource": resource, "generation": 1, "requested_by": "the demo" },
        }))
        .await
    }

    async fn send(&self, event: &Value) -> Result<(), Box<dyn Error>> {
        let queue = self.account.output("FindingsQueueUrl")?;
        let message = json!({ "QueueUrl": queue, "MessageBody": event.to_string() });
        self.account.call("sqs:SendMessage", message).await.map(drop)
    }

    /// Waits until both queues are empty and no runbook runs.
    pub(super) async fn drained(&self) -> Result<(), Box<dyn Error>> {
        let (from, mut calm) = (Instant::now(), 0);
        while calm < 5 && from.elapsed() < PATIENCE {
            let mut waiting = 0;
            for queue in ["FindingsQueueUrl", "StatusQueueUrl"] {
                waiting += self.messages(queue).await?;
            }
            calm = if waiting == 0 { calm + 1 } else { 0 };
            tokio::time::sleep(GLANCE).await;
        }
        if calm < 5 { Err("the queues did not drain".into()) } else { Ok(()) }
    }

    /// How many messages could not be worked on.
    pub(super) async fn dead_letters(&self) -> Result<u64, Box<dyn Error>> {
        Ok(self.messages("FindingsDeadLettersUrl").await? + self.messages("StatusDeadLettersUrl").await?)
    }

    async fn messages(&self, output: &str) -> Result<u64, Box<dyn Error>> {
        let queue = self.account.output(output)?;
        let parameters = json!({ "QueueUrl": queue, "AttributeNames": ["All"] });
        let answer = self.account.call("sqs:GetQueueAttributes", parameters).await?;
        let count = |name: &str| {
            text(&answer, &format!("/Attributes/{name}"))
                .and_then(|count| count.parse::<u64>().ok())
                .unwrap_or(0)
        };
        Ok(count("ApproximateNumberOfMessages") + count("ApproximateNumberOfMessagesNotVisible"))
    }

    /// How often each function called each operation.
    pub(super) fn calls_by_function(&self) -> Value {
        let mut counts: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        for call in self.account.context().calls().select(|_| true) {
            if let Caller::Function { name } = &call.caller {
                let operation = format!("{}:{}", call.service, call.operation);
                *counts.entry(name.clone()).or_default().entry(operation).or_default() += 1;
            }
        }
        json!(counts)
    }
}

/// A violating resource as Plumb names it.
fn resource(account: &Account, violation: &Violation) -> Result<ResourceRef, InvalidName> {
    Ok(ResourceRef {
        account: AccountId::parse(account.context().account())?,
        region: Region::parse(account.context().region())?,
        kind: violation.control.resource_type.clone(),
        id: violation.subject.resource.clone(),
    })
}
