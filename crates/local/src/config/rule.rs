//! A Config rule as it is put and described.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    custom::CustomRule,
    evaluation::{Compliance, Evaluation, Judgement, Resource, epoch},
    managed::{self, ManagedRule, Parameters},
};
use crate::{
    members::{text, texts},
    service::AwsError,
};

/// A rule in one Region, with what it last said.
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) id: String,
    pub(super) source: RuleSource,
    pub(super) status: EvaluationStatus,
    pub(super) evaluations: BTreeMap<Resource, Evaluation>,
    /// The members of the request that come back as they were put.
    as_put: Map<String, Value>,
}

/// Who judges.
pub(super) enum RuleSource {
    /// One of the managed rules, with its parameters.
    Managed(&'static ManagedRule, Parameters),
    /// A customer's own function: its results come through `PutEvaluations`.
    Custom(CustomRule),
    /// A customer's own Guard policy, which nobody evaluates here.
    Policy,
}

/// `DescribeConfigRuleEvaluationStatus`.
#[derive(Debug, Default, Clone)]
pub(super) struct EvaluationStatus {
    pub(super) activated: Option<Timestamp>,
    /// When its function was last invoked, or the rule last judged.
    pub(super) invoked: Option<Timestamp>,
    /// When its function could last not be invoked.
    pub(super) not_invoked: Option<Timestamp>,
    /// When a periodic rule's time was last.
    pub(super) scheduled: Option<Timestamp>,
    pub(super) succeeded: Option<Timestamp>,
    pub(super) failed: Option<Timestamp>,
    pub(super) error: Option<(String, String)>,
}

/// A change of a resource's compliance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) resource: Resource,
    pub(super) old: Option<Evaluation>,
    pub(super) new: Evaluation,
}

const PUT_MEMBERS: [&str; 7] = [
    "Description",
    "Scope",
    "Source",
    "InputParameters",
    "MaximumExecutionFrequency",
    "EvaluationModes",
    "RuleEvaluationVisibility",
];

impl Rule {
    /// Reads `PutConfigRule`'s `ConfigRule`.
    pub(super) fn put(definition: &Value, account: &str, region: &str) -> Result<Self, AwsError> {
        let members = definition.as_object().ok_or_else(|| invalid("`ConfigRule` is missing"))?;
        let text = |name: &str| members.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let name = text("ConfigRuleName").ok_or_else(|| {
            invalid("name the rule: `ConfigRuleName` is missing (a rule's ARN or id alone isn't known here)")
        })?;
        if name.len() > 128 || name.trim().is_empty() {
            return Err(invalid(format!("`{name}` is not a rule's name: 1 to 128 characters")));
        }
        if let Some(state) = text("ConfigRuleState").filter(|state| *state != "ACTIVE") {
            return Err(invalid(format!(
                "a rule can't be put in the state `{state}`; leave `ConfigRuleState` out"
            )));
        }
        let source = source(members)?;
        let id = identifier(account, region, name);
        let mut as_put: Map<String, Value> = PUT_MEMBERS
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), members.get(*name)?.clone())))
            .collect();
        as_put.entry("EvaluationModes").or_insert_with(|| json!([{"Mode": "DETECTIVE"}]));
        Ok(Self {
            name: name.to_owned(),
            arn: format!("arn:aws:config:{region}:{account}:config-rule/{id}"),
            id,
            source,
            status: EvaluationStatus::default(),
            evaluations: BTreeMap::new(),
            as_put,
        })
    }

    /// Takes a new pass's verdicts; what has changed. A resource that is no longer there becomes `NOT_APPLICABLE` and
    /// is forgotten.
    pub(super) fn record(
        &mut self,
        judgements: Vec<Judgement>,
        invoked: Timestamp,
        recorded: Timestamp,
    ) -> Vec<Change> {
        let judgements: Vec<Judgement> =
            judgements.into_iter().filter(|judgement| self.covers(&judgement.resource)).collect();
        let judged: BTreeSet<Resource> =
            judgements.iter().map(|judgement| judgement.resource.clone()).collect();
        let gone: Vec<Resource> =
            self.evaluations.keys().filter(|resource| !judged.contains(*resource)).cloned().collect();
        let gone = gone.into_iter().map(|resource| Judgement {
            resource,
            compliance: Compliance::NotApplicable,
            annotation: None,
        });
        self.update(judgements.into_iter().chain(gone), invoked, invoked, recorded)
    }

    /// Whether the resource is in the rule's scope. The account itself always is: rules on it have no scope.
    fn covers(&self, resource: &Resource) -> bool {
        let Some(scope) = self.as_put.get("Scope") else { return true };
        let mut types = texts(scope, "ComplianceResourceTypes").peekable();
        let of_type = types.peek().is_none() || types.any(|kind| kind == resource.kind);
        let of_id = text(scope, "ComplianceResourceId").is_none_or(|id| id == resource.id);
        resource.kind == "AWS::::Account" || (of_type && of_id)
    }

    /// Takes single verdicts and leaves all others as they are; what has changed.
    pub(super) fn update(
        &mut self,
        judgements: impl IntoIterator<Item = Judgement>,
        ordered: Timestamp,
        invoked: Timestamp,
        recorded: Timestamp,
    ) -> Vec<Change> {
        let mut changes = Vec::new();
        for Judgement { resource, compliance, annotation } in judgements {
            // What was judged of an earlier state says nothing about the one that was judged since.
            if self.evaluations.get(&resource).is_some_and(|known| known.ordered > ordered) {
                continue;
            }
            let new = Evaluation { compliance, annotation, ordered, invoked, recorded };
            let old = if compliance == Compliance::NotApplicable {
                self.evaluations.remove(&resource)
            } else {
                self.evaluations.insert(resource.clone(), new.clone())
            };
            let known = old.as_ref().map(|old| old.compliance);
            let unheard_of = known.is_none() && compliance == Compliance::NotApplicable;
            if known != Some(compliance) && !unheard_of {
                changes.push(Change { resource, old, new });
            }
        }
        changes
    }

    /// The API's `ConfigRule`.
    pub(super) fn wire(&self) -> Value {
        let mut members = self.as_put.clone();
        members.insert("ConfigRuleName".to_owned(), json!(self.name));
        members.insert("ConfigRuleArn".to_owned(), json!(self.arn));
        members.insert("ConfigRuleId".to_owned(), json!(self.id));
        members.insert("ConfigRuleState".to_owned(), json!("ACTIVE"));
        Value::Object(members)
    }

    /// The API's `ConfigRuleEvaluationStatus`.
    pub(super) fn status_wire(&self) -> Value {
        let mut members = Map::new();
        members.insert("ConfigRuleName".to_owned(), json!(self.name));
        members.insert("ConfigRuleArn".to_owned(), json!(self.arn));
        members.insert("ConfigRuleId".to_owned(), json!(self.id));
        let status = &self.status;
        let evaluated = [status.invoked, status.not_invoked, status.succeeded, status.failed];
        let evaluated = evaluated.iter().any(Option::is_some);
        members.insert("FirstEvaluationStarted".to_owned(), json!(evaluated));
        for (name, time) in [
            ("FirstActivatedTime", status.activated),
            ("LastSuccessfulInvocationTime", status.invoked),
            ("LastSuccessfulEvaluationTime", status.succeeded),
            ("LastFailedInvocationTime", status.not_invoked),
            ("LastFailedEvaluationTime", status.failed),
        ] {
            if let Some(time) = time {
                members.insert(name.to_owned(), json!(epoch(time)));
            }
        }
        if let Some((code, message)) = &status.error {
            members.insert("LastErrorCode".to_owned(), json!(code));
            members.insert("LastErrorMessage".to_owned(), json!(message));
        }
        Value::Object(members)
    }
}

