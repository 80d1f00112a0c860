//! AWS Config: compliance changes, configuration items, and what it asks of custom rules.

use jiff::Timestamp;
use plumb_model::{NOT_JUDGED, ResourceRef, Source, Standing};
use serde_json::Value;

use crate::{
    Content, Kind,
    envelope::Envelope,
    json::{self, Look, Wrong, quote},
    time,
};

/// "Config Rules Compliance Change".
pub(crate) fn compliance_change(event: &Envelope) -> Result<Content, Wrong> {
    const QUALIFIER: &str = "/newEvaluationResult/evaluationResultIdentifier/evaluationResultQualifier";
    let detail = &event.detail;
    // What was evaluated is in the qualifier; the fields around it were seen to name another type.
    let of = |field: &str| {
        detail.text(&format!("{QUALIFIER}/{field}")).map_or_else(|| event.required(&format!("/{field}")), Ok)
    };
    let rule = of("configRuleName")?.to_owned();
    let about = ResourceRef {
        account: event.account("/awsAccountId")?,
        region: event.region("/awsRegion")?,
        kind: of("resourceType")?.to_owned(),
        id: of("resourceId")?.to_owned(),
    };
    let standing = match detail.at("/newEvaluationResult") {
        Value::Null => {
            Standing::Undecided { why: "no evaluation any more: the rule or the resource is gone".to_owned() }
        }
        _ => standing(
            event.required("/newEvaluationResult/complianceType")?,
            detail.text("/newEvaluationResult/annotation").unwrap_or_default(),
        ),
    };
    let mut signal = event.signal(Source::ConfigRule { rule }, about, standing);
    // Not `orderingTimestamp`: it may lie hours before the evaluation.
    signal.observed_at =
        first_time(detail, &["/newEvaluationResult/resultRecordedTime", "/notificationCreationTime"])
            .or(event.time);
    Ok(Content::Signals(vec![signal]))
}

fn standing(compliance: &str, annotation: &str) -> Standing {
    match compliance {
        "NOT_APPLICABLE" if annotation.starts_with(NOT_JUDGED) => {
            Standing::Undecided { why: quote(annotation) }
        }
        "NOT_APPLICABLE" => Standing::NotApplicable,
        "NON_COMPLIANT" => Standing::Violating,
        "COMPLIANT" => Standing::Compliant,
        other => Standing::Undecided { why: quote(other) },
    }
}

/// "Config Configuration Item Change", oversized or not.
pub(crate) fn item_change(event: &Envelope) -> Result<Content, Wrong> {
    let detail = &event.detail;
    let item = ["/configurationItem", "/configurationItem/0", "/configurationItemSummary"]
        .into_iter()
        .map(|pointer| detail.at(pointer))
        .find(|item| item.is_object());
    item.map_or_else(
        || Err("`detail.configurationItem` is missing".to_owned()),
        |item| self::item(event, item),
    )
}

/// A configuration item, in either dialect. Only that a resource is gone is news; whether it violates anything is for
/// the rules to say.
pub(crate) fn item(event: &Envelope, item: &Value) -> Result<Content, Wrong> {
    let status =
        item.text("/configurationItemStatus").or(item.text("/configurationItemState")).unwrap_or("unknown");
    if !status.starts_with("ResourceDeleted") {
        let (kind, status) = (quote(item.text("/resourceType").unwrap_or("unknown")), quote(status));
        return Ok(Content::Ignored(format!(
            "a configuration item ({kind}, {status}) says what a resource is like; whether it violates is for Config rules"
        )));
    }
    let text = |names: &[&str]| names.iter().find_map(|name| item.text(name));
    let account = text(&["/awsAccountId", "/accountId"]).or(event.account.as_deref());
    let region = text(&["/awsRegion"]).or(event.region.as_deref());
    let about = ResourceRef {
        account: json::account("awsAccountId", account)?,
        region: json::region("awsRegion", region)?,
        kind: json::required("resourceType", text(&["/resourceType"]))?.to_owned(),
        id: json::required("resourceId", text(&["/resourceId"]))?.to_owned(),
    };
    let source = Source::Notice { service: "aws.config".to_owned(), name: json::name(status) };
    let mut signal = event.signal(source, about, Standing::Deleted);
    signal.observed_at = first_time(item, &["/configurationItemCaptureTime"]).or(event.time);
    Ok(Content::Signals(vec![signal]))
}

/// What Config puts on its SNS topic: the detail of its EventBridge events, without the envelope.
pub(crate) fn notification(detail: Value) -> (Kind, Result<Content, Wrong>) {
    let message_type = detail.text("/messageType").unwrap_or_default().to_owned();
    let compliance = !detail.at("/newEvaluationResult").is_null();
    let event = Envelope { detail, ..Envelope::default() };
    match message_type.as_str() {
        "ComplianceChangeNotification" => (Kind::ConfigComplianceChange, compliance_change(&event)),
        _ if compliance => (Kind::ConfigComplianceChange, compliance_change(&event)),
        "ConfigurationItemChangeNotification" | "OversizedConfigurationItemChangeNotification" => {
            (Kind::ConfigItemChange, item_change(&event))
        }
        "OversizedConfigurationItemChangeDeliveryFailed" => (Kind::ConfigItemChange, item_change(&event)),
        "ConfigRulesEvaluationStarted" => (
            Kind::ConfigReevaluation,
            Ok(Content::Ignored("AWS Config only says that it evaluates again".to_owned())),
        ),
        other if other.starts_with("Configuration") => (
            Kind::ConfigDelivery,
            Ok(Content::Ignored("AWS Config only says that it delivered a file".to_owned())),
        ),
        other => (
            Kind::Unknown,
            Ok(Content::Ignored(format!(
                "a notification of AWS Config that Plumb doesn't know: {}",
                quote(other)
            ))),
        ),
    }
}

/// An invocation of a custom rule.
pub(crate) fn rule_invocation(invocation: &Value) -> Result<Content, Wrong> {
    let invoking = match invocation.at("/invokingEvent") {
        Value::Null => return Err("`invokingEvent` is missing".to_owned()),
        Value::String(text) => {
            serde_json::from_str(text).map_err(|error| format!("`invokingEvent` is not JSON: {error}"))?
        }
        // As people write test events.
        value => value.clone(),
    };
    let message_type = invoking.text("/messageType").ok_or("`invokingEvent.messageType` is missing")?;
    Ok(Content::Ignored(format!(
        "asks rule {} for its verdict ({}): that is for `evaluate`; `remediate` acts on the verdict",
        quote(invocation.text("/configRuleName").unwrap_or("unnamed")),
        quote(message_type)
    )))
}

fn first_time(value: &Value, pointers: &[&str]) -> Option<Timestamp> {
    pointers.iter().find_map(|pointer| time::parse(value.at(pointer)))
}
