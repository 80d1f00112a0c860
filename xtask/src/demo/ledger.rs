//! Plumb's ledger, read as anybody would: by scanning the table.

use std::{collections::BTreeMap, error::Error};

use serde_json::{Map, Value, json};

use crate::account::{Account, text};

/// The ledger's records as plain JSON, by partition key.
pub(super) async fn records(account: &Account) -> Result<BTreeMap<String, Value>, Box<dyn Error>> {
    let table = account.output("LedgerTable")?.to_owned();
    let mut records = BTreeMap::new();
    let mut start = Value::Null;
    loop {
        let mut scan = json!({ "TableName": table, "ConsistentRead": true });
        if let (Value::Object(key), Some(scan)) = (&start, scan.as_object_mut()) {
            scan.insert("ExclusiveStartKey".to_owned(), Value::Object(key.clone()));
        }
        let mut page = account.call("dynamodb:Scan", scan).await?;
        for item in page.pointer("/Items").and_then(Value::as_array).into_iter().flatten() {
            let record = Value::Object(
                item.as_object()
                    .into_iter()
                    .flatten()
                    .map(|(name, value)| (name.clone(), plain(value)))
                    .collect(),
            );
            if let Some(key) = text(&record, "/pk") {
                records.insert(key, record);
            }
        }
        start = page.get_mut("LastEvaluatedKey").map(Value::take).unwrap_or_default();
        if start.is_null() {
            return Ok(records);
        }
    }
}

/// `{"S": "x"}` → `"x"`, and so on.
fn plain(attribute: &Value) -> Value {
    let Some((kind, value)) = attribute.as_object().and_then(|one| one.iter().next()) else {
        return Value::Null;
    };
    match (kind.as_str(), value) {
        ("N", Value::String(number)) => number.parse().map_or(Value::Null, Value::Number),
        ("M", Value::Object(map)) => {
            Value::Object(map.iter().map(|(name, value)| (name.clone(), plain(value))).collect::<Map<_, _>>())
        }
        ("L", Value::Array(list)) => Value::Array(list.iter().map(plain).collect()),
        ("NULL", _) => Value::Null,
        (_, value) => value.clone(),
    }
}