fn check_scope(scope: Option<&Value>) -> Result<(), AwsError> {
    match scope {
        Some(scope) if text(scope, "TagKey").is_some() => Err(invalid(
            "local AWS's managed rules don't judge by tag; leave `Scope.TagKey` out, or give resource types",
        )),
        _ => Ok(()),
    }
}

fn source(members: &Map<String, Value>) -> Result<RuleSource, AwsError> {
    let source = members.get("Source").ok_or_else(|| invalid("`Source` is missing"))?;
    let identifier = source.get("SourceIdentifier").and_then(Value::as_str).unwrap_or_default();
    match source.get("Owner").and_then(Value::as_str) {
        Some("AWS") => {
            let rule = managed::find(identifier).ok_or_else(|| {
                invalid(format!(
                    "The sourceIdentifier {identifier} is invalid. Please refer to the documentation for a list of valid \
                     sourceIdentifiers that can be used when AWS is the Owner. (Local AWS judges only some of them.)"
                ))
            })?;
            check_scope(members.get("Scope"))?;
            Ok(RuleSource::Managed(rule, parameters(rule, members.get("InputParameters"))?))
        }
        Some("CUSTOM_LAMBDA") => Ok(RuleSource::Custom(CustomRule::read(members)?)),
        Some("CUSTOM_POLICY") => Ok(RuleSource::Policy),
        _ => Err(invalid("`Source.Owner` must be one of `AWS`, `CUSTOM_LAMBDA`, `CUSTOM_POLICY`")),
    }
}

fn parameters(rule: &ManagedRule, given: Option<&Value>) -> Result<Parameters, AwsError> {
    let Some(given) = given.and_then(Value::as_str).filter(|text| !text.trim().is_empty()) else {
        return Ok(Parameters::new());
    };
    let given: Map<String, Value> = serde_json::from_str(given).map_err(|error| {
        invalid(format!("Invalid json {given} passed in the InputParameters field: {error}"))
    })?;
    let unknown: Vec<&str> =
        given.keys().map(String::as_str).filter(|name| !rule.parameters.contains(name)).collect();
    if !unknown.is_empty() {
        return Err(invalid(format!(
            "Unknown parameters provided in the inputParameters: {}; `{}` takes {}",
            unknown.join(", "),
            rule.identifier,
            if rule.parameters.is_empty() { "none".to_owned() } else { rule.parameters.join(", ") }
        )));
    }
    Ok(given
        .into_iter()
        .map(|(name, value)| match value {
            Value::String(text) => (name, text),
            other => (name, other.to_string()),
        })
        .collect())
}

