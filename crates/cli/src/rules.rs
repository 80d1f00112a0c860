//! `plumb rules`: Plumb's own AWS Config rules and the users' policies, without AWS.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use clap::Subcommand;
use plumb_rules::{RULES, Rule, testing::Example};
use serde_json::{Map, Value, json};

use crate::{failure::Failure, output::json_pretty, table};

#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// List them
    List,
    /// Everything about one: what it looks at, its parameters
    Show {
        /// Its name, such as volume-gp2
        rule: String,
    },
    /// Judge a configuration item by a rule, as `evaluate` would
    #[command(
        after_help = "What the rule would look up beside the item is given with --facts, a JSON object of lists; without it the output says what is missing.\n\n\
        Example:\n  aws configservice get-resource-config-history --resource-type AWS::EC2::Volume --resource-id vol-1 --limit 1 \
        --query 'configurationItems[0]' > item.json\n  plumb rules judge volume-gp2 item.json"
    )]
    Judge {
        /// Its name, such as volume-gp2
        rule: String,
        /// The configuration item as JSON, in either of AWS Config's dialects; - for standard input
        item: PathBuf,
        /// What the rule looks up, as JSON
        #[arg(long)]
        facts: Option<PathBuf>,
        /// A parameter of the rule, as NAME=VALUE
        #[arg(long = "param", value_name = "NAME=VALUE")]
        parameters: Vec<String>,
    },
    /// Test policies in AWS CloudFormation Guard's language against their examples
    #[command(
        after_help = "A policy is a file NAME.guard, its examples are NAME.yaml beside it: a list of {name, item, expect, says}. Exit code 1 if an \
        example does not get the verdict that it expects, or a policy has none.\n\n\
        Needs a plumb that was built with the feature `guard`: cargo run -p plumb-cli --features guard -- rules test"
    )]
    Test {
        /// The folder
        #[arg(default_value = "rules")]
        folder: PathBuf,
    },
}

/// `plumb rules …`.
pub(crate) fn run(out: &mut dyn Write, command: &RulesCommand, json: bool) -> Result<(), Failure> {
    match command {
        RulesCommand::List => list(out, json),
        RulesCommand::Show { rule } => show(out, known(rule)?, json),
        RulesCommand::Judge { rule, item, facts, parameters } => {
            judge(out, known(rule)?, item, facts.as_deref(), parameters, json)
        }
        RulesCommand::Test { folder } => test(out, folder, json),
    }
}

fn known(name: &str) -> Result<&'static Rule, Failure> {
    plumb_rules::rule(name).ok_or_else(|| {
        Failure::Usage(format!("there is no rule `{name}`; `plumb rules list` shows those there are"))
    })
}

fn list(out: &mut dyn Write, json: bool) -> Result<(), Failure> {
    if json {
        return json_pretty(out, &RULES.iter().map(|rule| as_json(rule)).collect::<Vec<_>>());
    }
    let heading = ["RULE", "RESOURCE", "TITLE"].map(str::to_owned);
    let rows = RULES.iter().map(|rule| [rule.name, rule.resource_type, rule.title].map(str::to_owned));
    let rows: Vec<_> = std::iter::once(heading).chain(rows).collect();
    Ok(table::write(out, &rows)?)
}

fn as_json(rule: &Rule) -> Value {
    let parameters: Vec<_> = rule
        .parameters
        .iter()
        .map(
            |parameter| json!({"name": parameter.name, "default": parameter.default, "docs": parameter.docs}),
        )
        .collect();
    json!({
        "name": rule.name, "title": rule.title, "docs": rule.docs, "resource_type": rule.resource_type,
        "parameters": parameters,
    })
}

fn show(out: &mut dyn Write, rule: &Rule, json: bool) -> Result<(), Failure> {
    if json {
        return json_pretty(out, &as_json(rule));
    }
    writeln!(out, "{}\n{} ({})\n\n{}", rule.name, rule.title, rule.resource_type, rule.docs)?;
    if !rule.parameters.is_empty() {
        writeln!(out)?;
        let heading = ["PARAMETER", "DEFAULT", ""].map(str::to_owned);
        let rows = rule
            .parameters
            .iter()
            .map(|parameter| [parameter.name, parameter.default, parameter.docs].map(str::to_owned));
        table::write(out, &std::iter::once(heading).chain(rows).collect::<Vec<_>>())?;
    }
    Ok(())
}

