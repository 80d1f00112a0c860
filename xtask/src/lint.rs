//! `cargo xtask lint`: AWS's linters over the templates, zero findings.

use std::{error::Error, fs, io, path::Path};

use crate::tools::{Tools, run};

/// Runs cfn-lint and `sam validate --lint`. Returns what to tell the user.
pub(crate) fn lint(root: &Path) -> Result<String, Box<dyn Error>> {
    let tools = Tools::ensure(root)?;
    let mut templates = vec!["template.yaml".to_owned()];
    for folder in ["infra", "infra/generated"] {
        templates.extend(yaml_files(root, folder)?);
    }
    run(tools.command("cfn-lint").args(["--include-checks", "I", "--"]).args(&templates), "cfn-lint")?;
    for template in &templates {
        let mut validate = tools.command("sam");
        validate.args(["validate", "--lint", "--region", "us-east-1", "--template-file", template]);
        run(&mut validate, format!("sam validate --lint --template-file {template}"))?;
    }
    Ok(format!("cfn-lint and sam validate --lint find nothing in {} templates", templates.len()))
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
