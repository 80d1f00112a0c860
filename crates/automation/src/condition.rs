//! Conditions: the choices of `aws:branch`, and the values that assert and wait desire.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use crate::parameters::text;

/// A condition, references already replaced.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// All must hold.
    And(Vec<Condition>),
    /// One must hold.
    Or(Vec<Condition>),
    /// It must not hold.
    Not(Box<Condition>),
    /// A comparison.
    Compare {
        /// What is compared.
        variable: Value,
        /// How.
        operator: Operator,
        /// With what.
        operand: Value,
    },
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `StringEquals`
    StringEquals,
    /// `EqualsIgnoreCase`
    EqualsIgnoreCase,
    /// `StartsWith`
    StartsWith,
    /// `EndsWith`
    EndsWith,
    /// `Contains`
    Contains,
    /// `NumericEquals`
    NumericEquals,
    /// `NumericGreater`
    NumericGreater,
    /// `NumericLesser`
    NumericLesser,
    /// `NumericGreaterOrEquals`
    NumericGreaterOrEquals,
    /// `NumericLesserOrEquals`
    NumericLesserOrEquals,
    /// `BooleanEquals`
    BooleanEquals,
}

impl Operator {
    /// Every operator with AWS's word.
    pub const ALL: [(&'static str, Self); 11] = [
        ("StringEquals", Self::StringEquals),
        ("EqualsIgnoreCase", Self::EqualsIgnoreCase),
        ("StartsWith", Self::StartsWith),
        ("EndsWith", Self::EndsWith),
        ("Contains", Self::Contains),
        ("NumericEquals", Self::NumericEquals),
        ("NumericGreater", Self::NumericGreater),
        ("NumericLesser", Self::NumericLesser),
        ("NumericGreaterOrEquals", Self::NumericGreaterOrEquals),
        ("NumericLesserOrEquals", Self::NumericLesserOrEquals),
        ("BooleanEquals", Self::BooleanEquals),
    ];

    /// AWS's word.
    pub(crate) fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, operator)| *operator == self).map_or("", |(word, _)| *word)
    }
}

impl Condition {
    /// Reads a condition; `NextStep` beside it is skipped.
    ///
    /// # Errors
    /// If it has no operator, one that doesn't exist, or more than one.
    pub fn parse(value: &Value) -> Result<Self, String> {
        let Value::Object(members) = value else { return Err(format!("`{value}` is not a condition")) };
        let mut operators = members.iter().filter(|(name, _)| *name != "NextStep" && *name != "Variable");
        let (Some((name, operand)), None) = (operators.next(), operators.next()) else {
            let names: Vec<_> = members.keys().collect();
            return Err(format!("a condition has exactly one operator; this one has the keys {names:?}"));
        };
        match name.as_str() {
            "And" => Self::list(operand).map(Self::And),
            "Or" => Self::list(operand).map(Self::Or),
            "Not" => match operand {
                // Seen as a list of one, too.
                Value::Array(items) => match items.as_slice() {
                    [one] => Self::parse(one),
                    _ => Err("`Not` takes one condition".to_owned()),
                },
                one => Self::parse(one),
            }
            .map(|condition| Self::Not(Box::new(condition))),
            _ => Self::comparison(members, name, operand),
        }
    }

    fn list(value: &Value) -> Result<Vec<Self>, String> {
        match value {
            Value::Array(items) if !items.is_empty() => items.iter().map(Self::parse).collect(),
            _ => Err("`And` and `Or` take a list of conditions".to_owned()),
        }
    }

    fn comparison(members: &Map<String, Value>, name: &str, operand: &Value) -> Result<Self, String> {
        let operator = Operator::ALL
            .iter()
            .find(|(word, _)| *word == name)
            .map(|(_, operator)| *operator)
            .ok_or_else(|| format!("`{name}` is not an operator"))?;
        let variable = members.get("Variable").ok_or("a condition needs a `Variable`")?;
        Ok(Self::Compare { variable: variable.clone(), operator, operand: operand.clone() })
    }

