//! How far Plumb may go, and for which findings.

use serde::{Deserialize, Serialize};

use super::selector::{Candidate, Missing, Selector};
use crate::control::Control;

/// How far Plumb may go, from least to most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Not even recorded.
    Off,
    /// Dry-run: recorded and reported, nothing changed.
    #[default]
    Notify,
    /// A person has to approve each change.
    Approve,
    /// Fixed at once.
    Auto,
}

impl Mode {
    /// Its stable name, as in the policy.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Notify => "notify",
            Self::Approve => "approve",
            Self::Auto => "auto",
        }
    }
}

/// A mode for the findings that a selector picks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModeRule {
    /// Which findings.
    #[serde(default, rename = "match")]
    pub selector: Selector,
    /// How far.
    pub mode: Mode,
}

/// The mode for a finding, and where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ruling {
    /// The mode.
    pub mode: Mode,
    /// The rule's place in the list; `None` for the default where no rule matches.
    pub rule: Option<usize>,
}

/// The most specific rule that matches counts, the later of two equals; without one the default does.
///
/// Rules are looked at from the most specific down, so that a resource's tags are asked for only when a rule that uses
/// them would win.
pub(super) fn most_specific(
    rules: &[ModeRule],
    default: Mode,
    candidate: &Candidate<'_>,
) -> Result<Ruling, Missing> {
    for (index, rule) in most_specific_first(rules) {
        if rule.selector.matches(candidate)? {
            return Ok(Ruling { mode: rule.mode, rule: Some(index) });
        }
    }
    Ok(Ruling { mode: default, rule: None })
}

/// Whether a control is off whatever its resource is: no rule that could count for one of its findings says more.
pub(super) fn is_off(rules: &[ModeRule], default: Mode, control: &Control) -> bool {
    for (_, rule) in most_specific_first(rules) {
        if !rule.selector.may_pick(control) {
            continue;
        }
        if rule.mode != Mode::Off {
            return false;
        }
        if rule.selector.is_about_any_resource() {
            return true;
        }
    }
    default == Mode::Off
}

fn most_specific_first(rules: &[ModeRule]) -> Vec<(usize, &ModeRule)> {
    let mut order: Vec<_> = rules.iter().enumerate().collect();
    order.sort_by_key(|(index, rule)| std::cmp::Reverse((rule.selector.specificity(), *index)));
    order
}
