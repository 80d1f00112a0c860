//! The members of a request.

use serde_json::Value;

/// A text member that is there and not empty.
pub(crate) fn text<'a>(body: &'a Value, name: &str) -> Option<&'a str> {
    body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// The texts of a list member; none if it isn't there.
pub(crate) fn texts<'a>(body: &'a Value, name: &str) -> impl Iterator<Item = &'a str> {
    items(body, name).filter_map(Value::as_str)
}

/// The items of a list member; none if it isn't there.
pub(crate) fn items<'a>(body: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    body.get(name).and_then(Value::as_array).into_iter().flatten()
}
