//! Aurora clusters whose number of readers is fixed.

use serde_json::json;

use crate::{Case, Listing, Need, Rule, Unjudged, Verdict, api, case::text};

pub(super) const RULE: Rule = Rule {
    name: "cluster-without-replica-autoscaling",
    title: "Aurora cluster without replica autoscaling",
    docs: "The cluster has to be a scalable target of Application Auto Scaling (`rds:cluster:ReadReplicaCount`) with a policy. Clusters of \
           other engines, Aurora Serverless v1 and global write forwarders without an own writer have none. \
           See <https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.Integrating.AutoScaling.html>.",
    resource_type: "AWS::RDS::DBCluster",
    listing: Listing::Recorded,
    parameters: &[],
    needs,
    judge,
};

const DIMENSION: &str = "rds:cluster:ReadReplicaCount";

fn needs(case: &Case<'_>) -> Vec<(String, Need)> {
    if scales(case).is_some() {
        return Vec::new();
    }
    let parameters = json!({"ServiceNamespace": "rds", "ScalableDimension": DIMENSION});
    vec![
        ("targets".to_owned(), Need::Read { api: &api::SCALABLE_TARGETS, parameters: parameters.clone() }),
        ("policies".to_owned(), Need::Read { api: &api::SCALING_POLICIES, parameters }),
    ]
}

/// Why the rule has nothing to say.
fn scales(case: &Case<'_>) -> Option<&'static str> {
    if !case.item.text("engine").unwrap_or_default().starts_with("aurora") {
        return Some("only Aurora has replica autoscaling");
    }
    if matches!(case.item.text("engineMode"), Some("serverless" | "parallelquery" | "multimaster")) {
        return Some("this engine mode has no replica autoscaling");
    }
    (case.item.text("status") == Some("deleting")).then_some("the cluster is being deleted")
}

fn judge(case: &Case<'_>) -> Result<Verdict, Unjudged> {
    case.item.required("engine")?;
    if let Some(why) = scales(case) {
        return Ok(Verdict::not_applicable(why));
    }
    let cluster = case.item.required("dbclusterIdentifier")?;
    let id = format!("cluster:{cluster}");
    let has = |name: &str| Ok(case.fact(name)?.iter().any(|record| text(record, "ResourceId") == Some(&id)));
    Ok(match (has("targets")?, has("policies")?) {
        (true, true) => Verdict::Compliant,
        (true, false) => Verdict::non_compliant("it is a scalable target, but no policy scales it"),
        (false, _) => Verdict::non_compliant("nothing adds or removes readers when the load changes"),
    })
}
