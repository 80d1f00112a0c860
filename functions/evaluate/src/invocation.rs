//! What AWS Config hands to a custom rule's function.
//!
//! `invokingEvent` and `ruleParameters` are JSON in a text; people who write test events make objects of them, and both are read. Which
//! kinds there are: [Example events](https://docs.aws.amazon.com/config/latest/developerguide/evaluate-config_develop-rules_example-events.html).

use jiff::Timestamp;
use plumb_rules::timestamp;
use serde_json::{Map, Value};

/// The result token that AWS's examples use for a try: verdicts are checked by AWS Config and not kept.
const TEST_TOKEN: &str = "TESTMODE";

/// One invocation.
#[derive(Debug, Clone, PartialEq)]
pub struct Invocation {
    /// The AWS Config rule, such as `plumb-volume-gp2`; empty where the event does not say it.
    pub config_rule: String,
    /// `InputParameters`.
    pub parameters: Map<String, Value>,
    /// What `PutEvaluations` has to be given.
    pub token: String,
    /// The resource is no longer in the rule's scope.
    pub left_scope: bool,
    /// Before the resource is made, or after.
    pub mode: Mode,
    /// What happened.
    pub about: About,
}

/// `evaluationMode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Of a resource that exists.
    Detective,
    /// Of a resource that somebody is about to make: `StartResourceEvaluation`.
    Proactive,
}

/// What AWS Config asks.
#[derive(Debug, Clone, PartialEq)]
pub enum About {
    /// To judge one resource.
    One(Subject),
    /// To judge whatever the rule is about.
    Everything {
        /// When AWS Config asked.
        at: Timestamp,
    },
}

/// The resource that is to be judged.
#[derive(Debug, Clone, PartialEq)]
pub enum Subject {
    /// Its configuration item.
    Item(Value),
    /// The summary of an item that is too large for the event: all that an item has but the configuration.
    Oversized(Value),
}

/// Why an event is no invocation that can be answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

impl Invocation {
    /// Whether verdicts are only to be tried.
    pub fn is_test(&self) -> bool {
        self.token == TEST_TOKEN
    }

    /// Reads an event.
    ///
    /// # Errors
    /// What is missing or unknown.
    pub fn read(event: &Value) -> Result<Self, Refused> {
        let text = |name: &str| {
            event.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let inner = embedded(event, "invokingEvent")?.ok_or_else(|| {
            Refused("this is no invocation by AWS Config: it has no `invokingEvent`".to_owned())
        })?;
        let parameters = match embedded(event, "ruleParameters")? {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(members)) => members,
            Some(_) => return Err(Refused("`ruleParameters` is not a JSON object".to_owned())),
        };
        Ok(Self {
            config_rule: text("configRuleName").unwrap_or_default(),
            parameters,
            token: text("resultToken").ok_or_else(|| {
                Refused("the event has no `resultToken`, so AWS Config would not take a verdict".to_owned())
            })?,
            left_scope: event.get("eventLeftScope").and_then(Value::as_bool).unwrap_or(false),
            mode: match text("evaluationMode").as_deref() {
                Some("PROACTIVE") => Mode::Proactive,
                _ => Mode::Detective,
            },
            about: about(&inner)?,
        })
    }
}

fn about(inner: &Value) -> Result<About, Refused> {
    let member = |name: &str| inner.get(name).filter(|value| !value.is_null()).cloned();
    let kind = inner.get("messageType").and_then(Value::as_str).unwrap_or_default();
    match kind {
        "ConfigurationItemChangeNotification" => member("configurationItem")
            .map(Subject::Item)
            .map(About::One)
            .ok_or_else(|| missing(kind, "configurationItem")),
        "OversizedConfigurationItemChangeNotification" => member("configurationItemSummary")
            .map(Subject::Oversized)
            .map(About::One)
            .ok_or_else(|| missing(kind, "configurationItemSummary")),
        "ScheduledNotification" | "ConfigurationSnapshotDeliveryCompleted" => {
            let at = inner.get("notificationCreationTime").and_then(timestamp);
            at.map(|at| About::Everything { at }).ok_or_else(|| missing(kind, "notificationCreationTime"))
        }
        "" => Err(Refused("`invokingEvent` has no `messageType`".to_owned())),
        other => Err(Refused(format!(
            "`{other}` is no message type that a rule is invoked with; known are ConfigurationItemChangeNotification, \
             OversizedConfigurationItemChangeNotification, ScheduledNotification and ConfigurationSnapshotDeliveryCompleted"
        ))),
    }
}

fn missing(kind: &str, what: &str) -> Refused {
    Refused(format!("the {kind} has no `{what}`"))
}

/// JSON in a text, or JSON as it is.
fn embedded(event: &Value, name: &str) -> Result<Option<Value>, Refused> {
    match event.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(Value::String(text)) => serde_json::from_str(text)
            .map(Some)
            .map_err(|error| Refused(format!("`{name}` is not JSON: {error}"))),
        Some(other) => Ok(Some(other.clone())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(inner: &Value) -> Value {
        json!({"invokingEvent": inner, "resultToken": "t", "configRuleName": "plumb-volume-gp2"})
    }

    #[test]
    fn text_and_object_are_read_alike_and_parameters_may_be_absent() {
        let inner =
            json!({"messageType": "ConfigurationItemChangeNotification", "configurationItem": {"a": 1}});
        let one = Invocation::read(&event(&inner)).unwrap();
        assert_eq!(one, Invocation::read(&event(&json!(inner.to_string()))).unwrap());
        assert_eq!((one.left_scope, one.mode, one.parameters.len()), (false, Mode::Detective, 0));
        assert_eq!(one.about, About::One(Subject::Item(json!({"a": 1}))));
    }

    #[test]
    fn what_can_not_be_answered_is_refused_in_words() {
        for (event, words) in [
            (json!({}), "no `invokingEvent`"),
            (json!({"invokingEvent": "{"}), "`invokingEvent` is not JSON"),
            (
                event(&json!({"messageType": "ScheduledNxotification"})),
                "`ScheduledNxotification` is no message type",
            ),
            (event(&json!({})), "no `messageType`"),
            (
                event(&json!({"messageType": "ConfigurationItemChangeNotification"})),
                "has no `configurationItem`",
            ),
            (event(&json!({"messageType": "ScheduledNotification"})), "no `notificationCreationTime`"),
            (
                json!({"invokingEvent": {"messageType": "ScheduledNotification", "notificationCreationTime": 1}}),
                "no `resultToken`",
            ),
            (json!({"invokingEvent": {}, "ruleParameters": "[]"}), "not a JSON object"),
        ] {
            let Refused(why) = Invocation::read(&event).unwrap_err();
            assert!(why.contains(words), "{why}");
        }
    }
}
