//! `CloudHSM` clusters whose backups are kept forever, or too short.

use serde_json::json;

use super::hsm_cluster_in_one_zone::{item, leaving};
use crate::{Case, Kind, Listing, Parameter, Rule, Unjudged, Verdict, api, nothing};

const DAYS: Parameter = Parameter {
    name: "days",
    kind: Kind::Count(379),
    default: "7",
    docs: "how many days backups have to be kept at least; CloudHSM takes 7 to 379",
};

pub(super) const RULE: Rule = Rule {
    name: "hsm-cluster-without-backup-retention",
    title: "CloudHSM cluster without a backup retention policy",
    docs: "AWS Config does not record clusters, so CloudHSM lists them. \
           See <https://docs.aws.amazon.com/cloudhsm/latest/userguide/manage-backup-retention.html>.",
    resource_type: "AWS::CloudHSMV2::Cluster",
    listing: Listing::Read { api: &api::HSM_CLUSTERS, parameters: || json!({"MaxResults": 25}), item },
    parameters: &[&DAYS],
    needs: nothing,
    judge,
};

fn judge(case: &Case<'_>) -> Result<Verdict, Unjudged> {
    case.item.required("State")?;
    if let Some(why) = leaving(case.item) {
        return Ok(Verdict::not_applicable(why));
    }
    let wanted = case.parameters.count(&DAYS);
    Ok(match case.item.number("BackupRetentionPolicy.Value") {
        None => Verdict::non_compliant("the cluster has no backup retention policy"),
        Some(days) if days < f64::from(wanted) => {
            Verdict::non_compliant(format!("backups are kept {days} days; {wanted} are wanted"))
        }
        Some(_) => Verdict::Compliant,
    })
}
