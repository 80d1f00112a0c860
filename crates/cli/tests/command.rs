//! The `plumb` binary, as people and scripts see it.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The command, among the fixtures of `plumb-events`.
fn plumb(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plumb"));
    command.current_dir(here().join("../events/tests/fixtures")).args(arguments).env_clear();
    command
}

fn ends_with(code: i32, output: Output) -> (String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}\n{err}");
    (out, err)
}

fn succeeds(arguments: &[&str]) -> String {
    ends_with(0, plumb(arguments).output().unwrap()).0
}

fn is_refused(arguments: &[&str]) -> String {
    ends_with(2, plumb(arguments).output().unwrap()).1
}

fn policy(name: &str) -> String {
    here().join("tests/policies").join(name).display().to_string()
}

/// One line of JSON an event, checked for the shape that scripts rely on.
fn events(text: &str) -> Vec<Value> {
    let outcomes = ["start", "notify", "approve", "defer", "skip", "ignore", "reject"];
    let known = |value: &Value| value["outcome"].as_str().is_some_and(|outcome| outcomes.contains(&outcome));
    let told = |value: &Value| value["reason"].as_str().is_some_and(|reason| !reason.is_empty());
    text.lines()
        .map(|line| {
            let event: Value = serde_json::from_str(line).unwrap();
            assert!(event["file"].is_string() && event["kind"].is_string(), "{line}");
            let findings = event["findings"].as_array().unwrap();
            if findings.is_empty() {
                assert!(known(&event) && told(&event), "{line}");
            } else {
                assert!(event.get("outcome").is_none(), "{line}");
            }
            for finding in findings {
                assert!(known(finding) && told(finding) && finding["control"].is_string(), "{line}");
                for key in ["account", "region", "type", "id"] {
                    assert!(finding["resource"][key].is_string(), "{key}: {line}");
                }
                assert!(!finding["verdicts"].as_array().unwrap().is_empty(), "{line}");
            }
            event
        })
        .collect()
}

