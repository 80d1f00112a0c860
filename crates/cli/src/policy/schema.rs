//! Holds a policy against its published JSON Schema, so that everything wrong is found at once and where it stands.
//!
//! It reads the part of JSON Schema that `docs/policy.schema.json` uses; a test fails when the schema uses more.

use std::sync::LazyLock;

use fancy_regex::Regex;
use plumb_automation::located::{Kind, Node};
use plumb_model::Problem;
use serde_json::Value;

/// `docs/policy.schema.json`.
pub(super) const TEXT: &str = include_str!("../../../../docs/policy.schema.json");

static SCHEMA: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(TEXT).unwrap_or_default());

/// Everything in which the policy is not as the schema says.
pub(super) fn problems(policy: &Node) -> Vec<Problem> {
    let mut found = Vec::new();
    hold("", policy, &SCHEMA, &mut found);
    found
}

fn hold(path: &str, node: &Node, schema: &Value, found: &mut Vec<Problem>) {
    if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
        let referenced = name.strip_prefix('#').and_then(|pointer| SCHEMA.pointer(pointer));
        if let Some(referenced) = referenced {
            hold(path, node, referenced, found);
        }
        return;
    }
    let mut wrong = |what: String| found.push(Problem { path: path.to_owned(), what });
    let text = |name: &str| schema.get(name).and_then(Value::as_str);
    match (text("type"), &node.kind) {
        (None, _)
        | (Some("object"), Kind::Map(_))
        | (Some("array"), Kind::List(_))
        | (Some("string"), Kind::Scalar(Value::String(_)))
        | (Some("boolean"), Kind::Scalar(Value::Bool(_))) => {}
        (Some("integer"), Kind::Scalar(Value::Number(number))) if number.is_u64() => {}
        (Some("string"), Kind::Scalar(value)) => {
            wrong(format!("is {}; it has to be a text: put it in quotes", said(value)));
            return;
        }
        (Some(kind), _) => {
            let expected = match kind {
                "object" => "a map",
                "array" => "a list",
                "integer" => "a whole number, not negative",
                "boolean" => "true or false",
                other => other,
            };
            wrong(format!("has to be {expected}"));
            return;
        }
    }
    match &node.kind {
        Kind::Scalar(value) => scalar(value, schema, &mut wrong),
        Kind::List(items) => {
            if items.len() < size(schema, "minItems") {
                wrong("is empty".to_owned());
            }
            if let Some(schema) = schema.get("items") {
                for (index, item) in items.iter().enumerate() {
                    hold(&format!("{path}[{index}]"), item, schema, found);
                }
            }
        }
        Kind::Map(_) => map(path, node, schema, found),
    }
}

fn map(path: &str, node: &Node, schema: &Value, found: &mut Vec<Problem>) {
    let Kind::Map(members) = &node.kind else { return };
    let known = schema.get("properties").and_then(Value::as_object);
    for name in
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    {
        if !members.iter().any(|(key, _)| key.name == name) {
            found.push(Problem { path: path.to_owned(), what: format!("lacks `{name}`") });
        }
    }
    for (index, (key, value)) in members.iter().enumerate() {
        let place = if path.is_empty() { key.name.clone() } else { format!("{path}.{}", key.name) };
        if members.iter().take(index).any(|(earlier, _)| earlier.name == key.name) {
            found.push(Problem { path: place.clone(), what: "is there twice".to_owned() });
        }
        let schema =
            known.and_then(|known| known.get(&key.name)).or_else(|| schema.get("additionalProperties"));
        match schema {
            Some(Value::Bool(false)) => {
                let names: Vec<_> = known.into_iter().flat_map(|known| known.keys().cloned()).collect();
                let what = format!("is not a field of the policy; here it may be {}", names.join(", "));
                found.push(Problem { path: place, what });
            }
            Some(schema) => hold(&place, value, schema, found),
            None => {}
        }
    }
}

fn scalar(value: &Value, schema: &Value, wrong: &mut impl FnMut(String)) {
    if let Some(choices) = schema.get("enum").and_then(Value::as_array)
        && !choices.contains(value)
    {
        let choices: Vec<_> = choices.iter().filter_map(Value::as_str).collect();
        wrong(format!("is {}; it may be {}", said(value), choices.join(", ")));
    }
    if let Some(text) = value.as_str() {
        let pattern =
            schema.get("pattern").and_then(Value::as_str).and_then(|pattern| Regex::new(pattern).ok());
        if pattern.is_some_and(|pattern| !pattern.is_match(text).unwrap_or(false)) {
            let hint =
                schema.get("description").and_then(Value::as_str).unwrap_or("write it as '22:00', in quotes");
            wrong(format!("is {}, which it can't be. {hint}", said(value)));
        }
        if text.len() < size(schema, "minLength") {
            wrong("is empty".to_owned());
        }
    }
    if let Some(number) = value.as_u64() {
        let limit = |name: &str| schema.get(name).and_then(Value::as_u64);
        if limit("minimum").is_some_and(|least| number < least) {
            wrong(format!("is {number}; the least is {}", limit("minimum").unwrap_or_default()));
        }
        if limit("maximum").is_some_and(|most| number > most) {
            wrong(format!("is {number}; the most is {}", limit("maximum").unwrap_or_default()));
        }
    }
}

fn size(schema: &Value, name: &str) -> usize {
    schema.get(name).and_then(Value::as_u64).and_then(|size| usize::try_from(size).ok()).unwrap_or(0)
}