/// `config-rule-` and six characters, always the same for the same rule.
fn identifier(account: &str, region: &str, name: &str) -> String {
    let uuid =
        uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, format!("{account}/{region}/{name}").as_bytes());
    let digits: String = uuid.simple().to_string().chars().take(6).collect();
    format!("config-rule-{digits}")
}

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::client("InvalidParameterValueException", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(definition: &Value) -> Result<Rule, AwsError> {
        Rule::put(definition, "123456789012", "us-east-1")
    }

    fn eip_rule() -> Rule {
        put(&json!({"ConfigRuleName": "r", "Source": {"Owner": "AWS", "SourceIdentifier": "EIP_ATTACHED"}}))
            .unwrap()
    }

    fn verdict(id: &str, compliance: Compliance) -> Judgement {
        Judgement::of("AWS::EC2::EIP", id, compliance)
    }

    fn said(changes: &[Change]) -> Vec<(String, Option<Compliance>, Compliance)> {
        changes
            .iter()
            .map(|change| {
                (
                    change.resource.id.clone(),
                    change.old.as_ref().map(|old| old.compliance),
                    change.new.compliance,
                )
            })
            .collect()
    }

    #[test]
    fn a_rule_that_local_aws_does_not_know_is_refused() {
        let refused = put(
            &json!({"ConfigRuleName": "r", "Source": {"Owner": "AWS", "SourceIdentifier": "NO_SUCH_RULE"}}),
        );
        let error = refused.err().unwrap();
        assert_eq!(error.code, "InvalidParameterValueException");
        assert!(error.message.contains("NO_SUCH_RULE"), "{error}");
    }

    #[test]
    fn a_parameter_that_the_rule_does_not_take_is_refused() {
        let refused = put(&json!({
            "ConfigRuleName": "r", "Source": {"Owner": "AWS", "SourceIdentifier": "EIP_ATTACHED"},
            "InputParameters": "{\"color\":\"red\"}",
        }));
        assert!(refused.err().unwrap().message.contains("color"));
    }

    #[test]
    fn a_scope_leaves_other_resources_out() {
        let source = json!({"Owner": "AWS", "SourceIdentifier": "EIP_ATTACHED"});
        let now = Timestamp::UNIX_EPOCH;
        for (scope, expected) in [
            (json!({"ComplianceResourceTypes": ["AWS::EC2::EIP"]}), 2),
            (json!({"ComplianceResourceTypes": ["AWS::S3::Bucket"]}), 0),
            (json!({"ComplianceResourceTypes": ["AWS::EC2::EIP"], "ComplianceResourceId": "a"}), 1),
        ] {
            let mut rule = put(&json!({"ConfigRuleName": "r", "Source": source, "Scope": scope})).unwrap();
            let verdicts = vec![verdict("a", Compliance::Compliant), verdict("b", Compliance::Compliant)];
            assert_eq!(rule.record(verdicts, now, now).len(), expected, "{scope}");
        }
        let by_tag = put(&json!({"ConfigRuleName": "r", "Source": source, "Scope": {"TagKey": "a"}}));
        assert!(by_tag.err().unwrap().message.contains("TagKey"));
    }

    #[test]
    fn only_changes_are_reported() {
        let (mut rule, now) = (eip_rule(), Timestamp::UNIX_EPOCH);
        let first = rule.record(vec![verdict("a", Compliance::NonCompliant)], now, now);
        assert_eq!(said(&first), [("a".to_owned(), None, Compliance::NonCompliant)]);
        assert!(rule.record(vec![verdict("a", Compliance::NonCompliant)], now, now).is_empty());
        let fixed = rule.record(vec![verdict("a", Compliance::Compliant)], now, now);
        assert_eq!(said(&fixed), [("a".to_owned(), Some(Compliance::NonCompliant), Compliance::Compliant)]);
    }

    #[test]
    fn a_resource_that_is_gone_becomes_not_applicable_once() {
        let (mut rule, now) = (eip_rule(), Timestamp::UNIX_EPOCH);
        rule.record(vec![verdict("a", Compliance::NonCompliant)], now, now);
        let gone = rule.record(vec![], now, now);
        assert_eq!(
            said(&gone),
            [("a".to_owned(), Some(Compliance::NonCompliant), Compliance::NotApplicable)]
        );
        assert!(rule.evaluations.is_empty());
        assert!(rule.record(vec![], now, now).is_empty());
    }
}
