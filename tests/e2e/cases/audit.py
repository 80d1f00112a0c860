"""A key that is never rotated and a trail whose logs nobody can vouch for."""

from account import plain
from cases.base import Case


class KeyWithoutRotation(Case):
    """A key with an alias, tags and a description, beside one that is rotated and one that can't be."""

    control = "key-without-rotation"
    kind = "AWS::KMS::Key"

    def make(self):
        kms = self.client("kms")
        self.resource = self.make_key(Description="orders")
        kms.create_alias(AliasName=f"alias/e2e-{self.token}", TargetKeyId=self.resource)

    def make_bystander(self):
        self.rotated = self.make_key(Description="rotated")
        self.client("kms").enable_key_rotation(KeyId=self.rotated)
        self.signing = self.make_key(Description="signing", KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")

    def make_key(self, **arguments):
        answer = self.client("kms").create_key(Tags=[{"TagKey": "team", "TagValue": "orders"}], **arguments)
        return answer["KeyMetadata"]["KeyId"]

    def rotates(self, key):
        return self.client("kms").get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]

    def rest(self, key):
        kms = self.client("kms")
        return {
            "key": plain(kms.describe_key(KeyId=key)["KeyMetadata"]),
            "policy": kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"],
            "tags": plain(kms.list_resource_tags(KeyId=key)["Tags"]),
            "aliases": plain(kms.list_aliases(KeyId=key)["Aliases"]),
        }

    def subject(self):
        return {**self.rest(self.resource), "rotates": self.rotates(self.resource)}

    def kept(self):
        return self.rest(self.resource)

    def bystander(self):
        return {
            "rotated": {**self.rest(self.rotated), "rotates": self.rotates(self.rotated)},
            "signing": self.rest(self.signing),
        }

    def assert_violating(self):
        assert self.rotates(self.resource) is False

    def assert_fixed(self):
        assert self.rotates(self.resource) is True


class TrailWithoutLogValidation(Case):
    """A multi-Region trail with a prefix, selectors and tags, logging, beside one that validates."""

    control = "trail-without-log-validation"
    kind = "AWS::CloudTrail::Trail"

    def make(self):
        trail = self.client("cloudtrail")
        self.resource = f"e2e-{self.token}"
        self.arn = trail.create_trail(
            Name=self.resource,
            S3BucketName=self.neighbourhood.log_bucket,
            S3KeyPrefix="audit",
            IsMultiRegionTrail=True,
            IncludeGlobalServiceEvents=True,
            EnableLogFileValidation=False,
            TagsList=[{"Key": "team", "Value": "audit"}],
        )["TrailARN"]
        data = [{"Type": "AWS::S3::Object", "Values": [f"arn:aws:s3:::{self.neighbourhood.log_bucket}/"]}]
        selector = {"ReadWriteType": "WriteOnly", "IncludeManagementEvents": True, "DataResources": data}
        trail.put_event_selectors(TrailName=self.resource, EventSelectors=[selector])
        trail.start_logging(Name=self.resource)

    def make_bystander(self):
        self.other = f"e2e-other-{self.token}"
        self.other_arn = self.client("cloudtrail").create_trail(
            Name=self.other,
            S3BucketName=self.neighbourhood.log_bucket,
            S3KeyPrefix="other",
            EnableLogFileValidation=True,
        )["TrailARN"]

    def everything(self, arn):
        trail = self.client("cloudtrail")
        return {
            "trail": plain(trail.get_trail(Name=arn)["Trail"]),
            "logging": trail.get_trail_status(Name=arn)["IsLogging"],
            "selectors": plain(trail.get_event_selectors(TrailName=arn)),
            "tags": plain(trail.list_tags(ResourceIdList=[arn])["ResourceTagList"]),
        }

    def subject(self):
        return self.everything(self.arn)

    def kept(self):
        kept = self.everything(self.arn)
        kept["trail"].pop("LogFileValidationEnabled")
        return kept

    def bystander(self):
        return self.everything(self.other_arn)

    def validates(self):
        return self.everything(self.arn)["trail"]["LogFileValidationEnabled"]

    def assert_violating(self):
        assert self.validates() is False

    def assert_fixed(self):
        assert self.validates() is True
