//! Proves single controls on local AWS: `cargo run -p plumb-local --example prove -- controls/s3/bucket-tls-only …`. The
//! test `proofs` proves all of them.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "its output is what it is for")]

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use plumb_local::{
    LocalAws, Options,
    proof::{ControlFolder, prove},
};

#[tokio::main]
async fn main() -> ExitCode {
    let folders: Vec<PathBuf> = std::env::args().skip(1).map(PathBuf::from).collect();
    if folders.is_empty() {
        eprintln!("name at least one control's folder, such as controls/s3/bucket-tls-only");
        return ExitCode::from(2);
    }
    match prove_all(&folders).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

/// Whether every control keeps its promises.
async fn prove_all(folders: &[PathBuf]) -> Result<bool, Box<dyn std::error::Error>> {
    let controls: Vec<_> =
        folders.iter().map(|folder| ControlFolder::read(folder)).collect::<Result<_, _>>()?;
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/local");
    let home = target.join(format!("prove-{}", std::process::id()));
    let options = Options { venv: Some(target.join("venv")), ..Options::new(&home) };
    let local = LocalAws::start(options).await?;
    let mut passed = true;
    for control in &controls {
        let begun = Instant::now();
        let report = prove(local.context(), control).await;
        println!("{report}  in {:.1} s\n", begun.elapsed().as_secs_f32());
        passed &= report.passed();
    }
    local.stop().await;
    std::fs::remove_dir_all(home)?;
    Ok(passed)
}
