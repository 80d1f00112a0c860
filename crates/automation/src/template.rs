//! `{{ … }}`: what may stand in the braces, and replacing it by values that keep their type.

use std::fmt;

use serde_json::{Map, Value};

use crate::{choices, parameters::text};

/// What a pair of braces refers to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reference {
    /// `{{ Name }}`
    Parameter(String),
    /// `{{ step.Output }}`
    Output {
        /// The step.
        step: String,
        /// Its output.
        output: String,
    },
    /// `{{ global:REGION }}`
    Global(String),
    /// `{{ automation:EXECUTION_ID }}`
    Automation(String),
    /// `{{ variable:Name }}`
    Variable(String),
    /// `{{ ssm:/path }}`, in the defaults of parameters only
    Ssm(String),
}

impl Reference {
    /// The text between the braces; `None` if it isn't a reference, such as a `{{resolve:…}}` of `CloudFormation`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '/');
        if text.is_empty() || !text.chars().all(legal) {
            return None;
        }
        if let Some((space, name)) = text.split_once(':') {
            let name = name.to_owned();
            return match space {
                _ if name.is_empty() => None,
                "global" => Some(Self::Global(name)),
                "automation" => Some(Self::Automation(name)),
                "variable" => Some(Self::Variable(name)),
                "ssm" => Some(Self::Ssm(name)),
                _ => None,
            };
        }
        if text.contains('/') {
            return None;
        }
        match text.split_once('.') {
            None => Some(Self::Parameter(text.to_owned())),
            Some((step, output)) if !step.is_empty() && !output.is_empty() => {
                Some(Self::Output { step: step.to_owned(), output: output.to_owned() })
            }
            Some(_) => None,
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameter(name) => f.write_str(name),
            Self::Output { step, output } => write!(f, "{step}.{output}"),
            Self::Global(name) => write!(f, "global:{name}"),
            Self::Automation(name) => write!(f, "automation:{name}"),
            Self::Variable(name) => write!(f, "variable:{name}"),
            Self::Ssm(path) => write!(f, "ssm:{path}"),
        }
    }
}

/// A value that couldn't be filled in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// There is no such thing, or not yet.
    #[error("`{{{{ {0} }}}}` can't be resolved: {1}")]
    Unresolvable(Reference, &'static str),
    /// The result would be too large.
    #[error(
        "the inputs with their references replaced are larger than {} bytes",
        choices::MAX_SUBSTITUTED_BYTES
    )]
    TooLarge,
}

/// Gives references their values.
pub trait Resolve {
    /// The value.
    ///
    /// # Errors
    /// If there is none.
    fn resolve(&self, reference: &Reference) -> Result<Value, TemplateError>;
}

/// Replaces every reference in a value. Text that is nothing but a reference becomes the typed value; in a list, a value
/// that is a list is spliced; in longer text the value is embedded, JSON if it isn't text. What is filled in isn't read
/// again.
///
/// # Errors
/// If a reference has no value, or the result would be too large.
pub fn substitute(value: &Value, scope: &impl Resolve) -> Result<Value, TemplateError> {
    Substitution { scope, budget: choices::MAX_SUBSTITUTED_BYTES }.value(value)
}

/// [`substitute`] for the members of a map, but for those named, which stay as they are.
///
/// # Errors
/// As [`substitute`].
pub fn substitute_map(
    map: &Map<String, Value>,
    raw: &[&str],
    scope: &impl Resolve,
) -> Result<Map<String, Value>, TemplateError> {
    let mut substitution = Substitution { scope, budget: choices::MAX_SUBSTITUTED_BYTES };
    map.iter()
        .map(|(name, value)| {
            let value =
                if raw.contains(&name.as_str()) { value.clone() } else { substitution.value(value)? };
            Ok((name.clone(), value))
        })
        .collect()
}

