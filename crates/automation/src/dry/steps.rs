//! One step of a dry run: its inputs filled in and checked, what it would do, and where it may lead.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    api,
    known::Known,
    may_change,
    report::{DryCall, DryStep, Problem},
    unknown,
    walk::{Outcome, State, Walk},
};
use crate::{
    actions::{self, sleep, update_variable},
    choices,
    condition::Condition,
    document::{Count, Document, OnFailure, Step, ValueType},
    iam,
    lint::actions as listed,
    parameters::{WireParameters, text, to_wire},
    template::{substitute, substitute_map},
};

impl<'r> Walk<'r> {
    /// Looks at a step; `state` becomes what is known after it, if it goes well.
    pub(super) async fn step(&mut self, step: &'r Step, way: String, state: &mut State) -> Outcome {
        let document = self.plan.document;
        let mut look = Look::at(step, way, state, document);
        let inputs = look.inputs();
        look.limits();
        look.listed_inputs(&inputs);
        let mut outputs = look.declared();
        let (mut jumps, mut goes_on) = (Vec::new(), true);
        match step.action.as_str() {
            "aws:branch" => (jumps, goes_on) = look.branch(&inputs),
            "aws:executeAwsApi" | "aws:assertAwsResourceProperty" | "aws:waitForAwsResourceProperty" => {
                if let Some(read) = api::call(self.plan, &mut look, &inputs, state).await {
                    outputs.extend(read);
                }
            }
            "aws:loop" => {
                let inner = look.looped(&inputs, state);
                // Entries of the steps inside come after the loop's own.
                let exits = self.list(&step.steps, &format!("in loop `{}`", step.name), inner).await;
                goes_on = !exits.ended.is_empty();
                if let Some(ended) = exits.ended.into_iter().next() {
                    look.condition(&ended);
                    state.scope.outputs.extend(ended.scope.outputs);
                    state.scope.variables.extend(ended.scope.variables);
                    state.changed |= ended.changed;
                    state.certain &= ended.certain;
                }
                jumps = exits.left.into_iter().map(|(name, why, _)| (name, format!("left {why}"))).collect();
            }
            "aws:updateVariable" => look.variable(&inputs, state),
            "aws:sleep" => look.sleep(&inputs),
            "aws:executeAutomation" => {
                look.child(self.plan, &inputs).await;
                state.changed = true;
            }
            _ => {}
        }
        look.own_calls(&inputs, state);
        state.scope.outputs.insert(step.name.clone(), outputs);
        let may_fail =
            !matches!(step.action.as_str(), "aws:branch" | "aws:sleep" | "aws:pause" | "aws:updateVariable");
        Outcome { entry: look.entry, jumps, goes_on, may_fail }
    }
}

/// A step under examination.
pub(super) struct Look<'s> {
    pub(super) step: &'s Step,
    document: &'s Document,
    /// What was known before it.
    before: State,
    pub(super) entry: DryStep,
}

impl<'s> Look<'s> {
    fn at(step: &'s Step, way: String, state: &State, document: &'s Document) -> Self {
        let entry = DryStep {
            name: step.name.clone(),
            action: step.action.clone(),
            reached: way,
            certain: state.certain,
            inputs: Map::new(),
            calls: Vec::new(),
            next: Vec::new(),
            problems: Vec::new(),
            notes: Vec::new(),
        };
        Self { step, document, before: state.clone(), entry }
    }

    pub(super) fn fails(&mut self, message: impl Into<String>) {
        self.problem(Problem { fails: true, message: message.into() });
    }

    pub(super) fn may_fail(&mut self, message: impl Into<String>) {
        self.problem(Problem { fails: false, message: message.into() });
    }

    pub(super) fn problem(&mut self, problem: Problem) {
        if !self.entry.problems.contains(&problem) {
            self.entry.problems.push(problem);
        }
    }

    pub(super) fn note(&mut self, note: impl Into<String>) {
        self.entry.notes.push(note.into());
    }

    /// The inputs, references replaced.
    fn inputs(&mut self) -> Map<String, Value> {
        let raw: &[&str] = match self.step.action.as_str() {
            "aws:loop" => &["LoopCondition", "Steps"],
            action => actions::find(action).map_or(&[], |action| action.raw_inputs()),
        };
        let before = self.before.clone();
        let known = Known::of(&before, self.document);
        let inputs = substitute_map(&self.step.inputs, raw, &known).unwrap_or_else(|error| {
            known.wrong.borrow_mut().push(error.to_string());
            self.step.inputs.clone()
        });
        self.heard(known);
        let shown = inputs.iter().filter(|(name, _)| !raw.contains(&name.as_str()));
        self.entry.inputs = shown.map(|(name, value)| (name.clone(), unknown::shown(value))).collect();
        inputs
    }

