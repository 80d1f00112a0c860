//! Selectors: the `JSONPath` that real documents write, on an RFC 9535 engine.

use serde_json::Value;
use serde_json_path::JsonPath;

use crate::choices;

/// What a selector found.
#[derive(Debug, Clone, PartialEq)]
pub enum Selection {
    /// Nothing.
    Nothing,
    /// The value at a definite place.
    One(Value),
    /// The values at the places that a scan, wildcard, slice or filter found; at least one.
    Many(Vec<Value>),
}

/// A selector that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// It is too long, too deep, or scans too often.
    #[error("selector `{0}` is too long or too intricate")]
    TooIntricate(String),
    /// It isn't `JSONPath`.
    #[error("selector `{0}` is not a JSONPath this engine reads: {1}")]
    Syntax(String, String),
    /// It found too much.
    #[error("selector `{text}` finds more than {most} values", text = .0, most = choices::MAX_SELECTED)]
    TooMany(String),
}

/// A selector, ready for use.
#[derive(Debug, Clone)]
pub struct Selector {
    text: String,
    path: JsonPath,
    definite: bool,
}

impl Selector {
    /// Reads a selector.
    ///
    /// # Errors
    /// If it isn't `JSONPath`, or would take too much time or memory.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let short = || text.chars().take(80).collect::<String>();
        let Some(rewritten) = rewrite(text) else { return Err(SelectorError::TooIntricate(short())) };
        if has_broken_escape(&rewritten.path) {
            let why = "`\\u` needs four hexadecimal digits".to_owned();
            return Err(SelectorError::Syntax(short(), why));
        }
        let path = JsonPath::parse(&rewritten.path)
            .map_err(|error| SelectorError::Syntax(short(), error.message().to_owned()))?;
        Ok(Self { text: short(), path, definite: rewritten.definite })
    }

    /// Applies it.
    ///
    /// # Errors
    /// If it finds too much.
    pub fn select(&self, value: &Value) -> Result<Selection, SelectorError> {
        let found = self.path.query(value).all();
        if found.len() > choices::MAX_SELECTED {
            return Err(SelectorError::TooMany(self.text.clone()));
        }
        Ok(match found.as_slice() {
            [] => Selection::Nothing,
            [one] if self.definite => Selection::One((*one).clone()),
            many => Selection::Many(many.iter().map(|value| (*value).clone()).collect()),
        })
    }
}

/// A `\u` without its four digits. `serde_json_path` panics if the text ends within an escape.
fn has_broken_escape(path: &str) -> bool {
    let mut letters = path.chars();
    while let Some(letter) = letters.next() {
        if letter == '\\' && letters.next() == Some('u') {
            let digits = letters.as_str().chars().take(4).filter(char::is_ascii_hexdigit).count();
            if digits < 4 {
                return true;
            }
        }
    }
    false
}

struct Rewritten {
    path: String,
    definite: bool,
}

/// The selector in RFC 9535's spelling: `$.` put in front, `.'a.b'` and names with `-` or `@` as `['…']`, `.[0]` as `[0]`.
/// `None` if it is too long or too intricate.
fn rewrite(selector: &str) -> Option<Rewritten> {
    let selector = selector.trim();
    if selector.len() > choices::MAX_SELECTOR_BYTES {
        return None;
    }
    let mut path = String::with_capacity(selector.len() + 8);
    path.push('$');
    let mut rest = selector;
    if let Some(after) = selector.strip_prefix('$') {
        rest = after;
    } else if !selector.starts_with(['.', '[']) && !selector.is_empty() {
        (path, rest) = name(path, selector);
    }
    let (mut scans, mut filters, mut definite) = (0_usize, 0_usize, true);
    while let Some(first) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("..") {
            scans += 1;
            definite = false;
            if after.starts_with(['[', '*']) || after.is_empty() {
                path.push_str("..");
                rest = after;
                if let Some(after) = rest.strip_prefix('*') {
                    path.push('*');
                    rest = after;
                }
                continue;
            }
            path.push_str("..");
            (path, rest) = scanned(path, after);
        } else if let Some(after) = rest.strip_prefix('.') {
            if after.starts_with('[') {
                rest = after;
            } else if let Some(after) = after.strip_prefix('*') {
                definite = false;
                path.push_str(".*");
                rest = after;
            } else {
                (path, rest) = name(path, after);
            }
        } else if first == '[' {
            let bracket = bracket(rest)?;
            definite &= bracket.definite;
            filters += bracket.filters;
            scans += bracket.scans;
            path.push_str(bracket.text);
            rest = bracket.rest;
        } else {
            // Not a selector; let the parser say where.
            path.push_str(rest);
            break;
        }
    }
    (scans <= choices::MAX_SELECTOR_SCANS && filters <= choices::MAX_SELECTOR_FILTERS)
        .then_some(Rewritten { path, definite })
}

