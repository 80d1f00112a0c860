//! YAML as written: deterministic, in the order given, readable in a review.

use super::tree::{Located, Node};

/// A document to write.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Yaml {
    Bool(bool),
    Integer(i64),
    /// Already in YAML's number form.
    Number(String),
    Null,
    Text(String),
    List(Vec<Yaml>),
    Map(Vec<(String, Yaml)>),
}

/// A map, entry by entry.
pub(crate) fn map<K: Into<String>>(entries: impl IntoIterator<Item = (K, Yaml)>) -> Yaml {
    Yaml::Map(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
}

/// A list, item by item.
pub(crate) fn list(items: impl IntoIterator<Item = Yaml>) -> Yaml {
    Yaml::List(items.into_iter().collect())
}

/// A string.
pub(crate) fn text(value: impl Into<String>) -> Yaml {
    Yaml::Text(value.into())
}

/// `Ref`.
pub(crate) fn reference(name: &str) -> Yaml {
    map([("Ref", text(name))])
}

/// `Fn::Sub`.
pub(crate) fn sub(value: impl Into<String>) -> Yaml {
    map([("Fn::Sub", text(value))])
}

impl From<&Located> for Yaml {
    fn from(located: &Located) -> Self {
        match &located.node {
            Node::Null => Self::Null,
            Node::Bool(value) => Self::Bool(*value),
            Node::Integer(value) => Self::Integer(*value),
            Node::Float(value) => Self::Number(format!("{value:?}")),
            Node::Text(value) => Self::Text(value.clone()),
            Node::List(items) => list(items.iter().map(Self::from)),
            Node::Map(entries) => map(entries.iter().map(|(key, value)| (key.as_str(), Self::from(value)))),
        }
    }
}

impl Yaml {
    /// The YAML text, ending in a line break.
    pub(crate) fn write(&self) -> String {
        let mut out = String::new();
        match self {
            Self::Map(entries) if !entries.is_empty() => write_map(&mut out, entries, 0, false),
            Self::List(items) if !items.is_empty() => write_list(&mut out, items, 0),
            scalar => {
                write_scalar(&mut out, scalar, 0);
                out.push('\n');
            }
        }
        out
    }
}

fn write_map(out: &mut String, entries: &[(String, Yaml)], indent: usize, inline_first: bool) {
    for (index, (key, value)) in entries.iter().enumerate() {
        if index > 0 || !inline_first {
            pad(out, indent);
        }
        write_text(out, key);
        out.push(':');
        match value {
            Yaml::Map(inner) if !inner.is_empty() => {
                out.push('\n');
                write_map(out, inner, indent + 2, false);
            }
            Yaml::List(items) if !items.is_empty() => {
                out.push('\n');
                write_list(out, items, indent + 2);
            }
            scalar => {
                out.push(' ');
                write_scalar(out, scalar, indent);
                out.push('\n');
            }
        }
    }
}

fn write_list(out: &mut String, items: &[Yaml], indent: usize) {
    for item in items {
        pad(out, indent);
        match item {
            Yaml::Map(inner) if !inner.is_empty() => {
                out.push_str("- ");
                write_map(out, inner, indent + 2, true);
            }
            Yaml::List(inner) if !inner.is_empty() => {
                out.push_str("-\n");
                write_list(out, inner, indent + 2);
            }
            scalar => {
                out.push_str("- ");
                write_scalar(out, scalar, indent);
                out.push('\n');
            }
        }
    }
}

fn write_scalar(out: &mut String, value: &Yaml, indent: usize) {
    match value {
        Yaml::Null => out.push_str("null"),
        Yaml::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Yaml::Integer(value) => out.push_str(&value.to_string()),
        Yaml::Number(value) => out.push_str(value),
        Yaml::Text(value) if can_be_literal(value) => write_literal(out, value, indent + 2),
        Yaml::Text(value) => write_text(out, value),
        Yaml::List(_) => out.push_str("[]"),
        Yaml::Map(_) => out.push_str("{}"),
    }
}

/// A text of one line: bare where no YAML reader could take it for something else, else quoted.
fn write_text(out: &mut String, value: &str) {
    if is_plain(value) {
        out.push_str(value);
    } else if value.chars().any(char::is_control) {
        out.push_str(&serde_json::Value::from(value).to_string());
    } else {
        out.push('\'');
        out.push_str(&value.replace('\'', "''"));
        out.push('\'');
    }
}

fn write_literal(out: &mut String, value: &str, indent: usize) {
    let body = value.trim_end_matches('\n');
    let breaks = value.len() - body.len();
    out.push_str(match breaks {
        0 => "|-",
        1 => "|",
        _ => "|+",
    });
    for line in body.split('\n').chain((1..breaks).map(|_| "")) {
        out.push('\n');
        if !line.is_empty() {
            pad(out, indent);
            out.push_str(line);
        }
    }
}

/// Several lines that a literal block keeps exactly.
fn can_be_literal(value: &str) -> bool {
    value.contains('\n')
        && !value.starts_with([' ', '\n'])
        && !value.trim_end_matches('\n').is_empty()
        && value.chars().all(|c| c == '\n' || !c.is_control())
        && value.split('\n').all(|line| line.trim_start().is_empty() == line.is_empty())
}

fn is_plain(value: &str) -> bool {
    const RESERVED: [&str; 10] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n", "nan"];
    value.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '_')
        && !value.ends_with([' ', ':'])
        && !value.contains(": ")
        && value.chars().all(|c| c.is_ascii_alphanumeric() || " _-./:+()=;$@".contains(c))
        && !RESERVED.contains(&value.to_ascii_lowercase().as_str())
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_reads_back_as_it_was() {
        for value in [
            "plain",
            "",
            "yes",
            "0.3",
            "012345678901",
            "2012-10-17",
            "{{ resource.id }}",
            "it's",
            "a: b",
            "a #b",
            "- a",
            "*",
            "tab\there",
            "line\n",
            "two\nlines",
            "two\n\n  lines\n",
            "ends twice\n\n",
            " leading\nspace",
            "blank\n \nline",
            "\n",
            "def f():\n  return {'a': 1}\n",
            "arn:${AWS::Partition}:s3:::*",
            "naïve – dash",
        ] {
            let document = map([("key", list([map([("inner", text(value))]), text(value)]))]);
            let written = document.write();
            let read =
                Located::parse(&written).unwrap_or_else(|error| panic!("{value:?}: {error}\n{written}"));
            assert_eq!(Yaml::from(&read), document, "{written}");
        }
    }

    #[test]
    fn documents_are_written_in_block_style_in_the_order_given() {
        let document = map([
            ("Zeta", sub("${Prefix}-x")),
            (
                "Alpha",
                list([list([Yaml::Integer(1), Yaml::Null]), map([("a", Yaml::Bool(true)), ("b", list([]))])]),
            ),
        ]);
        assert_eq!(
            document.write(),
            "Zeta:\n  Fn::Sub: '${Prefix}-x'\nAlpha:\n  -\n    - 1\n    - null\n  - a: true\n    b: []\n"
        );
    }
}
