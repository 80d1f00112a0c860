//! AWS Config.

use aws_sdk_config::{
    operation::get_compliance_details_by_config_rule::GetComplianceDetailsByConfigRuleError as DetailsError,
    types::ComplianceType,
};
use jiff::Timestamp;
use plumb_model::{AccountId, Region, ResourceRef};
use plumb_ports::{Judgement, NonCompliant, PortError, ReadJudgement, Reevaluate};

use crate::{clients::Aws, errors::failed};

/// AWS Config in this account and Region.
#[derive(Debug)]
pub struct Config<'a> {
    aws: &'a Aws,
    account: AccountId,
    region: Region,
}

impl<'a> Config<'a> {
    /// AWS Config of this account and Region.
    pub fn new(aws: &'a Aws, account: AccountId, region: Region) -> Self {
        Self { aws, account, region }
    }
}

impl Reevaluate for Config<'_> {
    async fn reevaluate(&self, rule: &str) -> Result<(), PortError> {
        self.aws
            .config()
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
        let mut next = None;
        loop {
            let answer = self
                .aws
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
        let answer = self
            .aws
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
                    account: self.account.clone(),
                    region: self.region.clone(),
                    kind: qualifier.resource_type?,
                    id: qualifier.resource_id?,
                })
            })
            .collect();
        Ok((resources, answer.next_token))
    }
}
