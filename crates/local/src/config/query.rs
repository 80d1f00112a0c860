//! `SelectResourceConfig`: advanced queries over the newest items of what is there.

use serde_json::{Map, Value, json};

use super::{
    item::Item,
    recording::Recording,
    select::{Condition, Fields, Literal, Operator, Path, Statement},
};
use crate::{
    members::text,
    pages,
    service::{AwsError, Request},
};

/// The longest expression, in characters.
const LONGEST: usize = 4096;

pub(super) fn select(recording: &Recording, request: &Request) -> Result<Value, AwsError> {
    let expression = text(&request.body, "Expression").unwrap_or_default();
    if expression.chars().count() > LONGEST {
        return Err(wrong(format!("an expression has at most {LONGEST} characters")));
    }
    let limit = match request.body.get("Limit").and_then(Value::as_u64) {
        None | Some(0) => 25,
        Some(limit @ 1..=100) => usize::try_from(limit).unwrap_or(100),
        Some(_) => return Err(AwsError::client("InvalidLimitException", "`Limit` is at most 100")),
    };
    let statement = Statement::parse(expression).map_err(|error| wrong(error.to_string()))?;
    let found: Vec<(String, Value)> = recording.history.with(&request.region, |items| {
        items
            .newest()
            .filter(|item| !item.is_deleted())
            .map(|item| (key(item), item.queried()))
            .filter(|(_, item)| statement.condition.as_ref().is_none_or(|condition| holds(condition, item)))
            .collect()
    });
    let (names, rows) = match &statement.fields {
        Fields::Count => {
            (vec!["COUNT(*)".to_owned()], vec![(String::new(), json!({"COUNT(*)": found.len()}))])
        }
        Fields::All => {
            let rows = found.into_iter().map(|(key, item)| (key, scalars(&item))).collect::<Vec<_>>();
            let first = rows.first().and_then(|(_, row)| row.as_object());
            (first.into_iter().flat_map(Map::keys).cloned().collect(), rows)
        }
        Fields::Some(paths) => {
            let rows = found.into_iter().map(|(key, item)| (key, project(&item, paths))).collect();
            (paths.iter().map(ToString::to_string).collect(), rows)
        }
    };
    let rows = rows.into_iter().map(|(key, row)| (key, json!(row.to_string()))).collect();
    let mut answer = pages::page("Results", rows, limit, text(&request.body, "NextToken"))
        .map_err(|error| AwsError::client("InvalidNextTokenException", error.to_string()))?;
    if let Value::Object(members) = &mut answer {
        let names: Vec<Value> = names.into_iter().map(|name| json!({"Name": name})).collect();
        members.insert("QueryInfo".to_owned(), json!({"SelectFields": names}));
    }
    Ok(answer)
}

fn key(item: &Item) -> String {
    format!("{} {}", item.kind, item.found.id)
}

fn wrong(message: impl Into<String>) -> AwsError {
    AwsError::client("InvalidExpressionException", message)
}

/// `SELECT *`: the top-level properties that are no objects.
fn scalars(item: &Value) -> Value {
    let members = item.as_object().into_iter().flatten();
    members
        .filter(|(_, value)| !value.is_object() && !value.is_array() && !value.is_null())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect::<Map<_, _>>()
        .into()
}

/// The chosen properties, each at its place.
fn project(item: &Value, paths: &[Path]) -> Value {
    let mut row = Value::Object(Map::new());
    for path in paths {
        copy(item, path.parts(), &mut row);
    }
    row
}

fn copy(from: &Value, path: &[String], to: &mut Value) {
    let Some((name, rest)) = path.split_first() else { return };
    let Some(value) = from.get(name).filter(|value| !value.is_null()) else { return };
    let Value::Object(members) = to else { return };
    if rest.is_empty() {
        members.insert(name.clone(), value.clone());
        return;
    }
    match value {
        Value::Array(items) => {
            let copies = members
                .entry(name.clone())
                .or_insert_with(|| Value::Array(vec![Value::Object(Map::new()); items.len()]));
            for (item, copied) in items.iter().zip(copies.as_array_mut().into_iter().flatten()) {
                copy(item, rest, copied);
            }
        }
        Value::Object(_) => {
            let copied = members.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()));
            copy(value, rest, copied);
        }
        // AWS indexes a property that is an object for one type and a plain value for another below `value`.
        scalar if rest == ["value"] => {
            members.insert(name.clone(), scalar.clone());
        }
        _ => {}
    }
}

/// Whether a condition holds; of a list, whether it does for any of its items.
fn holds(condition: &Condition, item: &Value) -> bool {
    match condition {
        Condition::And(all) => all.iter().all(|condition| holds(condition, item)),
        Condition::Or(any) => any.iter().any(|condition| holds(condition, item)),
        Condition::Not(condition) => !holds(condition, item),
        Condition::Compare(path, operator, literal) => {
            values(item, path.parts()).into_iter().any(|value| compares(value, *operator, literal))
        }
        Condition::In(path, literals) => values(item, path.parts())
            .into_iter()
            .any(|value| literals.iter().any(|literal| compares(value, Operator::Equal, literal))),
        Condition::Between(path, low, high) => values(item, path.parts())
            .into_iter()
            .any(|value| compares(value, Operator::AtLeast, low) && compares(value, Operator::AtMost, high)),
        Condition::Like(path, pattern) => values(item, path.parts())
            .into_iter()
            .any(|value| value.as_str().is_some_and(|text| is_like(pattern, text))),
        Condition::IsNull(path) => values(item, path.parts()).is_empty(),
    }
}

