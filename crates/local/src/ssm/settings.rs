//! `GetServiceSetting` and its like, as far as Automation has settings of an account.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{partition, required, stored::epoch};
use crate::service::{AwsError, Request};

/// How long throttled calls are tried again, in seconds.
const THROTTLED_RETRY: &str = "/ssm/automation/throttled-retry-time-limit";

/// The settings with their defaults. The others than the first are kept, and change nothing here.
const SETTINGS: [(&str, &str); 10] = [
    (THROTTLED_RETRY, "0"),
    ("/ssm/automation/customer-script-log-destination", "None"),
    ("/ssm/automation/customer-script-log-group-name", "/aws/ssm/automation/executescript"),
    ("/ssm/automation/enable-adaptive-concurrency", "False"),
    ("/ssm/documents/console/public-sharing-permission", "Enable"),
    ("/ssm/managed-instance/activation-tier", "standard"),
    ("/ssm/managed-instance/default-ec2-instance-management-role", ""),
    ("/ssm/opsinsights/opscenter", "Disabled"),
    ("/ssm/parameter-store/default-parameter-tier", "Standard"),
    ("/ssm/parameter-store/high-throughput-enabled", "false"),
];

/// The longest that throttled calls may be tried again, in seconds, as documented.
const LONGEST_RETRY: u64 = 3600;

type Operation = fn(&Settings, &Request) -> Result<Value, AwsError>;

/// The settings that were changed, by Region and id. Cheap to clone: all clones are one.
#[derive(Clone, Default)]
pub(super) struct Settings(Arc<Mutex<HashMap<(String, &'static str), Setting>>>);

#[derive(Clone)]
struct Setting {
    value: String,
    at: Timestamp,
}

/// The operation of that name.
pub(super) fn find(name: &str) -> Option<Operation> {
    Some(match name {
        "GetServiceSetting" => |settings, request| settings.show(request),
        "UpdateServiceSetting" => |settings, request| {
            let (id, _) = named(request)?;
            let value = required(request, "SettingValue")?;
            check(id, value)?;
            let setting = Setting { value: value.to_owned(), at: Timestamp::now() };
            settings.lock().insert((request.region.clone(), id), setting);
            Ok(json!({}))
        },
        "ResetServiceSetting" => |settings, request| {
            let (id, _) = named(request)?;
            settings.lock().remove(&(request.region.clone(), id));
            settings.show(request)
        },
        _ => return None,
    })
}

impl Settings {
    /// How long throttled calls are tried again.
    pub(super) fn throttled_retry(&self, region: &str) -> Duration {
        let known = self.lock();
        let seconds = known.get(&(region.to_owned(), THROTTLED_RETRY));
        Duration::from_secs(seconds.and_then(|setting| setting.value.parse().ok()).unwrap_or_default())
    }

    fn show(&self, request: &Request) -> Result<Value, AwsError> {
        let (id, default) = named(request)?;
        let changed = self.lock().get(&(request.region.clone(), id)).cloned();
        let status = if changed.is_some() { "Customized" } else { "Default" };
        let Setting { value, at } =
            changed.unwrap_or_else(|| Setting { value: default.to_owned(), at: Timestamp::UNIX_EPOCH });
        let (region, account) = (&request.region, &request.account);
        Ok(json!({"ServiceSetting": {
            "SettingId": id,
            "SettingValue": value,
            "LastModifiedDate": epoch(at),
            "LastModifiedUser": if status == "Default" { "System" } else { account },
            "ARN": format!("arn:{}:ssm:{region}:{account}:servicesetting{id}", partition(region)),
            "Status": status,
        }}))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(String, &'static str), Setting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The setting that a request names by id or ARN, and its default.
fn named(request: &Request) -> Result<(&'static str, &'static str), AwsError> {
    let asked = required(request, "SettingId")?;
    let id = asked.split_once(":servicesetting").map_or(asked, |(_, id)| id);
    SETTINGS
        .into_iter()
        .find(|(known, _)| *known == id)
        .ok_or_else(|| AwsError::client("ServiceSettingNotFound", format!("Setting {asked} doesn't exist")))
}

fn check(id: &str, value: &str) -> Result<(), AwsError> {
    let fits = value.parse::<u64>().is_ok_and(|seconds| seconds <= LONGEST_RETRY);
    if id == THROTTLED_RETRY && !fits {
        let message = format!("`{value}` is no number of seconds from 0 to {LONGEST_RETRY}");
        return Err(AwsError::client("ValidationException", message));
    }
    Ok(())
}
