//! The bus, the topic, OpsCenter, Security Hub and the digest's queue.

use aws_sdk_sqs::types::DeleteMessageBatchRequestEntry;
use aws_sdk_ssm::{
    operation::create_ops_item::CreateOpsItemError,
    types::{OpsItemDataType, OpsItemDataValue},
};
use plumb_model::{Severity, Transition};
use plumb_ports::{
    Class, PortError,
    tell::{Bus, Digest, Line, Message, Note, Notes, OpsItem, OpsItems, Topic, Waiting},
};
use serde_json::{Value, json};

use crate::{
    batch,
    clients::Aws,
    errors::{failed, incomplete, malformed},
};

/// The custom event bus.
#[derive(Debug)]
pub struct EventBus<'a> {
    aws: &'a Aws,
    name: String,
}

impl<'a> EventBus<'a> {
    /// The bus of this name.
    pub fn new(aws: &'a Aws, name: String) -> Self {
        Self { aws, name }
    }
}

impl Bus for EventBus<'_> {
    async fn put(&self, transitions: &[&Transition]) -> Result<Vec<usize>, PortError> {
        const OPERATION: &str = "events:PutEvents";
        let entries: Vec<_> = transitions
            .iter()
            .map(|transition| {
                json!({
                    "EventBusName": self.name,
                    "Source": Transition::SOURCE,
                    "DetailType": Transition::DETAIL_TYPE,
                    "Time": transition.at.as_second(),
                    "Resources": [transition.resource.id],
                    "Detail": json!(transition).to_string(),
                })
            })
            .collect();
        let body = json!({ "Entries": entries });
        let answer = self.aws.signed().json(OPERATION, "events", "AWSEvents.PutEvents", &body).await?;
        let results = answer.get("Entries").and_then(Value::as_array);
        let results = results.ok_or_else(|| incomplete(OPERATION, "entries"))?;
        // As many results as entries, in their order; a refused one has an error code and no event id.
        Ok((0..transitions.len())
            .filter(|place| results.get(*place).and_then(|result| result.get("EventId")?.as_str()).is_none())
            .collect())
    }
}

/// The topic for people.
#[derive(Debug)]
pub struct SnsTopic<'a> {
    aws: &'a Aws,
    arn: String,
}

impl<'a> SnsTopic<'a> {
    /// The topic of this ARN.
    pub fn new(aws: &'a Aws, arn: String) -> Self {
        Self { aws, arn }
    }
}

impl Topic for SnsTopic<'_> {
    async fn publish(&self, message: &Message) -> Result<(), PortError> {
        let mut parameters = vec![
            ("TopicArn".to_owned(), self.arn.clone()),
            ("Subject".to_owned(), message.subject.clone()),
            ("Message".to_owned(), message.text.clone()),
        ];
        for (index, (name, value)) in message.attributes.iter().enumerate() {
            let entry = format!("MessageAttributes.entry.{}", index + 1);
            parameters.push((format!("{entry}.Name"), (*name).to_owned()));
            parameters.push((format!("{entry}.Value.DataType"), "String".to_owned()));
            parameters.push((format!("{entry}.Value.StringValue"), value.clone()));
        }
        let parameters: Vec<_> =
            parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.aws.signed().query("sns:Publish", "sns", "2010-03-31", &parameters).await.map(drop)
    }
}

/// Systems Manager OpsCenter in this account and Region.
#[derive(Debug)]
pub struct OpsCenter<'a>(pub &'a Aws);

impl OpsItems for OpsCenter<'_> {
    async fn open(&self, item: &OpsItem) -> Result<String, PortError> {
        const OPERATION: &str = "ssm:CreateOpsItem";
        let value = |kind: OpsItemDataType, text: String| {
            OpsItemDataValue::builder().r#type(kind).value(text).build()
        };
        // `/aws/dedup`, `/aws/resources` and `/aws/automations` are the keys that OpsCenter itself reads.
        let mut request = self
            .0
            .ssm()
            .create_ops_item()
            .title(&item.title)
            .description(&item.description)
            .source("Plumb")
            .category(item.category)
            .severity(match item.severity {
                Severity::Critical => "1",
                Severity::High => "2",
                Severity::Medium => "3",
                Severity::Low => "4",
            })
            .operational_data(
                "/aws/dedup",
                value(OpsItemDataType::SearchableString, json!({ "dedupString": item.dedup }).to_string()),
            );
        if let Some(arn) = &item.resource_arn {
            let resources = json!([{ "arn": arn }]).to_string();
            request = request
                .operational_data("/aws/resources", value(OpsItemDataType::SearchableString, resources));
        }
        if let Some(document) = &item.document {
            let runbooks = json!([{ "automationType": "AWS::SSM::Automation", "automationId": document }]);
            request = request.operational_data(
                "/aws/automations",
                value(OpsItemDataType::SearchableString, runbooks.to_string()),
            );
        }
        for (name, text) in &item.data {
            request = request.operational_data(*name, value(OpsItemDataType::SearchableString, text.clone()));
        }
        match request.send().await {
            Ok(answer) => answer.ops_item_id.ok_or_else(|| incomplete(OPERATION, "id")),
            Err(error) => match error.as_service_error() {
                Some(CreateOpsItemError::OpsItemAlreadyExistsException(open)) => {
                    Ok(open.ops_item_id.clone().unwrap_or_else(|| "one that is open already".to_owned()))
                }
                _ => Err(failed(OPERATION, error)),
            },
        }
    }
}

