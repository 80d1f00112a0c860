//! A policy's file, and what is wrong with it.

use std::{fs, path::Path};

use plumb_automation::located::{self, Kind, Node, Place};
use plumb_model::{Policy, PolicyError, Problem};

use super::schema;
use crate::failure::Failure;

/// A policy as its file has it.
pub(super) struct PolicyText {
    tree: Node,
    /// The policy, or everything that is wrong with it.
    pub(super) policy: Result<Policy, Vec<Problem>>,
}

/// Reads a policy's file.
pub(super) fn read(path: &Path) -> Result<PolicyText, Failure> {
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::Usage(format!("can't read `{}`: {error}", path.display())))?;
    let tree = located::parse(&text).map_err(|error| {
        let Place { line, column } = error.place;
        Failure::Failed(format!("{}:{line}:{column}: {}", path.display(), error.message))
    })?;
    // An empty file is the default policy.
    let empty = matches!(&tree.kind, Kind::Scalar(serde_json::Value::Null));
    let policy = if empty { Ok(Policy::default()) } else { policy_of(&tree) };
    Ok(PolicyText { tree, policy })
}

/// Reads a policy that is to be used.
pub(crate) fn read_usable(path: &Path) -> Result<Policy, Failure> {
    let text = read(path)?;
    text.policy.map_err(|problems| {
        let lines: Vec<_> = problems
            .iter()
            .map(|problem| {
                let Place { line, column } = place_of(&text.tree, &problem.path);
                format!("{}:{line}:{column}: {problem}", path.display())
            })
            .collect();
        Failure::Usage(format!("the policy can't be used\n{}", lines.join("\n")))
    })
}

/// Both what the schema says and, as far as it can be read for all that, what only the policy itself can tell.
fn policy_of(tree: &Node) -> Result<Policy, Vec<Problem>> {
    let mut problems = schema::problems(tree);
    let known = |id: &str| plumb_catalogue::control(id).is_some();
    match serde_json::from_value::<Policy>(tree.value()) {
        Ok(policy) => {
            let more = policy.check(known).err().map_or_else(Vec::new, |PolicyError(more)| more);
            for problem in more {
                if !problems.iter().any(|told| told.path == problem.path) {
                    problems.push(problem);
                }
            }
            if problems.is_empty() {
                return Ok(policy);
            }
        }
        Err(error) if problems.is_empty() => {
            problems.push(Problem { path: String::new(), what: format!("can't be read: {error}") });
        }
        Err(_) => {}
    }
    problems.sort_by_key(|problem| {
        let Place { line, column } = place_of(tree, &problem.path);
        (line, column)
    });
    Err(problems)
}

impl PolicyText {
    /// Where a place such as `waivers[0].owner` stands; what is not there, where it would be.
    pub(super) fn place(&self, path: &str) -> Place {
        place_of(&self.tree, path)
    }
}

fn place_of(tree: &Node, path: &str) -> Place {
    let (mut node, mut place, mut rest) = (tree, tree.place, path);
    while !rest.is_empty() {
        let next = match (&node.kind, rest.strip_prefix('[').and_then(|rest| rest.split_once(']'))) {
            (Kind::List(items), Some((index, after))) => index
                .parse()
                .ok()
                .and_then(|index: usize| items.get(index))
                .map(|item| (item, item.place, after)),
            (Kind::Map(members), None) => {
                let name = rest.strip_prefix('.').unwrap_or(rest);
                // The last of two, as a key that is there twice is told of at its second place.
                members.iter().rev().find_map(|(key, value)| {
                    let after = name.strip_prefix(key.name.as_str())?;
                    (after.is_empty() || after.starts_with(['.', '['])).then_some((value, key.place, after))
                })
            }
            _ => None,
        };
        let Some((inner, at, after)) = next else { break };
        (node, place, rest) = (inner, at, after);
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_by_its_path() {
        let tree = located::parse("a:\n  - b: 1\n    c/d.e: [x, y]\n").unwrap();
        let at = |path: &str| {
            let place = place_of(&tree, path);
            (place.line, place.column)
        };
        assert_eq!(at("a[0].b"), (2, 5));
        assert_eq!(at("a[0].c/d.e[1]"), (3, 16));
        assert_eq!(at("a[0].missing"), (2, 5));
        assert_eq!(at("a[7]"), (1, 1));
    }
}
