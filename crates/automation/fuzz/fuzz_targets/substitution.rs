//! Any JSON as a step's inputs; the first line is what every reference stands for.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plumb_automation::template::{Reference, Resolve, TemplateError, references, substitute};
use serde_json::Value;

struct Everything(Value);

impl Resolve for Everything {
    fn resolve(&self, _: &Reference) -> Result<Value, TemplateError> {
        Ok(self.0.clone())
    }
}

fuzz_target!(|text: &str| {
    let (stands_for, inputs) = text.split_once('\n').unwrap_or(("\"x\"", text));
    let stands_for = serde_json::from_str(stands_for).unwrap_or_else(|_| Value::from(stands_for));
    let inputs = serde_json::from_str(inputs).unwrap_or_else(|_| Value::from(inputs));
    let _ = references(&inputs);
    let _ = substitute(&inputs, &Everything(stands_for));
});
