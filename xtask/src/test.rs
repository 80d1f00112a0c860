//! `cargo xtask test`: everything that CI runs, in one go, with one closing line.
//!
//! A step that fails does not stop the others: one run shows everything that is wrong.

use std::{
    error::Error,
    io::{self, BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    accounts, codegen, end_to_end, lint, sam_local, supply,
    tools::{Build, Tools},
};

/// How many checks passed, failed and were skipped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Tally {
    fn one(passed: bool) -> Self {
        Self { passed: u64::from(passed), failed: u64::from(!passed), skipped: 0 }
    }

    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// What the steps work on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checkout<'a> {
    /// Its folder.
    pub(crate) root: &'a Path,
    /// Whether the functions in `.aws-sam/build` are taken as they are.
    pub(crate) built: bool,
}

type Step = fn(Checkout<'_>) -> Result<Tally, Box<dyn Error>>;

const UNIT: &str = "unit";

/// The steps, cheap ones first.
const STEPS: &[(&str, &str, Step)] = &[
    ("format", "rustfmt agrees with every file", format),
    ("codegen", "generated files are what the controls say", generated),
    ("supply", "licences and sources of every crate, and the bill of materials of the functions", supply),
    ("clippy", "clippy, pedantic, nothing allowed", clippy),
    (UNIT, "unit, snapshot, property and contract tests, and every control's proof on local AWS", unit),
    (
        "own-rules",
        "with the feature `guard`: users' own policies against their examples, Plumb's templates against policies",
        own_rules,
    ),
    ("lint", "cfn-lint, sam validate and checkov over the templates", templates),
    ("sam-local", "every function by `sam local invoke`, in Docker, against local AWS", sam_local::run_all),
    (
        "accounts",
        "a hub, its members in two Regions and a stranger, on four local AWS side by side",
        accounts::run,
    ),
    (
        "end-to-end",
        "the deployed template on local AWS, asserted through boto3, and AWS on a bad day",
        end_to_end::run,
    ),
];

/// A part of `end-to-end` that can be run by its name alone.
const ON_REQUEST: &[(&str, &str, Step)] =
    &[("faults", "AWS has a bad day: faults, kills and a small storm, on local AWS", end_to_end::faults)];

/// Runs the steps, or the one that is named.
///
/// # Errors
/// When a step's name is unknown, or anything failed.
pub(crate) fn run(checkout: Checkout<'_>, only: Option<&str>) -> Result<String, Box<dyn Error>> {
    let chosen: Vec<_> = match only {
        None => STEPS.iter().collect(),
        Some(only) => STEPS.iter().chain(ON_REQUEST).filter(|(name, ..)| *name == only).collect(),
    };
    if chosen.is_empty() {
        let names: Vec<_> = STEPS.iter().chain(ON_REQUEST).map(|(name, ..)| *name).collect();
        return Err(
            format!("there is no step `{}`; the steps are {}", only.unwrap_or(""), names.join(", ")).into()
        );
    }
    let mut total = Tally::default();
    let mut summary = Vec::new();
    for (name, what, step) in chosen {
        say(&format!("\n=== {name}: {what}"));
        let started = Instant::now();
        let ahead = *name == UNIT && only.is_none() && !checkout.built;
        let tally = thread::scope(|scope| {
            if ahead {
                scope.spawn(|| compile_ahead(checkout.root));
            }
            step(checkout)
        });
        let tally = tally.unwrap_or_else(|error| {
            say(&format!("{name}: {error}"));
            Tally::one(false)
        });
        total.add(tally);
        summary.push(line(name, tally, started.elapsed()));
    }
    say("");
    for line in summary {
        say(&line);
    }
    let closing = format!("{} passed, {} failed, {} skipped", total.passed, total.failed, total.skipped);
    if total.failed == 0 {
        Ok(closing)
    } else {
        say(&closing);
        Err("not everything passed; each failure is shown above, under its step".into())
    }
}

/// While the unit tests wait for local AWS, the processors compile the functions that the deployed steps want.
fn compile_ahead(root: &Path) {
    if let Err(error) = Tools::ensure(root).and_then(|tools| tools.compile_ahead(Build::Quick)) {
        say(&format!(
            "the functions could not be compiled ahead; the next step that deploys says why: {error}"
        ));
    }
}

fn line(name: &str, tally: Tally, took: Duration) -> String {
    let Tally { passed, failed, skipped } = tally;
    let mark = if failed == 0 { "ok    " } else { "FAILED" };
    let took = took.as_secs_f64();
    format!("{mark}  {name:<12}  {passed:>4} passed  {failed:>3} failed  {skipped:>3} skipped  {took:>7.1} s")
}

fn format(Checkout { root, .. }: Checkout<'_>) -> Result<Tally, Box<dyn Error>> {
    checked(cargo(root, &["fmt", "--all", "--check"]))
}

fn clippy(Checkout { root, .. }: Checkout<'_>) -> Result<Tally, Box<dyn Error>> {
    checked(cargo(root, &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]))
}

