//! The registry of Plumb's own Config rules: a file below `crates/rules/src/rules` is a rule.

use std::{error::Error, fmt::Write as _, fs, path::Path};

use super::HEADER;

/// `crates/rules/src/rules/mod.rs`.
pub(crate) fn generate(root: &Path) -> Result<String, Box<dyn Error>> {
    let folder = root.join("crates/rules/src/rules");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let file = entry?.path();
        let is_rust = file.extension().is_some_and(|extension| extension == "rs");
        if let Some(name) = file.file_stem().and_then(|name| name.to_str())
            && is_rust
            && name != "mod"
        {
            names.push(name.to_owned());
        }
    }
    names.sort();
    let mut out = format!("//! Every rule, one file each: {HEADER}.\n\nuse crate::Rule;\n\n");
    for name in &names {
        writeln!(out, "mod {name};")?;
    }
    out.push_str("\n/// Every rule, by name.\npub static RULES: &[&Rule] = &[\n");
    for name in &names {
        writeln!(out, "    &{name}::RULE,")?;
    }
    out.push_str("];\n");
    Ok(out)
}
