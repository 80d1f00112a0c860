//! The variables of one proof, and the `{{…}}` that stand for them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::ProofError;

/// Variables by name.
pub type Variables = BTreeMap<String, Value>;

/// Puts variables in place of every `{{name}}`, as deep as the value goes. A text that is nothing but one variable
/// becomes that variable's value, whatever its type.
pub(super) fn fill(value: &Value, variables: &Variables) -> Result<Value, ProofError> {
    Ok(match value {
        Value::String(text) => fill_text(text, variables)?,
        Value::Array(items) => items.iter().map(|item| fill(item, variables)).collect::<Result<_, _>>()?,
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| Ok((name.clone(), fill(member, variables)?)))
            .collect::<Result<_, ProofError>>()?,
        other => other.clone(),
    })
}

/// The same for something that has to be a text in the end.
pub(super) fn fill_to_text(text: &str, variables: &Variables) -> Result<String, ProofError> {
    Ok(as_text(&fill_text(text, variables)?))
}

fn fill_text(text: &str, variables: &Variables) -> Result<Value, ProofError> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, name, after)) = next_variable(rest) {
        let value = variables.get(name).ok_or_else(|| ProofError::Unknown { name: name.to_owned() })?;
        if before.is_empty() && after.is_empty() && filled.is_empty() {
            return Ok(value.clone());
        }
        filled.push_str(before);
        filled.push_str(&as_text(value));
        rest = after;
    }
    filled.push_str(rest);
    Ok(Value::String(filled))
}

/// What is before the next `{{name}}`, the name, and what is after. Braces around anything but a name are text.
fn next_variable(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let open = from + text.get(from..)?.find("{{")?;
        let inner = text.get(open + 2..)?;
        if let Some(close) = inner.find("}}")
            && let Some(name) = inner.get(..close).map(str::trim)
            && !name.is_empty()
            && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        {
            return Some((text.get(..open)?, name, inner.get(close + 2..)?));
        }
        from = open + 1;
    }
}

fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn variables() -> Variables {
        [("Name".to_owned(), json!("a")), ("Count".to_owned(), json!(3))].into()
    }

    #[test]
    fn a_whole_variable_keeps_its_type_and_a_part_becomes_text() {
        let filled = fill(&json!({"whole": "{{Count}}", "part": ["{{ Name }}-{{Count}}"]}), &variables());
        assert_eq!(filled.unwrap(), json!({"whole": 3, "part": ["a-3"]}));
    }

    #[test]
    fn braces_of_json_text_are_no_variables() {
        let text = r#"{"a":{"b":"{{Name}}","c":{}}} {{{Name}}}"#;
        let filled = fill(&json!(text), &variables()).unwrap();
        assert_eq!(filled, json!(r#"{"a":{"b":"a","c":{}}} {a}"#));
    }

    #[test]
    fn an_unknown_variable_is_an_error_that_names_it() {
        assert!(
            matches!(fill(&json!("{{Other}}"), &variables()), Err(ProofError::Unknown { name }) if name == "Other")
        );
    }
}
