//! `CloudHSM` clusters that one Availability Zone takes down.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{Case, Item, Listing, Place, Rule, Unjudged, Verdict, api, case::text, nothing};

pub(super) const RULE: Rule = Rule {
    name: "hsm-cluster-in-one-zone",
    title: "CloudHSM cluster with HSMs in a single Availability Zone",
    docs: "AWS Config does not record clusters, so CloudHSM lists them. A cluster without an HSM does nothing and is left alone. \
           See <https://docs.aws.amazon.com/cloudhsm/latest/userguide/bp-cluster-management.html>.",
    resource_type: "AWS::CloudHSMV2::Cluster",
    listing: Listing::Read { api: &api::HSM_CLUSTERS, parameters: || json!({"MaxResults": 25}), item },
    parameters: &[],
    needs: nothing,
    judge,
};

/// A cluster from `CloudHSM`'s record.
pub(super) fn item(record: &Value, place: &Place) -> Option<Item> {
    let id = text(record, "ClusterId")?;
    let Place { partition, account, region } = place;
    let arn = format!("arn:{partition}:cloudhsm:{region}:{account}:cluster/{id}");
    Some(Item::unrecorded(place, RULE.resource_type, id, Some(arn), record))
}

/// Why a cluster is not looked at.
pub(super) fn leaving(item: &Item) -> Option<&'static str> {
    item.text("State")
        .is_some_and(|state| state.starts_with("DELETE"))
        .then_some("the cluster is being deleted")
}

fn judge(case: &Case<'_>) -> Result<Verdict, Unjudged> {
    case.item.required("State")?;
    if let Some(why) = leaving(case.item) {
        return Ok(Verdict::not_applicable(why));
    }
    let hsms = case
        .item
        .list("Hsms")
        .iter()
        .filter(|hsm| !text(hsm, "State").is_some_and(|state| state.starts_with("DELETE")));
    let zones: Vec<_> = hsms.filter_map(|hsm| text(hsm, "AvailabilityZone")).collect();
    let distinct: BTreeSet<_> = zones.iter().collect();
    Ok(match (zones.first(), distinct.len()) {
        (None, _) => Verdict::not_applicable("the cluster has no HSM"),
        (Some(zone), 1) => Verdict::non_compliant(format!("{} HSMs, all of them in {zone}", zones.len())),
        (Some(_), _) => Verdict::Compliant,
    })
}
