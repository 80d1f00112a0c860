//! The kinds of event that Plumb tells apart.

use std::fmt;

use serde::{Serialize, Serializer};

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What kind of event a reading comes from, whatever it was wrapped in.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Kind {
            $($(#[$doc])* $variant,)*
        }

        impl Kind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// A stable name, for logs, metrics and `plumb replay`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

kinds! {
    /// AWS Config changed its mind about a resource.
    ConfigComplianceChange = "config-compliance-change",
    /// AWS Config recorded a change of a resource.
    ConfigItemChange = "config-item-change",
    /// AWS Config delivered a snapshot or a history file.
    ConfigDelivery = "config-delivery",
    /// AWS Config started to evaluate rules again.
    ConfigReevaluation = "config-reevaluation",
    /// AWS Config asks a custom rule for its verdict.
    ConfigRuleInvocation = "config-rule-invocation",
    /// A configuration item on its own.
    ConfigurationItem = "configuration-item",
    /// Security Hub imported or updated findings.
    SecurityHubImported = "security-hub-imported",
    /// Someone chose findings and a custom action in Security Hub.
    SecurityHubAction = "security-hub-action",
    /// The results of a Security Hub insight.
    SecurityHubInsight = "security-hub-insight",
    /// Security Hub V2 findings in OCSF.
    SecurityHubV2 = "security-hub-v2",
    /// A finding in the AWS Security Finding Format on its own.
    AsffFinding = "asff-finding",
    /// A finding in OCSF on its own.
    OcsfFinding = "ocsf-finding",
    /// An API call, delivered by EventBridge.
    ApiCall = "api-call",
    /// A CloudTrail record on its own.
    CloudtrailRecord = "cloudtrail-record",
    /// CloudTrail's news that is no API call: sign-ins, service events, insights.
    CloudtrailOther = "cloudtrail-other",
    /// A `GuardDuty` finding.
    GuardDuty = "guardduty-finding",
    /// An Amazon Inspector finding.
    Inspector = "inspector-finding",
    /// An Amazon Macie finding.
    Macie = "macie-finding",
    /// An IAM Access Analyzer finding.
    AccessAnalyzer = "access-analyzer-finding",
    /// AWS Certificate Manager about a certificate.
    Certificate = "acm-certificate",
    /// AWS Health.
    Health = "health-event",
    /// A Trusted Advisor check.
    TrustedAdvisor = "trusted-advisor-check",
    /// AWS KMS about a key.
    Key = "kms-key",
    /// An SSM Automation execution changed its status.
    AutomationExecution = "automation-execution",
    /// A step of an SSM Automation execution changed its status.
    AutomationStep = "automation-step",
    /// A schedule's tick.
    Schedule = "schedule",
    /// A request to undo a remediation.
    RollbackRequest = "rollback-request",
    /// A request to let Plumb touch a resource again.
    ClearRequest = "clear-request",
    /// A record whose time has come.
    DueRequest = "due-request",
    /// Any other EventBridge event.
    OtherEvent = "other-event",
    /// An SQS or SNS message that holds no event.
    Message = "message",
    /// JSON in no shape that Plumb knows.
    Unknown = "unknown",
    /// Not JSON, or too large, or wrapped too deep.
    Malformed = "malformed",
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Kind;

    #[test]
    fn names_are_kebab_case_and_no_two_kinds_share_one() {
        let names: BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), Kind::ALL.len());
        for name in names {
            assert!(
                name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'),
                "{name}"
            );
        }
    }
}
