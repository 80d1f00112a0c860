//! Exemptions.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::selector::{Candidate, Missing, Selector, first};

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

impl Waiver {
    /// Whether it no longer counts.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires <= now
    }
}

/// The first waiver in force that covers the finding.
pub(super) fn covering<'a>(
    waivers: &'a [Waiver],
    candidate: &Candidate<'_>,
    now: Timestamp,
) -> Result<Option<&'a Waiver>, Missing> {
    let in_force = || waivers.iter().filter(|waiver| !waiver.is_expired(now));
    let place = first(in_force().map(|waiver| &waiver.selector), candidate)?;
    Ok(place.and_then(|place| in_force().nth(place)))
}
