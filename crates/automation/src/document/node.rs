//! YAML or JSON text as a tree that remembers where each thing stands.

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};
use serde_saphyr::Spanned;

use super::{DocumentError, Place};
use crate::choices;

/// A value and its place.
#[derive(Debug, Clone)]
pub struct Node {
    /// Where it begins.
    pub place: Place,
    /// What it is.
    pub kind: Kind,
}

/// What a node can be.
#[derive(Debug, Clone)]
pub enum Kind {
    /// A text, a number, a Boolean or nothing.
    Scalar(Value),
    /// A list.
    List(Vec<Node>),
    /// A map, in the author's order; a key may be there twice.
    Map(Vec<(Spot, Node)>),
}

/// A key and its place.
#[derive(Debug, Clone)]
pub struct Spot {
    /// The key.
    pub name: String,
    /// Where it begins.
    pub place: Place,
}

/// Reads text as one tree.
///
/// # Errors
/// When it is neither YAML nor JSON, or larger than what is read.
pub fn parse(text: &str) -> Result<Node, DocumentError> {
    if text.len() > choices::MAX_DOCUMENT_BYTES {
        return Err(DocumentError {
            place: Place::default(),
            message: format!(
                "the document has {} bytes; the most this engine reads is {}",
                text.len(),
                choices::MAX_DOCUMENT_BYTES
            ),
        });
    }
    let yaml = match yaml(text) {
        Ok(node) => {
            return Ok(zeros_kept(
                node,
                &text.lines().map(|line| (line, line.is_ascii())).collect::<Vec<_>>(),
            ));
        }
        Err(error) => error,
    };
    if !text.trim_start().starts_with('{') {
        return Err(yaml);
    }
    // JSON is YAML but for some escapes, such as surrogate pairs, and for tabs.
    match serde_json::from_str::<Value>(text) {
        Ok(value) => Ok(unplaced(value)),
        Err(error) => Err(DocumentError {
            place: Place { line: error.line() as u64, column: error.column() as u64 },
            message: format!("not JSON: {error}"),
        }),
    }
}

fn yaml(text: &str) -> Result<Node, DocumentError> {
    let options = serde_saphyr::options! {
        strict_booleans: true,
        budget: serde_saphyr::budget! {
            max_depth: choices::MAX_DOCUMENT_DEPTH,
            flow_nesting_limit: choices::MAX_DOCUMENT_DEPTH,
            max_nodes: 100_000,
            max_anchors: 1_000,
            max_aliases: 1_000,
            max_total_scalar_bytes: 4 * choices::MAX_DOCUMENT_BYTES,
            max_documents: 2,
        },
    };
    serde_saphyr::from_str_with_options::<Spanned<Tree>>(text, options).map(node).map_err(|error| {
        let place =
            error.location().map_or(Place::default(), |at| Place { line: at.line(), column: at.column() });
        let rendered = error.without_snippet().to_string();
        let message = rendered.lines().next().unwrap_or_default();
        DocumentError { place, message: format!("not YAML: {message}") }
    })
}

/// In a longer line that isn't ASCII, digits aren't looked for: finding a column takes as long as the line is.
const LONGEST_LINE: usize = 10_000;

/// Digits that begin with a zero are text, such as the number of an account: in YAML 1.1, which AWS's own documents are
/// written for, most of them are no numbers.
fn zeros_kept(node: Node, lines: &[(&str, bool)]) -> Node {
    let kind = match node.kind {
        Kind::Scalar(Value::Number(number)) if number.is_f64() => {
            let digits =
                written(node.place, lines).filter(|digits| digits.starts_with('0') && digits.len() > 1);
            Kind::Scalar(digits.map_or(Value::Number(number), Value::String))
        }
        Kind::List(items) => Kind::List(items.into_iter().map(|item| zeros_kept(item, lines)).collect()),
        Kind::Map(members) => {
            Kind::Map(members.into_iter().map(|(key, member)| (key, zeros_kept(member, lines))).collect())
        }
        scalar @ Kind::Scalar(_) => scalar,
    };
    Node { kind, ..node }
}

/// The digits at a place, if nothing but digits is written there. Each line comes with whether it is ASCII.
fn written(place: Place, lines: &[(&str, bool)]) -> Option<String> {
    let (line, is_ascii) = lines.get(usize::try_from(place.line).ok()?.checked_sub(1)?)?;
    let column = usize::try_from(place.column).ok()?.checked_sub(1)?;
    let rest = if *is_ascii {
        line.get(column..)?
    } else if line.len() <= LONGEST_LINE {
        line.get(line.char_indices().nth(column)?.0..)?
    } else {
        return None;
    };
    let end = rest.find(|c: char| c.is_whitespace() || matches!(c, ',' | ']' | '}')).unwrap_or(rest.len());
    let word = rest.get(..end)?;
    (!word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit())).then(|| word.to_owned())
}

fn place<T>(spanned: &Spanned<T>) -> Place {
    Place { line: spanned.referenced.line(), column: spanned.referenced.column() }
}

fn node(tree: Spanned<Tree>) -> Node {
    let place = place(&tree);
    Node { place, kind: tree.value.0 }
}

fn unplaced(value: Value) -> Node {
    let kind = match value {
        Value::Array(items) => Kind::List(items.into_iter().map(unplaced).collect()),
        Value::Object(members) => Kind::Map(
            members
                .into_iter()
                .map(|(name, value)| (Spot { name, place: Place::default() }, unplaced(value)))
                .collect(),
        ),
        scalar => Kind::Scalar(scalar),
    };
    Node { place: Place::default(), kind }
}

impl Node {
    /// The value without places.
    pub fn value(&self) -> Value {
        match &self.kind {
            Kind::Scalar(value) => value.clone(),
            Kind::List(items) => Value::Array(items.iter().map(Self::value).collect()),
            Kind::Map(members) => Value::Object(
                members.iter().map(|(key, node)| (key.name.clone(), node.value())).collect::<Map<_, _>>(),
            ),
        }
    }

    /// An error here.
    pub(crate) fn error(&self, message: impl Into<String>) -> DocumentError {
        DocumentError { place: self.place, message: message.into() }
    }
}

struct Tree(Kind);

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree(Kind::Scalar(Value::Null)))
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<Tree, E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        Tree::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree(Kind::Scalar(Value::Bool(value))))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree(Kind::Scalar(value.into())))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree(Kind::Scalar(value.into())))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Tree, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("a number that isn't finite"))?;
        Ok(Tree(Kind::Scalar(Value::Number(number))))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Tree, E> {
        self.visit_string(value.to_owned())
    }

    fn visit_string<E>(self, value: String) -> Result<Tree, E> {
        Ok(Tree(Kind::Scalar(Value::String(value))))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element::<Spanned<Tree>>()? {
            items.push(node(item));
        }
        Ok(Tree(Kind::List(items)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Tree, A::Error> {
        let mut members = Vec::new();
        while let Some(key) = access.next_key::<Spanned<Tree>>()? {
            let place = place(&key);
            let name = match key.value.0 {
                Kind::Scalar(Value::String(name)) => name,
                Kind::Scalar(Value::Null) => "null".to_owned(),
                Kind::Scalar(other) => other.to_string(),
                Kind::List(_) | Kind::Map(_) => {
                    return Err(A::Error::custom("a key that is a list or a map"));
                }
            };
            members.push((Spot { name, place }, node(access.next_value::<Spanned<Tree>>()?)));
        }
        Ok(Tree(Kind::Map(members)))
    }
}
