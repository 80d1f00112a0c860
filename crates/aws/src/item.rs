//! A remediation as a DynamoDB item: readable in the console, and the same when read back.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use plumb_model::Remediation;
use serde_json::{Map, Number, Value};

/// How long a record is kept after its last change: the table's time to live, in seconds.
const KEPT: i64 = 400 * 24 * 60 * 60;

/// The hash key of the index `by-due`: the same for every record that someone has to come back to, absent from the others.
pub(crate) const DUE: &str = "due";

pub(crate) type Item = HashMap<String, AttributeValue>;

/// The item of a record: its fields, the key `pk`, `due` if it has a `due_at`, and `expires_at` (epoch seconds).
pub(crate) fn to_item(record: &Remediation) -> Result<Item, serde_json::Error> {
    let Value::Object(fields) = serde_json::to_value(record)? else { return Ok(Item::new()) };
    let mut item: Item = fields
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name, to_attribute(value)))
        .collect();
    item.insert("pk".to_owned(), AttributeValue::S(record.key()));
    if record.due_at.is_some() {
        item.insert("due".to_owned(), AttributeValue::S(DUE.to_owned()));
    }
    let expires = record.updated_at.as_second().saturating_add(KEPT);
    item.insert("expires_at".to_owned(), AttributeValue::N(expires.to_string()));
    Ok(item)
}

/// The record of an item; attributes that a record doesn't have are ignored.
pub(crate) fn from_item(item: Item) -> Result<Remediation, serde_json::Error> {
    let fields: Map<String, Value> =
        item.into_iter().map(|(name, value)| (name, from_attribute(value))).collect();
    serde_json::from_value(Value::Object(fields))
}

/// The attributes of anything that is an object in JSON.
pub(crate) fn to_attributes(value: &impl serde::Serialize) -> Result<Item, serde_json::Error> {
    let Value::Object(fields) = serde_json::to_value(value)? else { return Ok(Item::new()) };
    let fields = fields.into_iter().filter(|(_, value)| !value.is_null());
    Ok(fields.map(|(name, value)| (name, to_attribute(value))).collect())
}

/// The value of attributes; those that it doesn't have are ignored.
pub(crate) fn from_attributes<T: serde::de::DeserializeOwned>(item: Item) -> Result<T, serde_json::Error> {
    let fields: Map<String, Value> =
        item.into_iter().map(|(name, value)| (name, from_attribute(value))).collect();
    serde_json::from_value(Value::Object(fields))
}

fn to_attribute(value: Value) -> AttributeValue {
    match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(flag) => AttributeValue::Bool(flag),
        Value::Number(number) => AttributeValue::N(number.to_string()),
        Value::String(text) => AttributeValue::S(text),
        Value::Array(list) => AttributeValue::L(list.into_iter().map(to_attribute).collect()),
        Value::Object(map) => AttributeValue::M(map.into_iter().map(|(k, v)| (k, to_attribute(v))).collect()),
    }
}

fn from_attribute(value: AttributeValue) -> Value {
    match value {
        AttributeValue::Bool(flag) => Value::Bool(flag),
        AttributeValue::N(number) => number.parse::<Number>().map_or(Value::Null, Value::Number),
        AttributeValue::S(text) => Value::String(text),
        AttributeValue::L(list) => Value::Array(list.into_iter().map(from_attribute).collect()),
        AttributeValue::M(map) => {
            Value::Object(map.into_iter().map(|(k, v)| (k, from_attribute(v))).collect())
        }
        _ => Value::Null,
    }
}
