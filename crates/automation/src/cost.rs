//! What one run of a document costs, by step and over its shortest and longest ways.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;
use serde_json::Value;

use crate::document::{Document, OnFailure, Step};

/// What AWS takes for a step, in dollars.
pub const PER_STEP: f64 = 0.002;

/// What AWS takes for a second of `aws:executeScript`, in dollars.
pub const PER_SCRIPT_SECOND: f64 = 0.000_03;

/// Where the prices are from, and of when.
pub const PRICES: &str = "AWS Systems Manager pricing, Automation, as of 2026-01: $0.002 a step and $0.00003 a second of aws:executeScript, with no free tier; prices change, see https://aws.amazon.com/systems-manager/pricing/";

/// How often a loop runs at most if it doesn't say.
const MOST_ITERATIONS: u64 = 100;

/// What is assumed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Assumptions {
    /// How long each script runs, in seconds.
    pub script_seconds: f64,
}

/// What a run costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cost {
    /// Each step, those of loops after their loop.
    pub steps: Vec<StepCost>,
    /// The way with the fewest steps that ends without one failing.
    pub shortest: Way,
    /// The way with the most, steps after a failure included.
    pub longest: Way,
    /// Whether steps may run again through a branch or a failure, which the longest way counts once.
    pub repeats: bool,
}

/// What a step costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepCost {
    /// The step.
    pub name: String,
    /// Its action.
    pub action: String,
    /// How often it runs at most, if it runs: more than once in a loop.
    pub times: u64,
    /// Of one time.
    pub dollars: f64,
}

/// What a way through a document costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Way {
    /// How many steps AWS counts.
    pub steps: u64,
    /// How many of them run a script.
    pub scripts: u64,
    /// The price.
    pub dollars: f64,
    /// The price of a thousand.
    pub dollars_per_1000_runs: f64,
}

impl Cost {
    /// Of a document.
    pub fn of(document: &Document, assumptions: Assumptions) -> Self {
        let mut steps = Vec::new();
        list(&document.steps, 1, assumptions, &mut steps);
        let mut repeats = false;
        let shortest = cheapest(&document.steps);
        let longest = dearest(&document.steps, &mut repeats);
        Self { steps, shortest: shortest.way(assumptions), longest: longest.way(assumptions), repeats }
    }
}

fn list(steps: &[Step], times: u64, assumptions: Assumptions, found: &mut Vec<StepCost>) {
    for step in steps {
        let dollars = rounded(Count::of(step).dollars(assumptions));
        found.push(StepCost { name: step.name.clone(), action: step.action.clone(), times, dollars });
        list(&step.steps, times.saturating_mul(iterations(step)), assumptions, found);
    }
}

/// How many steps and scripts run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Count {
    steps: u64,
    scripts: u64,
}

impl Count {
    fn of(step: &Step) -> Self {
        Self { steps: 1, scripts: u64::from(step.action == "aws:executeScript") }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            steps: self.steps.saturating_add(other.steps),
            scripts: self.scripts.saturating_add(other.scripts),
        }
    }

    fn times(self, times: u64) -> Self {
        Self { steps: self.steps.saturating_mul(times), scripts: self.scripts.saturating_mul(times) }
    }

    #[expect(clippy::cast_precision_loss, reason = "prices need no more than 53 bits")]
    fn dollars(self, assumptions: Assumptions) -> f64 {
        self.steps as f64 * PER_STEP
            + self.scripts as f64 * assumptions.script_seconds.max(0.0) * PER_SCRIPT_SECOND
    }

    fn way(self, assumptions: Assumptions) -> Way {
        let dollars = self.dollars(assumptions);
        Way {
            steps: self.steps,
            scripts: self.scripts,
            dollars: rounded(dollars),
            dollars_per_1000_runs: rounded(dollars * 1000.0),
        }
    }
}

/// Without the digits that only binary arithmetic has.
fn rounded(dollars: f64) -> f64 {
    (dollars * 1e9).round() / 1e9
}

/// How often a loop runs at most.
fn iterations(step: &Step) -> u64 {
    if step.action != "aws:loop" {
        return 1;
    }
    let most = match step.inputs.get("MaxIterations") {
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        _ => None,
    };
    let most = most.unwrap_or(MOST_ITERATIONS).min(MOST_ITERATIONS);
    match step.inputs.get("Iterators") {
        Some(Value::Array(items))
            if !items.iter().any(|item| item.as_str().is_some_and(|t| t.contains("{{"))) =>
        {
            most.min(items.len() as u64)
        }
        _ => most,
    }
}

