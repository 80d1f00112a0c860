//! Records of a DynamoDB stream, as Lambda delivers them.

use jiff::Timestamp;
use plumb_model::Remediation;
use serde_json::{Map, Number, Value};

/// One change of the table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Change {
    /// `dynamodb.SequenceNumber`: what a failure is reported by.
    pub(crate) sequence: String,
    pub(crate) old: Option<Remediation>,
    pub(crate) new: Remediation,
}

/// A control's breaker was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stopped {
    /// `dynamodb.SequenceNumber`: what a failure is reported by.
    pub(crate) sequence: String,
    pub(crate) control: String,
    pub(crate) until: Timestamp,
    pub(crate) because: String,
}

/// What a record of the stream is to `tell`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Seen {
    /// A remediation was written.
    Change(Box<Change>),
    /// A control was stopped.
    Stopped(Stopped),
    /// A counter, a claim's usage, or a record that was deleted.
    Nothing,
    /// A remediation that can't be read, and why.
    Unreadable {
        /// `dynamodb.SequenceNumber`.
        sequence: String,
        /// What is wrong with it.
        why: String,
    },
}

pub(crate) fn read(record: &Value) -> Seen {
    let text = |pointer: &str| record.pointer(pointer).and_then(Value::as_str);
    let sequence = text("/dynamodb/SequenceNumber").unwrap_or_default().to_owned();
    let is_remediation = record.pointer("/dynamodb/NewImage/state/S").is_some()
        && record.pointer("/dynamodb/NewImage/control/S").is_some();
    if !is_remediation {
        return stopped(record, &sequence).map_or(Seen::Nothing, Seen::Stopped);
    }
    let image = |name: &str| {
        let image = record.pointer(&format!("/dynamodb/{name}"))?.as_object()?;
        Some(serde_json::from_value::<Remediation>(plain_map(image)))
    };
    // A version that this function can't read is as good as none: what counts is where the record stands now.
    let old = image("OldImage").and_then(Result::ok);
    match image("NewImage") {
        Some(Ok(new)) => Seen::Change(Box::new(Change { sequence, old, new })),
        Some(Err(error)) => Seen::Unreadable { sequence, why: error.to_string() },
        None => Seen::Nothing,
    }
}

/// The breaker's item: it says until when, as seconds since 1970, and why. Written again with the same end, it is no news.
fn stopped(record: &Value, sequence: &str) -> Option<Stopped> {
    let text = |pointer: &str| record.pointer(pointer).and_then(Value::as_str);
    let until = text("/dynamodb/NewImage/stopped_until/N")?;
    if text("/dynamodb/OldImage/stopped_until/N") == Some(until) {
        return None;
    }
    Some(Stopped {
        sequence: sequence.to_owned(),
        control: text("/dynamodb/NewImage/pk/S")?.rsplit('#').next()?.to_owned(),
        until: Timestamp::from_second(until.parse().ok()?).ok()?,
        because: text("/dynamodb/NewImage/stopped_because/S").unwrap_or("it does not say why").to_owned(),
    })
}

fn plain_map(map: &Map<String, Value>) -> Value {
    Value::Object(map.iter().map(|(name, value)| (name.clone(), plain(value))).collect())
}

/// A value of DynamoDB's JSON (`{"S": "…"}`) as the value it stands for.
fn plain(value: &Value) -> Value {
    let Some((kind, inner)) = value.as_object().and_then(|typed| typed.iter().next()) else {
        return Value::Null;
    };
    match (kind.as_str(), inner) {
        ("S", Value::String(_)) | ("BOOL", Value::Bool(_)) => inner.clone(),
        ("N", Value::String(digits)) => digits.parse::<Number>().map_or(Value::Null, Value::Number),
        ("L", Value::Array(items)) => Value::Array(items.iter().map(plain).collect()),
        ("M", Value::Object(map)) => plain_map(map),
        ("SS", Value::Array(texts)) => Value::Array(texts.clone()),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_typed_value_is_the_value_it_stands_for() {
        let typed = json!({"M": {
            "n": {"N": "3"}, "s": {"S": "x"}, "b": {"BOOL": true}, "none": {"NULL": true},
            "l": {"L": [{"N": "1.5"}]},
        }});
        assert_eq!(plain(&typed), json!({"n": 3, "s": "x", "b": true, "none": null, "l": [1.5]}));
    }

    #[test]
    fn a_counter_and_a_deletion_are_nothing() {
        let counter = json!({"dynamodb": {"SequenceNumber": "1", "NewImage": {"pk": {"S": "usage#1"}, "n": {"N": "1"}}}});
        let deleted = json!({"dynamodb": {"SequenceNumber": "2", "OldImage": {"state": {"S": "fixed"}}}});
        assert_eq!(read(&counter), Seen::Nothing);
        assert_eq!(read(&deleted), Seen::Nothing);
    }

    #[test]
    fn a_remediation_that_cant_be_read_is_said_to_be_so() {
        let record = json!({"dynamodb": {"SequenceNumber": "7", "NewImage": {
            "state": {"S": "somewhere-else"}, "control": {"S": "x"}}}});
        assert!(matches!(read(&record), Seen::Unreadable { sequence, .. } if sequence == "7"));
    }
}
