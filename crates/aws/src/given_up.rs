//! Why messages could not be worked on: one item a message in the ledger's table, for whoever finds the message among the
//! dead letters. SQS keeps a message's id when it moves it there.

use aws_sdk_dynamodb::types::AttributeValue;
use plumb_ports::PortError;

use crate::{
    clients::Aws,
    errors::{failed, unreadable},
    item::{from_attributes, to_attributes},
    operator::GivenUp,
};

/// How long it is kept, in seconds: as long as a dead letter.
const KEPT: i64 = 14 * 24 * 60 * 60;

/// The notes on messages, in the ledger's table.
#[derive(Debug)]
pub struct MessageNotes<'a> {
    aws: &'a Aws,
    table: String,
}

impl<'a> MessageNotes<'a> {
    /// The notes in this table.
    pub fn new(aws: &'a Aws, table: String) -> Self {
        Self { aws, table }
    }

    /// Writes down why a message could not be worked on; a note from an earlier try is replaced.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn write(&self, message: &str, note: &GivenUp) -> Result<(), PortError> {
        const OPERATION: &str = "dynamodb:PutItem";
        let mut item = to_attributes(note).map_err(|error| unreadable(OPERATION, "note", error))?;
        item.insert("pk".to_owned(), AttributeValue::S(key(message)));
        let expires = note.at.as_second().saturating_add(KEPT);
        item.insert("expires_at".to_owned(), AttributeValue::N(expires.to_string()));
        let put = self.aws.dynamodb().put_item().table_name(&self.table).set_item(Some(item));
        put.send().await.map(|_| ()).map_err(|error| failed(OPERATION, error))
    }

    /// Why a message could not be worked on; none if nobody wrote it down.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn read(&self, message: &str) -> Result<Option<GivenUp>, PortError> {
        const OPERATION: &str = "dynamodb:GetItem";
        let get = self.aws.dynamodb().get_item().table_name(&self.table);
        let answer = get
            .key("pk", AttributeValue::S(key(message)))
            .send()
            .await
            .map_err(|error| failed(OPERATION, error))?;
        answer.item.map(from_attributes).transpose().map_err(|error| unreadable(OPERATION, "note", error))
    }
}

fn key(message: &str) -> String {
    format!("#message#{message}")
}
