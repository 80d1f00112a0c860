//! Which names in a script are boto3 clients, and of which services: those that are made, renamed, handed to functions
//! and returned by them.

use std::collections::{BTreeMap, BTreeSet};

use super::scripts::{last_name, made, quoted, split_arguments};

/// How often what was learnt is used to learn more: a client goes through few hands.
const ROUNDS: usize = 6;

/// As many functions, calls of each, and assignments are looked at: no script of 64 KiB that people write has more, and
/// one that has must not take long.
const MOST_FUNCTIONS: usize = 200;
const MOST_CALLS: usize = 200;
const MOST_ASSIGNMENTS: usize = 3_000;

/// The longest statement or argument list that is read to its end, in bytes.
pub(super) const LONGEST: usize = 8 * 1024;

/// What the names of a script stand for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Clients<'s> {
    /// The services by the name of a client.
    pub(super) named: BTreeMap<&'s str, BTreeSet<&'s str>>,
    /// The functions that return a client.
    makers: BTreeMap<&'s str, Maker<'s>>,
}

/// What the client of a function is of.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Maker<'s> {
    /// These services.
    Of(BTreeSet<&'s str>),
    /// The service that an argument names: by its place and its name.
    Argument(usize, &'s str),
}

struct Function<'s> {
    name: &'s str,
    parameters: Vec<&'s str>,
    body: &'s str,
}

impl<'s> Clients<'s> {
    pub(super) fn of(script: &'s str) -> Self {
        let functions = functions(script);
        let mut clients = Self::default();
        for _ in 0..ROUNDS {
            let before = (clients.named.clone(), clients.makers.len());
            clients.learn_makers(&functions);
            clients.learn_assignments(script);
            clients.learn_arguments(script, &functions);
            if before == (clients.named.clone(), clients.makers.len()) {
                break;
            }
        }
        clients
    }

    /// The services of an expression, if it is a client.
    pub(super) fn services(&self, expression: &'s str) -> BTreeSet<&'s str> {
        let expression = expression.trim();
        let name = expression.strip_prefix("self.").unwrap_or(expression);
        if let Some(services) = self.named.get(name) {
            return services.clone();
        }
        if let Some((before, arguments)) = made(expression).next()
            && is_chain(before)
        {
            let (_, after) = split_arguments(arguments);
            return quoted(arguments).into_iter().filter(|_| after.trim().is_empty()).collect();
        }
        let Some((function, arguments)) = name.split_once('(') else { return BTreeSet::new() };
        let (arguments, after) = split_arguments(arguments);
        if after.trim().is_empty() { self.made_by(function.trim(), arguments) } else { BTreeSet::new() }
    }

    /// The services of what a function returns when it is called like this.
    pub(super) fn made_by(&self, function: &str, arguments: &'s str) -> BTreeSet<&'s str> {
        match self.makers.get(function) {
            None => BTreeSet::new(),
            Some(Maker::Of(services)) => services.clone(),
            Some(Maker::Argument(place, name)) => {
                argument(arguments, *place, name).and_then(quoted).into_iter().collect()
            }
        }
    }

    /// The functions that return clients.
    pub(super) fn makers(&self) -> impl Iterator<Item = &'s str> {
        self.makers.keys().copied()
    }

    fn learn_makers(&mut self, functions: &[Function<'s>]) {
        for Function { name, parameters, body } in functions {
            for (index, word) in body.match_indices("return ") {
                let returned = body.get(index + word.len()..).unwrap_or_default();
                let services = self.services(statement(returned));
                if !services.is_empty() {
                    self.makers.insert(name, Maker::Of(services));
                    continue;
                }
                let Some((before, arguments)) = made(statement(returned)).next() else { continue };
                let given = split_arguments(arguments).0;
                let service = argument(given, 0, "service_name").map(str::trim);
                let place = parameters.iter().position(|parameter| Some(*parameter) == service);
                if let (Some(place), false) = (place, before.contains('\n'))
                    && let Some(parameter) = parameters.get(place)
                {
                    self.makers.insert(name, Maker::Argument(place, parameter));
                }
            }
        }
    }

    fn learn_assignments(&mut self, script: &'s str) {
        for (index, _) in script.match_indices('=').take(MOST_ASSIGNMENTS) {
            let (before, after) = script.split_at(index);
            let after = after.get(1..).unwrap_or_default();
            if after.starts_with('=') || before.ends_with(['=', '!', '<', '>', '+', '-', '*', '/', '%', ':'])
            {
                continue;
            }
            let line = before.rsplit('\n').next().unwrap_or(before);
            // `x: Client = …`; what is in parentheses is an argument.
            if line.matches(['(', '[']).count() > line.matches([')', ']']).count() {
                continue;
            }
            let target = line.split_once(':').map_or(line, |(target, _)| target);
            // `ec2, s3 = boto3.client('ec2'), boto3.client('s3')`
            let mut values = after;
            for target in target.split(',') {
                let (name, value) = (last_name(target.trim_end()), statement(values));
                let services = self.services(value);
                if !name.is_empty() && !services.is_empty() {
                    self.named.entry(name).or_default().extend(services);
                }
                values =
                    values.get(value.len()..).and_then(|rest| rest.strip_prefix(',')).unwrap_or_default();
            }
        }
    }

    /// Clients that are handed to functions.
    fn learn_arguments(&mut self, script: &'s str, functions: &[Function<'s>]) {
        for Function { name, parameters, .. } in functions {
            for (index, _) in script.match_indices(name).take(MOST_CALLS) {
                let (before, after) = script.split_at(index);
                let Some(given) =
                    after.get(name.len()..).and_then(|rest| rest.trim_start().strip_prefix('('))
                else {
                    continue;
                };
                if before.trim_end().ends_with("def") || ends_in_word(before) {
                    continue;
                }
                let given = split_arguments(given).0;
                for (place, parameter) in parameters.iter().enumerate() {
                    let services = argument(given, place, parameter).map(|text| self.services(text));
                    if let Some(services) = services.filter(|services| !services.is_empty()) {
                        self.named.entry(parameter).or_default().extend(services);
                    }
                }
            }
        }
    }
}

pub(super) fn ends_in_word(text: &str) -> bool {
    text.ends_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// The functions of a script. `self` is no parameter that a call gives.
fn functions(script: &str) -> Vec<Function<'_>> {
    script
        .match_indices("def ")
        .filter(|(index, _)| !ends_in_word(script.get(..*index).unwrap_or_default()))
        .take(MOST_FUNCTIONS)
        .filter_map(|(index, word)| {
            let (name, rest) = script.get(index + word.len()..)?.split_once('(')?;
            let name = name.trim();
            if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
                return None;
            }
            // A class is called by its own name.
            let name = if name == "__init__" { class_before(script, index)? } else { name };
            let (parameters, body) = split_arguments(rest);
            let parameters = parts(parameters)
                .into_iter()
                .map(|parameter| parameter.split([':', '=']).next().unwrap_or(parameter).trim())
                .filter(|name| !name.is_empty() && !matches!(*name, "self" | "cls" | "*" | "/"))
                .collect();
            let indent = indent_at(script, index);
            Some(Function { name, parameters, body: block(body, indent) })
        })
        .collect()
}

