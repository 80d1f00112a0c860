//! Aggregators: what AWS Config found in other accounts and Regions. They gather at once what takes minutes on AWS.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde_json::{Value, json};

use super::operations::{invalid, required};
use crate::{
    members::{items, text, texts},
    neighbours::Neighbour,
    pages,
    service::{AwsError, Context, Request},
};

/// Which accounts an aggregator gathers from.
#[derive(Debug, Clone)]
enum Accounts {
    Organization,
    Listed(BTreeSet<String>),
}

/// The aggregators of this account by Region and name, and whom it has authorized, by its own Region.
#[derive(Debug, Default)]
pub(super) struct Aggregators(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    aggregators: BTreeMap<(String, String), Accounts>,
    authorized: BTreeSet<(String, String, String)>,
}

/// Whether it answers this operation.
pub(super) fn answers(operation: &str) -> bool {
    matches!(
        operation,
        "PutConfigurationAggregator"
            | "DeleteConfigurationAggregator"
            | "PutAggregationAuthorization"
            | "DeleteAggregationAuthorization"
            | "DescribeAggregationAuthorizations"
            | "DescribeAggregateComplianceByConfigRules"
            | "GetAggregateComplianceDetailsByConfigRule"
    )
}

/// An account that is gathered from.
struct Source {
    account: String,
    neighbour: Neighbour,
}

impl Aggregators {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn handle(&self, context: &Context, request: &Request) -> Result<Value, AwsError> {
        match request.operation.as_str() {
            "PutConfigurationAggregator" => self.put(request),
            "DeleteConfigurationAggregator" => {
                let key =
                    (request.region.clone(), required(request, "ConfigurationAggregatorName")?.to_owned());
                self.lock().aggregators.remove(&key).map(|_| json!({})).ok_or_else(|| no_such(&key.1))
            }
            "PutAggregationAuthorization" => {
                let (account, region) =
                    (required(request, "AuthorizedAccountId")?, required(request, "AuthorizedAwsRegion")?);
                self.lock().authorized.insert((
                    request.region.clone(),
                    account.to_owned(),
                    region.to_owned(),
                ));
                Ok(
                    json!({"AggregationAuthorization": {"AuthorizedAccountId": account, "AuthorizedAwsRegion": region}}),
                )
            }
            "DeleteAggregationAuthorization" => {
                let (account, region) =
                    (required(request, "AuthorizedAccountId")?, required(request, "AuthorizedAwsRegion")?);
                self.lock().authorized.remove(&(
                    request.region.clone(),
                    account.to_owned(),
                    region.to_owned(),
                ));
                Ok(json!({}))
            }
            "DescribeAggregationAuthorizations" => {
                let kept = self.lock();
                let here = kept.authorized.iter().filter(|(region, ..)| *region == request.region);
                let shown: Vec<Value> = here
                    .map(|(_, account, region)| json!({"AuthorizedAccountId": account, "AuthorizedAwsRegion": region}))
                    .collect();
                Ok(json!({ "AggregationAuthorizations": shown }))
            }
            "DescribeAggregateComplianceByConfigRules" => self.compliance(context, request).await,
            _ => self.details(context, request).await,
        }
    }

    fn put(&self, request: &Request) -> Result<Value, AwsError> {
        let name = required(request, "ConfigurationAggregatorName")?;
        let listed: BTreeSet<String> = items(&request.body, "AccountAggregationSources")
            .flat_map(|source| texts(source, "AccountIds"))
            .map(str::to_owned)
            .collect();
        let accounts = match request.body.get("OrganizationAggregationSource") {
            Some(_) if listed.is_empty() => Accounts::Organization,
            None if !listed.is_empty() => Accounts::Listed(listed),
            _ => return Err(invalid("give either accounts or an organization to aggregate from")),
        };
        self.lock().aggregators.insert((request.region.clone(), name.to_owned()), accounts);
        let arn = format!("arn:aws:config:{}:{}:config-aggregator/{name}", request.region, request.account);
        Ok(
            json!({"ConfigurationAggregator": {"ConfigurationAggregatorName": name, "ConfigurationAggregatorArn": arn}}),
        )
    }

    /// The accounts of an aggregator, and in which of their Regions they may be gathered from.
    fn sources(&self, context: &Context, request: &Request) -> Result<Vec<Source>, AwsError> {
        let name = required(request, "ConfigurationAggregatorName")?;
        let key = (request.region.clone(), name.to_owned());
        let accounts = self.lock().aggregators.get(&key).cloned().ok_or_else(|| no_such(name))?;
        let all = context.neighbours().all();
        let own = all.iter().find(|(account, _)| *account == request.account);
        let organization = own.and_then(|(_, own)| own.organization.clone());
        let belongs = |account: &String, neighbour: &Neighbour| match &accounts {
            Accounts::Organization => organization.is_some() && neighbour.organization == organization,
            Accounts::Listed(listed) => listed.contains(account),
        };
        let found = all.into_iter().filter(|(account, neighbour)| belongs(account, neighbour));
        Ok(found.map(|(account, neighbour)| Source { account, neighbour }).collect())
    }

