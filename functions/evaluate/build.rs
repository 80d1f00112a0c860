//! The users' policies, `rules/*.guard`, compiled in with the feature `guard`: a function reads no file.

#![expect(clippy::disallowed_methods, reason = "cargo tells a build script through its environment")]

use std::{env, fmt::Write as _, fs, io, path::Path};

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files = Vec::new();
    if env::var_os("CARGO_FEATURE_GUARD").is_some() && folder.is_dir() {
        for entry in fs::read_dir(&folder)? {
            let file = entry?.path();
            if file.extension().is_some_and(|extension| extension == "guard") {
                files.push(fs::canonicalize(file)?);
            }
        }
    }
    files.sort();
    let mut out = String::from("&[\n");
    for file in &files {
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let path = file.to_string_lossy();
        let _ = writeln!(out, "    ({name:?}, include_str!({path:?})),");
    }
    out.push_str("]\n");
    let to = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo gives no OUT_DIR"))?;
    fs::write(Path::new(&to).join("policies.rs"), out)
}
