//! What an event says, before and after a control is known to care.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::resource::{AccountId, ControlId, Region, ResourceRef};

/// Who says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "source", rename_all = "kebab-case")]
pub enum Source {
    /// An AWS Config rule's evaluation, by the rule's name as deployed (suffixes and all).
    ConfigRule {
        /// The rule's name.
        rule: String,
    },
    /// A Security Hub control, such as `S3.8`, and the Config rule behind it where the finding names one.
    SecurityHub {
        /// The control's id; a legacy standard's own number where that is all there is.
        control: String,
        /// `ProductFields["RelatedAWSResources:0/name"]`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rule: Option<String>,
        /// The finding itself, where the event names it: what a note can be put on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        finding: Option<FindingRef>,
    },
    /// An API call recorded by CloudTrail.
    ApiCall {
        /// `eventSource`.
        service: String,
        /// `eventName`.
        name: String,
    },
    /// Any other detective service: GuardDuty, Inspector, Macie, Access Analyzer, ACM, Health, Trusted Advisor.
    Notice {
        /// The envelope's `source`.
        service: String,
        /// The envelope's `detail-type`, or the finding's type.
        name: String,
    },
}

/// A Security Hub finding, as `BatchUpdateFindings` wants it named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingRef {
    /// The finding's `Id`.
    pub id: String,
    /// The finding's `ProductArn`.
    pub product_arn: String,
}

/// How the annotation of a verdict by `evaluate` begins that is none: the resource could not be judged. AWS Config has no word for it
/// but `NOT_APPLICABLE`, which nobody may take for agreement then.
pub const NOT_JUDGED: &str = "not judged: ";

/// Whether the event still calls for a look at the resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "standing", rename_all = "kebab-case")]
pub enum Standing {
    /// The resource violates, says the source; or it was just changed.
    Violating,
    /// The resource complies, says the source.
    Compliant,
    /// The source has nothing to judge, or nothing any more: AWS Config's `NOT_APPLICABLE`.
    NotApplicable,
    /// The source has no verdict (not judged, insufficient data, warning); the text says which.
    Undecided {
        /// In the source's words.
        why: String,
    },
    /// Somebody closed it at the source: archived, suppressed, resolved.
    Closed {
        /// In the source's words.
        why: String,
    },
    /// The API call failed, so nothing changed.
    CallFailed {
        /// CloudTrail's `errorCode`.
        code: String,
    },
    /// The resource is gone, says the source.
    Deleted,
}

/// What the event is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// A resource that the event names.
    Resource(ResourceRef),
    /// A CloudTrail record; which field names the resource is the control's knowledge.
    Call {
        /// The caller's account.
        account: AccountId,
        /// The Region of the call.
        region: Region,
        /// The CloudTrail record (`detail`).
        record: Value,
    },
}

/// What one event says about one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signal {
    /// Who says so.
    #[serde(flatten)]
    pub source: Source,
    /// About what.
    pub subject: Subject,
    /// Whether it still calls for a look.
    #[serde(flatten)]
    pub standing: Standing,
    /// When the source saw it (never Config's `orderingTimestamp`).
    pub observed_at: Option<Timestamp>,
    /// The event's own id, for tracing back.
    pub event_id: Option<String>,
    /// The account that the event comes from, where that is not the one that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<AccountId>,
}

/// A signal that a control listens to: this resource may violate this control.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The control.
    pub control: ControlId,
    /// The resource.
    pub resource: ResourceRef,
    /// Who says so.
    #[serde(flatten)]
    pub source: Source,
    /// Whether it still calls for a look.
    #[serde(flatten)]
    pub standing: Standing,
    /// When the source saw it.
    pub observed_at: Option<Timestamp>,
    /// The event's own id.
    pub event_id: Option<String>,
    /// The account that the event comes from, where that is not the one that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<AccountId>,
}
