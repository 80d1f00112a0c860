//! The tables in `docs/` name end-to-end tests: each of them exists.

#![expect(clippy::unwrap_used, reason = "a test may")]

use std::{collections::BTreeSet, fs, path::Path};

/// Every end-to-end test, and every text in quotes: parameters are written as such.
struct EndToEnd {
    tests: BTreeSet<String>,
    source: String,
}

fn end_to_end(root: &Path) -> EndToEnd {
    let mut source = String::new();
    for entry in fs::read_dir(root.join("tests/e2e")).unwrap() {
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
