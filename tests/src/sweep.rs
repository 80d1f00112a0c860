//! What the sweep remembers, in memory.

use std::collections::BTreeMap;

use jiff::Timestamp;
use plumb_model::Remediation;
use plumb_ports::{
    PortError,
    sweep::{Cursor, Known, SweepMemory},
    tell::{Digest, Line, Waiting},
};

use crate::Memory;

impl SweepMemory for &Memory {
    async fn cursor(&self) -> Result<Option<Cursor>, PortError> {
        Ok(self.call("dynamodb:GetItem")?.cursor.clone())
    }

    async fn remember(&self, cursor: Option<&Cursor>) -> Result<(), PortError> {
        self.call("dynamodb:PutItem")?.cursor = cursor.cloned();
        Ok(())
    }

    async fn first_time(&self, what: &str, _: Timestamp) -> Result<bool, PortError> {
        Ok(self.call("dynamodb:PutItem")?.said.insert(what.to_owned()))
    }
}

impl Known for &Memory {
    async fn known(&self, keys: &[String]) -> Result<BTreeMap<String, Remediation>, PortError> {
        let world = self.call("dynamodb:BatchGetItem")?;
        Ok(keys.iter().filter_map(|key| Some((key.clone(), world.records.get(key)?.clone()))).collect())
    }
}

impl Digest for &Memory {
    async fn add(&self, lines: &[Line]) -> Result<(), PortError> {
        self.call("sqs:SendMessage")?.lines.extend(lines.iter().cloned());
        Ok(())
    }

    async fn next(&self) -> Result<Vec<Waiting>, PortError> {
        Ok(Vec::new())
    }

    async fn delete(&self, _: &[Waiting]) -> Result<(), PortError> {
        Ok(())
    }
}
