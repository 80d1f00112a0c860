//! Steps against botocore's models of the APIs that they call.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    actions,
    finding::{Code, Findings, hint},
    outline::{Outline, Step},
};
use crate::{
    document::{
        Document, ValueType,
        node::{Kind, Node},
    },
    models::{Models, Operation, Service, Shape, lacks, takes, word},
    names::snake_case,
    template::{Reference, references},
};

impl Service {
    /// The name of an operation, however it is spelt.
    pub(crate) fn name_of(&self, api: &str) -> Option<&str> {
        let wanted = squeezed(api);
        self.names.iter().find(|name| squeezed(name) == wanted).map(String::as_str)
    }
}

/// How deep values are looked into; the shapes of some services are recursive.
const MAX_DEPTH: usize = 40;

impl Models {
    /// Reads the answer of `models.py`.
    ///
    /// # Errors
    /// If it isn't one.
    pub fn from_json(answer: Value) -> Result<Self, serde_json::Error> {
        serde_json::from_value(answer)
    }

    fn operation(&self, service: &str, api: &str) -> Option<(&Service, &Operation)> {
        let service = self.services.get(service)?.as_ref()?;
        Some((service, service.operations.get(service.name_of(api)?)?))
    }
}

/// Without what the spellings of an operation differ in.
fn squeezed(name: &str) -> String {
    name.chars().filter(|c| *c != '_').map(|c| c.to_ascii_lowercase()).collect()
}

pub(super) fn check(outline: &Outline<'_>, models: &Models, found: &mut Findings) {
    for step in &outline.steps {
        if actions::find(step.action).is_some_and(|action| action.api) {
            call(outline, step, models, found);
        }
    }
}

/// Whether the calls of scripts exist. Which text of a script is a call is a guess, so these are warnings.
pub(super) fn check_scripts(
    outline: &Outline<'_>,
    document: &Document,
    models: &Models,
    found: &mut Findings,
) {
    let mut told = BTreeSet::new();
    for call in crate::iam::calls(document).into_iter().filter(|call| call.in_script) {
        let place =
            outline.step(&call.step).and_then(|(_, step)| step.input("Script")).map(|node| node.place);
        let (Some(place), true) =
            (place, told.insert((call.step.clone(), call.service.clone(), call.api.clone())))
        else {
            continue;
        };
        match models.services.get(&call.service) {
            None => {}
            Some(None) => {
                let hint = hint(&call.service, models.names.iter().map(String::as_str));
                let message = format!(
                    "the script of step `{}` uses service `{}`, which boto3 doesn't have{hint}",
                    call.step, call.service
                );
                found.add(Code::UnknownScriptApi, place, message, "use boto3's name of the service");
            }
            Some(Some(service)) if service.name_of(&call.api).is_some() => {}
            Some(Some(_)) => {
                let method = snake_case(&call.api);
                let message = format!(
                    "the script of step `{}` calls `{method}`, which `{}` doesn't have",
                    call.step, call.service
                );
                found.add(Code::UnknownScriptApi, place, message, "use boto3's name of the method");
            }
        }
    }
}

fn call(outline: &Outline<'_>, step: &Step<'_>, models: &Models, found: &mut Findings) {
    let text = |name: &str| {
        step.input(name)
            .and_then(|node| Some((node.place, node.as_text()?.trim())))
            .filter(|(_, text)| !text.contains("{{"))
    };
    let (Some((service_at, written)), Some((api_at, api))) = (text("Service"), text("Api")) else { return };
    let name = written.to_ascii_lowercase();
    let service = match models.services.get(&name) {
        None => return,
        Some(None) => {
            let hint = hint(&name, models.names.iter().map(String::as_str));
            let message = format!("boto3 has no service `{written}`{hint}");
            return found.add(
                Code::UnknownService,
                service_at,
                message,
                "use boto3's name of the service, such as `rds`",
            );
        }
        Some(Some(service)) => service,
    };
    let Some((_, operation)) = models.operation(&name, api) else {
        let hint = hint(api, service.names.iter().map(String::as_str));
        let message = format!("`{name}` has no API `{api}`{hint}");
        return found.add(
            Code::UnknownApi,
            api_at,
            message,
            "use the API's name, such as `DescribeInstances`",
        );
    };
    let own: &[&str] = if step.action == "aws:executeAwsApi" {
        &["Service", "Api"]
    } else {
        &["Service", "Api", "PropertySelector", "DesiredValues"]
    };
    let given = step.inputs.map(Node::members).unwrap_or_default();
    let given: Vec<_> = given.iter().filter(|(key, _)| !own.contains(&key.name.as_str())).collect();
    let check = Check { outline, service, api, found };
    let Some(input) = operation.input.as_deref().and_then(|shape| service.shapes.get(shape)) else {
        for (key, _) in given {
            let message = format!("`{api}` has no parameters, so no `{}`", key.name);
            check.found.add(Code::UnknownApiParameter, key.place, message, "remove it");
        }
        return outputs(step, service, operation, api, found);
    };
    let mut check = check;
    check.structure(input, step.inputs.map_or(step.at, |inputs| inputs.place), &given, "", 0);
    outputs(step, service, operation, api, found);
}

struct Check<'c, 'n> {
    outline: &'c Outline<'n>,
    service: &'c Service,
    api: &'c str,
    found: &'c mut Findings,
}

