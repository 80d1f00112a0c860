//! Security Hub, as far as findings go: `BatchImportFindings`, `GetFindings` and `BatchUpdateFindings`, and the events that
//! each import and each update publishes.
//!
//! As on AWS, an import keeps what customers wrote (`Note`, `Workflow`, `UserDefinedFields` …), an update keeps the
//! finding's own `UpdatedAt`, and both publish `Security Hub Findings - Imported`. Of `GetFindings`' filters, `Id`,
//! `ProductArn` and `ResourceId` with `EQUALS` are heeded; others are refused.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::{
    eventbridge::{Origin, Publisher, event},
    members::{items, text},
    service::{Answer, AwsError, Context, Request, Service},
};

/// What belongs to the customer: an import leaves it as it is.
const CUSTOMERS: [&str; 7] = [
    "Note",
    "Workflow",
    "WorkflowState",
    "UserDefinedFields",
    "VerificationState",
    "Confidence",
    "Criticality",
];

/// The most findings that one call takes.
const MOST: usize = 100;

/// Findings by product and id.
type Findings = BTreeMap<(String, String), Value>;

/// The service, made before anything is started.
pub(crate) fn service(context: Context) -> Arc<dyn Service> {
    Arc::new(SecurityHub { findings: Mutex::default(), publisher: Publisher::new(context) })
}

struct SecurityHub {
    findings: Mutex<Findings>,
    publisher: Publisher,
}

impl Service for SecurityHub {
    fn answers(&self, operation: &str) -> bool {
        matches!(operation, "BatchImportFindings" | "BatchUpdateFindings" | "GetFindings")
    }

    fn handle<'a>(&'a self, request: &'a Request) -> Answer<'a, Result<Value, AwsError>> {
        Box::pin(async move {
            match request.operation.as_str() {
                "BatchImportFindings" => self.import(request),
                "BatchUpdateFindings" => self.update(request),
                _ => self.get(&request.body),
            }
        })
    }
}

impl SecurityHub {
    fn lock(&self) -> MutexGuard<'_, Findings> {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn import(&self, request: &Request) -> Result<Value, AwsError> {
        let imported = listed(&request.body, "Findings")?;
        let mut failed = Vec::new();
        for finding in &imported {
            let Some(key) = key(finding) else {
                let id = text(finding, "Id").unwrap_or_default();
                let wrong = "`Id`, `ProductArn`, `AwsAccountId` and `Resources` must be given";
                failed.push(json!({ "Id": id, "ErrorCode": "InvalidInput", "ErrorMessage": wrong }));
                continue;
            };
            let mut finding = finding.clone();
            {
                let mut findings = self.lock();
                if let (Some(members), Some(before)) = (finding.as_object_mut(), findings.get(&key)) {
                    for name in CUSTOMERS {
                        members.remove(name);
                        members.extend(before.get(name).map(|kept| (name.to_owned(), kept.clone())));
                    }
                }
                if let Some(members) = finding.as_object_mut() {
                    members.entry("Workflow").or_insert_with(|| json!({ "Status": "NEW" }));
                    members.entry("RecordState").or_insert_with(|| json!("ACTIVE"));
                }
                findings.insert(key, finding.clone());
            }
            self.publish(request, &finding);
        }
        Ok(json!({
            "FailedCount": failed.len(), "SuccessCount": imported.len() - failed.len(), "FailedFindings": failed,
        }))
    }

    fn update(&self, request: &Request) -> Result<Value, AwsError> {
        let identifiers = listed(&request.body, "FindingIdentifiers")?;
        let mut changes = Map::new();
        for name in CUSTOMERS.iter().copied().chain(["Severity", "Types", "RelatedFindings"]) {
            changes.extend(request.body.get(name).map(|value| (name.to_owned(), value.clone())));
        }
        if let Some(note) = changes.get_mut("Note") {
            let complete = text(note, "Text").is_some() && text(note, "UpdatedBy").is_some();
            let short = text(note, "Text").is_none_or(|text| text.chars().count() <= 512);
            if !(complete && short) {
                return Err(AwsError::client(
                    "InvalidInputException",
                    "a note has `Text` of at most 512 characters, and `UpdatedBy`",
                ));
            }
            if let Some(note) = note.as_object_mut() {
                note.insert("UpdatedAt".to_owned(), json!(Timestamp::now().to_string()));
            }
        }
        let (mut processed, mut unprocessed) = (Vec::new(), Vec::new());
        for identifier in identifiers {
            let named = (text(&identifier, "ProductArn"), text(&identifier, "Id"));
            let updated = match named {
                (Some(product), Some(id)) => {
                    self.lock().get_mut(&(product.to_owned(), id.to_owned())).map(|finding| {
                        if let Some(members) = finding.as_object_mut() {
                            members.extend(changes.clone());
                        }
                        finding.clone()
                    })
                }
                _ => None,
            };
            match updated {
                Some(finding) => {
                    self.publish(request, &finding);
                    processed.push(identifier);
                }
                None => unprocessed.push(json!({
                    "FindingIdentifier": identifier, "ErrorCode": "FindingNotFound",
                    "ErrorMessage": "there is no such finding",
                })),
            }
        }
        Ok(json!({ "ProcessedFindings": processed, "UnprocessedFindings": unprocessed }))
    }

    fn get(&self, body: &Value) -> Result<Value, AwsError> {
        let filters = body.get("Filters").and_then(Value::as_object).cloned().unwrap_or_default();
        for (name, wanted) in &filters {
            let known = matches!(name.as_str(), "Id" | "ProductArn" | "ResourceId");
            let equals = wanted
                .as_array()
                .is_some_and(|all| all.iter().all(|one| text(one, "Comparison") == Some("EQUALS")));
            if !(known && equals) {
                let message =
                    format!("local AWS filters by Id, ProductArn and ResourceId, with EQUALS; not by {name}");
                return Err(AwsError::client("InvalidInputException", message));
            }
        }
        let matches = |finding: &Value| {
            filters.iter().all(|(name, wanted)| {
                let mut values = wanted.as_array().into_iter().flatten().filter_map(|one| text(one, "Value"));
                values.any(|value| match name.as_str() {
                    "ResourceId" => items(finding, "Resources").any(|named| text(named, "Id") == Some(value)),
                    name => text(finding, name) == Some(value),
                })
            })
        };
        let found: Vec<_> = self.lock().values().filter(|finding| matches(finding)).cloned().collect();
        Ok(json!({ "Findings": found }))
    }

    fn publish(&self, request: &Request, finding: &Value) {
        let origin = Origin { source: "aws.securityhub", account: &request.account, region: &request.region };
        let about: Vec<_> = text(finding, "Id").map(str::to_owned).into_iter().collect();
        let detail = json!({ "findings": [finding] });
        self.publisher.publish(event(
            origin,
            "Security Hub Findings - Imported",
            Timestamp::now(),
            &about,
            detail,
        ));
    }
}

fn listed(body: &Value, name: &str) -> Result<Vec<Value>, AwsError> {
    let listed: Vec<_> = items(body, name).cloned().collect();
    if (1..=MOST).contains(&listed.len()) {
        Ok(listed)
    } else {
        Err(AwsError::client("InvalidInputException", format!("`{name}` takes 1 to {MOST} items")))
    }
}

fn key(finding: &Value) -> Option<(String, String)> {
    text(finding, "AwsAccountId")?;
    items(finding, "Resources").next()?;
    Some((text(finding, "ProductArn")?.to_owned(), text(finding, "Id")?.to_owned()))
}
