//! `CMK_BACKING_KEY_ROTATION_ENABLED`: every symmetric customer managed key whose material KMS made is rotated.
//! AWS managed, asymmetric, HMAC and imported keys and keys in a custom store can't be rotated automatically and are
//! not judged; neither is a key that is on its way out.

use serde_json::{Value, json};

use super::{Compliance, Judgement, ManagedRule, OrAbsent as _, Parameters, ReadError, Reader, compliant_if};

pub(super) const RULE: ManagedRule = ManagedRule {
    identifier: "CMK_BACKING_KEY_ROTATION_ENABLED",
    service: "kms",
    parameters: &[],
    judge: |reader, parameters| Box::pin(keys(reader, parameters)),
};

async fn keys(reader: &Reader<'_>, _: &Parameters) -> Result<Vec<Judgement>, ReadError> {
    let mut judgements = Vec::new();
    for key in reader.list("kms", "ListKeys", json!({}), "Keys").await? {
        let Some(id) = key.get("KeyId").and_then(Value::as_str) else { continue };
        let described = reader.call("kms", "DescribeKey", json!({"KeyId": id})).await;
        let Some(described) = described.or_absent(&["NotFoundException"])? else { continue };
        if !described.get("KeyMetadata").is_some_and(rotates) {
            continue;
        }
        let status = reader.call("kms", "GetKeyRotationStatus", json!({"KeyId": id})).await;
        let Some(status) = status.or_absent(&["NotFoundException"])? else { continue };
        judgements.push(Judgement::of("AWS::KMS::Key", id, rotated(&status)));
    }
    Ok(judgements)
}

/// Whether automatic rotation applies to the key at all.
fn rotates(metadata: &Value) -> bool {
    let is = |name: &str, expected: &str| metadata.get(name).and_then(Value::as_str) == Some(expected);
    let spec =
        metadata.get("KeySpec").or_else(|| metadata.get("CustomerMasterKeySpec")).and_then(Value::as_str);
    is("KeyManager", "CUSTOMER")
        && spec == Some("SYMMETRIC_DEFAULT")
        && is("Origin", "AWS_KMS")
        && (is("KeyState", "Enabled") || is("KeyState", "Disabled"))
}

fn rotated(status: &Value) -> Compliance {
    compliant_if(status.get("KeyRotationEnabled").and_then(Value::as_bool) == Some(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Value {
        json!({"KeyManager": "CUSTOMER", "KeySpec": "SYMMETRIC_DEFAULT", "Origin": "AWS_KMS", "KeyState": "Enabled"})
    }

    #[test]
    fn only_symmetric_customer_keys_made_by_kms_are_judged() {
        assert!(rotates(&key()));
        for (name, value) in [
            ("KeyManager", "AWS"),
            ("KeySpec", "RSA_2048"),
            ("KeySpec", "HMAC_256"),
            ("Origin", "EXTERNAL"),
            ("Origin", "AWS_CLOUDHSM"),
            ("KeyState", "PendingDeletion"),
            ("KeyState", "PendingImport"),
        ] {
            let mut other = key();
            other[name] = json!(value);
            assert!(!rotates(&other), "{name} {value}");
        }
    }

    #[test]
    fn a_key_that_is_not_rotated_is_not_compliant() {
        assert_eq!(rotated(&json!({"KeyRotationEnabled": true})), Compliance::Compliant);
        assert_eq!(rotated(&json!({"KeyRotationEnabled": false})), Compliance::NonCompliant);
    }
}
