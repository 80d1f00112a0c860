//! Networks and what is in them.

use serde_json::{Map, Value, json};

use super::{
    super::{
        item::{Found, Relationship},
        reader::{ReadError, Reader},
    },
    shape::{Spelling, created, items, owned, related, sorted, tags, text},
};

/// `AWS::EC2::SecurityGroup`, with the network interfaces and instances that use it.
pub(super) async fn security_groups(reader: &Reader<'_>) -> Result<Vec<Found>, ReadError> {
    let groups = reader.list("ec2", "DescribeSecurityGroups", json!({}), "SecurityGroups").await?;
    let interfaces = reader.list("ec2", "DescribeNetworkInterfaces", json!({}), "NetworkInterfaces").await?;
    Ok(groups
        .iter()
        .map(|group| {
            let id = owned(group, "GroupId");
            let users = interfaces.iter().filter(|interface| in_group(interface, &id));
            let users = users.flat_map(|interface| {
                let instance = interface.get("Attachment").and_then(|by| text(by, "InstanceId"));
                [
                    related(
                        "AWS::EC2::NetworkInterface",
                        text(interface, "NetworkInterfaceId"),
                        "Is associated with NetworkInterface",
                    ),
                    related("AWS::EC2::Instance", instance, "Is associated with Instance"),
                ]
            });
            let vpc = related("AWS::EC2::VPC", text(group, "VpcId"), "Is contained in Vpc");
            Found {
                name: text(group, "GroupName").map(str::to_owned),
                configuration: with_ranges(group),
                relationships: sorted(users.flatten().chain(vpc)),
                ..of_ec2(reader, group, &id, "security-group", "Not Applicable")
            }
        })
        .collect())
}

fn in_group(interface: &Value, id: &str) -> bool {
    items(interface, "Groups").iter().any(|group| text(group, "GroupId") == Some(id))
}

/// AWS Config keeps `ipRanges` as the plain CIDR blocks they once were, beside `ipv4Ranges` with their descriptions.
fn with_ranges(group: &Value) -> Value {
    let mut configuration = Spelling::FirstSmall.of(group);
    for direction in ["ipPermissions", "ipPermissionsEgress"] {
        let permissions = configuration.get_mut(direction).and_then(Value::as_array_mut);
        for permission in permissions.into_iter().flatten().filter_map(Value::as_object_mut) {
            let ranges = permission.remove("ipRanges").unwrap_or_else(|| json!([]));
            let plain: Value = ranges
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|range| range.get("cidrIp").cloned())
                .collect();
            permission.insert("ipRanges".to_owned(), plain);
            permission.insert("ipv4Ranges".to_owned(), ranges);
        }
    }
    configuration
}

/// `AWS::EC2::NetworkInterface`.
pub(super) async fn interfaces(reader: &Reader<'_>) -> Result<Vec<Found>, ReadError> {
    let interfaces = reader.list("ec2", "DescribeNetworkInterfaces", json!({}), "NetworkInterfaces").await?;
    Ok(interfaces
        .iter()
        .map(|interface| {
            let id = owned(interface, "NetworkInterfaceId");
            let zone = owned(interface, "AvailabilityZone");
            let groups = items(interface, "Groups").iter().filter_map(|group| {
                related("AWS::EC2::SecurityGroup", text(group, "GroupId"), "Is associated with SecurityGroup")
            });
            let instance = interface.get("Attachment").and_then(|by| text(by, "InstanceId"));
            let others = [
                related("AWS::EC2::Instance", instance, "Is attached to Instance"),
                related("AWS::EC2::Subnet", text(interface, "SubnetId"), "Is contained in Subnet"),
                related("AWS::EC2::VPC", text(interface, "VpcId"), "Is contained in Vpc"),
            ];
            Found {
                tags: tags(interface.get("TagSet")),
                relationships: sorted(groups.chain(others.into_iter().flatten())),
                ..of_ec2(reader, interface, &id, "network-interface", &zone)
            }
        })
        .collect())
}

