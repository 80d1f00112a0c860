//! Every environment variable that a function reads, once.

use plumb_model::{Access, AccountId, Deployment, Members, Region};

/// What the template tells a function. Read once, at init; everything that is wrong is reported at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `PLUMB_PREFIX`, `PLUMB_PARTITION`, `PLUMB_ACCOUNT`, `AWS_REGION`: where this stack is; `PLUMB_ROLE_PATH`: the IAM
    /// path of its roles, `/` unless it is set; `PLUMB_MEMBERS`: whom it looks after beside its own account.
    pub deployment: Deployment,
    /// `PLUMB_EXTERNAL_ID`: what the members' roles want to hear from whoever assumes them.
    pub external_id: Option<String>,
    /// By which of a member's roles to go there: a function's by [`Access::Act`], the command line's by [`Access::Look`].
    pub access: Access,
    /// `PLUMB_CONFIG_AGGREGATOR`: the AWS Config aggregator that knows what the members' rules found.
    pub config_aggregator: Option<String>,
    /// `PLUMB_LEDGER_TABLE`: the DynamoDB table of remediations. Absent in `sweep`.
    pub ledger_table: Option<String>,
    /// `PLUMB_POLICY_PROFILE`: the AppConfig configuration profile that delivers the policy.
    pub policy_profile: Option<PolicyProfile>,
    /// `PLUMB_FINDINGS_QUEUE_URL`: where `sweep` puts what it finds, and what has to be started later.
    pub findings_queue_url: Option<String>,
    /// `PLUMB_EVENT_BUS`, `PLUMB_TOPIC_ARN`, `PLUMB_HISTORY_TABLE`, `PLUMB_DIGEST_QUEUE_URL`: how `tell` tells.
    pub tell: TellSettings,
    /// `PLUMB_STATUS_QUEUE_URL`: where what was started is looked at again.
    pub status_queue_url: Option<String>,
    /// `PLUMB_EVALUATIONS_QUEUE_URL`: where `evaluate` leaves the rest of a long evaluation.
    pub evaluations_queue_url: Option<String>,
    /// `AWS_ENDPOINT_URL`, which AWS's SDKs share: another endpoint for every service.
    pub endpoint_url: Option<String>,
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`: set by Lambda for the life of the sandbox.
    pub credentials: aws_credential_types::Credentials,
}

/// Where `tell` tells; all absent in other functions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TellSettings {
    /// `PLUMB_EVENT_BUS`: the custom event bus's name.
    pub event_bus: Option<String>,
    /// `PLUMB_TOPIC_ARN`: the SNS topic for people.
    pub topic_arn: Option<String>,
    /// `PLUMB_HISTORY_TABLE`: the DynamoDB table of what happened.
    pub history_table: Option<String>,
    /// `PLUMB_DIGEST_QUEUE_URL`: what waits for the next digest.
    pub digest_queue_url: Option<String>,
}

/// An AppConfig configuration profile in an environment, written `application/environment/profile`, each by id or name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyProfile {
    /// The application.
    pub application: String,
    /// The environment.
    pub environment: String,
    /// The configuration profile.
    pub profile: String,
}

impl PolicyProfile {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/').filter(|part| !part.is_empty()).map(str::to_owned);
        let (application, environment, profile) = (parts.next()?, parts.next()?, parts.next()?);
        parts.next().is_none().then_some(Self { application, environment, profile })
    }
}

/// What is wrong with the environment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the function's environment is not usable: {}", .0.join("; "))]
pub struct SettingsError(pub Vec<String>);

impl Settings {
    /// Reads the settings through `get` (in `main`: the process's environment).
    ///
    /// # Errors
    /// A [`SettingsError`] that lists every variable that is missing or malformed.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let mut wrong = Vec::new();
        let get = |name: &str| get(name).filter(|value| !value.is_empty());
        let mut required = |name: &str| {
            get(name).unwrap_or_else(|| {
                wrong.push(format!("`{name}` is not set"));
                String::new()
            })
        };
        let (prefix, partition) = (required("PLUMB_PREFIX"), required("PLUMB_PARTITION"));
        let (account, region) = (required("PLUMB_ACCOUNT"), required("AWS_REGION"));
        let (key, secret) = (required("AWS_ACCESS_KEY_ID"), required("AWS_SECRET_ACCESS_KEY"));
        let account =
            AccountId::parse(account).map_err(|error| wrong.push(format!("`PLUMB_ACCOUNT`: {error}")));
        let region = Region::parse(region).map_err(|error| wrong.push(format!("`AWS_REGION`: {error}")));
        let role_path = get("PLUMB_ROLE_PATH").unwrap_or_else(|| "/".to_owned());
        if !(role_path.starts_with('/') && role_path.ends_with('/')) {
            wrong.push(format!("`PLUMB_ROLE_PATH` is `{role_path}`, which does not begin and end with `/`"));
        }
        let policy_profile = get("PLUMB_POLICY_PROFILE").map(|text| {
            PolicyProfile::parse(&text).ok_or_else(|| {
                wrong.push(format!(
                    "`PLUMB_POLICY_PROFILE` is `{text}`, not `application/environment/profile`"
                ));
            })
        });
        let policy_profile = policy_profile.transpose().ok().flatten();
        let members = Members::parse(&get("PLUMB_MEMBERS").unwrap_or_default());
        let members =
            members.map_err(|error| wrong.push(format!("`PLUMB_MEMBERS` is {error}"))).unwrap_or_default();
        let (Ok(account), Ok(region), true) = (account, region, wrong.is_empty()) else {
            return Err(SettingsError(wrong));
        };
        Ok(Self {
            deployment: Deployment { partition, account, region, prefix, role_path, members },
            access: Access::Act,
            external_id: get("PLUMB_EXTERNAL_ID"),
            config_aggregator: get("PLUMB_CONFIG_AGGREGATOR"),
            ledger_table: get("PLUMB_LEDGER_TABLE"),
            policy_profile,
            findings_queue_url: get("PLUMB_FINDINGS_QUEUE_URL"),
            tell: TellSettings {
                event_bus: get("PLUMB_EVENT_BUS"),
                topic_arn: get("PLUMB_TOPIC_ARN"),
                history_table: get("PLUMB_HISTORY_TABLE"),
                digest_queue_url: get("PLUMB_DIGEST_QUEUE_URL"),
            },
            status_queue_url: get("PLUMB_STATUS_QUEUE_URL"),
            evaluations_queue_url: get("PLUMB_EVALUATIONS_QUEUE_URL"),
            endpoint_url: get("AWS_ENDPOINT_URL"),
            credentials: aws_credential_types::Credentials::new(
                key,
                secret,
                get("AWS_SESSION_TOKEN"),
                None,
                "lambda-environment",
            ),
        })
    }

    /// Where nothing but credentials and a place is known: the command line, which looks at members and does nothing there.
    pub fn of(deployment: Deployment, credentials: aws_credential_types::Credentials) -> Self {
        Self {
            deployment,
            access: Access::Look,
            external_id: None,
            config_aggregator: None,
            ledger_table: None,
            policy_profile: None,
            findings_queue_url: None,
            status_queue_url: None,
            evaluations_queue_url: None,
            tell: TellSettings::default(),
            endpoint_url: None,
            credentials,
        }
    }

    /// A setting that this function can't do without.
    ///
    /// # Errors
    /// A [`SettingsError`] naming the variable when it is absent.
    pub fn required<T: Clone>(value: Option<&T>, name: &str) -> Result<T, SettingsError> {
        value.cloned().ok_or_else(|| SettingsError(vec![format!("`{name}` is not set")]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str) -> Option<String> {
        let value = match name {
            "PLUMB_PREFIX" => "plumb",
            "PLUMB_PARTITION" => "aws",
            "PLUMB_ACCOUNT" => "123456789012",
            "AWS_REGION" => "eu-central-1",
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => "dummy",
            _ => return None,
        };
        Some(value.to_owned())
    }

    #[test]
    fn a_complete_environment_is_read() {
        let settings = Settings::read(environment).unwrap();
        assert_eq!(settings.deployment.region.as_str(), "eu-central-1");
        assert_eq!(settings.endpoint_url, None);
    }

    #[test]
    fn the_policy_profile_has_three_parts() {
        let read = |text: &str| {
            let text = text.to_owned();
            Settings::read(move |name| match name {
                "PLUMB_POLICY_PROFILE" => Some(text.clone()),
                other => environment(other),
            })
        };
        assert_eq!(read("app/live/policy").unwrap().policy_profile.unwrap().environment, "live");
        assert!(read("app/live").is_err());
        assert!(read("app/live/policy/more").is_err());
    }

    #[test]
    fn the_roles_have_the_path_that_is_set() {
        let read = |path: &str| {
            let path = path.to_owned();
            Settings::read(move |name| match name {
                "PLUMB_ROLE_PATH" => Some(path.clone()),
                other => environment(other),
            })
        };
        let role = |path| {
            let deployment = read(path).unwrap().deployment;
            deployment.approval_role()
        };
        assert_eq!(role(""), "arn:aws:iam::123456789012:role/plumb-eu-central-1-approval");
        assert_eq!(role("/security/"), "arn:aws:iam::123456789012:role/security/plumb-eu-central-1-approval");
        assert!(read("security/").is_err());
    }

    #[test]
    fn everything_wrong_is_reported_at_once() {
        let SettingsError(wrong) = Settings::read(|name| match name {
            "PLUMB_PREFIX" => Some(String::new()),
            "PLUMB_ACCOUNT" => Some("12".to_owned()),
            other => environment(other),
        })
        .unwrap_err();
        assert_eq!(wrong.len(), 2, "{wrong:?}");
    }
}
