//! What a decision depends on beside the control, the policy and the finding; and how a plan asks for it.

use std::collections::BTreeMap;

use plumb_model::{Calendar, Deployment, PinnedDocument, Remediation, Tags, Usage};

/// What is known when a decision is made. What has not been read is absent, never assumed: [`crate::plan`] asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Where Plumb itself is.
    pub deployment: Deployment,
    /// What the ledger holds for this resource under this control. `None` also when it has not been read: the claim that
    /// follows is conditional and returns the record that stands in the way, with which the plan is made anew.
    pub prior: Option<Remediation>,
    /// The resource's tags as they are now, never those that the event carries; `None` when not read.
    pub tags: Option<Tags>,
    /// The state of SSM Change Calendars, by name or ARN as the policy spells them; without those not read.
    pub calendars: BTreeMap<String, Calendar>,
    /// SSM documents by name and version (or `$DEFAULT`), as far as they were looked up; `None` for one that isn't there.
    pub documents: BTreeMap<(String, String), Option<PinnedDocument>>,
    /// The counters that the claim is limited by. `None` when they have not been read: the claim counts and is refused
    /// where it would exceed a limit; then they are read, so that the plan made anew can say which.
    pub usage: Option<Usage>,
}

impl Facts {
    /// Nothing read yet.
    pub fn new(deployment: Deployment) -> Self {
        Self {
            deployment,
            prior: None,
            tags: None,
            calendars: BTreeMap::new(),
            documents: BTreeMap::new(),
            usage: None,
        }
    }
}

/// A fact that a decision depends on and that has not been read. Whoever asked for the plan reads it through a port, adds
/// it to [`Facts`] and asks again; if it can't be read, nothing is changed and the message comes again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// [`Facts::tags`] of the finding's resource.
    Tags,
    /// An entry of [`Facts::calendars`].
    Calendar(String),
    /// An entry of [`Facts::documents`]: a document's name and version.
    Document(String, String),
}
