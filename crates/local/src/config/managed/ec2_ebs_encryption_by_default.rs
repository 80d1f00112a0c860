//! `EC2_EBS_ENCRYPTION_BY_DEFAULT`: the account encrypts new volumes by default in this Region.

use serde_json::{Value, json};

use super::{Compliance, Judgement, ManagedRule, Parameters, ReadError, Reader, compliant_if};

pub(super) const RULE: ManagedRule = ManagedRule {
    identifier: "EC2_EBS_ENCRYPTION_BY_DEFAULT",
    service: "ec2",
    parameters: &[],
    judge: |reader, parameters| Box::pin(account(reader, parameters)),
};

async fn account(reader: &Reader<'_>, _: &Parameters) -> Result<Vec<Judgement>, ReadError> {
    let setting = reader.call("ec2", "GetEbsEncryptionByDefault", json!({})).await?;
    Ok(vec![Judgement::of("AWS::::Account", reader.account(), encrypts(&setting))])
}

fn encrypts(setting: &Value) -> Compliance {
    compliant_if(setting.get("EbsEncryptionByDefault").and_then(Value::as_bool) == Some(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_must_encrypt_new_volumes() {
        assert_eq!(encrypts(&json!({"EbsEncryptionByDefault": true})), Compliance::Compliant);
        assert_eq!(encrypts(&json!({"EbsEncryptionByDefault": false})), Compliance::NonCompliant);
        assert_eq!(encrypts(&json!({})), Compliance::NonCompliant);
    }
}
