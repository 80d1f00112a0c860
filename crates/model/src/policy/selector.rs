//! Picks findings: by control, resource, tag, account, organizational unit, Region, severity and pillar.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::glob::{self, glob};
use crate::{
    control::{Control, Pillar, Severity},
    facts::Tags,
    resource::ResourceRef,
};

/// Picks findings. Every field that is given has to match. `*` and `?` are wildcards in `account`, `region`, `resource` and
/// the values of `tags`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Selector {
    /// A control's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control: Option<String>,
    /// A pillar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pillar: Option<Pillar>,
    /// A severity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// An account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// An organizational unit, by its path in the policy's `organization`: it and those below it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ou: Option<String>,
    /// A Region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// A resource id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// Tags that the resource has to have: key to value.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// What a selector looks at.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// The control of the finding.
    pub control: &'a Control,
    /// The resource of the finding.
    pub resource: &'a ResourceRef,
    /// The account's organizational unit, if the policy says so.
    pub unit: Option<&'a str>,
    /// The resource's tags, if they were read.
    pub tags: Option<&'a Tags>,
}

/// Whether a selector matches depends on the resource's tags, which were not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing;

/// How specific a selector is, most important field first: resource, tags, control, account, organizational unit, Region,
/// severity, pillar. Of two patterns in one field the one with more literal characters is the more specific, and a name
/// without wildcards more than any pattern; of two units the deeper one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Specificity([usize; 8]);

impl Selector {
    /// Whether every given field matches. Tags are looked at last, so that they are missed only when they would decide.
    ///
    /// # Errors
    /// [`Missing`] when that depends on tags that were not read.
    pub fn matches(&self, candidate: &Candidate<'_>) -> Result<bool, Missing> {
        let (control, resource) = (candidate.control, candidate.resource);
        let is = |pattern: &Option<String>, value: &str| pattern.as_deref().is_none_or(|p| glob(p, value));
        let but_for_tags = self.may_pick(control)
            && is(&self.account, resource.account.as_str())
            && self.ou.as_deref().is_none_or(|ou| candidate.unit.is_some_and(|unit| within(unit, ou)))
            && is(&self.region, resource.region.as_str())
            && is(&self.resource, &resource.id);
        if !but_for_tags || self.tags.is_empty() {
            return Ok(but_for_tags);
        }
        let tags = candidate.tags.ok_or(Missing)?;
        Ok(self.tags.iter().all(|(key, value)| tags.get(key).is_some_and(|actual| glob(value, actual))))
    }

    /// Whether it could pick a finding of this control, on some resource.
    pub fn may_pick(&self, control: &Control) -> bool {
        self.control.as_deref().is_none_or(|id| id == control.id)
            && self.pillar.is_none_or(|pillar| pillar == control.pillar)
            && self.severity.is_none_or(|severity| severity == control.severity)
    }

    /// Whether it asks nothing of the resource.
    pub fn is_about_any_resource(&self) -> bool {
        let Self { account, ou, region, resource, tags, control: _, pillar: _, severity: _ } = self;
        [account, ou, region, resource].into_iter().all(Option::is_none) && tags.is_empty()
    }

    /// How specific it is.
    pub fn specificity(&self) -> Specificity {
        let pattern = |field: &Option<String>| field.as_deref().map_or(0, glob::specificity);
        let tags = self.tags.values().map(|value| if glob::is_pattern(value) { 1 } else { 2 }).sum();
        Specificity([
            pattern(&self.resource),
            tags,
            usize::from(self.control.is_some()),
            pattern(&self.account),
            self.ou.as_deref().map_or(0, |ou| segments(ou).count()),
            pattern(&self.region),
            usize::from(self.severity.is_some()),
            usize::from(self.pillar.is_some()),
        ])
    }

    /// Whether it picks everything.
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }
}

/// The place of the first selector that matches; those that don't look at tags come first, so that reading the tags changes
/// nothing about an answer that did not need them.
pub(super) fn first<'a>(
    selectors: impl Iterator<Item = &'a Selector>,
    candidate: &Candidate<'_>,
) -> Result<Option<usize>, Missing> {
    let (mut place, mut missing) = (None, None);
    for (index, selector) in selectors.enumerate() {
        match selector.matches(candidate) {
            Ok(true) if selector.tags.is_empty() => return Ok(Some(index)),
            Ok(true) => place = place.or(Some(index)),
            Ok(false) => {}
            Err(unknown) => missing = Some(unknown),
        }
    }
    missing.map_or(Ok(place), Err)
}

/// Whether `unit` is the unit `ou` or below it.
fn within(unit: &str, ou: &str) -> bool {
    let mut path = segments(unit);
    segments(ou).all(|segment| path.next() == Some(segment))
}

/// The names in a unit's path.
pub(super) fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_within_itself_and_those_above_it() {
        for (unit, ou, expected) in [
            ("Workloads/Prod", "Workloads/Prod", true),
            ("Workloads/Prod", "/Workloads/", true),
            ("Workloads", "Workloads/Prod", false),
            ("WorkloadsOld/Prod", "Workloads", false),
        ] {
            assert_eq!(within(unit, ou), expected, "{unit} {ou}");
        }
    }

    #[test]
    fn the_order_of_specificity_is_total_and_as_documented() {
        let read = |yaml: &str| -> Selector { serde_json::from_str(yaml).unwrap() };
        let from_least = [
            r"{}",
            r#"{"pillar":"security"}"#,
            r#"{"severity":"high"}"#,
            r#"{"severity":"high","pillar":"security"}"#,
            r#"{"region":"*"}"#,
            r#"{"region":"eu-*"}"#,
            r#"{"region":"eu-west-1"}"#,
            r#"{"ou":"Workloads"}"#,
            r#"{"ou":"Workloads/Prod"}"#,
            r#"{"account":"12345678901?"}"#,
            r#"{"account":"123456789012"}"#,
            r#"{"control":"bucket-public-access"}"#,
            r#"{"control":"bucket-public-access","account":"123456789012"}"#,
            r#"{"tags":{"env":"*"}}"#,
            r#"{"tags":{"env":"prod"}}"#,
            r#"{"tags":{"env":"prod","team":"web"}}"#,
            r#"{"resource":"prod-*"}"#,
            r#"{"resource":"prod-logs-*"}"#,
            r#"{"resource":"a"}"#,
        ];
        for pair in from_least.windows(2) {
            assert!(read(pair[0]).specificity() < read(pair[1]).specificity(), "{pair:?}");
        }
    }
}
