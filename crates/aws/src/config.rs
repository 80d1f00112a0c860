//! AWS Config.

use aws_sdk_config::{
    operation::get_compliance_details_by_config_rule::GetComplianceDetailsByConfigRuleError as DetailsError,
    types::ComplianceType,
};
use jiff::Timestamp;
use plumb_model::{NOT_JUDGED, Place, ResourceRef};
use plumb_ports::{Judgement, NonCompliant, PortError, ReadJudgement, Reevaluate};

use crate::{aggregate, clients::Aws, errors::failed};

/// AWS Config, where it is asked about; what does not comply is listed of this account and Region, or of everything that the
/// stack's aggregator knows.
#[derive(Debug)]
pub struct Config<'a>(pub &'a Aws);

impl Reevaluate for Config<'_> {
    async fn reevaluate(&self, place: &Place, rule: &str) -> Result<(), PortError> {
        let aws = self.0.at(place).await?;
        aws.config()
            .start_config_rules_evaluation()
            .config_rule_names(rule)
            .send()
            .await
            .map(|_| ())
            .map_err(|error| failed("config:StartConfigRulesEvaluation", error))
    }
}

impl ReadJudgement for Config<'_> {
    async fn judgement(&self, rule: &str, resource: &ResourceRef) -> Result<Option<Judgement>, PortError> {
        let (aws, mut next) = (self.0.at(&resource.place()).await?, None);
        loop {
            let answer = aws
                .config()
                .get_compliance_details_by_resource()
                .resource_type(&resource.kind)
                .resource_id(&resource.id)
                .set_next_token(next)
                .send()
                .await
                .map_err(|error| failed("config:GetComplianceDetailsByResource", error))?;
            let found = answer.evaluation_results.unwrap_or_default().into_iter().find_map(|result| {
                let qualifier = result.evaluation_result_identifier?.evaluation_result_qualifier?;
                (qualifier.config_rule_name? == rule).then_some(())?;
                // A resource that could not be judged does not comply, and does not violate.
                if result.annotation.is_some_and(|why| why.starts_with(NOT_JUDGED)) {
                    return None;
                }
                let complies = match result.compliance_type? {
                    ComplianceType::Compliant | ComplianceType::NotApplicable => true,
                    ComplianceType::NonCompliant => false,
                    _ => return None,
                };
                let recorded = result.result_recorded_time?.to_millis().ok()?;
                Some(Judgement { complies, recorded_at: Timestamp::from_millisecond(recorded).ok()? })
            });
            next = answer.next_token.filter(|token| !token.is_empty());
            if found.is_some() || next.is_none() {
                return Ok(found);
            }
        }
    }
}

impl NonCompliant for Config<'_> {
    async fn non_compliant(
        &self,
        rule: &str,
        next: Option<String>,
    ) -> Result<(Vec<ResourceRef>, Option<String>), PortError> {
        if let Some(aggregator) = self.0.aggregator() {
            return aggregate::non_compliant(self.0, aggregator, rule, next).await;
        }
        let home = self.0.home();
        let answer = self
            .0
            .config()
            .get_compliance_details_by_config_rule()
            .config_rule_name(rule)
            .compliance_types(ComplianceType::NonCompliant)
            .limit(100)
            .set_next_token(next)
            .send()
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error)
                if error.as_service_error().is_some_and(DetailsError::is_no_such_config_rule_exception) =>
            {
                return Ok((Vec::new(), None));
            }
            Err(error) => return Err(failed("config:GetComplianceDetailsByConfigRule", error)),
        };
        let resources = answer
            .evaluation_results
            .unwrap_or_default()
            .into_iter()
            .filter_map(|result| result.evaluation_result_identifier?.evaluation_result_qualifier)
            .filter_map(|qualifier| {
                Some(ResourceRef {
                    account: home.account.clone(),
                    region: home.region.clone(),
                    kind: qualifier.resource_type?,
                    id: qualifier.resource_id?,
                })
            })
            .collect();
        Ok((resources, answer.next_token))
    }
}
