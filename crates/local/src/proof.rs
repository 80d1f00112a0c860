//! Proves controls on a running local AWS: that each fixes what it says, nothing else, and can be undone.
//!
//! `proof.yaml` says how to make a violating resource (`violate`), a neighbour (`bystander`), and how to look at them.
//! For the resource of `violate` and for each of `variants`, [`prove`] checks that
//!
//! 1. `fixed` is not true at first; the runbook ends in `Success`, `Inspect` having found the resource not compliant and
//!    captured at most 4 KB; then `fixed` is true and every call of `kept` answers as before;
//! 2. run again, it finds the resource compliant, makes no mutating call and changes nothing;
//! 3. the rollback, given what `Inspect` captured, makes every call of `state.subject` answer as at first; run again, it
//!    makes no mutating call and changes nothing;
//! 4. throughout, every call of `state.bystander` answers as at first.
//!
//! A resource that is gone (`violate`, then `remove`), and each of `unconcerned`, ends in `Success` without a mutating
//! call; each of `refuses` ends in `Failed` with a message that contains `because`, without a mutating call. Over all
//! runs, every call is covered by an action under `iam` in `control.yaml`, and every such action is needed.
//!
//! The format: a step is `set` (variables) or `call` (`service:Api` as boto3 has them) with `with`, `region`, `days_ago` (so
//! that what it makes is as old as that) and `capture` (variable: `JSONPath`). A look is a call with `absent` (error codes that mean "not there"), `json` (`$.Policy`: text to
//! be read as JSON), `select` (the `JSONPath` whose nodes count), `ignore` (member names that don't count) and, under
//! `fixed`, `expect` (`JSONPath`: value; a path that can pick many, such as one with a filter, stands for the list of what
//! it picks). Lists are compared without regard to their order. Variables are `{{name}}` (unlike any other run's),
//! `{{account}}`, `{{region}}` and what was set or captured.

mod folder;
mod looks;
mod permissions;
mod report;
mod runbook;
mod variables;

use std::{collections::BTreeSet, path::PathBuf};

use serde_json::Value;

pub use folder::{ControlFolder, Look, Proof, Refusal, States, Step, Variant};
pub use report::{Check, Report};
pub use variables::Variables;

use crate::{calls::LoggedCall, service::Context};
use looks::difference;
use report::Checks;
use runbook::{Run, Runbooks};

/// The most that a runbook may capture for its rollback: it is kept in the ledger's record.
const BEFORE_LIMIT: usize = 4 * 1024;

/// Why a proof could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// A file is missing or malformed.
    #[error("`{}` can't be used: {what}", .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A variable that nothing set.
    #[error("`{{{{{name}}}}}` is not set: set or capture it in an earlier step")]
    Unknown {
        /// Its name.
        name: String,
    },
    /// A call that is not `service:Api`.
    #[error("`{call}` is not a call: write `service:Api`, such as `s3:CreateBucket`")]
    NotACall {
        /// What stands there.
        call: String,
    },
    /// A `JSONPath` that can't be read.
    #[error("`{path}` is not a JSONPath: {what}")]
    NotAPath {
        /// The path.
        path: String,
        /// What is wrong.
        what: String,
    },
    /// AWS refused a call of the proof's own.
    #[error("`{call}` was refused: {said}")]
    Refused {
        /// The call.
        call: String,
        /// In AWS's words.
        said: String,
    },
    /// An answer has nothing at a path.
    #[error("the answer of `{call}` has nothing at `{path}`")]
    NotInAnswer {
        /// The call.
        call: String,
        /// The path.
        path: String,
    },
    /// An execution that goes on and on.
    #[error("execution `{execution}` of `{document}` is still `{status}`: look at its steps")]
    NoEnd {
        /// The document.
        document: String,
        /// The execution.
        execution: String,
        /// Its status.
        status: String,
    },
}

/// A resource that was made for a proof or a demonstration, and what is known about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    /// Its AWS Config resource id.
    pub resource: String,
    /// The variables that its steps set and captured; the bystander's join them.
    pub variables: Variables,
}

/// Makes a resource that violates the control.
///
/// # Errors
/// When a call of `violate` is refused.
pub async fn make_violation(context: &Context, control: &ControlFolder) -> Result<Subject, ProofError> {
    make(context, control, &control.proof.violate).await
}

