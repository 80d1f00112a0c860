//! Steps that call an API: the call against its model, and what it reads, if it may be read.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    DryRun, may_change, only_reads, origin,
    report::DryCall,
    shapes::{self, Api},
    steps::Look,
    unknown,
    walk::State,
};
use crate::{
    actions::Done,
    condition::is_desired,
    engine::collect,
    names::pascal_case,
    ports::{ApiCall, ApiError},
    selector::{Selection, Selector},
};

/// The inputs that are not the API's.
const OWN: [&str; 4] = ["Service", "Api", "PropertySelector", "DesiredValues"];

/// Checks the call of a step, and makes it if it only reads; the step's outputs, if they were read.
pub(super) async fn call(
    plan: &DryRun<'_>,
    look: &mut Look<'_>,
    inputs: &Map<String, Value>,
    state: &mut State,
) -> Option<BTreeMap<String, Value>> {
    let named = |name: &str| inputs.get(name).filter(|value| !unknown::is_in(value)).and_then(Value::as_str);
    let (Some(service), Some(written)) = (named("Service"), named("Api")) else {
        if inputs.contains_key("Service") && inputs.contains_key("Api") {
            look.note("which API it calls is only known when it runs");
            state.changed = true;
        }
        return None;
    };
    let (service, written) = (service.trim().to_ascii_lowercase(), written.trim());
    let is_property = look.step.action != "aws:executeAwsApi";
    let own: &[&str] = if is_property { &OWN } else { &["Service", "Api"] };
    let parameters: Map<String, Value> = inputs
        .iter()
        .filter(|(name, _)| !own.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let api = checked(plan, look, inputs, (&service, written), &parameters);
    let changes = may_change(&api);
    let may_be_made =
        only_reads(&api) && !state.changed && !look.entry.fails() && !parameters.values().any(unknown::is_in);
    let mut call =
        DryCall { service: service.clone(), api: api.clone(), changes, in_script: false, made: false };
    let Some(reader) = plan.reader.as_ref().filter(|_| may_be_made) else {
        look.entry.calls.push(call);
        state.changed |= changes;
        return None;
    };
    call.made = true;
    look.entry.calls.push(call);
    let answer = reader
        .call(ApiCall {
            service,
            api,
            parameters,
            region: plan.environment.region.clone(),
            assume_role: None,
            origin: origin(&look.step.name),
        })
        .await;
    match answer {
        Ok(answer) => read(look, inputs, &answer),
        Err(ApiError::Client(why)) => {
            look.note(format!("it could not be asked: {why}"));
            None
        }
        Err(refused) => {
            look.fails(format!("fails as things are: {refused}"));
            None
        }
    }
}

/// Compares the call with its model; the operation's name.
fn checked(
    plan: &DryRun<'_>,
    look: &mut Look<'_>,
    inputs: &Map<String, Value>,
    (service, api): (&str, &str),
    parameters: &Map<String, Value>,
) -> String {
    for output in &look.step.outputs {
        if let Err(error) = Selector::parse(&output.selector) {
            look.fails(format!("output {}: {error}", output.name));
        }
    }
    let property = inputs.get("PropertySelector").and_then(Value::as_str).map(str::to_owned);
    let property = property.filter(|text| !unknown::is_in(&text.clone().into()));
    if let Some(Err(error)) = property.as_deref().map(Selector::parse) {
        look.fails(error.to_string());
    }
    match shapes::api(plan.models, service, api) {
        Api::Unasked => pascal_case(api),
        Api::Serviceless => {
            look.fails(format!("boto3 has no service `{service}`"));
            pascal_case(api)
        }
        Api::Missing => {
            look.fails(format!("`{service}` has no API `{api}`"));
            pascal_case(api)
        }
        Api::Known { service, name } => {
            for problem in shapes::parameters(service, name, parameters) {
                look.problem(problem);
            }
            for output in &look.step.outputs {
                if let Some(wrong) = shapes::selection(service, name, &output.selector, Some(output.kind)) {
                    look.may_fail(format!("output {}: {wrong}", output.name));
                }
            }
            if let Some(selector) = property {
                if let Some(wrong) = shapes::selection(service, name, &selector, None) {
                    look.may_fail(wrong);
                }
                let desired = inputs.get("DesiredValues").and_then(Value::as_array);
                if let Some(wrong) =
                    desired.and_then(|desired| shapes::desired(service, name, &selector, desired))
                {
                    look.may_fail(wrong);
                }
            }
            name.to_owned()
        }
    }
}

/// What the answer gives the step.
fn read(look: &mut Look<'_>, inputs: &Map<String, Value>, answer: &Value) -> Option<BTreeMap<String, Value>> {
    if let (Some(selector), Some(Value::Array(desired))) =
        (inputs.get("PropertySelector").and_then(Value::as_str), inputs.get("DesiredValues"))
        && !desired.iter().any(unknown::is_in)
        && let Ok(selected) = Selector::parse(selector).and_then(|selector| selector.select(answer))
    {
        let found = match selected {
            Selection::Nothing => Value::Null,
            Selection::One(value) => value,
            Selection::Many(values) => Value::Array(values),
        };
        let is_met = is_desired(&found, desired);
        if look.step.action == "aws:waitForAwsResourceProperty" && !is_met {
            look.note(format!("would wait: {selector} is {found}"));
            return None;
        }
        if !is_met {
            let desired = Value::Array(desired.clone());
            look.fails(format!("fails as things are: {selector} is {found}, not one of {desired}"));
            return None;
        }
    }
    match collect(look.step, &Done { payload: answer.clone(), ..Done::default() }) {
        Ok(outputs) => Some(outputs),
        Err(failure) => {
            look.fails(format!("fails as things are: {}", failure.message));
            None
        }
    }
}
