//! Recognises what a piece of JSON is, and takes wrappers off until an event is left.

use plumb_model::{ClearRequest, DueRequest, REQUEST_SOURCE, RollbackRequest};
use serde_json::{Map, Value};

use crate::{
    Content, Kind, MAX_DEPTH, MAX_READINGS, Reading, automation, cloudtrail, config,
    envelope::Envelope,
    json::{Look, Wrong, name, quote},
    notice, ocsf, security_hub,
};

/// The readings so far; never more than [`MAX_READINGS`] and one.
#[derive(Debug, Default)]
pub(crate) struct Readings {
    list: Vec<Reading>,
    full: bool,
}

impl Readings {
    pub(crate) fn push(&mut self, kind: Kind, content: Content) {
        if self.full {
            return;
        }
        if self.list.len() < MAX_READINGS {
            self.list.push(Reading { kind, content });
        } else {
            self.full = true;
            let rest = format!("holds more than {MAX_READINGS} events: split it");
            self.list.push(Reading { kind: Kind::Malformed, content: Content::Rejected(rest) });
        }
    }

    pub(crate) fn ignore(&mut self, kind: Kind, reason: impl Into<String>) {
        self.push(kind, Content::Ignored(reason.into()));
    }

    pub(crate) fn reject(&mut self, kind: Kind, reason: impl Into<String>) {
        self.push(kind, Content::Rejected(reason.into()));
    }

    pub(crate) fn add(&mut self, kind: Kind, content: Result<Content, Wrong>) {
        self.push(kind, content.unwrap_or_else(Content::Rejected));
    }

    pub(crate) fn into_vec(mut self) -> Vec<Reading> {
        if self.list.is_empty() {
            self.ignore(Kind::Unknown, "holds no event");
        }
        self.list
    }
}

/// Reads JSON text, which may itself be what a wrapper held.
pub(crate) fn read_bytes(bytes: &[u8], depth: usize, readings: &mut Readings) {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return readings.reject(Kind::Malformed, "empty");
    }
    match serde_json::from_slice(bytes) {
        Ok(value) => read_value(value, depth, readings),
        Err(error) => readings.reject(Kind::Malformed, format!("not JSON: {error}")),
    }
}

fn read_value(value: Value, depth: usize, readings: &mut Readings) {
    if depth > MAX_DEPTH {
        return readings.reject(Kind::Malformed, format!("wrapped more than {MAX_DEPTH} deep"));
    }
    match value {
        Value::Object(object) => read_object(object, depth, readings),
        Value::Array(values) => read_array(values, depth, readings),
        // JSON in a JSON string: what some tools save.
        Value::String(text) if text.trim_start().starts_with(['{', '[', '"']) => {
            read_bytes(text.as_bytes(), depth + 1, readings);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            readings.ignore(Kind::Unknown, "not an event: a bare JSON value");
        }
    }
}

/// A batch. Elements of no known shape are counted, not listed one by one.
fn read_array(values: Vec<Value>, depth: usize, readings: &mut Readings) {
    if values.is_empty() {
        return readings.ignore(Kind::Unknown, "an empty array");
    }
    let mut unknown = 0_usize;
    for value in values {
        let known = value.as_object().is_some_and(|object| Shape::of(object) != Shape::Unknown);
        if known || value.is_array() {
            read_value(value, depth + 1, readings);
        } else {
            unknown += 1;
        }
    }
    if unknown > 0 {
        readings
            .ignore(Kind::Unknown, format!("{unknown} elements of an array have no shape that Plumb knows"));
    }
}

/// What an object is, by the keys that only it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    EventBridge,
    RuleInvocation,
    LambdaRecords,
    SnsMessage,
    SqsMessage,
    SqsMessages,
    LambdaDestination,
    ConfigNotification,
    ConfigurationItems,
    ConfigurationItem,
    CloudtrailRecord,
    Findings,
    Asff,
    Ocsf,
    Unknown,
}