/// Every fixture of `plumb-events`, in the order of their names.
fn all_fixtures() -> Vec<String> {
    let folder = here().join("../events/tests/fixtures");
    let files = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn the_controls_are_listed() {
    insta::assert_snapshot!(succeeds(&["controls", "list"]));
}

#[test]
fn a_control_is_shown() {
    insta::assert_snapshot!(succeeds(&["controls", "show", "bucket-public-access"]));
}

#[test]
fn controls_as_json_are_all_there_is_to_know() {
    let all: Vec<Value> = serde_json::from_str(&succeeds(&["controls", "list", "--json"])).unwrap();
    assert_eq!(all.len(), plumb_catalogue::controls().len());
    for control in all {
        let one = succeeds(&["--json", "controls", "show", control["id"].as_str().unwrap()]);
        assert_eq!(serde_json::from_str::<Value>(&one).unwrap(), control);
    }
}

#[test]
fn a_control_that_does_not_exist_is_refused() {
    let why = is_refused(&["controls", "show", "nonesuch"]);
    assert_eq!(why, "plumb: there is no control `nonesuch`; `plumb controls list` shows those there are\n");
}

#[test]
fn every_kind_of_event_has_an_outcome() {
    let files = all_fixtures();
    let mut arguments = vec!["replay"];
    arguments.extend(files.iter().map(String::as_str));
    // Two resources would be two lines in a table, and are one here: an event is a line.
    let lines: Vec<_> = events(&succeeds(&[&arguments[..], &["--json"]].concat()))
        .iter()
        .map(|event| {
            let findings = event["findings"].as_array().unwrap().iter().map(|finding| {
                let word = |key: &str| finding[key].as_str().unwrap().to_owned();
                format!(
                    "\n    {} {} {}: {}",
                    word("outcome"),
                    word("control"),
                    finding["resource"]["id"],
                    word("reason")
                )
            });
            let own = match event.get("outcome") {
                Some(outcome) => {
                    format!("\n    {}: {}", outcome.as_str().unwrap(), event["reason"].as_str().unwrap())
                }
                None => findings.collect(),
            };
            format!("{} {}{own}", event["file"].as_str().unwrap(), event["kind"].as_str().unwrap())
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_line_of_json_is_the_whole_reasoning() {
    insta::assert_snapshot!(succeeds(&[
        "replay",
        "--json",
        "config-compliance-violating.json",
        "event-of-another-service.json"
    ]));
}

#[test]
fn whoever_reads_it_on_gets_a_line_an_event_without_asking() {
    let files = ["config-compliance-violating.json", "event-of-another-service.json"];
    let asked = succeeds(&[&["replay", "--json"][..], &files].concat());
    assert_eq!(succeeds(&[&["replay"][..], &files].concat()), asked);
}

#[test]
fn people_see_the_whole_reasoning_and_a_tally() {
    insta::assert_snapshot!(succeeds(&[
        "replay",
        "--text",
        "config-compliance-violating.json",
        "sqs-batch.json",
        "api-call-failed.json"
    ]));
}

#[test]
fn a_policy_decides_what_starts() {
    let policy = policy("auto.yaml");
    let files = [
        "config-compliance-violating.json",
        "config-compliance-not-applicable.json",
        "security-hub-custom-action.json",
        "bare-asff-array.json",
    ];
    insta::assert_snapshot!(succeeds(&[&["replay", "--text", "--policy", &policy][..], &files].concat()));
}

#[test]
fn an_account_or_a_region_that_is_not_looked_after_is_left_alone() {
    for pinned in [["--account", "999988887777"], ["--region", "eu-north-1"]] {
        let text =
            succeeds(&[&["replay", "--json", "config-compliance-violating.json"][..], &pinned].concat());
        assert_eq!(events(&text)[0]["findings"][0]["outcome"], "skip", "{text}");
    }
    assert!(
        is_refused(&["replay", "schedule.json", "--account", "12"])
            .contains("--account: `12` is not an AWS account")
    );
}

#[test]
fn a_file_that_cannot_be_read_is_named_after_the_others_are_done() {
    let output = plumb(&["replay", "--json", "nonesuch.json", "schedule.json"]).output().unwrap();
    let (out, err) = ends_with(2, output);
    assert_eq!(events(&out).len(), 1);
    assert!(err.starts_with("plumb: can't read `nonesuch.json`: "), "{err}");
}

#[test]
fn a_directory_stands_for_the_json_files_below_it() {
    let text = succeeds(&["replay", "--json", "."]);
    let files: std::collections::BTreeSet<_> =
        events(&text).iter().map(|event| event["file"].to_string()).collect();
    assert_eq!(files.len(), all_fixtures().len());
}

#[test]
fn any_bytes_on_standard_input_are_judged() {
    for (bytes, outcome) in [
        (&b"\x00\xff{"[..], "reject"),
        (b"", "reject"),
        (b"[[[[", "reject"),
        (b"{}", "ignore"),
        (b"null", "ignore"),
    ] {
        let mut child =
            plumb(&["replay", "--json", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(bytes).unwrap();
        let (out, _) = ends_with(0, child.wait_with_output().unwrap());
        assert_eq!(events(&out)[0]["outcome"], outcome, "{bytes:?}");
    }
}

#[test]
fn a_reader_that_has_read_enough_is_no_failure() {
    let mut child =
        plumb(&["replay", "--text", "."]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let (_, err) = ends_with(0, child.wait_with_output().unwrap());
    assert_eq!(err, "");
}

#[test]
fn a_policy_that_is_wrong_is_refused_with_everything_that_is_wrong() {
    let why = is_refused(&["replay", "schedule.json", "--policy", &policy("wrong.yaml")]);
    assert!(
        why.contains("`nonesuch`, which is not a control") && why.contains("`limits.attempts` is 0"),
        "{why}"
    );
    assert!(
        is_refused(&["replay", "schedule.json", "--policy", "schedule.json"])
            .contains("is not a field of the policy")
    );
    assert!(
        is_refused(&["replay", "schedule.json", "--policy", "nonesuch.yaml"]).contains("`nonesuch.yaml`")
    );
}

#[test]
fn a_runbook_without_its_parameters_is_refused_before_anything_starts() {
    let folder = here().join("../../controls/s3/bucket-public-access");
    let document = folder.join("remediate.yaml").display().to_string();
    let why = is_refused(&["runbook", "run", &document]);
    assert!(why.contains("BucketName"), "{why}");
    assert!(is_refused(&["runbook", "run", &document, "--param", "BucketName"]).contains("NAME=VALUE"));
    assert!(is_refused(&["runbook", "run", "schedule.json"]).starts_with("plumb: `schedule.json`: "));
}

#[test]
fn a_runbook_is_run_on_loopback_only() {
    let document = here().join("../../controls/s3/bucket-public-access/remediate.yaml").display().to_string();
    let role = "AutomationAssumeRole=arn:aws:iam::123456789012:role/plumb-us-east-1-bucket-public-access";
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("runbook").display().to_string();
    let output =
        plumb(&["runbook", "run", &document, "--param", "BucketName=orders-archive", "--param", role])
            .args(["--endpoint", "https://sts.amazonaws.com", "--dir", &folder])
            .output()
            .unwrap();
    let (_, err) = ends_with(1, output);
    assert_eq!(err, "plumb: `https://sts.amazonaws.com` is not on loopback; calls go to local AWS only\n");
}

#[test]
fn every_real_sample_is_replayed() {
    let folder = here().join("../../../shared/events");
    if !folder.is_dir() {
        eprintln!("skipped: there are no samples at ../shared/events");
        return;
    }
    let text = succeeds(&["replay", "--json", &folder.display().to_string()]);
    assert!(events(&text).len() > 100);
}
