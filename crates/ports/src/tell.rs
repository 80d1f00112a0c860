//! Telling people and other systems what became of a remediation.

use std::{collections::BTreeMap, future::Future};

use jiff::Timestamp;
use plumb_model::{FindingRef, ResourceRef, Severity, Transition};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::PortError;

/// A way by which a transition is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    /// The event bus.
    Bus,
    /// The note on the Security Hub finding.
    Note,
    /// The OpsItem.
    OpsItem,
    /// The message to people, at once or with the next digest.
    Message,
}

/// A line of the history: a transition, and by which ways it was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What happened.
    #[serde(flatten)]
    pub transition: Transition,
    /// By which ways it was told so far.
    pub told: Vec<Channel>,
    /// What could not be told and never will be, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub untold: Vec<String>,
}

/// The table of what happened to each resource.
pub trait History {
    /// What was told of these transitions already, by their ids; those that were never told are left out.
    fn told(
        &self,
        transitions: &[&Transition],
    ) -> impl Future<Output = Result<BTreeMap<Uuid, Entry>, PortError>> + Send;

    /// Writes entries; one that is there is replaced.
    fn record(&self, entries: &[Entry]) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Whether something was said before, such as that a control is stopped.
    fn is_said(&self, what: &str) -> impl Future<Output = Result<bool, PortError>> + Send;

    /// Remembers for a month that something was said.
    fn say(&self, what: &str, now: Timestamp) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Takes one from a number that is there for an hour, such as of messages; false when there is none left.
    fn take_one(
        &self,
        what: &str,
        of: u32,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool, PortError>> + Send;
}

/// The custom EventBridge bus.
pub trait Bus {
    /// `events:PutEvents` with up to ten transitions; the places of those that were not taken.
    fn put(&self, transitions: &[&Transition]) -> impl Future<Output = Result<Vec<usize>, PortError>> + Send;
}

/// A message to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// At most 100 printable ASCII characters.
    pub subject: String,
    /// The text.
    pub text: String,
    /// What subscribers can filter by.
    pub attributes: Vec<(&'static str, String)>,
}

/// The SNS topic.
pub trait Topic {
    /// `sns:Publish`.
    fn publish(&self, message: &Message) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// What a person has to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpsItem {
    /// At most 1024 characters.
    pub title: String,
    /// What happened and what to do.
    pub description: String,
    /// `1` (critical) to `4` (low).
    pub severity: Severity,
    /// `Security`, `Availability`, `Cost`, `Performance` or `Recovery`.
    pub category: &'static str,
    /// The same for the same problem: while one is open, no second is made.
    pub dedup: String,
    /// The resource's ARN, where one can be told.
    pub resource_arn: Option<String>,
    /// The runbook that can be run from the OpsItem.
    pub document: Option<String>,
    /// Further data, by name.
    pub data: Vec<(&'static str, String)>,
}

/// Systems Manager OpsCenter.
pub trait OpsItems {
    /// `ssm:CreateOpsItem`; the id of the OpsItem, be it new or already there.
    fn open(&self, item: &OpsItem) -> impl Future<Output = Result<String, PortError>> + Send;
}

/// What is to be said on a Security Hub finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The finding.
    pub finding: FindingRef,
    /// At most 512 characters.
    pub text: String,
    /// The workflow status, `NOTIFIED` or `RESOLVED`.
    pub workflow: &'static str,
}

/// Notes on Security Hub findings.
pub trait Notes {
    /// `securityhub:BatchUpdateFindings` for one finding.
    fn write(&self, note: &Note) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// What waits for the next digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Line {
    /// Something happened to a remediation.
    Transition {
        /// The transition's id.
        id: Uuid,
        /// The control.
        control: String,
        /// How bad it is.
        severity: Severity,
        /// Where it stands now.
        to: plumb_model::State,
        /// The resource.
        resource: ResourceRef,
        /// Why.
        reason: String,
    },
    /// A waiver that stopped counting.
    WaiverExpired {
        /// Who answers for it.
        owner: String,
        /// Why it was given.
        reason: String,
        /// What it covered, in words.
        covered: String,
        /// When it ended.
        expired: Timestamp,
    },
}

/// A line, and what it takes to delete it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// SQS's receipt handle.
    pub receipt: String,
    /// The line; none if it can't be read.
    pub line: Option<Line>,
}

/// The queue of lines that wait for the next digest.
pub trait Digest {
    /// Adds lines; an error if any was not taken.
    fn add(&self, lines: &[Line]) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Up to ten lines; none when the queue is empty.
    fn next(&self) -> impl Future<Output = Result<Vec<Waiting>, PortError>> + Send;

    /// Deletes up to ten lines that were told.
    fn delete(&self, told: &[Waiting]) -> impl Future<Output = Result<(), PortError>> + Send;
}
