//! `RDS_INSTANCE_PUBLIC_ACCESS_CHECK`: a database instance is not publicly accessible.

use serde_json::{Value, json};

use super::{Compliance, Judgement, ManagedRule, Parameters, ReadError, Reader, compliant_if};

pub(super) const RULE: ManagedRule = ManagedRule {
    identifier: "RDS_INSTANCE_PUBLIC_ACCESS_CHECK",
    service: "rds",
    parameters: &[],
    judge: |reader, parameters| Box::pin(instances(reader, parameters)),
};

async fn instances(reader: &Reader<'_>, _: &Parameters) -> Result<Vec<Judgement>, ReadError> {
    let instances = reader.list("rds", "DescribeDBInstances", json!({}), "DBInstances").await?;
    Ok(instances
        .iter()
        .filter_map(|instance| {
            let id = instance.get("DbiResourceId")?.as_str()?;
            Some(Judgement::of("AWS::RDS::DBInstance", id, private(instance)))
        })
        .collect())
}

fn private(instance: &Value) -> Compliance {
    compliant_if(instance.get("PubliclyAccessible").and_then(Value::as_bool) != Some(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_must_not_be_public() {
        assert_eq!(private(&json!({"PubliclyAccessible": false})), Compliance::Compliant);
        assert_eq!(private(&json!({"PubliclyAccessible": true})), Compliance::NonCompliant);
    }
}
