//! How AWS Config spells what a service's API answers.
//!
//! Types were added over the years with what AWS's own serializers made of an API's members at the time. The three ways
//! are told apart by the resource schemas that AWS publishes (`awslabs/aws-config-resource-schema`) and by real items.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::super::item::{Relationship, millis};

/// A way to spell member names and times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// The first letter is small, times are texts: `dBInstanceIdentifier`.
    FirstSmall,
    /// All leading capitals are small, times are milliseconds since 1970: `dbclusterIdentifier`.
    LeadingSmall,
    /// As in CloudFormation's resource schema: `LaunchTemplateData`.
    Schema,
}

impl Spelling {
    /// A whole answer, spelt so.
    pub(super) fn of(self, value: &Value) -> Value {
        match value {
            Value::Object(members) => {
                members.iter().map(|(name, value)| (self.name(name), self.of(value))).collect()
            }
            Value::Array(items) => items.iter().map(|item| self.of(item)).collect(),
            Value::String(text) => self.time(text).unwrap_or_else(|| value.clone()),
            other => other.clone(),
        }
    }

    fn name(self, name: &str) -> String {
        let small = match self {
            Self::FirstSmall => 1,
            Self::LeadingSmall => name.chars().take_while(char::is_ascii_uppercase).count(),
            Self::Schema => 0,
        };
        name.chars()
            .enumerate()
            .map(|(at, letter)| if at < small { letter.to_ascii_lowercase() } else { letter })
            .collect()
    }

    /// A time of the API's, as the worker writes times, `2026-11-25T22:00:00+00:00`; what the API itself has as text stays.
    fn time(self, text: &str) -> Option<Value> {
        let time = instant(text)?;
        Some(match self {
            Self::LeadingSmall => time.as_millisecond().into(),
            Self::FirstSmall | Self::Schema => millis(time).into(),
        })
    }
}

fn instant(text: &str) -> Option<Timestamp> {
    let (date, time) = text.split_once('T')?;
    let offset = time.get(time.len().checked_sub(6)?..)?;
    (date.len() == 10 && offset.starts_with(['+', '-']) && offset.contains(':'))
        .then(|| text.parse().ok())
        .flatten()
}

/// `resourceCreationTime` of an answer's member.
pub(super) fn created(answer: &Value, name: &str) -> Option<String> {
    instant(text(answer, name)?).map(millis)
}

/// A member that is a text and not empty.
pub(super) fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// A member that is a text, copied; empty if it isn't there.
pub(super) fn owned(value: &Value, name: &str) -> String {
    text(value, name).unwrap_or_default().to_owned()
}

/// The items of a list member; none if it isn't there.
pub(super) fn items<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Tags in any of the APIs' forms: `[{"Key", "Value"}]`, `[{"TagKey", "TagValue"}]`, `[{"key", "value"}]` or an object.
pub(super) fn tags(value: Option<&Value>) -> BTreeMap<String, String> {
    match value {
        Some(Value::Object(tags)) => {
            tags.iter().filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
        }
        Some(Value::Array(tags)) => tags
            .iter()
            .filter_map(|tag| {
                let either = |names: [&str; 3]| names.iter().find_map(|name| tag.get(*name)?.as_str());
                let key = either(["Key", "TagKey", "key"])?;
                Some((key.to_owned(), either(["Value", "TagValue", "value"]).unwrap_or_default().to_owned()))
            })
            .collect(),
        _ => BTreeMap::new(),
    }
}

/// Tags as supplementary configuration: `[{"key", "value"}]`.
pub(super) fn tag_list(tags: &BTreeMap<String, String>) -> Value {
    tags.iter().map(|(key, value)| serde_json::json!({"key": key, "value": value})).collect()
}

/// An object without some of its members.
pub(super) fn without(value: &Value, names: &[&str]) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .filter(|(name, _)| !names.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect::<Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

/// A relationship with a resource that is known by its id; none if the id isn't there.
pub(super) fn related(kind: &str, id: Option<&str>, how: &str) -> Option<Relationship> {
    Some(Relationship { kind: kind.to_owned(), id: Some(id?.to_owned()), name: None, how: how.to_owned() })
}

/// A relationship with a resource that is known by its name only.
pub(super) fn related_by_name(kind: &str, name: Option<&str>, how: &str) -> Option<Relationship> {
    Some(Relationship { kind: kind.to_owned(), id: None, name: Some(name?.to_owned()), how: how.to_owned() })
}

/// Relationships in a fixed order, each once.
pub(super) fn sorted(relationships: impl IntoIterator<Item = Relationship>) -> Vec<Relationship> {
    let mut all: Vec<Relationship> = relationships.into_iter().collect();
    all.sort();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_generation_of_types_has_its_spelling() {
        for (name, first, leading) in [
            ("DBInstanceIdentifier", "dBInstanceIdentifier", "dbinstanceIdentifier"),
            ("VPCZoneIdentifier", "vPCZoneIdentifier", "vpczoneIdentifier"),
            ("AutoScalingGroupARN", "autoScalingGroupARN", "autoScalingGroupARN"),
            ("SSEDescription", "sSEDescription", "ssedescription"),
            ("AWSAccountId", "aWSAccountId", "awsaccountId"),
            ("MultiAZ", "multiAZ", "multiAZ"),
        ] {
            assert_eq!(Spelling::FirstSmall.name(name), first);
            assert_eq!(Spelling::LeadingSmall.name(name), leading);
            assert_eq!(Spelling::Schema.name(name), name);
        }
    }

    #[test]
    fn times_are_texts_or_milliseconds() {
        let answer = json!({"CreateTime": "2026-11-25T22:00:00+00:00", "Name": "2026-11-25T22", "Size": 8});
        assert_eq!(
            Spelling::FirstSmall.of(&answer),
            json!({"createTime": "2026-11-25T22:00:00.000Z", "name": "2026-11-25T22", "size": 8})
        );
        assert_eq!(Spelling::LeadingSmall.of(&answer)["createTime"], 1_795_644_000_000_i64);
        let elsewhere = json!("2026-11-25T23:00:00.5+01:00");
        assert_eq!(Spelling::FirstSmall.of(&elsewhere), "2026-11-25T22:00:00.500Z");
        for text in ["2026-11-25T22:00:00.000+0000", "2026-11-25T22:00:00Z", "aT+1:000", "T"] {
            assert_eq!(Spelling::LeadingSmall.of(&json!(text)), text);
        }
    }

    #[test]
    fn tags_are_read_in_every_form() {
        let expected = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
        for form in [
            json!([{"Key": "a", "Value": "b"}]),
            json!([{"TagKey": "a", "TagValue": "b"}]),
            json!([{"key": "a", "value": "b"}]),
            json!({"a": "b"}),
        ] {
            assert_eq!(tags(Some(&form)), expected, "{form}");
        }
        assert!(tags(None).is_empty());
    }
}
