//! What everybody who looks at buckets shares: which buckets are theirs.

use serde_json::{Value, json};

use super::{OrAbsent as _, ReadError, Reader};

/// The names of the buckets in the reader's Region: S3 lists those of all Regions, AWS Config judges each in its own.
pub(in super::super) async fn buckets_here(reader: &Reader<'_>) -> Result<Vec<String>, ReadError> {
    let mut names = Vec::new();
    for bucket in reader.list("s3", "ListBuckets", json!({}), "Buckets").await? {
        let Some(name) = bucket.get("Name").and_then(Value::as_str) else { continue };
        let location = reader.call("s3", "GetBucketLocation", json!({"Bucket": name})).await;
        let Some(location) = location.or_absent(&["NoSuchBucket"])? else { continue };
        if region(&location) == reader.region() {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

/// `GetBucketLocation` says nothing for us-east-1 and, for the oldest buckets, `EU` for eu-west-1.
fn region(location: &Value) -> &str {
    match location.get("LocationConstraint").and_then(Value::as_str) {
        None | Some("") => "us-east-1",
        Some("EU") => "eu-west-1",
        Some(region) => region,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::super::reader::fake::Fake, *};

    #[tokio::test]
    async fn a_bucket_belongs_to_its_own_region_only() {
        let account = Fake::new(|call, parameters| match (call, parameters["Bucket"].as_str()) {
            ("s3:ListBuckets", _) => {
                Ok(json!({"Buckets": [{"Name": "us"}, {"Name": "eu"}, {"Name": "gone"}]}))
            }
            ("s3:GetBucketLocation", Some("us")) => Ok(json!({"LocationConstraint": null})),
            ("s3:GetBucketLocation", Some("eu")) => Ok(json!({"LocationConstraint": "eu-west-1"})),
            _ => Err("NoSuchBucket"),
        });
        for (region, expected) in [("us-east-1", "us"), ("eu-west-1", "eu")] {
            let reader = Reader::new(&account, "123456789012", region);
            assert_eq!(buckets_here(&reader).await.unwrap(), [expected]);
        }
    }
}
