//! Everybody who hears of a remediation, in memory: the ports of `tell` for tests that need no emulator.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use plumb_model::Transition;
use plumb_ports::{
    Class, PortError,
    tell::{Bus, Digest, Entry, History, Line, Message, Note, Notes, OpsItem, OpsItems, Topic, Waiting},
};
use uuid::Uuid;

/// What was heard.
#[derive(Debug, Default)]
pub struct Heard {
    /// The history by the transitions' ids.
    pub history: BTreeMap<Uuid, Entry>,
    /// The transitions on the bus.
    pub bus: Vec<Transition>,
    /// The messages to people.
    pub messages: Vec<Message>,
    /// The OpsItems that are open, by what tells that two are about the same.
    pub ops_items: BTreeMap<String, OpsItem>,
    /// How often an OpsItem was asked for.
    pub ops_items_asked: usize,
    /// The notes on Security Hub findings.
    pub notes: Vec<Note>,
    /// What waits for the digest.
    pub waiting: Vec<Line>,
    /// What was said once.
    pub said: std::collections::BTreeSet<String>,
    /// How much was taken of each hour's numbers.
    pub taken: BTreeMap<String, u32>,
    /// What the next calls of these operations fail with.
    pub failures: Vec<(&'static str, Class)>,
}

/// A reference to it is every port of `tell`.
#[derive(Debug, Default)]
pub struct Ears(Mutex<Heard>);

impl Ears {
    /// A look inside.
    pub fn heard(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call(&self, operation: &'static str) -> Result<MutexGuard<'_, Heard>, PortError> {
        let mut heard = self.heard();
        match heard.failures.iter().position(|failure| failure.0 == operation) {
            Some(at) => {
                let (operation, class) = heard.failures.remove(at);
                Err(PortError { operation, code: "made to fail".to_owned(), class, source: None })
            }
            None => Ok(heard),
        }
    }
}

impl History for &Ears {
    async fn told(&self, transitions: &[&Transition]) -> Result<BTreeMap<Uuid, Entry>, PortError> {
        let heard = self.call("dynamodb:BatchGetItem")?;
        let ids = transitions.iter().map(|transition| transition.id);
        Ok(ids.filter_map(|id| Some((id, heard.history.get(&id)?.clone()))).collect())
    }

    async fn record(&self, entries: &[Entry]) -> Result<(), PortError> {
        let mut heard = self.call("dynamodb:BatchWriteItem")?;
        heard.history.extend(entries.iter().map(|entry| (entry.transition.id, entry.clone())));
        Ok(())
    }

    async fn is_said(&self, what: &str) -> Result<bool, PortError> {
        Ok(self.call("dynamodb:GetItem")?.said.contains(what))
    }

    async fn say(&self, what: &str, _: Timestamp) -> Result<(), PortError> {
        self.call("dynamodb:PutItem")?.said.insert(what.to_owned());
        Ok(())
    }

    async fn take_one(&self, what: &str, of: u32, now: Timestamp) -> Result<bool, PortError> {
        let mut heard = self.call("dynamodb:UpdateItem")?;
        let taken = heard.taken.entry(format!("{what}#{}", now.as_second().div_euclid(3600))).or_default();
        if *taken >= of {
            return Ok(false);
        }
        *taken += 1;
        Ok(true)
    }
}

impl Bus for &Ears {
    async fn put(&self, transitions: &[&Transition]) -> Result<Vec<usize>, PortError> {
        let mut heard = self.call("events:PutEvents")?;
        heard.bus.extend(transitions.iter().map(|transition| (*transition).clone()));
        Ok(Vec::new())
    }
}

impl Topic for &Ears {
    async fn publish(&self, message: &Message) -> Result<(), PortError> {
        self.call("sns:Publish")?.messages.push(message.clone());
        Ok(())
    }
}

impl OpsItems for &Ears {
    async fn open(&self, item: &OpsItem) -> Result<String, PortError> {
        let mut heard = self.call("ssm:CreateOpsItem")?;
        heard.ops_items_asked += 1;
        heard.ops_items.entry(item.dedup.clone()).or_insert_with(|| item.clone());
        Ok(item.dedup.clone())
    }
}

impl Notes for &Ears {
    async fn write(&self, note: &Note) -> Result<(), PortError> {
        self.call("securityhub:BatchUpdateFindings")?.notes.push(note.clone());
        Ok(())
    }
}

impl Digest for &Ears {
    async fn add(&self, lines: &[Line]) -> Result<(), PortError> {
        self.call("sqs:SendMessage")?.waiting.extend(lines.iter().cloned());
        Ok(())
    }

    async fn next(&self) -> Result<Vec<Waiting>, PortError> {
        let mut heard = self.call("sqs:ReceiveMessage")?;
        let number = heard.waiting.len().min(10);
        let lines = heard.waiting.drain(..number);
        Ok(lines.map(|line| Waiting { receipt: "receipt".to_owned(), line: Some(line) }).collect())
    }

    async fn delete(&self, _: &[Waiting]) -> Result<(), PortError> {
        self.call("sqs:DeleteMessage").map(drop)
    }
}