/// Where a step may lead in its list, no step failing; `None` is out of the list.
fn onward(
    steps: &[Step],
    index: usize,
    step: &Step,
    places: &HashMap<&str, usize>,
) -> BTreeSet<Option<usize>> {
    let next = steps.get(index + 1).map(|next| next.name.clone());
    let names = step.valid_next(next.clone());
    let mut ways: BTreeSet<Option<usize>> =
        names.iter().map(|name| places.get(name.as_str()).copied()).collect();
    let decided = step.action == "aws:branch" && step.inputs.get("Default").is_some();
    if step.is_end && !decided || ways.is_empty() {
        ways.insert(None);
    } else if step.action == "aws:branch" && !decided {
        ways.insert(next.and_then(|name| places.get(name.as_str()).copied()));
    }
    ways
}

fn places(steps: &[Step]) -> HashMap<&str, usize> {
    steps.iter().enumerate().map(|(index, step)| (step.name.as_str(), index)).collect()
}

/// The way through a list with the fewest steps; among those, with the fewest scripts.
fn cheapest(steps: &[Step]) -> Count {
    let places = places(steps);
    let mut best: HashMap<usize, Count> = HashMap::new();
    let mut open: BTreeSet<(Count, usize)> = BTreeSet::new();
    // Once a step: loops in loops would multiply.
    let own: Vec<Count> = steps.iter().map(|step| Count::of(step).plus(cheapest(&step.steps))).collect();
    if let Some(first) = own.first() {
        open.insert((*first, 0));
    }
    while let Some((so_far, index)) = open.pop_first() {
        if best.get(&index).is_some_and(|best| *best <= so_far) {
            continue;
        }
        best.insert(index, so_far);
        let Some(step) = steps.get(index) else { continue };
        for way in onward(steps, index, step, &places) {
            match way.and_then(|to| Some((to, *own.get(to)?))) {
                None => return so_far,
                Some((to, own)) => {
                    open.insert((so_far.plus(own), to));
                }
            }
        }
    }
    best.into_values().max().unwrap_or_default()
}

/// The dearest way through a list. Steps that may run again, through a branch or a failure, are counted once.
fn dearest(steps: &[Step], repeats: &mut bool) -> Count {
    let places = places(steps);
    let ways: Vec<Vec<usize>> = steps
        .iter()
        .enumerate()
        .map(|(index, step)| {
            let mut ways = onward(steps, index, step, &places);
            if let OnFailure::Step(name) = &step.on_failure {
                ways.insert(places.get(name.as_str()).copied());
            }
            ways.into_iter().flatten().collect()
        })
        .collect();
    let own: Vec<Count> = steps
        .iter()
        .map(|step| {
            let inside = if step.steps.is_empty() { Count::default() } else { dearest(&step.steps, repeats) };
            Count::of(step).plus(inside.times(iterations(step)))
        })
        .collect();
    let groups = groups(&ways);
    *repeats |=
        ways.iter().enumerate().any(|(from, ways)| ways.iter().any(|to| groups.get(from) == groups.get(*to)));
    let mut total: HashMap<usize, Count> = HashMap::new();
    for (own, group) in own.iter().zip(&groups) {
        let sum = total.entry(*group).or_default();
        *sum = sum.plus(*own);
    }
    // Groups are numbered from the ends on: whatever a group leads to has a smaller number.
    let mut order: Vec<usize> = total.keys().copied().collect();
    order.sort_unstable();
    let mut members: HashMap<usize, Vec<usize>> = HashMap::new();
    for (index, group) in groups.iter().enumerate() {
        members.entry(*group).or_default().push(index);
    }
    let mut dearest: HashMap<usize, Count> = HashMap::new();
    for group in order {
        let onward = members
            .get(&group)
            .into_iter()
            .flatten()
            .filter_map(|index| ways.get(*index))
            .flatten()
            .filter_map(|to| groups.get(*to))
            .filter(|other| **other != group)
            .filter_map(|other| dearest.get(other))
            .max()
            .copied()
            .unwrap_or_default();
        dearest.insert(group, total.get(&group).copied().unwrap_or_default().plus(onward));
    }
    groups.first().and_then(|first| dearest.get(first)).copied().unwrap_or_default()
}

