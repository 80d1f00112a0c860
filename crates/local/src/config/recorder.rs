//! The one configuration recorder.

use serde_json::{Value, json};

use crate::service::{AwsError, Request};

const NAME: &str = "default";

/// `DescribeConfigurationRecorders`.
pub(super) fn recorders(request: &Request) -> Result<Value, AwsError> {
    known(request)?;
    Ok(json!({"ConfigurationRecorders": [{
        "arn": arn(request),
        "name": NAME,
        "roleARN": format!(
            "arn:aws:iam::{}:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig",
            request.account
        ),
        "recordingGroup": {
            "allSupported": true,
            "includeGlobalResourceTypes": true,
            "resourceTypes": [],
            "recordingStrategy": {"useOnly": "ALL_SUPPORTED_RESOURCE_TYPES"},
        },
        "recordingMode": {"recordingFrequency": "CONTINUOUS"},
        "recordingScope": "PAID",
    }]}))
}

/// `DescribeConfigurationRecorderStatus`.
pub(super) fn statuses(request: &Request) -> Result<Value, AwsError> {
    known(request)?;
    Ok(json!({"ConfigurationRecordersStatus": [{
        "arn": arn(request), "name": NAME, "recording": true, "lastStatus": "SUCCESS",
    }]}))
}

fn known(request: &Request) -> Result<(), AwsError> {
    let asked = request.body.get("ConfigurationRecorderNames").and_then(Value::as_array);
    match asked.into_iter().flatten().filter_map(Value::as_str).find(|name| *name != NAME) {
        None => Ok(()),
        Some(name) => Err(AwsError::client(
            "NoSuchConfigurationRecorderException",
            format!("Cannot find configuration recorder with the specified name '{name}'."),
        )),
    }
}

fn arn(request: &Request) -> String {
    format!("arn:aws:config:{}:{}:configuration-recorder/{NAME}/local", request.region, request.account)
}