fn judge(
    out: &mut dyn Write,
    rule: &Rule,
    item: &Path,
    facts: Option<&Path>,
    parameters: &[String],
    json: bool,
) -> Result<(), Failure> {
    let facts = facts.map(read).transpose()?.unwrap_or_else(|| json!({}));
    let mut set = Map::new();
    for parameter in parameters {
        let (name, value) = parameter
            .split_once('=')
            .ok_or_else(|| Failure::Usage(format!("`{parameter}` is not NAME=VALUE")))?;
        set.insert(name.to_owned(), value.into());
    }
    let example = json!({
        "name": "the item", "item": read(item)?, "facts": facts, "parameters": set, "expect": "",
        "now": jiff::Timestamp::now().to_string(),
    });
    let example = Example::read(&example, rule.resource_type).map_err(Failure::Usage)?;
    if example.item.kind != rule.resource_type {
        return Err(Failure::Usage(format!(
            "the item is of an {}; `{}` judges {}",
            example.item.kind, rule.name, rule.resource_type
        )));
    }
    let verdict = example.verdict(rule).map_err(|why| Failure::Failed(format!("not judged: {why}")))?;
    let annotation = verdict.annotation().map(ToString::to_string);
    if json {
        let id = &example.item.id;
        return json_pretty(
            out,
            &json!({"resource": id, "compliance": verdict.compliance(), "annotation": annotation}),
        );
    }
    let annotation = annotation.map(|text| format!(": {text}")).unwrap_or_default();
    Ok(writeln!(out, "{} is {}{annotation}", example.item.id, verdict.compliance())?)
}

/// A JSON file, or standard input.
fn read(file: &Path) -> Result<Value, Failure> {
    let text = if file == Path::new("-") {
        std::io::read_to_string(std::io::stdin())
    } else {
        fs::read_to_string(file)
    };
    let text = text.map_err(|error| Failure::Usage(format!("{}: {error}", file.display())))?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::Usage(format!("{} is not JSON: {error}", file.display())))
}

#[cfg(not(feature = "guard"))]
fn test(_: &mut dyn Write, _: &Path, _: bool) -> Result<(), Failure> {
    Err(Failure::Usage(
        "this plumb was built without Guard; use `cargo run -p plumb-cli --features guard -- rules test`"
            .to_owned(),
    ))
}

#[cfg(feature = "guard")]
fn test(out: &mut dyn Write, folder: &Path, json: bool) -> Result<(), Failure> {
    let (mut results, mut failed) = (Vec::new(), 0_usize);
    for policy in policies(folder)? {
        let name = policy.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read_to_string(&policy)
            .map_err(|error| Failure::Usage(format!("{}: {error}", policy.display())))?;
        for (example, outcome) in examples(&name, &text, &policy.with_extension("yaml"))? {
            failed += usize::from(outcome.is_err());
            if !json {
                match &outcome {
                    Ok(()) => writeln!(out, "ok    {name}: {example}")?,
                    Err(why) => writeln!(out, "WRONG {name}: {why}")?,
                }
            }
            results.push(json!({"policy": name, "example": example, "wrong": outcome.err()}));
        }
    }
    if json {
        json_pretty(out, &results)?;
    }
    if results.is_empty() {
        return Err(Failure::Failed(format!("{} has no policy: no file ends in .guard", folder.display())));
    }
    if failed > 0 {
        Err(Failure::Failed(format!("{failed} of {} examples are wrong", results.len())))
    } else {
        Ok(())
    }
}

#[cfg(feature = "guard")]
fn policies(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let listed = fs::read_dir(folder).and_then(|entries| {
        entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, std::io::Error>>()
    });
    let mut files = listed.map_err(|error| Failure::Usage(format!("{}: {error}", folder.display())))?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "guard"));
    files.sort();
    Ok(files)
}

/// Each example's name, and what is wrong with its verdict.
#[cfg(feature = "guard")]
fn examples(name: &str, policy: &str, file: &Path) -> Result<Vec<(String, Result<(), String>)>, Failure> {
    let wrong = |why: String| Failure::Usage(format!("{}: {why}", file.display()));
    let text = fs::read_to_string(file)
        .map_err(|error| wrong(format!("{error}; a policy without examples proves nothing")))?;
    let all: Vec<Value> = serde_saphyr::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let kind = plumb_rules::guard::resource_type(policy).unwrap_or("AWS::::Account");
    let mut outcomes = Vec::new();
    for one in &all {
        let example = Example::read(one, kind).map_err(wrong)?;
        let verdict = plumb_rules::guard::judge(name, policy, &example.item);
        outcomes.push((example.name.clone(), example.compare(&verdict)));
    }
    Ok(outcomes)
}
