//! Where steps lead: which can be reached, from which an end can be, and which run before which.

use std::collections::HashSet;

use super::{
    finding::{Code, Findings, hint},
    outline::{Outline, Step},
};

/// Where each step may lead, by index, and which may be the last.
pub(super) struct Flow {
    ways: Vec<Vec<usize>>,
    ends: Vec<bool>,
    pub(super) reached: HashSet<usize>,
}

impl Flow {
    pub(super) fn of(outline: &Outline<'_>) -> Self {
        let (mut ways, mut ends) = (Vec::new(), Vec::new());
        for (index, step) in outline.steps.iter().enumerate() {
            let (to, end) = leads(outline, index, step);
            ways.push(to);
            ends.push(end);
        }
        let mut flow = Self { ways, ends, reached: HashSet::new() };
        if !outline.steps.is_empty() {
            flow.reached = flow.from(0);
            flow.reached.insert(0);
        }
        flow
    }

    /// The steps that may run after one; the step itself only if it may run again.
    fn from(&self, index: usize) -> HashSet<usize> {
        let mut reached = HashSet::new();
        let mut open = self.ways.get(index).cloned().unwrap_or_default();
        while let Some(next) = open.pop() {
            if reached.insert(next) {
                open.extend(self.ways.get(next).into_iter().flatten());
            }
        }
        reached
    }

    /// Whether one step may run after another. Of documents with more steps than real ones have, all may.
    pub(super) fn may_follow(&self, first: usize, then: usize) -> bool {
        self.ways.len() > 500 || self.from(first).contains(&then)
    }

    /// The first step that can be reached and from which no end can be.
    fn endless(&self) -> Option<usize> {
        let mut back = vec![Vec::new(); self.ways.len()];
        for (from, ways) in self.ways.iter().enumerate() {
            for to in ways {
                back.get_mut(*to).into_iter().for_each(|list| list.push(from));
            }
        }
        let mut ending = HashSet::new();
        let mut open: Vec<usize> =
            self.ends.iter().enumerate().filter(|(_, ends)| **ends).map(|(index, _)| index).collect();
        while let Some(index) = open.pop() {
            if ending.insert(index) {
                open.extend(back.get(index).into_iter().flatten());
            }
        }
        let mut stuck: Vec<usize> = (0..self.ways.len())
            .filter(|index| self.reached.contains(index) && !ending.contains(index))
            .collect();
        stuck.truncate(500);
        // Where the going round begins, rather than what leads there.
        stuck.iter().find(|index| self.from(**index).contains(index)).or(stuck.first()).copied()
    }
}

/// The steps that a step may lead to, and whether it may be the last. What ends a loop's pass leads to the loop.
fn leads(outline: &Outline<'_>, index: usize, step: &Step<'_>) -> (Vec<usize>, bool) {
    let mut ways = Vec::new();
    let to = |name: &str| outline.step(name).map(|(index, _)| index);
    ways.extend(step.targets().iter().filter_map(|(_, name)| to(name)));
    let branches = step.branch_targets();
    ways.extend(branches.iter().filter_map(|(_, name)| to(name)));
    let decided = step.action == "aws:branch"
        && step.input("Default").and_then(|node| node.as_text()).is_some_and(|name| !name.trim().is_empty());
    let jumps = step.node.get("nextStep").is_some() && !step.flag("isEnd");
    let mut end = false;
    if !decided && !jumps {
        match (step.flag("isEnd"), step.after, step.parent) {
            (false, Some(after), _) => ways.push(after),
            (_, _, Some(parent)) => ways.push(parent),
            (_, _, None) => end = true,
        }
    }
    // A target that doesn't exist is a finding of its own; it is no proof of a loop.
    end |= jumps && step.targets().iter().any(|(_, name)| to(name).is_none());
    ways.extend(step.first);
    ways.retain(|to| *to != index || step.action != "aws:loop");
    (ways, end)
}

pub(super) fn check(outline: &Outline<'_>, flow: &Flow, found: &mut Findings) {
    for (index, step) in outline.steps.iter().enumerate() {
        let branches = step.branch_targets();
        for (at, name) in step.targets().iter().chain(&branches) {
            if name.is_empty() || name.contains("{{") {
                let message = format!("step `{}` leads to `{name}`; a target is a plain name", step.name);
                found.add(Code::UnknownStep, *at, message, "name a step of this document");
            } else if outline.step(name).is_none() {
                let names = outline.steps.iter().map(|step| step.name);
                let message = format!(
                    "step `{}` leads to step `{name}`, which doesn't exist{}",
                    step.name,
                    hint(name, names)
                );
                found.add(Code::UnknownStep, *at, message, "name a step of this document, or add the step");
            }
        }
        if !flow.reached.contains(&index) {
            found.add(
                Code::UnreachableStep,
                step.at,
                format!("no way leads to step `{}`", step.name),
                "lead to it with `nextStep`, a choice or `onFailure`, or remove it",
            );
        }
    }
    if let Some(step) = flow.endless().and_then(|index| outline.steps.get(index)) {
        found.add(
            Code::EndlessLoop,
            step.at,
            format!("from step `{}` on, the steps repeat without a way out", step.name),
            "add a way out, such as a branch, `isEnd` or `onFailure: step:NAME`",
        );
    }
}
