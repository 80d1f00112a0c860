//! S3 buckets, with what surrounds them as supplementary configuration.

use serde_json::{Map, Value, json};

use super::{
    super::{
        item::Found,
        managed::buckets_here,
        reader::{OrAbsent as _, ReadError, Reader},
    },
    shape::{Spelling, created, items, owned, tags, text},
};

/// What a bucket answers that doesn't have something, or is gone.
const ABSENT: [&str; 7] = [
    "NoSuchBucket",
    "NoSuchBucketPolicy",
    "NoSuchLifecycleConfiguration",
    "NoSuchPublicAccessBlockConfiguration",
    "NoSuchTagSet",
    "ServerSideEncryptionConfigurationNotFoundError",
    "NoSuchConfiguration",
];

/// `AWS::S3::Bucket`.
pub(super) async fn buckets(reader: &Reader<'_>) -> Result<Vec<Found>, ReadError> {
    let listed = reader.call("s3", "ListBuckets", json!({})).await?;
    let owner = json!({"displayName": null, "id": listed.get("Owner").and_then(|owner| owner.get("ID"))});
    let mut found = Vec::new();
    for name in buckets_here(reader).await? {
        let Some(bucket) =
            items(&listed, "Buckets").iter().find(|bucket| text(bucket, "Name") == Some(&name))
        else {
            continue;
        };
        let created = created(bucket, "CreationDate");
        let Some(supplementary) = supplementary(reader, &name).await? else { continue };
        let tagged = ask(reader, "GetBucketTagging", &name).await?;
        found.push(Found {
            id: name.clone(),
            arn: format!("arn:aws:s3:::{name}"),
            region: reader.region().to_owned(),
            zone: "Regional".to_owned(),
            tags: tags(tagged.as_ref().and_then(|answer| answer.get("TagSet"))),
            configuration: json!({
                "name": name, "owner": owner, "creationDate": created, "region": reader.region(),
            }),
            name: Some(name),
            created,
            supplementary,
            relationships: Vec::new(),
        });
    }
    Ok(found)
}

async fn ask(reader: &Reader<'_>, operation: &str, bucket: &str) -> Result<Option<Value>, ReadError> {
    reader.call("s3", operation, json!({"Bucket": bucket})).await.or_absent(&ABSENT)
}

/// Nothing if the bucket is gone by now.
async fn supplementary(reader: &Reader<'_>, name: &str) -> Result<Option<Map<String, Value>>, ReadError> {
    let Some(acl) = ask(reader, "GetBucketAcl", name).await? else { return Ok(None) };
    let Some(versioning) = ask(reader, "GetBucketVersioning", name).await? else { return Ok(None) };
    let mut all = Map::new();
    let mut put = |name: &str, value: Value| all.insert(name.to_owned(), value);
    // A text in the midst of objects, in every form of an item.
    put("AccessControlList", json!(access_control(&acl).to_string()));
    put(
        "BucketVersioningConfiguration",
        json!({"status": text(&versioning, "Status").unwrap_or("Off"), "isMfaDeleteEnabled": null}),
    );
    let policy = ask(reader, "GetBucketPolicy", name).await?;
    put("BucketPolicy", json!({"policyText": policy.as_ref().and_then(|answer| answer.get("Policy"))}));
    if let Some(lifecycle) = ask(reader, "GetBucketLifecycleConfiguration", name).await? {
        let rules: Vec<Value> = items(&lifecycle, "Rules").iter().map(lifecycle_rule).collect();
        put("BucketLifecycleConfiguration", json!({"rules": rules}));
    }
    if let Some(block) = ask(reader, "GetPublicAccessBlock", name).await? {
        let block = block.get("PublicAccessBlockConfiguration").unwrap_or(&Value::Null);
        put("PublicAccessBlockConfiguration", Spelling::FirstSmall.of(block));
    }
    if let Some(encryption) = ask(reader, "GetBucketEncryption", name).await? {
        let rules = encryption.get("ServerSideEncryptionConfiguration").unwrap_or(&Value::Null);
        let rules: Vec<Value> = items(rules, "Rules").iter().map(encryption_rule).collect();
        put("ServerSideEncryptionConfiguration", json!({"rules": rules}));
    }
    let logging = ask(reader, "GetBucketLogging", name).await?.unwrap_or_default();
    let logging = logging.get("LoggingEnabled").unwrap_or(&Value::Null);
    put(
        "BucketLoggingConfiguration",
        json!({
            "destinationBucketName": logging.get("TargetBucket"),
            "logFilePrefix": logging.get("TargetPrefix"),
        }),
    );
    Ok(Some(all))
}

fn access_control(acl: &Value) -> Value {
    let grants: Vec<Value> = items(acl, "Grants")
        .iter()
        .map(|grant| {
            let grantee = grant.get("Grantee").unwrap_or(&Value::Null);
            let who = match text(grantee, "URI").and_then(|uri| uri.rsplit_once('/')) {
                Some((_, group)) => json!(group),
                None => json!({"id": grantee.get("ID"), "displayName": null}),
            };
            let permission = match text(grant, "Permission").unwrap_or_default() {
                "FULL_CONTROL" => "FullControl",
                "READ" => "Read",
                "WRITE" => "Write",
                "READ_ACP" => "ReadAcp",
                "WRITE_ACP" => "WriteAcp",
                other => other,
            };
            json!({"grantee": who, "permission": permission})
        })
        .collect();
    let owner = acl.get("Owner").unwrap_or(&Value::Null);
    json!({
        "grantSet": null,
        "grantList": grants,
        "owner": {"displayName": null, "id": owner.get("ID")},
        "isRequesterCharged": false,
    })
}

