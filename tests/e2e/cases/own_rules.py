"""What Plumb's own rules find: each case makes a violating resource, and a neighbour that complies."""

from cases.base import Case, make_compliant


class BucketWithoutMultipartCleanup(Case):
    """A bucket whose only lifecycle rule says nothing of uploads, beside one that cleans up."""

    control = "bucket-without-multipart-cleanup"
    kind = "AWS::S3::Bucket"

    def make(self):
        self.resource = f"own-uploads-{self.token}"
        self.make_bucket(self.resource, {"ID": "expire", "Expiration": {"Days": 30}})

    def make_bystander(self):
        self.other = f"own-clean-{self.token}"
        self.make_bucket(self.other, {"ID": "clean", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 3}})

    def make_bucket(self, name, rule):
        s3 = self.client("s3")
        s3.create_bucket(Bucket=name)
        make_compliant(self.account, name)
        rule = {"Status": "Enabled", "Filter": {"Prefix": ""}, **rule}
        s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": [rule]})

    def rules(self, name):
        return self.client("s3").get_bucket_lifecycle_configuration(Bucket=name)["Rules"]

    def kept(self):
        return [rule for rule in self.rules(self.resource) if rule["ID"] == "expire"]

    def bystander(self):
        return self.rules(self.other)

    def is_fixed(self):
        return any("AbortIncompleteMultipartUpload" in rule for rule in self.rules(self.resource))


class InstanceWithoutStorageAutoscaling(Case):
    """A database without a ceiling for its storage, beside one that has a ceiling."""

    control = "instance-without-storage-autoscaling"
    kind = "AWS::RDS::DBInstance"

    def make(self):
        self.identifier = f"own-orders-{self.token}"
        self.resource = self.make_instance(self.identifier)["DbiResourceId"]

    def make_bystander(self):
        self.other = f"own-other-{self.token}"
        self.make_instance(self.other, MaxAllocatedStorage=100)

    def make_instance(self, identifier, **more):
        answer = self.client("rds").create_db_instance(
            DBInstanceIdentifier=identifier,
            DBInstanceClass="db.t4g.micro",
            Engine="postgres",
            AllocatedStorage=20,
            MasterUsername="orders",
            ManageMasterUserPassword=True,
            PubliclyAccessible=False,
            **more,
        )
        return answer["DBInstance"]

    def instance(self, identifier):
        return self.client("rds").describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"][0]

    def kept(self):
        instance = self.instance(self.identifier)
        return {name: instance[name] for name in ("AllocatedStorage", "DBInstanceClass", "PubliclyAccessible")}

    def bystander(self):
        return self.instance(self.other)["MaxAllocatedStorage"]

    def is_fixed(self):
        return self.instance(self.identifier).get("MaxAllocatedStorage", 0) > 20


class LogGroupWithoutRetention(Case):
    """A log group that keeps for ever, beside one that does not. AWS Config records no log groups: the rule is periodic."""

    control = "log-group-without-retention"
    kind = "AWS::Logs::LogGroup"
    recorded = False

    def make(self):
        self.resource = f"/own/{self.token}/for-ever"
        self.client("logs").create_log_group(logGroupName=self.resource, tags={"team": "orders"})

    def make_bystander(self):
        self.other = f"/own/{self.token}/a-week"
        self.client("logs").create_log_group(logGroupName=self.other)
        self.client("logs").put_retention_policy(logGroupName=self.other, retentionInDays=7)

    def group(self, name):
        (group,) = self.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        return group

    def kept(self):
        return self.client("logs").list_tags_log_group(logGroupName=self.resource)["tags"]

    def bystander(self):
        return self.group(self.other)["retentionInDays"]

    def is_fixed(self):
        return "retentionInDays" in self.group(self.resource)


ALL = (BucketWithoutMultipartCleanup, InstanceWithoutStorageAutoscaling, LogGroupWithoutRetention)
