//! Waiting for an image, for `aws:createImage` and `aws:copyImage`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Call, Done};
use crate::{
    execution::FailureType,
    failure::{Doing, Failure},
};

/// Makes an image by an API, and waits until it is there.
pub(super) async fn made(
    call: &Call<'_>,
    api: &str,
    parameters: Map<String, Value>,
) -> Result<Done, Failure> {
    let answer = call.request("ec2", api, parameters).await?;
    let id = answer.get("ImageId").and_then(Value::as_str).unwrap_or_default().to_owned();
    let asked = Map::from_iter([("ImageIds".to_owned(), json!([id]))]);
    let payload = call
        .until("ec2", "DescribeImages", &asked, |seen| {
            let state = seen.pointer("/Images/0/State").and_then(Value::as_str).unwrap_or_default();
            match state {
                "available" => Ok(Some(seen.clone())),
                "failed" | "error" | "invalid" | "deregistered" => {
                    let reason = format!("Image {id} is {state}");
                    Err(Failure::new(Doing::Polling, FailureType::Action, &reason))
                }
                _ => Ok(None),
            }
        })
        .await?;
    let outputs =
        BTreeMap::from([("ImageId".to_owned(), json!(id)), ("ImageState".to_owned(), json!("available"))]);
    Ok(Done { payload, outputs, ..Done::default() })
}