/// For each step the number of the group of steps that all lead to each other: Tarjan's algorithm, without recursion.
fn groups(ways: &[Vec<usize>]) -> Vec<usize> {
    #[derive(Clone, Copy, Default)]
    struct Mark {
        number: Option<usize>,
        low: usize,
        group: Option<usize>,
    }
    let mut marks = vec![Mark::default(); ways.len()];
    let (mut numbers, mut count) = (0, 0);
    let mut stack = Vec::new();
    for start in 0..ways.len() {
        let mut visits = vec![(start, 0)];
        while let Some((index, way)) = visits.pop() {
            let Some(mark) = marks.get_mut(index) else { continue };
            if way == 0 {
                if mark.number.is_some() {
                    continue;
                }
                (mark.number, mark.low) = (Some(numbers), numbers);
                numbers += 1;
                stack.push(index);
            }
            if let Some(to) = ways.get(index).and_then(|ways| ways.get(way)).copied() {
                visits.push((index, way + 1));
                if marks.get(to).is_some_and(|to| to.number.is_none()) {
                    visits.push((to, 0));
                }
                continue;
            }
            // Every way has been gone: take the lowest of what is still open.
            let lows = ways.get(index).into_iter().flatten().filter_map(|to| marks.get(*to));
            let low = lows.filter(|to| to.group.is_none()).map(|to| to.low).min();
            let Some(mark) = marks.get_mut(index) else { continue };
            mark.low = low.map_or(mark.low, |low| low.min(mark.low));
            if mark.number == Some(mark.low) {
                while let Some(member) = stack.pop() {
                    if let Some(mark) = marks.get_mut(member) {
                        mark.group = Some(count);
                    }
                    if member == index {
                        break;
                    }
                }
                count += 1;
            }
        }
    }
    marks.into_iter().map(|mark| mark.group.unwrap_or_default()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(steps: &str) -> Cost {
        let document = Document::parse(&format!("schemaVersion: '0.3'\nmainSteps:\n{steps}")).unwrap();
        Cost::of(&document, Assumptions { script_seconds: 10.0 })
    }

    fn close(one: f64, other: f64) -> bool {
        (one - other).abs() < 1e-9
    }

    #[test]
    fn scripts_cost_their_seconds_besides() {
        let cost = cost(
            "
  - {name: A, action: 'aws:executeScript', inputs: {Script: x}}
  - {name: B, action: 'aws:sleep', inputs: {Duration: PT1S}}
",
        );
        assert_eq!((cost.shortest.steps, cost.shortest.scripts), (2, 1));
        assert!(close(cost.shortest.dollars, 0.0043), "{cost:?}");
        assert!(close(cost.longest.dollars_per_1000_runs, 4.3), "{cost:?}");
        assert!(!cost.repeats);
    }

    #[test]
    fn a_branch_that_ends_is_the_shortest_way() {
        let cost = cost(
            "
  - {name: A, action: 'aws:executeAwsApi', inputs: {Service: s3, Api: ListBuckets}}
  - name: B
    action: aws:branch
    isEnd: true
    inputs: {Choices: [{NextStep: C, Variable: '{{ A.x }}', StringEquals: y}]}
  - {name: C, action: 'aws:executeAwsApi', inputs: {Service: s3, Api: ListBuckets}, onFailure: 'step:E', isEnd: true}
  - {name: E, action: 'aws:executeAwsApi', inputs: {Service: s3, Api: ListBuckets}}
",
        );
        assert_eq!((cost.shortest.steps, cost.longest.steps), (2, 4));
    }

    #[test]
    fn loops_count_by_their_most_iterations() {
        let cost = cost(
            "
  - name: L
    action: aws:loop
    inputs:
      Iterators: ['{{ A }}']
      MaxIterations: 5
      Steps:
        - {name: I, action: 'aws:sleep', inputs: {Duration: PT1S}}
        - {name: J, action: 'aws:sleep', inputs: {Duration: PT1S}}
",
        );
        assert_eq!((cost.shortest.steps, cost.longest.steps), (3, 11));
        assert_eq!(cost.steps.iter().map(|step| step.times).collect::<Vec<_>>(), [1, 5, 5]);
    }

    #[test]
    fn a_way_back_is_counted_once_and_said() {
        let cost = cost(
            "
  - {name: A, action: 'aws:sleep', inputs: {Duration: PT1S}}
  - name: B
    action: aws:branch
    inputs: {Choices: [{NextStep: A, Variable: '{{ A.x }}', StringEquals: y}], Default: C}
  - {name: C, action: 'aws:sleep', inputs: {Duration: PT1S}}
",
        );
        assert_eq!((cost.shortest.steps, cost.longest.steps, cost.repeats), (3, 3, true));
    }
}
