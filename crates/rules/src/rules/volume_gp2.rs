//! EBS volumes of the general purpose type that `gp3` replaced.

use crate::{Case, Listing, Rule, Unjudged, Verdict, nothing};

pub(super) const RULE: Rule = Rule {
    name: "volume-gp2",
    title: "EBS volume is of the type gp2",
    docs: "gp3 has the same durability and at least the same performance at a lower price per GiB, and its throughput does \
           not depend on its size. A volume that is being deleted is not looked at. \
           See <https://docs.aws.amazon.com/ebs/latest/userguide/general-purpose.html>.",
    resource_type: "AWS::EC2::Volume",
    listing: Listing::Recorded,
    parameters: &[],
    needs: nothing,
    judge,
};

fn judge(case: &Case<'_>) -> Result<Verdict, Unjudged> {
    if matches!(
        case.item.text("state.value").or_else(|| case.item.text("state")),
        Some("deleting" | "deleted")
    ) {
        return Ok(Verdict::not_applicable("the volume is being deleted"));
    }
    Ok(match case.item.required("volumeType")? {
        "gp2" => Verdict::non_compliant("the volume is gp2; gp3 costs less and is at least as fast"),
        _ => Verdict::Compliant,
    })
}
