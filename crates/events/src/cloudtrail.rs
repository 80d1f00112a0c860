//! API calls, as CloudTrail records them.

use plumb_model::{Signal, Source, Standing, Subject};
use serde_json::Value;

use crate::{
    Content,
    envelope::Envelope,
    json::{self, Look, Wrong, quote},
    time,
};

/// A record: the detail of an EventBridge event, or on its own.
pub(crate) fn call(event: Envelope) -> Result<Content, Wrong> {
    let record = &event.detail;
    let service = event.required("/eventSource")?.to_owned();
    let name = event.required("/eventName")?.to_owned();
    if record.text("/eventType") == Some("AwsServiceEvent") {
        return Ok(Content::Ignored(format!("{} is a service's own event, no API call", quote(&name))));
    }
    if is_true(record.at("/readOnly")) {
        return Ok(Content::Ignored(format!("{} only reads", quote(&name))));
    }
    // The recipient is whose event it is: in a call across accounts, the resource's owner gets a record of his own.
    let account = record
        .text("/recipientAccountId")
        .or(event.account.as_deref())
        .or(record.text("/userIdentity/accountId"));
    let account = json::account("recipientAccountId", account)?;
    let region = event.region("/awsRegion")?;
    let standing = match record.text("/errorCode") {
        Some(code) => Standing::CallFailed { code: code.to_owned() },
        None => Standing::Violating,
    };
    let observed_at = time::parse(record.at("/eventTime")).or(event.time);
    let event_id = event.id.clone().or_else(|| record.text("/eventID").map(str::to_owned));
    Ok(Content::Signals(vec![Signal {
        sender: event.sender_beside(&account),
        source: Source::ApiCall { service, name },
        subject: Subject::Call { account, region, record: event.detail },
        standing,
        observed_at,
        event_id,
    }]))
}

fn is_true(value: &Value) -> bool {
    value.as_bool() == Some(true) || value.as_str() == Some("true")
}
