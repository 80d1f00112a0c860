//! Whether a document can come to an end.

use std::collections::{HashMap, HashSet};

use super::{DocumentError, OnFailure, Step};

/// Where a list of steps is left.
const OUT: usize = usize::MAX;

/// From every step that can be reached, an end can be. A way back through a branch or a failure is no fault as long as
/// there is another way out; that a step may fail and abort is no way out.
pub(super) fn every_step_can_end(steps: &[Step]) -> Result<(), DocumentError> {
    let places: HashMap<&str, usize> =
        steps.iter().enumerate().map(|(index, step)| (step.name.as_str(), index)).collect();
    let ways: Vec<Vec<usize>> =
        steps.iter().enumerate().map(|(index, step)| ways(step, index, steps.len(), &places)).collect();
    let ending = ending(&ways);
    let mut reached = reached(&ways);
    reached.sort_unstable();
    if let Some(step) = reached.into_iter().filter(|index| !ending.contains(index)).find_map(|i| steps.get(i))
    {
        return Err(DocumentError {
            place: step.at,
            message: format!(
                "from step `{}` on, the steps repeat without an end; add a way out, such as a branch or `isEnd`",
                step.name
            ),
        });
    }
    steps.iter().try_for_each(|step| every_step_can_end(&step.steps))
}

/// The steps that may follow one; [`OUT`] for the end and for what is outside the list.
fn ways(step: &Step, index: usize, count: usize, places: &HashMap<&str, usize>) -> Vec<usize> {
    let place = |name: &str| places.get(name).copied().unwrap_or(OUT);
    let next = if index + 1 < count { index + 1 } else { OUT };
    let written = if step.is_end { OUT } else { step.next_step.as_deref().map_or(next, place) };
    let mut ways: Vec<usize> = step.branch_targets().iter().map(|name| place(name)).collect();
    if !(step.action == "aws:branch" && has_default(step)) {
        ways.push(written);
    }
    match &step.on_failure {
        OnFailure::Step(name) => ways.push(place(name)),
        OnFailure::Continue => ways.push(written),
        OnFailure::Abort => {}
    }
    // A step inside a loop may leave it for a step of this list.
    let inside = inner_targets(step);
    ways.extend(inside.iter().filter_map(|name| places.get(name.as_str()).copied()));
    ways
}

fn has_default(step: &Step) -> bool {
    step.inputs.get("Default").and_then(serde_json::Value::as_str).is_some_and(|name| !name.trim().is_empty())
}

fn inner_targets(step: &Step) -> Vec<String> {
    let mut targets = Vec::new();
    for inner in &step.steps {
        targets.extend(inner.branch_targets());
        targets.extend(inner.next_step.clone());
        if let OnFailure::Step(name) = &inner.on_failure {
            targets.push(name.clone());
        }
        targets.extend(inner_targets(inner));
    }
    targets
}

fn reached(ways: &[Vec<usize>]) -> Vec<usize> {
    let (mut reached, mut open) = (HashSet::new(), vec![0]);
    while let Some(index) = open.pop() {
        if let Some(next) = ways.get(index)
            && reached.insert(index)
        {
            open.extend(next);
        }
    }
    reached.into_iter().collect()
}

/// The steps from which [`OUT`] can be reached.
fn ending(ways: &[Vec<usize>]) -> HashSet<usize> {
    let mut back: HashMap<usize, Vec<usize>> = HashMap::new();
    for (index, next) in ways.iter().enumerate() {
        for target in next {
            back.entry(*target).or_default().push(index);
        }
    }
    let (mut ending, mut open) = (HashSet::new(), vec![OUT]);
    while let Some(target) = open.pop() {
        for index in back.get(&target).into_iter().flatten() {
            if ending.insert(*index) {
                open.push(*index);
            }
        }
    }
    ending
}

#[cfg(test)]
mod tests {
    use crate::Document;

    fn fault(steps: &str) -> Option<String> {
        let text = format!("schemaVersion: '0.3'\nmainSteps:\n{steps}");
        Document::parse(&text).err().map(|error| error.to_string())
    }

    fn sleep(name: &str, fields: &str) -> String {
        format!("  - {{name: {name}, action: 'aws:sleep', inputs: {{Duration: PT1S}}{fields}}}\n")
    }

    #[test]
    fn steps_that_repeat_without_an_end_are_refused_with_their_place() {
        let text = sleep("A", "") + &sleep("B", ", nextStep: A");
        let fault = fault(&text).unwrap();
        assert!(fault.contains("line 3") && fault.contains("step `A`"), "{fault}");
        assert!(super::super::Document::parse("x").is_err());
    }

    #[test]
    fn a_way_back_through_a_branch_or_a_failure_may_be_taken() {
        let branch = "  - {name: B, action: 'aws:branch', inputs: {Choices: [{NextStep: A, Variable: 'x', StringEquals: y}]}}\n";
        assert_eq!(fault(&(sleep("A", "") + branch)), None);
        assert_eq!(fault(&sleep("A", ", onFailure: 'step:A'")), None);
        let until_it_fails = sleep("A", ", nextStep: A, onFailure: 'step:B'") + &sleep("B", "");
        assert_eq!(fault(&until_it_fails), None);
    }

    #[test]
    fn a_branch_whose_every_choice_leads_back_is_endless() {
        let branch = "  - {name: B, action: 'aws:branch', inputs: {Choices: [{NextStep: A, Variable: 'x', StringEquals: y}], Default: A}}\n";
        assert!(fault(&(sleep("A", "") + branch + &sleep("C", ""))).is_some());
    }

    #[test]
    fn what_is_never_reached_is_no_fault() {
        assert_eq!(fault(&(sleep("A", ", isEnd: true") + &sleep("B", ", nextStep: B"))), None);
    }

    #[test]
    fn steps_inside_a_loop_must_end_too() {
        let looped = |fields: &str| {
            format!(
                "  - name: L\n    action: aws:loop\n    inputs:\n      Iterators: [a]\n      Steps:\n        - {{name: A, action: 'aws:sleep', inputs: {{Duration: PT1S}}{fields}}}\n"
            )
        };
        assert!(fault(&looped(", nextStep: A")).is_some());
        assert_eq!(fault(&looped("")), None);
        let leaves = looped(", nextStep: Out") + &sleep("Out", "");
        assert_eq!(fault(&leaves), None);
    }
}
