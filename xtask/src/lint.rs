//! `cargo xtask lint`: linters over the templates, zero findings, or each suppressed in place with its reason.

use std::{error::Error, fs, io, panic::resume_unwind, path::Path, process::Command, thread};

use crate::{
    test::say,
    tools::{ToolError, Tools, run, virtual_environment},
};

/// Runs cfn-lint, `sam validate --lint` and checkov. Returns what to tell the user.
pub(crate) fn lint(root: &Path) -> Result<String, Box<dyn Error>> {
    let tools = Tools::ensure(root)?;
    let mut templates = vec!["template.yaml".to_owned()];
    for folder in ["infra", "infra/generated"] {
        templates.extend(yaml_files(root, folder)?);
    }
    run(tools.command("cfn-lint").args(["--include-checks", "I", "--"]).args(&templates), "cfn-lint")?;
    // Two at a time: each is mostly the SAM CLI's own start.
    for pair in templates.chunks(2) {
        thread::scope(|scope| {
            let under_way: Vec<_> =
                pair.iter().map(|template| scope.spawn(|| validate(&tools, template))).collect();
            under_way.into_iter().try_for_each(|one| {
                say(&one.join().unwrap_or_else(|panic| resume_unwind(panic))?);
                Ok::<_, ToolError>(())
            })
        })?;
    }
    let checked = checkov(root, &templates)?;
    Ok(format!(
        "cfn-lint, sam validate --lint and checkov find nothing in {} templates ({checked})",
        templates.len()
    ))
}

/// What was typed, and what the SAM CLI said.
fn validate(tools: &Tools, template: &str) -> Result<String, ToolError> {
    let mut validate = tools.command("sam");
    validate.args(["validate", "--lint", "--region", "us-east-1", "--template-file", template]);
    let typed = format!("sam validate --lint --region us-east-1 --template-file {template}");
    let said = run(&mut validate, &typed)?;
    Ok(format!("$ {typed}\n{}", said.trim()))
}

/// Runs checkov; how many checks passed and how many are suppressed.
fn checkov(root: &Path, templates: &[String]) -> Result<String, Box<dyn Error>> {
    let home =
        virtual_environment(&root.join(".plumb/checkov"), &root.join("tools/checkov/requirements.txt"))?;
    let mut checkov = Command::new(home.join("bin/checkov"));
    // Its own checks only: it would ask a service for more, and for what they are called.
    checkov.args(["--framework", "cloudformation", "--skip-download", "--quiet", "--compact", "--file"]);
    let said = run(checkov.args(templates).current_dir(root), "checkov")?;
    let summary = said.lines().find(|line| line.starts_with("Passed checks"));
    Ok(summary.ok_or("checkov says nothing of its checks")?.to_lowercase())
}

fn yaml_files(root: &Path, folder: &str) -> io::Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(root.join(folder))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if Path::new(&name).extension().is_some_and(|extension| extension == "yaml") {
            files.push(format!("{folder}/{name}"));
        }
    }
    files.sort();
    Ok(files)
}
