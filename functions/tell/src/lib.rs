//! What became of remediations, told to people and other systems.
//!
//! The ledger's stream brings each transition; whoever wrote it told nobody, so that a crash between the write and the
//! telling loses nothing. A transition's id belongs to the transition, and the history remembers by which ways it was
//! told, so that a record that the stream brings again is told again only where it has not been.
//!
//! **Invariant:** nothing here decides about a resource. `tell` may be off for a day; what is fixed, and when, stays the
//! same.

mod digest;
mod image;
mod loudness;
mod measure;
mod words;

use std::collections::BTreeMap;

use jiff::Timestamp;
use plumb_model::{Deployment, Said, Severity, Transition};
use plumb_ports::{
    Class, PortError,
    tell::{Bus, Channel, Digest, Entry, History, Line, Notes, OpsItems, Topic},
};
use serde_json::Value;

use crate::{
    image::{Seen, Stopped},
    loudness::Loudness,
};

/// Messages at once within an hour; what is beyond waits for the digest.
const AT_ONCE: u32 = 20;

/// `PutEvents` and `SendMessageBatch` take at most ten.
const BATCH: usize = 10;

/// Everything that `tell` needs.
pub struct Teller<H, B, T, O, N, D> {
    /// Where this stack is.
    pub deployment: Deployment,
    /// The history.
    pub history: H,
    /// The event bus.
    pub bus: B,
    /// The topic.
    pub topic: T,
    /// OpsCenter.
    pub ops_items: O,
    /// Security Hub.
    pub notes: N,
    /// The lines that wait for the next digest.
    pub digest: D,
    /// Where figures go.
    pub measured: fn(&Value),
    /// The clock.
    pub now: fn() -> Timestamp,
}

/// Why an invocation fails as a whole.
#[derive(Debug, thiserror::Error)]
pub enum TellError {
    /// A call to AWS failed.
    #[error(transparent)]
    Port(#[from] PortError),
    /// Something can never be told. It is in the history and the log; failing once makes the alarm ring, and when the
    /// stream brings the records again nothing is left to do.
    #[error("could not be told, and will not be: {0}")]
    Untold(String),
}

impl TellError {
    /// A stable word for the error type that Lambda reports.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Port(error) => error.class.code(),
            Self::Untold(_) => "untold",
        }
    }
}

/// A transition on its way.
struct Telling {
    sequence: String,
    entry: Entry,
    /// What it counts for in CloudWatch's metrics.
    measured: Option<Value>,
    /// It was in the history when the stream brought it.
    again: bool,
}

impl Telling {
    fn is_open(&self, channel: Channel) -> bool {
        loudness::wanted(&self.entry.transition).contains(&channel) && !self.entry.told.contains(&channel)
    }

    fn done(&mut self, channel: Channel) {
        self.entry.told.push(channel);
    }

    /// Takes in how a way of telling went. What will never work is not tried again.
    fn settle(&mut self, channel: Channel, went: Result<(), &PortError>) {
        match went {
            Ok(()) => self.done(channel),
            Err(error) if matches!(error.class, Class::Permanent | Class::Denied) => {
                tracing::error!(
                    transition = %self.entry.transition.id, channel = ?channel, code = error.code, "can't be told: {error}"
                );
                self.done(channel);
                self.entry.untold.push(format!("{channel:?}: {error}"));
            }
            Err(error) => {
                tracing::warn!(transition = %self.entry.transition.id, channel = ?channel, code = error.code, "not told yet: {error}");
            }
        }
    }

    fn is_told(&self) -> bool {
        loudness::wanted(&self.entry.transition).iter().all(|channel| self.entry.told.contains(channel))
    }
}