    /// A value with its references replaced, in a state that isn't this step's.
    fn filled(&mut self, value: &Value, state: &State) -> Value {
        let known = Known::of(state, self.document);
        let filled = substitute(value, &known).unwrap_or(Value::Null);
        self.heard(known);
        filled
    }

    fn heard(&mut self, known: Known<'_>) {
        for message in known.wrong.into_inner() {
            self.fails(message);
        }
        for message in known.doubtful.into_inner() {
            self.may_fail(message);
        }
    }

    /// How often and how long, where a reference says so.
    fn limits(&mut self) {
        let counts = [
            ("timeoutSeconds", self.step.timeout_seconds.clone()),
            ("maxAttempts", Some(self.step.max_attempts.clone())),
        ];
        for (name, count) in counts {
            let Some(Count::Reference(template)) = count else { continue };
            let state = self.before.clone();
            let value = self.filled(&Value::String(template), &state);
            if !unknown::is_in(&value) && text(&value).trim().parse::<u64>().is_err() {
                self.fails(format!("`{name}` is {value}, which is not a whole number"));
            }
        }
    }

    /// Whether the action exists and has its inputs.
    fn listed_inputs(&mut self, inputs: &Map<String, Value>) {
        let Some(action) = listed::find(&self.step.action) else {
            if listed::UNDOCUMENTED.contains(&self.step.action.as_str()) {
                self.note(format!("AWS doesn't document {}: what it does isn't known", self.step.action));
            } else {
                self.fails(format!("there is no action {}", self.step.action));
            }
            return;
        };
        for name in action.required {
            match inputs.get(*name) {
                None | Some(Value::Null) => self.fails(format!("required input {name} is missing")),
                Some(_) => {}
            }
        }
        if !action.api {
            let unlisted = inputs.keys().find(|name| {
                !action.required.contains(&name.as_str()) && !action.optional.contains(&name.as_str())
            });
            if let Some(name) = unlisted {
                self.may_fail(format!("{} has no input {name}", action.name));
            }
        }
        if self.step.action == "aws:executeScript" {
            self.script(inputs);
        }
    }

    fn script(&mut self, inputs: &Map<String, Value>) {
        let given = |name: &str| inputs.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let runtime = given("Runtime").unwrap_or_default().to_owned();
        let python = runtime.starts_with("python");
        if python && given("Handler").is_none() {
            self.fails("required input Handler is missing");
        }
        match (given("Script"), given("Attachment")) {
            (None, None) => self.fails("either input Script or input Attachment is required"),
            (None, Some(name)) => self.note(format!("its script is in the attached file `{name}`")),
            (Some(_), _) => {}
        }
        if !python && !runtime.is_empty() && !runtime.contains('\u{F0000}') {
            self.note(format!("its runtime is {runtime}, which local AWS doesn't run"));
        }
        if !matches!(inputs.get("InputPayload"), None | Some(Value::Object(_) | Value::Null))
            && !inputs.get("InputPayload").is_some_and(unknown::is_in)
        {
            self.fails("input InputPayload must be a map");
        }
        for output in &self.step.outputs {
            let path = output.selector.trim().trim_start_matches('$').trim_start_matches('.');
            if !(path.is_empty() || path.starts_with("Payload") || path.starts_with(['[', '\''])) {
                self.entry.problems.push(Problem {
                    fails: false,
                    message: format!(
                        "output {} selects `{}`, but what a script returns is under `$.Payload`: it finds nothing",
                        output.name, output.selector
                    ),
                });
            }
        }
    }

    /// What the step gives, as far as the document tells.
    fn declared(&self) -> BTreeMap<String, Value> {
        let name = |output: &str| format!("{}.{output}", self.step.name);
        let own = listed::find(&self.step.action).map_or(&[][..], |action| action.outputs);
        own.iter()
            .map(|output| ((*output).to_owned(), unknown::value(&name(output), None)))
            .chain([(
                "OutputPayload".to_owned(),
                unknown::value(&name("OutputPayload"), Some(ValueType::String)),
            )])
            .chain(
                self.step.outputs.iter().map(|output| {
                    (output.name.clone(), unknown::value(&name(&output.name), Some(output.kind)))
                }),
            )
            .collect()
    }

