//! Who answers a request: the gateway itself, ministack or moto.
//!
//! ministack has what Plumb's own stack is made of; moto has the resources that are watched and fixed. A service that
//! is on both sides is split by resource: what a stack made is in ministack, everything else is in moto.

use std::{
    collections::HashSet,
    sync::{Arc, PoisonError, RwLock},
};

use axum::http::{HeaderMap, Uri};
use serde::Deserialize;
use serde_json::Value;

use crate::identify::{decoded, pair, query, text};

/// An emulator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Emulator {
    /// Services of the product's stack.
    Ministack,
    /// Services whose resources are watched and fixed.
    Moto,
}

/// The resources that stacks made, by service. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct StackResources(Arc<RwLock<HashSet<(String, String)>>>);

/// What ministack tells when a stack makes or deletes a resource.
#[derive(Debug, Deserialize)]
pub(crate) struct StackResource {
    what: What,
    service: String,
    id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum What {
    Made,
    Deleted,
}

impl StackResources {
    pub(crate) fn note(&self, resource: StackResource) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let key = (resource.service, last(&resource.id).to_owned());
        match resource.what {
            What::Made => all.insert(key),
            What::Deleted => all.remove(&key),
        };
    }

    fn has(&self, service: &str, id: &str) -> bool {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.contains(&(service.to_owned(), id.to_owned()))
    }
}

/// Services that ministack has whole.
const MINISTACK: [&str; 16] = [
    "cloudformation",
    "lambda",
    "events",
    "scheduler",
    "pipes",
    "states",
    "sqs",
    "sns",
    "ssm",
    "monitoring",
    "appconfig",
    "appconfigdata",
    "secretsmanager",
    "apigateway",
    "execute-api",
    "resource-groups",
];

/// Buckets that hold what is deployed: `sam deploy`'s own, and those of whoever packages by hand.
const ARTIFACT_BUCKETS: [&str; 2] = ["aws-sam-cli-managed-", "plumb-deploy-"];

/// Where a request goes that the gateway does not answer itself.
pub(crate) fn destination(
    service: &str,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
    stacks: &StackResources,
) -> Emulator {
    if MINISTACK.contains(&service) {
        return Emulator::Ministack;
    }
    let Some(id) = resource(service, uri, headers, body) else { return Emulator::Moto };
    let of_ministack = stacks.has(service, last(&id))
        || (service == "s3" && ARTIFACT_BUCKETS.iter().any(|prefix| id.starts_with(prefix)))
        || (service == "logs" && id.starts_with("/aws/lambda"));
    if of_ministack { Emulator::Ministack } else { Emulator::Moto }
}

