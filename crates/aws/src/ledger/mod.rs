//! The ledger in DynamoDB.

mod counts;
mod transaction;

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    operation::put_item::PutItemError,
    types::{AttributeValue, ReturnValuesOnConditionCheckFailure},
};
use jiff::Timestamp;
use plumb_model::{Change, Counter, Hour, Remediation, Usage, breaker_key, tally_key};
use plumb_ports::{Class, Ledger, Page, PortError, Written};

use crate::{
    batch,
    clients::Aws,
    errors::{failed, unreadable},
    item::{DUE, Item, from_item, to_item},
};

/// The global secondary index from an execution's id to its record.
const BY_EXECUTION: &str = "by-execution";

/// The global secondary index of the records that someone has to come back to, by when.
const BY_DUE: &str = "by-due";

/// The table of remediations: one item a resource and control, and one a counter; key `pk`.
#[derive(Debug)]
pub struct DynamoLedger<'a> {
    aws: &'a Aws,
    table: String,
}

impl<'a> DynamoLedger<'a> {
    /// The ledger in this table.
    pub fn new(aws: &'a Aws, table: String) -> Self {
        Self { aws, table }
    }

    /// A change that counts nothing: one item, half of a transaction's price.
    async fn put(&self, change: &Change) -> Result<Written, PortError> {
        const OPERATION: &str = "dynamodb:PutItem";
        let (condition, values) = condition(change.expected.as_ref());
        let answer = self
            .aws
            .dynamodb()
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item_of(OPERATION, &change.record)?))
            .condition_expression(condition)
            .set_expression_attribute_values(values)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = answer else { return Ok(Written::Yes) };
        let held = match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(held)) => held.item().cloned(),
            _ => return Err(failed(OPERATION, error)),
        };
        match self.standing(OPERATION, held, change).await? {
            // An earlier try of this very write, whose answer was lost.
            standing if *standing == change.record => Ok(Written::Yes),
            standing => Ok(Written::Held(standing)),
        }
    }

    /// The record that stands in a change's way: from the refusal, or read where the endpoint did not say.
    async fn standing(
        &self,
        operation: &'static str,
        held: Option<Item>,
        change: &Change,
    ) -> Result<Box<Remediation>, PortError> {
        match held {
            Some(item) => Ok(Box::new(record_of(operation, item)?)),
            None => match self.get(&change.record.key()).await? {
                Some(standing) => Ok(Box::new(standing)),
                None => Err(PortError {
                    operation,
                    code: "the expected record is gone".to_owned(),
                    class: Class::Retry,
                    source: None,
                }),
            },
        }
    }
}

impl Ledger for DynamoLedger<'_> {
    async fn write(&self, change: &Change) -> Result<Written, PortError> {
        if change.counts.is_empty() { self.put(change).await } else { self.transact(change).await }
    }

    async fn by_execution(&self, execution_id: &str) -> Result<Option<Remediation>, PortError> {
        const OPERATION: &str = "dynamodb:Query";
        let answer = self
            .aws
            .dynamodb()
            .query()
            .table_name(&self.table)
            .index_name(BY_EXECUTION)
            .key_condition_expression("execution_id = :execution")
            .expression_attribute_values(":execution", AttributeValue::S(execution_id.to_owned()))
            .limit(1)
            .send()
            .await
            .map_err(|error| failed(OPERATION, error))?;
        answer.items.unwrap_or_default().into_iter().next().map(|item| record_of(OPERATION, item)).transpose()
    }

    async fn get(&self, key: &str) -> Result<Option<Remediation>, PortError> {
        const OPERATION: &str = "dynamodb:GetItem";
        let answer = self
            .aws
            .dynamodb()
            .get_item()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(key.to_owned()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| failed(OPERATION, error))?;
        answer.item.map(|item| record_of(OPERATION, item)).transpose()
    }

    async fn usage(
        &self,
        record: &Remediation,
        counters: &[Counter],
        at: Timestamp,
    ) -> Result<Usage, PortError> {
        let hour = Hour::of(at);
        let breaker = breaker_key(&record.control);
        let tallies = [tally_key(&record.control, hour), tally_key(&record.control, hour.before())];
        let keys = counters.iter().map(Counter::key).chain([breaker.clone()]).chain(tallies.clone());
        let keys = keys.map(|key| HashMap::from([("pk".to_owned(), AttributeValue::S(key))])).collect();
        let items = batch::get(self.aws, &self.table, keys, true).await?;
        Ok(counts::usage(items, &breaker, &tallies))
    }

    async fn due(&self, now: Timestamp, next: Option<String>) -> Result<Page, PortError> {
        const OPERATION: &str = "dynamodb:Query";
        let start = next.map(|token| counts::key_of_token(OPERATION, &token)).transpose()?;
        let answer = self
            .aws
            .dynamodb()
            .query()
            .table_name(&self.table)
            .index_name(BY_DUE)
            .key_condition_expression("due = :due AND due_at <= :now")
            .expression_attribute_values(":due", AttributeValue::S(DUE.to_owned()))
            .expression_attribute_values(":now", AttributeValue::S(now.to_string()))
            .limit(100)
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(|error| failed(OPERATION, error))?;
        let records = answer
            .items
            .unwrap_or_default()
            .into_iter()
            .map(|item| record_of(OPERATION, item))
            .collect::<Result<_, _>>()?;
        Ok(Page { records, next: answer.last_evaluated_key.map(counts::token_of_key) })
    }
}

/// The condition under which a record may be replaced, and its values.
fn condition(expected: Option<&Remediation>) -> (&'static str, Option<Item>) {
    match expected {
        None => ("attribute_not_exists(pk)", None),
        Some(expected) => (
            "revision = :revision",
            Some(HashMap::from([(":revision".to_owned(), AttributeValue::N(expected.revision.to_string()))])),
        ),
    }
}

fn item_of(operation: &'static str, record: &Remediation) -> Result<Item, PortError> {
    to_item(record).map_err(|error| unreadable(operation, "record", error))
}

fn record_of(operation: &'static str, item: Item) -> Result<Remediation, PortError> {
    from_item(item).map_err(|error| unreadable(operation, "record", error))
}
