//! `S3_BUCKET_SSL_REQUESTS_ONLY`: the bucket's policy denies every request that doesn't use TLS: everybody, every S3
//! action, the bucket and its objects, when `aws:SecureTransport` is `false` and on no further condition.

use serde_json::{Value, json};

use super::{
    Compliance, Judgement, ManagedRule, OrAbsent as _, Parameters, ReadError, Reader, compliant_if,
    s3_buckets::buckets_here,
};

pub(super) const RULE: ManagedRule = ManagedRule {
    identifier: "S3_BUCKET_SSL_REQUESTS_ONLY",
    service: "s3",
    parameters: &[],
    judge: |reader, parameters| Box::pin(buckets(reader, parameters)),
};

async fn buckets(reader: &Reader<'_>, _: &Parameters) -> Result<Vec<Judgement>, ReadError> {
    let mut judgements = Vec::new();
    for name in buckets_here(reader).await? {
        let policy = match reader.call("s3", "GetBucketPolicy", json!({"Bucket": &name})).await {
            Err(error) if error.is("NoSuchBucket") => continue,
            policy => policy.or_absent(&["NoSuchBucketPolicy"])?,
        };
        let text = policy.as_ref().and_then(|policy| policy.get("Policy")?.as_str());
        let document = text.and_then(|text| serde_json::from_str(text).ok());
        judgements.push(Judgement::of("AWS::S3::Bucket", &name, tls_only(&name, document.as_ref())));
    }
    Ok(judgements)
}

fn tls_only(bucket: &str, policy: Option<&Value>) -> Compliance {
    let denials: Vec<&Value> = policy
        .and_then(|policy| policy.get("Statement"))
        .map(one_or_many)
        .unwrap_or_default()
        .into_iter()
        .filter(|statement| denies_plain_http(statement))
        .collect();
    let covered = |resource: &str| {
        denials
            .iter()
            .any(|statement| texts(statement.get("Resource")).any(|pattern| covers(pattern, resource)))
    };
    compliant_if(covered(bucket) && covered(&format!("{bucket}/*")))
}

fn denies_plain_http(statement: &Value) -> bool {
    let everybody = match statement.get("Principal") {
        Some(Value::Object(kinds)) => texts(kinds.get("AWS")).any(|principal| principal == "*"),
        principal => texts(principal).any(|principal| principal == "*"),
    };
    statement.get("Effect").and_then(Value::as_str) == Some("Deny")
        && everybody
        && texts(statement.get("Action")).any(|action| action == "*" || action.eq_ignore_ascii_case("s3:*"))
        && statement.get("Condition").is_some_and(only_when_not_tls)
}

fn only_when_not_tls(condition: &Value) -> bool {
    let Some(operators) = condition.as_object() else { return false };
    let mut tests = operators.iter().flat_map(|(operator, keys)| {
        keys.as_object()
            .into_iter()
            .flatten()
            .map(move |(key, value)| (operator.as_str(), key.as_str(), value))
    });
    let (Some((operator, key, value)), None) = (tests.next(), tests.next()) else { return false };
    matches!(operator, "Bool" | "BoolIfExists")
        && key.eq_ignore_ascii_case("aws:SecureTransport")
        && one_or_many(value).iter().any(|value| is_false(value))
}

fn is_false(value: &Value) -> bool {
    match value {
        Value::Bool(value) => !value,
        Value::String(value) => value.eq_ignore_ascii_case("false"),
        _ => false,
    }
}

/// Whether the ARN pattern covers the bucket (`name`) or its objects (`name/*`).
fn covers(pattern: &str, resource: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    let Some((_, name)) = pattern.split_once(":s3:::") else { return false };
    match name.strip_suffix('*') {
        Some(prefix) => resource.starts_with(prefix) && !prefix.contains(['*', '?']),
        None => name == resource,
    }
}

fn one_or_many(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        single => vec![single],
    }
}

fn texts(value: Option<&Value>) -> impl Iterator<Item = &str> {
    value.map(one_or_many).unwrap_or_default().into_iter().filter_map(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denial() -> Value {
        json!({
            "Effect": "Deny", "Principal": "*", "Action": "s3:*",
            "Resource": ["arn:aws:s3:::logs", "arn:aws:s3:::logs/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        })
    }

    fn judged(statements: &Value) -> Compliance {
        tls_only("logs", Some(&json!({"Version": "2012-10-17", "Statement": statements})))
    }

    #[test]
    fn a_denial_of_plain_http_for_everybody_is_compliant() {
        assert_eq!(judged(&denial()), Compliance::Compliant);
        assert_eq!(
            judged(
                &json!([{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"}, denial()])
            ),
            Compliance::Compliant
        );
    }

    #[test]
    fn other_ways_to_write_it_count_too() {
        for (member, value) in [
            ("Principal", json!({"AWS": "*"})),
            ("Principal", json!({"AWS": ["*"]})),
            ("Action", json!(["s3:*"])),
            ("Action", json!("*")),
            ("Resource", json!("*")),
            ("Resource", json!("arn:aws:s3:::logs*")),
            ("Condition", json!({"Bool": {"AWS:SecureTransport": false}})),
            ("Condition", json!({"BoolIfExists": {"aws:SecureTransport": ["false"]}})),
        ] {
            let mut statement = denial();
            statement[member] = value;
            assert_eq!(judged(&statement), Compliance::Compliant, "{statement}");
        }
    }

    #[test]
    fn a_denial_that_leaves_a_way_open_is_not_compliant() {
        for (member, value) in [
            ("Effect", json!("Allow")),
            ("Principal", json!({"AWS": "arn:aws:iam::123456789012:root"})),
            ("Action", json!("s3:GetObject")),
            ("Resource", json!("arn:aws:s3:::logs/*")),
            ("Resource", json!("arn:aws:s3:::logs")),
            ("Resource", json!(["arn:aws:s3:::other", "arn:aws:s3:::other/*"])),
            ("Condition", json!({"Bool": {"aws:SecureTransport": "true"}})),
            (
                "Condition",
                json!({"Bool": {"aws:SecureTransport": "false"}, "StringEquals": {"aws:SourceVpc": "vpc-1"}}),
            ),
            ("Condition", json!({})),
        ] {
            let mut statement = denial();
            statement[member] = value;
            assert_eq!(judged(&statement), Compliance::NonCompliant, "{statement}");
        }
        assert_eq!(tls_only("logs", None), Compliance::NonCompliant);
    }

    #[test]
    fn two_statements_may_share_the_work() {
        let (mut bucket, mut objects) = (denial(), denial());
        bucket["Resource"] = json!("arn:aws:s3:::logs");
        objects["Resource"] = json!("arn:aws:s3:::logs/*");
        assert_eq!(judged(&json!([bucket, objects])), Compliance::Compliant);
    }
}
