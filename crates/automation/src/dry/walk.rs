//! The ways through a document: each step once, by the way that goes well where there is one.

use std::{
    collections::{BTreeSet, HashSet},
    future::Future,
    pin::Pin,
};

use super::{
    DryRun,
    report::{DryStep, End, Problem, Report, ShownParameter, Verdict},
};
use crate::{
    document::{OnCancel, OnFailure, Step},
    scope::Scope,
};

/// What is known on a way.
#[derive(Clone)]
pub(super) struct State {
    pub(super) scope: Scope,
    /// Whether something may have been changed: then what is there now says nothing of what will be.
    pub(super) changed: bool,
    /// Whether no answer decides about this way, as long as every step goes well.
    pub(super) certain: bool,
    /// Whether a step that counts has failed.
    broken: bool,
}

impl State {
    pub(super) fn new(scope: Scope) -> Self {
        Self { scope, changed: false, certain: true, broken: false }
    }
}

/// How a step goes.
pub(super) struct Outcome {
    pub(super) entry: DryStep,
    /// Where a branch, or a step that leaves its loop, may lead: the step and the condition.
    pub(super) jumps: Vec<(String, String)>,
    /// Whether it may go on as its own fields say.
    pub(super) goes_on: bool,
    pub(super) may_fail: bool,
}

/// Where the ways through a list of steps lead.
#[derive(Default)]
pub(super) struct Exits {
    /// Past the last step, or to an `isEnd`.
    pub(super) ended: Vec<State>,
    /// To steps outside the list.
    pub(super) left: Vec<(String, String, State)>,
}

/// A step to look at, and why.
struct Open {
    at: usize,
    way: String,
    state: State,
}

pub(super) struct Walk<'r> {
    pub(super) plan: &'r DryRun<'r>,
    /// What is wrong with the document as a whole.
    pub(super) problems: Vec<Problem>,
    seen: HashSet<&'r str>,
    steps: Vec<DryStep>,
    ends: BTreeSet<End>,
}

impl<'r> Walk<'r> {
    pub(super) fn new(plan: &'r DryRun<'r>) -> Self {
        Self { plan, problems: Vec::new(), seen: HashSet::new(), steps: Vec::new(), ends: BTreeSet::new() }
    }

    pub(super) async fn document(&mut self, state: State) {
        self.list(&self.plan.document.steps, "first", state).await;
    }

    pub(super) fn report(self, parameters: Vec<ShownParameter>, assume_role: Option<String>) -> Report {
        let fails =
            self.problems.iter().any(|problem| problem.fails) || self.steps.iter().any(DryStep::fails);
        let all = self.plan.document.all_steps();
        let never = all.iter().filter(|step| !self.seen.contains(step.name.as_str()));
        Report {
            verdict: if fails { Verdict::Fails } else { Verdict::Passes },
            parameters,
            assume_role,
            problems: self.problems,
            never_reached: never.map(|step| step.name.clone()).collect(),
            steps: self.steps,
            ends: self.ends.into_iter().collect(),
            apis_checked: self.plan.models.is_some(),
        }
    }

    /// Walks a list of steps: the document's, or a loop's.
    pub(super) fn list<'w>(
        &'w mut self,
        steps: &'r [Step],
        way: &'w str,
        state: State,
    ) -> Pin<Box<dyn Future<Output = Exits> + 'w>>
    where
        'r: 'w,
    {
        Box::pin(async move {
            let mut exits = Exits::default();
            let inside = !std::ptr::eq(steps, self.plan.document.steps.as_slice());
            let mut open = vec![Open { at: 0, way: way.to_owned(), state }];
            while let Some(Open { at, way, mut state }) = open.pop() {
                let Some(step) = steps.get(at) else {
                    exits.ended.push(state);
                    continue;
                };
                if !self.seen.insert(&step.name) {
                    continue;
                }
                let place = self.steps.len();
                let before = state.clone();
                let mut outcome = self.step(step, way, &mut state).await;
                let mut next = Vec::new();
                let fails = outcome.entry.fails();
                if let OnCancel::Step(name) = &step.on_cancel {
                    next.push((
                        To::Step(name),
                        format!("if `{}` is cancelled", step.name),
                        doubtful(&before),
                    ));
                }
                if outcome.may_fail || fails {
                    let failed = State { broken: before.broken || step.is_critical, ..doubtful(&before) };
                    let failed = State { changed: state.changed, ..failed };
                    let way = format!("if `{}` fails", step.name);
                    match &step.on_failure {
                        OnFailure::Abort if inside => {}
                        OnFailure::Abort => {
                            let status = if failed.broken { "Failed" } else { "Success" };
                            self.ends.insert(End { status, at: step.name.clone() });
                        }
                        OnFailure::Continue => next.push((To::after(step), way, failed)),
                        OnFailure::Step(name) => next.push((To::Step(name), way, failed)),
                    }
                }
                if !fails {
                    let sure = state.certain && outcome.jumps.len() + usize::from(outcome.goes_on) <= 1;
                    let state = State { certain: sure, ..state };
                    let on = outcome
                        .goes_on
                        .then(|| (To::after(step), format!("after `{}`", step.name), state.clone()));
                    let jumps =
                        outcome.jumps.iter().rev().map(|(name, why)| {
                            (To::Step(name), format!("`{}` {why}", step.name), state.clone())
                        });
                    // A branch goes on if no choice holds; a loop is left for something out of the ordinary.
                    if step.action == "aws:loop" {
                        next.extend(jumps.chain(on));
                    } else {
                        next.extend(on.into_iter().chain(jumps));
                    }
                }
                for (to, way, state) in next {
                    let target = match to {
                        To::Next => steps.get(at + 1).map(|_| at + 1),
                        To::Step(name) => match steps.iter().position(|step| step.name == name) {
                            None => {
                                outcome.entry.next.push(format!("{name} ({way})"));
                                exits.left.push((name.to_owned(), way, state));
                                continue;
                            }
                            found => found,
                        },
                        To::End => None,
                    };
                    match target {
                        Some(at) => {
                            let name = steps.get(at).map_or("", |step| step.name.as_str());
                            outcome.entry.next.push(format!("{name} ({way})"));
                            open.push(Open { at, way, state });
                        }
                        None if inside => exits.ended.push(state),
                        None => {
                            let status = match () {
                                () if way.ends_with("is cancelled") => "Cancelled",
                                () if state.broken => "Failed",
                                () => "Success",
                            };
                            self.ends.insert(End { status, at: step.name.clone() });
                        }
                    }
                }
                outcome.entry.next.reverse();
                // Before the steps of a loop, which were looked at meanwhile.
                self.steps.insert(place, outcome.entry);
            }
            exits
        })
    }
}

/// A way that isn't the one on which all goes well.
fn doubtful(state: &State) -> State {
    State { certain: false, ..state.clone() }
}

enum To<'s> {
    End,
    Next,
    Step(&'s str),
}

impl<'s> To<'s> {
    fn after(step: &'s Step) -> Self {
        match &step.next_step {
            _ if step.is_end => Self::End,
            Some(name) => Self::Step(name),
            None => Self::Next,
        }
    }
}