    /// What each place is asked, and what it answers: `(account, region, answer)`. A listed account that has not authorized the
    /// aggregator's Region is silent.
    async fn ask(
        &self,
        context: &Context,
        request: &Request,
        operation: &str,
        body: Value,
        only: Option<(&str, &str)>,
    ) -> Result<Vec<(String, String, Value)>, AwsError> {
        let of_organization = {
            let key = (request.region.clone(), required(request, "ConfigurationAggregatorName")?.to_owned());
            matches!(self.lock().aggregators.get(&key), Some(Accounts::Organization))
        };
        let mut answers = Vec::new();
        for Source { account, neighbour } in self.sources(context, request)? {
            for region in neighbour.config.regions() {
                if only.is_some_and(|only| only != (account.as_str(), region.as_str())) {
                    continue;
                }
                let asked = |operation: &str, body: Value| Request {
                    operation: operation.to_owned(),
                    body,
                    account: account.clone(),
                    region: region.clone(),
                    caller: request.caller.clone(),
                };
                if !of_organization && account != request.account {
                    let granted = neighbour
                        .config
                        .handle(&asked("DescribeAggregationAuthorizations", json!({})))
                        .await?;
                    let to_us = |one: &Value| {
                        text(one, "AuthorizedAccountId") == Some(&request.account)
                            && text(one, "AuthorizedAwsRegion") == Some(&request.region)
                    };
                    if !items(&granted, "AggregationAuthorizations").any(to_us) {
                        continue;
                    }
                }
                match neighbour.config.handle(&asked(operation, body.clone())).await {
                    Ok(answer) => answers.push((account.clone(), region.clone(), answer)),
                    Err(error) if error.code == "NoSuchConfigRuleException" => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(answers)
    }

    async fn compliance(&self, context: &Context, request: &Request) -> Result<Value, AwsError> {
        let filters = request.body.get("Filters").unwrap_or(&Value::Null);
        let mut body = json!({});
        for (ours, theirs) in [("ConfigRuleName", "ConfigRuleNames"), ("ComplianceType", "ComplianceTypes")] {
            if let (Some(value), Some(members)) = (text(filters, ours), body.as_object_mut()) {
                members.insert(theirs.to_owned(), json!([value]));
            }
        }
        let answers = self.ask(context, request, "DescribeComplianceByConfigRule", body, None).await?;
        let mut found = Vec::new();
        for (account, region, answer) in answers {
            for rule in items(&answer, "ComplianceByConfigRules") {
                let name = text(rule, "ConfigRuleName").unwrap_or_default();
                let shown = json!({
                    "ConfigRuleName": name, "Compliance": rule.get("Compliance"), "AccountId": account, "AwsRegion": region,
                });
                found.push((format!("{account} {region} {name}"), shown));
            }
        }
        page("AggregateComplianceByConfigRules", found, request)
    }

    async fn details(&self, context: &Context, request: &Request) -> Result<Value, AwsError> {
        let (account, region) = (required(request, "AccountId")?, required(request, "AwsRegion")?);
        let mut body = json!({ "ConfigRuleName": required(request, "ConfigRuleName")?, "Limit": 100 });
        if let (Some(kind), Some(members)) = (text(&request.body, "ComplianceType"), body.as_object_mut()) {
            members.insert("ComplianceTypes".to_owned(), json!([kind]));
        }
        let only = Some((account, region));
        let mut found = Vec::new();
        loop {
            let answers =
                self.ask(context, request, "GetComplianceDetailsByConfigRule", body.clone(), only).await?;
            let Some((account, region, answer)) = answers.into_iter().next() else { break };
            for result in items(&answer, "EvaluationResults") {
                let qualifier = result.pointer("/EvaluationResultIdentifier/EvaluationResultQualifier");
                let of =
                    |name: &str| qualifier.and_then(|qualifier| text(qualifier, name)).unwrap_or_default();
                let key = format!("{} {}", of("ResourceType"), of("ResourceId"));
                let mut shown = result.clone();
                if let Some(members) = shown.as_object_mut() {
                    members.remove("ResultToken");
                    members.insert("AccountId".to_owned(), json!(account));
                    members.insert("AwsRegion".to_owned(), json!(region));
                }
                found.push((key, shown));
            }
            match (text(&answer, "NextToken"), body.as_object_mut()) {
                (Some(token), Some(members)) => members.insert("NextToken".to_owned(), json!(token)),
                _ => break,
            };
        }
        page("AggregateEvaluationResults", found, request)
    }
}

fn page(name: &str, found: Vec<(String, Value)>, request: &Request) -> Result<Value, AwsError> {
    let limit =
        request.body.get("Limit").and_then(Value::as_u64).and_then(|limit| usize::try_from(limit).ok());
    let limit = limit.filter(|limit| *limit > 0).unwrap_or(50).min(100);
    pages::page(name, found, limit, text(&request.body, "NextToken"))
        .map_err(|error| AwsError::client("InvalidNextTokenException", error.to_string()))
}

fn no_such(name: &str) -> AwsError {
    AwsError::client("NoSuchConfigurationAggregatorException", format!("there is no aggregator `{name}`"))
}
