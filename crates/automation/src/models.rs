//! AWS's APIs as botocore's models describe them: what lint and dry run hold calls and selectors against.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::lint::finding::hint;

/// What is known of the APIs that some documents call: the answer to [`api_calls`](crate::lint::api_calls).
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Models {
    /// boto3's services by name; null for a name that isn't one.
    pub(crate) services: BTreeMap<String, Option<Service>>,
    /// The names of all services.
    #[serde(default)]
    pub(crate) names: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Service {
    /// The operations that were asked for, by their name.
    pub(crate) operations: BTreeMap<String, Operation>,
    /// The names of all operations.
    pub(crate) names: Vec<String>,
    pub(crate) shapes: BTreeMap<String, Shape>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Operation {
    pub(crate) input: Option<String>,
    pub(crate) output: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Shape {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) members: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) required: Vec<String>,
    #[serde(default)]
    pub(crate) of: Option<String>,
    #[serde(default, rename = "enum")]
    pub(crate) words: Vec<String>,
}

/// Whether a scalar is what an API wants of this kind; nothing else than a structure is a structure.
pub(crate) fn takes(kind: &str, value: &Value) -> bool {
    match kind {
        "structure" | "map" | "list" => false,
        "boolean" => value.is_boolean(),
        "integer" | "long" => value.is_i64() || value.is_u64(),
        "float" | "double" => value.is_number(),
        "timestamp" => value.is_string() || value.is_number(),
        _ => value.is_string(),
    }
}

/// A kind in words, as messages name it.
pub(crate) fn word(kind: &str) -> &'static str {
    match kind {
        "structure" | "map" => "a map",
        "list" => "a list",
        "boolean" => "a Boolean",
        "integer" | "long" => "a whole number",
        "float" | "double" => "a number",
        _ => "text",
    }
}

/// The first member of a plain path that isn't there, with a hint.
pub(crate) fn lacks(service: &Service, answer: &str, selector: &str) -> Option<(String, String)> {
    match follow(service, answer, selector) {
        Followed::Missing(missing) => Some(missing),
        Followed::To(_) | Followed::Unclear => None,
    }
}

/// The shape at the end of a plain path.
pub(crate) fn shape_at<'s>(service: &'s Service, answer: &str, selector: &str) -> Option<&'s Shape> {
    match follow(service, answer, selector) {
        Followed::To(shape) => Some(shape),
        Followed::Missing(_) | Followed::Unclear => None,
    }
}

/// Where a selector leads in the shape of an answer.
enum Followed<'s> {
    To(&'s Shape),
    Missing((String, String)),
    Unclear,
}

fn follow<'s>(service: &'s Service, answer: &str, selector: &str) -> Followed<'s> {
    if selector.contains("..") || selector.contains(['*', '?', '\'', '"', ':', '{', '(']) {
        return Followed::Unclear;
    }
    let path = selector.trim().strip_prefix('$').unwrap_or(selector.trim());
    let Some(mut shape) = service.shapes.get(answer) else { return Followed::Unclear };
    for segment in path.split(['.', '[', ']']).filter(|segment| !segment.is_empty()) {
        let next = match shape.kind.as_str() {
            "structure" if segment == "ResponseMetadata" => None,
            "structure" if !shape.members.contains_key(segment) => {
                let hint = hint(segment, shape.members.keys().map(String::as_str));
                return Followed::Missing((segment.to_owned(), hint));
            }
            "structure" => shape.members.get(segment),
            "map" => shape.of.as_ref(),
            "list" if segment.parse::<i64>().is_ok() => shape.of.as_ref(),
            // Text may be JSON that AWS looks into; whether it does isn't known.
            _ => None,
        };
        match next.and_then(|next| service.shapes.get(next)) {
            Some(next) => shape = next,
            None => return Followed::Unclear,
        }
    }
    Followed::To(shape)
}