    /// Whether it holds.
    pub fn holds(&self) -> bool {
        match self {
            Self::And(conditions) => conditions.iter().all(Self::holds),
            Self::Or(conditions) => conditions.iter().any(Self::holds),
            Self::Not(condition) => !condition.holds(),
            Self::Compare { variable, operator, operand } => operator.holds(variable, operand),
        }
    }
}

impl Condition {
    /// Whether it holds, as far as that can be told while `open` values aren't known.
    pub(crate) fn told(&self, open: &impl Fn(&Value) -> bool) -> Option<bool> {
        match self {
            Self::And(conditions) => decided(conditions, open, false),
            Self::Or(conditions) => decided(conditions, open, true),
            Self::Not(condition) => condition.told(open).map(|holds| !holds),
            Self::Compare { variable, operand, .. } if open(variable) || open(operand) => None,
            Self::Compare { .. } => Some(self.holds()),
        }
    }
}

/// One of them decides, or all of them do.
fn decided(conditions: &[Condition], open: &impl Fn(&Value) -> bool, one: bool) -> Option<bool> {
    let told: Vec<Option<bool>> = conditions.iter().map(|condition| condition.told(open)).collect();
    if told.contains(&Some(one)) {
        Some(one)
    } else if told.contains(&None) {
        None
    } else {
        Some(!one)
    }
}

impl Operator {
    /// Scalars are compared by their text, texts that are numbers or Booleans as such; a list or map equals nothing.
    fn holds(self, variable: &Value, operand: &Value) -> bool {
        match self {
            Self::StringEquals => texts(variable, operand).is_some_and(|(v, o)| v == o),
            Self::EqualsIgnoreCase => {
                texts(variable, operand).is_some_and(|(v, o)| v.to_lowercase() == o.to_lowercase())
            }
            Self::StartsWith => texts(variable, operand).is_some_and(|(v, o)| v.starts_with(&o)),
            Self::EndsWith => texts(variable, operand).is_some_and(|(v, o)| v.ends_with(&o)),
            Self::Contains => match variable {
                Value::Array(items) => items.iter().any(|item| text(item) == text(operand)),
                _ => texts(variable, operand).is_some_and(|(v, o)| v.contains(&o)),
            },
            Self::NumericEquals => {
                numbers(variable, operand).is_some_and(|(v, o)| v.partial_cmp(&o) == Some(Ordering::Equal))
            }
            Self::NumericGreater => numbers(variable, operand).is_some_and(|(v, o)| v > o),
            Self::NumericLesser => numbers(variable, operand).is_some_and(|(v, o)| v < o),
            Self::NumericGreaterOrEquals => numbers(variable, operand).is_some_and(|(v, o)| v >= o),
            Self::NumericLesserOrEquals => numbers(variable, operand).is_some_and(|(v, o)| v <= o),
            Self::BooleanEquals => match (boolean(variable), boolean(operand)) {
                (Some(variable), Some(operand)) => variable == operand,
                _ => false,
            },
        }
    }
}

fn texts(variable: &Value, operand: &Value) -> Option<(String, String)> {
    let scalar = |value: &Value| match value {
        Value::Null | Value::Array(_) | Value::Object(_) => None,
        value => Some(text(value)),
    };
    Some((scalar(variable)?, scalar(operand)?))
}

fn numbers(variable: &Value, operand: &Value) -> Option<(f64, f64)> {
    let number = |value: &Value| match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    };
    Some((number(variable)?, number(operand)?))
}

fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// Whether a property has one of the desired values. Both sides are compared as Python prints them, so a Boolean is
/// `True` or `False`; a list has a desired value if it isn't empty and each of its items has.
pub fn is_desired(found: &Value, desired: &[Value]) -> bool {
    match found {
        Value::Array(items) => !items.is_empty() && items.iter().all(|item| is_desired(item, desired)),
        value => {
            let found = python_text(value);
            desired.iter().any(|desired| python_text(desired) == found)
        }
    }
}

