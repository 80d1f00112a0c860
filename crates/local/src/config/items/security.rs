//! Keys, certificates and trails.

use serde_json::{Map, Value, json};

use super::{
    super::{
        item::Found,
        reader::{OrAbsent as _, ReadError, Reader},
    },
    shape::{Spelling, created, items, owned, tag_list, tags, text},
};

/// `AWS::KMS::Key`.
pub(super) async fn keys(reader: &Reader<'_>) -> Result<Vec<Found>, ReadError> {
    const GONE: [&str; 2] = ["NotFoundException", "KMSInvalidStateException"];
    let mut found = Vec::new();
    for key in reader.list("kms", "ListKeys", json!({}), "Keys").await? {
        let id = owned(&key, "KeyId");
        let asked = json!({"KeyId": id});
        let described = reader.call("kms", "DescribeKey", asked.clone()).await.or_absent(&GONE)?;
        let Some(metadata) = described.as_ref().and_then(|answer| answer.get("KeyMetadata")) else {
            continue;
        };
        // A key that is pending deletion answers that it can't be asked about rotation.
        let rotation = reader.call("kms", "GetKeyRotationStatus", asked.clone()).await;
        let rotation = rotation.or_absent(&[GONE[0], GONE[1], "UnsupportedOperationException"])?;
        let policy = json!({"KeyId": id, "PolicyName": "default"});
        let policy = reader.call("kms", "GetKeyPolicy", policy).await.or_absent(&GONE)?;
        let tagged = reader.call("kms", "ListResourceTags", asked).await.or_absent(&GONE)?;
        let tags = tags(tagged.as_ref().and_then(|answer| answer.get("Tags")));
        let mut supplementary = Map::from_iter([("Tags".to_owned(), tag_list(&tags))]);
        if let Some(rotates) = rotation.as_ref().and_then(|answer| answer.get("KeyRotationEnabled")) {
            supplementary.insert("KeyRotationStatus".to_owned(), rotates.clone());
        }
        if let Some(policy) = policy.as_ref().and_then(|answer| answer.get("Policy")) {
            supplementary.insert("Policy".to_owned(), policy.clone());
        }
        found.push(Found {
            id,
            name: None,
            arn: owned(metadata, "Arn"),
            region: reader.region().to_owned(),
            zone: "Not Applicable".to_owned(),
            created: created(metadata, "CreationDate"),
            tags,
            configuration: Spelling::LeadingSmall.of(metadata),
            supplementary,
            relationships: Vec::new(),
        });
    }
    Ok(found)
}

/// `AWS::ACM::Certificate`; its id is the ARN.
pub(super) async fn certificates(reader: &Reader<'_>) -> Result<Vec<Found>, ReadError> {
    let mut found = Vec::new();
    let listed = reader.list("acm", "ListCertificates", json!({}), "CertificateSummaryList").await?;
    for summary in listed {
        let arn = owned(&summary, "CertificateArn");
        let asked = json!({"CertificateArn": arn});
        let described = reader.call("acm", "DescribeCertificate", asked.clone()).await;
        let described = described.or_absent(&["ResourceNotFoundException"])?;
        let Some(certificate) = described.as_ref().and_then(|answer| answer.get("Certificate")) else {
            continue;
        };
        let tagged = reader.call("acm", "ListTagsForCertificate", asked).await;
        let tagged = tagged.or_absent(&["ResourceNotFoundException"])?;
        let tags = tags(tagged.as_ref().and_then(|answer| answer.get("Tags")));
        found.push(Found {
            id: arn.clone(),
            name: None,
            arn,
            region: reader.region().to_owned(),
            zone: "Regional".to_owned(),
            created: created(certificate, "CreatedAt").or_else(|| created(certificate, "ImportedAt")),
            configuration: Spelling::FirstSmall.of(certificate),
            supplementary: Map::from_iter([("Tags".to_owned(), tag_list(&tags))]),
            tags,
            relationships: Vec::new(),
        });
    }
    Ok(found)
}

/// `AWS::CloudTrail::Trail`, in its home Region.
pub(super) async fn trails(reader: &Reader<'_>) -> Result<Vec<Found>, ReadError> {
    let asked = json!({"includeShadowTrails": false});
    let mut found = Vec::new();
    for trail in reader.list("cloudtrail", "DescribeTrails", asked, "trailList").await? {
        if text(&trail, "HomeRegion").is_some_and(|home| home != reader.region()) {
            continue;
        }
        let (name, arn) = (owned(&trail, "Name"), owned(&trail, "TrailARN"));
        let tagged = reader.call("cloudtrail", "ListTags", json!({"ResourceIdList": [arn]})).await;
        let tagged = tagged.or_absent(&["ResourceNotFoundException", "TrailNotFoundException"])?;
        let tagged = tagged.unwrap_or_default();
        let first = items(&tagged, "ResourceTagList").first().unwrap_or(&Value::Null);
        let tags = tags(first.get("TagsList"));
        found.push(Found {
            id: name.clone(),
            name: Some(name),
            arn,
            region: reader.region().to_owned(),
            zone: "Regional".to_owned(),
            created: None,
            configuration: Spelling::FirstSmall.of(&trail),
            supplementary: Map::from_iter([("Tags".to_owned(), tag_list(&tags))]),
            tags,
            relationships: Vec::new(),
        });
    }
    Ok(found)
}
