//! The ledger in DynamoDB.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use plumb_model::{Remediation, State};
use plumb_ports::{Class, Ledger, PortError, Written};
use serde_json::Value;

use crate::{
    clients::Aws,
    errors::failed,
    item::{Item, from_item, to_item},
};

/// The global secondary index from an execution's id to its record.
const BY_EXECUTION: &str = "by-execution";

/// The table of remediations: one item a resource and control, key `pk`.
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
}

impl Ledger for DynamoLedger<'_> {
    async fn write(
        &self,
        record: &Remediation,
        expected: Option<&Remediation>,
    ) -> Result<Written, PortError> {
        const OPERATION: &str = "dynamodb:PutItem";
        let item = to_item(record).map_err(|error| unreadable(OPERATION, error))?;
        let put = self
            .aws
            .dynamodb()
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let put = match expected {
            None => put.condition_expression("attribute_not_exists(pk)"),
            Some(expected) => put
                .condition_expression(
                    "generation = :generation AND #state = :state AND updated_at = :updated_at",
                )
                .expression_attribute_names("#state", "state")
                .expression_attribute_values(
                    ":generation",
                    AttributeValue::N(expected.generation.to_string()),
                )
                .expression_attribute_values(":state", AttributeValue::S(word(expected.state)))
                .expression_attribute_values(
                    ":updated_at",
                    AttributeValue::S(expected.updated_at.to_string()),
                ),
        };
        let Err(error) = put.send().await else { return Ok(Written::Yes) };
        let held = match error.as_service_error() {
            Some(service) if service.is_conditional_check_failed_exception() => match service {
                aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException(
                    held,
                ) => held.item().cloned(),
                _ => None,
            },
            _ => return Err(failed(OPERATION, error)),
        };
        match held {
            Some(item) => Ok(Written::Held(Box::new(record_of(OPERATION, item)?))),
            // Nothing stands there any more, or the endpoint did not say what does: read it.
            None => match self.get(&record.key()).await? {
                Some(standing) => Ok(Written::Held(Box::new(standing))),
                None => Err(PortError {
                    operation: OPERATION,
                    code: "the expected record is gone".to_owned(),
                    class: Class::Retry,
                    source: None,
                }),
            },
        }
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
}

fn word(state: State) -> String {
    match serde_json::to_value(state) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}

fn record_of(operation: &'static str, item: Item) -> Result<Remediation, PortError> {
    from_item(item).map_err(|error| unreadable(operation, error))
}

fn unreadable(operation: &'static str, error: serde_json::Error) -> PortError {
    PortError {
        operation,
        code: "unreadable record".to_owned(),
        class: Class::Permanent,
        source: Some(Box::new(error)),
    }
}
