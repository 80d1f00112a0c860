//! The operations, as boto3 and everybody else calls them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    evaluation::{Compliance, Evaluation, Judgement, Resource},
    evaluator::{Evaluator, Wish},
    recorder,
    rule::Rule,
    store::{Rules, named, no_such_rule},
};
use crate::{
    members::{text, texts},
    pages,
    service::{AwsError, Request},
};

type Operation = fn(&Evaluator, &Request) -> Result<Value, AwsError>;

/// Evaluations in one `PutEvaluations`.
const MOST_EVALUATIONS: usize = 100;

/// An evaluation's annotation, in characters.
const LONGEST_ANNOTATION: usize = 256;

/// Rules in one Region and account.
const MOST_RULES: usize = 1000;

/// The operation of that name.
pub(super) fn find(name: &str) -> Option<Operation> {
    Some(match name {
        "PutConfigRule" => put_rule,
        "DeleteConfigRule" => delete_rule,
        "DescribeConfigRules" => describe_rules,
        "StartConfigRulesEvaluation" => start_evaluation,
        "DescribeConfigRuleEvaluationStatus" => describe_status,
        "GetComplianceDetailsByConfigRule" => details_by_rule,
        "GetComplianceDetailsByResource" => details_by_resource,
        "DescribeComplianceByConfigRule" => compliance_by_rule,
        "DescribeComplianceByResource" => compliance_by_resource,
        "PutEvaluations" => put_evaluations,
        "DescribeConfigurationRecorders" => |_, request| recorder::recorders(request),
        "DescribeConfigurationRecorderStatus" => |_, request| recorder::statuses(request),
        _ => return None,
    })
}

fn put_rule(evaluator: &Evaluator, request: &Request) -> Result<Value, AwsError> {
    let definition = request.body.get("ConfigRule").unwrap_or(&Value::Null);
    let mut rule = Rule::put(definition, &request.account, &request.region)?;
    let name = rule.name.clone();
    evaluator.store.with(&request.region, |rules| {
        if rules.len() >= MOST_RULES && !rules.contains_key(&name) {
            return Err(AwsError::client(
                "MaxNumberOfConfigRulesExceededException",
                format!("there are {MOST_RULES} rules already; delete one first"),
            ));
        }
        rule.status.activated = Some(Timestamp::now());
        if let Some(before) = rules.remove(&name) {
            rule.evaluations = before.evaluations;
            rule.status = before.status;
        }
        rules.insert(name.clone(), rule);
        Ok(())
    })?;
    evaluator.recording.history.with(&request.region, |_| ());
    evaluator.ask(Wish::Rule { region: request.region.clone(), name });
    Ok(json!({}))
}

fn delete_rule(evaluator: &Evaluator, request: &Request) -> Result<Value, AwsError> {
    let name = required(request, "ConfigRuleName")?;
    evaluator.store.with(&request.region, |rules| rules.remove(name)).ok_or_else(|| no_such_rule(name))?;
    evaluator.invoker.forget(&request.region, name);
    Ok(json!({}))
}

fn describe_rules(evaluator: &Evaluator, request: &Request) -> Result<Value, AwsError> {
    let items = of_rules(evaluator, request, |rule| Some(rule.wire()))?;
    page("ConfigRules", items, 25, text(&request.body, "NextToken"))
}

fn start_evaluation(evaluator: &Evaluator, request: &Request) -> Result<Value, AwsError> {
    let names: Vec<String> = texts(&request.body, "ConfigRuleNames").map(str::to_owned).collect();
    if names.is_empty() {
        return Err(invalid("name 1 to 25 rules in `ConfigRuleNames`"));
    }
    evaluator
        .store
        .with(&request.region, |rules| names.iter().try_for_each(|name| named(rules, name).map(drop)))?;
    evaluator.tell_started(&request.account, &request.region, &names);
    for name in names {
        evaluator.ask(Wish::Rule { region: request.region.clone(), name });
    }
    Ok(json!({}))
}

fn describe_status(evaluator: &Evaluator, request: &Request) -> Result<Value, AwsError> {
    let items = of_rules(evaluator, request, |rule| Some(rule.status_wire()))?;
    page("ConfigRulesEvaluationStatus", items, limit(request, 50, 50)?, text(&request.body, "NextToken"))
}

fn details_by_rule(evaluator: &Evaluator, request: &Request) -> Result<Value, AwsError> {
    let name = required(request, "ConfigRuleName")?;
    let wanted = wanted(request)?;
    let items = evaluator.store.with(&request.region, |rules| {
        let rule = named(rules, name)?;
        Ok(rule
            .evaluations
            .iter()
            .filter(|(_, evaluation)| wanted(evaluation.compliance))
            .map(|(resource, evaluation)| (key(resource), evaluation.wire(name, resource)))
            .collect())
    })?;
    page("EvaluationResults", items, limit(request, 10, 100)?, text(&request.body, "NextToken"))
}