/// Security Hub in this account and Region.
#[derive(Debug)]
pub struct FindingNotes<'a>(pub &'a Aws);

impl Notes for FindingNotes<'_> {
    async fn write(&self, note: &Note) -> Result<(), PortError> {
        const OPERATION: &str = "securityhub:BatchUpdateFindings";
        let body = json!({
            "FindingIdentifiers": [{ "Id": note.finding.id, "ProductArn": note.finding.product_arn }],
            "Note": { "Text": note.text, "UpdatedBy": "Plumb" },
            "Workflow": { "Status": note.workflow },
        });
        let at = ("PATCH", "/findings/batchupdate");
        let answer = self.0.signed().rest(OPERATION, "securityhub", at, &body).await?;
        let refused = answer.pointer("/UnprocessedFindings/0");
        match refused {
            None => Ok(()),
            Some(refused) => {
                let text = |name: &str| refused.get(name).and_then(Value::as_str).map(str::to_owned);
                Err(PortError {
                    operation: OPERATION,
                    code: text("ErrorCode").unwrap_or_else(|| "unprocessed".to_owned()),
                    class: match text("ErrorCode").as_deref() {
                        Some("ConcurrentUpdateError" | "InternalFailure") => Class::Retry,
                        _ => Class::Permanent,
                    },
                    source: text("ErrorMessage").map(Into::into),
                })
            }
        }
    }
}

/// The queue of lines for the next digest.
#[derive(Debug)]
pub struct DigestQueue<'a> {
    aws: &'a Aws,
    url: String,
}

impl<'a> DigestQueue<'a> {
    /// The queue at this URL.
    pub fn new(aws: &'a Aws, url: String) -> Self {
        Self { aws, url }
    }
}

impl Digest for DigestQueue<'_> {
    async fn add(&self, lines: &[Line]) -> Result<(), PortError> {
        let bodies: Vec<_> = lines.iter().map(|line| json!(line).to_string()).collect();
        not_all_taken("sqs:SendMessage", batch::send(self.aws, &self.url, &bodies).await?)
    }

    async fn next(&self) -> Result<Vec<Waiting>, PortError> {
        let answer = self
            .aws
            .sqs()
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(10)
            .wait_time_seconds(1)
            .send()
            .await
            .map_err(|error| failed("sqs:ReceiveMessage", error))?;
        let messages = answer.messages.unwrap_or_default().into_iter();
        Ok(messages
            .filter_map(|message| {
                let line = message.body.and_then(|body| serde_json::from_str(&body).ok());
                Some(Waiting { receipt: message.receipt_handle?, line })
            })
            .collect())
    }

    async fn delete(&self, told: &[Waiting]) -> Result<(), PortError> {
        const OPERATION: &str = "sqs:DeleteMessage";
        let mut request = self.aws.sqs().delete_message_batch().queue_url(&self.url);
        for (index, waiting) in told.iter().enumerate() {
            let entry = DeleteMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .receipt_handle(&waiting.receipt)
                .build()
                .map_err(|error| malformed(OPERATION, error))?;
            request = request.entries(entry);
        }
        let answer = request.send().await.map_err(|error| failed(OPERATION, error))?;
        not_all_taken(OPERATION, answer.failed.len())
    }
}

fn not_all_taken(operation: &'static str, refused: usize) -> Result<(), PortError> {
    if refused == 0 {
        return Ok(());
    }
    Err(PortError { operation, code: format!("{refused} refused"), class: Class::Retry, source: None })
}
