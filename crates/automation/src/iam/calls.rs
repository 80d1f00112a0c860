//! The API calls of a document: those of its steps, those that actions make of themselves, and those of its scripts.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{scripts, table::table};
use crate::{
    document::{Document, Step},
    names::pascal_case,
};

/// A call of an API that a document makes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApiUse {
    /// boto3's name of the service.
    pub service: String,
    /// The operation; of a script, spelt by a simple rule (`DescribeDbInstances`).
    pub api: String,
    /// The step that makes it.
    pub step: String,
    /// Whether a script makes it.
    pub in_script: bool,
    /// The parameters that it may have, those inside others included.
    pub members: BTreeSet<String>,
}

impl ApiUse {
    pub(super) fn gives(&self, is: impl Fn(&str) -> bool) -> bool {
        self.members.iter().any(|member| is(member))
    }
}

/// Every call of a document, as far as reading it tells.
pub fn calls(document: &Document) -> Vec<ApiUse> {
    let found: BTreeSet<ApiUse> = document.all_steps().into_iter().flat_map(calls_of_step).collect();
    found.into_iter().collect()
}

/// Every call of a step, those of steps inside it aside.
pub(crate) fn calls_of_step(step: &Step) -> BTreeSet<ApiUse> {
    let members = members_of(&step.inputs.clone().into());
    let call = |service: &str, api: &str| ApiUse {
        service: service.to_owned(),
        api: api.to_owned(),
        step: step.name.clone(),
        in_script: false,
        members: members.clone(),
    };
    match step.action.as_str() {
        "aws:executeAwsApi" | "aws:assertAwsResourceProperty" | "aws:waitForAwsResourceProperty" => {
            api_of(step).iter().map(|(service, api)| call(service, api)).collect()
        }
        "aws:executeScript" => text(step, "Script")
            .map(scripts::calls_of)
            .unwrap_or_default()
            .into_iter()
            .map(|used| ApiUse { step: step.name.clone(), in_script: true, ..used })
            .collect(),
        _ => of_action(step).into_iter().map(|(service, api)| call(service, api)).collect(),
    }
}

/// The calls that an action makes of itself.
fn of_action(step: &Step) -> Vec<(&'static str, &'static str)> {
    match step.action.as_str() {
        "aws:approve" if step.inputs.contains_key("NotificationArn") => vec![("sns", "Publish")],
        "aws:changeInstanceState" => instance_state(step),
        "aws:copyImage" => vec![("ec2", "CopyImage"), ("ec2", "DescribeImages")],
        "aws:createImage" => vec![("ec2", "CreateImage"), ("ec2", "DescribeImages")],
        "aws:createStack" => vec![("cloudformation", "CreateStack"), ("cloudformation", "DescribeStacks")],
        "aws:createTags" => match text(step, "ResourceType") {
            None | Some("EC2") => vec![("ec2", "CreateTags")],
            Some(word) if !word.contains("{{") => vec![("ssm", "AddTagsToResource")],
            Some(_) => vec![("ec2", "CreateTags"), ("ssm", "AddTagsToResource")],
        },
        "aws:deleteImage" => {
            vec![("ec2", "DeleteSnapshot"), ("ec2", "DeregisterImage"), ("ec2", "DescribeImages")]
        }
        "aws:deleteStack" => vec![("cloudformation", "DeleteStack"), ("cloudformation", "DescribeStacks")],
        "aws:executeAutomation" => {
            vec![("ssm", "GetAutomationExecution"), ("ssm", "StartAutomationExecution")]
        }
        "aws:executeStateMachine" => {
            vec![("stepfunctions", "DescribeExecution"), ("stepfunctions", "StartExecution")]
        }
        "aws:invokeLambdaFunction" => vec![("lambda", "Invoke")],
        "aws:runCommand" => {
            vec![("ssm", "ListCommandInvocations"), ("ssm", "ListCommands"), ("ssm", "SendCommand")]
        }
        "aws:runInstances" => {
            vec![("ec2", "DescribeInstanceStatus"), ("ec2", "DescribeInstances"), ("ec2", "RunInstances")]
        }
        _ => Vec::new(),
    }
}

