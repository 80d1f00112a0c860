//! Resources that infrastructure as code owns: a change made beside it is drift.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    glob::glob,
    mode::{Mode, ModeRule},
};
use crate::facts::Tags;

/// What CloudFormation puts on the resources of its stacks, where their type takes tags.
const CLOUDFORMATION: &str = "aws:cloudformation:";

/// How far Plumb may go on resources that infrastructure as code owns, as their tags tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Iac {
    /// No further than this; the default tells the owner and changes nothing.
    pub mode: Mode,
    /// Other modes for some of them; the most specific counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<ModeRule>,
    /// Tags, beside CloudFormation's own, by which such a resource is known: key to value, `*` and `?` are wildcards.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

impl Default for Iac {
    fn default() -> Self {
        Self { mode: Mode::Notify, rules: Vec::new(), tags: BTreeMap::new() }
    }
}

impl Iac {
    /// Who owns a resource with these tags, in words; nobody that we know of without such a tag.
    pub fn owner(&self, tags: &Tags) -> Option<String> {
        let stack =
            tags.get("aws:cloudformation:stack-name").map(|stack| format!("CloudFormation stack `{stack}`"));
        let by_key = || {
            let key = tags.keys().find(|key| key.starts_with(CLOUDFORMATION))?;
            Some(format!("CloudFormation (tag `{key}`)"))
        };
        let by_tag = || {
            let (key, value) = self.tags.iter().find_map(|(key, pattern)| {
                tags.get_key_value(key).filter(|(_, value)| glob(pattern, value))
            })?;
            Some(format!("whoever set its tag `{key}` to `{value}`"))
        };
        stack.or_else(by_key).or_else(by_tag)
    }
}
