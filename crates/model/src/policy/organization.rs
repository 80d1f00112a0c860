//! Which account belongs to which organizational unit.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::selector::segments;
use crate::resource::AccountId;

/// The organization as far as the policy needs it. It is written in the policy rather than asked of AWS Organizations, which
/// answers only the management account and delegated administrators; what decides is then what was reviewed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Organization {
    /// The accounts directly in each organizational unit, by its path, such as `Workloads/Prod`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub ou: BTreeMap<String, Vec<AccountId>>,
}

impl Organization {
    /// The path of the account's unit.
    pub fn unit_of(&self, account: &AccountId) -> Option<&str> {
        self.ou.iter().find(|(_, accounts)| accounts.contains(account)).map(|(path, _)| path.as_str())
    }

    /// Whether a unit is there: listed, or above one that is.
    pub(super) fn knows(&self, path: &str) -> bool {
        self.ou.keys().any(|listed| {
            let mut listed = segments(listed);
            segments(path).all(|segment| listed.next() == Some(segment))
        })
    }
}
