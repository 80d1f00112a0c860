"""S3: a bucket that lets the public in, one that takes requests without TLS, and one that is public on purpose."""

import json
from fnmatch import fnmatchcase

from account import plain, unless
from cases.base import Case, blocks, deny_plain_http, make_compliant, put_policy


class Bucket(Case):
    kind = "AWS::S3::Bucket"

    def everything(self, name):
        s3 = self.client("s3")
        return {
            "block": unless(["NoSuchPublicAccessBlockConfiguration"], s3.get_public_access_block, Bucket=name),
            "policy": unless(["NoSuchBucketPolicy"], s3.get_bucket_policy, Bucket=name),
            **self.rest(name),
        }

    def rest(self, name):
        """What neither control is about."""
        s3 = self.client("s3")
        listed = s3.list_object_versions(Bucket=name)
        return {
            "tags": unless(["NoSuchTagSet"], s3.get_bucket_tagging, Bucket=name),
            "acl": plain(s3.get_bucket_acl(Bucket=name)),
            "versioning": plain(s3.get_bucket_versioning(Bucket=name)),
            "objects": [
                (version["Key"], version["VersionId"], version["ETag"]) for version in listed.get("Versions", [])
            ],
        }

    def furnish(self, name):
        # Before the policy: moto takes a Deny for one without its condition, and would refuse the object.
        s3 = self.client("s3")
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": "team", "Value": "orders"}]})
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        s3.put_object(Bucket=name, Key="orders/1.json", Body=b'{"order": 1}')

    def make_bystander(self):
        self.other = f"e2e-other-{self.token}"
        self.client("s3").create_bucket(Bucket=self.other)
        self.furnish(self.other)
        make_compliant(self.account, self.other, [own_statement(self.account, self.other)])

    def bystander(self):
        return self.everything(self.other)

    def subject(self):
        return self.everything(self.resource)

    def statements(self):
        policy = json.loads(self.client("s3").get_bucket_policy(Bucket=self.resource)["Policy"])
        return policy["Statement"]


class BucketPublicAccess(Bucket):
    """Two of the four blocks are on."""

    control = "bucket-public-access"

    def make(self):
        self.resource = f"e2e-public-{self.token}"
        s3 = self.client("s3")
        s3.create_bucket(Bucket=self.resource)
        s3.put_public_access_block(
            Bucket=self.resource, PublicAccessBlockConfiguration=blocks(True, False, False, True)
        )
        self.furnish(self.resource)
        put_policy(s3, self.resource, [own_statement(self.account, self.resource), deny_plain_http(self.resource)])

    def blocks(self):
        return plain(self.client("s3").get_public_access_block(Bucket=self.resource))["PublicAccessBlockConfiguration"]

    def kept(self):
        return {"policy": self.everything(self.resource)["policy"], **self.rest(self.resource)}

    def assert_violating(self):
        assert self.blocks() == blocks(True, False, False, True)

    def assert_fixed(self):
        assert self.blocks() == blocks(True, True, True, True)


class WaivedBucket(BucketPublicAccess):
    """The same, with an owner who has said why; no block at all."""

    def make(self):
        self.resource = f"e2e-waived-{self.token}"
        s3 = self.client("s3")
        s3.create_bucket(Bucket=self.resource)
        s3.delete_public_access_block(Bucket=self.resource)
        put_policy(s3, self.resource, [deny_plain_http(self.resource)])

    def blocks(self):
        return self.everything(self.resource)["block"]

    def assert_violating(self):
        assert self.blocks() == "NoSuchPublicAccessBlockConfiguration"


class BucketTlsOnly(Bucket):
    """A policy of three statements, one of which denies plain HTTP for a part of the bucket only."""

    control = "bucket-tls-only"

    def make(self):
        name = self.resource = f"e2e-http-{self.token}"
        s3 = self.client("s3")
        s3.create_bucket(Bucket=name)
        s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=blocks(True, True, True, True))
        self.own = [
            own_statement(self.account, name),
            {**deny_plain_http(name), "Sid": "ArchiveTlsOnly", "Resource": f"arn:aws:s3:::{name}/archive/*"},
            {
                "Sid": "NoDeletesButByOrders",
                "Effect": "Deny",
                "Principal": "*",
                "Action": ["s3:DeleteObject", "s3:DeleteObjectVersion"],
                "Resource": f"arn:aws:s3:::{name}/*",
                "Condition": {"StringNotEquals": {"aws:PrincipalTag/team": "orders"}},
            },
        ]
        self.furnish(name)
        put_policy(s3, name, self.own)

    def kept(self):
        block = self.everything(self.resource)["block"]
        return {"block": block, "own": [s for s in self.statements() if s in self.own], **self.rest(self.resource)}

    def plain_http(self):
        """What of the bucket answers plain HTTP to somebody."""
        return [request for request in self.requests() if not denied(self.statements(), *request, over_tls=False)]

    def requests(self):
        bucket = f"arn:aws:s3:::{self.resource}"
        return [
            ("s3:GetObject", f"{bucket}/orders/1.json"),
            ("s3:PutObject", f"{bucket}/new"),
            ("s3:ListBucket", bucket),
            ("s3:GetBucketPolicy", bucket),
        ]

    def assert_violating(self):
        assert self.plain_http() == self.requests()

    def assert_fixed(self):
        assert self.plain_http() == []
        assert self.statements()[: len(self.own)] == self.own, "the statements of before, in their order"
        over_tls = [request for request in self.requests() if denied(self.statements(), *request, over_tls=True)]
        assert over_tls == [], "what came over TLS is answered as before"


def own_statement(account, bucket):
    return {
        "Sid": "OrdersRead",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account.id}:root"},
        "Action": ["s3:GetObject", "s3:ListBucket"],
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
    }


def denied(statements, action, resource, over_tls):
    """Whether a bucket policy denies a request to everybody, in the terms that this module's policies use."""
    return any(
        statement["Effect"] == "Deny"
        and statement["Principal"] in ("*", {"AWS": "*"})
        and any(fnmatchcase(action, pattern) for pattern in as_list(statement["Action"]))
        and any(fnmatchcase(resource, pattern) for pattern in as_list(statement["Resource"]))
        and holds(statement.get("Condition", {}), over_tls)
        for statement in statements
    )


def holds(condition, over_tls):
    """Only transport is known of the request; a condition on anything else is taken not to hold."""
    if not condition:
        return True
    if list(condition) != ["Bool"] or list(condition["Bool"]) != ["aws:SecureTransport"]:
        return False
    return str(condition["Bool"]["aws:SecureTransport"]).lower() == str(over_tls).lower()


def as_list(value):
    return value if isinstance(value, list) else [value]