impl<H: History, B: Bus, T: Topic, O: OpsItems, N: Notes, D: Digest> Teller<H, B, T, O, N, D> {
    /// Tells what a batch of the ledger's stream says; the sequence numbers of the records that have to come again.
    ///
    /// # Errors
    /// When the whole batch has to come again.
    pub async fn records(&self, records: &[Value]) -> Result<Vec<String>, TellError> {
        let (mut telling, mut unread, mut stopped) = (Vec::new(), Vec::new(), Vec::new());
        for record in records {
            match image::read(record) {
                Seen::Nothing => {}
                Seen::Stopped(control) => stopped.push(control),
                Seen::Unreadable { sequence, why } => {
                    tracing::error!(sequence, "a record of the ledger can't be read: {why}");
                    unread.push(sequence);
                }
                Seen::Change(change) => {
                    let said = said(change.new.control.as_str());
                    if let Some(transition) = Transition::between(change.old.as_ref(), &change.new, said) {
                        let entry = Entry { transition, told: Vec::new(), untold: Vec::new() };
                        let measured = measure::transition(&self.deployment, &change.new);
                        telling.push(Telling { sequence: change.sequence, entry, measured, again: false });
                    }
                }
            }
        }
        let transitions: Vec<_> = telling.iter().map(|one| &one.entry.transition).collect();
        let mut told =
            if transitions.is_empty() { BTreeMap::new() } else { self.history.told(&transitions).await? };
        for one in &mut telling {
            if let Some(entry) = told.remove(&one.entry.transition.id) {
                (one.entry, one.again) = (entry, true);
            }
        }
        telling.retain(|one| !one.is_told());
        self.on_the_bus(&mut telling).await;
        self.one_by_one(&mut telling).await;
        self.to_people(&mut telling).await;
        self.remember(&telling).await?;
        unread.extend(self.stopped(&stopped).await?);
        let untold: Vec<_> = telling.iter().flat_map(|one| one.entry.untold.clone()).collect();
        if !untold.is_empty() {
            return Err(TellError::Untold(untold.join("; ")));
        }
        let open = telling.into_iter().filter(|one| !one.is_told()).map(|one| one.sequence);
        Ok(unread.into_iter().chain(open).collect())
    }

    async fn on_the_bus(&self, telling: &mut [Telling]) {
        let mut open: Vec<_> = telling.iter_mut().filter(|one| one.is_open(Channel::Bus)).collect();
        for chunk in open.chunks_mut(BATCH) {
            let transitions: Vec<_> = chunk.iter().map(|one| &one.entry.transition).collect();
            match self.bus.put(&transitions).await {
                Ok(refused) => {
                    for (place, one) in chunk.iter_mut().enumerate() {
                        if !refused.contains(&place) {
                            one.done(Channel::Bus);
                        }
                    }
                }
                Err(error) => {
                    for one in chunk.iter_mut() {
                        one.settle(Channel::Bus, Err(&error));
                    }
                }
            }
        }
    }

    async fn one_by_one(&self, telling: &mut [Telling]) {
        for one in telling.iter_mut() {
            if one.is_open(Channel::Note) {
                let went = match words::note(&one.entry.transition) {
                    Some(note) => self.notes.write(&note).await,
                    None => Ok(()),
                };
                one.settle(Channel::Note, went.as_ref().copied());
            }
            if one.is_open(Channel::OpsItem) {
                let transition = &one.entry.transition;
                let arn = arn(&self.deployment, &transition.resource);
                let opened = self.ops_items.open(&words::ops_item(transition, arn)).await;
                if let Ok(id) = &opened {
                    tracing::info!(ops_item = id, resource = transition.resource.id, "escalated");
                }
                one.settle(Channel::OpsItem, opened.as_ref().map(|_| ()));
            }
        }
    }

    /// What people have to hear now is one message a control and state; everything else, and what goes beyond the
    /// hour's number, waits for the digest.
    async fn to_people(&self, telling: &mut [Telling]) {
        let mut now: BTreeMap<(String, String), Vec<&mut Telling>> = BTreeMap::new();
        let mut later = Vec::new();
        for one in telling.iter_mut().filter(|one| one.is_open(Channel::Message)) {
            let transition = &one.entry.transition;
            match loudness::loudness(transition) {
                Loudness::Now => {
                    let group = (transition.control.to_string(), words::word(transition.to));
                    now.entry(group).or_default().push(one);
                }
                Loudness::Digest | Loudness::Silent => later.push(one),
            }
        }
        for mut group in now.into_values() {
            match self.history.take_one("messages", AT_ONCE, (self.now)()).await {
                Ok(true) => {
                    let transitions: Vec<_> = group.iter().map(|one| &one.entry.transition).collect();
                    let went = match words::message(&transitions) {
                        Some(message) => self.topic.publish(&message).await,
                        None => Ok(()),
                    };
                    for one in &mut group {
                        one.settle(Channel::Message, went.as_ref().copied());
                    }
                }
                Ok(false) => later.append(&mut group),
                Err(error) => {
                    for one in &mut group {
                        one.settle(Channel::Message, Err(&error));
                    }
                }
            }
        }
        for chunk in later.chunks_mut(BATCH) {
            let lines: Vec<_> = chunk.iter().map(|one| line(&one.entry.transition)).collect();
            let went = self.digest.add(&lines).await;
            for one in chunk.iter_mut() {
                one.settle(Channel::Message, went.as_ref().copied());
            }
        }
    }

