//! Log groups that keep everything forever.

use serde_json::{Value, json};

use crate::{Case, Item, Listing, Place, Rule, Unjudged, Verdict, api, case::text, nothing};

pub(super) const RULE: Rule = Rule {
    name: "log-group-without-retention",
    title: "Log group keeps its logs forever",
    docs: "AWS Config does not record log groups, so CloudWatch Logs lists them. Groups of the class `DELIVERY` have a retention that can't be \
           changed. \
           See <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>.",
    resource_type: "AWS::Logs::LogGroup",
    listing: Listing::Read { api: &api::LOG_GROUPS, parameters: || json!({"limit": 50}), item },
    parameters: &[],
    needs: nothing,
    judge,
};

fn item(record: &Value, place: &Place) -> Option<Item> {
    let name = text(record, "logGroupName")?;
    let arn = text(record, "arn").map(|arn| arn.trim_end_matches(":*").to_owned());
    Some(Item {
        name: Some(name.to_owned()),
        ..Item::unrecorded(place, RULE.resource_type, name, arn, record)
    })
}

fn judge(case: &Case<'_>) -> Result<Verdict, Unjudged> {
    if case.item.text("logGroupClass") == Some("DELIVERY") {
        return Ok(Verdict::not_applicable("the retention of this class of log group can't be changed"));
    }
    case.item.required("logGroupName")?;
    Ok(if case.item.number("retentionInDays").is_some_and(|days| days > 0.0) {
        Verdict::Compliant
    } else {
        Verdict::non_compliant("no retention is set, so its logs are kept, and charged for, forever")
    })
}