fn details_by_resource(evaluator: &Evaluator, request: &Request) -> Result<Value, AwsError> {
    let resource = Resource {
        kind: required(request, "ResourceType")?.to_owned(),
        id: required(request, "ResourceId")?.to_owned(),
    };
    let wanted = wanted(request)?;
    let items = evaluator.store.with(&request.region, |rules| {
        rules
            .values()
            .filter_map(|rule| {
                let evaluation = rule.evaluations.get(&resource)?;
                wanted(evaluation.compliance)
                    .then(|| (rule.name.clone(), evaluation.wire(&rule.name, &resource)))
            })
            .collect()
    });
    page("EvaluationResults", items, 100, text(&request.body, "NextToken"))
}

fn compliance_by_rule(evaluator: &Evaluator, request: &Request) -> Result<Value, AwsError> {
    let wanted = wanted(request)?;
    let items = of_rules(evaluator, request, |rule| {
        let (overall, compliance) = summary(rule.evaluations.values(), 25);
        wanted(overall).then(|| json!({"ConfigRuleName": rule.name, "Compliance": compliance}))
    })?;
    page("ComplianceByConfigRules", items, 25, text(&request.body, "NextToken"))
}

fn compliance_by_resource(evaluator: &Evaluator, request: &Request) -> Result<Value, AwsError> {
    let (kind, id) = (text(&request.body, "ResourceType"), text(&request.body, "ResourceId"));
    if id.is_some() && kind.is_none() {
        return Err(invalid("`ResourceId` needs `ResourceType` beside it"));
    }
    let wanted = wanted(request)?;
    let items = evaluator.store.with(&request.region, |rules| {
        by_resource(rules)
            .into_iter()
            .filter(|(resource, _)| {
                kind.is_none_or(|kind| resource.kind == kind) && id.is_none_or(|id| resource.id == id)
            })
            .filter_map(|(resource, evaluations)| {
                let (overall, compliance) = summary(evaluations.into_iter(), 25);
                let item = json!({
                    "ResourceType": resource.kind, "ResourceId": resource.id, "Compliance": compliance,
                });
                wanted(overall).then(|| (key(resource), item))
            })
            .collect()
    });
    page("ComplianceByResources", items, limit(request, 10, 100)?, text(&request.body, "NextToken"))
}

fn put_evaluations(evaluator: &Evaluator, request: &Request) -> Result<Value, AwsError> {
    let token = required(request, "ResultToken")?;
    let evaluations =
        request.body.get("Evaluations").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if evaluations.len() > MOST_EVALUATIONS {
        return Err(validation(format!(
            "Value at 'evaluations' failed to satisfy constraint: Member must have length less than or equal to \
             {MOST_EVALUATIONS}"
        )));
    }
    let judgements = evaluations.iter().map(judgement).collect::<Result<Vec<(Judgement, Timestamp)>, _>>()?;
    if request.body.get("TestMode").and_then(Value::as_bool) == Some(true) {
        return Ok(json!({"FailedEvaluations": []}));
    }
    let invoked = evaluator.invoker.tokens.find(token).filter(|invoked| invoked.region == request.region);
    let invoked = invoked.ok_or_else(|| {
        AwsError::client("InvalidResultTokenException", "The specified ResultToken is not valid.")
    })?;
    let now = Timestamp::now();
    let (arn, changes) = evaluator.store.with(&request.region, |rules| {
        let rule = rules.get_mut(&invoked.rule).ok_or_else(|| no_such_rule(&invoked.rule))?;
        rule.status.succeeded = Some(now);
        rule.status.error = None;
        let changes = judgements
            .into_iter()
            .flat_map(|(judgement, ordered)| rule.update([judgement], ordered, invoked.at, now))
            .collect::<Vec<_>>();
        Ok((rule.arn.clone(), changes))
    })?;
    evaluator.tell(&request.account, &request.region, &invoked.rule, &arn, &changes);
    Ok(json!({"FailedEvaluations": []}))
}

fn judgement(evaluation: &Value) -> Result<(Judgement, Timestamp), AwsError> {
    let text = |name: &str| {
        let value = evaluation.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        value.ok_or_else(|| invalid(format!("an evaluation has no `{name}`")))
    };
    let compliance = Compliance::parse(text("ComplianceType")?)
        .filter(|compliance| *compliance != Compliance::InsufficientData)
        .ok_or_else(|| invalid("`ComplianceType` must be one of COMPLIANT, NON_COMPLIANT, NOT_APPLICABLE"))?;
    let mut judgement =
        Judgement::of(text("ComplianceResourceType")?, text("ComplianceResourceId")?, compliance);
    judgement.annotation = evaluation.get("Annotation").and_then(Value::as_str).map(str::to_owned);
    let length = judgement.annotation.as_ref().map_or(1, |annotation| annotation.chars().count());
    if !(1..=LONGEST_ANNOTATION).contains(&length) {
        return Err(validation(format!(
            "Value at 'evaluations.member.annotation' failed to satisfy constraint: Member must have length between 1 \
             and {LONGEST_ANNOTATION}"
        )));
    }
    let ordered = evaluation.get("OrderingTimestamp").and_then(timestamp);
    Ok((judgement, ordered.ok_or_else(|| invalid("an evaluation has no `OrderingTimestamp`"))?))
}

