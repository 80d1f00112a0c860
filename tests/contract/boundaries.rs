//! The architecture's boundaries, as `cargo tree` sees them.

#![expect(clippy::unwrap_used, reason = "a test may")]

use std::{collections::BTreeSet, process::Command};

fn dependencies(package: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--package",
            package,
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--offline",
            "--locked",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .collect()
}

#[test]
fn the_inside_knows_no_sdk_and_no_runtime() {
    for package in
        ["plumb-model", "plumb-catalogue", "plumb-planner", "plumb-ports", "plumb-events", "plumb-rules"]
    {
        for dependency in dependencies(package) {
            let outside = dependency.starts_with("aws-sdk") || dependency == "tokio" || dependency == "hyper";
            assert!(!outside, "{package} depends on {dependency}");
        }
    }
}

#[test]
fn the_engine_knows_no_sdk() {
    for dependency in dependencies("plumb-automation") {
        assert!(!dependency.starts_with("aws-"), "plumb-automation depends on {dependency}");
    }
}

#[test]
fn functions_do_not_carry_the_engine_or_local_aws() {
    for package in ["plumb-remediate", "plumb-track", "plumb-sweep", "plumb-evaluate", "plumb-tell"] {
        let dependencies = dependencies(package);
        for outside in ["plumb-automation", "plumb-local", "axum", "clap", "cfn-guard"] {
            assert!(!dependencies.contains(outside), "{package} depends on {outside}");
        }
    }
}

#[test]
fn only_the_aws_crate_names_an_sdk() {
    for (folder, manifest) in manifests() {
        let names_sdk = manifest.lines().any(|line| line.starts_with("aws-sdk-"));
        assert_eq!(names_sdk, folder == "aws", "{folder}");
    }
}

fn manifests() -> Vec<(String, String)> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    ["crates", "functions"]
        .iter()
        .flat_map(|folder| std::fs::read_dir(format!("{root}/{folder}")).unwrap().flatten())
        .filter_map(|entry| {
            let text = std::fs::read_to_string(entry.path().join("Cargo.toml")).ok()?;
            Some((entry.file_name().to_string_lossy().into_owned(), text))
        })
        .collect()
}
