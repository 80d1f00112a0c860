//! One request, many executions: `Targets`, `TargetMaps` and `TargetLocations`, with `MaxConcurrency` and `MaxErrors`.

mod request;
mod run;

use std::fmt;

use serde_json::Value;

pub use self::run::run_spread;

/// What a request starts many executions of, and how fast.
#[derive(Debug, Clone, PartialEq)]
pub struct Spread {
    /// The parameter that takes each target.
    pub target_parameter: Option<String>,
    /// `Targets`, as given.
    pub targets: Vec<Value>,
    /// `TargetMaps`, as given.
    pub target_maps: Vec<Value>,
    /// `TargetLocations`, as given.
    pub target_locations: Vec<Value>,
    /// How many run at once.
    pub max_concurrency: Share,
    /// How many may end badly before no more are started.
    pub max_errors: Share,
    /// The targets that were found.
    pub resolved: Vec<String>,
    /// How far they are.
    pub counters: Counters,
}

/// A number, or so much of a hundred.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// So many.
    Count(usize),
    /// So much of a hundred.
    Percent(usize),
}

/// `ProgressCounters`: executions that were started, by how they ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// All targets.
    pub total: usize,
    /// Those that ended in Success.
    pub success: usize,
    /// Those that failed.
    pub failed: usize,
    /// Those that were cancelled.
    pub cancelled: usize,
    /// Those that took too long.
    pub timed_out: usize,
}

/// A request that can't be spread.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SpreadError {
    /// AWS's error code.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
}

impl SpreadError {
    fn target(message: impl Into<String>) -> Self {
        Self { code: "InvalidTarget", message: message.into() }
    }
}

impl Share {
    /// `5` or `5%`.
    fn parse(text: &str) -> Option<Self> {
        match text.strip_suffix('%') {
            Some(share) => share.parse().ok().filter(|share| *share <= 100).map(Self::Percent),
            None => text.parse().ok().map(Self::Count),
        }
    }

    /// Of so many; a share is rounded down.
    pub fn of(self, total: usize) -> usize {
        match self {
            Self::Count(count) => count,
            Self::Percent(share) => total.saturating_mul(share) / 100,
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Percent(share) => write!(f, "{share}%"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_number_or_a_part_of_a_hundred() {
        assert_eq!(Share::parse("3").map(|share| share.of(50)), Some(3));
        assert_eq!(Share::parse("10%").map(|share| share.of(50)), Some(5));
        assert_eq!(Share::parse("10%").map(|share| share.of(5)), Some(0));
        assert_eq!(Share::parse("101%"), None);
        assert_eq!(Share::parse("some"), None);
        assert_eq!(Share::Percent(7).to_string(), "7%");
    }
}
