//! A custom rule: the function that judges, what it is invoked for, and which resources are its concern.

use std::time::Duration;

use serde_json::{Map, Value};

use super::item::Item;
use crate::{
    members::{items, text, texts},
    service::AwsError,
};

/// `CUSTOM_LAMBDA`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CustomRule {
    /// The function's ARN.
    pub(super) function: String,
    /// Invoked with items that have changed.
    pub(super) on_change: bool,
    /// Invoked with the summary of items that are too large for a notification.
    pub(super) on_oversized: bool,
    /// Invoked so often, with no item.
    pub(super) every: Option<Duration>,
    pub(super) scope: Scope,
    /// `InputParameters`, as they were put; none is `{}`.
    pub(super) parameters: String,
}

/// Which resources' changes a rule is invoked for; an empty one is all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) kinds: Vec<String>,
    id: Option<String>,
    tag: Option<(String, Option<String>)>,
}

impl Scope {
    /// Reads `Scope`.
    pub(super) fn read(scope: Option<&Value>) -> Result<Self, AwsError> {
        let Some(scope) = scope else { return Ok(Self::default()) };
        let kinds: Vec<String> = texts(scope, "ComplianceResourceTypes").map(str::to_owned).collect();
        let id = text(scope, "ComplianceResourceId").map(str::to_owned);
        let (key, value) = (text(scope, "TagKey"), text(scope, "TagValue"));
        if id.is_some() && kinds.len() != 1 {
            return Err(invalid(
                "`Scope.ComplianceResourceId` needs exactly one `Scope.ComplianceResourceTypes`",
            ));
        }
        if value.is_some() && key.is_none() {
            return Err(invalid("`Scope.TagValue` needs `Scope.TagKey` beside it"));
        }
        let tag = key.map(|key| (key.to_owned(), value.map(str::to_owned)));
        Ok(Self { kinds, id, tag })
    }

    /// Whether resources of the type may be in it.
    pub(super) fn takes(&self, kind: &str) -> bool {
        self.kinds.is_empty() || self.kinds.iter().any(|of| of == kind)
    }

    /// Whether the resource of an item is in it. One that is gone is where it was.
    pub(super) fn covers(&self, item: &Item) -> bool {
        let of_tag = self.tag.as_ref().is_none_or(|(key, value)| {
            let found = item.found.tags.get(key);
            found.is_some_and(|found| value.as_ref().is_none_or(|value| value == found))
        });
        let of_id = self.id.as_ref().is_none_or(|id| *id == item.found.id);
        self.takes(&item.kind) && of_id && of_tag
    }
}

impl CustomRule {
    /// Reads a `ConfigRule` whose owner is `CUSTOM_LAMBDA`.
    pub(super) fn read(members: &Map<String, Value>) -> Result<Self, AwsError> {
        let source = members.get("Source").unwrap_or(&Value::Null);
        let function = text(source, "SourceIdentifier").unwrap_or_default();
        if !function.starts_with("arn:") || !function.contains(":lambda:") {
            return Err(invalid(
                "`Source.SourceIdentifier` must be the ARN of a function when `Owner` is `CUSTOM_LAMBDA`",
            ));
        }
        let scope = Scope::read(members.get("Scope"))?;
        let mut rule = Self {
            function: function.to_owned(),
            on_change: false,
            on_oversized: false,
            every: None,
            scope,
            parameters: parameters(members.get("InputParameters"))?,
        };
        for detail in items(source, "SourceDetails") {
            if text(detail, "EventSource").is_some_and(|source| source != "aws.config") {
                return Err(invalid("`Source.SourceDetails[].EventSource` must be `aws.config`"));
            }
            let frequency = text(detail, "MaximumExecutionFrequency");
            match text(detail, "MessageType") {
                Some("ConfigurationItemChangeNotification") => rule.on_change = true,
                Some("OversizedConfigurationItemChangeNotification") => rule.on_oversized = true,
                Some("ScheduledNotification") => {
                    let general = members.get("MaximumExecutionFrequency").and_then(Value::as_str);
                    rule.every = Some(how_often(frequency.or(general).unwrap_or("TwentyFour_Hours"))?);
                }
                Some("ConfigurationSnapshotDeliveryCompleted") => {
                    return Err(invalid(
                        "local AWS delivers no snapshots, so a rule can't be triggered by them; use \
                         `ScheduledNotification`",
                    ));
                }
                other => {
                    return Err(invalid(format!(
                        "`{}` is not a `Source.SourceDetails[].MessageType`",
                        other.unwrap_or_default()
                    )));
                }
            }
        }
        if !rule.on_change && !rule.on_oversized && rule.every.is_none() {
            return Err(invalid("say what triggers the rule: `Source.SourceDetails` is empty"));
        }
        Ok(rule)
    }
}

