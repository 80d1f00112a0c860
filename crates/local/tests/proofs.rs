//! Every control keeps its promises on local AWS.
#![expect(clippy::unwrap_used, reason = "a helper that can't do its work has failed the test")]

use std::path::{Path, PathBuf};

use plumb_local::{
    LocalAws, Options,
    proof::{ControlFolder, Report, prove},
};

#[tokio::test]
async fn every_control_fixes_what_it_says_and_nothing_else_and_can_be_undone() {
    let (local, home) = started("proofs").await;
    let controls = ControlFolder::read_all(&controls()).unwrap();
    let mut failed = Vec::new();
    for control in &controls {
        let report = prove(local.context(), control).await;
        println!("{report}");
        if !report.passed() {
            failed.push(report.control);
        }
    }
    stopped(local, &home).await;
    assert!(failed.is_empty(), "the proofs of {} failed; the report is above", failed.join(", "));
}

#[tokio::test]
async fn a_runbook_that_breaks_its_promises_is_found_out() {
    let (local, home) = started("broken-proofs").await;
    let mut sound = ControlFolder::read(&controls().join("s3/bucket-public-access")).unwrap();
    sound.proof.variants.clear();

    let mut fixes_half = sound.clone();
    fixes_half.remediate =
        swap(&sound.remediate, "RestrictPublicBuckets: true", "RestrictPublicBuckets: false");
    let report = prove(local.context(), &fixes_half).await;
    assert!(fails(&report, "violating", "is fixed"), "{report}");
    assert!(fails(&report, "violating", "the remediation ends in Success"), "{report}");

    let mut never_looks = sound.clone();
    never_looks.remediate = swap(&sound.remediate, "    isEnd: true\n  - name: Fix", "  - name: Fix");
    let report = prove(local.context(), &never_looks).await;
    assert!(fails(&report, "violating", "run again, it makes no mutating call"), "{report}");
    assert!(fails(&report, "gone", "the remediation ends in Success"), "{report}");

    let mut forgets = sound.clone();
    forgets.rollback = swap(&sound.rollback, "'Restored': not found or now == before", "'Restored': True");
    let report = prove(local.context(), &forgets).await;
    assert!(fails(&report, "violating", "the rollback restores the state before"), "{report}");

    let mut may_too_much = sound.clone();
    may_too_much.actions.insert("s3:DeleteBucket".to_owned());
    let mut may_too_little = sound.clone();
    may_too_little.actions.remove("s3:PutBucketPublicAccessBlock");
    let report = prove(local.context(), &may_too_much).await;
    assert!(fails(&report, "permissions", "every action of `iam` is needed"), "{report}");
    let report = prove(local.context(), &may_too_little).await;
    assert!(fails(&report, "permissions", "every call is covered by `iam`"), "{report}");
    stopped(local, &home).await;
}

fn fails(report: &Report, on: &str, name: &str) -> bool {
    report.failures().any(|check| check.on == on && check.name == name)
}

fn swap(document: &str, from: &str, to: &str) -> String {
    assert!(document.contains(from), "`{from}` is no longer in the document");
    document.replace(from, to)
}

fn controls() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../controls")
}

/// A local AWS in a home of its own: two runs of these tests may go on at the same time, and two in one home are in each
/// other's way.
async fn started(name: &str) -> (LocalAws, PathBuf) {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/local");
    let home = target.join(format!("{name}-{}", std::process::id()));
    let options = Options { venv: Some(target.join("venv")), ..Options::new(&home) };
    (LocalAws::start(options).await.unwrap(), home)
}

/// Ends it, and removes its home; a test that fails before this leaves it there to be looked at.
async fn stopped(local: LocalAws, home: &Path) {
    local.stop().await;
    std::fs::remove_dir_all(home).unwrap();
}
