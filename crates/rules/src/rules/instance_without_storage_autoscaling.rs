//! RDS instances whose storage fills up.

use crate::{Case, Listing, Rule, Unjudged, Verdict, nothing};

pub(super) const RULE: Rule = Rule {
    name: "instance-without-storage-autoscaling",
    title: "RDS instance without storage autoscaling",
    docs: "Storage autoscaling is on if the maximum allocated storage is above what is allocated. Aurora, DocumentDB and Neptune grow by \
           themselves, and RDS Custom has no storage autoscaling: they are left alone. \
           See <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIOPS.Autoscaling.html>.",
    resource_type: "AWS::RDS::DBInstance",
    listing: Listing::Recorded,
    parameters: &[],
    needs: nothing,
    judge,
};

fn judge(case: &Case<'_>) -> Result<Verdict, Unjudged> {
    let item = case.item;
    let engine = item.required("engine")?;
    if ["aurora", "docdb", "neptune", "custom-"].iter().any(|other| engine.starts_with(other)) {
        return Ok(Verdict::not_applicable(format!("`{engine}` has no storage autoscaling to turn on")));
    }
    if item.text("dBInstanceStatus") == Some("deleting") {
        return Ok(Verdict::not_applicable("the instance is being deleted"));
    }
    let allocated = item
        .number("allocatedStorage")
        .ok_or_else(|| Unjudged("the configuration item has no `allocatedStorage`".to_owned()))?;
    Ok(match item.number("maxAllocatedStorage") {
        None => Verdict::non_compliant(format!(
            "{allocated} GiB are allocated, and there is no maximum to grow to"
        )),
        Some(most) if most <= allocated => Verdict::non_compliant(format!(
            "{allocated} GiB are allocated, and {most} GiB is the maximum: no room to grow"
        )),
        Some(_) => Verdict::Compliant,
    })
}
