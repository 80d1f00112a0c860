//! A control: one problem, how it is detected and what ends it. Generated into `plumb-catalogue` from `controls/`.

use serde::Serialize;

use crate::{policy::Mode, resource::ResourceRef};

/// A pillar of the [AWS Well-Architected Framework](https://docs.aws.amazon.com/wellarchitected/latest/framework/).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names are AWS's own")]
pub enum Pillar {
    OperationalExcellence,
    Security,
    Reliability,
    PerformanceEfficiency,
    CostOptimization,
    Sustainability,
}

/// How bad it is to leave the problem, in Security Hub's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names are AWS's own")]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

/// Whether `rollback.yaml` restores what `remediate.yaml` changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reversibility {
    /// Exactly the state before.
    Full,
    /// Some of it; the control's note says what stays.
    Partial,
    /// Nothing, or not reliably: such a control never runs without approval.
    None,
}

/// An AWS Config rule that detects the problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ConfigRule {
    /// The managed rule's source identifier, such as `S3_BUCKET_SSL_REQUESTS_ONLY`.
    pub identifier: &'static str,
    /// The managed rule's default name, such as `s3-bucket-ssl-requests-only`.
    pub name: &'static str,
    /// Whether Plumb's own stack creates the rule (as `<prefix>-<control>`).
    pub deploy: bool,
}

/// One of Plumb's own Config rules, which the function `evaluate` judges; deployed as `<prefix>-<control>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CustomRule {
    /// The rule's name in `plumb-rules`, such as `volume-gp2`.
    pub rule: &'static str,
    /// The rule's parameters as the control sets them, as AWS Config hands them over: texts.
    pub parameters: &'static [(&'static str, &'static str)],
}

/// An API call, as CloudTrail records it, after which the resource is worth a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ApiCall {
    /// `eventSource`, such as `s3.amazonaws.com`.
    pub service: &'static str,
    /// `eventName`, such as `DeleteBucketPublicAccessBlock`.
    pub name: &'static str,
    /// JSON Pointer into the CloudTrail record to the resource's id; empty for an account-level resource.
    pub resource: &'static str,
}

/// One runbook parameter and what fills it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RunbookParameter {
    /// The parameter's name in `remediate.yaml`.
    pub name: &'static str,
    /// A constant, or one of `{{resource.id}}`, `{{resource.account}}`, `{{resource.region}}`.
    pub value: &'static str,
}

/// How a resource's ARN is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arn {
    /// It follows from the id: `arn:${AWS::Partition}:s3:::{{resource.id}}`.
    Pattern(&'static str),
    /// It doesn't follow from the id; AWS Config has recorded it.
    Recorded,
    /// There is none, and there are no tags: a setting of the account.
    None,
}

/// One problem, how it is detected and what ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Control {
    /// Names the problem: `bucket-public-access`.
    pub id: &'static str,
    /// The folder below `controls/`: `s3`.
    pub service: &'static str,
    /// The problem in one line.
    pub title: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// The pillar it serves first.
    pub pillar: Pillar,
    /// The best practices it serves, such as `SEC08-BP04`.
    pub best_practices: &'static [&'static str],
    /// How bad it is to leave it.
    pub severity: Severity,
    /// The CloudFormation type of the resource, such as `AWS::S3::Bucket`.
    pub resource_type: &'static str,
    /// How the resource's ARN is known, by which its tags are read.
    pub arn: Arn,
    /// The Config rules that detect it.
    pub config_rules: &'static [ConfigRule],
    /// Plumb's own rule that detects it, where AWS has none or one that is too coarse.
    pub custom_rule: Option<CustomRule>,
    /// The Security Hub controls that detect it, such as `S3.8`.
    pub security_hub: &'static [&'static str],
    /// The API calls after which the resource is worth a look.
    pub api_calls: &'static [ApiCall],
    /// How the runbook's parameters are filled (`AutomationAssumeRole` is added by the planner).
    pub parameters: &'static [RunbookParameter],
    /// The most that a policy may allow.
    pub safety: Mode,
    /// What users of the resource notice.
    pub disruption: &'static str,
    /// What the fixed state costs, or saves.
    pub cost: &'static str,
    /// Whether it can be undone.
    pub reversibility: Reversibility,
    /// What rollback does not restore; empty when it restores everything.
    pub reversibility_note: &'static str,
}

impl Control {
    /// The most that any policy may allow: what can't be undone never runs without approval.
    pub fn ceiling(&self) -> Mode {
        match self.reversibility {
            Reversibility::None => self.safety.min(Mode::Approve),
            Reversibility::Full | Reversibility::Partial => self.safety,
        }
    }
}

impl Arn {
    /// The ARN, where it follows from the id.
    pub fn of(self, resource: &ResourceRef, partition: &str) -> Option<String> {
        let Self::Pattern(pattern) = self else { return None };
        let arn = pattern
            .replace("${AWS::Partition}", partition)
            .replace("${AWS::Region}", resource.region.as_str())
            .replace("${AWS::AccountId}", resource.account.as_str());
        // Last, so that nothing in an id is taken for a placeholder.
        Some(arn.replace("{{resource.id}}", &resource.id))
    }
}
