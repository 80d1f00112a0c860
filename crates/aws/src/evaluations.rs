//! AWS Config as `evaluate` needs it, and the queue on which it leaves the rest of a long evaluation.
//!
//! Not through the SDK: four calls of JSON in and JSON out, and the function has no SDK crate at all.

use jiff::Timestamp;
use plumb_ports::{Continue, Evaluated, Evaluation, PortError, PutEvaluations, ReadConfig, Records};
use serde_json::{Value, json};

use crate::{clients::Aws, errors::incomplete};

/// AWS Config in this account and Region.
#[derive(Debug)]
pub struct Evaluations<'a>(pub &'a Aws);

impl Evaluations<'_> {
    async fn call(&self, operation: &'static str, body: &Value) -> Result<Value, PortError> {
        let name = operation.rsplit(':').next().unwrap_or(operation);
        self.0.signed().json(operation, "config", &format!("StarlingDoveService.{name}"), body).await
    }
}

impl PutEvaluations for Evaluations<'_> {
    async fn put(
        &self,
        evaluations: &[Evaluation],
        result_token: &str,
        test: bool,
    ) -> Result<Vec<Evaluation>, PortError> {
        let all: Vec<_> = evaluations.iter().map(written).collect();
        let body = json!({"Evaluations": all, "ResultToken": result_token, "TestMode": test});
        let answer = self.call("config:PutEvaluations", &body).await?;
        let failed = answer.get("FailedEvaluations").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let is =
            |failed: &Value, name: &str, value: &str| failed.get(name).and_then(Value::as_str) == Some(value);
        Ok(evaluations
            .iter()
            .filter(|evaluation| {
                failed.iter().any(|failed| {
                    is(failed, "ComplianceResourceType", &evaluation.resource_type)
                        && is(failed, "ComplianceResourceId", &evaluation.resource_id)
                })
            })
            .cloned()
            .collect())
    }
}

fn written(evaluation: &Evaluation) -> Value {
    let mut written = json!({
        "ComplianceResourceType": evaluation.resource_type,
        "ComplianceResourceId": evaluation.resource_id,
        "ComplianceType": evaluation.compliance,
        "OrderingTimestamp": seconds(evaluation.ordering),
    });
    if let (Some(annotation), Some(members)) = (&evaluation.annotation, written.as_object_mut()) {
        members.insert("Annotation".to_owned(), annotation.as_str().into());
    }
    written
}

/// Seconds since 1970, to the millisecond, which is how AWS's JSON protocols write a time.
fn seconds(time: Timestamp) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds since 1970 are exact in 53 bits until the year 287396"
    )]
    let milliseconds = time.as_millisecond() as f64;
    milliseconds / 1000.0
}

impl ReadConfig for Evaluations<'_> {
    async fn select(&self, expression: &str, token: Option<&str>) -> Result<Records, PortError> {
        const OPERATION: &str = "config:SelectResourceConfig";
        let mut body = json!({"Expression": expression, "Limit": 100});
        set(&mut body, "NextToken", token);
        let answer = self.call(OPERATION, &body).await?;
        let rows = answer.get("Results").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        // Each row is JSON in a text.
        let records: Option<Vec<Value>> =
            rows.iter().map(|row| serde_json::from_str(row.as_str()?).ok()).collect();
        let records = records.ok_or_else(|| incomplete(OPERATION, "readable rows"))?;
        Ok(Records { records, next: next(&answer, "NextToken") })
    }

    async fn history(
        &self,
        kind: &str,
        id: &str,
        until: Option<Timestamp>,
        limit: u8,
        token: Option<&str>,
    ) -> Result<Records, PortError> {
        let mut body = json!({
            "resourceType": kind, "resourceId": id, "limit": limit, "chronologicalOrder": "Reverse"
        });
        if let (Some(until), Some(members)) = (until, body.as_object_mut()) {
            members.insert("laterTime".to_owned(), json!(seconds(until)));
        }
        set(&mut body, "nextToken", token);
        let answer = match self.call("config:GetResourceConfigHistory", &body).await {
            Ok(answer) => answer,
            Err(error) if error.code == "ResourceNotDiscoveredException" => return Ok(Records::default()),
            Err(error) => return Err(error),
        };
        let records = answer.get("configurationItems").and_then(Value::as_array).cloned().unwrap_or_default();
        Ok(Records { records, next: next(&answer, "nextToken") })
    }

    async fn evaluated(
        &self,
        rule: &str,
        token: Option<&str>,
    ) -> Result<(Vec<Evaluated>, Option<String>), PortError> {
        let mut body = json!({
            "ConfigRuleName": rule, "ComplianceTypes": ["COMPLIANT", "NON_COMPLIANT"], "Limit": 100
        });
        set(&mut body, "NextToken", token);
        let answer = match self.call("config:GetComplianceDetailsByConfigRule", &body).await {
            Ok(answer) => answer,
            Err(error) if error.code == "NoSuchConfigRuleException" => return Ok((Vec::new(), None)),
            Err(error) => return Err(error),
        };
        let results =
            answer.get("EvaluationResults").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        Ok((results.iter().filter_map(evaluated).collect(), next(&answer, "NextToken")))
    }
}

