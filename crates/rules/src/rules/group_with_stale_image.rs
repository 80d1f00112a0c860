//! Auto Scaling groups that start instances from images that are old, or that nobody approved.

use serde_json::{Value, json};

use crate::{
    Case, Kind, Listing, Need, Parameter, Rule, Unjudged, Verdict, api,
    case::{at, text, time},
};

const DAYS: Parameter = Parameter {
    name: "days",
    kind: Kind::Count(3650),
    default: "180",
    docs: "how many whole days old an image may be",
};

const OWNERS: Parameter = Parameter {
    name: "approvedOwners",
    kind: Kind::Texts,
    default: "",
    docs: "account ids or aliases (`amazon`) whose images are approved; if empty, everybody's, unless `approvedImages` is set",
};

const APPROVED: Parameter = Parameter {
    name: "approvedImages",
    kind: Kind::Texts,
    default: "",
    docs: "ids of further images that are approved",
};

pub(super) const RULE: Rule = Rule {
    name: "group-with-stale-image",
    title: "Auto Scaling group starts instances from an old or unapproved image",
    docs: "The image is that of the group's launch template (its version, or the default one), of its mixed instances policy, or of its launch \
           configuration. An image that is deprecated or no longer there is stale as well. \
           See <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ami-deprecate.html>.",
    resource_type: "AWS::AutoScaling::AutoScalingGroup",
    listing: Listing::Recorded,
    parameters: &[&DAYS, &OWNERS, &APPROVED],
    needs,
    judge,
};

/// First the template or the launch configuration, then the image that it names.
fn needs(case: &Case<'_>) -> Vec<(String, Need)> {
    if !case.facts.has("source") {
        return source(case).map(|need| ("source".to_owned(), need)).into_iter().collect();
    }
    image(case)
        .map(|image| {
            // An id that is gone is an error of the call; as a filter it is an empty answer.
            let filter = json!([{"Name": "image-id", "Value": [image]}]);
            let parameters = json!({"Filter": filter, "IncludeDeprecated": "true"});
            ("image".to_owned(), Need::Read { api: &api::IMAGES, parameters })
        })
        .into_iter()
        .collect()
}

fn source(case: &Case<'_>) -> Option<Need> {
    let item = case.item;
    let template = item
        .get("launchTemplate")
        .or_else(|| item.get("mixedInstancesPolicy.launchTemplate.launchTemplateSpecification"));
    if let Some(template) = template {
        let version = text(template, "version").unwrap_or("$Default");
        let id = text(template, "launchTemplateId");
        let (name, value) = match id {
            Some(id) => ("LaunchTemplateId", id),
            None => ("LaunchTemplateName", text(template, "launchTemplateName")?),
        };
        let parameters = json!({name: value, "LaunchTemplateVersion": [version], "ResolveAlias": "true"});
        return Some(Need::Read { api: &api::LAUNCH_TEMPLATE_VERSIONS, parameters });
    }
    let name = item.text("launchConfigurationName")?;
    let parameters = json!({"LaunchConfigurationNames": {"member": [name]}});
    Some(Need::Read { api: &api::LAUNCH_CONFIGURATIONS, parameters })
}

fn image<'a>(case: &'a Case<'_>) -> Option<&'a str> {
    let source = case.facts.all("source").first()?;
    text(source, "launchTemplateData.imageId").or_else(|| text(source, "ImageId"))
}

fn judge(case: &Case<'_>) -> Result<Verdict, Unjudged> {
    if case.item.text("status").is_some_and(|status| status.starts_with("Delete")) {
        return Ok(Verdict::not_applicable("the group is being deleted"));
    }
    if source(case).is_none() {
        return Ok(Verdict::not_applicable(
            "the group has neither a launch template nor a launch configuration",
        ));
    }
    if case.fact("source")?.is_empty() {
        return Ok(Verdict::non_compliant("its launch template or launch configuration no longer exists"));
    }
    let Some(id) = image(case) else {
        return Ok(Verdict::not_applicable("its launch template names no image"));
    };
    let Some(image) = case.fact("image")?.first() else {
        return Ok(Verdict::non_compliant(format!(
            "the image {id} no longer exists, or is not shared with this account"
        )));
    };
    if let Some(why) = unapproved(case, id, image) {
        return Ok(Verdict::non_compliant(why));
    }
    if time(image, "deprecationTime").is_some_and(|deprecated| deprecated <= case.now) {
        return Ok(Verdict::non_compliant(format!("the image {id} is deprecated")));
    }
    let created = time(image, "creationDate")
        .ok_or_else(|| Unjudged(format!("EC2 does not say when the image {id} was made")))?;
    let (days, allowed) = (case.days_since(created), case.parameters.count(&DAYS));
    Ok(if days > allowed {
        Verdict::non_compliant(format!("the image {id} is {days} days old; {allowed} are allowed"))
    } else {
        Verdict::Compliant
    })
}

fn unapproved(case: &Case<'_>, id: &str, image: &Value) -> Option<String> {
    let (owners, images) = (case.parameters.texts(&OWNERS), case.parameters.texts(&APPROVED));
    if owners.is_empty() && images.is_empty() {
        return None;
    }
    let mut of_owner =
        ["imageOwnerId", "imageOwnerAlias"].iter().filter_map(|name| at(image, name)?.as_str());
    let approved = images.contains(&id) || of_owner.any(|owner| owners.contains(&owner));
    let owner =
        text(image, "imageOwnerAlias").or_else(|| text(image, "imageOwnerId")).unwrap_or("somebody unknown");
    (!approved).then(|| format!("the image {id} of {owner} is not approved"))
}