fn name_length(text: &str) -> usize {
    text.find(['.', '[']).unwrap_or(text.len())
}

/// Puts the name that `text` starts with on the path; the rest.
fn name(mut path: String, text: &str) -> (String, &str) {
    for quote in ['\'', '"'] {
        if let Some((inner, rest)) = text.strip_prefix(quote).and_then(|t| t.split_once(quote)) {
            path.push('[');
            path.push(quote);
            path.push_str(inner);
            path.push(quote);
            path.push(']');
            return (path, rest);
        }
    }
    let (name, rest) = text.split_at(name_length(text));
    let tolerated = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '@' | ':' | '/');
    if plain(name) || name.is_empty() || !name.chars().all(tolerated) {
        path.push('.');
        path.push_str(name);
    } else {
        path.push_str("['");
        path.push_str(name);
        path.push_str("']");
    }
    (path, rest)
}

/// As [`name`], after `..`.
fn scanned(path: String, text: &str) -> (String, &str) {
    let before = path.len();
    let (mut path, rest) = name(path, text);
    if path.get(before..).is_some_and(|added| added.starts_with('.')) {
        path.remove(before);
    }
    (path, rest)
}

/// Whether RFC 9535 takes the name after a dot.
fn plain(name: &str) -> bool {
    let first = name.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii());
    first && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii())
}

struct Bracket<'t> {
    text: &'t str,
    rest: &'t str,
    definite: bool,
    filters: usize,
    scans: usize,
}

