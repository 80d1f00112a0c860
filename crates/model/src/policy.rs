//! The policy: what Plumb may do, and where it must keep its hands off.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    approval::ApprovalRules,
    control::{Control, Pillar, Severity},
    limits::Limits,
    resource::ResourceRef,
};

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

/// Picks findings. Every field that is given has to match; `*` and `?` are wildcards in `account`, `region` and
/// `resource`.
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
    /// A Region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// A resource id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
}

impl Selector {
    /// Whether every given field matches.
    pub fn matches(&self, control: &Control, resource: &ResourceRef) -> bool {
        let is = |pattern: &Option<String>, value: &str| pattern.as_deref().is_none_or(|p| glob(p, value));
        self.control.as_deref().is_none_or(|id| id == control.id)
            && self.pillar.is_none_or(|pillar| pillar == control.pillar)
            && self.severity.is_none_or(|severity| severity == control.severity)
            && is(&self.account, resource.account.as_str())
            && is(&self.region, resource.region.as_str())
            && is(&self.resource, &resource.id)
    }

    /// How specific it is: resource over control over account over Region over severity over pillar.
    fn weight(&self) -> u32 {
        u32::from(self.resource.is_some()) << 5
            | u32::from(self.control.is_some()) << 4
            | u32::from(self.account.is_some()) << 3
            | u32::from(self.region.is_some()) << 2
            | u32::from(self.severity.is_some()) << 1
            | u32::from(self.pillar.is_some())
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

/// Keep off: an exemption with an owner, a reason and an end. It wins over everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// Which findings.
    #[serde(rename = "match")]
    pub selector: Selector,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// When it stops counting.
    pub expires: Timestamp,
}

/// When a fix is undone without anybody asking.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RollbackRules {
    /// Undo a fix that the detector does not confirm. Otherwise it counts as a failed attempt.
    pub on_failed_verification: bool,
}

/// What Plumb may do. The default changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// The mode where no rule says otherwise.
    pub mode: Mode,
    /// Modes for some findings; the most specific that matches counts, the later of two equals.
    pub rules: Vec<ModeRule>,
    /// Exemptions.
    pub waivers: Vec<Waiver>,
    /// Who approves what needs approval; without it, that is only recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalRules>,
    /// Limits.
    pub limits: Limits,
    /// Undoing.
    pub rollback: RollbackRules,
}

/// Everything wrong with a policy, at once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the policy is not usable: {}", .0.join("; "))]
pub struct PolicyError(pub Vec<String>);

impl Policy {
    /// Checks what the types can't: waivers say who and why and pick something, known controls only, limits that are
    /// not zero.
    ///
    /// # Errors
    /// A [`PolicyError`] that lists everything that is wrong.
    pub fn check(&self, known: impl Fn(&str) -> bool) -> Result<(), PolicyError> {
        let mut wrong = Vec::new();
        for (index, waiver) in self.waivers.iter().enumerate() {
            if waiver.owner.trim().is_empty() {
                wrong.push(format!("`waivers[{index}].owner` is empty"));
            }
            if waiver.reason.trim().is_empty() {
                wrong.push(format!("`waivers[{index}].reason` is empty"));
            }
            if waiver.selector == Selector::default() {
                wrong.push(format!("`waivers[{index}].match` picks everything; set `mode: off` instead"));
            }
        }
        let selectors = self
            .rules
            .iter()
            .enumerate()
            .map(|(index, rule)| (format!("rules[{index}]"), &rule.selector))
            .chain(
                self.waivers
                    .iter()
                    .enumerate()
                    .map(|(i, waiver)| (format!("waivers[{i}]"), &waiver.selector)),
            );
        for (place, selector) in selectors {
            if let Some(control) = selector.control.as_deref().filter(|control| !known(control)) {
                wrong.push(format!("`{place}.match.control` names `{control}`, which is not a control"));
            }
        }
        wrong.extend(self.limits.problems());
        wrong.extend(self.approval.iter().flat_map(ApprovalRules::wrong));
        if wrong.is_empty() { Ok(()) } else { Err(PolicyError(wrong)) }
    }

    /// The mode for a finding, before the control's own ceiling.
    pub fn mode_for(&self, control: &Control, resource: &ResourceRef) -> Mode {
        self.rules
            .iter()
            .filter(|rule| rule.selector.matches(control, resource))
            .max_by_key(|rule| rule.selector.weight())
            .map_or(self.mode, |rule| rule.mode)
    }

    /// The waiver that covers a finding now, if any.
    pub fn waiver_for(&self, control: &Control, resource: &ResourceRef, now: Timestamp) -> Option<&Waiver> {
        self.waivers.iter().find(|waiver| now < waiver.expires && waiver.selector.matches(control, resource))
    }
}

/// Matches `*` (any run of characters) and `?` (any one character); linear in the text for each `*`.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || Some(c) == text.get(t) => {
                p += 1;
                t += 1;
            }
            _ => match retry {
                Some((star, from)) => {
                    retry = Some((star, from + 1));
                    p = star + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_as_in_a_shell() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("prod-*", "prod-logs", true),
            ("prod-*", "preprod-logs", false),
            ("*-logs-*", "a-logs-b-logs-c", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("", "", true),
            ("", "x", false),
            ("a*b*c", "a-b-d", false),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn the_default_policy_changes_nothing() {
        assert_eq!(Policy::default().mode, Mode::Notify);
        assert!(Policy::default().rules.is_empty());
    }

    #[test]
    fn a_waiver_without_owner_or_reason_is_refused_with_everything_wrong_at_once() {
        let policy = Policy {
            waivers: vec![Waiver {
                selector: Selector { control: Some("nonesuch".into()), ..Selector::default() },
                owner: " ".into(),
                reason: String::new(),
                expires: Timestamp::UNIX_EPOCH,
            }],
            limits: Limits { attempts: 0, ..Limits::default() },
            ..Policy::default()
        };
        let PolicyError(wrong) = policy.check(|_| false).unwrap_err();
        assert_eq!(wrong.len(), 4, "{wrong:?}");
    }
}
