"""EC2's network: a security group open to the world, a VPC without flow logs, an address that nobody uses."""

import json
from urllib.parse import unquote

from account import plain
from cases.base import Case, make_flow_log


class SecurityGroupOpenAdminPorts(Case):
    """SSH and RDP for the world, in both families, by themselves and within a range, among rules that have to stay."""

    control = "security-group-open-admin-ports"
    kind = "AWS::EC2::SecurityGroup"

    def make(self):
        ec2 = self.client("ec2")
        self.peer = self.make_group("peer")
        self.prefix_list = ec2.create_managed_prefix_list(
            PrefixListName=f"e2e-office-{self.token}",
            AddressFamily="IPv4",
            MaxEntries=2,
            Entries=[{"Cidr": "192.0.2.0/24", "Description": "the old office"}],
        )["PrefixList"]["PrefixListId"]
        self.resource = self.make_group("open")
        permissions = [
            {
                "IpProtocol": "tcp",
                "FromPort": 22,
                "ToPort": 22,
                "IpRanges": [
                    {"CidrIp": "0.0.0.0/0", "Description": "from anywhere"},
                    {"CidrIp": "198.51.100.0/24", "Description": "from the office"},
                ],
                "Ipv6Ranges": [{"CidrIpv6": "::/0"}, {"CidrIpv6": "2001:db8::/32", "Description": "from the office"}],
                # Without a description: moto forgets it.
                "PrefixListIds": [{"PrefixListId": self.prefix_list}],
                "UserIdGroupPairs": [{"GroupId": self.peer, "Description": "from the peers"}],
            },
            {"IpProtocol": "tcp", "FromPort": 3389, "ToPort": 3389, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
            {
                "IpProtocol": "tcp",
                "FromPort": 3000,
                "ToPort": 4000,
                "Ipv6Ranges": [{"CidrIpv6": "::/0", "Description": "the old services"}],
            },
            {
                "IpProtocol": "tcp",
                "FromPort": 443,
                "ToPort": 443,
                "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "the site"}],
            },
            {"IpProtocol": "udp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
        ]
        ec2.authorize_security_group_ingress(GroupId=self.resource, IpPermissions=permissions)

    def make_group(self, what):
        answer = self.client("ec2").create_security_group(
            GroupName=f"e2e-{what}-{self.token}",
            Description=what,
            VpcId=self.neighbourhood.vpc,
            TagSpecifications=[{"ResourceType": "security-group", "Tags": [{"Key": "team", "Value": "orders"}]}],
        )
        return answer["GroupId"]

    def make_bystander(self):
        self.other = self.make_group("other")
        permissions = [
            {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "198.51.100.0/24"}]},
            {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
        ]
        self.client("ec2").authorize_security_group_ingress(GroupId=self.other, IpPermissions=permissions)

    def group(self, identity):
        return plain(self.client("ec2").describe_security_groups(GroupIds=[identity])["SecurityGroups"][0])

    def rules(self, identity):
        answer = self.client("ec2").describe_security_group_rules(
            Filters=[{"Name": "group-id", "Values": [identity]}]
        )
        return sorted(plain(answer["SecurityGroupRules"]), key=lambda rule: rule["SecurityGroupRuleId"])

    def ingress(self):
        """What may come in: (protocol, from, to, source, description), sorted."""
        return sorted(
            (permission["IpProtocol"], permission["FromPort"], permission["ToPort"], *origin)
            for permission in self.group(self.resource)["IpPermissions"]
            for origin in origins(permission)
        )

    def untouched(self):
        """What no fix has to touch, as `ingress` has it."""
        return [
            ("tcp", 22, 22, "198.51.100.0/24", "from the office"),
            ("tcp", 22, 22, "2001:db8::/32", "from the office"),
            ("tcp", 22, 22, self.prefix_list, ""),
            ("tcp", 22, 22, self.peer, "from the peers"),
            ("tcp", 443, 443, "0.0.0.0/0", "the site"),
            ("udp", 22, 22, "0.0.0.0/0", ""),
        ]

    def subject(self):
        return {"group": self.group(self.resource), "rules": self.rules(self.resource)}

    def state(self):
        """The subject, but for what can't come back: the ids of rules that were revoked, and the order of rules."""
        group = self.group(self.resource)
        return {
            "group": {key: value for key, value in group.items() if not key.startswith("IpPermissions")},
            "ingress": self.ingress(),
            "egress": group["IpPermissionsEgress"],
        }

    def kept(self):
        group = self.group(self.resource)
        offending = ("0.0.0.0/0", "::/0")
        return {
            "group": {key: value for key, value in group.items() if key != "IpPermissions"},
            "rules": [rule for rule in self.rules(self.resource) if source(rule) not in offending],
            "peer": self.group(self.peer),
        }

    def bystander(self):
        return {"group": self.group(self.other), "rules": self.rules(self.other)}

    def assert_violating(self):
        offending = [
            ("tcp", 22, 22, "0.0.0.0/0", "from anywhere"),
            ("tcp", 22, 22, "::/0", ""),
            ("tcp", 3389, 3389, "0.0.0.0/0", ""),
            ("tcp", 3000, 4000, "::/0", "the old services"),
        ]
        assert self.ingress() == sorted(self.untouched() + offending)

    def assert_fixed(self):
        around_rdp = [
            ("tcp", 3000, 3388, "::/0", "the old services"),
            ("tcp", 3390, 4000, "::/0", "the old services"),
        ]
        assert self.ingress() == sorted(self.untouched() + around_rdp)


def origins(permission):
    """Whom a permission is for, and its description."""
    kinds = {"IpRanges": "CidrIp", "Ipv6Ranges": "CidrIpv6", "PrefixListIds": "PrefixListId", "UserIdGroupPairs": "GroupId"}
    for kind, name in kinds.items():
        for origin in permission.get(kind, []):
            yield origin[name], origin.get("Description") or ""


def source(rule):
    group = rule.get("ReferencedGroupInfo", {}).get("GroupId")
    return rule.get("CidrIpv4") or rule.get("CidrIpv6") or rule.get("PrefixListId") or group


class VpcWithoutFlowLogs(Case):
    """A VPC whose one subnet has a flow log of its own, which is not the VPC's."""

    control = "vpc-without-flow-logs"
    kind = "AWS::EC2::VPC"

    def make(self):
        ec2 = self.client("ec2")
        self.resource = ec2.create_vpc(
            CidrBlock="10.61.0.0/16",
            TagSpecifications=[{"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": f"e2e-{self.token}"}]}],
        )["Vpc"]["VpcId"]
        self.subnet = ec2.create_subnet(VpcId=self.resource, CidrBlock="10.61.1.0/24")["Subnet"]["SubnetId"]
        self.group = f"/e2e/{self.token}/subnet"
        make_flow_log(self.account, "Subnet", self.subnet, self.group)

    def make_bystander(self):
        # Another VPC, with a flow log: the one that the rest of the story lives in.
        self.other = self.neighbourhood.vpc

    def network(self, vpc):
        ec2 = self.client("ec2")
        of_vpc = [{"Name": "vpc-id", "Values": [vpc]}]
        subnets = plain(ec2.describe_subnets(Filters=of_vpc)["Subnets"])
        for subnet in subnets:
            # Other cases put their instances there.
            subnet.pop("AvailableIpAddressCount", None)
        return {
            "vpc": plain(ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"]),
            "subnets": subnets,
            "routes": plain(ec2.describe_route_tables(Filters=of_vpc)["RouteTables"]),
            "acls": plain(ec2.describe_network_acls(Filters=of_vpc)["NetworkAcls"]),
        }

    def flow_logs(self, resource):
        answer = self.client("ec2").describe_flow_logs(Filters=[{"Name": "resource-id", "Values": [resource]}])
        return plain(answer["FlowLogs"])

    def log_groups(self, prefix):
        return plain(self.client("logs").describe_log_groups(logGroupNamePrefix=prefix)["logGroups"])

    def kept(self):
        return {
            **self.network(self.resource),
            "subnet's flow log": self.flow_logs(self.subnet),
            "subnet's log group": self.log_groups(self.group),
        }

    def subject(self):
        return {**self.kept(), "flow logs": self.flow_logs(self.resource)}

    def bystander(self):
        return {**self.network(self.other), "flow logs": self.flow_logs(self.other)}

    def assert_violating(self):
        assert self.flow_logs(self.resource) == []

    def assert_fixed(self):
        (log,) = self.flow_logs(self.resource)
        assert log["FlowLogStatus"] == "ACTIVE"
        assert log["TrafficType"] in ("REJECT", "ALL")
        assert log["LogDestinationType"] == "cloud-watch-logs"
        (group,) = [g for g in self.log_groups(log["LogGroupName"]) if g["logGroupName"] == log["LogGroupName"]]
        assert group["retentionInDays"] > 0, "records are not kept for ever"
        self.assert_delivers(log["DeliverLogsPermissionArn"], log["LogGroupName"])

    def assert_delivers(self, arn, group):
        iam, name = self.client("iam"), arn.rsplit("/", 1)[1]
        role = iam.get_role(RoleName=name)["Role"]
        assert role["Arn"] == arn
        (trust,) = document(role["AssumeRolePolicyDocument"])["Statement"]
        assert trust["Effect"] == "Allow"
        assert trust["Principal"] == {"Service": "vpc-flow-logs.amazonaws.com"}
        assert trust["Action"] == "sts:AssumeRole"
        allowed = set()
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            inline = document(iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"])
            for statement in inline["Statement"]:
                if statement["Effect"] == "Allow" and group in json.dumps(statement["Resource"]):
                    actions = statement["Action"]
                    allowed |= set(actions if isinstance(actions, list) else [actions])
        assert {"logs:CreateLogStream", "logs:PutLogEvents"} <= allowed


def document(policy):
    """IAM answers with a policy as a dictionary, or as URL-encoded text."""
    return policy if isinstance(policy, dict) else json.loads(unquote(policy))


class ElasticIpUnattached(Case):
    """An address in reserve, beside one that an instance uses. Releasing it needs a person's approval."""

    control = "elastic-ip-unattached"
    kind = "AWS::EC2::EIP"
    ends_as = "awaiting-approval"

    def make(self):
        self.resource = self.client("ec2").allocate_address(
            Domain="vpc",
            TagSpecifications=[{"ResourceType": "elastic-ip", "Tags": [{"Key": "team", "Value": "network"}]}],
        )["AllocationId"]

    def make_bystander(self):
        ec2 = self.client("ec2")
        image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
        instance = ec2.run_instances(
            ImageId=image, MinCount=1, MaxCount=1, InstanceType="t3.micro", SubnetId=self.neighbourhood.subnet
        )["Instances"][0]["InstanceId"]
        self.other = ec2.allocate_address(Domain="vpc")["AllocationId"]
        ec2.associate_address(AllocationId=self.other, InstanceId=instance)

    def address(self, allocation):
        return plain(self.client("ec2").describe_addresses(AllocationIds=[allocation])["Addresses"])

    def subject(self):
        return self.address(self.resource)

    def kept(self):
        return self.address(self.resource)

    def bystander(self):
        return self.address(self.other)

    def assert_violating(self):
        (address,) = self.address(self.resource)
        assert "AssociationId" not in address and not address.get("InstanceId")

    def assert_fixed(self):
        # Fixed would be gone; without a person's word it has to be there as it was.
        self.assert_violating()
