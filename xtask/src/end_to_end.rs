//! The end-to-end test: the deployed template on local AWS, with assertions made by `tests/e2e` through boto3.

use std::{error::Error, path::Path, process::Command};

use crate::{
    account::{Account, STACK},
    test::{Checkout, Tally, counted, pytest_result, say},
    tools,
};

/// Deploys and asserts; at the end AWS has a bad day.
pub(crate) fn run(checkout: Checkout<'_>) -> Result<Tally, Box<dyn Error>> {
    assert(checkout, &["tests/e2e"])
}

/// Deploys, and lets AWS have a bad day.
pub(crate) fn faults(checkout: Checkout<'_>) -> Result<Tally, Box<dyn Error>> {
    assert(
        checkout,
        &["tests/e2e/test_z_faults.py", "tests/e2e/test_z_storm.py", "tests/e2e/test_zz_full.py"],
    )
}

fn assert(checkout: Checkout<'_>, tests: &[&str]) -> Result<Tally, Box<dyn Error>> {
    let root = checkout.root;
    let python = environment(root)?;
    let cli = command_line(root)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let account = runtime.block_on(Account::deployed(checkout, say))?;
    let mut pytest = Command::new(python);
    pytest
        .args(["-m", "pytest", "--color=no", "-p", "no:cacheprovider", "-v"])
        .args(tests)
        .current_dir(root)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PLUMB_STACK", STACK)
        .env("PLUMB_CLI", cli)
        .env("PLUMB_SAM", tools::Tools::ensure(root)?.path_of("sam"))
        .envs(account.environment());
    let tally = counted(pytest, pytest_result);
    runtime.block_on(account.stop());
    tally
}

/// Builds `plumb`, as an operator has it; its path.
pub(crate) fn command_line(root: &Path) -> Result<std::path::PathBuf, Box<dyn Error>> {
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--locked", "-p", "plumb-cli"]).current_dir(root);
    tools::run(&mut build, "cargo build -p plumb-cli")?;
    Ok(root.join("target/debug/plumb"))
}

/// The test's own virtual environment, below `.plumb/`; its Python.
pub(crate) fn environment(root: &Path) -> Result<std::path::PathBuf, Box<dyn Error>> {
    let requirements = root.join("tests/e2e/requirements.txt");
    let home = root.join(".plumb/e2e");
    Ok(tools::virtual_environment(&home, &requirements)?.join("bin/python"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_tests_requirements_are_pinned() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let text = fs::read_to_string(root.join("tests/e2e/requirements.txt")).unwrap();
        for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
            assert!(line.contains("=="), "{line}");
        }
    }
}