/// Makes the subject's neighbour.
///
/// # Errors
/// When a call of `bystander` is refused.
pub async fn make_bystander(
    context: &Context,
    control: &ControlFolder,
    subject: &mut Subject,
) -> Result<(), ProofError> {
    looks::carry_out(context, &control.proof.bystander, &mut subject.variables).await
}

/// Removes the subject; does nothing for a control whose resource can't be gone.
///
/// # Errors
/// When a call of `remove` is refused.
pub async fn remove(
    context: &Context,
    control: &ControlFolder,
    subject: &mut Subject,
) -> Result<(), ProofError> {
    looks::carry_out(context, &control.proof.remove, &mut subject.variables).await
}

/// The subject's state: two that are equal are the same.
///
/// # Errors
/// When a call of `state.subject` is refused with anything but "not there".
pub async fn subject_state(
    context: &Context,
    control: &ControlFolder,
    subject: &Subject,
) -> Result<Vec<Value>, ProofError> {
    looks::look_all(context, &control.proof.state.subject, &subject.variables).await
}

/// The bystander's state: two that are equal are the same.
///
/// # Errors
/// When a call of `state.bystander` is refused with anything but "not there".
pub async fn bystander_state(
    context: &Context,
    control: &ControlFolder,
    subject: &Subject,
) -> Result<Vec<Value>, ProofError> {
    looks::look_all(context, &control.proof.state.bystander, &subject.variables).await
}

/// What of `fixed` is not true of the subject, in words; empty once it is fixed.
///
/// # Errors
/// When a call of `fixed` is refused with anything but "not there".
pub async fn unfixed(
    context: &Context,
    control: &ControlFolder,
    subject: &Subject,
) -> Result<Vec<String>, ProofError> {
    looks::unmet(context, &control.proof.fixed, &subject.variables).await
}

/// Carries out one control's proof.
pub async fn prove(context: &Context, control: &ControlFolder) -> Report {
    let mut checks = Vec::new();
    let mut made = Vec::new();
    match Runbooks::store(context, control, &token()).await {
        Err(error) => {
            Checks { on: "documents", into: &mut checks }.that("are stored", false, || error.to_string());
        }
        Ok(runbooks) => {
            let prover = Prover { context, control, runbooks };
            prover.every_scenario(&mut checks, &mut made).await;
            prover.permissions(&made, &mut Checks { on: "permissions", into: &mut checks });
        }
    }
    Report { control: control.id.clone(), checks }
}

struct Prover<'a> {
    context: &'a Context,
    control: &'a ControlFolder,
    runbooks: Runbooks<'a>,
}

/// What is to be shown of a resource.
enum Scenario<'a> {
    Violating,
    Unconcerned,
    Refused(&'a Refusal),
    Gone,
}

