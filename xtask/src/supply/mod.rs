//! `cargo xtask supply`: what Plumb is made of. Licences, sources and bans of every crate, and the bill of materials of what is
//! linked into the functions.
//!
//! The rules are those of `deny.toml`, which `cargo deny` reads as well. That tool takes longer to compile than all of Plumb, so
//! here its checks are made again, but for advisories: their database is a git repository that CI can't reach. GitHub's
//! workflow runs `cargo deny check` itself.

mod licences;
mod lock;
mod sbom;
mod tree;

use std::{error::Error, fs, path::Path, process::Command};

use serde::Deserialize;

use crate::tools::{run, virtual_environment};

/// What is built for.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// `deny.toml`, as far as it is used.
#[derive(Debug, Deserialize)]
struct Deny {
    licenses: Licences,
    bans: Bans,
}

#[derive(Debug, Deserialize)]
struct Licences {
    allow: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Bans {
    deny: Vec<Banned>,
}

/// A crate that must not be linked, and why.
#[derive(Debug, Deserialize)]
struct Banned {
    #[serde(rename = "crate")]
    name: String,
    reason: String,
}

/// Checks everything; what to tell the user.
pub(crate) fn check(root: &Path) -> Result<String, Box<dyn Error>> {
    let deny: Deny = toml::from_str(&fs::read_to_string(root.join("deny.toml"))?)?;
    let locked = lock::read(root)?;
    let mut wrong = lock::sources(&locked);
    wrong.extend(licences::check(&tree::everything(root)?, &deny.licenses.allow));
    for banned in &deny.bans.deny {
        if locked.iter().any(|package| package.name == banned.name) {
            wrong.push(format!("`{}` is banned: {}", banned.name, banned.reason));
        }
    }
    if !wrong.is_empty() {
        return Err(format!("{}\nsee deny.toml", wrong.join("\n")).into());
    }
    let bill = sbom::write(root, &locked)?;
    validate(root, &bill)?;
    let linked = bill.matches("\"purl\":").count();
    Ok(format!(
        "{} crates from crates.io, each under a licence of deny.toml; a bill of {linked} that are linked",
        locked.len()
    ))
}

/// Writes the bill of materials of the functions to a file, or gives it back.
pub(crate) fn sbom(root: &Path, file: Option<&Path>) -> Result<String, Box<dyn Error>> {
    let bill = sbom::write(root, &lock::read(root)?)?;
    match file {
        None => Ok(bill.trim_end().to_owned()),
        Some(file) => {
            fs::write(file, &bill)?;
            Ok(format!("written: {}", file.display()))
        }
    }
}

/// Holds the bill against the format's own schema.
fn validate(root: &Path, bill: &str) -> Result<(), Box<dyn Error>> {
    const VALIDATE: &str = "import sys\nfrom cyclonedx.schema import SchemaVersion\n\
        from cyclonedx.validation.json import JsonStrictValidator\n\
        error = JsonStrictValidator(SchemaVersion.V1_5).validate_str(open(sys.argv[1]).read())\n\
        sys.exit(error and repr(error))\n";
    let home = virtual_environment(&root.join(".plumb/sbom"), &root.join("tools/sbom/requirements.txt"))?;
    let file = home.join("sbom.json");
    fs::write(&file, bill)?;
    let mut python = Command::new(home.join("bin/python"));
    run(python.args(["-c", VALIDATE]).arg(file), "CycloneDX's validation of the bill of materials")?;
    Ok(())
}
