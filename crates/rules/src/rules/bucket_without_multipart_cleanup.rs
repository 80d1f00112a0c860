//! S3 buckets that keep, and charge for, the parts of uploads that nobody finished.

use serde_json::Value;

use crate::{
    Case, Listing, Rule, Unjudged, Verdict,
    case::{at, number, text},
    nothing,
};

pub(super) const RULE: Rule = Rule {
    name: "bucket-without-multipart-cleanup",
    title: "S3 bucket keeps incomplete multipart uploads forever",
    docs: "An enabled lifecycle rule for the whole bucket has to abort incomplete multipart uploads. One for a prefix, a tag or a \
           size leaves the rest of the bucket as it is. \
           See <https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpu-abort-incomplete-mpu-lifecycle-config.html>.",
    resource_type: "AWS::S3::Bucket",
    listing: Listing::Recorded,
    parameters: &[],
    needs: nothing,
    judge,
};

fn judge(case: &Case<'_>) -> Result<Verdict, Unjudged> {
    let Some(configuration) = case.item.supplementary("BucketLifecycleConfiguration") else {
        return Ok(Verdict::non_compliant("the bucket has no lifecycle rules"));
    };
    let rules = at(configuration, "rules").and_then(Value::as_array).ok_or_else(|| {
        Unjudged("the bucket's `BucketLifecycleConfiguration` has no list of `rules`".to_owned())
    })?;
    let aborting: Vec<_> = rules.iter().filter(|rule| aborts(rule)).collect();
    Ok(if aborting.iter().any(|rule| is_for_whole_bucket(rule)) {
        Verdict::Compliant
    } else if aborting.is_empty() {
        Verdict::non_compliant("no enabled lifecycle rule aborts incomplete multipart uploads")
    } else {
        Verdict::non_compliant("incomplete multipart uploads are aborted in a part of the bucket only")
    })
}

fn aborts(rule: &Value) -> bool {
    text(rule, "status").is_some_and(|status| status.eq_ignore_ascii_case("enabled"))
        && number(rule, "abortIncompleteMultipartUpload.daysAfterInitiation").is_some_and(|days| days > 0.0)
}

/// AWS Config writes the filter as `{"predicate": {"type": "LifecyclePrefixPredicate", "prefix": "logs/"}}` or, for none,
/// `{"predicate": null}`; rules of old have a prefix beside it.
fn is_for_whole_bucket(rule: &Value) -> bool {
    let filter = at(rule, "filter").filter(|filter| !filter.is_null());
    let narrowed = filter.is_some_and(|filter| {
        let predicate = at(filter, "predicate").unwrap_or(filter);
        predicate.as_object().is_some_and(|members| {
            members.iter().any(|(name, value)| {
                let says_nothing = value.is_null() || value.as_str().is_some_and(str::is_empty);
                !name.eq_ignore_ascii_case("type") && !says_nothing
            })
        })
    });
    !narrowed && text(rule, "prefix").is_none()
}