impl Check<'_, '_> {
    fn structure(
        &mut self,
        shape: &Shape,
        at: crate::document::Place,
        given: &[&(crate::document::node::Spot, Node)],
        path: &str,
        depth: usize,
    ) {
        for required in &shape.required {
            if !given.iter().any(|(key, node)| key.name == *required && !node.is_null()) {
                let message = format!("`{}` demands `{path}{required}`", self.api);
                self.found.add(Code::MissingApiParameter, at, message, "add it");
            }
        }
        for (key, node) in given.iter().map(|pair| (&pair.0, &pair.1)) {
            let Some(member) = shape.members.get(&key.name) else {
                let hint = hint(&key.name, shape.members.keys().map(String::as_str));
                let message = format!("`{}` has no parameter `{path}{}`{hint}", self.api, key.name);
                self.found.add(Code::UnknownApiParameter, key.place, message, "remove or rename it");
                continue;
            };
            self.value(member, node, &format!("{path}{}", key.name), depth + 1);
        }
    }

    fn value(&mut self, shape: &str, node: &Node, path: &str, depth: usize) {
        let Some(shape) = self.service.shapes.get(shape) else { return };
        if depth > MAX_DEPTH || node.is_null() {
            return;
        }
        if let Some(text) = node.as_text().filter(|text| text.contains("{{")) {
            return self.reference(shape, text, node, path);
        }
        let wrong = |check: &mut Self, code: Code, what: &str| {
            let message =
                format!("`{path}` of `{}` is {}, and the API wants {what}", check.api, node.kind_word());
            check.found.add(code, node.place, message, format!("give {what}"));
        };
        match (shape.kind.as_str(), &node.kind) {
            ("any", _) => {}
            ("structure", Kind::Map(members)) => {
                self.structure(
                    shape,
                    node.place,
                    &members.iter().collect::<Vec<_>>(),
                    &format!("{path}."),
                    depth,
                );
            }
            ("map", Kind::Map(members)) => {
                let Some(of) = &shape.of else { return };
                for (key, value) in members {
                    self.value(of, value, &format!("{path}.{}", key.name), depth + 1);
                }
            }
            ("list", Kind::List(items)) => {
                let Some(of) = &shape.of else { return };
                for (index, item) in items.iter().enumerate() {
                    // A reference to a list is spliced.
                    if self.type_of(item.as_text().unwrap_or_default()).is_some_and(ValueType::is_list) {
                        continue;
                    }
                    self.value(of, item, &format!("{path}[{index}]"), depth + 1);
                }
            }
            ("structure" | "map", _) => wrong(self, Code::WrongApiType, "a map"),
            ("list", Kind::Scalar(_)) => wrong(self, Code::LooseApiType, "a list"),
            ("list", _) => wrong(self, Code::WrongApiType, "a list"),
            (kind, Kind::List(items)) if items.len() == 1 => wrong(self, Code::LooseApiType, word(kind)),
            (kind, Kind::Map(_) | Kind::List(_)) => wrong(self, Code::WrongApiType, word(kind)),
            (kind, Kind::Scalar(value)) => {
                if !takes(kind, value) {
                    wrong(self, Code::LooseApiType, word(kind));
                } else if !shape.words.is_empty()
                    && let Some(text) = value.as_str()
                    && !shape.words.iter().any(|word| word == text)
                {
                    let hint = hint(text, shape.words.iter().map(String::as_str));
                    let message =
                        format!("`{path}` of `{}` is `{text}`, which the API doesn't list{hint}", self.api);
                    let first: Vec<&str> = shape.words.iter().take(8).map(String::as_str).collect();
                    self.found.add(
                        Code::UnlistedApiValue,
                        node.place,
                        message,
                        format!("use {}", first.join(", ")),
                    );
                }
            }
        }
    }

    /// A value that is known only when the step runs: its type may be known now.
    fn reference(&mut self, shape: &Shape, text: &str, node: &Node, path: &str) {
        let Some(kind) = self.type_of(text) else { return };
        let fits = match shape.kind.as_str() {
            "structure" | "map" => kind == ValueType::StringMap,
            "list" => kind.is_list(),
            "boolean" => kind == ValueType::Boolean,
            "integer" | "long" | "float" | "double" => kind == ValueType::Integer,
            "any" => true,
            _ => kind == ValueType::String,
        };
        if !fits {
            let message = format!(
                "`{path}` of `{}` is `{text}`, a {}, and the API wants {}",
                self.api,
                kind.as_str(),
                word(&shape.kind)
            );
            self.found.add(Code::LooseApiType, node.place, message, "declare the type that the API wants");
        }
    }

    /// The type of a text that is nothing but a reference.
    fn type_of(&self, text: &str) -> Option<ValueType> {
        let inner = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
        if inner.contains("{{") {
            return None;
        }
        match references(&Value::from(text)).as_slice() {
            [Reference::Parameter(name)] => {
                self.outline.parameters.iter().find(|known| known.name == name)?.kind
            }
            [Reference::Variable(name)] => {
                self.outline.variables.iter().find(|known| known.name == name)?.kind
            }
            [Reference::Output { step, output }] => {
                let (_, step) = self.outline.step(step)?;
                step.outputs.iter().find(|declared| declared.name == output).map(|declared| declared.kind)
            }
            [Reference::Global(_) | Reference::Automation(_)] => Some(ValueType::String),
            _ => None,
        }
    }
}

/// Whether the selectors of a step select what the API's answer has, as far as they are plain paths.
fn outputs(step: &Step<'_>, service: &Service, operation: &Operation, api: &str, found: &mut Findings) {
    let property = step.input("PropertySelector").and_then(|node| Some((node.place, node.as_text()?)));
    let Some(answer) = operation.output.as_deref() else { return };
    for (at, selector) in step.outputs.iter().filter_map(|output| output.selector).chain(property) {
        if let Some(missing) = lacks(service, answer, selector) {
            let message = format!(
                "the answer of `{api}` has no `{}`, which `{selector}` selects{}",
                missing.0, missing.1
            );
            found.add(Code::UnknownApiOutput, at, message, "see the API's response");
        }
    }
}
