//! From the parameters of `StartAutomationExecution` to typed values, or to the error that AWS gives.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{
    document::{Document, Parameter, ValueType},
    pattern::Pattern,
};

/// Parameters as they travel: each a list of texts.
pub type WireParameters = BTreeMap<String, Vec<String>>;

/// The parameters of one execution: checked, typed, defaults included. A default that is a reference, such as
/// `{{ssm:/path}}`, is still one; the run resolves it first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bound {
    values: BTreeMap<String, Value>,
}

/// Parameters that don't fit the document: `InvalidAutomationExecutionParametersException`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// Parameters without a default that weren't given.
    #[error("Missing required parameters: [{}]", .0.join(", "))]
    Missing(Vec<String>),
    /// Parameters that the document doesn't have.
    #[error("Unknown parameters: [{}] are not defined in the document", .0.join(", "))]
    Unknown(Vec<String>),
    /// A value of the wrong type or outside what is allowed.
    #[error("Parameter \"{name}\" is invalid: {reason}")]
    Invalid {
        /// The parameter.
        name: String,
        /// Why.
        reason: String,
    },
}

impl ParameterError {
    /// AWS's error code.
    pub const CODE: &'static str = "InvalidAutomationExecutionParametersException";
}

impl Bound {
    /// The typed value of a parameter.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// The typed values by name.
    pub fn values(&self) -> &BTreeMap<String, Value> {
        &self.values
    }

    /// As they travel.
    pub fn wire(&self) -> WireParameters {
        self.values.iter().map(|(name, value)| (name.clone(), to_wire(value))).collect()
    }

    pub(crate) fn set(&mut self, name: &str, value: Value) {
        self.values.insert(name.to_owned(), value);
    }
}

impl Document {
    /// Checks and types the parameters of an execution.
    ///
    /// # Errors
    /// If one is missing, unknown, of the wrong type or outside its constraints.
    pub fn bind(&self, given: &WireParameters) -> Result<Bound, ParameterError> {
        self.bind_but(given, &[])
    }

    /// [`Document::bind`] without some parameters, which each of the executions of a request is given for itself.
    ///
    /// # Errors
    /// As [`Document::bind`].
    pub fn bind_but(&self, given: &WireParameters, but: &[String]) -> Result<Bound, ParameterError> {
        let unknown: Vec<String> =
            given.keys().filter(|name| !self.parameters.contains_key(*name)).cloned().collect();
        if !unknown.is_empty() {
            return Err(ParameterError::Unknown(unknown));
        }
        let missing: Vec<String> = self
            .parameters
            .iter()
            .filter(|(name, parameter)| parameter.default.is_none() && !given.contains_key(*name))
            .filter(|(name, _)| !but.contains(name))
            .map(|(name, _)| name.clone())
            .collect();
        if !missing.is_empty() {
            return Err(ParameterError::Missing(missing));
        }
        let mut bound = Bound::default();
        for (name, parameter) in &self.parameters {
            if but.contains(name) && !given.contains_key(name) {
                continue;
            }
            let value = match given.get(name) {
                Some(texts) => typed(parameter.kind.value, texts).and_then(|value| {
                    check(parameter, &value)?;
                    Ok(value)
                }),
                // A default isn't checked against the pattern: `default: ''` beside a pattern for an ARN is common.
                None => Ok(default(parameter)),
            };
            let value = value.map_err(|reason| ParameterError::Invalid { name: name.clone(), reason })?;
            bound.values.insert(name.clone(), value);
        }
        Ok(bound)
    }
}

/// A typed value as it travels: text as it is, lists item by item, maps as JSON text.
pub fn to_wire(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().map(text).collect(),
        other => vec![text(other)],
    }
}