/// The references of a value, in order.
pub fn references(value: &Value) -> Vec<Reference> {
    fn collect(value: &Value, found: &mut Vec<Reference>) {
        match value {
            Value::String(text) => {
                found.extend(Pieces(text).filter_map(|piece| match piece {
                    Piece::Reference(reference) => Some(reference),
                    Piece::Text(_) => None,
                }));
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
            Value::Object(members) => members.values().for_each(|member| collect(member, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    collect(value, &mut found);
    found
}

struct Substitution<'s, S> {
    scope: &'s S,
    budget: usize,
}

impl<S: Resolve> Substitution<'_, S> {
    fn value(&mut self, value: &Value) -> Result<Value, TemplateError> {
        match value {
            Value::String(text) => self.text(text),
            Value::Array(items) => {
                let mut filled = Vec::with_capacity(items.len());
                for item in items {
                    match (item, self.value(item)?) {
                        (Value::String(text), Value::Array(spliced)) if whole(text).is_some() => {
                            filled.extend(spliced);
                        }
                        (_, value) => filled.push(value),
                    }
                }
                Ok(Value::Array(filled))
            }
            Value::Object(members) => members
                .iter()
                .map(|(name, member)| Ok((name.clone(), self.value(member)?)))
                .collect::<Result<Map<_, _>, _>>()
                .map(Value::Object),
            other => Ok(other.clone()),
        }
    }

    fn text(&mut self, template: &str) -> Result<Value, TemplateError> {
        if let Some(reference) = whole(template) {
            let value = self.scope.resolve(&reference)?;
            self.spend(size(&value))?;
            return Ok(value);
        }
        if !template.contains("{{") {
            return Ok(Value::String(template.to_owned()));
        }
        let mut filled = String::new();
        for piece in Pieces(template) {
            match piece {
                Piece::Text(literal) => filled.push_str(literal),
                Piece::Reference(reference) => {
                    let embedded = text(&self.scope.resolve(&reference)?);
                    self.spend(embedded.len())?;
                    filled.push_str(&embedded);
                }
            }
        }
        Ok(Value::String(filled))
    }

    fn spend(&mut self, bytes: usize) -> Result<(), TemplateError> {
        self.budget = self.budget.checked_sub(bytes).ok_or(TemplateError::TooLarge)?;
        Ok(())
    }
}

/// About how many bytes a value takes.
fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(|item| 16 + size(item)).sum(),
        Value::Object(members) => members.iter().map(|(name, member)| 32 + name.len() + size(member)).sum(),
        _ => 8,
    }
}

/// The reference that a text consists of, if that is all it is.
fn whole(text: &str) -> Option<Reference> {
    let inner = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    Reference::parse(inner)
}

enum Piece<'t> {
    Text(&'t str),
    Reference(Reference),
}

/// A text as literal pieces and references.
struct Pieces<'t>(&'t str);

impl<'t> Iterator for Pieces<'t> {
    type Item = Piece<'t>;

