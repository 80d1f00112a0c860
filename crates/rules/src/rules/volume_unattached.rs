//! EBS volumes that are paid for and attached to nothing.

use crate::{Case, Item, Kind, Listing, Need, Parameter, Rule, Unjudged, Verdict};

const DAYS: Parameter = Parameter {
    name: "days",
    kind: Kind::Count(3650),
    default: "14",
    docs: "how many whole days a volume may be attached to nothing",
};

pub(super) const RULE: Rule = Rule {
    name: "volume-unattached",
    title: "EBS volume has been attached to nothing for days",
    docs: "Since when is read from the volume's earlier configuration items in AWS Config, so a volume counts only from the day on \
           that AWS Config began to record it.",
    resource_type: "AWS::EC2::Volume",
    listing: Listing::Recorded,
    parameters: &[&DAYS],
    needs,
    judge,
};

fn needs(case: &Case<'_>) -> Vec<(String, Need)> {
    if is_unattached(case.item) { vec![("history".to_owned(), Need::History)] } else { Vec::new() }
}

fn is_unattached(item: &Item) -> bool {
    item.text("state.value").or_else(|| item.text("state")) == Some("available")
        && item.list("attachments").is_empty()
}

fn judge(case: &Case<'_>) -> Result<Verdict, Unjudged> {
    if matches!(
        case.item.text("state.value").or_else(|| case.item.text("state")),
        Some("deleting" | "deleted")
    ) {
        return Ok(Verdict::not_applicable("the volume is being deleted"));
    }
    if !is_unattached(case.item) {
        return Ok(Verdict::Compliant);
    }
    let since = case
        .like_this_since(is_unattached)?
        .ok_or_else(|| Unjudged("AWS Config does not say since when the volume is unattached".to_owned()))?;
    let (days, allowed) = (case.days_since(since), case.parameters.count(&DAYS));
    Ok(if days >= allowed {
        Verdict::non_compliant(format!("attached to nothing for {days} days; {allowed} are allowed"))
    } else {
        Verdict::Compliant
    })
}
