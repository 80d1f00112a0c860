//! What the sweep remembers, beside the records in the ledger's table.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::{operation::put_item::PutItemError, types::AttributeValue};
use jiff::Timestamp;
use plumb_model::Remediation;
use plumb_ports::{
    PortError,
    sweep::{Cursor, Known, SweepMemory},
};

use crate::{
    batch,
    clients::Aws,
    errors::{failed, unreadable},
    item::{from_attributes, from_item, to_attributes},
};

/// The key of the cursor's item.
const CURSOR: &str = "#sweep#cursor";

/// How long something counts as said, in seconds.
const KEPT: i64 = 400 * 24 * 60 * 60;

/// The sweep's items in the ledger's table.
#[derive(Debug)]
pub struct SweepTable<'a> {
    aws: &'a Aws,
    table: String,
}

impl<'a> SweepTable<'a> {
    /// In this table.
    pub fn new(aws: &'a Aws, table: String) -> Self {
        Self { aws, table }
    }
}

impl SweepMemory for SweepTable<'_> {
    async fn cursor(&self) -> Result<Option<Cursor>, PortError> {
        const OPERATION: &str = "dynamodb:GetItem";
        let get = self.aws.dynamodb().get_item().table_name(&self.table).consistent_read(true);
        let get = get.key("pk", AttributeValue::S(CURSOR.to_owned()));
        let answer = get.send().await.map_err(|error| failed(OPERATION, error))?;
        // One that another version wrote is as good as none: the sweep begins anew.
        Ok(answer.item.and_then(|item| from_attributes(item).ok()))
    }

    async fn remember(&self, cursor: Option<&Cursor>) -> Result<(), PortError> {
        const OPERATION: &str = "dynamodb:PutItem";
        let key = AttributeValue::S(CURSOR.to_owned());
        let Some(cursor) = cursor else {
            let delete = self.aws.dynamodb().delete_item().table_name(&self.table).key("pk", key);
            return delete.send().await.map(|_| ()).map_err(|error| failed("dynamodb:DeleteItem", error));
        };
        let mut item = to_attributes(cursor).map_err(|error| unreadable(OPERATION, "cursor", error))?;
        item.insert("pk".to_owned(), key);
        let put = self.aws.dynamodb().put_item().table_name(&self.table).set_item(Some(item));
        put.send().await.map(|_| ()).map_err(|error| failed(OPERATION, error))
    }

    async fn first_time(&self, what: &str, now: Timestamp) -> Result<bool, PortError> {
        let expires = now.as_second().saturating_add(KEPT);
        let said = self
            .aws
            .dynamodb()
            .put_item()
            .table_name(&self.table)
            .item("pk", AttributeValue::S(format!("#said#{what}")))
            .item("expires_at", AttributeValue::N(expires.to_string()))
            .condition_expression("attribute_not_exists(pk)")
            .send()
            .await;
        match said {
            Ok(_) => Ok(true),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(PutItemError::is_conditional_check_failed_exception) =>
            {
                Ok(false)
            }
            Err(error) => Err(failed("dynamodb:PutItem", error)),
        }
    }
}

impl Known for SweepTable<'_> {
    async fn known(&self, keys: &[String]) -> Result<BTreeMap<String, Remediation>, PortError> {
        let keys = keys.iter().map(|key| HashMap::from([("pk".to_owned(), AttributeValue::S(key.clone()))]));
        let items = batch::get(self.aws, &self.table, keys.collect(), false).await?;
        let records = items.into_iter().map(|item| from_item(item).map(|record| (record.key(), record)));
        let known = records.collect::<Result<_, _>>();
        known.map_err(|error| unreadable("dynamodb:BatchGetItem", "record", error))
    }
}
