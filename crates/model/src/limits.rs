//! How often, how many at a time, and when to stop by oneself.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// How often Plumb may change something, and when it stops by itself. The defaults suit a first `auto`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Failed attempts in a row on one resource before a person has to look.
    pub attempts: u32,
    /// Seconds between two remediations of one resource under one control. After each failed attempt it doubles.
    pub cooldown_seconds: u32,
    /// Runbooks started in one clock hour (UTC).
    pub per_hour: PerHour,
    /// Runbooks under way at the same time in one account and Region, at most [`SSM_RUNNING`].
    pub running: u32,
    /// Stops a control whose runbook keeps failing.
    pub breaker: BreakerLimits,
    /// Stops the fight over a resource that is fixed again and again.
    pub flapping: FlappingLimits,
    /// Seconds after which a runbook that has sent no news is looked up.
    pub run_seconds: u32,
    /// Seconds that the detector has to agree with a fix, before a person has to look.
    pub verify_seconds: u32,
    /// Seconds after a fix in which a detector that disagrees is not believed: it may have judged what was recorded before.
    pub settle_seconds: u32,
}

/// The blast radius: how many runbooks may be started in one clock hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PerHour {
    /// For one control.
    pub control: u32,
    /// In one account.
    pub account: u32,
    /// In all.
    pub all: u32,
}

/// When a control is stopped because its runbook keeps failing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BreakerLimits {
    /// The share of failures, in percent, at which the control stops; of what ended in this clock hour and the one before.
    pub failed_percent: u32,
    /// How many have to have ended before the share counts.
    pub minimum: u32,
    /// Seconds for which the control stops.
    pub pause_seconds: u32,
}

/// When a resource that is fixed again and again is left to a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FlappingLimits {
    /// This many fixes of one resource under one control …
    pub fixes: u32,
    /// … within this many hours.
    pub hours: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            attempts: 3,
            cooldown_seconds: 900,
            per_hour: PerHour::default(),
            running: 20,
            breaker: BreakerLimits::default(),
            flapping: FlappingLimits::default(),
            run_seconds: 3600,
            verify_seconds: 6 * 3600,
            settle_seconds: 600,
        }
    }
}

impl Default for PerHour {
    fn default() -> Self {
        Self { control: 20, account: 50, all: 100 }
    }
}

impl Default for BreakerLimits {
    fn default() -> Self {
        Self { failed_percent: 50, minimum: 5, pause_seconds: 3600 }
    }
}

impl Default for FlappingLimits {
    fn default() -> Self {
        Self { fixes: 3, hours: 24 }
    }
}

/// How many automations Systems Manager runs at the same time in an account and Region, for everybody who uses it there; more wait in its
/// queue ([quotas](https://docs.aws.amazon.com/general/latest/gr/ssm.html)).
pub const SSM_RUNNING: u32 = 100;

/// The longest that anything waits because of failures: a day.
const LONGEST_BACKOFF: i64 = 24 * 3600;

impl Limits {
    /// How many runbooks may be under way at the same time: as many as the policy says, and no more than Systems Manager runs.
    pub fn at_a_time(&self) -> u32 {
        self.running.min(SSM_RUNNING)
    }

    /// How long a resource is left alone after an attempt, of which `failures` in a row have failed: the cooldown, doubled
    /// for each failure after the first, at most a day (or the cooldown, where that is longer).
    pub fn backoff(&self, failures: u32) -> SignedDuration {
        let cooldown = i64::from(self.cooldown_seconds);
        let doubled = cooldown.saturating_mul(1_i64 << failures.saturating_sub(1).min(30));
        SignedDuration::from_secs(doubled.min(LONGEST_BACKOFF.max(cooldown)))
    }

    /// What is wrong with them, each with the field's name below `limits`.
    pub fn problems(&self) -> Vec<String> {
        let positive = [
            ("attempts", self.attempts),
            ("per_hour.control", self.per_hour.control),
            ("per_hour.account", self.per_hour.account),
            ("per_hour.all", self.per_hour.all),
            ("running", self.running),
            ("flapping.fixes", self.flapping.fixes),
        ];
        let mut wrong: Vec<String> = positive
            .into_iter()
            .filter(|(_, value)| *value == 0)
            .map(|(name, _)| format!("`limits.{name}` is 0; set `mode: off` to stop"))
            .collect();
        if !(1..=100).contains(&self.breaker.failed_percent) {
            wrong.push("`limits.breaker.failed_percent` is not between 1 and 100".to_owned());
        }
        if self.breaker.minimum == 0 {
            wrong.push("`limits.breaker.minimum` is 0; it is at least 1".to_owned());
        }
        wrong
    }
}

impl BreakerLimits {
    /// Whether this many failures, of this many that have ended, stop the control.
    pub fn opens(&self, failed: u64, ended: u64) -> bool {
        ended >= u64::from(self.minimum)
            && failed.saturating_mul(100) >= ended.saturating_mul(u64::from(self.failed_percent))
    }

    /// Until when a control stops that stops now.
    pub fn until(&self, now: Timestamp) -> Timestamp {
        later(now, i64::from(self.pause_seconds))
    }
}

/// This many seconds later, or the end of time.
pub fn later(from: Timestamp, seconds: i64) -> Timestamp {
    from.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_with_each_failure_up_to_a_day() {
        let limits = Limits::default();
        let seconds: Vec<_> = [0, 1, 2, 3, 7, 8, u32::MAX].map(|n| limits.backoff(n).as_secs()).to_vec();
        assert_eq!(seconds, [900, 900, 1800, 3600, 57_600, 86_400, 86_400]);
    }

    #[test]
    fn a_longer_cooldown_than_a_day_is_kept() {
        let limits = Limits { cooldown_seconds: 200_000, ..Limits::default() };
        assert_eq!(limits.backoff(1).as_secs(), 200_000);
        assert_eq!(limits.backoff(9).as_secs(), 200_000);
    }

    #[test]
    fn a_breaker_waits_for_the_minimum_and_then_counts_the_share() {
        let breaker = BreakerLimits::default();
        assert!(!breaker.opens(4, 4));
        assert!(breaker.opens(5, 5));
        assert!(!breaker.opens(4, 9));
        assert!(breaker.opens(5, 10));
    }

    #[test]
    fn limits_that_would_stop_everything_are_refused() {
        assert!(Limits::default().problems().is_empty());
        let limits = Limits { attempts: 0, running: 0, ..Limits::default() };
        assert_eq!(limits.problems().len(), 2);
    }
}