    /// The steps that a branch may choose, and whether it may choose none.
    fn branch(&mut self, inputs: &Map<String, Value>) -> (Vec<(String, String)>, bool) {
        let mut jumps = Vec::new();
        let Some(Value::Array(choices)) = inputs.get("Choices") else {
            self.fails("required input Choices is missing or not a list");
            return (jumps, false);
        };
        let step_of = |name: &str| name.strip_prefix("step:").unwrap_or(name).trim().to_owned();
        let mut decided = false;
        for choice in choices {
            let next = choice.get("NextStep").and_then(Value::as_str).map(step_of);
            match (Condition::parse(choice), next) {
                (Err(reason), _) => self.fails(reason),
                (Ok(_), None) => self.fails("a choice needs a NextStep"),
                (Ok(_), Some(_)) if decided => {}
                (Ok(condition), Some(next)) => match condition.told(&unknown::is_in) {
                    Some(false) => {}
                    Some(true) => {
                        decided = true;
                        jumps.push((next, format!("if {} (so it is)", words(&condition))));
                    }
                    None => jumps.push((next, format!("if {}", words(&condition)))),
                },
            }
        }
        if decided {
            return (jumps, false);
        }
        match inputs.get("Default").and_then(Value::as_str).filter(|name| !name.is_empty()) {
            Some(default) => {
                jumps.push((step_of(default), "by default".to_owned()));
                (jumps, false)
            }
            None => (jumps, true),
        }
    }

    /// The state in which the steps inside a loop begin: one pass stands for all.
    fn looped(&mut self, inputs: &Map<String, Value>, state: &State) -> State {
        let mut inner = state.clone();
        let name = |output: &str| format!("{}.{output}", self.step.name);
        let mut outputs = BTreeMap::from([(
            "CurrentIteration".to_owned(),
            unknown::value(&name("CurrentIteration"), Some(ValueType::Integer)),
        )]);
        let value = unknown::value(&name("CurrentIteratorValue"), Some(ValueType::String));
        if self.step.steps.is_empty() {
            self.fails("required input Steps is missing");
        }
        match (inputs.get("Iterators"), inputs.get("LoopCondition")) {
            (Some(Value::Array(values)), None) => {
                if values.len() > choices::MAX_ITERATIONS {
                    self.fails(format!("there are {} Iterators; the most is 100", values.len()));
                }
                let open = values.iter().any(unknown::is_in);
                match values.as_slice() {
                    [one] if !open => outputs.insert("CurrentIteratorValue".to_owned(), text(one).into()),
                    _ => outputs.insert("CurrentIteratorValue".to_owned(), value),
                };
                if !open {
                    self.note(format!("{} passes", values.len()));
                }
            }
            (Some(iterators), None) if unknown::is_in(iterators) => {
                outputs.insert("CurrentIteratorValue".to_owned(), value);
            }
            (Some(other), None) => self.fails(format!("Iterators must be a list, not {other}")),
            (None, Some(_)) => {}
            _ => self.fails("exactly one of Iterators and LoopCondition is required"),
        }
        inner.scope.outputs.insert(self.step.name.clone(), outputs);
        // What a pass changes isn't known in the next.
        for name in updated(&self.step.steps) {
            if let Some(variable) = self.document.variables.get(&name) {
                let value = unknown::value(&format!("variable:{name}"), Some(variable.kind));
                inner.scope.variables.insert(name, value);
            }
        }
        inner
    }

    /// The condition of a loop, after a pass.
    fn condition(&mut self, after: &State) {
        let Some(condition) = self.step.inputs.get("LoopCondition") else { return };
        let filled = self.filled(condition, after);
        if let Err(reason) = Condition::parse(&filled) {
            self.fails(reason);
        }
    }

    fn variable(&mut self, inputs: &Map<String, Value>, state: &mut State) {
        let Some(name) = inputs.get("Name").and_then(Value::as_str) else { return };
        let name = name.strip_prefix("variable:").unwrap_or(name);
        let Some(variable) = self.document.variables.get(name) else {
            return self.fails(format!("the document has no variable {name}"));
        };
        let Some(value) = inputs.get("Value") else { return };
        let fits = match unknown::kind_of(value) {
            Some(kind) => kind.may_be(|kind| kind == variable.kind),
            None => unknown::is_in(value) || update_variable::is_of(variable.kind, value),
        };
        if !fits {
            let value = unknown::shown(value);
            self.fails(format!("variable {name} is of type {}; {value} is not", variable.kind.as_str()));
        }
        // Where the document leads back, the next time round it is another value.
        let value = if goes_back(&self.document.steps) {
            unknown::value(&format!("variable:{name}"), Some(variable.kind))
        } else {
            value.clone()
        };
        state.scope.variables.insert(name.to_owned(), value);
    }

    fn sleep(&mut self, inputs: &Map<String, Value>) {
        match (inputs.get("Duration"), inputs.get("Timestamp")) {
            (Some(value), None) | (None, Some(value)) if unknown::is_in(value) => {}
            (Some(value), None) => match value.as_str().and_then(sleep::duration) {
                None => self.fails(format!("Duration {value} is not an ISO 8601 duration such as PT10M")),
                Some(length) if length > choices::LONGEST_SLEEP => {
                    self.fails("a sleep may take 604799 seconds at most");
                }
                Some(_) => {}
            },
            (None, Some(value)) if value.as_str().and_then(sleep::timestamp).is_none() => {
                self.fails(format!("Timestamp {value} is not an ISO 8601 time"));
            }
            (None, Some(_)) => {}
            _ => self.fails("exactly one of Duration and Timestamp is required"),
        }
    }