/// The bracket that `text` starts with; `None` if it nests too deep.
fn bracket(text: &str) -> Option<Bracket<'_>> {
    let (mut depth, mut quote, mut escaped) = (0_usize, None, false);
    let mut bracket = Bracket { text, rest: "", definite: true, filters: 0, scans: 0 };
    let mut before = ' ';
    for (index, letter) in text.char_indices() {
        match (quote, letter) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if letter == open => quote = None,
            (None, '\'' | '"') => quote = Some(letter),
            (None, '[' | '(') => {
                depth += 1;
                if depth > choices::MAX_SELECTOR_DEPTH {
                    return None;
                }
            }
            (None, ']' | ')') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    let (text, rest) = text.split_at(index + letter.len_utf8());
                    return Some(Bracket { text, rest, ..bracket });
                }
            }
            (None, '?') => {
                bracket.definite = false;
                bracket.filters += 1;
            }
            (None, '*' | ':' | ',') => bracket.definite = false,
            (None, '.') if before == '.' => bracket.scans += 1,
            // `!!!…` nests in the parser.
            (None, '!') if before == '!' => return None,
            _ => {}
        }
        before = letter;
    }
    Some(bracket)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn select(selector: &str) -> Selection {
        let response = json!({
            "Reservations": [{"Instances": [{"InstanceId": "i-1", "State": {"Name": "running"}}]},
                             {"Instances": [{"InstanceId": "i-2", "State": {"Name": "stopped"}}]}],
            "AutomationExecution": {"Outputs": {"preScriptBackup.ImageId": ["ami-1"]}},
            "Attributes": {"KmsMasterKeyId": "k", "x-amz-meta": 1},
            "Stacks": [{"Outputs": [{"OutputKey": "X", "OutputValue": "y"}, {"OutputKey": "Z", "OutputValue": "z"}]}],
            "Nothing": null, "Flag": false,
        });
        Selector::parse(selector).unwrap().select(&response).unwrap()
    }

    #[test]
    fn selectors_of_real_documents_are_read() {
        for (selector, value) in [
            ("$.Reservations[0].Instances[0].InstanceId", json!("i-1")),
            ("Reservations[0].Instances[0].State.Name", json!("running")),
            ("Attributes.KmsMasterKeyId", json!("k")),
            ("$.Attributes.x-amz-meta", json!(1)),
            ("Attributes['KmsMasterKeyId']", json!("k")),
            ("$['Attributes']['KmsMasterKeyId']", json!("k")),
            ("$.AutomationExecution.Outputs.'preScriptBackup.ImageId'[0]", json!("ami-1")),
            (r#"$.AutomationExecution.Outputs."preScriptBackup.ImageId"[0]"#, json!("ami-1")),
            ("$.Reservations.[1].Instances.[0].InstanceId", json!("i-2")),
            ("$.Reservations[-1].Instances[0].InstanceId", json!("i-2")),
            ("$.Flag", json!(false)),
            ("$.Nothing", json!(null)),
        ] {
            assert_eq!(select(selector), Selection::One(value), "{selector}");
        }
        assert!(matches!(select("$"), Selection::One(Value::Object(_))));
    }

    #[test]
    fn scans_and_filters_give_many() {
        for (selector, values) in [
            ("$..InstanceId", vec![json!("i-1"), json!("i-2")]),
            ("$.Reservations..State.Name", vec![json!("running"), json!("stopped")]),
            ("$..KmsMasterKeyId", vec![json!("k")]),
            ("$.Reservations[*].Instances[0].InstanceId", vec![json!("i-1"), json!("i-2")]),
            ("$.Stacks[0].Outputs[?(@.OutputKey == 'X')].OutputValue", vec![json!("y")]),
            ("$..'preScriptBackup.ImageId'", vec![json!(["ami-1"])]),
        ] {
            assert_eq!(select(selector), Selection::Many(values), "{selector}");
        }
    }

    #[test]
    fn a_miss_is_not_an_error() {
        for selector in ["$.Platform", "$.Reservations[7].Instances", "$..Nope", "Flag.More"] {
            assert_eq!(select(selector), Selection::Nothing, "{selector}");
        }
    }

    #[test]
    fn what_is_no_selector_is_refused() {
        for selector in
            ["", "$.", "$[", "$.a b c[", "$..", "{{ x }}", &"$.a".repeat(1000), &"[?(".repeat(100)]
        {
            let parsed = Selector::parse(selector);
            assert!(parsed.is_err() || selector.is_empty(), "{selector}");
        }
    }

    #[test]
    fn scans_that_multiply_are_refused() {
        assert!(matches!(Selector::parse("$..*..*..*..*"), Err(SelectorError::TooIntricate(_))));
        assert!(matches!(Selector::parse("$[?@..a[?@..b[?@..c]]]"), Err(SelectorError::TooIntricate(_))));
    }

    #[test]
    fn an_escape_without_its_digits_is_refused() {
        for broken in [
            r#"$["\u"#,
            r"$['a\u12",
            r"$.a['\uD83D\u']",
            "w[\"A*P(P\\u\u{ac}88?$.A?(@.8O=0O",
            r#"$[?(@.a == "\u00")]"#,
        ] {
            assert!(Selector::parse(broken).is_err(), "{broken}");
        }
        let whole = Selector::parse(r"$['\u0041\uD83D\uDE00\\u']").unwrap();
        assert_eq!(whole.select(&json!({ "A\u{1F600}\\u": 1 })).unwrap(), Selection::One(json!(1)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn any_text_with_escapes_is_read_or_refused(text in r#"[$.\[\]'"\\uD8dCa01@?()=]{0,40}"#) {
            let _ = Selector::parse(&text);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,80}") {
            let _ = Selector::parse(&text);
        }

        #[test]
        fn any_selector_like_text_is_read_or_refused_quickly(text in r#"[$.\[\]()?@*'"a1,:!=<&| -]{0,60}"#) {
            if let Ok(selector) = Selector::parse(&text) {
                let _ = selector.select(&json!({"a": [{"a": 1}, {"a": {"a": [1, 2]}}], "a1": "x"}));
            }
        }
    }
}
