//! EC2 instances that were stopped and forgotten, while their volumes are paid for.

use jiff::Timestamp;
use serde_json::Value;

use crate::{Case, Item, Kind, Listing, Need, Parameter, Rule, Unjudged, Verdict, timestamp};

const DAYS: Parameter = Parameter {
    name: "days",
    kind: Kind::Count(3650),
    default: "30",
    docs: "how many whole days an instance may be stopped",
};

pub(super) const RULE: Rule = Rule {
    name: "instance-stopped-too-long",
    title: "EC2 instance has been stopped for days",
    docs: "Since when is what EC2 says in `stateTransitionReason`; where that holds no date, the instance's earlier configuration \
           items in AWS Config say it.",
    resource_type: "AWS::EC2::Instance",
    listing: Listing::Recorded,
    parameters: &[&DAYS],
    needs,
    judge,
};

fn needs(case: &Case<'_>) -> Vec<(String, Need)> {
    let unknown = is_stopped(case.item) && said_since(case.item).is_none();
    if unknown { vec![("history".to_owned(), Need::History)] } else { Vec::new() }
}

fn is_stopped(item: &Item) -> bool {
    item.text("state.name") == Some("stopped")
}

/// `User initiated (2023-04-27 15:01:07 GMT)`.
fn said_since(item: &Item) -> Option<Timestamp> {
    let (_, rest) = item.text("stateTransitionReason")?.split_once('(')?;
    timestamp(&Value::from(rest.split_once(')')?.0))
}

fn judge(case: &Case<'_>) -> Result<Verdict, Unjudged> {
    match case.item.required("state.name")? {
        "stopped" => {}
        "terminated" | "shutting-down" => return Ok(Verdict::not_applicable("the instance is terminated")),
        _ => return Ok(Verdict::Compliant),
    }
    let since = match said_since(case.item) {
        Some(since) => since,
        None => case
            .like_this_since(is_stopped)?
            .ok_or_else(|| Unjudged("neither EC2 nor AWS Config says since when it is stopped".to_owned()))?,
    };
    let (days, allowed) = (case.days_since(since), case.parameters.count(&DAYS));
    Ok(if days >= allowed {
        Verdict::non_compliant(format!("stopped for {days} days; {allowed} are allowed"))
    } else {
        Verdict::Compliant
    })
}
