//! EBS snapshots that are old, and of which no image is made.

use serde_json::{Value, json};

use crate::{
    Case, Item, Kind, Listing, Need, Parameter, Place, Rule, Unjudged, Verdict, api,
    case::{list, text},
};

const DAYS: Parameter = Parameter {
    name: "days",
    kind: Kind::Count(3650),
    default: "365",
    docs: "how many whole days old a snapshot may be that no image uses",
};

pub(super) const RULE: Rule = Rule {
    name: "snapshot-old-without-image",
    title: "EBS snapshot is old and no image uses it",
    docs: "AWS Config does not record snapshots, so EC2 lists those that the account owns. An archived one costs little and is left alone. What AWS Backup or Data Lifecycle Manager made is theirs to \
           delete.",
    resource_type: "AWS::EC2::Snapshot",
    listing: Listing::Read { api: &api::SNAPSHOTS, parameters: own, item },
    parameters: &[&DAYS],
    needs,
    judge,
};

fn own() -> Value {
    json!({"Owner": ["self"], "MaxResults": "1000"})
}

fn item(record: &Value, place: &Place) -> Option<Item> {
    let id = text(record, "snapshotId")?;
    let Place { partition, region, .. } = place;
    let arn = format!("arn:{partition}:ec2:{region}::snapshot/{id}");
    Some(Item::unrecorded(place, RULE.resource_type, id, Some(arn), record))
}

fn needs(_: &Case<'_>) -> Vec<(String, Need)> {
    let parameters = json!({"Owner": ["self"], "IncludeDeprecated": "true", "IncludeDisabled": "true"});
    vec![("images".to_owned(), Need::Read { api: &api::IMAGES, parameters })]
}

fn judge(case: &Case<'_>) -> Result<Verdict, Unjudged> {
    let item = case.item;
    if item.required("status")? != "completed" {
        return Ok(Verdict::not_applicable("the snapshot is not completed"));
    }
    if item.text("storageTier") == Some("archive") {
        return Ok(Verdict::Compliant);
    }
    let keepers = [
        ("aws:backup:source-resource", "AWS Backup"),
        ("aws:dlm:lifecycle-policy-id", "Data Lifecycle Manager"),
    ];
    if let Some((_, keeper)) = keepers.iter().find(|(tag, _)| item.tags.contains_key(*tag)) {
        return Ok(Verdict::not_applicable(format!("{keeper} made the snapshot, and deletes it")));
    }
    let started =
        item.time("startTime").ok_or_else(|| Unjudged("EC2 does not say when it was made".to_owned()))?;
    let (days, allowed) = (case.days_since(started), case.parameters.count(&DAYS));
    let used = case.fact("images")?.iter().any(|image| {
        list(image, "blockDeviceMapping")
            .iter()
            .any(|device| text(device, "ebs.snapshotId") == Some(item.id.as_str()))
    });
    Ok(if used || days < allowed {
        Verdict::Compliant
    } else {
        Verdict::non_compliant(format!("{days} days old, and no image uses it; {allowed} are allowed"))
    })
}
