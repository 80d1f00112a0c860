//! What `CreateDocument` refuses although it can be read.

use serde_json::Value;

use super::{Document, DocumentError, OnCancel, Step};
use crate::{
    condition::Condition,
    lint::actions,
    template::{Reference, references},
};

impl Document {
    /// Whether Systems Manager would store the document: no operator that doesn't exist, no `onCancel` that leads to an
    /// action that can't run then, no `{{ssm:…}}` in the inputs of a step. The user guide names the three.
    ///
    /// # Errors
    /// If it wouldn't, at the step that it refuses.
    pub fn accepted(&self) -> Result<(), DocumentError> {
        for step in self.all_steps() {
            let refused = |message: String| Err(DocumentError { place: step.at, message });
            if let Some(why) = condition_of(step) {
                return refused(format!("step `{}`: {why}", step.name));
            }
            if let Some(path) = stored(step) {
                return refused(format!(
                    "step `{}`: `{{{{ssm:{path}}}}}` may be the default of a parameter only; refer to the parameter",
                    step.name
                ));
            }
            if let Some((target, action)) = unfit(self, step) {
                return refused(format!(
                    "`onCancel` of step `{}` leads to step `{target}`, and {action} can't run after a cancel",
                    step.name
                ));
            }
        }
        Ok(())
    }
}

/// Why a condition of a branch or a loop is none.
fn condition_of(step: &Step) -> Option<String> {
    let conditions: Vec<&Value> = match step.action.as_str() {
        "aws:branch" => step.inputs.get("Choices").and_then(Value::as_array).into_iter().flatten().collect(),
        "aws:loop" => step.inputs.get("LoopCondition").into_iter().collect(),
        _ => Vec::new(),
    };
    conditions.into_iter().find_map(|condition| Condition::parse(condition).err())
}

/// A parameter of Parameter Store that an input refers to; scripts and inner steps aside.
fn stored(step: &Step) -> Option<String> {
    let inputs = step.inputs.iter().filter(|(name, _)| !matches!(name.as_str(), "Script" | "Steps"));
    inputs.flat_map(|(_, value)| references(value)).find_map(|reference| match reference {
        Reference::Ssm(path) => Some(path),
        _ => None,
    })
}

/// A step that `onCancel` leads to and that can't run then.
fn unfit<'d>(document: &'d Document, step: &'d Step) -> Option<(&'d str, &'d str)> {
    let OnCancel::Step(name) = &step.on_cancel else { return None };
    let target = document.all_steps().into_iter().find(|known| known.name == *name)?;
    actions::find(&target.action)
        .is_some_and(|action| !action.after_cancel)
        .then_some((target.name.as_str(), target.action.as_str()))
}

#[cfg(test)]
mod tests {
    use crate::Document;

    fn refused(steps: &str) -> Option<String> {
        let document = Document::parse(&format!("schemaVersion: '0.3'\nmainSteps:\n{steps}")).unwrap();
        document.accepted().err().map(|error| error.to_string())
    }

    #[test]
    fn operators_that_do_not_exist_are_refused_when_the_document_is_stored() {
        let branch = |operator: &str| {
            format!(
                "  - name: B\n    action: aws:branch\n    inputs:\n      Choices: [{{NextStep: C, Not: {{Variable: x, {operator}: y}}}}]\n  - {{name: C, action: 'aws:pause'}}\n"
            )
        };
        let why = refused(&branch("StringNotEquals")).unwrap();
        assert!(why.starts_with("line 3") && why.contains("`StringNotEquals` is not an operator"), "{why}");
        assert_eq!(refused(&branch("StringEquals")), None);
    }

    #[test]
    fn parameter_store_in_an_input_is_refused_when_the_document_is_stored() {
        let step = |text: &str| {
            format!(
                "  - {{name: A, action: 'aws:runCommand', inputs: {{DocumentName: d, Comment: '{text}'}}}}\n"
            )
        };
        assert!(refused(&step("{{ssm:/a/b}}")).unwrap().contains("{{ssm:/a/b}}"));
        assert_eq!(refused(&step("{{ global:REGION }}")), None);
        let script = "  - {name: A, action: 'aws:executeScript', inputs: {Runtime: python3.11, Handler: h, Script: 'x = \"{{ssm:/a}}\"'}}\n";
        assert_eq!(refused(script), None);
    }

    #[test]
    fn a_cancel_that_leads_to_an_action_that_cannot_run_then_is_refused() {
        let steps = |action: &str| {
            format!(
                "  - {{name: A, action: 'aws:pause', onCancel: 'step:B'}}\n  - {{name: B, action: '{action}', inputs: {{Duration: PT1S}}}}\n"
            )
        };
        for action in ["aws:sleep", "aws:pause", "aws:approve", "aws:createTags", "aws:runInstances"] {
            assert!(refused(&steps(action)).unwrap().contains("can't run after a cancel"), "{action}");
        }
        assert_eq!(refused(&steps("aws:executeAwsApi")), None);
    }
}
