//! `aws:updateVariable`: gives a variable a new value.

use serde_json::{Value, json};

use super::{Action, Call, Done, Unfinished};
use crate::{document::ValueType, failure::Failure, ports::Answer};

pub(super) struct UpdateVariable;

impl Action for UpdateVariable {
    fn attempt<'a>(&'a self, call: Call<'a>) -> Answer<'a, Result<Done, Unfinished>> {
        Box::pin(async move { Ok(update(&call)?) })
    }
}

fn update(call: &Call<'_>) -> Result<Done, Failure> {
    let name = call.text("Name")?;
    let name = name.strip_prefix("variable:").unwrap_or(name);
    let variable = call
        .start
        .document
        .variables
        .get(name)
        .ok_or_else(|| Failure::inputs(&format!("The document has no variable {name}")))?;
    let value = call.inputs.get("Value").ok_or_else(|| Failure::inputs("Required input Value is missing"))?;
    if !is_of(variable.kind, value) {
        return Err(Failure::inputs(&format!(
            "Variable {name} is of type {}; {value} is not",
            variable.kind.as_str()
        )));
    }
    Ok(Done { payload: json!({}), variable: Some((name.to_owned(), value.clone())), ..Done::default() })
}

/// Whether a value has a type, without any conversion, and the size that AWS allows.
pub(crate) fn is_of(kind: ValueType, value: &Value) -> bool {
    match (kind, value) {
        (ValueType::String, Value::String(text)) => (1..=512).contains(&text.chars().count()),
        (ValueType::StringList, Value::Array(items)) => {
            items.len() <= 50 && items.iter().all(Value::is_string)
        }
        (ValueType::Boolean, Value::Bool(_)) | (ValueType::StringMap, Value::Object(_)) => true,
        (ValueType::Integer, Value::Number(number)) => number.is_i64() || number.is_u64(),
        (ValueType::MapList, Value::Array(items)) => items.len() <= 200 && items.iter().all(Value::is_object),
        _ => false,
    }
}
