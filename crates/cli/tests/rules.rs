//! `plumb rules`, as it is called.

#![expect(clippy::unwrap_used, reason = "a test may")]

use std::{
    io::Write as _,
    process::{Command, Output, Stdio},
};

fn plumb(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_plumb"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that does not read its input may have ended before it is written.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const VOLUME: &str = r#"{"resourceType": "AWS::EC2::Volume", "resourceId": "vol-1", "configuration": "{\"volumeType\": \"gp2\"}"}"#;

#[test]
fn every_rule_is_listed_and_shown() {
    let listed = text(&plumb(&["rules", "list"], "").stdout);
    for rule in plumb_rules::RULES {
        assert!(listed.contains(rule.name), "{listed}");
        let shown = text(&plumb(&["rules", "show", rule.name], "").stdout);
        assert!(shown.contains(rule.title), "{shown}");
    }
}

#[test]
fn an_item_is_judged_without_aws() {
    let judged = plumb(&["rules", "judge", "volume-gp2", "-"], VOLUME);
    assert!(judged.status.success());
    assert_eq!(
        text(&judged.stdout),
        "vol-1 is NON_COMPLIANT: the volume is gp2; gp3 costs less and is at least as fast\n"
    );
}

#[test]
fn what_is_missing_is_said_and_ends_with_1() {
    let free = r#"{"resourceType": "AWS::EC2::Volume", "resourceId": "v", "configuration": {"state": {"value": "available"}}}"#;
    let judged = plumb(&["rules", "judge", "volume-unattached", "-"], free);
    assert_eq!(judged.status.code(), Some(1));
    assert!(text(&judged.stderr).contains("lacks the fact `history`"), "{}", text(&judged.stderr));
}

#[test]
fn what_can_not_be_used_is_said_and_ends_with_2() {
    for (arguments, words) in [
        (&["rules", "show", "volume-gp1"][..], "there is no rule `volume-gp1`"),
        (
            &["rules", "judge", "group-in-one-zone", "-"],
            "`group-in-one-zone` judges AWS::AutoScaling::AutoScalingGroup",
        ),
        (&["rules", "judge", "volume-gp2", "-", "--param", "days"], "`days` is not NAME=VALUE"),
    ] {
        let done = plumb(arguments, VOLUME);
        assert_eq!(done.status.code(), Some(2), "{arguments:?}");
        assert!(text(&done.stderr).contains(words), "{}", text(&done.stderr));
    }
}
