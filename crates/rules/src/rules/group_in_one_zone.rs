//! Auto Scaling groups that one Availability Zone takes down.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{Case, Listing, Rule, Unjudged, Verdict, nothing};

pub(super) const RULE: Rule = Rule {
    name: "group-in-one-zone",
    title: "Auto Scaling group in a single Availability Zone",
    docs: "A group that is being deleted is not looked at. \
           See <https://docs.aws.amazon.com/autoscaling/ec2/userguide/auto-scaling-benefits.html>.",
    resource_type: "AWS::AutoScaling::AutoScalingGroup",
    listing: Listing::Recorded,
    parameters: &[],
    needs: nothing,
    judge,
};

fn judge(case: &Case<'_>) -> Result<Verdict, Unjudged> {
    if case.item.text("status").is_some_and(|status| status.starts_with("Delete")) {
        return Ok(Verdict::not_applicable("the group is being deleted"));
    }
    let zones: BTreeSet<_> = case.item.list("availabilityZones").iter().filter_map(Value::as_str).collect();
    let mut zones = zones.into_iter();
    match (zones.next(), zones.next()) {
        (None, _) => Err(Unjudged("the configuration item has no `availabilityZones`".to_owned())),
        (Some(one), None) => Ok(Verdict::non_compliant(format!("all of its instances are in {one}"))),
        (Some(_), Some(_)) => Ok(Verdict::Compliant),
    }
}
