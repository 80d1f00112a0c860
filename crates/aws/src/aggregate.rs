//! What AWS Config's aggregator knows: which resources of all members do not comply.
//!
//! `DescribeAggregateComplianceByConfigRules` names the accounts and Regions in which a rule found something;
//! `GetAggregateComplianceDetailsByConfigRule` lists what, a place at a time. So a sweep of many accounts assumes nobody's role,
//! and costs one call for each rule that found nothing anywhere.

use aws_sdk_config::types::{ComplianceType, ConfigRuleComplianceFilters};
use plumb_model::{AccountId, Place, Region, ResourceRef};
use plumb_ports::{Class, PortError};
use serde::{Deserialize, Serialize};

use crate::{clients::Aws, errors::failed};

/// Where a listing is; the token that the sweep keeps.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Progress {
    /// The places that are known to have something, and are still to be looked at.
    places: Vec<Place>,
    /// Where the listing within the first of them is.
    within: Option<String>,
    /// Where the listing of places is; absent when it is at its end.
    further: Option<String>,
    /// Whether the listing of places has begun.
    begun: bool,
}

/// One page: resources, and the token of the next.
pub(crate) async fn non_compliant(
    aws: &Aws,
    aggregator: &str,
    rule: &str,
    token: Option<String>,
) -> Result<(Vec<ResourceRef>, Option<String>), PortError> {
    // A token that another version wrote begins the rule anew.
    let mut progress: Progress =
        token.and_then(|token| serde_json::from_str(&token).ok()).unwrap_or_default();
    if progress.places.is_empty() && (!progress.begun || progress.further.is_some()) {
        list_places(aws, aggregator, rule, &mut progress).await?;
    }
    let mut found = Vec::new();
    if let Some(place) = progress.places.first().cloned() {
        let (resources, within) = at(aws, aggregator, rule, &place, progress.within.take()).await?;
        found = resources;
        progress.within = within;
        if progress.within.is_none() {
            progress.places.remove(0);
        }
    }
    let done = progress.places.is_empty() && progress.further.is_none();
    let token = (!done).then(|| serde_json::to_string(&progress)).transpose().map_err(|error| PortError {
        operation: "config:GetAggregateComplianceDetailsByConfigRule",
        code: "token".to_owned(),
        class: Class::Permanent,
        source: Some(Box::new(error)),
    })?;
    Ok((found, token))
}

/// The next places in which the rule found something.
async fn list_places(
    aws: &Aws,
    aggregator: &str,
    rule: &str,
    progress: &mut Progress,
) -> Result<(), PortError> {
    const OPERATION: &str = "config:DescribeAggregateComplianceByConfigRules";
    let filters = ConfigRuleComplianceFilters::builder()
        .config_rule_name(rule)
        .compliance_type(ComplianceType::NonCompliant)
        .build();
    let answer = aws
        .config()
        .describe_aggregate_compliance_by_config_rules()
        .configuration_aggregator_name(aggregator)
        .filters(filters)
        .set_next_token(progress.further.take())
        .send()
        .await
        .map_err(|error| failed(OPERATION, error))?;
    progress.begun = true;
    progress.further = answer.next_token.filter(|token| !token.is_empty());
    let places = answer.aggregate_compliance_by_config_rules.unwrap_or_default();
    progress.places.extend(places.into_iter().filter_map(|found| {
        let account = AccountId::parse(found.account_id?).ok()?;
        Some(Place { account, region: Region::parse(found.aws_region?).ok()? })
    }));
    Ok(())
}

/// A page of what the rule found at a place.
async fn at(
    aws: &Aws,
    aggregator: &str,
    rule: &str,
    place: &Place,
    within: Option<String>,
) -> Result<(Vec<ResourceRef>, Option<String>), PortError> {
    const OPERATION: &str = "config:GetAggregateComplianceDetailsByConfigRule";
    let answer = aws
        .config()
        .get_aggregate_compliance_details_by_config_rule()
        .configuration_aggregator_name(aggregator)
        .config_rule_name(rule)
        .account_id(place.account.as_str())
        .aws_region(place.region.as_str())
        .compliance_type(ComplianceType::NonCompliant)
        .limit(100)
        .set_next_token(within)
        .send()
        .await
        .map_err(|error| failed(OPERATION, error))?;
    let results = answer.aggregate_evaluation_results.unwrap_or_default();
    let resources = results.into_iter().filter_map(|result| {
        let qualifier = result.evaluation_result_identifier?.evaluation_result_qualifier?;
        Some(ResourceRef {
            account: place.account.clone(),
            region: place.region.clone(),
            kind: qualifier.resource_type?,
            id: qualifier.resource_id?,
        })
    });
    Ok((resources.collect(), answer.next_token.filter(|token| !token.is_empty())))
}