impl Shape {
    fn of(object: &Map<String, Value>) -> Self {
        let has = |key: &str| object.contains_key(key);
        let is_list = |key: &str| object.get(key).is_some_and(Value::is_array);
        if has("detail-type") || (has("source") && has("detail")) {
            Self::EventBridge
        } else if has("invokingEvent")
            || (has("resultToken") && (has("configRuleName") || has("configRuleArn")))
        {
            Self::RuleInvocation
        } else if is_list("Records") {
            Self::LambdaRecords
        } else if has("Message") && (has("TopicArn") || has("Type")) {
            Self::SnsMessage
        } else if (has("body") && has("messageId")) || (has("Body") && has("MessageId")) {
            Self::SqsMessage
        } else if is_list("Messages") {
            Self::SqsMessages
        } else if has("requestPayload") && has("requestContext") {
            Self::LambdaDestination
        } else if has("newEvaluationResult") || has("messageType") {
            Self::ConfigNotification
        } else if is_list("configurationItems") {
            Self::ConfigurationItems
        } else if has("resourceType")
            && [
                "configurationItemStatus",
                "configurationItemState",
                "configurationItemCaptureTime",
                "configuration",
            ]
            .into_iter()
            .any(has)
        {
            Self::ConfigurationItem
        } else if has("eventName") && has("eventSource") {
            Self::CloudtrailRecord
        } else if is_list("findings") || is_list("Findings") {
            Self::Findings
        } else if has("class_uid") || has("finding_info") {
            Self::Ocsf
        } else if has("GeneratorId") || has("ProductArn") || (has("AwsAccountId") && has("Resources")) {
            Self::Asff
        } else {
            Self::Unknown
        }
    }
}

fn read_object(mut object: Map<String, Value>, depth: usize, readings: &mut Readings) {
    let shape = Shape::of(&object);
    let mut take = |key: &str| object.remove(key).unwrap_or(Value::Null);
    match shape {
        Shape::EventBridge => read_event(Value::Object(object), readings),
        Shape::RuleInvocation => {
            readings.add(Kind::ConfigRuleInvocation, config::rule_invocation(&Value::Object(object)));
        }
        Shape::LambdaRecords => read_records(take("Records"), depth, readings),
        Shape::SnsMessage => read_sns(Value::Object(object), depth, readings),
        Shape::SqsMessage => {
            let key = if object.contains_key("body") { "body" } else { "Body" };
            read_text(object.remove(key), depth, readings);
        }
        Shape::SqsMessages => read_value(take("Messages"), depth + 1, readings),
        Shape::LambdaDestination => read_value(take("requestPayload"), depth + 1, readings),
        Shape::ConfigNotification => {
            let (kind, content) = config::notification(Value::Object(object));
            readings.add(kind, content);
        }
        Shape::ConfigurationItems => read_value(take("configurationItems"), depth + 1, readings),
        Shape::ConfigurationItem => {
            let item = Envelope { detail: Value::Object(object), ..Envelope::default() };
            readings.add(Kind::ConfigurationItem, config::item(&item, &item.detail));
        }
        Shape::CloudtrailRecord => {
            let record = Envelope { detail: Value::Object(object), ..Envelope::default() };
            readings.add(Kind::CloudtrailRecord, cloudtrail::call(record));
        }
        Shape::Findings => {
            let key = if object.contains_key("findings") { "findings" } else { "Findings" };
            read_value(object.remove(key).unwrap_or(Value::Null), depth + 1, readings);
        }
        Shape::Asff => {
            let finding = Value::Object(object);
            readings.add(
                Kind::AsffFinding,
                security_hub::finding(&finding, &Envelope::default()).map(Content::Signals),
            );
        }
        Shape::Ocsf => {
            let finding = Value::Object(object);
            readings
                .add(Kind::OcsfFinding, ocsf::finding(&finding, &Envelope::default()).map(Content::Signals));
        }
        Shape::Unknown => {
            let keys: Vec<_> = object.keys().take(5).map(|key| quote(key)).collect();
            let keys = if keys.is_empty() { "none".to_owned() } else { keys.join(", ") };
            readings.ignore(Kind::Unknown, format!("no event that Plumb knows (its keys: {keys})"));
        }
    }
}

