//! What a rule sees: the item, the parameters, what was read besides, and the time.

use std::collections::BTreeMap;

use jiff::Timestamp;
use plumb_ports::Api;
use serde_json::Value;

use crate::{Item, Parameters, Unjudged, timestamp};

/// One resource before the judge.
#[derive(Debug)]
pub struct Case<'a> {
    /// The configuration item.
    pub item: &'a Item,
    /// What was set.
    pub parameters: &'a Parameters,
    /// What was read.
    pub facts: &'a Facts,
    /// The time of the judgement.
    pub now: Timestamp,
}

/// Something that a rule needs to know beyond the item.
#[derive(Debug, Clone, PartialEq)]
pub enum Need {
    /// The resource's earlier configuration items, newest first, as far back as AWS Config has them and the first hundred go.
    History,
    /// The rows of an AWS Config advanced query.
    Query(String),
    /// All records of a read. One that does not name the resource is read once an invocation.
    Read {
        /// The operation.
        api: &'static Api,
        /// Its parameters, in the API's own names.
        parameters: Value,
    },
}

/// What was read, by the names that the rule gave. Each is a list of records.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts(pub BTreeMap<String, std::sync::Arc<Vec<Value>>>);

impl Facts {
    /// Whether this has been read.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The records of a read; none if it wasn't made.
    pub fn all(&self, name: &str) -> &[Value] {
        self.0.get(name).map_or(&[], |records| records.as_slice())
    }
}

impl Case<'_> {
    /// The records of a read.
    ///
    /// # Errors
    /// When it was not made: a rule must not take "not read" for "nothing there".
    pub fn fact(&self, name: &str) -> Result<&[Value], Unjudged> {
        if self.facts.has(name) {
            return Ok(self.facts.all(name));
        }
        Err(Unjudged(format!("`{name}` was not read")))
    }

    /// Whole days from then until now; 0 for a time to come.
    pub fn days_since(&self, then: Timestamp) -> u32 {
        let seconds = self.now.as_second().saturating_sub(then.as_second());
        u32::try_from(seconds / 86_400).unwrap_or(0)
    }

    /// Since when the item's earlier states are all like this one, as far back as AWS Config has them: the oldest item of the
    /// latest unbroken run. Needs the fact `history`.
    ///
    /// # Errors
    /// When the history was not read.
    pub fn like_this_since(&self, alike: impl Fn(&Item) -> bool) -> Result<Option<Timestamp>, Unjudged> {
        let mut since = self.item.captured_at;
        for earlier in self.fact("history")? {
            let Ok(earlier) = Item::read(earlier) else { break };
            if !alike(&earlier) {
                break;
            }
            since = earlier.captured_at.or(since);
        }
        Ok(since)
    }
}

/// A member of a record by its path of names, separated by dots; upper and lower case are one.
pub(crate) fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, name| {
        let members = value.as_object()?;
        members.get(name).or_else(|| {
            members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
        })
    })
}

/// A text of a record; an empty one is none.
pub(crate) fn text<'a>(value: &'a Value, path: &str) -> Option<&'a str> {
    at(value, path).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// A list of a record; what is no list is an empty one.
pub(crate) fn list<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    at(value, path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A time of a record.
pub(crate) fn time(value: &Value, path: &str) -> Option<Timestamp> {
    at(value, path).and_then(timestamp)
}

/// A number of a record, written as one or as text.
pub(crate) fn number(value: &Value, path: &str) -> Option<f64> {
    match at(value, path)? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}
