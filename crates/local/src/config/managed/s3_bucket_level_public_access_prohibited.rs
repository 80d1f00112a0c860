//! `S3_BUCKET_LEVEL_PUBLIC_ACCESS_PROHIBITED`: all four settings of the bucket's own public access block are on,
//! unless the bucket is listed in `excludedPublicBuckets`. The account's settings don't count.

use serde_json::{Value, json};

use super::{
    Compliance, Judgement, ManagedRule, OrAbsent as _, Parameters, ReadError, Reader, compliant_if, csv,
    s3_buckets::buckets_here,
};

pub(super) const RULE: ManagedRule = ManagedRule {
    identifier: "S3_BUCKET_LEVEL_PUBLIC_ACCESS_PROHIBITED",
    service: "s3",
    parameters: &["excludedPublicBuckets"],
    judge: |reader, parameters| Box::pin(buckets(reader, parameters)),
};

async fn buckets(reader: &Reader<'_>, parameters: &Parameters) -> Result<Vec<Judgement>, ReadError> {
    let mut judgements = Vec::new();
    for name in buckets_here(reader).await? {
        let compliance = if csv(parameters, "excludedPublicBuckets").any(|excluded| excluded == name) {
            Compliance::Compliant
        } else {
            let block = reader.call("s3", "GetPublicAccessBlock", json!({"Bucket": &name})).await;
            match block {
                Err(error) if error.is("NoSuchBucket") => continue,
                block => blocked(block.or_absent(&["NoSuchPublicAccessBlockConfiguration"])?.as_ref()),
            }
        };
        judgements.push(Judgement::of("AWS::S3::Bucket", &name, compliance));
    }
    Ok(judgements)
}

fn blocked(block: Option<&Value>) -> Compliance {
    let settings = block.and_then(|block| block.get("PublicAccessBlockConfiguration"));
    compliant_if(
        ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"]
            .iter()
            .all(|name| settings.and_then(|settings| settings.get(*name)?.as_bool()) == Some(true)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Value {
        json!({"PublicAccessBlockConfiguration": {
            "BlockPublicAcls": true, "IgnorePublicAcls": true, "BlockPublicPolicy": true, "RestrictPublicBuckets": true,
        }})
    }

    #[test]
    fn a_bucket_needs_all_four_settings() {
        assert_eq!(blocked(Some(&settings())), Compliance::Compliant);
        for name in ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"] {
            let mut partly = settings();
            partly["PublicAccessBlockConfiguration"][name] = json!(false);
            assert_eq!(blocked(Some(&partly)), Compliance::NonCompliant, "{name}");
        }
    }

    #[test]
    fn a_bucket_without_a_block_is_not_compliant() {
        assert_eq!(blocked(None), Compliance::NonCompliant);
    }
}
