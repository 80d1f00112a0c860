//! What the two rules on security groups share: whether a group lets all of the internet reach a TCP port.

use serde_json::{Value, json};

use super::{Judgement, ReadError, Reader, compliant_if};

/// Judges every security group of the Region: none of the ports may be open to everybody.
pub(super) async fn closed_to_the_world(
    reader: &Reader<'_>,
    ports: &[u16],
) -> Result<Vec<Judgement>, ReadError> {
    let groups = reader.list("ec2", "DescribeSecurityGroups", json!({}), "SecurityGroups").await?;
    Ok(groups
        .iter()
        .filter_map(|group| {
            let id = group.get("GroupId")?.as_str()?;
            let open = ports.iter().any(|port| open_to_the_world(group, *port));
            Some(Judgement::of("AWS::EC2::SecurityGroup", id, compliant_if(!open)))
        })
        .collect())
}

/// Whether some permission lets `0.0.0.0/0` or `::/0` reach the TCP port. Prefix lists and other groups are not
/// addresses, and AWS's rules don't look into them.
pub(super) fn open_to_the_world(group: &Value, port: u16) -> bool {
    items(group, "IpPermissions").any(|permission| {
        let anyone = items(permission, "IpRanges").any(|range| is(range, "CidrIp", "0.0.0.0/0"))
            || items(permission, "Ipv6Ranges").any(|range| is(range, "CidrIpv6", "::/0"));
        anyone && reaches(permission, port)
    })
}

fn reaches(permission: &Value, port: u16) -> bool {
    if is(permission, "IpProtocol", "-1") {
        return true;
    }
    let bound = |name: &str| permission.get(name).and_then(Value::as_i64);
    let tcp = is(permission, "IpProtocol", "tcp") || is(permission, "IpProtocol", "6");
    match (bound("FromPort"), bound("ToPort")) {
        (Some(from), Some(to)) => tcp && ((from..=to).contains(&i64::from(port)) || from == -1),
        _ => tcp,
    }
}

fn items<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn is(value: &Value, name: &str, expected: &str) -> bool {
    value.get(name).and_then(Value::as_str) == Some(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(permission: &Value) -> Value {
        json!({"GroupId": "sg-1", "IpPermissions": [permission]})
    }

    #[test]
    fn a_port_is_open_when_everybody_may_reach_it_over_tcp() {
        let world = json!([{"CidrIp": "0.0.0.0/0"}]);
        for (permission, open) in [
            (json!({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": world}), true),
            (json!({"IpProtocol": "tcp", "FromPort": 0, "ToPort": 1024, "IpRanges": world}), true),
            (json!({"IpProtocol": "-1", "IpRanges": world}), true),
            (json!({"IpProtocol": "6", "FromPort": 20, "ToPort": 30, "IpRanges": world}), true),
            (
                json!({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}),
                true,
            ),
            (json!({"IpProtocol": "udp", "FromPort": 22, "ToPort": 22, "IpRanges": world}), false),
            (json!({"IpProtocol": "tcp", "FromPort": 23, "ToPort": 80, "IpRanges": world}), false),
            (
                json!({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}),
                false,
            ),
            (
                json!({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "PrefixListIds": [{"PrefixListId": "pl-1"}]}),
                false,
            ),
        ] {
            assert_eq!(open_to_the_world(&group(&permission), 22), open, "{permission}");
        }
    }
}
