//! Load balancers of the second generation and their target groups.

use serde_json::{Map, Value, json};

use super::{
    super::{
        item::Found,
        reader::{OrAbsent as _, ReadError, Reader},
    },
    shape::{Spelling, created, items, owned, related, sorted, tag_list, tags, text},
};

/// `AWS::ElasticLoadBalancingV2::LoadBalancer`; its id is the ARN.
pub(super) async fn balancers(reader: &Reader<'_>) -> Result<Vec<Found>, ReadError> {
    let mut found = Vec::new();
    for balancer in reader.list("elbv2", "DescribeLoadBalancers", json!({}), "LoadBalancers").await? {
        let arn = owned(&balancer, "LoadBalancerArn");
        let asked = json!({"LoadBalancerArn": arn});
        let attributes = reader.call("elbv2", "DescribeLoadBalancerAttributes", asked).await;
        let Some(attributes) = attributes.or_absent(&["LoadBalancerNotFound"])? else { continue };
        let tags = tags_of(reader, &arn).await?;
        let supplementary = Map::from_iter([
            (
                "LoadBalancerAttributes".to_owned(),
                Spelling::FirstSmall.of(attributes.get("Attributes").unwrap_or(&Value::Null)),
            ),
            ("Tags".to_owned(), tag_list(&tags)),
        ]);
        let groups = items(&balancer, "SecurityGroups").iter().filter_map(|id| {
            related("AWS::EC2::SecurityGroup", id.as_str(), "Is associated with SecurityGroup")
        });
        let subnets = items(&balancer, "AvailabilityZones")
            .iter()
            .filter_map(|zone| related("AWS::EC2::Subnet", text(zone, "SubnetId"), "Is attached to Subnet"));
        let vpc = related("AWS::EC2::VPC", text(&balancer, "VpcId"), "Is contained in Vpc");
        found.push(Found {
            id: arn.clone(),
            name: Some(owned(&balancer, "LoadBalancerName")),
            arn,
            region: reader.region().to_owned(),
            zone: "Multiple Availability Zones".to_owned(),
            created: created(&balancer, "CreatedTime"),
            tags,
            configuration: Spelling::FirstSmall.of(&balancer),
            supplementary,
            relationships: sorted(groups.chain(subnets).chain(vpc)),
        });
    }
    Ok(found)
}

/// `AWS::ElasticLoadBalancingV2::TargetGroup`, in the shape of CloudFormation's schema; its id is the ARN.
pub(super) async fn target_groups(reader: &Reader<'_>) -> Result<Vec<Found>, ReadError> {
    let mut found = Vec::new();
    for group in reader.list("elbv2", "DescribeTargetGroups", json!({}), "TargetGroups").await? {
        let arn = owned(&group, "TargetGroupArn");
        let (name, tags) = (owned(&group, "TargetGroupName"), tags_of(reader, &arn).await?);
        let mut configuration = Spelling::Schema.of(&group);
        if let Value::Object(members) = &mut configuration {
            // The schema's own word for it.
            members.insert("Name".to_owned(), json!(name));
        }
        let vpc = related("AWS::EC2::VPC", text(&group, "VpcId"), "Is contained in Vpc");
        found.push(Found {
            id: arn.clone(),
            name: Some(name),
            arn,
            region: reader.region().to_owned(),
            zone: "Regional".to_owned(),
            created: None,
            tags,
            configuration,
            supplementary: Map::new(),
            relationships: vpc.into_iter().collect(),
        });
    }
    Ok(found)
}

async fn tags_of(
    reader: &Reader<'_>,
    arn: &str,
) -> Result<std::collections::BTreeMap<String, String>, ReadError> {
    let answer = reader.call("elbv2", "DescribeTags", json!({"ResourceArns": [arn]})).await;
    let answer = answer.or_absent(&["LoadBalancerNotFound", "TargetGroupNotFound"])?.unwrap_or_default();
    Ok(tags(items(&answer, "TagDescriptions").first().and_then(|described| described.get("Tags"))))
}