fn instance_state(step: &Step) -> Vec<(&'static str, &'static str)> {
    let mut calls = vec![("ec2", "DescribeInstances"), ("ec2", "DescribeInstanceStatus")];
    let only_checks = match step.inputs.get("CheckStateOnly") {
        Some(Value::Bool(flag)) => *flag,
        Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
        _ => false,
    };
    if !only_checks {
        calls.extend(match text(step, "DesiredState") {
            Some("running") => vec![("ec2", "StartInstances")],
            Some("stopped") => vec![("ec2", "StopInstances")],
            Some("terminated") => vec![("ec2", "TerminateInstances")],
            _ => vec![("ec2", "StartInstances"), ("ec2", "StopInstances"), ("ec2", "TerminateInstances")],
        });
    }
    calls
}

/// What reading a document can't tell, each as a sentence.
pub(super) fn unread(document: &Document) -> Vec<String> {
    let mut notes = Vec::new();
    if document.assume_role.as_ref().is_some_and(|role| !role.trim().is_empty()) {
        notes.push(
            "whoever starts it needs ssm:StartAutomationExecution, and iam:PassRole for the role it runs as"
                .to_owned(),
        );
    }
    notes.extend(document.all_steps().into_iter().flat_map(unread_of_step));
    notes
}

/// What reading a step can't tell.
pub(crate) fn unread_of_step(step: &Step) -> Vec<String> {
    let mut notes = Vec::new();
    let name = &step.name;
    match step.action.as_str() {
        "aws:executeScript" => match text(step, "Script") {
            Some(script) => {
                notes.extend(scripts::unread(script).map(|why| format!("the script of step `{name}` {why}")));
            }
            None => {
                notes.push(format!("the script of step `{name}` is an attachment: its calls are not known"));
            }
        },
        "aws:executeAutomation" => {
            notes.push(format!(
                "step `{name}` starts another document: what that one does needs rights of its own"
            ));
        }
        "aws:createStack" | "aws:deleteStack" if !step.inputs.contains_key("RoleARN") => {
            notes.push(format!(
                "step `{name}` needs the rights for everything in its stack, for it gives no `RoleARN`"
            ));
        }
        "aws:invokeWebhook" => {
            notes.push(format!("step `{name}` uses an integration: it may need its secret"));
        }
        "aws:executeAwsApi" | "aws:assertAwsResourceProperty" | "aws:waitForAwsResourceProperty" => {
            let filled = |name| text(step, name).is_none_or(|text| text.contains("{{"));
            if filled("Service") || filled("Api") {
                notes.push(format!("step `{name}` decides when it runs which API it calls"));
            }
        }
        _ => {}
    }
    notes
}

pub(super) fn api_of(step: &Step) -> Option<(String, String)> {
    let plain = |name| text(step, name).map(str::trim).filter(|text| !text.contains("{{"));
    Some((plain("Service")?.to_ascii_lowercase(), pascal_case(plain("Api")?)))
}

fn text<'s>(step: &'s Step, name: &str) -> Option<&'s str> {
    step.inputs.get(name).and_then(Value::as_str)
}

/// The names of all members of a value.
fn members_of(value: &Value) -> BTreeSet<String> {
    fn collect(value: &Value, names: &mut BTreeSet<String>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| collect(item, names)),
            Value::Object(members) => {
                for (name, member) in members {
                    names.insert(name.clone());
                    collect(member, names);
                }
            }
            _ => {}
        }
    }
    let mut names = BTreeSet::new();
    collect(value, &mut names);
    names
}

/// The operation that a waiter polls.
pub(super) fn waited_for(service: &str, waiter: &str) -> Option<String> {
    table().waited_for(service, waiter).map(str::to_owned)
}
