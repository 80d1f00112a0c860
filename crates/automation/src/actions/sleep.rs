//! `aws:sleep`: lets time pass.

use std::time::Duration;

use jiff::{Span, SpanRelativeTo, Timestamp, civil::DateTime, tz::TimeZone};
use serde_json::json;

use super::{Action, Call, Done, Unfinished};
use crate::{choices, failure::Failure, ports::Answer};

pub(super) struct Sleep;

impl Action for Sleep {
    fn attempt<'a>(&'a self, call: Call<'a>) -> Answer<'a, Result<Done, Unfinished>> {
        Box::pin(async move {
            call.ports.clock.sleep(length(&call)?).await;
            Ok(Done { payload: json!({}), ..Done::default() })
        })
    }
}

/// A `Timestamp` that has passed is no time at all.
fn length(call: &Call<'_>) -> Result<Duration, Failure> {
    let length = match (call.optional_text("Duration")?, call.optional_text("Timestamp")?) {
        (Some(text), None) => duration(text).ok_or_else(|| {
            Failure::inputs(&format!("Duration {text} is not an ISO 8601 duration such as PT10M"))
        })?,
        (None, Some(text)) => {
            let until = timestamp(text)
                .ok_or_else(|| Failure::inputs(&format!("Timestamp {text} is not an ISO 8601 time")))?;
            until.duration_since(call.ports.clock.now()).try_into().unwrap_or(Duration::ZERO)
        }
        _ => return Err(Failure::inputs("Exactly one of Duration and Timestamp is required")),
    };
    if length > choices::LONGEST_SLEEP {
        return Err(Failure::inputs("A sleep may take 604799 seconds at most"));
    }
    Ok(length)
}

pub(crate) fn duration(text: &str) -> Option<Duration> {
    let span: Span = text.trim().parse().ok()?;
    let length = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    length.try_into().ok()
}

/// With an offset, or else in UTC.
pub(crate) fn timestamp(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    text.parse().ok().or_else(|| {
        let local: DateTime = text.parse().ok()?;
        Some(local.to_zoned(TimeZone::UTC).ok()?.timestamp())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_times_are_iso_8601() {
        assert_eq!(duration("PT10M"), Some(Duration::from_mins(10)));
        assert_eq!(duration("P1DT1H"), Some(Duration::from_hours(25)));
        assert_eq!(duration("-PT1S"), None);
        assert_eq!(duration("P1M"), None);
        assert_eq!(duration("ten minutes"), None);
        assert_eq!(timestamp("2024-01-01T00:00:00Z"), timestamp("2024-01-01T00:00:00"));
        assert_eq!(timestamp("2024-01-01T01:00:00+01:00"), timestamp("2024-01-01T00:00:00Z"));
        assert_eq!(timestamp("tomorrow"), None);
    }
}
