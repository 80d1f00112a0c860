//! The developer tools from PyPI: the SAM CLI, cargo-lambda with zig, cfn-lint.

use std::{
    env, fmt, fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A tool that could not be run, or that said no.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ToolError {
    /// No usable Python.
    #[error("no Python 3.10 or newer with `venv` on the PATH; on Debian and Ubuntu install `python3-venv`")]
    Python,
    /// A program could not be started.
    #[error("`{program}` can't be started: {source}")]
    Start {
        program: String,
        #[source]
        source: io::Error,
    },
    /// A file could not be read or written.
    #[error("`{}`: {source}", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// It ran, and failed.
    #[error("`{what}` failed:\n{output}")]
    Failed { what: String, output: String },
}

/// The tools, installed.
#[derive(Debug)]
pub(crate) struct Tools {
    root: PathBuf,
    bin: PathBuf,
}

/// How functions are compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Build {
    /// As `sam build` compiles them for users: small, optimised as a whole.
    AsShipped,
    /// The same code and checks without optimisation of the whole, in a third of the time: the demo and the tests.
    Quick,
}

impl Build {
    /// What the release profile is overridden with.
    fn environment(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::AsShipped => &[],
            Self::Quick => &[
                ("CARGO_PROFILE_RELEASE_LTO", "off"),
                ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
                ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1"),
            ],
        }
    }
}

/// Where and how to deploy: to local AWS, never to an account.
#[derive(Debug)]
pub(crate) struct Deploy<'a> {
    /// The template.
    pub(crate) template: &'a str,
    /// Local AWS's one endpoint, such as `http://127.0.0.1:4566`.
    pub(crate) endpoint: &'a str,
    /// The Region.
    pub(crate) region: &'a str,
    /// The stack's name.
    pub(crate) stack: &'a str,
    /// The template's parameters.
    pub(crate) parameters: &'a [(&'a str, &'a str)],
}

impl Tools {
    /// Makes the virtual environment below `.plumb/`, unless it is there and made from the same requirements.
    pub(crate) fn ensure(root: &Path) -> Result<Self, ToolError> {
        let home = virtual_environment(&root.join(".plumb/tools"), &root.join("tools/requirements.txt"))?;
        Ok(Self { root: root.to_path_buf(), bin: home.join("bin") })
    }

    /// A tool, to be run in the checkout, that reaches no account, sends no telemetry and finds the other tools.
    pub(crate) fn command(&self, tool: &str) -> Command {
        self.at_home(Command::new(self.path_of(tool)))
    }

    /// What `command` promises, for a program that starts a tool.
    fn at_home(&self, mut command: Command) -> Command {
        command.current_dir(&self.root).env("PATH", self.path()).stdin(Stdio::null());
        for name in ["AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_ROLE_ARN"] {
            command.env_remove(name);
        }
        command
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("NO_PROXY", "127.0.0.1,localhost")
            .env("SAM_CLI_TELEMETRY", "0")
            .env("__SAM_CLI_APP_DIR", self.root.join(".plumb/sam"));
        command
    }

    /// Where a tool is, for whoever starts it by himself.
    pub(crate) fn path_of(&self, tool: &str) -> PathBuf {
        self.bin.join(tool)
    }

    /// `sam build` into `.aws-sam/build`. It builds one function after the other, so all are compiled before it, side by
    /// side and with cargo's own progress shown; what it then asks cargo-lambda for is there already.
    pub(crate) fn sam_build(&self, how: Build) -> Result<(), ToolError> {
        let mut compile = self.compiler(Command::new(self.path_of("cargo-lambda")), how)?;
        run_showing(&mut compile, "cargo lambda build")?;
        let mut build = self.command("sam");
        build.envs(how.environment().iter().copied());
        build.args(["build", "--build-in-source", "--no-cached", "--template-file", "template.yaml"]);
        run_showing(&mut build, "sam build")
    }

    /// The long part of a later `sam_build`, quietly, and only with what time the processors have left.
    ///
    /// # Errors
    /// When the functions don't compile; `sam_build` meets that again.
    pub(crate) fn compile_ahead(&self, how: Build) -> Result<(), ToolError> {
        let mut nice = Command::new("nice");
        nice.args(["-n", "19"]).arg(self.path_of("cargo-lambda"));
        run(&mut self.compiler(nice, how)?, "cargo lambda build").map(|_| ())
    }

    /// What compiles every function, by the program that is cargo-lambda or leads to it.
    fn compiler(&self, program: Command, how: Build) -> Result<Command, ToolError> {
        let mut compile = self.at_home(program);
        compile.args(["lambda", "build", "--release"]).envs(how.environment().iter().copied());
        for package in self.functions()? {
            compile.args(["--package", &package]);
        }
        Ok(compile)
    }

