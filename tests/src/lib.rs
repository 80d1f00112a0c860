//! An account in memory: the functions' ports for tests that need no emulator.

mod ears;

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use plumb_model::{AccountId, Action, Calendar, Deployment, Policy, Region, Remediation, ResourceRef};
use plumb_ports::{
    Class, Execution, FindingsQueue, Ledger, NonCompliant, PolicySource, PortError, ReadAutomation,
    ReadCalendar, Reevaluate, StartAutomation, Written,
};

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
    /// Executions by id.
    pub executions: BTreeMap<String, Execution>,
    /// Rules that Config was asked to evaluate.
    pub reevaluated: Vec<String>,
    /// What Config holds to be non-compliant, by rule.
    pub non_compliant: BTreeMap<String, Vec<ResourceRef>>,
    /// Messages on the findings queue.
    pub sent: Vec<String>,
    /// Change calendars by name.
    pub calendars: BTreeMap<String, Calendar>,
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
    }
}

impl Ledger for &Memory {
    async fn write(
        &self,
        record: &Remediation,
        expected: Option<&Remediation>,
    ) -> Result<Written, PortError> {
        let mut world = self.call("dynamodb:PutItem")?;
        let same = |a: &Remediation, b: &Remediation| {
            (a.generation, a.state, a.updated_at) == (b.generation, b.state, b.updated_at)
        };
        match (world.records.get(&record.key()), expected) {
            (None, None) => {}
            (Some(standing), Some(expected)) if same(standing, expected) => {}
            (Some(standing), _) => return Ok(Written::Held(Box::new(standing.clone()))),
            (None, Some(_)) => {
                return Err(PortError {
                    operation: "dynamodb:PutItem",
                    code: "the expected record is gone".to_owned(),
                    class: Class::Retry,
                    source: None,
                });
            }
        }
        world.records.insert(record.key(), record.clone());
        world.writes.push(record.clone());
        Ok(Written::Yes)
    }

    async fn by_execution(&self, execution_id: &str) -> Result<Option<Remediation>, PortError> {
        let world = self.call("dynamodb:Query")?;
        Ok(world
            .records
            .values()
            .find(|record| record.execution_id.as_deref() == Some(execution_id))
            .cloned())
    }

    async fn get(&self, key: &str) -> Result<Option<Remediation>, PortError> {
        Ok(self.call("dynamodb:GetItem")?.records.get(key).cloned())
    }
}

impl StartAutomation for &Memory {
    /// A token that was used before gives the execution it started, as the real service is asked to.
    async fn start(&self, action: &Action) -> Result<String, PortError> {
        let mut world = self.call("ssm:StartAutomationExecution")?;
        let id = action.client_token.to_string();
        if !world.started.iter().any(|(started, _)| *started == id) {
            world.started.push((id.clone(), action.clone()));
        }
        Ok(id)
    }
}

impl ReadAutomation for &Memory {
    async fn execution(&self, execution_id: &str) -> Result<Execution, PortError> {
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
    async fn reevaluate(&self, rule: &str) -> Result<(), PortError> {
        self.call("config:StartConfigRulesEvaluation")?.reevaluated.push(rule.to_owned());
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