fn how_often(frequency: &str) -> Result<Duration, AwsError> {
    let hours = match frequency {
        "One_Hour" => 1,
        "Three_Hours" => 3,
        "Six_Hours" => 6,
        "Twelve_Hours" => 12,
        "TwentyFour_Hours" => 24,
        other => return Err(invalid(format!("`{other}` is not a `MaximumExecutionFrequency`"))),
    };
    Ok(Duration::from_hours(hours))
}

fn parameters(given: Option<&Value>) -> Result<String, AwsError> {
    let given = given.and_then(Value::as_str).filter(|text| !text.trim().is_empty()).unwrap_or("{}");
    match serde_json::from_str::<Value>(given) {
        Ok(Value::Object(_)) => Ok(given.to_owned()),
        _ => Err(invalid(format!("Invalid json {given} passed in the InputParameters field"))),
    }
}

/// Whether a function's resource policy lets AWS Config of this account invoke it for this rule.
pub(super) fn lets_config_invoke(policy: &str, account: &str, rule_arn: &str) -> bool {
    let Ok(policy) = serde_json::from_str::<Value>(policy) else { return false };
    let statements = match policy.get("Statement") {
        Some(Value::Array(statements)) => statements.iter().collect::<Vec<_>>(),
        Some(one) => vec![one],
        None => Vec::new(),
    };
    statements.into_iter().any(|statement| {
        text(statement, "Effect") == Some("Allow")
            && is_for_config(statement.get("Principal"))
            && one_or_many(statement.get("Action"))
                .iter()
                .any(|action| ["lambda:InvokeFunction", "lambda:*", "*"].contains(action))
            && conditions_hold(statement.get("Condition"), account, rule_arn)
    })
}

fn is_for_config(principal: Option<&Value>) -> bool {
    let services = principal.and_then(|principal| principal.get("Service"));
    principal.and_then(Value::as_str) == Some("*") || one_or_many(services).contains(&"config.amazonaws.com")
}

fn one_or_many(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::Array(values)) => values.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(value)) => vec![value],
        _ => Vec::new(),
    }
}

/// The two condition keys that Lambda's permissions have; any other one does not hold.
fn conditions_hold(conditions: Option<&Value>, account: &str, rule_arn: &str) -> bool {
    let Some(conditions) = conditions.and_then(Value::as_object) else { return true };
    conditions.values().filter_map(Value::as_object).flatten().all(|(key, wanted)| {
        let actual = match key.to_ascii_lowercase().as_str() {
            "aws:sourceaccount" => account,
            "aws:sourcearn" => rule_arn,
            _ => return false,
        };
        one_or_many(Some(wanted)).iter().any(|pattern| like(pattern, actual))
    })
}