    fn next(&mut self) -> Option<Piece<'t>> {
        if self.0.is_empty() {
            return None;
        }
        let mut from = 0;
        while let Some(offset) = self.0.get(from..).and_then(|rest| rest.find("{{")) {
            let open = from + offset;
            let Some((inner, after)) = self.0.get(open + 2..).and_then(|rest| rest.split_once("}}")) else {
                break;
            };
            match Reference::parse(inner) {
                Some(_) if open > 0 => {
                    let (literal, rest) = self.0.split_at(open);
                    self.0 = rest;
                    return Some(Piece::Text(literal));
                }
                Some(reference) => {
                    self.0 = after;
                    return Some(Piece::Reference(reference));
                }
                // `{{{ x }}`: the inner pair may still be one.
                None => from = open + 1,
            }
        }
        Some(Piece::Text(std::mem::take(&mut self.0)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    struct Known;

    impl Resolve for Known {
        fn resolve(&self, reference: &Reference) -> Result<Value, TemplateError> {
            match reference.to_string().as_str() {
                "Name" => Ok(json!("bucket")),
                "Count" => Ok(json!(3)),
                "Flag" => Ok(json!(true)),
                "List" => Ok(json!(["a", "b"])),
                "Map" => Ok(json!({"k": [1]})),
                "Trap" => Ok(json!("{{ Name }}")),
                "step.Out" => Ok(json!("out")),
                "global:REGION" => Ok(json!("us-east-1")),
                _ => Err(TemplateError::Unresolvable(reference.clone(), "no such thing")),
            }
        }
    }

    #[test]
    fn a_whole_reference_keeps_its_type() {
        for (template, value) in [
            ("{{ Name }}", json!("bucket")),
            ("{{Count}}", json!(3)),
            ("{{ Flag}}", json!(true)),
            ("{{List }}", json!(["a", "b"])),
            (" {{ Map }} ", json!({"k": [1]})),
        ] {
            assert_eq!(substitute(&json!(template), &Known).unwrap(), value, "{template}");
        }
    }

    #[test]
    fn a_list_in_a_list_is_spliced() {
        let filled = substitute(&json!(["x", "{{ List }}", ["{{ List }}"], "{{ Name }}"]), &Known).unwrap();
        assert_eq!(filled, json!(["x", "a", "b", ["a", "b"], "bucket"]));
    }

    #[test]
    fn embedded_references_become_text() {
        let filled =
            substitute(&json!("{{global:REGION}}/{{ Name }}-{{Count}}-{{Flag}}-{{List}}"), &Known).unwrap();
        assert_eq!(filled, json!(r#"us-east-1/bucket-3-true-["a","b"]"#));
    }

    #[test]
    fn what_is_filled_in_is_not_read_again() {
        assert_eq!(substitute(&json!("{{ Trap }}"), &Known).unwrap(), json!("{{ Name }}"));
        assert_eq!(substitute(&json!("x{{ Trap }}"), &Known).unwrap(), json!("x{{ Name }}"));
    }

    #[test]
    fn braces_that_are_no_reference_stay() {
        for literal in
            ["{{resolve:ssm:x}}", "{{ a b }}", "{{}}", "{{", "}}", "f'{{{x}}}'", "{{ a.{{ }}", "{{a/b}}"]
        {
            let filled = substitute(&json!(literal), &Known);
            assert!(filled.is_err() || filled == Ok(json!(literal)), "{literal}: {filled:?}");
        }
        assert_eq!(substitute(&json!("{{{ Name }}}"), &Known).unwrap(), json!("{bucket}"));
    }

    #[test]
    fn keys_are_not_templates() {
        let filled = substitute(&json!({"{{ Name }}": "{{ Name }}"}), &Known).unwrap();
        assert_eq!(filled, json!({"{{ Name }}": "bucket"}));
    }

    #[test]
    fn an_unknown_reference_is_named() {
        let error = substitute(&json!({"a": ["{{ step.Nope }}"]}), &Known).unwrap_err();
        assert_eq!(error.to_string(), "`{{ step.Nope }}` can't be resolved: no such thing");
    }

    #[test]
    fn growth_is_bounded() {
        struct Big;
        impl Resolve for Big {
            fn resolve(&self, _: &Reference) -> Result<Value, TemplateError> {
                Ok(Value::String("x".repeat(1 << 20)))
            }
        }
        let template = json!("{{ a }}-".repeat(1000));
        assert_eq!(substitute(&template, &Big), Err(TemplateError::TooLarge));
    }

    proptest! {
        #[test]
        fn substitution_never_panics_and_keeps_plain_text(text in r"[{} a-zA-Z.:/_é-]{0,60}") {
            let filled = substitute(&json!([text.clone()]), &Known);
            if !text.contains("{{") {
                prop_assert_eq!(filled, Ok(json!([text])));
            }
        }

        #[test]
        fn pieces_lose_nothing_but_the_braces(text in "\\PC{0,80}") {
            let _ = references(&json!(text.clone()));
            let literal: usize = Pieces(&text).map(|p| match p { Piece::Text(t) => t.len(), Piece::Reference(_) => 0 }).sum();
            prop_assert!(literal <= text.len());
        }
    }
}
