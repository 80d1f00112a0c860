//! Many items or messages at once, to the end: what AWS leaves undone in an answer that is no error is asked for again.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher as _, Hasher as _},
    time::Duration,
};

use aws_sdk_dynamodb::types::{KeysAndAttributes, PutRequest, WriteRequest};
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use aws_smithy_async::rt::sleep::{AsyncSleep as _, TokioSleep};
use plumb_ports::{Class, PortError};

use crate::{
    clients::Aws,
    errors::{failed, malformed},
    item::Item,
};

/// `BatchGetItem` takes at most 100 keys, `BatchWriteItem` at most 25 puts.
const READS: usize = 100;
const WRITES: usize = 25;

/// How often the same rest is asked for again. `DynamoDB`'s guide says to wait longer each time; who waits longer than this
/// holds others up.
const TRIES: u32 = 6;

/// Items by their keys, in no order; those that are not there are left out.
///
/// # Errors
/// When a call fails, or `DynamoDB` keeps leaving keys unread: an item that was not read is not one that is not there.
pub(crate) async fn get(
    aws: &Aws,
    table: &str,
    keys: Vec<Item>,
    consistent: bool,
) -> Result<Vec<Item>, PortError> {
    const OPERATION: &str = "dynamodb:BatchGetItem";
    let mut found = Vec::new();
    for chunk in keys.chunks(READS) {
        let (mut keys, mut tries) = (chunk.to_vec(), 0);
        while !keys.is_empty() {
            let wanted = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(consistent);
            let wanted = wanted.build().map_err(|error| malformed(OPERATION, error))?;
            let asked = aws.dynamodb().batch_get_item().request_items(table, wanted);
            let answer = asked.send().await.map_err(|error| failed(OPERATION, error))?;
            found.extend(answer.responses.unwrap_or_default().into_values().flatten());
            let rest = answer.unprocessed_keys.unwrap_or_default().into_values();
            keys = rest.flat_map(|rest| rest.keys).collect();
            again(OPERATION, keys.len(), &mut tries).await?;
        }
    }
    Ok(found)
}

/// Writes items over whatever has their keys. No two of them may have the same one.
///
/// # Errors
/// When a call fails, or `DynamoDB` keeps leaving items unwritten.
pub(crate) async fn put(aws: &Aws, table: &str, items: Vec<Item>) -> Result<(), PortError> {
    const OPERATION: &str = "dynamodb:BatchWriteItem";
    let writes = items.into_iter().map(|item| {
        let put = PutRequest::builder().set_item(Some(item)).build();
        put.map(|put| WriteRequest::builder().put_request(put).build())
    });
    let writes: Vec<_> = writes.collect::<Result<_, _>>().map_err(|error| malformed(OPERATION, error))?;
    for chunk in writes.chunks(WRITES) {
        let (mut writes, mut tries) = (chunk.to_vec(), 0);
        while !writes.is_empty() {
            let asked = aws.dynamodb().batch_write_item().request_items(table, writes);
            let answer = asked.send().await.map_err(|error| failed(OPERATION, error))?;
            writes = answer.unprocessed_items.unwrap_or_default().into_values().flatten().collect();
            again(OPERATION, writes.len(), &mut tries).await?;
        }
    }
    Ok(())
}

/// Sends at most ten messages; how many were refused.
///
/// # Errors
/// When the call fails.
pub(crate) async fn send(aws: &Aws, queue_url: &str, bodies: &[String]) -> Result<usize, PortError> {
    const OPERATION: &str = "sqs:SendMessage";
    let entries = bodies.iter().enumerate().map(|(index, body)| {
        SendMessageBatchRequestEntry::builder().id(index.to_string()).message_body(body).build()
    });
    let entries = entries.collect::<Result<_, _>>().map_err(|error| malformed(OPERATION, error))?;
    let asked = aws.sqs().send_message_batch().queue_url(queue_url).set_entries(Some(entries));
    let answer = asked.send().await.map_err(|error| failed(OPERATION, error))?;
    Ok(answer.failed.len())
}

/// Waits before a rest is asked for again; an error if that was done often enough.
async fn again(operation: &'static str, left: usize, tries: &mut u32) -> Result<(), PortError> {
    if left == 0 {
        return Ok(());
    }
    if *tries == TRIES {
        let code = format!("{left} left undone");
        return Err(PortError { operation, code, class: Class::Retry, source: None });
    }
    TokioSleep::new().sleep(pause(*tries)).await;
    *tries += 1;
    Ok(())
}

/// Doubling from 10 ms to a quarter of a second, of which a random part, so that those who met don't meet again.
pub(crate) fn pause(tries: u32) -> Duration {
    let most = 10_u64.saturating_mul(1 << tries.min(5)).min(250);
    let random = RandomState::new().build_hasher().finish();
    Duration::from_millis(most / 2 + random % (most / 2 + 1))
}
