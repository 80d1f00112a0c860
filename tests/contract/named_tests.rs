//! The tables in `docs/` and SECURITY.md name tests: each of them exists.

#![expect(clippy::unwrap_used, reason = "a test may")]

use std::{collections::BTreeSet, fs, path::Path};

/// Every end-to-end test, and every text in quotes: parameters are written as such.
struct EndToEnd {
    tests: BTreeSet<String>,
    source: String,
}

fn end_to_end(root: &Path) -> EndToEnd {
    let mut source = String::new();
    let folders = ["tests/e2e", "tests/accounts"].map(|folder| fs::read_dir(root.join(folder)).unwrap());
    for entry in folders.into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "py") {
            source.push_str(&fs::read_to_string(path).unwrap());
        }
    }
    let names = source.lines().filter_map(|line| line.strip_prefix("def ")?.split_once('('));
    let tests = names.map(|(name, _)| name.to_owned()).filter(|name| name.starts_with("test_")).collect();
    EndToEnd { tests, source }
}

/// What a page names in back-quotes that looks like a test: its name, and its parameter if it gives one. `…[x]` is another
/// parameter of the test before it.
fn named(page: &str) -> Vec<(String, Option<String>)> {
    let mut found: Vec<(String, Option<String>)> = Vec::new();
    for text in page.split('`').skip(1).step_by(2) {
        let (name, parameter) = match text.split_once('[') {
            Some((name, rest)) => (name, rest.strip_suffix(']').map(str::to_owned)),
            None => (text, None),
        };
        if name == "…" {
            let before = found.last().map(|(name, _)| name.clone()).unwrap_or_default();
            found.push((before, parameter));
        } else if name.starts_with("test_") && !name.contains(['.', '/', ' ']) {
            found.push((name.to_owned(), parameter));
        }
    }
    found
}

#[test]
fn each_test_that_a_table_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let known = end_to_end(&root);
    for page in ["docs/faults.md", "docs/guardrails.md"] {
        let text = fs::read_to_string(root.join(page)).unwrap();
        let names = named(&text);
        assert!(names.len() > 5, "{page} names {} tests", names.len());
        for (name, parameter) in names {
            assert!(known.tests.contains(&name), "{page} names `{name}`, which is no test in tests/e2e");
            if let Some(parameter) = parameter {
                let quoted = format!("\"{parameter}\"");
                assert!(known.source.contains(&quoted), "{page}: `{name}` has no parameter `{parameter}`");
            }
        }
    }
}

#[test]
fn a_name_is_read_with_its_parameter() {
    let page = "| `test_a[one]`, `…[two]` | `not a test` | `test_b` | `tests/e2e/test_c.py` |";
    let expected = [("test_a", Some("one")), ("test_a", Some("two")), ("test_b", None)]
        .map(|(name, parameter)| (name.to_owned(), parameter.map(str::to_owned)));
    assert_eq!(named(page), expected);
}

/// A guardrail that is added has to be explained, and proven.
#[test]
fn the_table_has_every_guardrail_in_the_order_in_which_they_are_asked() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let source = fs::read_to_string(root.join("crates/model/src/decision.rs")).unwrap();
    let all: Vec<_> = source
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Self::")?.split_once("=> \"")?.1.strip_suffix("\","))
        .collect();
    let page = fs::read_to_string(root.join("docs/guardrails.md")).unwrap();
    let rows: Vec<_> =
        page.lines().filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0)).collect();
    assert!(all.len() > 12, "{all:?}");
    assert_eq!(rows, all, "docs/guardrails.md");
}

/// Every Rust test of the workspace.
fn in_rust(root: &Path) -> BTreeSet<String> {
    let (mut folders, mut tests) =
        (["crates", "functions", "tests"].map(|name| root.join(name)).to_vec(), BTreeSet::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let names = text.split("fn ").skip(1).filter_map(|rest| rest.split_once('('));
                tests.extend(names.map(|(name, _)| name.to_owned()));
            }
        }
    }
    tests
}

#[test]
fn each_threat_has_a_test_that_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let (python, rust) = (end_to_end(&root).tests, in_rust(&root));
    let page = fs::read_to_string(root.join("SECURITY.md")).unwrap();
    let threats: Vec<_> = page.lines().filter(|line| line.starts_with("| **")).collect();
    assert!(threats.len() >= 10, "{}", threats.len());
    for threat in threats {
        let tests = threat.rsplit('|').nth(1).unwrap();
        let named: Vec<_> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "{threat}");
        for name in named {
            assert!(
                python.contains(name) || rust.contains(name),
                "SECURITY.md names `{name}`, which is no test"
            );
        }
    }
}