/// The text that a wrapper holds.
fn read_text(text: Option<Value>, depth: usize, readings: &mut Readings) {
    match text {
        Some(Value::String(text)) => read_value_or_words(&text, depth, readings),
        // Some tests and tools leave the body decoded.
        Some(value @ (Value::Object(_) | Value::Array(_))) => read_value(value, depth + 1, readings),
        _ => readings.reject(Kind::Message, "a message without a body"),
    }
}

fn read_value_or_words(text: &str, depth: usize, readings: &mut Readings) {
    if depth >= MAX_DEPTH {
        readings.reject(Kind::Malformed, format!("wrapped more than {MAX_DEPTH} deep"));
    } else if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
        readings.reject(Kind::Message, format!("the message {} is not JSON: {error}", quote(text)));
    } else {
        read_bytes(text.as_bytes(), depth + 1, readings);
    }
}

/// `Records` as Lambda gets them from SQS and SNS, or as CloudTrail writes them into its log files.
fn read_records(records: Value, depth: usize, readings: &mut Readings) {
    let Value::Array(records) = records else { return };
    if records.is_empty() {
        readings.ignore(Kind::Message, "an empty batch");
    }
    for mut record in records {
        if let Some(sns) = record.get_mut("Sns") {
            read_sns(sns.take(), depth, readings);
        } else if let Some(body) = record.get_mut("body") {
            read_text(Some(body.take()), depth, readings);
        } else if record.as_object().is_some_and(|object| Shape::of(object) == Shape::CloudtrailRecord)
            && record.text("/eventSource").is_some_and(|source| !source.starts_with("aws:"))
        {
            read_value(record, depth + 1, readings);
        } else if let Some("aws:sqs" | "aws:sns") =
            record.text("/eventSource").or(record.text("/EventSource"))
        {
            readings.reject(Kind::Message, "a message without a body");
        } else {
            let from = record
                .text("/eventSource")
                .map_or_else(String::new, |source| format!(" from {}", quote(source)));
            readings.ignore(Kind::Unknown, format!("a record{from} that holds no event"));
        }
    }
}

fn read_sns(mut message: Value, depth: usize, readings: &mut Readings) {
    match message.text("/Type") {
        Some("SubscriptionConfirmation" | "UnsubscribeConfirmation") => {
            readings.ignore(Kind::Message, "SNS wants a subscription confirmed; it holds no event");
        }
        _ => read_text(message.get_mut("Message").map(Value::take), depth, readings),
    }
}

