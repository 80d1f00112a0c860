//! The forms in which AWS writes a time.

use jiff::Timestamp;
use serde_json::Value;

/// Beyond this many seconds (the year 2286) a number is milliseconds.
const SECONDS_END: f64 = 1e10;

/// A time: RFC 3339, with or without a colon in the offset; seconds or milliseconds since 1970, as a number or as text;
/// `2023-04-27 15:01:07 GMT`. Anything else is none.
pub fn timestamp(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Number(number) => from_number(number.as_f64()?),
        Value::String(text) => from_text(text.trim()),
        _ => None,
    }
}

fn from_text(text: &str) -> Option<Timestamp> {
    if let Ok(time) = text.parse() {
        return Some(time);
    }
    if let Some(date) = text.strip_suffix(" GMT").or_else(|| text.strip_suffix(" UTC")) {
        return format!("{}Z", date.replacen(' ', "T", 1)).parse().ok();
    }
    from_number(text.parse().ok()?)
}

fn from_number(number: f64) -> Option<Timestamp> {
    if !number.is_finite() {
        return None;
    }
    let milliseconds = if number.abs() < SECONDS_END { number * 1000.0 } else { number };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "`as` saturates, and jiff refuses what is out of range"
    )]
    Timestamp::from_millisecond(milliseconds.round() as i64).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_form_that_aws_writes_is_read() {
        let expected = Some("2023-04-27T15:01:07Z".parse().unwrap());
        for value in [
            json!("2023-04-27T15:01:07Z"),
            json!("2023-04-27T15:01:07.000Z"),
            json!("2023-04-27T17:01:07+02:00"),
            json!("2023-04-27 15:01:07 GMT"),
            json!(1_682_607_667),
            json!(1_682_607_667_000_i64),
            json!(1_682_607_667.0),
            json!("1682607667000"),
        ] {
            assert_eq!(timestamp(&value), expected, "{value}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for value in
            [json!(null), json!("soon"), json!([]), json!(1e300), json!("NaN"), json!("GMT"), json!("")]
        {
            assert_eq!(timestamp(&value), None, "{value}");
        }
    }
}
