//! `EIP_ATTACHED`: an Elastic IP address belongs to an instance or to a network interface that is in use.

use serde_json::{Value, json};

use super::{Compliance, Judgement, ManagedRule, Parameters, ReadError, Reader, compliant_if};

pub(super) const RULE: ManagedRule = ManagedRule {
    identifier: "EIP_ATTACHED",
    service: "ec2",
    parameters: &[],
    judge: |reader, parameters| Box::pin(addresses(reader, parameters)),
};

async fn addresses(reader: &Reader<'_>, _: &Parameters) -> Result<Vec<Judgement>, ReadError> {
    let addresses = reader.list("ec2", "DescribeAddresses", json!({}), "Addresses").await?;
    let interfaces = if addresses.iter().any(|address| text(address, "NetworkInterfaceId").is_some()) {
        reader.list("ec2", "DescribeNetworkInterfaces", json!({}), "NetworkInterfaces").await?
    } else {
        Vec::new()
    };
    Ok(addresses
        .iter()
        .filter_map(|address| {
            let id = text(address, "AllocationId")?;
            Some(Judgement::of("AWS::EC2::EIP", id, attached(address, &interfaces)))
        })
        .collect())
}

fn attached(address: &Value, interfaces: &[Value]) -> Compliance {
    let in_use = |id: &str| {
        interfaces.iter().any(|interface| {
            text(interface, "NetworkInterfaceId") == Some(id) && text(interface, "Status") == Some("in-use")
        })
    };
    compliant_if(
        text(address, "InstanceId").is_some() || text(address, "NetworkInterfaceId").is_some_and(in_use),
    )
}

/// A member that is there and not empty: EC2 answers `""` for "none".
fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_needs_an_instance_or_an_interface_in_use() {
        let interfaces = [
            json!({"NetworkInterfaceId": "eni-used", "Status": "in-use"}),
            json!({"NetworkInterfaceId": "eni-idle", "Status": "available"}),
        ];
        for (address, expected) in [
            (json!({"AllocationId": "eipalloc-1"}), Compliance::NonCompliant),
            (json!({"InstanceId": "", "NetworkInterfaceId": ""}), Compliance::NonCompliant),
            (json!({"InstanceId": "i-1"}), Compliance::Compliant),
            (json!({"NetworkInterfaceId": "eni-used"}), Compliance::Compliant),
            (json!({"NetworkInterfaceId": "eni-idle"}), Compliance::NonCompliant),
            (json!({"NetworkInterfaceId": "eni-gone"}), Compliance::NonCompliant),
        ] {
            assert_eq!(attached(&address, &interfaces), expected, "{address}");
        }
    }
}
