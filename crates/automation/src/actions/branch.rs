//! `aws:branch`: goes to the step of the first choice that holds.

use serde_json::{Value, json};

use super::{Action, Call, Done, Jump, Unfinished};
use crate::{condition::Condition, failure::Failure, ports::Answer};

pub(super) struct Branch;

impl Action for Branch {
    fn attempt<'a>(&'a self, call: Call<'a>) -> Answer<'a, Result<Done, Unfinished>> {
        Box::pin(async move { Ok(decide(&call)?) })
    }
}

/// Every choice is read before the first is tried, so that a wrong one doesn't hide behind a right one.
fn decide(call: &Call<'_>) -> Result<Done, Failure> {
    let Some(Value::Array(choices)) = call.inputs.get("Choices") else {
        return Err(Failure::inputs("Required input Choices is missing or not a list"));
    };
    let choices = choices
        .iter()
        .map(|choice| {
            let condition = Condition::parse(choice).map_err(|reason| Failure::inputs(&reason))?;
            let next = choice
                .get("NextStep")
                .and_then(Value::as_str)
                .ok_or_else(|| Failure::inputs("A choice needs a NextStep"))?;
            Ok((condition, next))
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    let next = match choices.iter().find(|(condition, _)| condition.holds()) {
        Some((_, next)) => Some(*next),
        None => call.optional_text("Default")?.filter(|default| !default.is_empty()),
    };
    Ok(match next {
        Some(next) => {
            let step = next.strip_prefix("step:").unwrap_or(next).trim().to_owned();
            Done { payload: json!({ "NextStep": step }), jump: Jump::To(step), ..Done::default() }
        }
        None => Done { payload: json!({}), ..Done::default() },
    })
}
