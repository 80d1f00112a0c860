//! `CLOUD_TRAIL_LOG_FILE_VALIDATION_ENABLED`: a trail is compliant when `CloudTrail` writes signed digests of its logs.
//! A multi-Region trail is judged in its home Region only, where it can be changed.

use serde_json::{Value, json};

use super::{Compliance, Judgement, ManagedRule, Parameters, ReadError, Reader, compliant_if};

pub(super) const RULE: ManagedRule = ManagedRule {
    identifier: "CLOUD_TRAIL_LOG_FILE_VALIDATION_ENABLED",
    service: "cloudtrail",
    parameters: &[],
    judge: |reader, parameters| Box::pin(trails(reader, parameters)),
};

async fn trails(reader: &Reader<'_>, _: &Parameters) -> Result<Vec<Judgement>, ReadError> {
    let trails = reader
        .list("cloudtrail", "DescribeTrails", json!({"includeShadowTrails": false}), "trailList")
        .await?;
    Ok(trails
        .iter()
        .filter_map(|trail| {
            let name = trail.get("Name")?.as_str()?;
            Some(Judgement::of("AWS::CloudTrail::Trail", name, validated(trail)))
        })
        .collect())
}

fn validated(trail: &Value) -> Compliance {
    compliant_if(trail.get("LogFileValidationEnabled").and_then(Value::as_bool) == Some(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trail_needs_log_file_validation() {
        assert_eq!(validated(&json!({"Name": "t", "LogFileValidationEnabled": true})), Compliance::Compliant);
        assert_eq!(
            validated(&json!({"Name": "t", "LogFileValidationEnabled": false})),
            Compliance::NonCompliant
        );
        assert_eq!(validated(&json!({"Name": "t"})), Compliance::NonCompliant);
    }
}
