//! From text to a tree that knows where each thing stands, for JSON too.

use std::fmt::Write as _;

use crate::document::{
    DocumentError, Place,
    node::{Kind, Node, Spot, parse},
};

/// Reads YAML or JSON.
pub(super) fn read(text: &str) -> Result<Node, DocumentError> {
    let tree = parse(text)?;
    // JSON that is no YAML was read without places; with a few letters changed it is YAML.
    if tree.place.line == 0
        && let Ok(placed) = parse(&as_yaml(text))
    {
        return Ok(placed);
    }
    Ok(tree)
}

/// JSON in YAML's spelling, each letter in its line: tabs between values as spaces, pairs of surrogates as one escape.
fn as_yaml(json: &str) -> String {
    let mut yaml = String::with_capacity(json.len());
    let (mut in_text, mut rest) = (false, json);
    while let Some(letter) = rest.chars().next() {
        let mut taken = letter.len_utf8();
        match letter {
            '"' => {
                in_text = !in_text;
                yaml.push(letter);
            }
            '\t' if !in_text => yaml.push(' '),
            '\\' if in_text => {
                if let Some(pair) = surrogates(rest) {
                    let _ = write!(yaml, "\\U{:08X}", u32::from(pair));
                    taken = 12;
                } else {
                    let escaped: String = rest.chars().take(2).collect();
                    taken = escaped.len();
                    yaml.push_str(&escaped);
                }
            }
            _ => yaml.push(letter),
        }
        rest = rest.get(taken..).unwrap_or_default();
    }
    yaml
}

/// The letter of `\uD83D\uDE00`.
fn surrogates(text: &str) -> Option<char> {
    let unit = |at: usize| -> Option<u16> {
        let escape = text.get(at..at + 6)?;
        u16::from_str_radix(escape.strip_prefix("\\u")?, 16).ok()
    };
    let units = [unit(0)?, unit(6)?];
    let mut letters = char::decode_utf16(units);
    let letter = letters.next()?.ok()?;
    letters.next().is_none().then_some(letter)
}

impl Node {
    /// The members of a map; none of anything else.
    pub(super) fn members(&self) -> &[(Spot, Node)] {
        match &self.kind {
            Kind::Map(members) => members,
            _ => &[],
        }
    }

    /// A member of a map.
    pub(super) fn get(&self, name: &str) -> Option<&Node> {
        self.members().iter().find(|(key, _)| key.name == name).map(|(_, node)| node)
    }

    /// The items of a list; none of anything else.
    pub(super) fn list(&self) -> &[Node] {
        match &self.kind {
            Kind::List(items) => items,
            _ => &[],
        }
    }

    /// Text.
    pub(super) fn as_text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar(value) => value.as_str(),
            _ => None,
        }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar(value) if value.is_null())
    }

    /// Each text in it, keys aside.
    pub(super) fn texts<'n>(&'n self, found: &mut Vec<(Place, &'n str)>) {
        match &self.kind {
            Kind::Scalar(value) => found.extend(value.as_str().map(|text| (self.place, text))),
            Kind::List(items) => items.iter().for_each(|item| item.texts(found)),
            Kind::Map(members) => members.iter().for_each(|(_, member)| member.texts(found)),
        }
    }

    /// What kind of thing it is, in words.
    pub(super) fn kind_word(&self) -> &'static str {
        use serde_json::Value;
        match &self.kind {
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
            Kind::Scalar(Value::Null) => "nothing",
            Kind::Scalar(Value::Bool(_)) => "a Boolean",
            Kind::Scalar(Value::Number(_)) => "a number",
            Kind::Scalar(_) => "text",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_with_tabs_and_pairs_of_surrogates_has_places() {
        let text = "{\n\t\"a\": \"\\ud83d\\ude00\\t\\\"\",\n\t\"b\": [1]\n}";
        let tree = read(text).unwrap();
        assert_eq!(tree.get("a").unwrap().as_text(), Some("😀\t\""));
        assert_eq!(tree.get("b").unwrap().place, Place { line: 3, column: 7 });
    }
}
