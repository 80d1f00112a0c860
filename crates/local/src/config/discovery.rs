//! The operations that answer with configuration items.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    evaluation::{Resource, epoch},
    item::Item,
    items::{self, TYPES},
    query,
    recording::Recording,
};
use crate::{
    members::{text, texts},
    pages,
    service::{AwsError, Request},
};

type Operation = fn(&Recording, &Request) -> Result<Value, AwsError>;

/// The operation of that name.
pub(super) fn find(name: &str) -> Option<Operation> {
    Some(match name {
        "GetResourceConfigHistory" => history,
        "BatchGetResourceConfig" => batch,
        "ListDiscoveredResources" => discovered,
        "GetDiscoveredResourceCounts" => counts,
        "SelectResourceConfig" => query::select,
        _ => return None,
    })
}

fn history(recording: &Recording, request: &Request) -> Result<Value, AwsError> {
    let resource = Resource {
        kind: of_type(required(&request.body, "resourceType")?)?.to_owned(),
        id: required(&request.body, "resourceId")?.to_owned(),
    };
    let (earlier, later) = (time(request, "earlierTime")?, time(request, "laterTime")?);
    if let (Some(earlier), Some(later)) = (earlier, later)
        && earlier > later
    {
        return Err(AwsError::client("InvalidTimeRangeException", "`earlierTime` is after `laterTime`"));
    }
    // Clients send whole seconds, items have milliseconds: the second that `laterTime` names is within.
    let end = later.map(|later| later.saturating_add(SignedDuration::from_millis(999)).unwrap_or(later));
    let forward = match text(&request.body, "chronologicalOrder") {
        None | Some("Reverse") => false,
        Some("Forward") => true,
        Some(other) => return Err(validation(format!("`{other}` is not a `chronologicalOrder`"))),
    };
    let items: Vec<(String, Value)> =
        recording.history.with(&request.region, |items| -> Result<_, AwsError> {
            let items = items.of(&resource).ok_or_else(|| {
                AwsError::client(
                    "ResourceNotDiscoveredException",
                    format!(
                        "Resource {} of resourceType:{} is unknown or has not been discovered",
                        resource.id, resource.kind
                    ),
                )
            })?;
            let wanted = items.iter().filter(|item| {
                earlier.is_none_or(|earlier| item.captured >= earlier)
                    && end.is_none_or(|end| item.captured <= end)
            });
            Ok(wanted.map(|item| (place(item, forward), item.api())).collect())
        })?;
    page(request, "configurationItems", items, 10)
}

/// Sorts items by time, the newest first unless forward.
fn place(item: &Item, forward: bool) -> String {
    let time = item.captured.as_millisecond();
    format!("{:020}", if forward { time } else { i64::MAX - time })
}

fn batch(recording: &Recording, request: &Request) -> Result<Value, AwsError> {
    let keys = request.body.get("resourceKeys").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if !(1..=100).contains(&keys.len()) {
        return Err(validation("Value at 'resourceKeys': name 1 to 100 resources"));
    }
    let mut found = Vec::new();
    for key in keys {
        let kind = of_type(required(key, "resourceType")?)?.to_owned();
        let resource = Resource { kind, id: required(key, "resourceId")?.to_owned() };
        let item = recording.history.with(&request.region, |items| {
            items.of(&resource).and_then(<[Item]>::last).filter(|item| !item.is_deleted()).map(Item::base)
        });
        found.extend(item);
    }
    Ok(json!({"baseConfigurationItems": found, "unprocessedResourceKeys": []}))
}

