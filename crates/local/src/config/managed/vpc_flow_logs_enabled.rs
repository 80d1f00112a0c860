//! `VPC_FLOW_LOGS_ENABLED`: a VPC has an active flow log of its own, for the asked kind of traffic if one is asked.

use serde_json::{Value, json};

use super::{Compliance, Judgement, ManagedRule, Parameters, ReadError, Reader, compliant_if};

pub(super) const RULE: ManagedRule = ManagedRule {
    identifier: "VPC_FLOW_LOGS_ENABLED",
    service: "ec2",
    parameters: &["trafficType"],
    judge: |reader, parameters| Box::pin(vpcs(reader, parameters)),
};

async fn vpcs(reader: &Reader<'_>, parameters: &Parameters) -> Result<Vec<Judgement>, ReadError> {
    let vpcs = reader.list("ec2", "DescribeVpcs", json!({}), "Vpcs").await?;
    let logs = reader.list("ec2", "DescribeFlowLogs", json!({}), "FlowLogs").await?;
    let traffic = parameters.get("trafficType").map(String::as_str);
    Ok(vpcs
        .iter()
        .filter_map(|vpc| {
            let id = vpc.get("VpcId")?.as_str()?;
            Some(Judgement::of("AWS::EC2::VPC", id, logged(id, &logs, traffic)))
        })
        .collect())
}

fn logged(vpc: &str, logs: &[Value], traffic: Option<&str>) -> Compliance {
    compliant_if(logs.iter().any(|log| {
        let text = |name: &str| log.get(name).and_then(Value::as_str);
        text("ResourceId") == Some(vpc)
            && text("FlowLogStatus") == Some("ACTIVE")
            && traffic.is_none_or(|wanted| text("TrafficType") == Some(wanted))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vpc_needs_an_active_flow_log_of_its_own() {
        let log = |resource: &str, status: &str| json!({"ResourceId": resource, "FlowLogStatus": status, "TrafficType": "ALL"});
        assert_eq!(logged("vpc-1", &[log("vpc-1", "ACTIVE")], None), Compliance::Compliant);
        assert_eq!(logged("vpc-1", &[], None), Compliance::NonCompliant);
        assert_eq!(
            logged("vpc-1", &[log("subnet-1", "ACTIVE"), log("vpc-2", "ACTIVE")], None),
            Compliance::NonCompliant
        );
        assert_eq!(logged("vpc-1", &[log("vpc-1", "FAILED")], None), Compliance::NonCompliant);
        assert_eq!(logged("vpc-1", &[log("vpc-1", "ACTIVE")], Some("REJECT")), Compliance::NonCompliant);
    }
}