impl Prover<'_> {
    /// Runs the scenarios one after the other; one that can't be carried out is a check that failed. Each leaves as
    /// little behind as it can, because emulators give some resources the same id.
    async fn every_scenario(&self, into: &mut Vec<Check>, made: &mut Vec<LoggedCall>) {
        let proof = &self.control.proof;
        let violations = std::iter::once(("violating", &proof.violate))
            .chain(proof.variants.iter().map(|variant| (variant.name.as_str(), &variant.make)))
            .map(|(on, steps)| (on, steps, Scenario::Violating));
        let unconcerned = proof
            .unconcerned
            .iter()
            .map(|variant| (variant.name.as_str(), &variant.make, Scenario::Unconcerned));
        let refusals = proof
            .refuses
            .iter()
            .map(|refusal| (refusal.name.as_str(), &refusal.make, Scenario::Refused(refusal)));
        let gone = (!proof.remove.is_empty()).then_some(("gone", &proof.violate, Scenario::Gone));
        for (on, steps, scenario) in violations.chain(unconcerned).chain(refusals).chain(gone) {
            let mut checks = Checks { on, into };
            let carried_out = self.scenario(steps, &scenario, &mut checks, made).await;
            if let Err(error) = carried_out {
                checks.that("the proof can be carried out", false, || error.to_string());
            }
        }
    }

    async fn scenario(
        &self,
        steps: &[Step],
        scenario: &Scenario<'_>,
        checks: &mut Checks<'_>,
        made: &mut Vec<LoggedCall>,
    ) -> Result<(), ProofError> {
        let mut subject = make(self.context, self.control, steps).await?;
        let carried_out = match scenario {
            Scenario::Violating => self.violating(&mut subject, checks, made).await,
            Scenario::Unconcerned => self.unconcerned(&subject, checks, made).await,
            Scenario::Refused(refusal) => self.refused(&subject, refusal, checks, made).await,
            Scenario::Gone => self.gone(&mut subject, checks, made).await,
        };
        for step in &self.control.proof.remove {
            // What is gone already, or can't go, is nobody's failure here.
            let _ = looks::carry_out(self.context, std::slice::from_ref(step), &mut subject.variables).await;
        }
        carried_out
    }

    async fn violating(
        &self,
        subject: &mut Subject,
        checks: &mut Checks<'_>,
        made: &mut Vec<LoggedCall>,
    ) -> Result<(), ProofError> {
        let (context, control) = (self.context, self.control);
        make_bystander(context, control, subject).await?;
        let at_first = subject_state(context, control, subject).await?;
        let neighbour = bystander_state(context, control, subject).await?;
        let kept = looks::look_all(context, &control.proof.kept, &subject.variables).await?;
        let unmet = unfixed(context, control, subject).await?;
        checks.that("is not fixed at first", !unmet.is_empty(), || "`fixed` is true already".to_owned());

        let run = self.runbooks.remediate(subject).await?;
        self.fixed(&run, subject, checks).await?;
        let kept_now = looks::look_all(context, &control.proof.kept, &subject.variables).await?;
        checks.that("what was to be kept is as before", kept_now == kept, || difference(&kept, &kept_now));
        self.neighbour_is(&neighbour, subject, "the bystander is untouched by the remediation", checks)
            .await?;
        let before = run.output("Inspect.Before").to_owned();
        let repaired = subject_state(context, control, subject).await?;
        made.extend(run.calls);

        let again = self.runbooks.remediate(subject).await?;
        quiet("run again, it", &again, checks);
        let found = again.says("Inspect.Compliant", true);
        checks.that("run again, it finds the resource compliant", found, || outputs(&again));
        self.subject_is(&repaired, subject, "run again, it changes nothing", checks).await?;
        made.extend(again.calls);

        let back = self.runbooks.roll_back(subject, &before).await?;
        checks.that("the rollback ends in Success", back.succeeded(), || back.ending());
        self.subject_is(&at_first, subject, "the rollback restores the state before", checks).await?;
        made.extend(back.calls);

        let again = self.runbooks.roll_back(subject, &before).await?;
        quiet("rolled back again, it", &again, checks);
        self.subject_is(&at_first, subject, "rolled back again, it changes nothing", checks).await?;
        made.extend(again.calls);
        self.neighbour_is(&neighbour, subject, "the bystander is untouched by the rollback", checks).await
    }

    async fn fixed(&self, run: &Run, subject: &Subject, checks: &mut Checks<'_>) -> Result<(), ProofError> {
        checks.that("the remediation ends in Success", run.succeeded(), || run.ending());
        let found = run.says("Inspect.Found", true) && run.says("Inspect.Compliant", false);
        checks.that("Inspect finds it there and not compliant", found, || outputs(run));
        let before = run.output("Inspect.Before");
        let captured = before.len() <= BEFORE_LIMIT
            && serde_json::from_str::<Value>(before).is_ok_and(|value| value.is_object());
        checks.that("Inspect captures an object of at most 4 KB", captured, || {
            format!("{} bytes: {before}", before.len())
        });
        checks.that("Verify passes", run.step_succeeded("Verify"), || run.ending());
        let unmet = unfixed(self.context, self.control, subject).await?;
        checks.that("is fixed", unmet.is_empty(), || unmet.join("; "));
        Ok(())
    }

    async fn unconcerned(
        &self,
        subject: &Subject,
        checks: &mut Checks<'_>,
        made: &mut Vec<LoggedCall>,
    ) -> Result<(), ProofError> {
        let at_first = subject_state(self.context, self.control, subject).await?;
        let run = self.runbooks.remediate(subject).await?;
        quiet("the remediation", &run, checks);
        let found = run.says("Inspect.Found", true) && run.says("Inspect.Compliant", true);
        checks.that("Inspect finds it there and compliant", found, || outputs(&run));
        made.extend(run.calls);
        self.subject_is(&at_first, subject, "the remediation changes nothing", checks).await
    }

    async fn refused(
        &self,
        subject: &Subject,
        refusal: &Refusal,
        checks: &mut Checks<'_>,
        made: &mut Vec<LoggedCall>,
    ) -> Result<(), ProofError> {
        let looks = refusal.state.as_ref().unwrap_or(&self.control.proof.state.subject);
        let at_first = looks::look_all(self.context, looks, &subject.variables).await?;
        let run = self.runbooks.remediate(subject).await?;
        checks.that("the remediation fails", run.status == "Failed", || run.ending());
        let says_why = run.failure.contains(&refusal.because);
        checks.that("it says why", says_why, || format!("`{}` is not in: {}", refusal.because, run.ending()));
        checks.that("it makes no mutating call", run.mutations().is_empty(), || run.mutations().join(", "));
        made.extend(run.calls);
        let now = looks::look_all(self.context, looks, &subject.variables).await?;
        checks.that("it changes nothing", now == at_first, || difference(&at_first, &now));
        Ok(())
    }

    async fn gone(
        &self,
        subject: &mut Subject,
        checks: &mut Checks<'_>,
        made: &mut Vec<LoggedCall>,
    ) -> Result<(), ProofError> {
        remove(self.context, self.control, subject).await?;
        let run = self.runbooks.remediate(subject).await?;
        quiet("the remediation", &run, checks);
        checks.that("Inspect finds nothing", run.says("Inspect.Found", false), || outputs(&run));
        made.extend(run.calls);
        Ok(())
    }

    async fn subject_is(
        &self,
        expected: &[Value],
        subject: &Subject,
        name: &str,
        checks: &mut Checks<'_>,
    ) -> Result<(), ProofError> {
        let now = subject_state(self.context, self.control, subject).await?;
        checks.that(name, now == expected, || difference(expected, &now));
        Ok(())
    }

    async fn neighbour_is(
        &self,
        expected: &[Value],
        subject: &Subject,
        name: &str,
        checks: &mut Checks<'_>,
    ) -> Result<(), ProofError> {
        let now = bystander_state(self.context, self.control, subject).await?;
        checks.that(name, now == expected, || difference(expected, &now));
        Ok(())
    }

    fn permissions(&self, made: &[LoggedCall], checks: &mut Checks<'_>) {
        let documents = [self.control.remediate.as_str(), self.control.rollback.as_str()];
        let needed = permissions::needed(made, &documents);
        let missing: BTreeSet<_> = needed.difference(&self.control.actions).cloned().collect();
        let unused: BTreeSet<_> = self.control.actions.difference(&needed).cloned().collect();
        let list = |actions: &BTreeSet<String>| actions.iter().cloned().collect::<Vec<_>>().join(", ");
        checks.that("calls were made, and they are in the call log", !made.is_empty(), || {
            "the call log has no call of these executions".to_owned()
        });
        checks.that("every call is covered by `iam`", missing.is_empty(), || list(&missing));
        checks.that("every action of `iam` is needed", unused.is_empty(), || list(&unused));
    }
}

async fn make(context: &Context, control: &ControlFolder, steps: &[Step]) -> Result<Subject, ProofError> {
    let mut variables: Variables = [
        ("name".to_owned(), Value::from(token())),
        ("account".to_owned(), Value::from(context.account())),
        ("region".to_owned(), Value::from(context.region())),
    ]
    .into();
    looks::carry_out(context, steps, &mut variables).await?;
    let resource = variables::fill_to_text(&control.proof.resource, &variables)?;
    Ok(Subject { resource, variables })
}

/// A run that has to end well without having changed anything.
fn quiet(who: &str, run: &Run, checks: &mut Checks<'_>) {
    checks.that(&format!("{who} ends in Success"), run.succeeded(), || run.ending());
    let mutations = run.mutations();
    checks.that(&format!("{who} makes no mutating call"), mutations.is_empty(), || mutations.join(", "));
}

fn outputs(run: &Run) -> String {
    format!("{:?}; {}", run.outputs, run.ending())
}

/// Ten lower-case letters and digits that no other run has.
fn token() -> String {
    uuid::Uuid::new_v4().simple().to_string().chars().take(10).collect()
}
