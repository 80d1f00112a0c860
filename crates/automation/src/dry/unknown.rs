//! Values that only a real run has: text that stands for them and carries their name and, where it is known, their type.

use serde_json::Value;

use crate::document::ValueType;

// Private use, where no document's own text is.
const OPEN: char = '\u{F0000}';
const MIDDLE: char = '\u{F0001}';
const CLOSE: char = '\u{F0002}';

/// What is known of the type of a value that isn't known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Of(ValueType),
    Any,
}

impl Kind {
    /// Whether it may be a value of some types.
    pub(super) fn may_be(self, is: impl Fn(ValueType) -> bool) -> bool {
        match self {
            Self::Of(kind) => is(kind),
            Self::Any => true,
        }
    }
}

/// The text that stands for a value.
pub(super) fn value(name: &str, kind: Option<ValueType>) -> Value {
    let kind = kind.map_or("", ValueType::as_str);
    Value::String(format!("{OPEN}{kind}{MIDDLE}{name}{CLOSE}"))
}

/// The type of a value that isn't known; nothing if it is known, or only part of it isn't.
pub(super) fn kind_of(value: &Value) -> Option<Kind> {
    let inner = value.as_str()?.strip_prefix(OPEN)?.strip_suffix(CLOSE)?;
    let (kind, name) = inner.split_once(MIDDLE)?;
    (!name.contains([OPEN, CLOSE])).then(|| kind.parse().map_or(Kind::Any, Kind::Of))
}

/// Whether a value, or something in it, isn't known.
pub(super) fn is_in(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(OPEN),
        Value::Array(items) => items.iter().any(is_in),
        Value::Object(members) => members.values().any(is_in),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// For people: `<Inspect.Compliant>` for what isn't known.
pub(super) fn shown(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(shown_text(text)),
        Value::Array(items) => items.iter().map(shown).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, member)| (name.clone(), shown(member))).collect()
        }
        scalar => scalar.clone(),
    }
}

/// [`shown`] of text.
pub(super) fn shown_text(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(OPEN) {
        shown.push_str(before);
        let (inner, after) = after.split_once(CLOSE).unwrap_or((after, ""));
        shown.push('<');
        shown.push_str(inner.split_once(MIDDLE).map_or(inner, |(_, name)| name));
        shown.push('>');
        rest = after;
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_known_keeps_its_name_and_type_through_text() {
        let list = value("Ids", Some(ValueType::StringList));
        assert_eq!(kind_of(&list), Some(Kind::Of(ValueType::StringList)));
        let embedded = format!("a-{}-b", list.as_str().unwrap());
        assert_eq!(kind_of(&json!(embedded)), None);
        assert!(is_in(&json!({"x": [embedded]})));
        assert_eq!(shown(&json!({"x": [embedded]})), json!({"x": ["a-<Ids>-b"]}));
        assert_eq!(kind_of(&value("x", None)), Some(Kind::Any));
        assert_eq!(kind_of(&json!("x")), None);
    }
}
