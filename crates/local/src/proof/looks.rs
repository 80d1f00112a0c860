//! Makes the calls of a proof and compares their answers.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use serde_json_path::JsonPath;

use super::{
    ProofError,
    folder::{Look, Step},
    variables::{Variables, fill, fill_to_text},
};
use crate::{
    service::Context,
    worker::{Call, CallError},
};

/// Makes the calls of a list of steps, setting and capturing variables on the way.
pub(super) async fn carry_out(
    context: &Context,
    steps: &[Step],
    variables: &mut Variables,
) -> Result<(), ProofError> {
    for step in steps {
        for (name, value) in &step.set {
            let value = fill(value, variables)?;
            variables.insert(name.clone(), value);
        }
        let Some(name) = &step.call else { continue };
        let when = Asked { region: step.region.as_deref(), days_ago: step.days_ago };
        let answer = call(context, name, &step.with, when, variables)
            .await?
            .map_err(|error| ProofError::Refused { call: name.clone(), said: error.message })?;
        for (variable, path) in &step.capture {
            let value = single(path, &answer)?
                .ok_or_else(|| ProofError::NotInAnswer { call: name.clone(), path: path.clone() })?;
            variables.insert(variable.clone(), value);
        }
    }
    Ok(())
}

/// The answers of a list of looks, in a form in which equal means the same state.
pub(super) async fn look_all(
    context: &Context,
    looks: &[Look],
    variables: &Variables,
) -> Result<Vec<Value>, ProofError> {
    let mut seen = Vec::new();
    for look in looks {
        let answer = look_once(context, look, variables).await?;
        let selected = match (&look.select, answer) {
            (Some(path), Some(answer)) => Value::Array(nodes(&parse(path)?, &answer)),
            (Some(_), None) => json!([]),
            (None, Some(answer)) => answer,
            (None, None) => json!({"absent": look.call}),
        };
        seen.push(canonical(&selected, &look.ignore.iter().map(String::as_str).collect()));
    }
    Ok(seen)
}

/// What is not as expected; empty if everything is.
pub(super) async fn unmet(
    context: &Context,
    looks: &[Look],
    variables: &Variables,
) -> Result<Vec<String>, ProofError> {
    let mut unmet = Vec::new();
    for look in looks {
        let Some(answer) = look_once(context, look, variables).await? else {
            unmet.push(format!("{} finds nothing", look.call));
            continue;
        };
        for (path, expected) in &look.expect {
            let path = fill_to_text(path, variables)?;
            let expected = fill(expected, variables)?;
            let found = if picks_many(&path) {
                Some(Value::Array(nodes(&parse(&path)?, &answer)))
            } else {
                single(&path, &answer)?
            };
            let none = BTreeSet::new();
            if found.as_ref().map(|found| canonical(found, &none)) != Some(canonical(&expected, &none)) {
                let found = found.map_or_else(|| "nothing".to_owned(), |found| found.to_string());
                unmet.push(format!("{} `{path}` is {found}, not {expected}", look.call));
            }
        }
    }
    Ok(unmet)
}

/// One answer, without what has no place in a comparison; `None` if the thing is not there.
async fn look_once(
    context: &Context,
    look: &Look,
    variables: &Variables,
) -> Result<Option<Value>, ProofError> {
    let now = Asked { region: look.region.as_deref(), days_ago: 0 };
    match call(context, &look.call, &look.with, now, variables).await? {
        Ok(mut answer) => {
            for path in &look.json {
                read_json(path, &mut answer)
                    .ok_or_else(|| ProofError::NotInAnswer { call: look.call.clone(), path: path.clone() })?;
            }
            Ok(Some(answer))
        }
        Err(error) if look.absent.contains(&error.code) => Ok(None),
        Err(error) => Err(ProofError::Refused { call: look.call.clone(), said: error.message }),
    }
}

/// Where and when a call is made.
struct Asked<'a> {
    region: Option<&'a str>,
    days_ago: u32,
}

