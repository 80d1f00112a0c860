//! `plumb runbook lint`.

use std::{collections::BTreeSet, io::Write, path::Path};

use plumb_automation::lint::{Code, Finding, Models, Severity, api_calls, lint};
use serde_json::{Value, json};

use super::documents::{self, Text};
use crate::{
    arguments::RunbookLint,
    failure::Failure,
    local::runtime,
    output::{json_pretty, word},
};

pub(crate) fn run(out: &mut dyn Write, arguments: &RunbookLint, json: bool) -> Result<(), Failure> {
    let documents = documents::read(&arguments.documents)?;
    let models = models(&documents, arguments);
    let found: Vec<(&str, Vec<Finding>)> = documents
        .iter()
        .map(|document| (document.file.as_str(), findings(document, models.as_ref().ok())))
        .collect();
    let count = |severity| {
        found.iter().flat_map(|(_, findings)| findings).filter(|f| f.code.severity() == severity).count()
    };
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let skipped = models.err().map(|why| why.replace('\n', "; "));
    if json {
        json_pretty(
            out,
            &json!({
                "documents": found.iter().map(|(file, findings)| json!({
                    "file": file,
                    "findings": findings.iter().map(as_json).collect::<Vec<_>>(),
                })).collect::<Vec<_>>(),
                "errors": errors,
                "warnings": warnings,
                "api_check": skipped.as_ref().map_or_else(|| "done".to_owned(), |why| format!("skipped: {why}")),
            }),
        )?;
    } else {
        write(out, &found)?;
        if let Some(why) = &skipped {
            writeln!(out, "note: names and types of APIs and their parameters were not checked: {why}")?;
        }
        let documents = plural(found.len(), "document");
        writeln!(out, "{documents}: {}, {}", plural(errors, "error"), plural(warnings, "warning"))?;
    }
    if errors == 0 { Ok(()) } else { Err(Failure::Failed(plural(errors, "error"))) }
}

fn findings(document: &Text, models: Option<&Models>) -> Vec<Finding> {
    match &document.text {
        Some(text) => lint(text, models),
        None => vec![Finding {
            code: Code::Unreadable,
            place: plumb_automation::document::Place::default(),
            message: "it is not UTF-8".to_owned(),
            help: "save it as UTF-8".to_owned(),
        }],
    }
}

/// What the documents' APIs are, or why that can't be known.
fn models(documents: &[Text], arguments: &RunbookLint) -> Result<Models, String> {
    if arguments.no_api_check {
        return Err("--no-api-check was given".to_owned());
    }
    let calls: BTreeSet<_> =
        documents.iter().filter_map(|document| document.text.as_deref()).flat_map(api_calls).collect();
    models_of(&calls, &arguments.dir)
}

/// What boto3's models say of some APIs, or why that can't be known.
pub(super) fn models_of(calls: &BTreeSet<(String, String)>, dir: &Path) -> Result<Models, String> {
    if calls.is_empty() {
        return Ok(Models::default());
    }
    let home = dir.join("lint");
    let absolute = std::fs::create_dir_all(&home)
        .and_then(|()| Ok((std::path::absolute(&home)?, std::path::absolute(dir.join("venv"))?)));
    let (home, venv) = absolute.map_err(|error| format!("`{}`: {error}", dir.display()))?;
    let answer = runtime()
        .map_err(|error| error.to_string())?
        .block_on(plumb_local::models::describe(calls, &home, &venv))
        .map_err(|error| error.to_string())?;
    Models::from_json(answer).map_err(|error| error.to_string())
}

fn as_json(finding: &Finding) -> Value {
    json!({
        "code": finding.code,
        "severity": finding.code.severity(),
        "line": finding.place.line,
        "column": finding.place.column,
        "message": finding.message,
        "help": finding.help,
    })
}

fn write(out: &mut dyn Write, found: &[(&str, Vec<Finding>)]) -> Result<(), Failure> {
    for (file, findings) in found {
        for Finding { code, place, message, help } in findings {
            let severity = word(code.severity());
            writeln!(out, "{file}:{}:{}: {severity}[{code}]: {message}", place.line, place.column)?;
            writeln!(out, "    help: {help}")?;
        }
    }
    Ok(())
}

fn plural(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
