//! An account in memory: the functions' ports for tests that need no emulator.

mod ears;
mod ledger;
mod sweep;

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use plumb_model::{
    AccountId, Action, Calendar, Control, Deployment, Looker, Members, PinnedDocument, Place, Policy, Region,
    Remediation, ResourceRef, Tags,
};
use plumb_ports::{
    Approvals, Class, Execution, FindingsQueue, Judgement, NonCompliant, PolicySource, PortError,
    ReadAutomation, ReadCalendar, ReadJudgement, ReadTags, Reevaluate, SendLater, StartAutomation,
};

pub use ledger::Counted;

pub use ears::{Ears, Heard};

/// What the functions did, and what the outside answers.
#[derive(Debug, Default)]
pub struct World {
    /// The ledger's records by key.
    pub records: BTreeMap<String, Remediation>,
    /// Every write that succeeded, in order.
    pub writes: Vec<Remediation>,
    /// Every start that reached SSM, by execution id.
    pub started: Vec<(String, Action)>,
    /// The ledger's counters by key.
    pub counters: BTreeMap<String, Counted>,
    /// Messages that arrive later: to whom, what, and after how many seconds.
    pub later: Vec<(Looker, String, u32)>,
    /// What Config last said of a resource, by rule and resource id.
    pub judgements: BTreeMap<(String, String), Judgement>,
    /// What time it is for SSM, where what was started is to be found running.
    pub clock: Option<fn() -> Timestamp>,
    /// Executions by id.
    pub executions: BTreeMap<String, Execution>,
    /// Rules that Config was asked to evaluate.
    pub reevaluated: Vec<String>,
    /// What Config holds to be non-compliant, by rule.
    pub non_compliant: BTreeMap<String, Vec<ResourceRef>>,
    /// Messages on the findings queue.
    pub sent: Vec<String>,
    /// What the content of a document is; `None` = there are no documents.
    pub content: Option<String>,
    /// Executions whose question was taken back.
    pub withdrawn: Vec<String>,
    /// The tags of resources, by resource id; a resource that is not here has none.
    pub tags: BTreeMap<String, Tags>,
    /// How often tags were read.
    pub tag_reads: usize,
    /// Change calendars by name.
    pub calendars: BTreeMap<String, Calendar>,
    /// Where the sweep goes on.
    pub cursor: Option<plumb_ports::sweep::Cursor>,
    /// What the sweep said already.
    pub said: std::collections::BTreeSet<String>,
    /// The lines for the next digest.
    pub lines: Vec<plumb_ports::tell::Line>,
    /// The policy; `None` = unreadable.
    pub policy: Option<Policy>,
    /// What the next calls of these operations fail with.
    pub failures: Vec<(&'static str, Class, &'static str)>,
}

/// An account in memory; a reference to it is every port.
#[derive(Debug, Default)]
pub struct Memory(Mutex<World>);

impl Memory {
    /// An account with this policy.
    pub fn new(policy: Policy) -> Self {
        Self(Mutex::new(World { policy: Some(policy), ..World::default() }))
    }

    /// A look inside.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call(&self, operation: &'static str) -> Result<MutexGuard<'_, World>, PortError> {
        let mut world = self.world();
        match world.failures.iter().position(|failure| failure.0 == operation) {
            Some(at) => {
                let (operation, class, code) = world.failures.remove(at);
                Err(PortError { operation, code: code.to_owned(), class, source: None })
            }
            None => Ok(world),
        }
    }
}

/// The account and Region of the tests.
///
/// # Panics
/// Never: the names are valid.
#[expect(clippy::expect_used, reason = "constants of the tests")]
pub fn deployment() -> Deployment {
    Deployment {
        partition: "aws".to_owned(),
        account: AccountId::parse("123456789012").expect("an account"),
        region: Region::parse("us-east-1").expect("a Region"),
        prefix: "plumb".to_owned(),
        role_path: "/".to_owned(),
        members: Members::Nobody,
    }
}

