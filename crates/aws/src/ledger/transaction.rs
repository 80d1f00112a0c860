//! A change with what it counts: one `TransactWriteItems`, all or nothing.

use aws_sdk_dynamodb::{
    operation::transact_write_items::TransactWriteItemsError,
    types::{CancellationReason, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem},
};
use aws_smithy_async::rt::sleep::{AsyncSleep, TokioSleep};
use plumb_model::Change;
use plumb_ports::{Class, PortError, Written};

use super::{DynamoLedger, condition, counts, item_of};
use crate::{
    batch::pause,
    errors::{class_of, failed, malformed},
};

const OPERATION: &str = "dynamodb:TransactWriteItems";

/// How often a transaction is tried that met another one on a counter. Everybody counts on the same few items.
const TRIES: u32 = 8;

impl DynamoLedger<'_> {
    /// Writes a change and what it counts. The SDK gives each transaction a `ClientRequestToken`, so that one whose answer was
    /// lost and that is sent again is
    /// [not carried out twice](https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html).
    pub(super) async fn transact(&self, change: &Change) -> Result<Written, PortError> {
        let mut tries = 0;
        loop {
            match self.transact_once(change).await? {
                Some(written) => return Ok(written),
                None if tries < TRIES => {
                    TokioSleep::new().sleep(pause(tries)).await;
                    tries += 1;
                }
                None => {
                    return Err(PortError {
                        operation: OPERATION,
                        code: "TransactionConflict".to_owned(),
                        class: Class::Retry,
                        source: None,
                    });
                }
            }
        }
    }

    /// None when it met another transaction on the same item.
    async fn transact_once(&self, change: &Change) -> Result<Option<Written>, PortError> {
        let answer = self
            .aws
            .dynamodb()
            .transact_write_items()
            .set_transact_items(Some(self.items(change)?))
            .send()
            .await;
        let Err(error) = answer else { return Ok(Some(Written::Yes)) };
        let reasons = match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => {
                canceled.cancellation_reasons().to_vec()
            }
            _ => return Err(failed(OPERATION, error)),
        };
        let refused = |reason: &CancellationReason| reason.code() == Some("ConditionalCheckFailed");
        // What stands there comes before what is counted: the plan made anew may count nothing.
        if let Some(record) = reasons.first().filter(|reason| refused(reason)) {
            let standing = self.standing(OPERATION, record.item().cloned(), change).await?;
            return Ok(Some(Written::Held(standing)));
        }
        if reasons.iter().any(refused) {
            return Ok(Some(Written::Full));
        }
        let code = reasons.iter().filter_map(CancellationReason::code).find(|code| *code != "None");
        match code {
            Some("TransactionConflict") => Ok(None),
            Some(code @ ("ThrottlingError" | "ProvisionedThroughputExceeded")) => Err(PortError {
                operation: OPERATION,
                code: code.to_owned(),
                class: Class::Retry,
                source: Some(Box::new(error)),
            }),
            Some(code) => Err(PortError {
                operation: OPERATION,
                class: class_of(code, 400),
                code: code.to_owned(),
                source: Some(Box::new(error)),
            }),
            None => Err(failed(OPERATION, error)),
        }
    }

    /// The record first, then the counts in their order.
    fn items(&self, change: &Change) -> Result<Vec<TransactWriteItem>, PortError> {
        let (condition, values) = condition(change.expected.as_ref());
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(item_of(OPERATION, &change.record)?))
            .condition_expression(condition)
            .set_expression_attribute_values(values)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(|error| malformed(OPERATION, error))?;
        let mut items = vec![TransactWriteItem::builder().put(put).build()];
        for count in &change.counts {
            items.push(counts::write(&self.table, count).map_err(|error| malformed(OPERATION, error))?);
        }
        Ok(items)
    }
}
