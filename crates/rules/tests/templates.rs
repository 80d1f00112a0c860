//! Plumb's own templates, against policies in the language of AWS CloudFormation Guard: `tests/templates`.

#![cfg(feature = "guard")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use cfn_guard::{ValidateInput, run_checks};
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn policy() -> String {
    fs::read_to_string(root().join("tests/templates/templates.guard")).unwrap()
}

/// What each rule says of a template: `PASS`, `FAIL`, or `SKIP` where there is nothing that it is about.
fn verdicts(name: &str, template: &str) -> BTreeMap<String, String> {
    let report = run_checks(
        ValidateInput { content: template, file_name: name },
        ValidateInput { content: &policy(), file_name: "templates.guard" },
        true,
    );
    let report: Value = serde_json::from_str(&report.unwrap()).unwrap();
    let rules = report["children"].as_array().unwrap().iter().map(|child| &child["container"]["RuleCheck"]);
    let verdict = |rule: &Value| {
        (rule["name"].as_str().unwrap().to_owned(), rule["status"].as_str().unwrap().to_owned())
    };
    rules.filter(|rule| rule.is_object()).map(verdict).collect()
}

fn rules() -> BTreeSet<String> {
    let policy = policy();
    let names = policy.lines().filter_map(|line| line.strip_prefix("rule ")?.split_whitespace().next());
    names.map(str::to_owned).collect()
}

#[test]
fn every_template_keeps_every_rule_or_says_why_not() {
    let mut templates = vec![root().join("template.yaml")];
    for folder in ["infra", "infra/generated"] {
        templates.extend(fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path()));
    }
    templates.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    assert!(templates.len() > 10);
    let mut kept = BTreeSet::new();
    for path in templates {
        let name = path.display().to_string();
        let verdicts = verdicts(&name, &fs::read_to_string(&path).unwrap());
        assert_eq!(verdicts.len(), rules().len(), "{name}");
        for (rule, verdict) in verdicts {
            assert_ne!(verdict, "FAIL", "{name}: {rule}");
            if verdict == "PASS" {
                kept.insert(rule);
            }
        }
    }
    // The one that is left has nothing to look at: no security group here lets anybody in.
    let idle: Vec<_> = rules().difference(&kept).cloned().collect();
    assert!(idle.len() <= 1, "no template is about {idle:?}");
}

#[test]
fn every_rule_finds_what_breaks_it() {
    let text = fs::read_to_string(root().join("tests/templates/violations.yaml")).unwrap();
    let violations: BTreeMap<String, Value> = serde_saphyr::from_str(&text).unwrap();
    assert_eq!(violations.keys().cloned().collect::<BTreeSet<_>>(), rules());
    for (rule, template) in violations {
        let verdicts = verdicts("violation.json", &template.to_string());
        assert_eq!(verdicts.get(&rule).map(String::as_str), Some("FAIL"), "{rule}: {verdicts:?}");
    }
}
