//! The way to the stack: credentials, Region, endpoint, and what CloudFormation says of it.
//!
//! Credentials come from the environment, else from the AWS CLI (`aws configure export-credentials`), which knows profiles,
//! single sign-on, roles and instances. Linking `aws-config` for the same would bring four more crates of AWS's SDK.

use std::{collections::BTreeMap, process::Command};

use plumb_aws::{Aws, Credentials, Settings, TellSettings, operator};
use plumb_model::{AccountId, Deployment, Members, Region};

use super::Where;
use crate::{failure::Failure, partition::partition};

/// A stack that was found.
pub(crate) struct Connection {
    pub(crate) aws: Aws,
    pub(crate) deployment: Deployment,
    /// Who asks, as an ARN.
    pub(crate) caller: String,
    stack: String,
    outputs: BTreeMap<String, String>,
}

impl Connection {
    /// Finds the stack.
    pub(crate) async fn open(at: &Where) -> Result<Self, Failure> {
        let region = region(at)?;
        let credentials = credentials(at)?;
        let deployment = Deployment {
            partition: partition(&region).to_owned(),
            // Both are known only after the first calls, which need neither.
            account: nobody()?,
            region,
            prefix: String::new(),
            role_path: String::new(),
            members: Members::Nobody,
        };
        let settings = |deployment: Deployment| {
            let mut settings = Settings::of(deployment, credentials.clone());
            settings.endpoint_url = environment("AWS_ENDPOINT_URL");
            settings.tell = TellSettings::default();
            settings
        };
        let first = Aws::new(settings(deployment.clone()));
        let caller = operator::caller(&first).await.map_err(|error| unreachable_aws(&error))?;
        let stack = operator::stack(&first, &at.stack).await.map_err(|error| failed(&error))?;
        let stack = stack.ok_or_else(|| {
            Failure::Failed(format!(
                "there is no stack `{}` in {} of account {}; name it with --stack, and its Region with --region",
                at.stack, deployment.region, caller.account
            ))
        })?;
        let account = AccountId::parse(caller.account)
            .map_err(|error| Failure::Failed(format!("the account that STS names: {error}")))?;
        let prefix = stack.parameters.get("Prefix").cloned().unwrap_or_else(|| "plumb".to_owned());
        let role_path = stack.parameters.get("RolePath").cloned().unwrap_or_else(|| "/".to_owned());
        let members = stack.parameters.get("Members").map_or("", String::as_str);
        let members = Members::parse(members)
            .map_err(|error| Failure::Failed(format!("the stack's parameter `Members` is {error}")))?;
        let deployment = Deployment { account, prefix, role_path, members, ..deployment };
        let external_id = stack.parameters.get("ExternalId").filter(|id| !id.is_empty()).cloned();
        Ok(Self {
            aws: Aws::new(Settings {
                external_id,
                config_aggregator: stack.outputs.get("ConfigAggregator").cloned(),
                ..settings(deployment.clone())
            }),
            deployment,
            caller: caller.arn,
            stack: at.stack.clone(),
            outputs: stack.outputs,
        })
    }

    /// An output of the stack.
    pub(crate) fn output(&self, name: &str) -> Result<&str, Failure> {
        self.outputs.get(name).map(String::as_str).ok_or_else(|| {
            Failure::Failed(format!(
                "the stack `{}` has no output `{name}`: it is not Plumb's, or of another version; update it with `sam deploy`",
                self.stack
            ))
        })
    }
}

/// A failed call, with AWS's own words.
pub(crate) fn failed(error: &plumb_ports::PortError) -> Failure {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    let advice = match error.class {
        plumb_ports::Class::Denied => "; your role is not allowed to: ask whoever administers the account",
        plumb_ports::Class::Retry => "; try again in a moment",
        plumb_ports::Class::Permanent | plumb_ports::Class::Ambiguous => "",
    };
    Failure::Failed(format!("{text}{advice}"))
}

fn unreachable_aws(error: &plumb_ports::PortError) -> Failure {
    let Failure::Failed(text) = failed(error) else { return failed(error) };
    Failure::Failed(format!("can't ask AWS who you are: {text}"))
}

#[expect(clippy::disallowed_methods, reason = "where the AWS command line and every SDK look, too")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn region(at: &Where) -> Result<Region, Failure> {
    let named = at
        .region
        .clone()
        .or_else(|| environment("AWS_REGION"))
        .or_else(|| environment("AWS_DEFAULT_REGION"))
        .or_else(|| aws_cli(at, &["configure", "get", "region"]).ok());
    let named =
        named.ok_or_else(|| Failure::Usage("which Region? Give --region, or set AWS_REGION".to_owned()))?;
    Region::parse(named.trim()).map_err(|error| Failure::Usage(format!("--region: {error}")))
}

fn credentials(at: &Where) -> Result<Credentials, Failure> {
    let of_environment = || {
        let (key, secret) = (environment("AWS_ACCESS_KEY_ID")?, environment("AWS_SECRET_ACCESS_KEY")?);
        Some(Credentials::new(key, secret, environment("AWS_SESSION_TOKEN"), None, "environment"))
    };
    if at.profile.is_none()
        && let Some(credentials) = of_environment()
    {
        return Ok(credentials);
    }
    let exported = aws_cli(at, &["configure", "export-credentials", "--format", "process"]).map_err(|why| {
        Failure::Failed(format!(
            "no credentials: neither AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, nor the AWS CLI has any ({why}); \
             log in, for example with `aws sso login`"
        ))
    })?;
    let said: serde_json::Value = serde_json::from_str(&exported)
        .map_err(|error| Failure::Failed(format!("what the AWS CLI exports is not JSON: {error}")))?;
    let text = |name: &str| said.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
    match (text("AccessKeyId"), text("SecretAccessKey")) {
        (Some(key), Some(secret)) => Ok(Credentials::new(key, secret, text("SessionToken"), None, "aws-cli")),
        _ => Err(Failure::Failed("the AWS CLI exports no credentials".to_owned())),
    }
}

fn aws_cli(at: &Where, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new("aws");
    command.args(arguments);
    if let Some(profile) = &at.profile {
        command.args(["--profile", profile]);
    }
    let output = command.output().map_err(|error| format!("`aws` can't be run: {error}"))?;
    if output.status.success() && !output.stdout.is_empty() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        Err(said.trim().lines().last().unwrap_or("it says nothing").to_owned())
    }
}

fn nobody() -> Result<AccountId, Failure> {
    AccountId::parse("000000000000").map_err(|error| Failure::Failed(error.to_string()))
}
