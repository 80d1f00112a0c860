//! The Python environment, and how Python processes are started.

use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash as _, Hasher as _},
    io::Write as _,
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::process::{Child, Command};

use crate::start::StartError;

/// What the environment consists of.
const REQUIREMENTS: &str = include_str!("../python/requirements.txt");

const FILES: [(&str, &str); 15] = [
    ("boto3_worker.py", include_str!("../python/boto3_worker.py")),
    ("callers.py", include_str!("../python/callers.py")),
    ("ministack_launcher.py", include_str!("../python/ministack_launcher.py")),
    ("models.py", include_str!("../python/models.py")),
    ("moto_gaps.py", include_str!("../python/moto_gaps.py")),
    ("moto_hsm.py", include_str!("../python/moto_hsm.py")),
    ("moto_launcher.py", include_str!("../python/moto_launcher.py")),
    ("plain.py", include_str!("../python/plain.py")),
    ("requirements.txt", REQUIREMENTS),
    ("past.py", include_str!("../python/past.py")),
    ("routes.py", include_str!("../python/routes.py")),
    ("script_runner.py", include_str!("../python/script_runner.py")),
    ("stack_types.py", include_str!("../python/stack_types.py")),
    ("stack_conditions.py", include_str!("../python/stack_conditions.py")),
    ("watch.py", include_str!("../python/watch.py")),
];

/// A Python virtual environment with everything in `requirements.txt`, and the programs to run in it.
#[derive(Debug, Clone)]
pub(crate) struct Python {
    interpreter: PathBuf,
    programs: PathBuf,
    scratch: PathBuf,
}

impl Python {
    /// Makes the environment at `venv`, unless it is there and made from the same requirements; puts the programs
    /// into `<home>/python` and empties `<home>/tmp`, where they keep their files. Says on stderr what takes long.
    ///
    /// # Errors
    /// When there is no Python 3.10 or newer, or a package can't be installed.
    pub(crate) async fn ready(venv: &Path, home: &Path) -> Result<Self, StartError> {
        let (programs, scratch) = (home.join("python"), home.join("tmp"));
        write_programs(&programs)
            .and_then(|()| emptied(&scratch))
            .map_err(|error| StartError::new(format!("`{}` can't be written to: {error}", home.display())))?;
        let python = Self { interpreter: venv.join("bin/python"), programs, scratch };
        // Two runs may want the same environment at the same time: the second waits and finds it made.
        let _making = alone(venv).await?;
        let stamp = venv.join("plumb-requirements");
        let wanted = fingerprint();
        let made = tokio::fs::read_to_string(&stamp).await.is_ok_and(|made| made == wanted);
        if !made || !python.interpreter.exists() {
            python.make(venv).await?;
            tokio::fs::write(&stamp, wanted).await.map_err(|error| {
                StartError::new(format!("`{}` can't be written: {error}", stamp.display()))
            })?;
        }
        Ok(python)
    }

    async fn make(&self, venv: &Path) -> Result<(), StartError> {
        let system = system_python().await?;
        say(&format!("making the Python environment `{}` (once; takes a minute)", venv.display()));
        let mut create = Command::new(system);
        create.args(["-m", "venv", "--clear"]).arg(venv);
        run(create, "make a virtual environment; on Debian and Ubuntu install `python3-venv`").await?;
        let mut install = Command::new(&self.interpreter);
        install
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"])
            .arg(self.programs.join("requirements.txt"));
        run(install, "install the pinned packages; is the network up?").await
    }

    /// A program, ready to be given arguments: in a process group of its own, with an environment of nothing but what
    /// keeps it on local AWS.
    pub(crate) fn program(&self, name: &str, region: &str, endpoint: &str) -> Command {
        let mut command = Command::new(&self.interpreter);
        command
            .arg("-B")
            .arg(self.programs.join(name))
            .env_clear()
            .envs([
                ("AWS_ACCESS_KEY_ID", "test"),
                ("AWS_SECRET_ACCESS_KEY", "test"),
                ("AWS_CONFIG_FILE", "/dev/null"),
                ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
                ("AWS_EC2_METADATA_DISABLED", "true"),
                ("AWS_DEFAULT_REGION", region),
                ("AWS_REGION", region),
                ("AWS_ENDPOINT_URL", endpoint),
                ("PATH", "/usr/local/bin:/usr/bin:/bin"),
                ("LANG", "C.UTF-8"),
                ("PYTHONUNBUFFERED", "1"),
                ("NO_PROXY", "*"),
            ])
            .env("TMPDIR", &self.scratch)
            .stdin(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        command
    }
}

fn write_programs(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for (name, text) in FILES {
        let path = folder.join(name);
        // Another run may be starting from the same folder: never leave a file half-written under its name.
        if std::fs::read_to_string(&path).is_ok_and(|there| there == text) {
            continue;
        }
        let new = folder.join(format!(".{name}.{}", std::process::id()));
        std::fs::write(&new, text)?;
        std::fs::rename(&new, &path)?;
    }
    Ok(())
}

fn emptied(folder: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => std::fs::create_dir_all(folder),
    }
}

async fn alone(venv: &Path) -> Result<std::fs::File, StartError> {
    let path = venv.with_extension("lock");
    let lock = {
        let path = path.clone();
        move || {
            path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
            let file = std::fs::File::create(path)?;
            file.lock().map(|()| file)
        }
    };
    tokio::task::spawn_blocking(lock)
        .await
        .unwrap_or_else(|ended| Err(std::io::Error::other(ended)))
        .map_err(|error| StartError::new(format!("`{}` can't be locked: {error}", path.display())))
}

fn fingerprint() -> String {
    let mut hasher = DefaultHasher::new();
    REQUIREMENTS.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

async fn system_python() -> Result<&'static str, StartError> {
    for name in ["python3", "python3.13", "python3.12", "python3.11", "python3.10"] {
        let check = "import sys; sys.exit(sys.version_info < (3, 10))";
        let new_enough = Command::new(name)
            .args(["-c", check])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .await;
        if new_enough.is_ok_and(|status| status.success()) {
            return Ok(name);
        }
    }
    Err(StartError::new("no Python 3.10 or newer on the PATH; install `python3` and `python3-venv`"))
}

async fn run(mut command: Command, what: &str) -> Result<(), StartError> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(|error| StartError::new(format!("could not {what} ({error})")))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let start = said.len().saturating_sub(2000);
    let tail = said.get(said.ceil_char_boundary(start)..).unwrap_or_default();
    Err(StartError::new(format!("could not {what}\n{}", tail.trim())))
}

pub(crate) fn say(line: &str) {
    // A closed stderr is no reason to stop.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// A Python process that ends, with everything it started, when its stdin closes.
#[derive(Debug)]
pub(crate) struct Launched {
    child: Child,
}

impl Launched {
    pub(crate) fn new(child: Child) -> Self {
        Self { child }
    }

    /// Why it ended, if it did.
    pub(crate) fn ended(&mut self) -> Option<String> {
        self.child.try_wait().ok().flatten().map(|status| status.to_string())
    }

    /// Lets it end its group.
    pub(crate) fn close(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Waits until it has ended; ends it the hard way if that takes long.
    pub(crate) async fn gone(&mut self) {
        self.close();
        let patience = std::time::Duration::from_secs(3);
        if tokio::time::timeout(patience, self.child.wait()).await.is_err() {
            // It may have ended by itself in between.
            let _ = self.child.kill().await;
        }
    }
}
