"""What a case is, and the surroundings that several of them share."""

import json
import uuid


class Case:
    """One violating resource, what has to be kept of it, and a neighbour that has to be left alone."""

    control: str
    kind: str
    # Where Plumb's work on it ends when it may do everything.
    ends_as = "fixed"

    def __init__(self, account, neighbourhood):
        self.account = account
        self.neighbourhood = neighbourhood
        self.token = uuid.uuid4().hex[:8]
        self.resource = None

    def client(self, service, region=None):
        return self.account.client(service, region)

    def make(self):
        """Makes the violating resource and sets `resource` to the id that AWS Config gives it."""
        raise NotImplementedError

    def make_bystander(self):
        """Makes the neighbour."""
        raise NotImplementedError

    def subject(self):
        """All there is to see of the resource."""
        raise NotImplementedError

    def kept(self):
        """What a fix has to leave as it is."""
        raise NotImplementedError

    def bystander(self):
        """All there is to see of the neighbour."""
        raise NotImplementedError

    def assert_violating(self):
        raise NotImplementedError

    def assert_fixed(self):
        raise NotImplementedError


class Neighbourhood:
    """A network and a bucket for logs that comply with everything, for what needs one to live in."""

    def __init__(self, account):
        self.account = account
        self.token = uuid.uuid4().hex[:8]
        self._make_network()
        self.log_bucket = f"e2e-logs-{self.token}"
        account.client("s3").create_bucket(Bucket=self.log_bucket)
        make_compliant(account, self.log_bucket)

    def _make_network(self):
        ec2 = self.account.client("ec2")
        self.vpc = ec2.create_vpc(CidrBlock="10.60.0.0/16")["Vpc"]["VpcId"]
        make_flow_log(self.account, "VPC", self.vpc, f"/e2e/{self.token}/neighbourhood")
        self.subnet = ec2.create_subnet(VpcId=self.vpc, CidrBlock="10.60.1.0/24")["Subnet"]["SubnetId"]


def make_flow_log(account, kind, resource, group):
    account.client("logs").create_log_group(logGroupName=group)
    answer = account.client("ec2").create_flow_logs(
        ResourceType=kind,
        ResourceIds=[resource],
        TrafficType="ALL",
        LogGroupName=group,
        DeliverLogsPermissionArn=f"arn:aws:iam::{account.id}:role/e2e-flow-logs",
    )
    assert not answer.get("Unsuccessful"), answer


def make_compliant(account, bucket, statements=()):
    s3 = account.client("s3")
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=blocks(True, True, True, True))
    put_policy(s3, bucket, [*statements, deny_plain_http(bucket)])


def blocks(acls, ignore, policy, restrict):
    return {
        "BlockPublicAcls": acls,
        "IgnorePublicAcls": ignore,
        "BlockPublicPolicy": policy,
        "RestrictPublicBuckets": restrict,
    }


def put_policy(s3, bucket, statements):
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))


def deny_plain_http(bucket):
    return {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