    /// Tells of controls that were stopped, each stop once; the sequence numbers of those that could not be told yet.
    async fn stopped(&self, stopped: &[Stopped]) -> Result<Vec<String>, TellError> {
        let mut again = Vec::new();
        for control in stopped {
            let what = format!("stopped#{}#{}", control.control, control.until);
            if self.history.is_said(&what).await? {
                continue;
            }
            tracing::warn!(control = control.control, until = %control.until, because = control.because, "a control is stopped");
            match self.topic.publish(&words::stopped(control)).await {
                Ok(()) => {
                    self.history.say(&what, (self.now)()).await?;
                    (self.measured)(&measure::stopped(&self.deployment, &control.control, (self.now)()));
                }
                Err(error) => {
                    tracing::error!(control = control.control, code = error.code, "not told yet: {error}");
                    again.push(control.sequence.clone());
                }
            }
        }
        Ok(again)
    }

    async fn remember(&self, telling: &[Telling]) -> Result<(), TellError> {
        let entries: Vec<_> = telling.iter().map(|one| one.entry.clone()).collect();
        if !entries.is_empty() {
            self.history.record(&entries).await?;
        }
        for one in telling {
            // Once: what comes again was counted when it came first.
            if let Some(line) = one.measured.as_ref().filter(|_| !one.again) {
                (self.measured)(line);
            }
            let Transition { id, from, to, control, resource, .. } = &one.entry.transition;
            tracing::info!(
                transition = %id, control = %control, resource_type = resource.kind, resource = resource.id,
                account = %resource.account, region = %resource.region, ?from, ?to,
                told = ?one.entry.told, again = one.again, "told"
            );
        }
        Ok(())
    }

    /// Sends the digest of what waits, and goes on until nothing does or `until` has come. The answer counts the lines.
    ///
    /// # Errors
    /// When the queue can't be read or the message isn't taken; what was read then comes with the next digest.
    pub async fn send_digest(&self, until: Timestamp) -> Result<usize, TellError> {
        let (mut collected, mut read) = (digest::Collected::default(), Vec::new());
        while (self.now)() < until {
            let next = self.digest.next().await?;
            if next.is_empty() {
                break;
            }
            for waiting in &next {
                collected.add(waiting.line.clone());
            }
            read.extend(next);
        }
        if let Some(message) = collected.message() {
            self.topic.publish(&message).await?;
        }
        for chunk in read.chunks(BATCH) {
            self.digest.delete(chunk).await?;
        }
        tracing::info!(lines = read.len(), "digest sent");
        Ok(read.len())
    }
}

fn line(transition: &Transition) -> Line {
    Line::Transition {
        id: transition.id,
        control: transition.control.to_string(),
        severity: transition.severity,
        to: transition.to,
        resource: transition.resource.clone(),
        reason: transition.reason.clone(),
    }
}

/// What the control says of itself. A record may be of a control that a later version no longer has.
fn said(control: &str) -> Said {
    plumb_catalogue::control(control).map_or(
        Said {
            title: "a problem that this version of Plumb no longer looks for",
            severity: Severity::Medium,
            pillar: plumb_model::Pillar::OperationalExcellence,
        },
        |control| Said { title: control.title, severity: control.severity, pillar: control.pillar },
    )
}

/// The ARN of a resource whose id makes it: OpsCenter shows the resource by it. An id that is an ARN is one.
fn arn(deployment: &Deployment, resource: &plumb_model::ResourceRef) -> Option<String> {
    let (partition, account, region, id) =
        (&deployment.partition, &resource.account, &resource.region, resource.id.as_str());
    let of =
        |service: &str, rest: String| Some(format!("arn:{partition}:{service}:{region}:{account}:{rest}"));
    match resource.kind.as_str() {
        _ if id.starts_with("arn:") => Some(id.to_owned()),
        "AWS::S3::Bucket" => Some(format!("arn:{partition}:s3:::{id}")),
        "AWS::EC2::SecurityGroup" => of("ec2", format!("security-group/{id}")),
        "AWS::EC2::VPC" => of("ec2", format!("vpc/{id}")),
        "AWS::EC2::Volume" => of("ec2", format!("volume/{id}")),
        "AWS::EC2::Instance" => of("ec2", format!("instance/{id}")),
        "AWS::EC2::EIP" => of("ec2", format!("elastic-ip/{id}")),
        "AWS::KMS::Key" => of("kms", format!("key/{id}")),
        "AWS::DynamoDB::Table" => of("dynamodb", format!("table/{id}")),
        "AWS::Lambda::Function" => of("lambda", format!("function:{id}")),
        _ => None,
    }
}