fn evaluated(result: &Value) -> Option<Evaluated> {
    let of = result.pointer("/EvaluationResultIdentifier/EvaluationResultQualifier")?;
    Some(Evaluated {
        resource_type: of.get("ResourceType")?.as_str()?.to_owned(),
        resource_id: of.get("ResourceId")?.as_str()?.to_owned(),
    })
}

fn set(body: &mut Value, name: &str, value: Option<&str>) {
    if let (Some(value), Some(members)) = (value, body.as_object_mut()) {
        members.insert(name.to_owned(), value.into());
    }
}

fn next(answer: &Value, name: &str) -> Option<String> {
    answer.get(name).and_then(Value::as_str).filter(|token| !token.is_empty()).map(str::to_owned)
}

/// The queue that brings the rest of a long evaluation back to the function.
#[derive(Debug)]
pub struct RestQueue<'a> {
    /// AWS.
    pub aws: &'a Aws,
    /// The queue's URL.
    pub url: String,
}

impl Continue for RestQueue<'_> {
    async fn hand_on(&self, rest: &str, after: u32) -> Result<(), PortError> {
        // SQS delays a message by at most 15 minutes.
        let body = json!({"QueueUrl": self.url, "MessageBody": rest, "DelaySeconds": after.min(900)});
        self.aws.signed().json_1_0("sqs:SendMessage", "sqs", "AmazonSQS.SendMessage", &body).await.map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_written_as_aws_config_wants_it() {
        let evaluation = Evaluation {
            resource_type: "AWS::EC2::Volume".to_owned(),
            resource_id: "vol-1".to_owned(),
            compliance: "NON_COMPLIANT",
            annotation: Some("why".to_owned()),
            ordering: "2026-01-02T03:04:05.678Z".parse().unwrap(),
        };
        assert_eq!(
            written(&evaluation),
            json!({
                "ComplianceResourceType": "AWS::EC2::Volume", "ComplianceResourceId": "vol-1", "Annotation": "why",
                "ComplianceType": "NON_COMPLIANT", "OrderingTimestamp": 1_767_323_045.678
            })
        );
        let without = written(&Evaluation { annotation: None, ..evaluation });
        assert!(without.get("Annotation").is_none(), "AWS Config refuses an empty one");
    }

    #[test]
    fn a_result_that_names_no_resource_is_passed_over() {
        let result = |of: Value| json!({"EvaluationResultIdentifier": {"EvaluationResultQualifier": of}});
        let found =
            evaluated(&result(json!({"ResourceType": "T", "ResourceId": "i", "ConfigRuleName": "r"})));
        assert_eq!(found, Some(Evaluated { resource_type: "T".to_owned(), resource_id: "i".to_owned() }));
        assert_eq!(evaluated(&result(json!({"ConfigRuleName": "r"}))), None);
    }
}
