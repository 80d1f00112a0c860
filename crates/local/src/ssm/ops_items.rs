//! OpsItems: what a person has to look at.
//!
//! As on AWS, an OpsItem whose `/aws/dedup` text is that of one which is not resolved is refused, and the refusal names it.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{page, required};
use crate::{
    members::{items, text, texts},
    service::{AwsError, Request},
};

/// What an OpsItem may be changed in.
const CHANGEABLE: [&str; 9] = [
    "Title",
    "Description",
    "Status",
    "Priority",
    "Category",
    "Severity",
    "Notifications",
    "RelatedOpsItems",
    "ActualEndTime",
];

/// OpsItems by id.
#[derive(Debug, Default)]
pub(super) struct OpsItems(Mutex<BTreeMap<String, Value>>);

type Operation = fn(&OpsItems, &Request) -> Result<Value, AwsError>;

pub(super) fn find(operation: &str) -> Option<Operation> {
    Some(match operation {
        "CreateOpsItem" => OpsItems::create,
        "GetOpsItem" => OpsItems::get,
        "UpdateOpsItem" => OpsItems::update,
        "DescribeOpsItems" => OpsItems::describe,
        _ => return None,
    })
}

impl OpsItems {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Value>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn create(&self, request: &Request) -> Result<Value, AwsError> {
        for (name, most) in [("Title", 1024), ("Source", 128), ("Description", 2048)] {
            if required(request, name)?.chars().count() > most {
                let message = format!("`{name}` takes at most {most} characters");
                return Err(AwsError::client("OpsItemInvalidParameterException", message));
            }
        }
        let mut all = self.lock();
        let wanted = dedup(&request.body);
        let standing = all.values().find(|item| {
            wanted.is_some() && text(item, "Status") != Some("Resolved") && dedup(item) == wanted
        });
        if let Some(id) = standing.and_then(|item| text(item, "OpsItemId")) {
            let message = format!("Similar OpsItem already exists: {id}");
            return Err(AwsError::client("OpsItemAlreadyExistsException", message));
        }
        let random: String = Uuid::new_v4().simple().to_string().chars().take(12).collect();
        let id = format!("oi-{random}");
        let now = epoch();
        let by = format!("arn:aws:iam::{}:user/local", request.account);
        let mut item = Map::from_iter([
            ("OpsItemId".to_owned(), json!(id)),
            ("OpsItemType".to_owned(), json!("/aws/issue")),
            ("Status".to_owned(), json!("Open")),
            ("CreatedTime".to_owned(), now.clone()),
            ("LastModifiedTime".to_owned(), now),
            ("CreatedBy".to_owned(), json!(by)),
            ("LastModifiedBy".to_owned(), json!(by)),
            ("Version".to_owned(), json!("1")),
        ]);
        for name in ["Title", "Source", "Description", "Priority", "Category", "Severity", "OperationalData"]
        {
            item.extend(request.body.get(name).map(|value| (name.to_owned(), value.clone())));
        }
        all.insert(id.clone(), Value::Object(item));
        Ok(json!({ "OpsItemId": id }))
    }

    fn get(&self, request: &Request) -> Result<Value, AwsError> {
        let id = required(request, "OpsItemId")?;
        self.lock().get(id).map(|item| json!({ "OpsItem": item })).ok_or_else(|| not_found(id))
    }

    fn update(&self, request: &Request) -> Result<Value, AwsError> {
        let id = required(request, "OpsItemId")?;
        let mut all = self.lock();
        let item = all.get_mut(id).and_then(Value::as_object_mut).ok_or_else(|| not_found(id))?;
        for name in CHANGEABLE {
            item.extend(request.body.get(name).map(|value| (name.to_owned(), value.clone())));
        }
        item.insert("LastModifiedTime".to_owned(), epoch());
        Ok(json!({}))
    }

    fn describe(&self, request: &Request) -> Result<Value, AwsError> {
        let mut found = Vec::new();
        for (id, item) in self.lock().iter() {
            if matches(item, &request.body)? {
                let mut summary = item.clone();
                if let Some(members) = summary.as_object_mut() {
                    members.remove("Description");
                }
                found.push((id.clone(), summary));
            }
        }
        page("OpsItemSummaries", found, request, 50, 50)
    }
}

/// Whether an OpsItem is what all filters want.
fn matches(item: &Value, body: &Value) -> Result<bool, AwsError> {
    for filter in items(body, "OpsItemFilters") {
        let member = match text(filter, "Key").unwrap_or_default() {
            "Status" => "Status",
            "Source" => "Source",
            "Title" => "Title",
            "OpsItemId" => "OpsItemId",
            "Severity" => "Severity",
            other => {
                let message = format!(
                    "local AWS filters OpsItems by Status, Source, Title, OpsItemId and Severity, not by `{other}`"
                );
                return Err(AwsError::client("OpsItemInvalidParameterException", message));
            }
        };
        let has = text(item, member).unwrap_or_default();
        let contains = text(filter, "Operator") == Some("Contains");
        let wanted = |value: &str| if contains { has.contains(value) } else { has == value };
        if !texts(filter, "Values").any(wanted) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The text by which OpsCenter tells that two OpsItems are about the same.
fn dedup(item: &Value) -> Option<String> {
    let data = item.get("OperationalData")?.get("/aws/dedup")?;
    let said: Value = serde_json::from_str(text(data, "Value")?).ok()?;
    text(&said, "dedupString").map(str::to_owned)
}

fn not_found(id: &str) -> AwsError {
    AwsError::client("OpsItemNotFoundException", format!("there is no OpsItem `{id}`"))
}

/// Seconds since 1970, as the JSON protocol has times.
fn epoch() -> Value {
    json!(Timestamp::now().as_second())
}
