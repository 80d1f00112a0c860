//! `plumb policy`, as people and scripts see it.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value;

const EXAMPLES: &str = "../../examples/policies";

fn plumb(arguments: &[&str]) -> Output {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    Command::new(env!("CARGO_BIN_EXE_plumb")).current_dir(here).args(arguments).env_clear().output().unwrap()
}

/// Standard output and standard error.
fn ends_with(code: i32, arguments: &[&str]) -> (String, String) {
    let output = plumb(arguments);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}\n{err}");
    (out, err)
}

#[test]
fn the_example_policies_pass_their_own_tests() {
    let (out, _) = ends_with(0, &["policy", "test", EXAMPLES, "--json"]);
    let answer: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(answer["failed"], 0);
    assert!(answer["passed"].as_u64().unwrap() >= 17, "{}", answer["passed"]);
}

/// What xargs makes of it is what the SAM CLI gets; a quote in the policy must survive both.
#[test]
fn the_templates_parameters_follow_from_a_policy() {
    let file = "tests/policies/parameters.yaml";
    let (out, _) = ends_with(0, &["policy", "parameters", file, "--json"]);
    let both: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(both["ConfigRulesWithout"], "elastic-ip-unattached,volume-gp2");
    let policy: Value = serde_json::from_str(both["Policy"].as_str().unwrap()).unwrap();
    assert_eq!(policy["waivers"][0]["reason"], "it's \"public\" on purpose");

    let lines = plumb(&["policy", "parameters", file]).stdout;
    let mut xargs = Command::new("xargs")
        .args(["printf", "%s\n"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    xargs.stdin.take().unwrap().write_all(&lines).unwrap();
    let words = String::from_utf8(xargs.wait_with_output().unwrap().stdout).unwrap();
    let value = words.lines().next().unwrap().strip_prefix("ParameterKey=Policy,ParameterValue=").unwrap();
    let unquoted: String = serde_json::from_str(value).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&unquoted).unwrap(), policy);
}

#[test]
fn the_example_policies_have_no_errors() {
    for name in ["starter", "production"] {
        let (out, _) = ends_with(0, &["policy", "lint", &format!("{EXAMPLES}/{name}.yaml")]);
        assert!(out.contains("0 errors"), "{out}");
    }
}

#[test]
fn a_failed_case_says_what_differs_and_every_verdict() {
    let (out, err) = ends_with(1, &["policy", "test", "tests/policies/failing.tests.yaml"]);
    for line in [
        "FAILED  tests/policies/failing.tests.yaml: this one is wrong on purpose",
        "outcome: expected start, got notify",
        "stopped by: expected waiver, got nothing",
        "reason: expected `… nothing stands against it …`",
        "+ waiver",
        "ok      tests/policies/failing.tests.yaml: this one is right",
        "1 passed, 1 failed",
    ] {
        assert!(out.contains(line), "{line}\n{out}");
    }
    assert!(err.contains("1 cases failed"));
}

#[test]
fn a_file_that_is_no_suite_is_refused() {
    ends_with(2, &["policy", "test", "tests/policies/misread.yaml"]);
    ends_with(2, &["policy", "test", "nowhere.tests.yaml"]);
    ends_with(2, &["policy", "test", "src"]);
}

#[test]
fn lint_tells_everything_wrong_at_once_with_its_place() {
    for name in ["misread", "unusable", "doubtful"] {
        let code = i32::from(name != "doubtful");
        let (out, _) = ends_with(code, &["policy", "lint", &format!("tests/policies/{name}.yaml")]);
        insta::with_settings!({ omit_expression => true }, { insta::assert_snapshot!(name, out) });
    }
    ends_with(2, &["policy", "lint", "nowhere.yaml"]);
}

#[test]
fn explain_shows_the_winner_the_losers_and_every_guardrail() {
    let policy = format!("{EXAMPLES}/production.yaml");
    let database = [
        "policy",
        "explain",
        &policy,
        "--control",
        "instance-public-access",
        "--resource",
        "db-ABCDEFGHIJKL",
        "--account",
        "111111111111",
        "--at",
        "2026-06-01T10:00:00Z",
    ];
    let (out, _) = ends_with(0, &database);
    insta::with_settings!({ omit_expression => true }, { insta::assert_snapshot!("explained", out) });
    let (out, _) = ends_with(0, &[&database[..], &["--json"]].concat());
    let answer: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(answer["decision"]["outcome"], "defer");
    assert_eq!(answer["rules"][4]["counts"], true);
}

#[test]
fn a_policy_as_json_decides_the_same() {
    let (out, _) = ends_with(0, &["policy", "json", &format!("{EXAMPLES}/production.yaml")]);
    let read: plumb_model::Policy = serde_json::from_str(&out).unwrap();
    assert_eq!(read.rules.len(), 6);
    let (_, err) = ends_with(2, &["policy", "json", "tests/policies/unusable.yaml"]);
    assert!(err.contains("tests/policies/unusable.yaml:2:"), "{err}");
}
