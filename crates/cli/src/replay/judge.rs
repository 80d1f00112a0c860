//! Decides about readings as `remediate` would, with an empty ledger.

use jiff::Timestamp;
use plumb_catalogue::Heard;
use plumb_events::{Content, Reading};
use plumb_model::{
    AccountId, Calendar, Decision, Deployment, Finding, Members, Outcome, PinnedDocument, Policy, Region,
    Signal, Tags,
};
use plumb_planner::{Fact, Facts, Plan};
use serde::Serialize;

use crate::{arguments::Replay, failure::Failure, partition::partition, policy::read_usable};

/// What Plumb would do about one event.
#[derive(Debug, Serialize)]
pub(super) struct Event {
    pub(super) file: String,
    pub(super) kind: String,
    pub(super) findings: Vec<Decision>,
    /// `ignore` or `reject` where there is no finding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) outcome: Option<Outcome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    /// What else the event said, that no control listens to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) unheard: Vec<String>,
    /// What the decisions depend on and replay doesn't read, so that it was assumed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) assumed: Vec<String>,
}

impl Event {
    pub(super) fn outcomes(&self) -> impl Iterator<Item = Outcome> {
        self.findings.iter().map(|finding| finding.outcome).chain(self.outcome)
    }
}

/// Everything a decision depends on but the finding.
pub(super) struct Judge {
    policy: Policy,
    prefix: String,
    account: Option<AccountId>,
    region: Option<Region>,
    now: Timestamp,
}

impl Judge {
    pub(super) fn new(arguments: &Replay, now: Timestamp) -> Result<Self, Failure> {
        let policy = arguments.policy.as_deref().map_or_else(|| Ok(Policy::default()), read_usable)?;
        let usage = |argument: &str| {
            let argument = argument.to_owned();
            move |error| Failure::Usage(format!("{argument}: {error}"))
        };
        let account =
            arguments.account.clone().map(AccountId::parse).transpose().map_err(usage("--account"))?;
        let region = arguments.region.clone().map(Region::parse).transpose().map_err(usage("--region"))?;
        Ok(Self { policy, prefix: arguments.prefix.clone(), account, region, now })
    }

    pub(super) fn event(&self, file: &str, reading: Reading) -> Event {
        let mut event = Event {
            file: file.to_owned(),
            kind: reading.kind.to_string(),
            findings: Vec::new(),
            outcome: None,
            reason: None,
            unheard: Vec::new(),
            assumed: Vec::new(),
        };
        let (outcome, reason) = match reading.content {
            Content::Signals(signals) => {
                self.decide(&signals, &mut event);
                if !event.findings.is_empty() {
                    return event;
                }
                (Outcome::Ignore, std::mem::take(&mut event.unheard).join("; "))
            }
            Content::Automation(status) => {
                let what =
                    status.step.map_or_else(|| "it".to_owned(), |step| format!("its step `{}`", step.name));
                let execution = format!("SSM execution {}: {what} is {}", status.execution_id, status.status);
                (Outcome::Ignore, format!("for `track`, if the execution is Plumb's: {execution}"))
            }
            Content::Rollback(request) => {
                let what = format!(
                    "{} asks to undo `{}` on {}",
                    request.requested_by, request.control, request.resource
                );
                (Outcome::Ignore, format!("{what}: that depends on the ledger, which replay doesn't read"))
            }
            Content::Clear(request) => {
                let what = format!(
                    "{} lets Plumb touch {} under `{}` again",
                    request.requested_by, request.resource, request.control
                );
                (Outcome::Ignore, format!("{what}: that depends on the ledger, which replay doesn't read"))
            }
            Content::Due(request) => {
                let what = format!("it is time to look at {} under `{}`", request.resource, request.control);
                (Outcome::Ignore, format!("{what}: that depends on the ledger, which replay doesn't read"))
            }
            Content::Ignored(reason) => (Outcome::Ignore, reason),
            Content::Rejected(reason) => (Outcome::Reject, reason),
        };
        (event.outcome, event.reason) = (Some(outcome), Some(reason));
        event
    }

    fn decide(&self, signals: &[Signal], event: &mut Event) {
        for signal in signals {
            match plumb_catalogue::listen(plumb_catalogue::controls(), signal) {
                Heard::Findings(findings) => {
                    for finding in &findings {
                        event.findings.extend(self.decision(finding, &mut event.assumed));
                    }
                }
                Heard::Nobody(why) if event.unheard.contains(&why) => {}
                Heard::Nobody(why) => event.unheard.push(why),
            }
        }
    }

    fn decision(&self, finding: &Finding, assumed: &mut Vec<String>) -> Option<Decision> {
        let control = plumb_catalogue::control(finding.control.as_str())?;
        let (account, region) = (&finding.resource.account, &finding.resource.region);
        let region = self.region.as_ref().unwrap_or(region).clone();
        let deployment = Deployment {
            partition: partition(&region).to_owned(),
            account: self.account.as_ref().unwrap_or(account).clone(),
            region,
            prefix: self.prefix.clone(),
            role_path: "/".to_owned(),
            members: Members::Nobody,
        };
        let mut facts = Facts::new(deployment);
        loop {
            match plumb_planner::plan(control, &self.policy, finding, &facts, self.now) {
                Plan::Decided(decision) => return Some(decision),
                Plan::Needs(fact) => assume(fact, &mut facts, assumed),
            }
        }
    }
}

/// Replay asks AWS nothing: what a decision depends on is taken to stand in nobody's way, and said.
fn assume(fact: Fact, facts: &mut Facts, assumed: &mut Vec<String>) {
    let what = match fact {
        Fact::Tags => {
            facts.tags = Some(Tags::new());
            "the resource has no tags".to_owned()
        }
        Fact::Calendar(name) => {
            let what = format!("the change calendar `{name}` is open");
            facts.calendars.insert(name, Calendar { open: true, until: None });
            what
        }
        Fact::Document(name, version) => {
            let what = format!("the document `{name}` is as it was deployed");
            let content = "not read".to_owned();
            facts.documents.insert((name, version.clone()), Some(PinnedDocument { version, content }));
            what
        }
    };
    if !assumed.contains(&what) {
        assumed.push(what);
    }
}