fn discovered(recording: &Recording, request: &Request) -> Result<Value, AwsError> {
    let kind = of_type(required(&request.body, "resourceType")?)?;
    let ids: Vec<&str> = texts(&request.body, "resourceIds").collect();
    let name = text(&request.body, "resourceName");
    if !ids.is_empty() && name.is_some() {
        return Err(validation("give `resourceIds` or `resourceName`, not both"));
    }
    let with_deleted = request.body.get("includeDeletedResources").and_then(Value::as_bool) == Some(true);
    let items = recording.history.with(&request.region, |items| {
        items
            .newest()
            .filter(|item| item.kind == kind && (with_deleted || !item.is_deleted()))
            .filter(|item| ids.is_empty() || ids.contains(&item.found.id.as_str()))
            .filter(|item| name.is_none() || item.found.name.as_deref() == name)
            .map(|item| {
                let mut identifier = json!({"resourceType": item.kind, "resourceId": item.found.id});
                if let (Some(name), Value::Object(members)) = (&item.found.name, &mut identifier) {
                    members.insert("resourceName".to_owned(), json!(name));
                }
                if let (true, Value::Object(members)) = (item.is_deleted(), &mut identifier) {
                    members.insert("resourceDeletionTime".to_owned(), json!(epoch(item.captured)));
                }
                (item.found.id.clone(), identifier)
            })
            .collect()
    });
    page(request, "resourceIdentifiers", items, 100)
}

fn counts(recording: &Recording, request: &Request) -> Result<Value, AwsError> {
    let asked: Vec<&str> = texts(&request.body, "resourceTypes").map(of_type).collect::<Result<_, _>>()?;
    let counts: Vec<(&str, usize)> = recording.history.with(&request.region, |items| {
        TYPES
            .iter()
            .map(|of| (of.kind, items.current(of.kind).count()))
            .filter(|(kind, count)| asked.contains(kind) || (asked.is_empty() && *count > 0))
            .collect()
    });
    let total: usize = counts.iter().map(|(_, count)| count).sum();
    let items = counts
        .into_iter()
        .map(|(kind, count)| (kind.to_owned(), json!({"resourceType": kind, "count": count})))
        .collect();
    let mut answer = page(request, "resourceCounts", items, 100)?;
    if let Value::Object(members) = &mut answer {
        members.insert("totalDiscoveredResources".to_owned(), json!(total));
    }
    Ok(answer)
}

/// A page in the words of these operations, which begin with a small letter.
fn page(request: &Request, name: &str, items: Vec<(String, Value)>, usual: u64) -> Result<Value, AwsError> {
    let limit = match request.body.get("limit").and_then(Value::as_u64) {
        None | Some(0) => usual,
        Some(limit @ 1..=100) => limit,
        Some(_) => return Err(AwsError::client("InvalidLimitException", "`limit` is at most 100")),
    };
    let limit = usize::try_from(limit).unwrap_or(100);
    let mut answer = pages::page(name, items, limit, text(&request.body, "nextToken"))
        .map_err(|error| AwsError::client("InvalidNextTokenException", error.to_string()))?;
    if let Value::Object(members) = &mut answer
        && let Some(token) = members.remove("NextToken")
    {
        members.insert("nextToken".to_owned(), token);
    }
    Ok(answer)
}

/// A type that is recorded here.
fn of_type(kind: &str) -> Result<&'static str, AwsError> {
    items::find(kind).map(|of| of.kind).ok_or_else(|| {
        let known: Vec<&str> = TYPES.iter().map(|of| of.kind).collect();
        validation(format!(
            "Value '{kind}' at 'resourceType' failed to satisfy constraint: local AWS records {}",
            known.join(", ")
        ))
    })
}

/// Seconds since 1970, or RFC 3339 text.
fn time(request: &Request, name: &str) -> Result<Option<Timestamp>, AwsError> {
    #[expect(clippy::cast_possible_truncation, reason = "a float that is no time saturates and is refused")]
    let read = |value: &Value| match value {
        Value::Number(seconds) => Timestamp::from_millisecond((seconds.as_f64()? * 1000.0) as i64).ok(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    match request.body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => read(value).map(Some).ok_or_else(|| validation(format!("`{name}` is not a time"))),
    }
}

fn required<'a>(body: &'a Value, name: &str) -> Result<&'a str, AwsError> {
    text(body, name).ok_or_else(|| validation(format!("Value at '{name}' must not be null")))
}

fn validation(message: impl Into<String>) -> AwsError {
    AwsError::client("ValidationException", message)
}