impl StartAutomation for &Memory {
    /// A token that was used before gives the execution it started, as the real service is asked to.
    async fn start(&self, action: &Action) -> Result<String, PortError> {
        let mut world = self.call("ssm:StartAutomationExecution")?;
        let id = action.client_token.to_string();
        if !world.started.iter().any(|(started, _)| *started == id) {
            world.started.push((id.clone(), action.clone()));
            if let Some(clock) = world.clock {
                let execution = Execution {
                    status: "InProgress".to_owned(),
                    document: action.document.clone(),
                    parameters: action.parameters.clone(),
                    started_at: Some(clock()),
                    ..Execution::default()
                };
                world.executions.insert(id.clone(), execution);
            }
        }
        Ok(id)
    }
}

impl ReadAutomation for &Memory {
    async fn execution(&self, _: &Place, execution_id: &str) -> Result<Execution, PortError> {
        let world = self.call("ssm:GetAutomationExecution")?;
        world.executions.get(execution_id).cloned().ok_or(PortError {
            operation: "ssm:GetAutomationExecution",
            code: "AutomationExecutionNotFoundException".to_owned(),
            class: Class::Permanent,
            source: None,
        })
    }
}

impl PolicySource for &Memory {
    async fn policy(&self, _: Timestamp) -> Result<Policy, PortError> {
        self.call("ssm:GetParameter")?.policy.clone().ok_or(PortError {
            operation: "ssm:GetParameter",
            code: "unusable policy".to_owned(),
            class: Class::Permanent,
            source: None,
        })
    }
}

impl Approvals for &Memory {
    /// `$DEFAULT` is version 3.
    async fn document(&self, _: &str, version: &str) -> Result<Option<PinnedDocument>, PortError> {
        let world = self.call("ssm:DescribeDocument")?;
        let version = if version == "$DEFAULT" { "3" } else { version }.to_owned();
        Ok(world.content.clone().map(|content| PinnedDocument { version, content }))
    }

    async fn withdraw(&self, execution_id: &str) -> Result<(), PortError> {
        self.call("ssm:StopAutomationExecution")?.withdrawn.push(execution_id.to_owned());
        Ok(())
    }
}

impl ReadTags for &Memory {
    async fn tags(&self, _: &Control, resource: &ResourceRef) -> Result<Tags, PortError> {
        let mut world = self.call("tag:GetResources")?;
        world.tag_reads += 1;
        Ok(world.tags.get(&resource.id).cloned().unwrap_or_default())
    }
}

impl ReadCalendar for &Memory {
    async fn calendar(&self, name: &str) -> Result<Calendar, PortError> {
        let world = self.call("ssm:GetCalendarState")?;
        world.calendars.get(name).cloned().ok_or(PortError {
            operation: "ssm:GetCalendarState",
            code: "InvalidDocument".to_owned(),
            class: Class::Permanent,
            source: None,
        })
    }
}

impl Reevaluate for &Memory {
    async fn reevaluate(&self, _: &Place, rule: &str) -> Result<(), PortError> {
        self.call("config:StartConfigRulesEvaluation")?.reevaluated.push(rule.to_owned());
        Ok(())
    }
}

impl ReadJudgement for &Memory {
    async fn judgement(&self, rule: &str, resource: &ResourceRef) -> Result<Option<Judgement>, PortError> {
        let world = self.call("config:GetComplianceDetailsByResource")?;
        Ok(world.judgements.get(&(rule.to_owned(), resource.id.clone())).copied())
    }
}

impl SendLater for &Memory {
    async fn send_later(&self, to: Looker, body: &str, seconds: u32) -> Result<(), PortError> {
        self.call("sqs:SendMessage")?.later.push((to, body.to_owned(), seconds));
        Ok(())
    }
}

impl NonCompliant for &Memory {
    async fn non_compliant(
        &self,
        rule: &str,
        next: Option<String>,
    ) -> Result<(Vec<ResourceRef>, Option<String>), PortError> {
        // Pages of two, so that the loop over pages is exercised.
        let world = self.call("config:GetComplianceDetailsByConfigRule")?;
        let from: usize = next.and_then(|token| token.parse().ok()).unwrap_or(0);
        let all = world.non_compliant.get(rule).cloned().unwrap_or_default();
        let token = (from + 2 < all.len()).then(|| (from + 2).to_string());
        Ok((all.into_iter().skip(from).take(2).collect(), token))
    }
}

impl FindingsQueue for &Memory {
    async fn send(&self, bodies: &[String]) -> Result<usize, PortError> {
        let mut world = self.call("sqs:SendMessage")?;
        world.sent.extend(bodies.iter().cloned());
        Ok(0)
    }
}
