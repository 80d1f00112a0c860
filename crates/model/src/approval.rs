//! A person's word: whom to ask, what exactly was asked, and what was answered.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// `aws:approve` takes [at most ten](https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-action-approve.html).
const MOST_APPROVERS: usize = 10;

/// The document that asks waits a week at most.
const LONGEST_HOURS: u32 = 7 * 24;

/// Who may approve, and how long a question and a refusal count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalRules {
    /// Who is asked: names or ARNs of IAM users, ARNs of roles or of their sessions. One to ten.
    pub approvers: Vec<String>,
    /// How many of them have to say yes. One no is enough for a no.
    #[serde(default = "one")]
    pub required: u32,
    /// Hours after which a question, or a yes that could not be carried out, counts no more. At most 168.
    #[serde(default = "a_day")]
    pub expires_hours: u32,
    /// Hours for which the resource is left alone after a no, or when nobody answered.
    #[serde(default = "a_day")]
    pub hands_off_hours: u32,
    /// The ARN of another SNS topic than the stack's own to ask on. Its name begins with `Automation`, as `aws:approve`
    /// wants it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
}

fn one() -> u32 {
    1
}

fn a_day() -> u32 {
    24
}

impl ApprovalRules {
    /// Everything that is wrong with it, as the policy's check says it.
    pub fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let approvers = self.approvers.len();
        if approvers == 0 || approvers > MOST_APPROVERS {
            wrong.push(format!("`approval.approvers` lists {approvers}; it may be 1 to {MOST_APPROVERS}"));
        }
        if self.approvers.iter().any(|approver| approver.trim().is_empty()) {
            wrong.push("`approval.approvers` has an empty name".to_owned());
        }
        let required = usize::try_from(self.required).unwrap_or(usize::MAX);
        if required == 0 || required > approvers.max(1) {
            wrong.push(format!(
                "`approval.required` is {}, but `approval.approvers` lists {approvers}",
                self.required
            ));
        }
        if !(1..=LONGEST_HOURS).contains(&self.expires_hours) {
            wrong.push(format!(
                "`approval.expires_hours` is {}; it may be 1 to {LONGEST_HOURS}",
                self.expires_hours
            ));
        }
        if let Some(topic) = &self.topic {
            let name = topic.rsplit(':').next().unwrap_or_default();
            if !topic.starts_with("arn:") || !name.starts_with("Automation") {
                wrong.push(format!(
                    "`approval.topic` is `{topic}`; it must be the ARN of a topic whose name begins with `Automation`"
                ));
            }
        }
        wrong
    }
}

/// What became of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Enough people said yes.
    Approved,
    /// Somebody said no.
    Declined,
    /// Nobody answered in time.
    Lapsed,
}

/// What one approver said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    /// Who: an ARN, as Systems Manager knows them.
    pub by: String,
    /// `Approve` or `Reject`.
    pub decision: String,
    /// What they wrote.
    #[serde(default)]
    pub comment: String,
}

/// A question, bound to exactly one change of one resource; part of the ledger's record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// SHA-256 of what is to be approved: the document, its version and content, parameters, role, remediation and
    /// generation.
    pub hash: String,
    /// SHA-256 of the document's content, in Systems Manager's words `Hash`.
    pub content: String,
    /// Who is asked, and for how long, as the policy said then.
    pub rules: ApprovalRules,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// When it stops counting.
    pub expires_at: Timestamp,
    /// The SSM execution that asks.
    #[serde(default)]
    pub execution_id: Option<String>,
    /// What became of it; none while nobody has answered.
    #[serde(default)]
    pub answer: Option<Answer>,
    /// Who said what.
    #[serde(default)]
    pub words: Vec<Word>,
}

impl Approval {
    /// Who said what, as text.
    pub fn by(&self) -> String {
        let names: Vec<&str> = self.words.iter().map(|word| word.by.as_str()).collect();
        if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
    }
}

/// A version of an SSM document, as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinnedDocument {
    /// Its number: content never changes under it.
    pub version: String,
    /// SHA-256 of its content.
    pub content: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> ApprovalRules {
        serde_json::from_value(serde_json::json!({"approvers": ["ann", "ben"]})).unwrap()
    }

    #[test]
    fn a_day_and_one_yes_are_the_default() {
        let rules = rules();
        assert_eq!((rules.required, rules.expires_hours, rules.hands_off_hours), (1, 24, 24));
        assert_eq!(rules.wrong(), [""; 0]);
    }

    #[test]
    fn what_systems_manager_would_refuse_is_refused_at_once() {
        let rules = ApprovalRules {
            approvers: vec![String::new(); 11],
            required: 12,
            expires_hours: 169,
            topic: Some("arn:aws:sns:us-east-1:123456789012:approvals".to_owned()),
            ..rules()
        };
        assert_eq!(rules.wrong().len(), 5, "{:?}", rules.wrong());
        let nobody = ApprovalRules { approvers: Vec::new(), ..self::rules() };
        assert_eq!(nobody.wrong().len(), 1, "{:?}", nobody.wrong());
    }
}
