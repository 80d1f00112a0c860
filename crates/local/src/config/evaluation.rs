//! What a rule says about a resource.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// AWS Config's verdicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Compliance {
    Compliant,
    NonCompliant,
    NotApplicable,
    InsufficientData,
}

impl Compliance {
    const ALL: [Self; 4] = [Self::Compliant, Self::NonCompliant, Self::NotApplicable, Self::InsufficientData];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Compliant => "COMPLIANT",
            Self::NonCompliant => "NON_COMPLIANT",
            Self::NotApplicable => "NOT_APPLICABLE",
            Self::InsufficientData => "INSUFFICIENT_DATA",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|compliance| compliance.as_str() == text)
    }
}

/// A resource, by AWS Config's type and id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Resource {
    pub(super) kind: String,
    pub(super) id: String,
}

/// A rule's verdict on one resource, just made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Judgement {
    pub(super) resource: Resource,
    pub(super) compliance: Compliance,
    pub(super) annotation: Option<String>,
}

impl Judgement {
    pub(super) fn of(kind: &str, id: &str, compliance: Compliance) -> Self {
        Self { resource: Resource { kind: kind.to_owned(), id: id.to_owned() }, compliance, annotation: None }
    }
}

/// A verdict with its times, as AWS Config keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Evaluation {
    pub(super) compliance: Compliance,
    pub(super) annotation: Option<String>,
    /// `OrderingTimestamp`: the state that was judged is from then.
    pub(super) ordered: Timestamp,
    /// `ConfigRuleInvokedTime`.
    pub(super) invoked: Timestamp,
    /// `ResultRecordedTime`.
    pub(super) recorded: Timestamp,
}

impl Evaluation {
    /// The API's `EvaluationResult`.
    pub(super) fn wire(&self, rule: &str, resource: &Resource) -> Value {
        let mut result = Map::new();
        result.insert(
            "EvaluationResultIdentifier".to_owned(),
            json!({
                "EvaluationResultQualifier": {
                    "ConfigRuleName": rule,
                    "ResourceType": resource.kind,
                    "ResourceId": resource.id,
                    "EvaluationMode": "DETECTIVE",
                },
                "OrderingTimestamp": epoch(self.ordered),
            }),
        );
        result.insert("ComplianceType".to_owned(), json!(self.compliance.as_str()));
        result.insert("ResultRecordedTime".to_owned(), json!(epoch(self.recorded)));
        result.insert("ConfigRuleInvokedTime".to_owned(), json!(epoch(self.invoked)));
        if let Some(annotation) = &self.annotation {
            result.insert("Annotation".to_owned(), json!(annotation));
        }
        Value::Object(result)
    }
}

/// A time in JSON 1.1: seconds since 1970, to the millisecond.
#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit a float exactly")]
pub(super) fn epoch(time: Timestamp) -> f64 {
    time.as_millisecond() as f64 / 1000.0
}
