//! Which crates are used, and by whom: `cargo tree`, which resolves features as a build does.

use std::{collections::BTreeMap, error::Error, path::Path, process::Command};

use super::TARGET;
use crate::tools::run;

/// A crate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Crate {
    pub(super) name: String,
    pub(super) version: String,
    /// Its SPDX expression; empty if it has none.
    pub(super) licence: String,
    /// Whether it is the workspace's own.
    pub(super) own: bool,
}

/// What uses what: each crate with the crates that it uses itself.
pub(super) type Uses = BTreeMap<Crate, Vec<Crate>>;

/// Every crate that is built for anything: functions, command line, tests, build scripts.
pub(super) fn everything(root: &Path) -> Result<Vec<Crate>, Box<dyn Error>> {
    Ok(uses(&tree(root, &["--workspace", "--edges", "all"])?)?.into_keys().collect())
}

/// What is linked into the functions.
pub(super) fn of_functions(root: &Path, functions: &[String]) -> Result<Uses, Box<dyn Error>> {
    let mut arguments = vec!["--edges", "normal,no-proc-macro"];
    for function in functions {
        arguments.extend(["--package", function]);
    }
    uses(&tree(root, &arguments)?)
}

fn tree(root: &Path, arguments: &[&str]) -> Result<String, Box<dyn Error>> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([
        "tree", "--quiet", "--locked", "--target", TARGET, "--prefix", "depth", "--format", " {p}|{l}",
    ]);
    // Standard error has cargo's progress, which must not be taken for a crate.
    let said =
        run(cargo.args(arguments).current_dir(root).env("CARGO_TERM_PROGRESS_WHEN", "never"), "cargo tree")?;
    Ok(said)
}

/// Reads lines such as `2 serde v1.0.0 (/path)|MIT OR Apache-2.0 (*)`.
fn uses(text: &str) -> Result<Uses, Box<dyn Error>> {
    let (mut uses, mut above): (Uses, Vec<Crate>) = (Uses::new(), Vec::new());
    for line in text.lines().filter(|line| line.contains('|')) {
        let wrong = || format!("`cargo tree` says `{line}`, which is no crate");
        let (depth, rest) = line.split_once(' ').ok_or_else(wrong)?;
        let (package, licence) = rest.split_once('|').ok_or_else(wrong)?;
        let mut words = package.split_whitespace();
        let (name, version) = (words.next().ok_or_else(wrong)?, words.next().ok_or_else(wrong)?);
        let one = Crate {
            name: name.to_owned(),
            version: version.trim_start_matches('v').to_owned(),
            licence: licence.trim_end_matches(" (*)").to_owned(),
            own: package.contains("(/") || package.contains("(file:"),
        };
        above.truncate(depth.parse()?);
        uses.entry(one.clone()).or_default();
        if let Some(user) = above.last() {
            let below = uses.entry(user.clone()).or_default();
            if !below.contains(&one) {
                below.push(one.clone());
            }
        }
        above.push(one);
    }
    for below in uses.values_mut() {
        below.sort();
    }
    Ok(uses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_read_with_what_it_leaves_out() {
        let text = "0 own v0.1.0 (/work/own)|Apache-2.0\n1 a v1.0.0|MIT\n2 b v2.0.0|MIT OR Zlib\n1 b v2.0.0|MIT OR Zlib (*)\n";
        let uses = uses(text).unwrap();
        let names = |used: &[Crate]| used.iter().map(|one| one.name.clone()).collect::<Vec<_>>();
        let of = |name: &str| names(uses.iter().find(|(one, _)| one.name == name).unwrap().1);
        assert_eq!(of("own"), ["a", "b"]);
        assert_eq!(of("a"), ["b"]);
        assert_eq!(uses.keys().filter(|one| one.own).count(), 1);
        assert!(uses.keys().any(|one| one.licence == "MIT OR Zlib"));
    }
}
