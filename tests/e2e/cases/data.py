"""A public database, a table without recovery, and volumes that are not encrypted by default."""

from account import plain
from cases.base import Case


class InstancePublicAccess(Case):
    """A public PostgreSQL with tags, backups and a parameter group of its own, beside a private one; and a public one in
    a Region that the stack does not look after.
    """

    control = "instance-public-access"
    kind = "AWS::RDS::DBInstance"

    def make(self):
        rds = self.client("rds")
        self.identifier, self.parameters = f"e2e-{self.token}", f"e2e-parameters-{self.token}"
        rds.create_db_parameter_group(
            DBParameterGroupName=self.parameters, DBParameterGroupFamily="postgres16", Description="of the test"
        )
        created = self.make_instance(rds, self.identifier, public=True, DBParameterGroupName=self.parameters)
        self.resource, self.arn = created["DbiResourceId"], created["DBInstanceArn"]

    def make_bystander(self):
        self.private, self.remote = f"e2e-private-{self.token}", f"e2e-remote-{self.token}"
        self.make_instance(self.client("rds"), self.private, public=False)
        self.make_instance(self.client("rds", self.account.elsewhere), self.remote, public=True)

    def make_instance(self, rds, identifier, public, **more):
        answer = rds.create_db_instance(
            DBInstanceIdentifier=identifier,
            DBInstanceClass="db.t4g.micro",
            Engine="postgres",
            AllocatedStorage=20,
            MasterUsername="orders",
            ManageMasterUserPassword=True,
            PubliclyAccessible=public,
            BackupRetentionPeriod=7,
            DeletionProtection=True,
            CopyTagsToSnapshot=True,
            Tags=[{"Key": "team", "Value": "orders"}],
            **more,
        )
        return answer["DBInstance"]

    def instance(self, identifier, region=None):
        rds = self.client("rds", region)
        instance = plain(rds.describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"][0])
        # It moves by itself.
        instance.pop("LatestRestorableTime", None)
        return instance

    def subject(self):
        tags = plain(self.client("rds").list_tags_for_resource(ResourceName=self.arn)["TagList"])
        return {"instance": self.instance(self.identifier), "tags": tags}

    def kept(self):
        subject = self.subject()
        del subject["instance"]["PubliclyAccessible"]
        return subject

    def bystander(self):
        groups = self.client("rds").describe_db_parameter_groups(DBParameterGroupName=self.parameters)
        return {
            "private": self.instance(self.private),
            "remote": self.instance(self.remote, self.account.elsewhere),
            "parameters": plain(groups["DBParameterGroups"]),
        }

    def assert_violating(self):
        assert self.instance(self.identifier)["PubliclyAccessible"] is True

    def assert_fixed(self):
        assert self.instance(self.identifier)["PubliclyAccessible"] is False


class TableWithoutRecovery(Case):
    """A table with items, an index, a stream and tags, beside one that can be recovered."""

    control = "table-without-recovery"
    kind = "AWS::DynamoDB::Table"

    def make(self):
        self.resource = f"e2e-orders-{self.token}"
        self.make_table(self.resource)

    def make_bystander(self):
        self.other = f"e2e-other-{self.token}"
        self.make_table(self.other)
        self.client("dynamodb").update_continuous_backups(
            TableName=self.other, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )

    def make_table(self, name):
        dynamodb = self.client("dynamodb")
        dynamodb.create_table(
            TableName=name,
            AttributeDefinitions=[
                {"AttributeName": "id", "AttributeType": "S"},
                {"AttributeName": "customer", "AttributeType": "S"},
            ],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "by-customer",
                    "KeySchema": [{"AttributeName": "customer", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
            Tags=[{"Key": "team", "Value": "orders"}],
        )
        dynamodb.update_time_to_live(
            TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"}
        )
        for number in range(3):
            item = {"id": {"S": str(number)}, "customer": {"S": "c1"}, "amount": {"N": "12.50"}}
            dynamodb.put_item(TableName=name, Item=item)

    def recovery(self, name):
        answer = self.client("dynamodb").describe_continuous_backups(TableName=name)
        return plain(answer["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"])

    def rest(self, name):
        dynamodb = self.client("dynamodb")
        table = plain(dynamodb.describe_table(TableName=name)["Table"])
        items = plain(dynamodb.scan(TableName=name)["Items"])
        return {
            "table": table,
            "items": sorted(items, key=lambda item: item["id"]["S"]),
            "ttl": plain(dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]),
            "tags": plain(dynamodb.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"]),
        }

    def subject(self):
        return {**self.rest(self.resource), "recovery": self.recovery(self.resource)}

    def kept(self):
        return self.rest(self.resource)

    def bystander(self):
        recovery = self.recovery(self.other)["PointInTimeRecoveryStatus"]
        return {**self.rest(self.other), "recovery": recovery}

    def assert_violating(self):
        assert self.recovery(self.resource)["PointInTimeRecoveryStatus"] == "DISABLED"

    def assert_fixed(self):
        assert self.recovery(self.resource)["PointInTimeRecoveryStatus"] == "ENABLED"


class EbsDefaultEncryptionOff(Case):
    """The account's default in the stack's Region; the neighbour is the same default elsewhere."""

    control = "ebs-default-encryption-off"
    kind = "AWS::::Account"

    def make(self):
        ec2 = self.client("ec2")
        self.resource = self.account.id
        ec2.disable_ebs_encryption_by_default()
        self.volume = ec2.create_volume(
            AvailabilityZone=f"{self.account.region}a", Size=1, Encrypted=False, VolumeType="gp3"
        )["VolumeId"]

    def make_bystander(self):
        self.client("ec2", self.account.elsewhere).disable_ebs_encryption_by_default()

    def default(self, region=None):
        return self.client("ec2", region).get_ebs_encryption_by_default()["EbsEncryptionByDefault"]

    def kept(self):
        return plain(self.client("ec2").describe_volumes(VolumeIds=[self.volume])["Volumes"])

    def subject(self):
        return {"default": self.default(), "volume": self.kept()}

    def bystander(self):
        return {"default": self.default(self.account.elsewhere)}

    def assert_violating(self):
        assert self.default() is False

    def assert_fixed(self):
        assert self.default() is True
