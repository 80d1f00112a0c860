//! Times as AWS services write them.

use jiff::{Timestamp, civil::DateTime, fmt::rfc2822, tz::TimeZone};
use serde_json::Value;

static MAIL: rfc2822::DateTimeParser = rfc2822::DateTimeParser::new().relaxed_weekday(true);

/// Forms without an offset, which all mean UTC. Tried in order.
const FORMS: &[&str] = &[
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%b %d, %Y %I:%M:%S %p",
    "%b %d, %Y, %I:%M:%S %p",
    "%b %d, %Y %H:%M:%S",
];

/// The time, or none if it is in no form that AWS is known to use.
pub(crate) fn parse(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Number(number) => epoch(number.as_f64()?),
        Value::String(text) => parse_text(text),
        _ => None,
    }
}

fn parse_text(text: &str) -> Option<Timestamp> {
    if text.len() > 64 {
        return None;
    }
    // Newer Java runtimes put U+202F before AM and PM.
    let text = text.replace(['\u{202f}', '\u{a0}'], " ");
    let text = text.trim();
    text.parse()
        .ok()
        .or_else(|| MAIL.parse_timestamp(text).ok())
        .or_else(|| {
            FORMS
                .iter()
                .find_map(|form| DateTime::strptime(form, text).ok())
                .and_then(|local| TimeZone::UTC.to_timestamp(local).ok())
        })
        .or_else(|| epoch(text.parse().ok()?))
}

/// Seconds, or milliseconds: those of 1973 are the seconds of the year 5138.
fn epoch(number: f64) -> Option<Timestamp> {
    const MILLISECONDS_FROM: f64 = 1e11;
    let seconds = if number.abs() >= MILLISECONDS_FROM { number / 1000.0 } else { number };
    // `as` saturates, and jiff refuses what is out of its range.
    #[expect(clippy::cast_possible_truncation, reason = "saturates; what is out of range is refused below")]
    let milliseconds = (seconds * 1000.0).round() as i64;
    (number.is_finite()).then(|| Timestamp::from_millisecond(milliseconds).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_form_that_aws_uses_is_understood() {
        for (written, expected) in [
            (json!("2022-03-15T17:33:28Z"), "2022-03-15T17:33:28Z"),
            (json!("2022-03-16T01:10:50.837Z"), "2022-03-16T01:10:50.837Z"),
            (json!("2014-03-07T23:46:28.0000+0000"), "2014-03-07T23:46:28Z"),
            (json!("2021-01-24 04:55:45.000"), "2021-01-24T04:55:45Z"),
            (json!("2022-09-27 17:09:18"), "2022-09-27T17:09:18Z"),
            (json!("2024-05-01T10:00:00"), "2024-05-01T10:00:00Z"),
            (json!("Nov 29, 2016 7:43:25 PM"), "2016-11-29T19:43:25Z"),
            (json!("Nov 9, 2016 12:03:25\u{202f}AM"), "2016-11-09T00:03:25Z"),
            (json!("Dec 3, 2021, 6:02:30 PM"), "2021-12-03T18:02:30Z"),
            (json!("Sat, 05 Jun 2016 15:10:09 GMT"), "2016-06-05T15:10:09Z"),
            (json!(1_759_524_561_464_i64), "2025-10-03T20:49:21.464Z"),
            (json!(1_515_786_000.25), "2018-01-12T19:40:00.25Z"),
            (json!("1440453299248"), "2015-08-24T21:54:59.248Z"),
        ] {
            assert_eq!(parse(&written).map(|time| time.to_string()).as_deref(), Some(expected), "{written}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for wrong in
            [json!(null), json!("soon"), json!(""), json!(1e300), json!({}), json!("9999999999999999999999")]
        {
            assert_eq!(parse(&wrong), None, "{wrong}");
        }
    }
}