/// The class that the last `class` before a place begins.
fn class_before(script: &str, index: usize) -> Option<&str> {
    let (_, rest) = script.get(..index)?.rsplit_once("class ")?;
    let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_'))?;
    rest.get(..end).filter(|name| !name.is_empty())
}

/// Whether a text is nothing but names and calls joined by dots, such as `boto3.Session(region_name=r)`.
fn is_chain(text: &str) -> bool {
    let mut depth = 0_usize;
    text.trim().chars().all(|letter| {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => return depth > 0 || letter.is_alphanumeric() || letter == '_' || letter == '.',
        }
        true
    })
}

/// How far the line is indented that holds a place.
fn indent_at(script: &str, index: usize) -> usize {
    let before = script.get(..index).unwrap_or_default();
    before.rsplit('\n').next().map_or(0, |line| line.len() - line.trim_start().len())
}

/// What is indented deeper, up to the first line that isn't.
fn block(body: &str, indent: usize) -> &str {
    let mut end = 0;
    for (number, line) in body.split_inclusive('\n').enumerate() {
        let own = line.len() - line.trim_start().len();
        if number > 0 && !line.trim().is_empty() && own <= indent {
            break;
        }
        end += line.len();
    }
    body.get(..end).unwrap_or(body)
}

/// A statement: up to the end of its line, further if parentheses are open.
fn statement(text: &str) -> &str {
    let mut depth = 0_usize;
    for (index, letter) in text.char_indices() {
        if index > LONGEST {
            return text.get(..index).unwrap_or(text);
        }
        match letter {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' | '\n' | ';' | '#' | ',' if depth == 0 => {
                return text.get(..index).unwrap_or(text);
            }
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
    }
    text
}

/// The parts of an argument list.
fn parts(arguments: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0_usize, 0, Vec::new());
    for (index, letter) in arguments.char_indices() {
        match letter {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                found.extend(arguments.get(start..index));
                start = index + 1;
            }
            _ => {}
        }
    }
    found.extend(arguments.get(start..));
    found
}

/// An argument by its name, or by its place.
fn argument<'s>(arguments: &'s str, place: usize, name: &str) -> Option<&'s str> {
    let parts = parts(arguments);
    let named = |part: &&'s str| {
        let (key, value) = part.split_once('=')?;
        (key.trim() == name && !value.starts_with('=')).then_some(value)
    };
    parts.iter().find_map(named).or_else(|| {
        let part = parts.get(place)?;
        // Another's name.
        let is_named = part.split_once('=').is_some_and(|(key, value)| {
            !value.starts_with('=') && key.trim().chars().all(|c| c.is_alphanumeric() || c == '_')
        });
        (!is_named).then_some(*part)
    })
}
