//! A call whose parameters are known as far as they can be, against botocore's model of the API.

use serde_json::{Map, Value};

use super::{
    report::Problem,
    unknown::{self, Kind},
};
use crate::{
    document::ValueType,
    models::{Models, Service, Shape, lacks, shape_at, takes, word},
};

/// As deep as values are looked into.
const MAX_DEPTH: usize = 40;

/// What the model says of an API.
pub(super) enum Api<'m> {
    /// Nothing was asked of this service, or no models are there.
    Unasked,
    /// boto3 has no such service.
    Serviceless,
    /// The service has no such API.
    Missing,
    /// It is this one.
    Known { service: &'m Service, name: &'m str },
}

pub(super) fn api<'m>(models: Option<&'m Models>, service: &str, api: &str) -> Api<'m> {
    let Some(known) = models.and_then(|models| models.services.get(service)) else { return Api::Unasked };
    let Some(service) = known else { return Api::Serviceless };
    service.name_of(api).map_or(Api::Missing, |name| Api::Known { service, name })
}

/// What boto3 would say of the parameters before it sends anything.
pub(super) fn parameters(service: &Service, name: &str, given: &Map<String, Value>) -> Vec<Problem> {
    let mut check = Check { service, name, problems: Vec::new() };
    let Some(operation) = service.operations.get(name) else { return check.problems };
    match operation.input.as_deref().and_then(|shape| service.shapes.get(shape)) {
        Some(input) => check.structure(input, given, "", 0),
        None => {
            for parameter in given.keys() {
                check.fails(format!("`{name}` has no parameters, so no `{parameter}`"));
            }
        }
    }
    check.problems
}

/// What is wrong with selecting a value of a type from the answer: its message, or nothing as far as can be told.
pub(super) fn selection(
    service: &Service,
    name: &str,
    selector: &str,
    kind: Option<ValueType>,
) -> Option<String> {
    let answer = service.operations.get(name)?.output.as_deref()?;
    if let Some((missing, hint)) = lacks(service, answer, selector) {
        return Some(format!(
            "the answer of `{name}` has no `{missing}`, which `{selector}` selects{hint}: it finds nothing"
        ));
    }
    let (kind, shape) = (kind?, shape_at(service, answer, selector)?);
    let fits = match (kind, shape.kind.as_str()) {
        (_, "any") => true,
        (ValueType::String, kind) => !matches!(kind, "structure" | "map" | "list"),
        (ValueType::Boolean, kind) => kind == "boolean",
        (ValueType::Integer, kind) => matches!(kind, "integer" | "long" | "float" | "double"),
        (ValueType::StringList | ValueType::MapList, kind) => kind == "list",
        (ValueType::StringMap, kind) => matches!(kind, "structure" | "map"),
    };
    (!fits).then(|| {
        format!(
            "`{selector}` selects {} from the answer of `{name}`, not a {}",
            word(&shape.kind),
            kind.as_str()
        )
    })
}

/// What is wrong with the values that a property is to have.
pub(super) fn desired(service: &Service, name: &str, selector: &str, desired: &[Value]) -> Option<String> {
    let answer = service.operations.get(name)?.output.as_deref()?;
    let shape = shape_at(service, answer, selector)?;
    if desired.iter().any(unknown::is_in) {
        return None;
    }
    let texts: Vec<&str> = desired.iter().filter_map(Value::as_str).collect();
    if shape.kind == "boolean" {
        let wrong = texts.iter().find(|text| !matches!(**text, "True" | "False"))?;
        return Some(format!("`{selector}` is a Boolean: write True or False, `{wrong}` equals neither"));
    }
    let listed = |text: &&&str| shape.words.iter().any(|word| word == **text);
    (!shape.words.is_empty() && !texts.is_empty() && !texts.iter().any(|text| listed(&text))).then(|| {
        format!("`{selector}` is never one of {}: the API lists {}", texts.join(", "), shape.words.join(", "))
    })
}

struct Check<'m> {
    service: &'m Service,
    name: &'m str,
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn fails(&mut self, message: String) {
        self.problems.push(Problem { fails: true, message });
    }

    fn may_fail(&mut self, message: String) {
        self.problems.push(Problem { fails: false, message });
    }

    fn structure(&mut self, shape: &Shape, given: &Map<String, Value>, path: &str, depth: usize) {
        for required in shape.required.iter().filter(|name| !given.contains_key(*name)) {
            self.fails(format!("`{}` demands `{path}{required}`", self.name));
        }
        for (name, value) in given {
            match shape.members.get(name) {
                Some(member) => self.value(member, value, &format!("{path}{name}"), depth + 1),
                None => self.fails(format!("`{}` has no parameter `{path}{name}`", self.name)),
            }
        }
    }

    fn value(&mut self, shape: &str, value: &Value, path: &str, depth: usize) {
        let Some(shape) = self.service.shapes.get(shape).filter(|_| depth <= MAX_DEPTH) else { return };
        match unknown::kind_of(value) {
            Some(Kind::Of(kind)) if !fits(kind, &shape.kind) => {
                return self.may_fail(format!(
                    "`{path}` of `{}` is {}, a {}, and the API wants {}",
                    self.name,
                    unknown::shown_text(value.as_str().unwrap_or_default()),
                    kind.as_str(),
                    word(&shape.kind)
                ));
            }
            Some(_) => return,
            None => {}
        }
        let wanted = word(&shape.kind);
        match (shape.kind.as_str(), value) {
            ("any", _) => {}
            ("structure", Value::Object(given)) => self.structure(shape, given, &format!("{path}."), depth),
            ("map", Value::Object(members)) => {
                let Some(of) = &shape.of else { return };
                for (name, member) in members {
                    self.value(of, member, &format!("{path}.{name}"), depth + 1);
                }
            }
            ("list", Value::Array(items)) => {
                let Some(of) = &shape.of else { return };
                for (index, item) in items.iter().enumerate() {
                    // A list that isn't known is spliced.
                    let spliced = matches!(unknown::kind_of(item), Some(Kind::Of(kind)) if kind.is_list());
                    if !spliced {
                        self.value(of, item, &format!("{path}[{index}]"), depth + 1);
                    }
                }
            }
            // Documents of AWS's own do this; boto3 refuses it, and nobody says what the service does.
            (kind, Value::Array(items)) if items.len() == 1 && !matches!(kind, "structure" | "map") => {
                self.may_fail(format!("`{path}` of `{}` is a list, and the API wants {wanted}", self.name));
            }
            (kind, value) => {
                if !takes(kind, value) {
                    let message = format!(
                        "`{path}` of `{}` is `{}`, and the API wants {wanted}",
                        self.name,
                        unknown::shown(value)
                    );
                    self.fails(message);
                } else if let Some(text) = value.as_str()
                    && !shape.words.is_empty()
                    && !text.is_empty()
                    && !unknown::is_in(value)
                    && !shape.words.iter().any(|word| word == text)
                {
                    self.may_fail(format!(
                        "`{path}` of `{}` is `{text}`, which the API doesn't list",
                        self.name
                    ));
                }
            }
        }
    }
}

fn fits(kind: ValueType, shape: &str) -> bool {
    match shape {
        "structure" | "map" => kind == ValueType::StringMap,
        "list" => kind.is_list(),
        "boolean" => kind == ValueType::Boolean,
        "integer" | "long" | "float" | "double" => kind == ValueType::Integer,
        "any" => true,
        _ => kind == ValueType::String,
    }
}
