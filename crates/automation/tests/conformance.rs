//! `docs/automation-conformance.md` cites tests that exist, for every row that it doesn't leave open with a reason.

#![expect(clippy::unwrap_used, reason = "a helper that can't do its work has failed the test")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

#[test]
fn every_row_cites_a_test_that_exists_or_says_why_not() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let table = fs::read_to_string(root.join("docs/automation-conformance.md")).unwrap();
    let tests = tests(&root);
    let (mut rows, mut faults) = (0, Vec::new());
    for line in table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| What")) {
        rows += 1;
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [what, how] = cells.as_slice() else {
            faults.push(format!("not two cells: {line}"));
            continue;
        };
        let cited: Vec<&str> = how.split('`').skip(1).step_by(2).collect();
        let open = how.starts_with("documented choice: ") || how.starts_with("not covered: ");
        if cited.is_empty() && !open {
            faults.push(format!("no test and no reason: {what}"));
        }
        faults.extend(
            cited
                .iter()
                .filter(|test| !tests.contains(**test))
                .map(|test| format!("no test `{test}`: {what}")),
        );
    }
    assert!(rows > 100, "only {rows} rows were read");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The names of functions in files that hold tests.
fn tests(root: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut open: Vec<PathBuf> = ["crates/automation", "crates/local", "crates/cli", "tests/contract"]
        .map(|folder| root.join(folder))
        .into();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                if text.contains("test]") || text.contains("#[tokio::test") {
                    names.extend(functions(&text));
                }
            }
        }
    }
    names
}

fn functions(text: &str) -> impl Iterator<Item = String> {
    text.lines()
        .filter_map(|line| line.split_once("fn ").map(|(_, rest)| rest))
        .filter_map(|rest| rest.split_once('(').map(|(name, _)| name.to_owned()))
}