/// `AWS::EC2::EIP`.
pub(super) async fn addresses(reader: &Reader<'_>) -> Result<Vec<Found>, ReadError> {
    let addresses = reader.list("ec2", "DescribeAddresses", json!({}), "Addresses").await?;
    Ok(addresses
        .iter()
        .filter_map(|address| {
            let id = text(address, "AllocationId")?;
            let others = [
                related("AWS::EC2::Instance", text(address, "InstanceId"), "Is attached to Instance"),
                related(
                    "AWS::EC2::NetworkInterface",
                    text(address, "NetworkInterfaceId"),
                    "Is attached to NetworkInterface",
                ),
            ];
            Some(Found {
                arn: reader.arn("ec2", &format!("eip-allocation/{id}")),
                name: text(address, "PublicIp").map(str::to_owned),
                relationships: sorted(others.into_iter().flatten()),
                ..of_ec2(reader, address, id, "elastic-ip", "Not Applicable")
            })
        })
        .collect())
}

/// `AWS::EC2::VPC`.
pub(super) async fn vpcs(reader: &Reader<'_>) -> Result<Vec<Found>, ReadError> {
    let vpcs = reader.list("ec2", "DescribeVpcs", json!({}), "Vpcs").await?;
    Ok(vpcs
        .iter()
        .map(|vpc| of_ec2(reader, vpc, &owned(vpc, "VpcId"), "vpc", "Multiple Availability Zones"))
        .collect())
}

/// `AWS::EC2::Subnet`.
pub(super) async fn subnets(reader: &Reader<'_>) -> Result<Vec<Found>, ReadError> {
    let subnets = reader.list("ec2", "DescribeSubnets", json!({}), "Subnets").await?;
    Ok(subnets
        .iter()
        .map(|subnet| {
            let zone = owned(subnet, "AvailabilityZone");
            let vpc = related("AWS::EC2::VPC", text(subnet, "VpcId"), "Is contained in Vpc");
            Found {
                relationships: vpc.into_iter().collect(),
                ..of_ec2(reader, subnet, &owned(subnet, "SubnetId"), "subnet", &zone)
            }
        })
        .collect())
}

/// `AWS::EC2::FlowLog`.
pub(super) async fn flow_logs(reader: &Reader<'_>) -> Result<Vec<Found>, ReadError> {
    let logs = reader.list("ec2", "DescribeFlowLogs", json!({}), "FlowLogs").await?;
    Ok(logs
        .iter()
        .map(|log| Found {
            arn: reader.arn("ec2", &format!("vpc-flow-log/{}", owned(log, "FlowLogId"))),
            created: created(log, "CreationTime"),
            configuration: Spelling::LeadingSmall.of(log),
            ..of_ec2(reader, log, &owned(log, "FlowLogId"), "vpc-flow-log", "Not Applicable")
        })
        .collect())
}

/// What all EC2 types have in common.
fn of_ec2(reader: &Reader<'_>, answer: &Value, id: &str, arn: &str, zone: &str) -> Found {
    Found {
        id: id.to_owned(),
        name: None,
        arn: reader.arn("ec2", &format!("{arn}/{id}")),
        region: reader.region().to_owned(),
        zone: zone.to_owned(),
        created: None,
        tags: tags(answer.get("Tags")),
        configuration: Spelling::FirstSmall.of(answer),
        supplementary: Map::new(),
        relationships: Vec::<Relationship>::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_kept_both_ways() {
        let group = json!({"GroupId": "sg-1", "IpPermissions": [{
            "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22,
            "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "all"}], "Ipv6Ranges": [{"CidrIpv6": "::/0"}],
        }]});
        assert_eq!(
            with_ranges(&group),
            json!({"groupId": "sg-1", "ipPermissions": [{
                "ipProtocol": "tcp", "fromPort": 22, "toPort": 22,
                "ipRanges": ["0.0.0.0/0"], "ipv4Ranges": [{"cidrIp": "0.0.0.0/0", "description": "all"}],
                "ipv6Ranges": [{"cidrIpv6": "::/0"}],
            }]})
        );
    }
}
