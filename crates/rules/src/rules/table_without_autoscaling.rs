//! DynamoDB tables with a fixed capacity.

use serde_json::{Value, json};

use crate::{Case, Listing, Need, Rule, Unjudged, Verdict, api, case::text};

pub(super) const RULE: Rule = Rule {
    name: "table-without-autoscaling",
    title: "DynamoDB table with provisioned capacity that does not scale",
    docs: "A table that is billed per request has no capacity to scale. Of a provisioned one, the table itself and each global \
           secondary index have to be scalable targets of Application Auto Scaling, with a policy, for reads and for writes. \
           See <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/AutoScaling.html>.",
    resource_type: "AWS::DynamoDB::Table",
    listing: Listing::Recorded,
    parameters: &[],
    needs,
    judge,
};

fn needs(case: &Case<'_>) -> Vec<(String, Need)> {
    if let Some(_why) = unconcerned(case) {
        return Vec::new();
    }
    let parameters = json!({"ServiceNamespace": "dynamodb"});
    vec![
        ("targets".to_owned(), Need::Read { api: &api::SCALABLE_TARGETS, parameters: parameters.clone() }),
        ("policies".to_owned(), Need::Read { api: &api::SCALING_POLICIES, parameters }),
    ]
}

fn unconcerned(case: &Case<'_>) -> Option<&'static str> {
    if case.item.text("billingModeSummary.billingMode") == Some("PAY_PER_REQUEST") {
        return Some("the table is billed per request");
    }
    (case.item.text("tableStatus") == Some("DELETING")).then_some("the table is being deleted")
}

fn judge(case: &Case<'_>) -> Result<Verdict, Unjudged> {
    let table = case.item.required("tableName")?;
    if let Some(why) = unconcerned(case) {
        return Ok(Verdict::not_applicable(why));
    }
    let (targets, policies) = (case.fact("targets")?, case.fact("policies")?);
    let indexes =
        case.item.list("globalSecondaryIndexes").iter().filter_map(|index| text(index, "indexName"));
    let scaled = [(format!("table/{table}"), "table")]
        .into_iter()
        .chain(indexes.map(|index| (format!("table/{table}/index/{index}"), "index")));
    let mut fixed = Vec::new();
    for (id, kind) in scaled {
        for capacity in ["Read", "Write"] {
            let dimension = format!("dynamodb:{kind}:{capacity}CapacityUnits");
            if !(has(targets, &id, &dimension) && has(policies, &id, &dimension)) {
                fixed.push(format!("{} of {id}", capacity.to_lowercase()));
            }
        }
    }
    Ok(if fixed.is_empty() {
        Verdict::Compliant
    } else {
        Verdict::non_compliant(format!("does not scale: {}", fixed.join(", ")))
    })
}

fn has(records: &[Value], id: &str, dimension: &str) -> bool {
    records.iter().any(|record| {
        text(record, "ResourceId") == Some(id) && text(record, "ScalableDimension") == Some(dimension)
    })
}