fn generated(Checkout { root, .. }: Checkout<'_>) -> Result<Tally, Box<dyn Error>> {
    say(&codegen::run(root, true)?);
    Ok(Tally::one(true))
}

fn supply(Checkout { root, .. }: Checkout<'_>) -> Result<Tally, Box<dyn Error>> {
    say(&supply::check(root)?);
    Ok(Tally::one(true))
}

fn templates(Checkout { root, .. }: Checkout<'_>) -> Result<Tally, Box<dyn Error>> {
    say(&lint::lint(root)?);
    Ok(Tally::one(true))
}

fn own_rules(Checkout { root, .. }: Checkout<'_>) -> Result<Tally, Box<dyn Error>> {
    let arguments = ["test", "--package", "plumb-rules", "--features", "guard", "--locked"];
    counted(
        cargo(root, &[&arguments[..], &["--lib", "--test", "policies", "--test", "templates"]].concat()),
        cargo_result,
    )
}

fn unit(Checkout { root, .. }: Checkout<'_>) -> Result<Tally, Box<dyn Error>> {
    let mut command = cargo(root, &["test", "--workspace", "--locked", "--no-fail-fast"]);
    // Snapshots that differ are failures, never updates.
    command.env("INSTA_UPDATE", "no").env("CI", "true");
    counted(command, cargo_result)
}

fn cargo(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.args(arguments).current_dir(root);
    command
}

fn checked(mut command: Command) -> Result<Tally, Box<dyn Error>> {
    Ok(Tally::one(command.stdin(Stdio::null()).status()?.success()))
}

/// Runs a test runner, shows what it prints, and counts what its closing lines say. A runner that fails without a failed
/// test (it did not compile, it was killed) counts as one failure.
pub(crate) fn counted(
    mut command: Command,
    read: fn(&str) -> Option<Tally>,
) -> Result<Tally, Box<dyn Error>> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let mut tally = Tally::default();
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).lines() {
            let line = line?;
            tally.add(read(&line).unwrap_or_default());
            say(&line);
        }
    }
    if !child.wait()?.success() && tally.failed == 0 {
        tally.failed = 1;
    }
    Ok(tally)
}

/// `test result: ok. 23 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s`
fn cargo_result(line: &str) -> Option<Tally> {
    let rest = line.strip_prefix("test result: ")?;
    Some(Tally {
        passed: number_before(rest, " passed"),
        failed: number_before(rest, " failed"),
        skipped: number_before(rest, " ignored"),
    })
}

/// `=== 1 failed, 8 passed, 2 skipped, 1 error in 3.21s ===`, with or without the rules around it.
pub(crate) fn pytest_result(line: &str) -> Option<Tally> {
    let line = line.trim_matches(['=', ' ']);
    let (counts, seconds) = line.rsplit_once(" in ")?;
    let is_summary = seconds.starts_with(|first: char| first.is_ascii_digit())
        && counts.split(", ").all(|part| part.starts_with(|first: char| first.is_ascii_digit()));
    is_summary.then(|| Tally {
        passed: number_before(counts, " passed"),
        failed: number_before(counts, " failed") + number_before(counts, " error"),
        skipped: number_before(counts, " skipped"),
    })
}

fn number_before(text: &str, word: &str) -> u64 {
    text.split_once(word)
        .and_then(|(before, _)| before.rsplit(|c: char| !c.is_ascii_digit()).next())
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(0)
}

pub(crate) fn say(line: &str) {
    // A reader that has gone away is no failure of a test.
    let _ = writeln!(io::stdout(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_lines_of_the_runners_are_counted() {
        let cargo = "test result: FAILED. 23 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s";
        assert_eq!(cargo_result(cargo), Some(Tally { passed: 23, failed: 2, skipped: 1 }));
        assert_eq!(cargo_result("test a ... ok"), None);
        let pytest = "=========== 1 failed, 8 passed, 2 skipped, 1 error in 93.21s (0:01:33) ===========";
        assert_eq!(pytest_result(pytest), Some(Tally { passed: 8, failed: 2, skipped: 2 }));
        assert_eq!(pytest_result("8 passed in 3.21s"), Some(Tally { passed: 8, failed: 0, skipped: 0 }));
        assert_eq!(pytest_result("waiting in 3 queues"), None);
    }
}