/// A pattern in which `*` is any text.
pub(super) fn like(pattern: &str, text: &str) -> bool {
    let Some((start, tail)) = pattern.split_once('*') else { return pattern == text };
    let (middle, end) = tail.rsplit_once('*').unwrap_or(("", tail));
    let Some(mut rest) = text.strip_prefix(start).and_then(|rest| rest.strip_suffix(end)) else {
        return false;
    };
    middle.split('*').all(|part| match rest.split_once(part) {
        Some((_, after)) if !part.is_empty() => {
            rest = after;
            true
        }
        found => found.is_some() || part.is_empty(),
    })
}

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::client("InvalidParameterValueException", message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{
        super::item::{Status, tests::volume},
        *,
    };

    const ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function:judge";

    fn read(more: &Value) -> Result<CustomRule, AwsError> {
        let mut rule = json!({"Source": {"Owner": "CUSTOM_LAMBDA", "SourceIdentifier": ARN, "SourceDetails": [
            {"EventSource": "aws.config", "MessageType": "ConfigurationItemChangeNotification"},
        ]}});
        for (name, value) in more.as_object().unwrap() {
            rule[name] = value.clone();
        }
        CustomRule::read(rule.as_object().unwrap())
    }

    #[test]
    fn a_rule_says_what_triggers_it() {
        let rule = read(&json!({})).unwrap();
        assert!(rule.on_change && !rule.on_oversized && rule.every.is_none());
        let scheduled = json!({"SourceIdentifier": ARN, "SourceDetails": [
            {"EventSource": "aws.config", "MessageType": "ScheduledNotification"},
        ]});
        let daily = read(&json!({"Source": scheduled})).unwrap();
        assert_eq!(daily.every, Some(Duration::from_hours(24)));
        let rule = read(&json!({"Source": scheduled, "MaximumExecutionFrequency": "Three_Hours"})).unwrap();
        assert_eq!(rule.every, Some(Duration::from_hours(3)));
        for (wrong, said) in [
            (json!({"Source": {"SourceIdentifier": ARN}}), "SourceDetails"),
            (json!({"Source": {"SourceIdentifier": "judge"}}), "ARN of a function"),
            (json!({"InputParameters": "[1]"}), "Invalid json"),
            (json!({"Scope": {"TagValue": "x"}}), "TagKey"),
            (json!({"Scope": {"ComplianceResourceId": "x"}}), "exactly one"),
            (
                json!({"Source": scheduled, "MaximumExecutionFrequency": "Hourly"}),
                "not a `MaximumExecutionFrequency`",
            ),
        ] {
            let error = read(&wrong).unwrap_err();
            assert!(error.message.contains(said), "{error}");
        }
    }

    #[test]
    fn a_scope_is_by_type_id_and_tag() {
        let item = volume(Status::Ok, "gp2");
        for (scope, expected) in [
            (json!({}), true),
            (json!({"ComplianceResourceTypes": ["AWS::EC2::Volume"]}), true),
            (json!({"ComplianceResourceTypes": ["AWS::S3::Bucket"]}), false),
            (
                json!({"ComplianceResourceTypes": ["AWS::EC2::Volume"], "ComplianceResourceId": "vol-2"}),
                false,
            ),
            (json!({"TagKey": "team"}), true),
            (json!({"TagKey": "team", "TagValue": "b"}), false),
            (json!({"TagKey": "owner"}), false),
        ] {
            assert_eq!(Scope::read(Some(&scope)).unwrap().covers(&item), expected, "{scope}");
        }
    }

    #[test]
    fn only_a_policy_that_names_config_and_this_account_lets_it_invoke() {
        let rule = "arn:aws:config:us-east-1:123456789012:config-rule/config-rule-abc123";
        let lets = |statement: Value| {
            lets_config_invoke(&json!({"Statement": [statement]}).to_string(), "123456789012", rule)
        };
        let config = json!({"Effect": "Allow", "Principal": {"Service": "config.amazonaws.com"}, "Action": "lambda:InvokeFunction"});
        let with = |condition: Value| {
            let mut statement = config.clone();
            statement["Condition"] = condition;
            statement
        };
        assert!(lets(config.clone()));
        assert!(lets(with(json!({"StringEquals": {"AWS:SourceAccount": "123456789012"}}))));
        assert!(!lets(with(json!({"StringEquals": {"AWS:SourceAccount": "999999999999"}}))));
        assert!(lets(with(
            json!({"ArnLike": {"AWS:SourceArn": "arn:aws:config:us-east-1:123456789012:config-rule/*"}})
        )));
        assert!(!lets(with(json!({"ArnLike": {"AWS:SourceArn": "arn:aws:config:eu-west-1:*"}}))));
        assert!(!lets(
            json!({"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "lambda:InvokeFunction"})
        ));
        assert!(!lets(json!({"Effect": "Deny", "Principal": "*", "Action": "*"})));
        assert!(!lets_config_invoke("no json", "123456789012", rule));
    }

    #[test]
    fn a_star_is_any_text() {
        for (pattern, text, expected) in [
            ("abc", "abc", true),
            ("abc", "abcd", false),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("*c", "cb", false),
            ("a*c", "abcbc", true),
            ("a*c", "ab", false),
            ("*", "", true),
        ] {
            assert_eq!(like(pattern, text), expected, "{pattern} {text}");
        }
    }
}
