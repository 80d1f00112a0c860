//! The values that are known on a way, and stand-ins for the others.

use std::cell::RefCell;

use serde_json::Value;

use super::{unknown, walk::State};
use crate::{
    document::{Document, ValueType},
    lint::actions,
    template::{Reference, Resolve, TemplateError},
};

/// Maintenance windows put these in before Automation sees the document.
const OF_WINDOWS: [&str; 2] = ["RESOURCE_ID", "TARGET_ID"];

/// The values that are known on the way to a step. What isn't there stands for any value, and is remembered.
pub(super) struct Known<'s> {
    state: &'s State,
    document: &'s Document,
    pub(super) wrong: RefCell<Vec<String>>,
    pub(super) doubtful: RefCell<Vec<String>>,
}

impl<'s> Known<'s> {
    pub(super) fn of(state: &'s State, document: &'s Document) -> Self {
        Self { state, document, wrong: RefCell::default(), doubtful: RefCell::default() }
    }

    /// What stands for an output that a step of the document has; nothing if none has it.
    fn declared(&self, step: &str, output: &str) -> Option<Value> {
        let known = self.document.all_steps().into_iter().find(|known| known.name == step)?;
        let stand_in = |kind| Some(unknown::value(&format!("{step}.{output}"), kind));
        if let Some(declared) = known.outputs.iter().find(|declared| declared.name == output) {
            return stand_in(Some(declared.kind));
        }
        match actions::find(&known.action) {
            _ if output == "OutputPayload" => stand_in(Some(ValueType::String)),
            Some(action) if !action.outputs.contains(&output) => None,
            Some(_) | None => stand_in(None),
        }
    }
}

impl Resolve for Known<'_> {
    fn resolve(&self, reference: &Reference) -> Result<Value, TemplateError> {
        let error = match self.state.scope.resolve(reference) {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        match reference {
            Reference::Parameter(name) if OF_WINDOWS.contains(&name.as_str()) => {}
            Reference::Output { step, output } => {
                if let Some(stand_in) = self.declared(step, output) {
                    self.doubtful.borrow_mut().push(format!(
                        "`{{{{ {reference} }}}}` has no value on this way, for step `{step}` is not on it"
                    ));
                    return Ok(stand_in);
                }
                self.wrong.borrow_mut().push(error.to_string());
            }
            _ => self.wrong.borrow_mut().push(error.to_string()),
        }
        Ok(unknown::value(&reference.to_string(), None))
    }
}
