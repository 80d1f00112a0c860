//! What is Plumb's to touch at all.

use serde::{Deserialize, Serialize};

use super::selector::{Candidate, Missing, Selector, first};

/// What Plumb looks after. What is excluded is excluded, whatever is included.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scope {
    /// Only findings that one of these picks; empty for all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<Selector>,
    /// Never findings that one of these picks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<Selector>,
}

/// Where a finding stands in the scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standpoint {
    /// Inside.
    Inside,
    /// No selector of `include` picks it.
    NotIncluded,
    /// This selector of `exclude` picks it.
    Excluded(usize),
}

impl Scope {
    /// Where a finding stands.
    ///
    /// # Errors
    /// [`Missing`] when that depends on tags that were not read.
    pub fn of(&self, candidate: &Candidate<'_>) -> Result<Standpoint, Missing> {
        if let Some(place) = first(self.exclude.iter(), candidate)? {
            return Ok(Standpoint::Excluded(place));
        }
        if self.include.is_empty() || first(self.include.iter(), candidate)?.is_some() {
            Ok(Standpoint::Inside)
        } else {
            Ok(Standpoint::NotIncluded)
        }
    }
}
