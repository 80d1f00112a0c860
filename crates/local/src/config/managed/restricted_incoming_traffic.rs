//! `RESTRICTED_INCOMING_TRAFFIC` (`restricted-common-ports`): no security group lets everybody reach the blocked TCP
//! ports. A parameter that isn't given has AWS's default. AWS's page speaks of groups "in use"; the rule is triggered
//! by the group's own changes and judges unattached groups too.

use super::{
    Judgement, ManagedRule, Parameters, ReadError, Reader, csv, security_groups::closed_to_the_world,
};

pub(super) const RULE: ManagedRule = ManagedRule {
    identifier: "RESTRICTED_INCOMING_TRAFFIC",
    service: "ec2",
    parameters: &[
        "blockedPort1",
        "blockedPort2",
        "blockedPort3",
        "blockedPort4",
        "blockedPort5",
        "blockedPorts",
    ],
    judge: |reader, parameters| Box::pin(groups(reader, parameters)),
};

const DEFAULTS: [(&str, u16); 5] = [
    ("blockedPort1", 20),
    ("blockedPort2", 21),
    ("blockedPort3", 3389),
    ("blockedPort4", 3306),
    ("blockedPort5", 4333),
];

async fn groups(reader: &Reader<'_>, parameters: &Parameters) -> Result<Vec<Judgement>, ReadError> {
    closed_to_the_world(reader, &blocked_ports(parameters)).await
}

fn blocked_ports(parameters: &Parameters) -> Vec<u16> {
    let single = DEFAULTS.iter().map(|(name, default)| {
        parameters.get(*name).and_then(|port| port.trim().parse().ok()).unwrap_or(*default)
    });
    let listed = csv(parameters, "blockedPorts").filter_map(|port| port.parse().ok());
    let mut ports: Vec<u16> = single.chain(listed).collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(pairs: &[(&str, &str)]) -> Parameters {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn ports_that_are_not_given_have_the_defaults_of_aws() {
        assert_eq!(blocked_ports(&Parameters::new()), [20, 21, 3306, 3389, 4333]);
        assert_eq!(blocked_ports(&parameters(&[("blockedPort1", "22")])), [21, 22, 3306, 3389, 4333]);
    }

    #[test]
    fn duplicates_leave_only_the_ports_that_were_named() {
        let given = parameters(&[
            ("blockedPort1", "22"),
            ("blockedPort2", "3389"),
            ("blockedPort3", "22"),
            ("blockedPort4", "22"),
            ("blockedPort5", "3389"),
        ]);
        assert_eq!(blocked_ports(&given), [22, 3389]);
    }

    #[test]
    fn a_list_of_ports_comes_on_top() {
        let given = parameters(&[("blockedPorts", "5432, 6379")]);
        assert_eq!(blocked_ports(&given), [20, 21, 3306, 3389, 4333, 5432, 6379]);
    }
}
