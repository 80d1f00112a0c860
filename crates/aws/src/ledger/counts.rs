//! The counters, as items of the ledger's table. No attribute is one of DynamoDB's reserved words, as `fixed` is.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    error::BuildError,
    types::{AttributeValue, ConditionCheck, TransactWriteItem, Update},
};
use plumb_model::{Count, Counter, Hour, Stopped, Tally, Usage};
use plumb_ports::{Class, PortError};
use serde_json::Value;

use crate::item::Item;

/// How long an hour's counters are kept after it: nothing reads them, but people may.
const KEPT: i64 = 3 * 24 * 3600;

fn number(value: impl Into<i64>) -> AttributeValue {
    AttributeValue::N(value.into().to_string())
}

fn expiry(hour: Hour) -> AttributeValue {
    number(hour.end().as_second().saturating_add(KEPT))
}

/// What one count writes, and under which condition.
pub(super) fn write(table: &str, count: &Count) -> Result<TransactWriteItem, BuildError> {
    let update = || Update::builder().table_name(table).key("pk", AttributeValue::S(count.key()));
    let update = match count {
        Count::Take { counter, limit } => {
            let add = add(update(), counter, 1);
            match limit {
                Some(limit) => add
                    .condition_expression("attribute_not_exists(taken) OR taken < :limit")
                    .expression_attribute_values(":limit", number(*limit)),
                None => add,
            }
        }
        Count::Give(counter) => add(update(), counter, -1),
        Count::NotStopped { now, .. } => {
            let check = ConditionCheck::builder()
                .table_name(table)
                .key("pk", AttributeValue::S(count.key()))
                .condition_expression("attribute_not_exists(stopped_until) OR stopped_until <= :now")
                .expression_attribute_values(":now", number(now.as_second()))
                .build()?;
            return Ok(TransactWriteItem::builder().condition_check(check).build());
        }
        Count::Ended { hour, failed, seen, .. } => {
            let update = update()
                .update_expression(if *failed {
                    "SET expires_at = :expires ADD ended_failed :one"
                } else {
                    "SET expires_at = :expires ADD ended_fixed :one"
                })
                .expression_attribute_values(":expires", expiry(*hour))
                .expression_attribute_values(":one", number(1));
            match seen {
                None => update,
                Some(0) => update.condition_expression("attribute_not_exists(ended_failed)"),
                Some(seen) => update
                    .condition_expression("ended_failed = :seen")
                    .expression_attribute_values(":seen", AttributeValue::N(seen.to_string())),
            }
        }
        Count::Stop { until, because, .. } => update()
            .update_expression("SET stopped_until = :until, stopped_because = :because")
            .expression_attribute_values(":until", number(until.as_second()))
            .expression_attribute_values(":because", AttributeValue::S(because.clone())),
    };
    Ok(TransactWriteItem::builder().update(update.build()?).build())
}

fn add(
    update: aws_sdk_dynamodb::types::builders::UpdateBuilder,
    counter: &Counter,
    by: i64,
) -> aws_sdk_dynamodb::types::builders::UpdateBuilder {
    let update = update.expression_attribute_values(":by", number(by));
    match counter.hour() {
        Some(hour) => update
            .update_expression("SET expires_at = :expires ADD taken :by")
            .expression_attribute_values(":expires", expiry(hour)),
        None => update.update_expression("ADD taken :by"),
    }
}

/// The counters as they stand.
pub(super) fn usage(items: Vec<Item>, breaker: &str, tallies: &[String; 2]) -> Usage {
    let mut usage = Usage::default();
    for item in items {
        let Some(key) = item.get("pk").and_then(|key| key.as_s().ok()).cloned() else { continue };
        let [this_hour, last_hour] = tallies;
        if key == breaker {
            let until = signed(&item, "stopped_until").and_then(|at| jiff::Timestamp::from_second(at).ok());
            let because = item.get("stopped_because").and_then(|text| text.as_s().ok());
            usage.stopped =
                until.map(|until| Stopped { until, because: because.cloned().unwrap_or_default() });
        } else if key == *this_hour {
            usage.this_hour = tally(&item);
        } else if key == *last_hour {
            usage.last_hour = tally(&item);
        } else {
            usage.counters.insert(key, unsigned(&item, "taken"));
        }
    }
    usage
}

fn tally(item: &Item) -> Tally {
    Tally { fixed: unsigned(item, "ended_fixed"), failed: unsigned(item, "ended_failed") }
}

fn signed(item: &Item, name: &str) -> Option<i64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

fn unsigned(item: &Item, name: &str) -> u64 {
    signed(item, name).and_then(|value| u64::try_from(value).ok()).unwrap_or(0)
}

/// A page's end as text: the key's attributes, all of them texts.
pub(super) fn token_of_key(key: Item) -> String {
    let texts =
        key.into_iter().filter_map(|(name, value)| Some((name, Value::String(value.as_s().ok()?.clone()))));
    Value::Object(texts.collect()).to_string()
}

/// The key of a page's end.
pub(super) fn key_of_token(operation: &'static str, token: &str) -> Result<Item, PortError> {
    let texts: HashMap<String, String> = serde_json::from_str(token).map_err(|error| PortError {
        operation,
        code: "not a token of this list".to_owned(),
        class: Class::Permanent,
        source: Some(Box::new(error)),
    })?;
    Ok(texts.into_iter().map(|(name, text)| (name, AttributeValue::S(text))).collect())
}