/// Text as it is, anything else as JSON.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The typed value of texts.
fn typed(kind: ValueType, texts: &[String]) -> Result<Value, String> {
    let single = || match texts {
        [one] => Ok(one.as_str()),
        _ => Err(format!("a {} has exactly one value, {} were given", kind.as_str(), texts.len())),
    };
    match kind {
        ValueType::String => Ok(Value::String(single()?.to_owned())),
        ValueType::StringList => Ok(texts.iter().cloned().map(Value::String).collect()),
        // Callers in Python say `True`; no other text means the same.
        ValueType::Boolean => match single()?.to_ascii_lowercase().as_str() {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            other => Err(format!("`{other}` is not a Boolean; give true or false")),
        },
        ValueType::Integer => {
            let text = single()?;
            text.parse::<i64>().map(Value::from).map_err(|_| format!("`{text}` is not an Integer"))
        }
        ValueType::StringMap => match serde_json::from_str(single()?) {
            Ok(Value::Object(map)) => Ok(Value::Object(map)),
            _ => Err("a StringMap is the JSON text of one object".to_owned()),
        },
        ValueType::MapList => map_list(texts),
    }
}

/// The maps of a list: one text a map, or one text with all of them.
fn map_list(texts: &[String]) -> Result<Value, String> {
    let wrong = || "a MapList is the JSON text of objects, or of one list of objects".to_owned();
    let mut maps = Vec::new();
    for text in texts {
        match serde_json::from_str(text).map_err(|_| wrong())? {
            Value::Object(map) => maps.push(Value::Object(map)),
            Value::Array(items) if items.iter().all(Value::is_object) => maps.extend(items),
            _ => return Err(wrong()),
        }
    }
    Ok(Value::Array(maps))
}

/// A default, in its parameter's type where the document's author wrote it in another.
fn default(parameter: &Parameter) -> Value {
    let value = parameter.default.clone().unwrap_or(Value::Null);
    match (parameter.kind.value, value) {
        (ValueType::String, value @ (Value::Number(_) | Value::Bool(_))) => Value::String(value.to_string()),
        (
            kind @ (ValueType::Boolean | ValueType::Integer | ValueType::StringMap | ValueType::MapList),
            Value::String(text),
        ) => typed(kind, std::slice::from_ref(&text)).unwrap_or(Value::String(text)),
        (ValueType::StringMap, Value::Null) => Value::Object(Map::new()),
        (_, value) => value,
    }
}

/// The constraints.
fn check(parameter: &Parameter, value: &Value) -> Result<(), String> {
    let items: Vec<&Value> = match value {
        Value::Array(items) => items.iter().collect(),
        other => vec![other],
    };
    if !parameter.allowed_values.is_empty() {
        let allowed: Vec<String> = parameter.allowed_values.iter().map(text).collect();
        if let Some(item) = items.iter().find(|item| !allowed.contains(&text(item))) {
            return Err(format!("`{}` is not one of the allowed values {allowed:?}", text(item)));
        }
    }
    if let Some(pattern) = &parameter.allowed_pattern {
        matches(pattern, &items)?;
    }
    if let Some(pattern) = parameter.kind.pattern() {
        let filled: Vec<&Value> = items.iter().copied().filter(|item| !text(item).is_empty()).collect();
        matches(pattern, &filled)?;
    }
    if matches!(parameter.kind.value, ValueType::StringList | ValueType::MapList | ValueType::StringMap) {
        let count = value.as_object().map_or(items.len(), Map::len) as u64;
        within("items", count, parameter.min_items, parameter.max_items)?;
    }
    for item in &items {
        let length = text(item).chars().count() as u64;
        within("characters", length, parameter.min_chars, parameter.max_chars)?;
    }
    Ok(())
}

fn matches(pattern: &str, items: &[&Value]) -> Result<(), String> {
    let compiled = Pattern::new(pattern).map_err(|error| format!("`allowedPattern` {error}"))?;
    match items.iter().find(|item| !compiled.matches(&text(item))) {
        None => Ok(()),
        Some(item) => Err(format!("`{}` does not match the allowed pattern `{pattern}`", text(item))),
    }
}

fn within(what: &str, count: u64, min: Option<u64>, max: Option<u64>) -> Result<(), String> {
    if min.is_some_and(|min| count < min) || max.is_some_and(|max| count > max) {
        let bound = |bound: Option<u64>, else_: &str| bound.map_or(else_.to_owned(), |b| b.to_string());
        return Err(format!(
            "it has {count} {what}; {} to {} are allowed",
            bound(min, "0"),
            bound(max, "any number")
        ));
    }
    Ok(())
}