/// An EventBridge event, by source and detail-type.
fn read_event(event: Value, readings: &mut Readings) {
    let mut event = match Envelope::open(event) {
        Ok(event) => event,
        Err(wrong) => return readings.reject(Kind::OtherEvent, wrong),
    };
    let (source, detail_type) = (event.source.clone(), event.detail_type.clone());
    match (source.as_str(), detail_type.as_str()) {
        // The sweep says what AWS Config holds to be non-compliant in AWS Config's own form.
        ("aws.config" | "plumb.sweep", "Config Rules Compliance Change") => {
            readings.add(Kind::ConfigComplianceChange, config::compliance_change(&event));
        }
        ("aws.config", "Config Configuration Item Change") => {
            readings.add(Kind::ConfigItemChange, config::item_change(&event));
        }
        ("aws.config", "Config Rules Re-evaluation Status") => {
            readings.ignore(Kind::ConfigReevaluation, "AWS Config only says that it evaluates again");
        }
        ("aws.config", _) if detail_type.ends_with("Delivery Status") => {
            readings.ignore(Kind::ConfigDelivery, "AWS Config only says that it delivered a file");
        }
        ("aws.securityhub", "Findings Imported V2") => {
            read_findings(Kind::SecurityHubV2, &event, ocsf::finding, readings);
        }
        ("aws.securityhub", "Security Hub Findings - Imported") => {
            read_findings(Kind::SecurityHubImported, &event, security_hub::finding, readings);
        }
        ("aws.securityhub", "Security Hub Findings - Custom Action") => {
            read_findings(Kind::SecurityHubAction, &event, security_hub::finding, readings);
        }
        ("aws.securityhub", "Security Hub Insight Results") => {
            readings.ignore(Kind::SecurityHubInsight, "an insight counts findings; it doesn't hold them");
        }
        (_, "AWS API Call via CloudTrail" | "AWS Console Action via CloudTrail")
            if source.starts_with("aws.") =>
        {
            readings.add(Kind::ApiCall, cloudtrail::call(event));
        }
        (_, _) if source.starts_with("aws.") && detail_type.ends_with("via CloudTrail") => {
            let reason = format!("no API call, but {}", quote(&detail_type));
            readings.ignore(Kind::CloudtrailOther, reason);
        }
        ("aws.ssm", "EC2 Automation Execution Status-change Notification") => {
            readings
                .add(Kind::AutomationExecution, automation::status(&event, false).map(Content::Automation));
        }
        ("aws.ssm", "EC2 Automation Step Status-change Notification") => {
            readings.add(Kind::AutomationStep, automation::status(&event, true).map(Content::Automation));
        }
        (REQUEST_SOURCE, RollbackRequest::DETAIL_TYPE) => {
            let content = requested(event.detail.take(), "a rollback request", Content::Rollback);
            readings.add(Kind::RollbackRequest, content);
        }
        (REQUEST_SOURCE, ClearRequest::DETAIL_TYPE) => {
            let content = requested(event.detail.take(), "a clear request", Content::Clear);
            readings.add(Kind::ClearRequest, content);
        }
        (REQUEST_SOURCE, DueRequest::DETAIL_TYPE) => {
            readings.add(Kind::DueRequest, requested(event.detail.take(), "a due record", Content::Due));
        }
        ("aws.events" | "aws.scheduler", "Scheduled Event") => {
            readings
                .ignore(Kind::Schedule, "a schedule's tick: `sweep` runs on those, and looks at everything");
        }
        _ => {
            let (kind, content) = notice::read(&event).unwrap_or_else(|| {
                let reason = format!("no control listens to {} from {}", quote(&detail_type), quote(&source));
                (Kind::OtherEvent, Ok(Content::Ignored(reason)))
            });
            readings.add(kind, content);
        }
    }
}

/// Every finding of the batch. One that is malformed takes nothing from the others.
fn read_findings(
    kind: Kind,
    event: &Envelope,
    read: fn(&Value, &Envelope) -> Result<Vec<plumb_model::Signal>, Wrong>,
    readings: &mut Readings,
) {
    let Some(findings) = event.detail.at("/findings").as_array() else {
        return readings.reject(kind, "`detail.findings` is missing");
    };
    let mut signals = Vec::new();
    let mut own_notes = 0_usize;
    for (index, finding) in findings.iter().enumerate() {
        // A person who sends a finding by a custom action means it, whoever wrote its note.
        if kind == Kind::SecurityHubImported && security_hub::is_own_note(finding) {
            own_notes += 1;
            continue;
        }
        match read(finding, event) {
            Ok(said) => signals.extend(said),
            Err(wrong) => readings.reject(kind, format!("`detail.findings[{index}]`: {wrong}")),
        }
    }
    if findings.is_empty() {
        readings.ignore(kind, "`detail.findings` is empty");
    } else if !signals.is_empty() {
        readings.push(kind, Content::Signals(signals));
    }
    if own_notes > 0 {
        readings.ignore(kind, "says only that Plumb wrote its note on the finding");
    }
}

/// A request of Plumb's own.
fn requested<T: serde::de::DeserializeOwned>(
    detail: Value,
    what: &str,
    content: fn(T) -> Content,
) -> Result<Content, Wrong> {
    let request = serde_json::from_value(detail);
    request.map(content).map_err(|error| format!("not {what}: {}", name(&error.to_string())))
}