/// The id of the resource that a request of a split service is about.
fn resource(service: &str, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Option<String> {
    match service {
        "s3" => {
            let first = uri.path().split('/').find(|part| !part.is_empty())?;
            Some(decoded(first).into_owned())
        }
        "dynamodb" => {
            let body = json(body)?;
            let name = ["TableName", "StreamArn", "ResourceArn", "TableArn"]
                .iter()
                .find_map(|name| body.get(name)?.as_str());
            let in_batch = || body.get("RequestItems")?.as_object()?.keys().next().map(String::as_str);
            let in_transaction = || {
                let first = body.get("TransactItems")?.get(0)?.as_object()?.values().next()?;
                first.get("TableName")?.as_str()
            };
            let table = name.or_else(in_batch).or_else(in_transaction)?;
            Some(
                table
                    .split_once(":table/")
                    .map_or(table, |(_, rest)| rest.split('/').next().unwrap_or(rest))
                    .to_owned(),
            )
        }
        "logs" => {
            let body = json(body)?;
            let names = [
                "logGroupName",
                "logGroupIdentifier",
                "logGroupNamePrefix",
                "resourceArn",
                "logGroupNamePattern",
            ];
            let group = names.iter().find_map(|name| body.get(name)?.as_str())?;
            let group = group.split_once(":log-group:").map_or(group, |(_, rest)| rest);
            Some(group.trim_end_matches(":*").to_owned())
        }
        "kms" => {
            let body = json(body)?;
            ["KeyId", "AliasName", "TargetKeyId", "DestinationKeyId"]
                .iter()
                .find_map(|name| Some(body.get(name)?.as_str()?.to_owned()))
        }
        "iam" => {
            let form = std::str::from_utf8(body).ok()?;
            let form_encoded =
                text(headers, "content-type").is_some_and(|kind| kind.contains("form-urlencoded"));
            ["RoleName", "PolicyArn", "UserName", "InstanceProfileName"].iter().find_map(|name| {
                let found = if form_encoded { pair(form, name) } else { query(uri, name) };
                found.map(std::borrow::Cow::into_owned)
            })
        }
        _ => None,
    }
}

fn json(body: &[u8]) -> Option<Value> {
    serde_json::from_slice(body).ok()
}

/// The name at the end of an ARN; what is not an ARN stays as it is.
fn last(id: &str) -> &str {
    match id.strip_prefix("arn:") {
        Some(arn) => match arn.rfind("alias/") {
            Some(start) => arn.get(start..).unwrap_or(arn),
            None => arn.rsplit_once('/').map_or(arn, |(_, name)| name),
        },
        None => id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stacks(resources: &[(&str, &str)]) -> StackResources {
        let stacks = StackResources::default();
        for (service, id) in resources {
            stacks.note(StackResource { what: What::Made, service: (*service).into(), id: (*id).into() });
        }
        stacks
    }

    fn of(service: &str, path: &'static str, body: &str, stacks: &StackResources) -> Emulator {
        let mut headers = HeaderMap::new();
        if body.contains('=') {
            headers.insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
        }
        destination(service, &Uri::from_static(path), &headers, body.as_bytes(), stacks)
    }

    #[test]
    fn what_a_stack_made_is_in_ministack_and_its_neighbour_in_moto() {
        let stacks = stacks(&[
            ("dynamodb", "plumb-ledger"),
            ("s3", "made-by-stack"),
            ("logs", "/plumb/remediate"),
            ("iam", "plumb-role"),
            ("kms", "arn:aws:kms:us-east-1:123456789012:key/0f0f"),
        ]);
        for (service, path, body) in [
            ("dynamodb", "/", r#"{"TableName":"plumb-ledger"}"#),
            (
                "dynamodb",
                "/",
                r#"{"TableName":"arn:aws:dynamodb:us-east-1:123456789012:table/plumb-ledger"}"#,
            ),
            ("dynamodb", "/", r#"{"TransactItems":[{"Put":{"TableName":"plumb-ledger"}}]}"#),
            ("dynamodb", "/", r#"{"RequestItems":{"plumb-ledger":[]}}"#),
            ("s3", "/made-by-stack/key", ""),
            ("s3", "/aws-sam-cli-managed-default-samclisourcebucket-x/key", ""),
            ("logs", "/", r#"{"logGroupName":"/plumb/remediate"}"#),
            ("logs", "/", r#"{"logGroupName":"/aws/lambda/x"}"#),
            ("iam", "/", "Action=GetRole&RoleName=plumb-role"),
            ("kms", "/", r#"{"KeyId":"0f0f"}"#),
            ("sqs", "/", "{}"),
        ] {
            assert_eq!(of(service, path, body, &stacks), Emulator::Ministack, "{service} {path} {body}");
        }
        for (service, path, body) in [
            ("dynamodb", "/", r#"{"TableName":"plumb-ledger-2"}"#),
            ("dynamodb", "/", "{}"),
            ("s3", "/other/made-by-stack", ""),
            ("s3", "/", ""),
            ("logs", "/", r#"{"logGroupName":"/vpc/flow"}"#),
            ("iam", "/", "Action=GetRole&RoleName=other"),
            ("kms", "/", "not json"),
            ("ec2", "/", "Action=DescribeVpcs"),
        ] {
            assert_eq!(of(service, path, body, &stacks), Emulator::Moto, "{service} {path} {body}");
        }
    }

    #[test]
    fn a_deleted_resource_is_forgotten() {
        let stacks = stacks(&[("dynamodb", "t")]);
        stacks.note(StackResource { what: What::Deleted, service: "dynamodb".into(), id: "t".into() });
        assert_eq!(of("dynamodb", "/", r#"{"TableName":"t"}"#, &stacks), Emulator::Moto);
    }
}
