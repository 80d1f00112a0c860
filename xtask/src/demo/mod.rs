//! `cargo xtask demo`: local AWS, the real functions from the real template, ten real violations.
//!
//! Four acts: dry-run; for real, for exactly the ten resources that the policy opts in; a second pass in which nothing
//! changes; one rollback. What is expected of each act is checked by looking at the resources, not at what Plumb says.

mod act;
mod expectation;
mod ledger;
mod row;
mod table;

use std::{
    error::Error,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use plumb_local::proof::{self, ControlFolder, Subject};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    account::Account,
    test::{Checkout, say},
};
use act::Stage;
use expectation::Expectations;
use row::Row;

/// The Elastic IP can't be had back, so it is never released without approval.
const NEEDS_APPROVAL: &str = "elastic-ip-unattached";

/// The remediation that is undone in the last act.
const UNDONE: &str = "bucket-public-access";

/// How long the functions may go on with a policy that they have read.
const POLICY_IS_FRESH: Duration = Duration::from_secs(16);

/// A violating resource with its neighbour, and how both were at first.
pub(crate) struct Violation {
    pub(crate) control: ControlFolder,
    pub(crate) subject: Subject,
    pub(crate) at_first: Vec<Value>,
    pub(crate) neighbour: Vec<Value>,
    pub(crate) made_at: jiff::Timestamp,
}

#[derive(Serialize)]
struct Playbill {
    seconds: f64,
    acts: Vec<ActJson>,
    expectations: Expectations,
    calls: Value,
}

#[derive(Serialize)]
struct ActJson {
    name: &'static str,
    rows: Vec<Row>,
}

/// Plays the demo. Returns the closing line.
///
/// # Errors
/// When something can't be set up, or an expectation did not hold.
pub(crate) fn run(checkout: Checkout<'_>, json: Option<&Path>) -> Result<String, Box<dyn Error>> {
    let root = checkout.root;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let account = Account::deployed(checkout, |what| say(&format!("· {what}"))).await?;
        let played = play(root, &account, json).await;
        account.stop().await;
        played
    })
}

async fn play(root: &Path, account: &Account, json: Option<&Path>) -> Result<String, Box<dyn Error>> {
    let started = Instant::now();
    let mut acts = Vec::new();
    let mut expected = Expectations::default();

    say("· making ten violating resources, each with a neighbour that must stay as it is");
    let violations = make_violations(root, account).await?;
    let mut stage = Stage::new(account, &violations)?;

    stage.open("dry-run: the default policy records and reports, and changes nothing");
    say("· the first sweep finds what was wrong before Plumb came");
    stage.sweep().await?;
    let rows = stage.until(|row| matches!(row.state(), Some("detected"))).await?;
    let executions = stage.executions().await?;
    for (violation, row) in violations.iter().zip(&rows) {
        let id = &violation.control.id;
        expected.that(format!("{id}: detected, and only reported"), row.is("detected"), || row.describe());
        let now = proof::subject_state(account.context(), &violation.control, &violation.subject).await?;
        expected.that(format!("{id}: unchanged by the dry-run"), now == violation.at_first, || {
            "it changed".into()
        });
    }
    expected.that("dry-run starts no runbook", executions.is_empty(), || executions.join(", "));
    acts.push(ActJson { name: "dry-run", rows });

    stage.open("for real: the policy opts in these ten resources");
    stage.set_policy(&opt_in(&violations)?).await?;
    say("· waiting until no function goes on with the old policy");
    tokio::time::sleep(POLICY_IS_FRESH).await;
    stage.sweep().await?;
    let done = |row: &Row| match row.control.as_str() {
        NEEDS_APPROVAL => matches!(row.state(), Some("awaiting-approval")),
        _ => matches!(row.state(), Some("fixed" | "failed" | "escalated" | "unneeded")),
    };
    let rows = stage.until(done).await?;
    for (violation, row) in violations.iter().zip(&rows) {
        expect_fixed(account, violation, row, &mut expected).await?;
    }
    acts.push(ActJson { name: "for-real", rows });

    stage.open("second pass: everything is found again, twice, and nothing changes");
    let before = (stage.executions().await?, stage.mutations(), states(account, &violations).await?);
    stage.sweep().await?;
    stage.repeat_the_findings().await?;
    stage.drained().await?;
    let after = (stage.executions().await?, stage.mutations(), states(account, &violations).await?);
    expected.that("the second pass starts no runbook", before.0 == after.0, || format!("{:?}", after.0));
    expected.that("the second pass makes no mutating call", before.1 == after.1, || format!("{:?}", after.1));
    expected.that("the second pass changes no resource", before.2 == after.2, || "a resource changed".into());
    acts.push(ActJson { name: "second-pass", rows: stage.rows().await? });

    stage.open("rollback: the bucket's public access is put back as it was");
    if let Some(violation) = violations.iter().find(|violation| violation.control.id == UNDONE) {
        stage.ask_for_rollback(violation).await?;
        let ended = |row: &Row| row.control != UNDONE || row.is("rolled-back") || row.is("escalated");
        let rows = stage.until(ended).await?;
        let look = || proof::subject_state(account.context(), &violation.control, &violation.subject);
        let same = look().await? == violation.at_first;
        expected.that(format!("{UNDONE}: exactly as before"), same, || "it differs".into());
        stage.sweep().await?;
        stage.drained().await?;
        let same = look().await? == violation.at_first;
        expected
            .that(format!("{UNDONE}: hands off after the rollback"), same, || "it was fixed again".into());
        acts.push(ActJson { name: "rollback", rows });
    }

    let dead = stage.dead_letters().await?;
    expected.that("no dead letters", dead == 0, || format!("{dead} messages"));
    let calls = stage.calls_by_function();
    let seconds = started.elapsed().as_secs_f64();
    say(&format!("\n{}", table::summary(&expected, &calls, seconds)));
    let closing = expected.closing();
    let held = expected.held();
    if let Some(file) = json {
        let data = Playbill { seconds, acts, expectations: expected, calls };
        fs::write(file, serde_json::to_vec_pretty(&data)?)
            .map_err(|error| format!("can't write `{}`: {error}", file.display()))?;
    }
    if held { Ok(closing) } else { Err(closing.into()) }
}

