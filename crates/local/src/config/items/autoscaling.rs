//! Auto Scaling groups.

use serde_json::{Map, Value, json};

use super::{
    super::{
        item::Found,
        reader::{ReadError, Reader},
    },
    shape::{Spelling, created, items, owned, related, related_by_name, sorted, tags, text},
};

/// `AWS::AutoScaling::AutoScalingGroup`; its id is the ARN.
pub(super) async fn groups(reader: &Reader<'_>) -> Result<Vec<Found>, ReadError> {
    let groups =
        reader.list("autoscaling", "DescribeAutoScalingGroups", json!({}), "AutoScalingGroups").await?;
    Ok(groups
        .iter()
        .map(|group| {
            let (arn, name) = (owned(group, "AutoScalingGroupARN"), owned(group, "AutoScalingGroupName"));
            let instances = items(group, "Instances").iter().filter_map(|instance| {
                related("AWS::EC2::Instance", text(instance, "InstanceId"), "Contains Instance")
            });
            let launch = text(group, "LaunchConfigurationName");
            let launch = related_by_name(
                "AWS::AutoScaling::LaunchConfiguration",
                launch,
                "Is associated with LaunchConfiguration",
            );
            let subnets = text(group, "VPCZoneIdentifier").unwrap_or_default().split(',');
            let subnets = subnets
                .map(str::trim)
                .filter(|id| !id.is_empty())
                .filter_map(|id| related("AWS::EC2::Subnet", Some(id), "Is attached to Subnet"));
            let zone = if items(group, "AvailabilityZones").len() == 1 {
                items(group, "AvailabilityZones").first().and_then(Value::as_str).unwrap_or_default()
            } else {
                "Multiple Availability Zones"
            };
            Found {
                id: arn.clone(),
                name: Some(name),
                arn,
                region: reader.region().to_owned(),
                zone: zone.to_owned(),
                created: created(group, "CreatedTime"),
                tags: tags(group.get("Tags")),
                configuration: Spelling::LeadingSmall.of(group),
                supplementary: Map::new(),
                relationships: sorted(instances.chain(launch).chain(subnets)),
            }
        })
        .collect())
}