    /// The packages below `functions/`.
    fn functions(&self) -> Result<Vec<String>, ToolError> {
        let folder = self.root.join("functions");
        let entries = fs::read_dir(&folder).map_err(|source| file(&folder, source))?;
        let folders = entries.flatten().filter(|entry| entry.path().is_dir());
        let names = folders.map(|entry| entry.file_name().to_string_lossy().into_owned());
        Ok(names.map(|name| format!("plumb-{name}")).collect())
    }

    /// `sam deploy`, of what `sam build` left or of a template as it is. The answer is what SAM printed.
    pub(crate) fn sam_deploy(&self, deploy: &Deploy<'_>) -> Result<String, ToolError> {
        let mut command = self.command("sam");
        command
            .env("AWS_ENDPOINT_URL", deploy.endpoint)
            .env("AWS_DEFAULT_REGION", deploy.region)
            .args(["deploy", "--template-file", deploy.template, "--resolve-s3", "--no-progressbar"])
            .args(["--no-confirm-changeset", "--no-fail-on-empty-changeset", "--on-failure", "ROLLBACK"])
            .args(["--capabilities", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"])
            .args(["--stack-name", deploy.stack, "--region", deploy.region]);
        if !deploy.parameters.is_empty() {
            command.arg("--parameter-overrides");
            command.args(deploy.parameters.iter().map(|(name, value)| parameter(name, value)));
        }
        run(&mut command, "sam deploy")
    }

    fn path(&self) -> std::ffi::OsString {
        #[expect(clippy::disallowed_methods, reason = "cargo has to find rustc, and the tools each other")]
        let path = env::var_os("PATH").unwrap_or_default();
        let all = std::iter::once(self.bin.clone()).chain(env::split_paths(&path));
        env::join_paths(all).unwrap_or(path)
    }
}

/// Makes a virtual environment at `home`, unless it is there and made from the same requirements. Returns `home`.
pub(crate) fn virtual_environment(home: &Path, requirements: &Path) -> Result<PathBuf, ToolError> {
    let wanted = fs::read_to_string(requirements).map_err(|source| file(requirements, source))?;
    let stamp = home.join("requirements.txt");
    if fs::read_to_string(&stamp).is_ok_and(|made| made == wanted) {
        return Ok(home.to_path_buf());
    }
    eprintln!("making the Python environment `{}` (once; takes a minute)", home.display());
    let mut create = Command::new(python()?);
    run(create.args(["-m", "venv", "--clear"]).arg(home), "make a virtual environment")?;
    let mut install = Command::new(home.join("bin/python"));
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
    run(install.arg(requirements), "pip install")?;
    fs::write(&stamp, wanted).map_err(|source| file(&stamp, source))?;
    Ok(home.to_path_buf())
}

/// One parameter in SAM's notation.
fn parameter(name: &str, value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"");
    format!("ParameterKey={name},ParameterValue=\"{value}\"")
}

/// The first Python that is new enough.
fn python() -> Result<&'static str, ToolError> {
    const NEW_ENOUGH: &str = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))";
    ["python3", "python3.13", "python3.12", "python3.11", "python3.10"]
        .into_iter()
        .find(|python| {
            let mut check = Command::new(python);
            check.args(["-c", NEW_ENOUGH]).stdout(Stdio::null()).stderr(Stdio::null());
            check.status().is_ok_and(|status| status.success())
        })
        .ok_or(ToolError::Python)
}

/// Runs to the end; what it printed, or an error with the end of that.
pub(crate) fn run(command: &mut Command, what: impl fmt::Display) -> Result<String, ToolError> {
    let output = command.output().map_err(|source| ToolError::Start {
        program: command.get_program().to_string_lossy().into_owned(),
        source,
    })?;
    let printed =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.success() {
        return Ok(printed);
    }
    let lines: Vec<_> = printed.lines().collect();
    let end = lines.get(lines.len().saturating_sub(60)..).unwrap_or_default().join("\n");
    Err(ToolError::Failed { what: what.to_string(), output: end })
}

/// Runs to the end; what it says is shown while it runs.
fn run_showing(command: &mut Command, what: &str) -> Result<(), ToolError> {
    let status = command.status().map_err(|source| ToolError::Start {
        program: command.get_program().to_string_lossy().into_owned(),
        source,
    })?;
    let failed = || ToolError::Failed { what: what.to_owned(), output: "it said why above".to_owned() };
    status.success().then_some(()).ok_or_else(failed)
}

fn file(path: &Path, source: io::Error) -> ToolError {
    ToolError::File { path: path.to_path_buf(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_keeps_quotes_and_spaces() {
        assert_eq!(
            parameter("Policy", "mode: \"auto\""),
            "ParameterKey=Policy,ParameterValue=\"mode: \\\"auto\\\"\""
        );
    }

    #[test]
    fn a_tool_that_fails_is_quoted() {
        let error = run(Command::new("sh").args(["-c", "echo because; exit 3"]), "the test").unwrap_err();
        assert_eq!(error.to_string(), "`the test` failed:\nbecause");
    }
}