/// The plain values at a path, through lists.
fn values<'a>(value: &'a Value, path: &[String]) -> Vec<&'a Value> {
    match (value, path.split_first()) {
        (Value::Array(items), _) => items.iter().flat_map(|item| values(item, path)).collect(),
        (Value::Null, _) | (Value::Object(_), None) => Vec::new(),
        (Value::Object(members), Some((name, rest))) => {
            members.get(name).map(|value| values(value, rest)).unwrap_or_default()
        }
        (scalar, None) => vec![scalar],
        (scalar, Some((name, []))) if name == "value" => vec![scalar],
        _ => Vec::new(),
    }
}

fn compares(value: &Value, operator: Operator, literal: &Literal) -> bool {
    use std::cmp::Ordering;
    let order = match (value, literal) {
        (Value::Number(number), Literal::Number(wanted)) => {
            number.as_f64().and_then(|number| number.partial_cmp(wanted))
        }
        (Value::Bool(holds), Literal::Bool(wanted)) => Some(holds.cmp(wanted)),
        // Queries are not case-sensitive in AWS's index of texts.
        (Value::String(text), Literal::Text(wanted)) => Some(text.to_lowercase().cmp(&wanted.to_lowercase())),
        (Value::Number(number), Literal::Text(wanted)) => Some(number.to_string().cmp(wanted)),
        (Value::Bool(holds), Literal::Text(wanted)) => Some(holds.to_string().cmp(&wanted.to_lowercase())),
        _ => None,
    };
    let Some(order) = order else { return false };
    match operator {
        Operator::Equal => order == Ordering::Equal,
        Operator::Unequal => order != Ordering::Equal,
        Operator::Below => order == Ordering::Less,
        Operator::AtMost => order != Ordering::Greater,
        Operator::Above => order == Ordering::Greater,
        Operator::AtLeast => order != Ordering::Less,
    }
}

/// `%` is any text, `_` any letter.
fn is_like(pattern: &str, text: &str) -> bool {
    fn fits(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some(('%', rest)), _) => {
                (0..=text.len()).any(|skipped| fits(rest, text.get(skipped..).unwrap_or_default()))
            }
            (Some((wanted, rest)), Some((letter, more))) => {
                (*wanted == '_' || wanted == letter) && fits(rest, more)
            }
            _ => false,
        }
    }
    let letters = |text: &str| text.to_lowercase().chars().collect::<Vec<_>>();
    fits(&letters(pattern), &letters(text))
}

#[cfg(test)]
mod tests {
    use super::{
        super::item::{Status, tests::volume},
        *,
    };

    fn asked(expression: &str) -> Option<Value> {
        let statement = Statement::parse(expression).unwrap();
        let mut item = volume(Status::Ok, "gp2");
        item.found.configuration["attachments"] = json!([{"instanceId": "i-1"}, {"instanceId": "i-2"}]);
        item.found.configuration["size"] = json!(8);
        let item = item.queried();
        let Fields::Some(paths) = &statement.fields else { return None };
        statement
            .condition
            .as_ref()
            .is_none_or(|condition| holds(condition, &item))
            .then(|| project(&item, paths))
    }

    #[test]
    fn conditions_pick_items() {
        for (condition, expected) in [
            ("resourceType = 'AWS::EC2::Volume'", true),
            ("resourceType = 'AWS::EC2::Volume' AND configuration.volumeType = 'gp3'", false),
            ("configuration.volumeType IN ('gp2', 'standard')", true),
            ("NOT configuration.volumeType = 'gp2'", false),
            (
                "configuration.volumeType != 'gp3' AND (configuration.size > 7 OR configuration.size < 2)",
                true,
            ),
            ("configuration.size BETWEEN 9 AND 20", false),
            ("configuration.attachments.instanceId = 'i-2'", true),
            ("configuration.attachments.instanceId = 'i-3'", false),
            ("relationships.resourceId = 'i-1'", true),
            ("tags.key = 'team' AND tags.value = 'a'", true),
            ("tags.tag = 'team=a'", true),
            ("arn LIKE 'arn:aws:ec2:%'", true),
            ("configuration.state.value = 'in-use'", true),
            ("configuration.kmsKeyId IS NULL", true),
        ] {
            let found = asked(&format!("SELECT resourceId WHERE {condition}"));
            assert_eq!(found.is_some(), expected, "{condition}");
        }
    }

    #[test]
    fn a_row_has_the_chosen_properties_at_their_places() {
        let row =
            asked("SELECT resourceId, configuration.volumeType, configuration.attachments.instanceId, tags");
        assert_eq!(
            row.unwrap(),
            json!({
                "resourceId": "vol-1",
                "configuration": {
                    "volumeType": "gp2", "attachments": [{"instanceId": "i-1"}, {"instanceId": "i-2"}],
                },
                "tags": [{"key": "team", "value": "a", "tag": "team=a"}],
            })
        );
    }

    #[test]
    fn a_pattern_matches_as_in_sql() {
        assert!(is_like("a%c", "abbc") && is_like("%", "") && is_like("a_c", "abc"));
        assert!(!is_like("a%c", "abcd") && !is_like("a_c", "ac"));
    }
}