async fn make_violations(root: &Path, account: &Account) -> Result<Vec<Violation>, Box<dyn Error>> {
    let context = account.context();
    let mut violations = Vec::new();
    let controls = ControlFolder::read_all(&root.join("controls"))?;
    // Those that a managed rule of the stack's finds, because local AWS judges by managed rules.
    for control in controls.into_iter().filter(|control| control.config_rule.is_some()) {
        let mut subject = proof::make_violation(context, &control).await?;
        let made_at = jiff::Timestamp::now();
        proof::make_bystander(context, &control, &mut subject).await?;
        let at_first = proof::subject_state(context, &control, &subject).await?;
        let neighbour = proof::bystander_state(context, &control, &subject).await?;
        violations.push(Violation { control, subject, at_first, neighbour, made_at });
    }
    Ok(violations)
}

/// A policy that fixes these resources under these controls, and only reports everything else.
fn opt_in(violations: &[Violation]) -> Result<String, serde_json::Error> {
    let rules: Vec<_> = violations
        .iter()
        .map(|violation| {
            let chosen = json!({ "control": violation.control.id, "resource": violation.subject.resource });
            json!({ "match": chosen, "mode": "auto" })
        })
        .collect();
    serde_json::to_string(&json!({ "mode": "notify", "rules": rules }))
}

async fn expect_fixed(
    account: &Account,
    violation: &Violation,
    row: &Row,
    expected: &mut Expectations,
) -> Result<(), Box<dyn Error>> {
    let (context, control, subject) = (account.context(), &violation.control, &violation.subject);
    let id = &control.id;
    if id == NEEDS_APPROVAL {
        let asked = row.is("awaiting-approval");
        expected.that(format!("{id}: waits for approval"), asked, || row.describe());
        let now = proof::subject_state(context, control, subject).await?;
        expected.that(format!("{id}: untouched"), now == violation.at_first, || "it changed".into());
    } else {
        expected.that(format!("{id}: fixed, and verified by AWS Config"), row.is("fixed"), || row.describe());
        let unmet = proof::unfixed(context, control, subject).await?;
        expected.that(format!("{id}: the resource itself says so"), unmet.is_empty(), || unmet.join("; "));
    }
    let neighbour = proof::bystander_state(context, control, subject).await?;
    let same = neighbour == violation.neighbour;
    expected.that(format!("{id}: the neighbour is untouched"), same, || "it changed".into());
    Ok(())
}

async fn states(account: &Account, violations: &[Violation]) -> Result<Vec<Vec<Value>>, Box<dyn Error>> {
    let mut states = Vec::new();
    for violation in violations {
        let (control, subject) = (&violation.control, &violation.subject);
        states.push(proof::subject_state(account.context(), control, subject).await?);
        states.push(proof::bystander_state(account.context(), control, subject).await?);
    }
    Ok(states)
}