async fn call(
    context: &Context,
    name: &str,
    with: &Map<String, Value>,
    Asked { region, days_ago }: Asked<'_>,
    variables: &Variables,
) -> Result<Result<Value, CallError>, ProofError> {
    let (service, api) =
        name.split_once(':').ok_or_else(|| ProofError::NotACall { call: name.to_owned() })?;
    let region = region.map(|region| fill_to_text(region, variables)).transpose()?;
    let params = fill(&Value::Object(with.clone()), variables)?;
    let call = Call { region, days_ago, ..Call::outside(service, api, params) };
    Ok(context.worker().call(call).await)
}

/// Puts the value that a text of JSON means in the text's place.
fn read_json(path: &str, answer: &mut Value) -> Option<()> {
    let pointer = path.strip_prefix('$')?.replace('.', "/");
    let place = answer.pointer_mut(&pointer)?;
    *place = serde_json::from_str(place.as_str()?).ok()?;
    Some(())
}

fn parse(path: &str) -> Result<JsonPath, ProofError> {
    JsonPath::parse(path)
        .map_err(|error| ProofError::NotAPath { path: path.to_owned(), what: error.to_string() })
}

fn nodes(path: &JsonPath, answer: &Value) -> Vec<Value> {
    path.query(answer).all().into_iter().cloned().collect()
}

fn single(path: &str, answer: &Value) -> Result<Option<Value>, ProofError> {
    Ok(nodes(&parse(path)?, answer).into_iter().next())
}

/// Whether a path stands for a list of whatever it picks, rather than for one value.
fn picks_many(path: &str) -> bool {
    let unquoted: String = path.split('\'').step_by(2).collect();
    unquoted.contains(['*', '?', ',', ':']) || unquoted.contains("..")
}

/// The same value with its lists sorted and the ignored members gone. AWS gives lists in no order that means anything
/// (the order of a policy's statements is inside its text).
fn canonical(value: &Value, ignore: &BTreeSet<&str>) -> Value {
    match value {
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(|item| canonical(item, ignore)).collect();
            items.sort_by_cached_key(Value::to_string);
            Value::Array(items)
        }
        Value::Object(members) => members
            .iter()
            .filter(|(name, _)| !ignore.contains(name.as_str()))
            .map(|(name, member)| (name.clone(), canonical(member, ignore)))
            .collect(),
        other => other.clone(),
    }
}

/// Where two lists of answers differ, for a person to read.
pub(super) fn difference(before: &[Value], after: &[Value]) -> String {
    before
        .iter()
        .zip(after)
        .find(|(before, after)| before != after)
        .map_or_else(String::new, |(before, after)| format!("was {before}, is {after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_equal_in_any_order_and_ignored_members_do_not_count() {
        let ignore = ["Id"].into();
        let a = json!({"Rules": [{"Id": 1, "Port": 22}, {"Id": 2, "Port": 443}]});
        let b = json!({"Rules": [{"Id": 9, "Port": 443}, {"Id": 8, "Port": 22}]});
        assert_eq!(canonical(&a, &ignore), canonical(&b, &ignore));
        assert_ne!(canonical(&a, &BTreeSet::new()), canonical(&b, &BTreeSet::new()));
    }

    #[test]
    fn a_path_with_a_filter_stands_for_a_list() {
        for (path, many) in [
            ("$.Policy.Statement[-1].Effect", false),
            ("$.Tags['a,b']", false),
            ("$.Rules[?@.Port == 22]", true),
            ("$.Rules[*]", true),
            ("$..Effect", true),
            ("$.Db['Class', 'Size']", true),
        ] {
            assert_eq!(picks_many(path), many, "{path}");
        }
    }

    #[test]
    fn json_inside_of_text_is_read_in_place() {
        let mut answer = json!({"Policy": "{\"Statement\":[]}"});
        assert!(read_json("$.Policy", &mut answer).is_some());
        assert_eq!(answer, json!({"Policy": {"Statement": []}}));
        assert!(read_json("$.Other", &mut answer).is_none());
    }
}