/// Seconds since 1970, or RFC 3339 text.
fn timestamp(value: &Value) -> Option<Timestamp> {
    #[expect(clippy::cast_possible_truncation, reason = "a float that is no time saturates and is refused")]
    match value {
        Value::Number(seconds) => Timestamp::from_millisecond((seconds.as_f64()? * 1000.0) as i64).ok(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// The overall compliance, and the API's `Compliance`.
fn summary<'a>(evaluations: impl Iterator<Item = &'a Evaluation>, cap: usize) -> (Compliance, Value) {
    let (mut all, mut bad) = (0_usize, 0_usize);
    for evaluation in evaluations {
        all += 1;
        bad += usize::from(evaluation.compliance == Compliance::NonCompliant);
    }
    let overall = match (all, bad) {
        (0, _) => Compliance::InsufficientData,
        (_, 0) => Compliance::Compliant,
        _ => Compliance::NonCompliant,
    };
    let mut compliance = Map::from_iter([("ComplianceType".to_owned(), json!(overall.as_str()))]);
    if bad > 0 {
        let count = json!({"CappedCount": bad.min(cap), "CapExceeded": bad > cap});
        compliance.insert("ComplianceContributorCount".to_owned(), count);
    }
    (overall, Value::Object(compliance))
}

fn by_resource(rules: &Rules) -> BTreeMap<&Resource, Vec<&Evaluation>> {
    let mut resources: BTreeMap<&Resource, Vec<&Evaluation>> = BTreeMap::new();
    for (resource, evaluation) in rules.values().flat_map(|rule| &rule.evaluations) {
        resources.entry(resource).or_default().push(evaluation);
    }
    resources
}

/// Something of each rule that is asked for by name, or of all.
fn of_rules(
    evaluator: &Evaluator,
    request: &Request,
    what: impl Fn(&Rule) -> Option<Value>,
) -> Result<Vec<(String, Value)>, AwsError> {
    let names: Vec<&str> = texts(&request.body, "ConfigRuleNames").collect();
    evaluator.store.with(&request.region, |rules| {
        let asked: Vec<&Rule> = if names.is_empty() {
            rules.values().collect()
        } else {
            names.iter().map(|name| named(rules, name)).collect::<Result<_, _>>()?
        };
        Ok(asked.into_iter().filter_map(|rule| Some((rule.name.clone(), what(rule)?))).collect())
    })
}

/// The filter `ComplianceTypes`.
fn wanted(request: &Request) -> Result<impl Fn(Compliance) -> bool + use<>, AwsError> {
    let types: Vec<Compliance> = texts(&request.body, "ComplianceTypes")
        .map(|name| {
            Compliance::parse(name).ok_or_else(|| invalid(format!("`{name}` is not a compliance type")))
        })
        .collect::<Result<_, _>>()?;
    Ok(move |compliance| types.is_empty() || types.contains(&compliance))
}

fn page(
    name: &str,
    items: Vec<(String, Value)>,
    limit: usize,
    token: Option<&str>,
) -> Result<Value, AwsError> {
    pages::page(name, items, limit, token)
        .map_err(|error| AwsError::client("InvalidNextTokenException", error.to_string()))
}

fn limit(request: &Request, usual: usize, most: usize) -> Result<usize, AwsError> {
    match request.body.get("Limit").and_then(Value::as_u64) {
        None | Some(0) => Ok(usual),
        Some(asked) => usize::try_from(asked)
            .ok()
            .filter(|asked| *asked <= most)
            .ok_or_else(|| AwsError::client("InvalidLimitException", format!("`Limit` is at most {most}"))),
    }
}

fn key(resource: &Resource) -> String {
    format!("{} {}", resource.kind, resource.id)
}

pub(super) fn required<'a>(request: &'a Request, name: &str) -> Result<&'a str, AwsError> {
    text(&request.body, name).ok_or_else(|| invalid(format!("`{name}` is missing")))
}

pub(super) fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::client("InvalidParameterValueException", message)
}

/// What is caught by the API's model, before the service looks at it.
fn validation(message: impl std::fmt::Display) -> AwsError {
    AwsError::client("ValidationException", format!("1 validation error detected: {message}"))
}
