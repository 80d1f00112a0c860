//! The policy: what Plumb may do, and where it must keep its hands off.

mod check;
mod glob;
mod iac;
mod mode;
mod organization;
mod rollback;
mod scope;
mod selector;
mod waiver;
mod window;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{approval::ApprovalRules, control::Control, facts::Tags, limits::Limits, resource::ResourceRef};

pub use check::{PolicyError, Problem};
pub use iac::Iac;
pub use mode::{Mode, ModeRule, Ruling};
pub use organization::Organization;
pub use rollback::RollbackRules;
pub use scope::{Scope, Standpoint};
pub use selector::{Candidate, Missing, Selector, Specificity};
pub use waiver::Waiver;
pub use window::{CalendarRule, Day, Opening, Span, TimeOfDay, Window};

/// What Plumb may do. The default changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// The mode where no rule says otherwise.
    pub mode: Mode,
    /// Modes for some findings; the most specific that matches counts, the later of two equals.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<ModeRule>,
    /// What Plumb looks after.
    pub scope: Scope,
    /// Exemptions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waivers: Vec<Waiver>,
    /// How far it may go on what infrastructure as code owns.
    pub iac: Iac,
    /// When changes may be made; every window that picks a finding has to be open.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<Window>,
    /// SSM Change Calendars; every one whose selector picks a finding has to be open.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub calendars: Vec<CalendarRule>,
    /// Which account belongs to which organizational unit.
    pub organization: Organization,
    /// Who approves what needs approval; without it, that is only recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalRules>,
    /// How much, and how often.
    pub limits: Limits,
    /// Undoing.
    pub rollback: RollbackRules,
}

impl Policy {
    /// What the policy's selectors look at.
    pub fn candidate<'a>(
        &'a self,
        control: &'a Control,
        resource: &'a ResourceRef,
        tags: Option<&'a Tags>,
    ) -> Candidate<'a> {
        Candidate { control, resource, unit: self.organization.unit_of(&resource.account), tags }
    }

    /// The mode for a finding, before the control's own ceiling.
    ///
    /// # Errors
    /// [`Missing`] when that depends on tags that were not read.
    pub fn ruling(&self, candidate: &Candidate<'_>) -> Result<Ruling, Missing> {
        mode::most_specific(&self.rules, self.mode, candidate)
    }

    /// Whether a control is off whatever its resource is, so that nobody needs its AWS Config rule.
    pub fn is_off(&self, control: &Control) -> bool {
        mode::is_off(&self.rules, self.mode, control)
    }

    /// How far Plumb may go if infrastructure as code owns the finding's resource.
    ///
    /// # Errors
    /// [`Missing`] when that depends on tags that were not read.
    pub fn iac_ruling(&self, candidate: &Candidate<'_>) -> Result<Ruling, Missing> {
        mode::most_specific(&self.iac.rules, self.iac.mode, candidate)
    }

    /// The waiver that covers a finding now, if any.
    ///
    /// # Errors
    /// [`Missing`] when that depends on tags that were not read.
    pub fn waiver_for(&self, candidate: &Candidate<'_>, now: Timestamp) -> Result<Option<&Waiver>, Missing> {
        waiver::covering(&self.waivers, candidate, now)
    }

    /// Whether anything in it depends on organizational units.
    pub fn uses_units(&self) -> bool {
        self.selectors().any(|(_, selector)| selector.ou.is_some())
    }

    /// Every selector, with its place, such as `waivers[0].match`.
    pub fn selectors(&self) -> impl Iterator<Item = (String, &Selector)> {
        fn each<'a, T: 'a>(
            name: &'static str,
            suffix: &'static str,
            list: &'a [T],
            of: fn(&'a T) -> &'a Selector,
        ) -> impl Iterator<Item = (String, &'a Selector)> {
            list.iter().enumerate().map(move |(index, item)| (format!("{name}[{index}]{suffix}"), of(item)))
        }
        each("rules", ".match", &self.rules, |rule| &rule.selector)
            .chain(each("scope.include", "", &self.scope.include, |selector| selector))
            .chain(each("scope.exclude", "", &self.scope.exclude, |selector| selector))
            .chain(each("waivers", ".match", &self.waivers, |waiver| &waiver.selector))
            .chain(each("iac.rules", ".match", &self.iac.rules, |rule| &rule.selector))
            .chain(each("windows", ".match", &self.windows, |window| &window.selector))
            .chain(each("calendars", ".match", &self.calendars, |rule| &rule.selector))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_policy_changes_nothing() {
        assert_eq!(Policy::default().mode, Mode::Notify);
        assert!(Policy::default().rules.is_empty());
        assert_eq!(Policy::default().iac.mode, Mode::Notify);
    }
}
