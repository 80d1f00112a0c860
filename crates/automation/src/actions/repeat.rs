//! `aws:loop`: what it repeats over. The engine walks its steps.

use serde_json::Value;

use super::optional_number;
use crate::{
    choices,
    condition::Condition,
    document::Step,
    failure::Failure,
    parameters::text,
    scope::Scope,
    template::{substitute, substitute_map},
};

/// The action's name.
pub(crate) const LOOP: &str = "aws:loop";

/// The inputs in which references are not replaced before the loop begins.
const RAW: [&str; 2] = ["LoopCondition", "Steps"];

/// A loop about to begin.
pub(crate) struct Loop {
    /// Its inputs, references replaced but in the steps and the condition.
    pub(crate) inputs: serde_json::Map<String, Value>,
    passes: Passes,
    most: usize,
}

enum Passes {
    /// One for each value.
    Over(Vec<Value>),
    /// As long as a condition holds after the pass.
    While(Value),
}

impl Loop {
    /// Reads the inputs of a loop.
    pub(crate) fn read(step: &Step, scope: &Scope) -> Result<Self, Failure> {
        let inputs =
            substitute_map(&step.inputs, &RAW, scope).map_err(|error| Failure::inputs(&error.to_string()))?;
        if step.steps.is_empty() {
            return Err(Failure::inputs("Required input Steps is missing"));
        }
        let most = match optional_number(&inputs, "MaxIterations")? {
            None => choices::MAX_ITERATIONS,
            Some(most) => usize::try_from(most)
                .ok()
                .filter(|most| (1..=choices::MAX_ITERATIONS).contains(most))
                .ok_or_else(|| Failure::inputs(&format!("MaxIterations is {most}; it may be 1 to 100")))?,
        };
        let passes = match (inputs.get("Iterators"), inputs.get("LoopCondition")) {
            (Some(Value::Array(values)), None) => {
                if values.len() > choices::MAX_ITERATIONS {
                    let count = values.len();
                    return Err(Failure::inputs(&format!("There are {count} Iterators; the most is 100")));
                }
                let kind = inputs.get("IteratorDataType").and_then(Value::as_str).unwrap_or("String");
                if let Some(value) = values.iter().find(|value| !is_of(kind, value)) {
                    return Err(Failure::inputs(&format!(
                        "Iterator {value} is not of IteratorDataType {kind}"
                    )));
                }
                Passes::Over(values.clone())
            }
            (Some(other), None) => {
                return Err(Failure::inputs(&format!("Iterators must be a list, not {other}")));
            }
            (None, Some(condition)) => Passes::While(condition.clone()),
            _ => return Err(Failure::inputs("Exactly one of Iterators and LoopCondition is required")),
        };
        Ok(Self { inputs, passes, most })
    }

    /// Whether there is a pass of this number, from 0, before anything is known of it.
    pub(crate) fn begins(&self, pass: usize) -> bool {
        pass < self.most
            && match &self.passes {
                Passes::Over(values) => pass < values.len(),
                Passes::While(_) => true,
            }
    }

    /// Whether to go on after a pass.
    pub(crate) fn goes_on(&self, scope: &Scope) -> Result<bool, Failure> {
        match &self.passes {
            Passes::Over(_) => Ok(true),
            Passes::While(condition) => {
                let condition =
                    substitute(condition, scope).map_err(|error| Failure::inputs(&error.to_string()))?;
                Ok(Condition::parse(&condition).map_err(|reason| Failure::inputs(&reason))?.holds())
            }
        }
    }

    /// `CurrentIteratorValue`, which is always text; nothing for a loop on a condition.
    pub(crate) fn value(&self, pass: usize) -> Option<String> {
        match &self.passes {
            Passes::Over(values) => values.get(pass).map(text),
            Passes::While(_) => None,
        }
    }
}

/// Real documents give Integers and Booleans as text, too.
fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "Boolean" => {
            value.is_boolean() || value.as_str().is_some_and(|text| matches!(text, "true" | "false"))
        }
        "Integer" => value.is_i64() || value.as_str().is_some_and(|text| text.parse::<i64>().is_ok()),
        "StringMap" => value.is_object(),
        "String" => !value.is_object() && !value.is_array(),
        _ => false,
    }
}
