//! From what a selector found to an output of the type the document asks for.

use serde_json::Value;

use crate::{choices, document::ValueType, parameters::text, selector::Selection};

/// The value of an output, or why it can't have that type.
pub(crate) fn typed(kind: ValueType, found: Selection) -> Result<Value, String> {
    let value = match found {
        Selection::Nothing | Selection::One(Value::Null) => return Ok(choices::missing(kind)),
        Selection::One(value) => value,
        Selection::Many(values) if kind.is_list() => Value::Array(flattened(values)),
        // A scan always gives a list; where one value is asked for and one was found, it is meant.
        Selection::Many(values) => match <[Value; 1]>::try_from(values) {
            Ok([one]) => one,
            Err(values) => {
                return Err(format!(
                    "it found {} values where one {} is asked for",
                    values.len(),
                    kind.as_str()
                ));
            }
        },
    };
    let mismatch =
        |value: &Value| Err(format!("it is {} where {} is asked for", describe(value), kind.as_str()));
    match (kind, value) {
        (ValueType::String, value @ Value::String(_))
        | (ValueType::Boolean, value @ Value::Bool(_))
        | (ValueType::StringMap, value @ Value::Object(_)) => Ok(value),
        (ValueType::String, value @ (Value::Number(_) | Value::Bool(_))) => {
            Ok(Value::String(value.to_string()))
        }
        (ValueType::Integer, Value::Number(number)) if number.is_i64() || number.is_u64() => {
            Ok(Value::Number(number))
        }
        (ValueType::StringList, Value::Array(items)) => {
            match items.iter().find(|item| item.is_array() || item.is_object()) {
                Some(item) => mismatch(item),
                None => Ok(items.iter().map(text).map(Value::String).collect()),
            }
        }
        (ValueType::MapList, Value::Array(items)) => match items.iter().find(|item| !item.is_object()) {
            Some(item) => mismatch(item),
            None => Ok(Value::Array(items)),
        },
        (_, value) => mismatch(&value),
    }
}

/// A scan for lists finds a list of lists: their items are meant.
fn flattened(values: Vec<Value>) -> Vec<Value> {
    if values.iter().all(Value::is_array) {
        values
            .into_iter()
            .filter_map(|value| if let Value::Array(items) = value { Some(items) } else { None })
            .flatten()
            .collect()
    } else {
        values
    }
}

fn describe(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a Boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::document::ValueType::{Boolean, Integer, MapList, String, StringList, StringMap};

    #[test]
    fn values_keep_the_type_they_are_asked_for() {
        for (kind, value) in [
            (String, json!("a")),
            (Boolean, json!(false)),
            (Integer, json!(-3)),
            (StringList, json!(["a"])),
            (MapList, json!([{"a": 1}])),
            (StringMap, json!({"a": {"b": []}})),
        ] {
            assert_eq!(typed(kind, Selection::One(value.clone())), Ok(value));
        }
        assert_eq!(typed(String, Selection::One(json!(5))), Ok(json!("5")));
        assert_eq!(typed(StringList, Selection::One(json!([1, true]))), Ok(json!(["1", "true"])));
    }

    #[test]
    fn a_miss_is_the_empty_value() {
        assert_eq!(typed(String, Selection::Nothing), Ok(json!("")));
        assert_eq!(typed(StringList, Selection::One(Value::Null)), Ok(json!([])));
        assert_eq!(typed(StringMap, Selection::Nothing), Ok(json!({})));
        assert_eq!(typed(Boolean, Selection::Nothing), Ok(Value::Null));
    }

    #[test]
    fn a_value_of_another_type_is_refused() {
        for (kind, value) in [
            (String, json!({})),
            (String, json!([])),
            (Boolean, json!("true")),
            (Integer, json!("5")),
            (Integer, json!(1.5)),
            (StringList, json!("a")),
            (StringList, json!([{}])),
            (MapList, json!(["a"])),
            (StringMap, json!([])),
        ] {
            assert!(typed(kind, Selection::One(value.clone())).is_err(), "{kind:?} {value}");
        }
    }

    #[test]
    fn scans_give_lists() {
        let many = |values| Selection::Many(values);
        assert_eq!(typed(StringList, many(vec![json!("a"), json!("b")])), Ok(json!(["a", "b"])));
        assert_eq!(
            typed(MapList, many(vec![json!([{"a": 1}]), json!([{"b": 2}])])),
            Ok(json!([{"a": 1}, {"b": 2}]))
        );
        assert_eq!(typed(String, many(vec![json!("a")])), Ok(json!("a")));
        assert!(typed(String, many(vec![json!("a"), json!("b")])).is_err());
    }
}