fn encryption_rule(rule: &Value) -> Value {
    let default = rule.get("ApplyServerSideEncryptionByDefault").unwrap_or(&Value::Null);
    json!({
        "applyServerSideEncryptionByDefault": {
            "sseAlgorithm": default.get("SSEAlgorithm"),
            "kmsMasterKeyID": default.get("KMSMasterKeyID"),
        },
        "bucketKeyEnabled": rule.get("BucketKeyEnabled").and_then(Value::as_bool).unwrap_or_default(),
    })
}

/// A lifecycle rule; a number that isn't set is -1.
fn lifecycle_rule(rule: &Value) -> Value {
    let number = |object: Option<&Value>, name: &str| {
        object.and_then(|object| object.get(name)?.as_i64()).unwrap_or(-1)
    };
    let expiration = rule.get("Expiration");
    let mut spelt = Map::from_iter([
        ("id".to_owned(), json!(owned(rule, "ID"))),
        ("status".to_owned(), json!(owned(rule, "Status"))),
        ("prefix".to_owned(), json!(rule.get("Prefix"))),
        ("expirationInDays".to_owned(), json!(number(expiration, "Days"))),
        (
            "expiredObjectDeleteMarker".to_owned(),
            json!(
                expiration
                    .and_then(|expiration| expiration.get("ExpiredObjectDeleteMarker")?.as_bool())
                    .unwrap_or_default()
            ),
        ),
        (
            "noncurrentVersionExpirationInDays".to_owned(),
            json!(number(rule.get("NoncurrentVersionExpiration"), "NoncurrentDays")),
        ),
    ]);
    if let Some(date) = expiration.and_then(|expiration| expiration.get("Date")) {
        spelt.insert("expirationDate".to_owned(), Spelling::FirstSmall.of(date));
    }
    if let Some(abort) = rule.get("AbortIncompleteMultipartUpload") {
        spelt.insert("abortIncompleteMultipartUpload".to_owned(), Spelling::FirstSmall.of(abort));
    }
    if let Some(transitions) = rule.get("Transitions") {
        spelt.insert("transitions".to_owned(), Spelling::FirstSmall.of(transitions));
    }
    if let Some(filter) = rule.get("Filter") {
        spelt.insert("filter".to_owned(), json!({"predicate": predicate(filter)}));
    }
    Value::Object(spelt)
}

/// A filter in the words of the serializer that AWS Config uses; nothing for one that takes the whole bucket.
fn predicate(filter: &Value) -> Value {
    let prefix = |prefix: &Value| json!({"type": "LifecyclePrefixPredicate", "prefix": prefix});
    let tag = |tag: &Value| json!({"type": "LifecycleTagPredicate", "tag": Spelling::FirstSmall.of(tag)});
    let over = |size: &Value| json!({"type": "LifecycleObjectSizeGreaterThanPredicate", "objectSizeGreaterThan": size});
    let under =
        |size: &Value| json!({"type": "LifecycleObjectSizeLessThanPredicate", "objectSizeLessThan": size});
    if let Some(all) = filter.get("And") {
        let operands: Vec<Value> = all
            .get("Prefix")
            .map(prefix)
            .into_iter()
            .chain(items(all, "Tags").iter().map(tag))
            .chain(all.get("ObjectSizeGreaterThan").map(over))
            .chain(all.get("ObjectSizeLessThan").map(under))
            .collect();
        return json!({"type": "LifecycleAndOperator", "operands": operands});
    }
    filter
        .get("Prefix")
        .map(prefix)
        .or_else(|| filter.get("Tag").map(tag))
        .or_else(|| filter.get("ObjectSizeGreaterThan").map(over))
        .or_else(|| filter.get("ObjectSizeLessThan").map(under))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifecycle_rule_is_spelt_as_config_spells_it() {
        let rule = json!({
            "ID": "clean", "Status": "Enabled", "Filter": {"Prefix": ""},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
        });
        assert_eq!(
            lifecycle_rule(&rule),
            json!({
                "id": "clean", "status": "Enabled", "prefix": null, "expirationInDays": -1,
                "expiredObjectDeleteMarker": false, "noncurrentVersionExpirationInDays": -1,
                "abortIncompleteMultipartUpload": {"daysAfterInitiation": 7},
                "filter": {"predicate": {"type": "LifecyclePrefixPredicate", "prefix": ""}},
            })
        );
    }

    #[test]
    fn filters_become_predicates() {
        let tagged = json!({"Tag": {"Key": "a", "Value": "b"}});
        assert_eq!(
            predicate(&tagged),
            json!({"type": "LifecycleTagPredicate", "tag": {"key": "a", "value": "b"}})
        );
        let both = json!({"And": {"Prefix": "x/", "Tags": [{"Key": "a", "Value": "b"}]}});
        assert_eq!(predicate(&both)["operands"].as_array().unwrap().len(), 2);
        assert_eq!(predicate(&json!({})), Value::Null);
    }

    #[test]
    fn grants_are_named_as_config_names_them() {
        let acl = json!({"Owner": {"ID": "abc"}, "Grants": [
            {"Grantee": {"ID": "abc", "Type": "CanonicalUser"}, "Permission": "FULL_CONTROL"},
            {"Grantee": {"URI": "http://acs.amazonaws.com/groups/global/AllUsers"}, "Permission": "READ"},
        ]});
        let spelt = access_control(&acl);
        assert_eq!(spelt["grantList"][0]["permission"], "FullControl");
        assert_eq!(spelt["grantList"][1]["grantee"], "AllUsers");
    }
}
