//! `DYNAMODB_PITR_ENABLED`: a table is compliant when point-in-time recovery is on.

use serde_json::{Value, json};

use super::{Compliance, Judgement, ManagedRule, OrAbsent as _, Parameters, ReadError, Reader, compliant_if};

pub(super) const RULE: ManagedRule = ManagedRule {
    identifier: "DYNAMODB_PITR_ENABLED",
    service: "dynamodb",
    parameters: &[],
    judge: |reader, parameters| Box::pin(tables(reader, parameters)),
};

async fn tables(reader: &Reader<'_>, _: &Parameters) -> Result<Vec<Judgement>, ReadError> {
    let mut judgements = Vec::new();
    for name in reader.list("dynamodb", "ListTables", json!({}), "TableNames").await? {
        let Some(name) = name.as_str() else { continue };
        let backups = reader.call("dynamodb", "DescribeContinuousBackups", json!({"TableName": name})).await;
        let Some(backups) = backups.or_absent(&["TableNotFoundException", "ResourceNotFoundException"])?
        else {
            continue;
        };
        judgements.push(Judgement::of("AWS::DynamoDB::Table", name, recoverable(&backups)));
    }
    Ok(judgements)
}

fn recoverable(backups: &Value) -> Compliance {
    let status = backups
        .pointer("/ContinuousBackupsDescription/PointInTimeRecoveryDescription/PointInTimeRecoveryStatus")
        .and_then(Value::as_str);
    compliant_if(status == Some("ENABLED"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backups(status: &str) -> Value {
        json!({"ContinuousBackupsDescription": {
            "ContinuousBackupsStatus": "ENABLED",
            "PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": status},
        }})
    }

    #[test]
    fn a_table_needs_point_in_time_recovery_whatever_its_other_backups() {
        assert_eq!(recoverable(&backups("ENABLED")), Compliance::Compliant);
        assert_eq!(recoverable(&backups("DISABLED")), Compliance::NonCompliant);
        assert_eq!(recoverable(&json!({})), Compliance::NonCompliant);
    }
}
