//! The circumstances of a decision, given instead of read.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use plumb_model::{
    Calendar, Control, ControlId, Decision, Deployment, Finding, Members, PinnedDocument, Policy,
    Remediation, ResourceRef, Source, Standing, Tags,
};
use plumb_planner::{Fact, Facts, Plan};

use crate::failure::Failure;

/// What a decision depends on beside the policy and the finding.
#[derive(Debug, Clone, Default)]
pub(super) struct Situation {
    pub(super) prior: Option<Remediation>,
    pub(super) tags: Tags,
    /// The change calendars that are closed; all others are open.
    pub(super) closed: BTreeSet<String>,
}

/// The control, or what to do about a wrong name.
pub(super) fn control(id: &str) -> Result<&'static Control, Failure> {
    plumb_catalogue::control(id)
        .ok_or_else(|| Failure::Usage(format!("there is no control `{id}`; `plumb controls list` has them")))
}

/// A finding of this control on this resource, fresh from its detector.
pub(super) fn finding(control: &Control, resource: ResourceRef, now: Timestamp) -> Result<Finding, Failure> {
    let id = ControlId::parse(control.id).map_err(|error| Failure::Usage(error.to_string()))?;
    let rule = control.config_rules.first().map_or(control.id, |rule| rule.name).to_owned();
    Ok(Finding {
        control: id,
        resource,
        source: Source::ConfigRule { rule },
        standing: Standing::Violating,
        observed_at: Some(now),
        event_id: None,
        sender: None,
    })
}

/// Decides as `remediate` does, in a stack that looks after the finding's account and Region.
pub(super) fn decide(
    policy: &Policy,
    finding: &Finding,
    situation: &Situation,
    now: Timestamp,
) -> Result<Decision, Failure> {
    let control = control(finding.control.as_str())?;
    let deployment = Deployment {
        partition: "aws".to_owned(),
        account: finding.resource.account.clone(),
        region: finding.resource.region.clone(),
        prefix: "plumb".to_owned(),
        role_path: "/".to_owned(),
        members: Members::Nobody,
    };
    let mut facts = Facts {
        prior: situation.prior.clone(),
        tags: Some(situation.tags.clone()),
        calendars: BTreeMap::new(),
        ..Facts::new(deployment)
    };
    loop {
        match plumb_planner::plan(control, policy, finding, &facts, now) {
            Plan::Decided(decision) => return Ok(decision),
            Plan::Needs(Fact::Tags) => facts.tags = Some(situation.tags.clone()),
            Plan::Needs(Fact::Document(name, version)) => {
                let content = "as deployed".to_owned();
                facts.documents.insert((name, version.clone()), Some(PinnedDocument { version, content }));
            }
            Plan::Needs(Fact::Calendar(name)) => {
                let open = !situation.closed.contains(&name);
                facts.calendars.insert(name, Calendar { open, until: None });
            }
        }
    }
}