fn said(value: &Value) -> String {
    match value {
        Value::String(text) => format!("`{text}`"),
        Value::Null => "empty".to_owned(),
        other => format!("`{other}`"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use plumb_automation::located;
    use plumb_model::Policy;

    use super::*;

    /// What this module reads, and what only tells people something.
    const READ: [&str; 19] = [
        "$ref",
        "$schema",
        "additionalProperties",
        "default",
        "definitions",
        "description",
        "enum",
        "examples",
        "format",
        "items",
        "maximum",
        "minItems",
        "minLength",
        "minimum",
        "pattern",
        "properties",
        "required",
        "title",
        "type",
    ];

    fn keywords(schema: &Value, used: &mut BTreeSet<String>) {
        let Some(map) = schema.as_object() else { return };
        for (name, value) in map {
            used.insert(name.clone());
            match name.as_str() {
                "properties" | "definitions" => {
                    value
                        .as_object()
                        .into_iter()
                        .flat_map(|map| map.values())
                        .for_each(|one| keywords(one, used));
                }
                "items" | "additionalProperties" => keywords(value, used),
                _ => {}
            }
        }
    }

    fn fields(schema: &Value) -> &serde_json::Map<String, Value> {
        schema["properties"].as_object().unwrap()
    }

    #[test]
    fn the_schema_uses_only_what_is_read_here() {
        let mut used = BTreeSet::new();
        keywords(&SCHEMA, &mut used);
        let unread: Vec<_> = used.iter().filter(|name| !READ.contains(&name.as_str())).collect();
        assert!(unread.is_empty(), "{unread:?}");
    }

    #[test]
    fn every_field_of_the_schema_is_one_of_the_policys_and_its_example_is_good() {
        for (name, schema) in fields(&SCHEMA) {
            let example = serde_json::json!({ name.as_str(): schema["examples"][0] });
            serde_json::from_value::<Policy>(example.clone())
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            let node = located::parse(&example.to_string()).unwrap();
            assert_eq!(problems(&node), [], "{name}");
        }
    }

    #[test]
    fn every_field_of_the_policy_is_in_the_schema_with_its_description() {
        // What serde says it expects when it meets a field it doesn't know is the list of all fields.
        let refused = |json: &str| serde_json::from_str::<Policy>(json).unwrap_err().to_string();
        let selector = &SCHEMA["definitions"]["selector"];
        let limits = &SCHEMA["properties"]["limits"];
        for (json, schema) in [
            (r#"{"?": 1}"#, &*SCHEMA),
            (r#"{"rules": [{"match": {"?": 1}, "mode": "off"}]}"#, selector),
            (r#"{"rules": [{"?": 1}]}"#, &SCHEMA["definitions"]["rule"]),
            (r#"{"scope": {"?": 1}}"#, &SCHEMA["properties"]["scope"]),
            (r#"{"waivers": [{"?": 1}]}"#, &SCHEMA["definitions"]["waiver"]),
            (r#"{"iac": {"?": 1}}"#, &SCHEMA["properties"]["iac"]),
            (r#"{"windows": [{"?": 1}]}"#, &SCHEMA["definitions"]["window"]),
            (r#"{"windows": [{"open": [{"?": 1}]}]}"#, &SCHEMA["definitions"]["span"]),
            (r#"{"calendars": [{"?": 1}]}"#, &SCHEMA["definitions"]["calendar"]),
            (r#"{"organization": {"?": 1}}"#, &SCHEMA["properties"]["organization"]),
            (r#"{"limits": {"?": 1}}"#, limits),
            (r#"{"limits": {"per_hour": {"?": 1}}}"#, &limits["properties"]["per_hour"]),
            (r#"{"limits": {"breaker": {"?": 1}}}"#, &limits["properties"]["breaker"]),
            (r#"{"limits": {"flapping": {"?": 1}}}"#, &limits["properties"]["flapping"]),
            (r#"{"approval": {"?": 1}}"#, &SCHEMA["properties"]["approval"]),
            (r#"{"rollback": {"?": 1}}"#, &SCHEMA["properties"]["rollback"]),
        ] {
            let said = refused(json);
            let mut names: BTreeSet<_> = said.split('`').skip(3).step_by(2).map(str::to_owned).collect();
            names.remove("?");
            let known: BTreeSet<_> = fields(schema).keys().cloned().collect();
            assert_eq!(names, known, "{json}: {said}");
            for (name, field) in fields(schema) {
                assert!(field["description"].is_string(), "{json}: {name} has no description");
            }
        }
    }

    #[test]
    fn every_problem_is_found_at_once() {
        let text = "mode: sometimes\nrules: {}\nwaivers:\n  - {match: {resource: x, colour: red}, owner: 5}\nwindows:\n  - {zone: UTC, open: [{from: '7:00'}]}\nlimits: {attempts: 0}\n";
        let found: Vec<_> =
            problems(&located::parse(text).unwrap()).iter().map(ToString::to_string).collect();
        let places: Vec<_> = found.iter().map(|problem| problem.split('`').nth(1).unwrap()).collect();
        assert_eq!(
            places,
            [
                "mode",
                "rules",
                "waivers[0]",
                "waivers[0]",
                "waivers[0].match.colour",
                "waivers[0].owner",
                "windows[0].open[0].from",
                "limits.attempts"
            ],
            "{found:#?}"
        );
    }
}
