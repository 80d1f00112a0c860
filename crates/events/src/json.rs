//! Looking things up in JSON that may hold anything.

use plumb_model::{AccountId, Region};
use serde_json::Value;

static NULL: Value = Value::Null;

/// What is wrong with an event: becomes the reason of a rejection.
pub(crate) type Wrong = String;

/// Lenient look-ups by JSON Pointer.
pub(crate) trait Look {
    /// The value there, or null.
    fn at(&self, pointer: &str) -> &Value;
    /// The text there, unless it is absent, empty or not text.
    fn text(&self, pointer: &str) -> Option<&str>;
    /// The elements there; none if there is no array.
    fn list(&self, pointer: &str) -> &[Value];
}

impl Look for Value {
    fn at(&self, pointer: &str) -> &Value {
        self.pointer(pointer).unwrap_or(&NULL)
    }

    fn text(&self, pointer: &str) -> Option<&str> {
        self.at(pointer).as_str().map(str::trim).filter(|text| !text.is_empty())
    }

    fn list(&self, pointer: &str) -> &[Value] {
        self.at(pointer).as_array().map_or(&[], Vec::as_slice)
    }
}

/// A text from an event between backticks: one line, and short.
pub(crate) fn quote(text: &str) -> String {
    let mut short: String = text.chars().take(100).flat_map(char::escape_debug).collect();
    if text.chars().nth(100).is_some() {
        short.push('…');
    }
    format!("`{short}`")
}

/// A name that is copied into each of an event's signals; a genuine one is far shorter.
pub(crate) fn name(text: &str) -> String {
    text.chars().take(512).collect()
}

/// The text, which the event can't do without.
pub(crate) fn required<'a>(name: &str, value: Option<&'a str>) -> Result<&'a str, Wrong> {
    value.ok_or_else(|| format!("`{name}` is missing"))
}

/// The account. One that is there but is none is an error: what stands elsewhere in the event may be another one.
pub(crate) fn account(name: &str, value: Option<&str>) -> Result<AccountId, Wrong> {
    let text = required(name, value)?;
    AccountId::parse(text)
        .map_err(|_| format!("`{name}` is {}, which is not an account (twelve digits)", quote(text)))
}

/// The Region.
pub(crate) fn region(name: &str, value: Option<&str>) -> Result<Region, Wrong> {
    let text = required(name, value)?;
    Region::parse(text).map_err(|_| format!("`{name}` is {}, which is not a Region", quote(text)))
}
