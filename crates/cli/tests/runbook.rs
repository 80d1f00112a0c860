//! `plumb runbook lint`, `iam`, `cost` and `run --dry-run`, as people and scripts see them.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value;

/// The command among the linter's example documents, with no Python at hand.
fn plumb(arguments: &[&str]) -> Command {
    let documents = Path::new(env!("CARGO_MANIFEST_DIR")).join("../automation/tests/lint");
    let mut command = Command::new(env!("CARGO_BIN_EXE_plumb"));
    command.current_dir(documents).arg("runbook").args(arguments).env_clear();
    command
}

fn ends_with(code: i32, output: Output) -> (String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}\n{err}");
    (out, err)
}

/// What it says of a document on standard input.
fn given(arguments: &[&str], document: &[u8]) -> Output {
    let mut child =
        plumb(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(document).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn findings_are_told_with_file_line_and_column_and_errors_fail() {
    let output =
        plumb(&["lint", "good/everything.yaml", "bad/flow.yaml", "--no-api-check"]).output().unwrap();
    let (out, err) = ends_with(1, output);
    assert!(
        out.contains("bad/flow.yaml:8:21: error[unknown-step]: step `Start` leads to step `Nowhere`"),
        "{out}"
    );
    assert!(out.contains("not checked: --no-api-check was given"), "{out}");
    assert!(!out.contains("good/everything.yaml:"), "{out}");
    assert_eq!(err, "plumb: 13 errors\n");
}

#[test]
fn json_has_the_same_and_warnings_do_not_fail() {
    let document = b"schemaVersion: '0.3'\nmainSteps:\n- {name: A, action: 'aws:pause', inputs: {}}\n";
    let (out, _) = ends_with(0, given(&["lint", "-", "--json"], document));
    let answer: Value = serde_json::from_str(&out).unwrap();
    let finding = answer.pointer("/documents/0/findings/0").unwrap();
    assert_eq!(finding.get("code").unwrap(), "missing-assume-role");
    assert_eq!(finding.get("severity").unwrap(), "warning");
    assert_eq!(answer.pointer("/warnings").unwrap(), 1);
    assert_eq!(answer.pointer("/api_check").unwrap(), "done");
}

#[test]
fn without_python_the_check_of_apis_is_said_to_be_skipped() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-python");
    let arguments = ["lint", "bad/api.yaml", "--dir", folder.to_str().unwrap()];
    // An empty PATH would be the system's.
    let (out, _) = ends_with(0, plumb(&arguments).env("PATH", &folder).output().unwrap());
    assert!(out.contains("parameters were not checked: no Python 3.10 or newer"), "{out}");
}

#[test]
fn what_is_no_document_is_a_finding_and_what_is_no_file_is_refused() {
    let (out, _) = ends_with(1, given(&["lint", "-"], &[0xff, 0xfe, 0x00]));
    assert!(out.contains("error[unreadable]: it is not UTF-8"), "{out}");
    let (_, err) = ends_with(2, plumb(&["lint", "nowhere.yaml"]).output().unwrap());
    assert!(err.contains("`nowhere.yaml`"), "{err}");
    for command in ["iam", "cost"] {
        let (_, err) = ends_with(2, given(&[command, "-"], b"schemaVersion: '0.2'"));
        assert!(err.contains("runbook lint"), "{err}");
        ends_with(2, given(&[command, "-"], &[0xff]));
    }
}

#[test]
fn a_policy_comes_with_its_reasons_and_for_an_account() {
    let arguments = ["iam", "good/everything.yaml", "--account", "123456789012", "--region", "eu-west-1"];
    let (out, _) = ends_with(0, plumb(&arguments).output().unwrap());
    assert!(out.contains("step `Rotate` calls kms:EnableKeyRotation"), "{out}");
    let (out, _) = ends_with(0, plumb(&arguments).args(["--partition", "aws", "--json"]).output().unwrap());
    let answer: Value = serde_json::from_str(&out).unwrap();
    let statements = answer.pointer("/policy/Statement").unwrap().to_string();
    assert!(statements.contains("arn:aws:kms:eu-west-1:123456789012:key/*"), "{statements}");
    assert!(!out.contains("${AWS::"), "{out}");
}

#[test]
fn a_cost_is_told_by_step_with_its_assumptions() {
    let arguments = ["cost", "good/everything.yaml", "--script-seconds", "30"];
    let (out, _) = ends_with(0, plumb(&arguments).output().unwrap());
    insta::assert_snapshot!(out);
    ends_with(2, plumb(&["cost", "good/everything.yaml", "--script-seconds", "-1"]).output().unwrap());
}

#[test]
fn a_dry_run_needs_no_account_and_no_python() {
    let arguments = ["run", "good/everything.yaml", "--dry-run", "--no-api-check"];
    let (out, _) = ends_with(0, plumb(&arguments).output().unwrap());
    for part in [
        "Ids = <Ids>   (required, not given: any value)",
        "Look (aws:executeAwsApi), first",
        "calls kms:DescribeKey (reads)",
        "-> Each (`Decide` if (<Look.State> StringEquals \"Enabled\" or not ",
        "calls kms:DescribeKey (reads, in its script)",
        "dry run passes: 10 of 10 steps reached",
    ] {
        assert!(out.contains(part), "{part}\n{out}");
    }
    let (out, _) = ends_with(0, plumb(&arguments).arg("--json").output().unwrap());
    let answer: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(answer.pointer("/dry_run/verdict").unwrap(), "passes");
    let (_, err) = ends_with(2, plumb(&arguments).args(["--param", "Keys=k"]).output().unwrap());
    assert!(err.contains("Unknown parameters: [Keys]"), "{err}");
}

#[test]
fn a_dry_run_says_what_is_bound_to_fail() {
    let document =
        b"schemaVersion: '0.3'\nmainSteps: [{name: A, action: 'aws:sleep', inputs: {Duration: soon}}]";
    let (out, err) = ends_with(1, given(&["run", "-", "--dry-run"], document));
    assert!(out.contains("fails: Duration \"soon\" is not an ISO 8601 duration"), "{out}");
    assert_eq!(err, "plumb: bound to fail: A\n");
}