    /// The document that it starts, if it can be had: whether it takes the parameters.
    async fn child(&mut self, plan: &super::DryRun<'_>, inputs: &Map<String, Value>) {
        let Some(name) =
            inputs.get("DocumentName").filter(|name| !unknown::is_in(name)).and_then(Value::as_str)
        else {
            return self.note("which document it starts is only known when it runs");
        };
        let Some(documents) = &plan.documents else {
            return self.note(format!("starts document {name}, which isn't at hand: it was not looked into"));
        };
        let version = inputs.get("DocumentVersion").and_then(Value::as_str);
        let stored = match documents.find(name, version).await {
            Ok(stored) => stored,
            Err(error) => return self.note(format!("starts document {name}: {}", error.message)),
        };
        let given = inputs.get("RuntimeParameters").and_then(Value::as_object).cloned().unwrap_or_default();
        let (open, told): (Vec<_>, Vec<_>) = given.into_iter().partition(|(_, value)| unknown::is_in(value));
        let told: WireParameters = told.into_iter().map(|(name, value)| (name, to_wire(&value))).collect();
        let spread = ["TargetParameterName"].iter().filter_map(|name| inputs.get(*name)?.as_str());
        let mut open: Vec<String> =
            open.into_iter().map(|(name, _)| name).chain(spread.map(str::to_owned)).collect();
        let unknown: Vec<&String> =
            open.iter().filter(|name| !stored.document.parameters.contains_key(*name)).collect();
        if let Some(unknown) = unknown.first() {
            self.fails(format!("document {name} has no parameter {unknown}"));
        }
        if let Some(Value::Array(maps)) = inputs.get("TargetMaps") {
            open.extend(maps.iter().filter_map(Value::as_object).flat_map(Map::keys).cloned());
        }
        if let Err(error) = stored.document.bind_but(&told, &open) {
            self.fails(format!("document {name}: {error}"));
        }
    }

    /// What actions and scripts call of themselves; `aws:executeAwsApi` and its like have said so already.
    fn own_calls(&mut self, inputs: &Map<String, Value>, state: &mut State) {
        if listed::find(&self.step.action).is_some_and(|action| action.api) {
            return;
        }
        let filled = Step { inputs: inputs.clone(), steps: Vec::new(), ..self.step.clone() };
        for used in iam::calls_of_step(&filled) {
            let changes = may_change(&used.api);
            state.changed |= changes;
            self.entry.calls.push(DryCall {
                service: used.service,
                api: used.api,
                changes,
                in_script: used.in_script,
                made: false,
            });
        }
        if self.step.action == "aws:executeScript" {
            let notes = iam::unread_of_step(&filled);
            state.changed |= !notes.is_empty();
            self.entry.notes.extend(notes);
        }
    }
}

/// Whether a step leads to itself or to one before it.
pub(super) fn goes_back(steps: &[Step]) -> bool {
    let place = |name: &str| steps.iter().position(|step| step.name == name);
    steps.iter().enumerate().any(|(index, step)| {
        let mut targets = step.branch_targets();
        targets.extend(step.next_step.clone());
        if let OnFailure::Step(name) = &step.on_failure {
            targets.push(name.clone());
        }
        targets.iter().any(|name| place(name).is_some_and(|place| place <= index))
    })
}

/// The variables that steps update.
pub(super) fn updated(steps: &[Step]) -> Vec<String> {
    let mut names = Vec::new();
    for step in steps {
        let name =
            step.inputs.get("Name").and_then(Value::as_str).filter(|_| step.action == "aws:updateVariable");
        names.extend(name.map(|name| name.strip_prefix("variable:").unwrap_or(name).to_owned()));
        names.extend(updated(&step.steps));
    }
    names
}

/// A condition in words.
fn words(condition: &Condition) -> String {
    let joined = |conditions: &[Condition], word: &str| {
        format!("({})", conditions.iter().map(words).collect::<Vec<_>>().join(word))
    };
    match condition {
        Condition::And(conditions) => joined(conditions, " and "),
        Condition::Or(conditions) => joined(conditions, " or "),
        Condition::Not(condition) => format!("not {}", words(condition)),
        Condition::Compare { variable, operator, operand } => format!(
            "{} {} {}",
            unknown::shown_text(&text(variable)),
            operator.word(),
            unknown::shown(operand)
        ),
    }
}
