//! The history in DynamoDB: what happened to each resource, and by which ways it was told.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::{operation::update_item::UpdateItemError, types::AttributeValue};
use jiff::Timestamp;
use plumb_model::Transition;
use plumb_ports::{
    PortError,
    tell::{Entry, History},
};
use uuid::Uuid;

use crate::{
    batch,
    clients::Aws,
    errors::{failed, unreadable},
    item::{Item, from_attributes, to_attributes},
};

/// How long a line is kept, in seconds: as long as the ledger keeps a record.
const KEPT: i64 = 400 * 24 * 60 * 60;

/// How long it is remembered that something was said, in seconds.
const SAID: i64 = 30 * 24 * 60 * 60;

/// The table of what happened: key `resource_id`, sort key `at_id` (time and transition).
#[derive(Debug)]
pub struct HistoryTable<'a> {
    aws: &'a Aws,
    table: String,
}

impl<'a> HistoryTable<'a> {
    /// The history in this table.
    pub fn new(aws: &'a Aws, table: String) -> Self {
        Self { aws, table }
    }

    /// Everything that happened to the resources of an id, oldest first.
    ///
    /// # Errors
    /// When the table can't be read, or a line of it.
    pub async fn of(&self, resource_id: &str) -> Result<Vec<Entry>, PortError> {
        const OPERATION: &str = "dynamodb:Query";
        let (mut entries, mut from) = (Vec::new(), None);
        loop {
            let answer = self
                .aws
                .dynamodb()
                .query()
                .table_name(&self.table)
                .key_condition_expression("#resource = :resource")
                .expression_attribute_names("#resource", "resource_id")
                .expression_attribute_values(":resource", AttributeValue::S(resource_id.to_owned()))
                .set_exclusive_start_key(from)
                .send()
                .await
                .map_err(|error| failed(OPERATION, error))?;
            for item in answer.items.unwrap_or_default() {
                entries.push(entry_of(OPERATION, item)?);
            }
            from = answer.last_evaluated_key;
            if from.is_none() {
                return Ok(entries);
            }
        }
    }
}

impl History for HistoryTable<'_> {
    async fn told(&self, transitions: &[&Transition]) -> Result<BTreeMap<Uuid, Entry>, PortError> {
        let keys = transitions.iter().copied().map(key).collect();
        let items = batch::get(self.aws, &self.table, keys, true).await?;
        let entries = items.into_iter().map(|item| entry_of("dynamodb:BatchGetItem", item));
        entries.map(|entry| entry.map(|entry| (entry.transition.id, entry))).collect()
    }

    async fn record(&self, entries: &[Entry]) -> Result<(), PortError> {
        const OPERATION: &str = "dynamodb:BatchWriteItem";
        // A batch that names an item twice is refused as a whole; the later one of two is the one that counts.
        let entries: BTreeMap<_, _> = entries.iter().map(|entry| (entry.transition.id, entry)).collect();
        let items = entries.into_values().map(|entry| {
            let mut item = to_attributes(entry).map_err(|error| unreadable(OPERATION, "history", error))?;
            item.extend(key(&entry.transition));
            let expires = entry.transition.at.as_second().saturating_add(KEPT);
            item.insert("expires_at".to_owned(), AttributeValue::N(expires.to_string()));
            Ok(item)
        });
        batch::put(self.aws, &self.table, items.collect::<Result<_, _>>()?).await
    }

    async fn is_said(&self, what: &str) -> Result<bool, PortError> {
        const OPERATION: &str = "dynamodb:GetItem";
        let get = self.aws.dynamodb().get_item().table_name(&self.table).set_key(Some(said(what)));
        let answer = get.consistent_read(true).send().await.map_err(|error| failed(OPERATION, error))?;
        Ok(answer.item.is_some())
    }

    async fn say(&self, what: &str, now: Timestamp) -> Result<(), PortError> {
        let mut item = said(what);
        let expires = now.as_second().saturating_add(SAID);
        item.insert("expires_at".to_owned(), AttributeValue::N(expires.to_string()));
        let put = self.aws.dynamodb().put_item().table_name(&self.table).set_item(Some(item));
        put.send().await.map(|_| ()).map_err(|error| failed("dynamodb:PutItem", error))
    }

    async fn take_one(&self, what: &str, of: u32, now: Timestamp) -> Result<bool, PortError> {
        const OPERATION: &str = "dynamodb:UpdateItem";
        let hour = now.as_second().div_euclid(3600);
        let taken = self
            .aws
            .dynamodb()
            .update_item()
            .table_name(&self.table)
            .key("resource_id", AttributeValue::S(format!("#{what}")))
            .key("at_id", AttributeValue::S(hour.to_string()))
            .update_expression("ADD taken :one SET expires_at = :expires")
            .condition_expression("attribute_not_exists(taken) OR taken < :of")
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .expression_attribute_values(":of", AttributeValue::N(of.to_string()))
            .expression_attribute_values(
                ":expires",
                AttributeValue::N(hour.saturating_add(48).saturating_mul(3600).to_string()),
            )
            .send()
            .await;
        match taken {
            Ok(_) => Ok(true),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(UpdateItemError::is_conditional_check_failed_exception) =>
            {
                Ok(false)
            }
            Err(error) => Err(failed(OPERATION, error)),
        }
    }
}

/// The key of something that was said. No resource's id begins with `#`.
fn said(what: &str) -> Item {
    [("resource_id", "#said"), ("at_id", what)]
        .map(|(name, value)| (name.to_owned(), AttributeValue::S(value.to_owned())))
        .into()
}

/// Sorted by time, so the time has all its digits; the id tells apart what happened at the same time.
fn key(transition: &Transition) -> Item {
    let at = format!("{:.9}#{}", transition.at, transition.id);
    [("resource_id", transition.resource.id.clone()), ("at_id", at)]
        .map(|(name, value)| (name.to_owned(), AttributeValue::S(value)))
        .into()
}

fn entry_of(operation: &'static str, item: Item) -> Result<Entry, PortError> {
    from_attributes(item).map_err(|error| unreadable(operation, "history", error))
}