/// `str(value)` in Python, for scalars.
fn python_text(value: &Value) -> String {
    match value {
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Null => "None".to_owned(),
        other => text(other),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn holds(condition: &Value) -> bool {
        Condition::parse(condition).unwrap().holds()
    }

    #[test]
    fn each_operator_tells_true_from_false() {
        for (operator, variable, yes, no) in [
            ("StringEquals", json!("a"), json!("a"), json!("A")),
            ("EqualsIgnoreCase", json!("Ab"), json!("aB"), json!("b")),
            ("StartsWith", json!("abc"), json!("ab"), json!("bc")),
            ("EndsWith", json!("abc"), json!("bc"), json!("ab")),
            ("Contains", json!("abc"), json!("b"), json!("x")),
            ("Contains", json!(["a", "b"]), json!("b"), json!("x")),
            ("NumericEquals", json!(5), json!(5.0), json!(6)),
            ("NumericEquals", json!("5"), json!(5), json!("x")),
            ("NumericGreater", json!(5), json!(4), json!(5)),
            ("NumericLesser", json!(5), json!(6), json!(5)),
            ("NumericGreaterOrEquals", json!(5), json!(5), json!(6)),
            ("NumericLesserOrEquals", json!(5), json!(5), json!(4)),
            ("BooleanEquals", json!(true), json!(true), json!(false)),
            ("BooleanEquals", json!("False"), json!(false), json!(true)),
        ] {
            let with = |operand: &Value| json!({"NextStep": "x", "Variable": variable, operator: operand});
            assert!(holds(&with(&yes)), "{operator} {variable} {yes}");
            assert!(!holds(&with(&no)), "{operator} {variable} {no}");
        }
    }

    #[test]
    fn conditions_nest() {
        let a = json!({"Variable": "a", "StringEquals": "a"});
        let b = json!({"Variable": "a", "StringEquals": "b"});
        assert!(holds(&json!({"And": [a, {"Not": b}], "NextStep": "x"})));
        assert!(holds(&json!({"Or": [b, {"And": [a, {"Not": [b]}]}]})));
        assert!(!holds(&json!({"Not": {"Or": [a, b]}})));
    }

    #[test]
    fn a_missing_value_equals_nothing() {
        for operator in ["StringEquals", "BooleanEquals", "NumericEquals", "StartsWith", "Contains"] {
            assert!(!holds(&json!({"Variable": null, operator: null})), "{operator}");
        }
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        for condition in [
            json!({}),
            json!("x"),
            json!({"Variable": "a"}),
            json!({"StringEquals": "a"}),
            json!({"Variable": "a", "StringNotEquals": "a"}),
            json!({"Variable": "a", "StringEquals": "a", "Contains": "a"}),
            json!({"And": []}),
            json!({"Not": []}),
        ] {
            assert!(Condition::parse(&condition).is_err(), "{condition}");
        }
    }

    #[test]
    fn desired_values_are_compared_as_python_prints_them() {
        let desired = |values: Value| values.as_array().cloned().unwrap_or_default();
        assert!(is_desired(&json!(true), &desired(json!(["True"]))));
        assert!(is_desired(&json!(false), &desired(json!([false]))));
        assert!(!is_desired(&json!(true), &desired(json!(["true"]))));
        assert!(is_desired(&json!("available"), &desired(json!(["creating", "available"]))));
        assert!(is_desired(&json!(5), &desired(json!(["5"]))));
        assert!(is_desired(&json!(["available", "available"]), &desired(json!(["available"]))));
        assert!(!is_desired(&json!(["available", "pending"]), &desired(json!(["available"]))));
        assert!(!is_desired(&json!([]), &desired(json!(["available"]))));
        assert!(!is_desired(&json!(""), &desired(json!(["available"]))));
    }

    proptest! {
        #[test]
        fn any_condition_is_read_or_refused(variable in "\\PC{0,8}", operand in "\\PC{0,8}", index in 0..11_usize) {
            let (name, _) = Operator::ALL[index];
            let mut condition = Map::new();
            condition.insert("Variable".into(), json!(variable));
            condition.insert(name.into(), json!(operand));
            let _ = holds(&Value::Object(condition));
        }
    }
}
