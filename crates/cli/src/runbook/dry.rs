//! `plumb runbook run --dry-run`.

use std::{collections::BTreeMap, io::Write, sync::Arc};

use jiff::Timestamp;
use plumb_automation::{
    Document, Environment,
    dry::{DryCall, DryRun, DryStep, Report, Source, Verdict, dry_run},
    lint::{Models, api_calls},
};
use serde_json::{Value, json};

use super::{connect, environment, lint::models_of, ports::KeptDocuments};
use crate::{
    arguments::RunbookRun,
    failure::Failure,
    local::runtime,
    output::{json_pretty, say, word},
};

/// The account that `{{global:ACCOUNT_ID}}` names where nobody is asked.
const NOBODYS_ACCOUNT: &str = "123456789012";

pub(super) fn run(
    out: &mut dyn Write,
    arguments: &RunbookRun,
    text: &str,
    document: &Document,
    given: BTreeMap<String, Vec<String>>,
    json: bool,
) -> Result<(), Failure> {
    let models = if arguments.no_api_check {
        Err("--no-api-check was given".to_owned())
    } else {
        models_of(&api_calls(text), &arguments.dir)
    };
    let unchecked = models.as_ref().err().map(|why| why.replace('\n', "; "));
    let report = runtime()?.block_on(rehearse(arguments, document, given, models.as_ref().ok()))?;
    if json {
        let checked = unchecked.as_ref().map_or_else(|| "done".to_owned(), |why| format!("skipped: {why}"));
        json_pretty(out, &json!({ "dry_run": report, "api_check": checked }))?;
    } else {
        write(out, &report)?;
        if let Some(why) = unchecked {
            writeln!(out, "note: calls were not compared with the APIs' models: {why}")?;
        }
    }
    match report.verdict {
        Verdict::Passes => Ok(()),
        Verdict::Fails => {
            let failing: Vec<&str> =
                report.steps.iter().filter(|step| step.fails()).map(|step| step.name.as_str()).collect();
            let at = if failing.is_empty() { "the document's head".to_owned() } else { failing.join(", ") };
            Err(Failure::Failed(format!("bound to fail: {at}")))
        }
    }
}

async fn rehearse(
    arguments: &RunbookRun,
    document: &Document,
    given: BTreeMap<String, Vec<String>>,
    models: Option<&Models>,
) -> Result<Report, Failure> {
    let mut plan = DryRun {
        document,
        given,
        environment: Environment {
            account: NOBODYS_ACCOUNT.to_owned(),
            region: arguments.region.clone(),
            partition: partition(&arguments.region).to_owned(),
        },
        now: Timestamp::now(),
        models,
        reader: None,
        documents: None,
    };
    if let Some(endpoint) = &arguments.endpoint {
        let worker = Arc::new(connect(arguments, endpoint).await?);
        plan.environment = environment(&worker, arguments, endpoint).await?;
        plan.documents = Some(Arc::new(KeptDocuments(Arc::clone(&worker))));
        plan.reader = Some(worker);
        say(format_args!("reading from `{endpoint}`; nothing is changed"));
    }
    dry_run(plan)
        .await
        .map_err(|error| Failure::Usage(format!("`{}`: {error}", arguments.document.display())))
}

/// By the Region's name, where nobody is asked.
fn partition(region: &str) -> &'static str {
    match region {
        region if region.starts_with("cn-") => "aws-cn",
        region if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

fn write(out: &mut dyn Write, report: &Report) -> Result<(), Failure> {
    if !report.parameters.is_empty() {
        writeln!(out, "parameters")?;
    }
    for parameter in &report.parameters {
        let from = match parameter.from {
            Source::Given => "",
            Source::Default => "   (default)",
            Source::Missing => "   (required, not given: any value)",
        };
        writeln!(out, "  {} = {}{from}", parameter.name, plain(&parameter.value))?;
    }
    match &report.assume_role {
        Some(role) => writeln!(out, "runs as {role}")?,
        None => writeln!(out, "runs as whoever starts it")?,
    }
    for problem in &report.problems {
        writeln!(out, "  {}: {}", if problem.fails { "fails" } else { "warning" }, problem.message)?;
    }
    for step in &report.steps {
        write_step(out, step)?;
    }
    for name in &report.never_reached {
        writeln!(out, "{name}: not reached with these parameters")?;
    }
    let ends: Vec<String> = report.ends.iter().map(|end| format!("{} at {}", end.status, end.at)).collect();
    writeln!(out, "can end in: {}", if ends.is_empty() { "nothing".to_owned() } else { ends.join(", ") })?;
    let calls = || report.steps.iter().flat_map(|step| &step.calls);
    let count = |is: fn(&DryCall) -> bool| calls().filter(|call| is(call)).count();
    writeln!(
        out,
        "dry run {}: {} of {} steps reached, {} calls ({} would change something, {} made to read), {} warnings",
        word(report.verdict),
        report.steps.len(),
        report.steps.len() + report.never_reached.len(),
        calls().count(),
        count(|call| call.changes),
        count(|call| call.made),
        report.steps.iter().flat_map(|step| &step.problems).filter(|problem| !problem.fails).count(),
    )?;
    Ok(())
}

fn write_step(out: &mut dyn Write, step: &DryStep) -> Result<(), Failure> {
    let sure = if step.certain { "" } else { "   (maybe)" };
    writeln!(out, "{} ({}), {}{sure}", step.name, step.action, step.reached)?;
    for call in &step.calls {
        let DryCall { service, api, changes, in_script, made } = call;
        let does = if *changes { "changes" } else { "reads" };
        let how = match (in_script, made) {
            (true, _) => ", in its script",
            (_, true) => ", asked",
            _ => "",
        };
        writeln!(out, "    calls {service}:{api} ({does}{how})")?;
    }
    for (name, value) in step.inputs.iter().filter(|(name, _)| !matches!(name.as_str(), "Service" | "Api")) {
        if step.action != "aws:branch" {
            writeln!(out, "    {name}: {}", short(&plain(value)))?;
        }
    }
    for problem in &step.problems {
        writeln!(out, "    {}: {}", if problem.fails { "fails" } else { "warning" }, problem.message)?;
    }
    for note in &step.notes {
        writeln!(out, "    note: {note}")?;
    }
    for next in &step.next {
        writeln!(out, "    -> {next}")?;
    }
    Ok(())
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// One line of what may be long.
fn short(text: &str) -> String {
    let line = text.replace('\n', "\\n");
    if line.chars().count() <= 160 {
        return line;
    }
    format!("{}…", line.chars().take(160).collect::<String>())
}
