//! What a custom rule's function is invoked with.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    custom::CustomRule,
    diff::diff,
    history::Recorded,
    item::{Item, millis},
    rule::Rule,
};

/// The size above which a notification tells only the summary of its item, in bytes: 256 KB, what SNS and Lambda's
/// asynchronous invocation take.
const LARGEST: usize = 256 * 1024;

/// Why a rule's function is invoked.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Occasion {
    /// An item has changed.
    Change(Box<Recorded>),
    /// An item is to be judged as it is: the rule is new or was changed, or somebody asked.
    Again(Box<Item>),
    /// It is time.
    Schedule,
}

/// An invocation that is due.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Due {
    /// The rule's `invokingEvent`.
    invoking: Value,
    left_scope: bool,
}

/// What a changed item is told as; the message is a summary if the item is too large.
pub(super) fn notification(recorded: &Recorded, at: Timestamp) -> Value {
    told(&recorded.item, &diff(recorded.before.as_ref(), &recorded.item), at)
}

fn told(item: &Item, difference: &Value, at: Timestamp) -> Value {
    let whole = json!({
        "configurationItemDiff": difference,
        "configurationItem": item.notification(),
        "notificationCreationTime": millis(at),
        "messageType": "ConfigurationItemChangeNotification",
        "recordVersion": "1.3",
    });
    if whole.to_string().len() <= LARGEST {
        return whole;
    }
    let mut summary = Map::from_iter([(
        "changeType".to_owned(),
        difference.get("changeType").cloned().unwrap_or_else(|| json!("UPDATE")),
    )]);
    summary.extend(item.summary());
    json!({
        "configurationItemSummary": summary,
        "s3DeliverySummary": {
            "s3BucketLocation": null,
            "errorCode": "NoSuchBucket",
            "errorMessage": "local AWS delivers no items to S3; GetResourceConfigHistory answers with this one",
        },
        "notificationCreationTime": millis(at),
        "messageType": "OversizedConfigurationItemChangeNotification",
        "recordVersion": "1.0",
    })
}

/// The invocation that an occasion makes due; nothing if the rule isn't concerned.
pub(super) fn due(rule: &CustomRule, occasion: &Occasion, account: &str, at: Timestamp) -> Option<Due> {
    let (invoking, left_scope) = match occasion {
        Occasion::Schedule => {
            rule.every?;
            let invoking = json!({
                "awsAccountId": account,
                "notificationCreationTime": millis(at),
                "messageType": "ScheduledNotification",
                "recordVersion": "1.0",
            });
            return Some(Due { invoking, left_scope: false });
        }
        Occasion::Change(recorded) => {
            let is_in = rule.scope.covers(&recorded.item);
            let was_in = recorded.before.as_ref().is_some_and(|before| rule.scope.covers(before));
            if !is_in && !was_in {
                return None;
            }
            (notification(recorded, at), !is_in)
        }
        Occasion::Again(item) => {
            if !rule.scope.covers(item) {
                return None;
            }
            (told(item, &Value::Null, at), false)
        }
    };
    let oversized = invoking.get("configurationItemSummary").is_some();
    let wanted = if oversized { rule.on_oversized } else { rule.on_change };
    wanted.then_some(Due { invoking, left_scope })
}

/// The event that the function gets.
pub(super) fn event(due: &Due, rule: &Rule, custom: &CustomRule, account: &str, token: &str) -> Value {
    json!({
        "version": "1.0",
        "invokingEvent": due.invoking.to_string(),
        "ruleParameters": custom.parameters,
        "resultToken": token,
        "eventLeftScope": due.left_scope,
        "executionRoleArn": format!(
            "arn:aws:iam::{account}:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig"
        ),
        "configRuleArn": rule.arn,
        "configRuleName": rule.name,
        "configRuleId": rule.id,
        "accountId": account,
        "evaluationMode": "DETECTIVE",
    })
}

#[cfg(test)]
mod tests {
    use super::{
        super::item::{Status, tests::volume},
        *,
    };

    fn rule(details: &[&str], scope: &Value) -> CustomRule {
        let details: Vec<Value> =
            details.iter().map(|kind| json!({"EventSource": "aws.config", "MessageType": kind})).collect();
        let arn = "arn:aws:lambda:us-east-1:123456789012:function:judge";
        let rule = json!({"Source": {"SourceIdentifier": arn, "SourceDetails": details}, "Scope": scope});
        CustomRule::read(rule.as_object().unwrap()).unwrap()
    }

    fn changed(before: Option<Item>, item: Item) -> Occasion {
        Occasion::Change(Box::new(Recorded { item, before }))
    }

    fn asked(rule: &CustomRule, occasion: &Occasion) -> Option<Due> {
        due(rule, occasion, "123456789012", Timestamp::UNIX_EPOCH)
    }

    const CHANGE: &str = "ConfigurationItemChangeNotification";
    const OVERSIZED: &str = "OversizedConfigurationItemChangeNotification";

    #[test]
    fn a_change_comes_with_the_item_and_the_difference() {
        let occasion = changed(Some(volume(Status::Ok, "gp2")), volume(Status::Ok, "gp3"));
        let due = asked(&rule(&[CHANGE], &json!({})), &occasion).unwrap();
        assert_eq!(due.invoking["messageType"], CHANGE);
        assert_eq!(due.invoking["configurationItem"]["configuration"]["volumeType"], "gp3");
        assert_eq!(due.invoking["configurationItemDiff"]["changeType"], "UPDATE");
        assert!(!due.left_scope);
        assert_eq!(asked(&rule(&["ScheduledNotification"], &json!({})), &occasion), None);
    }

    #[test]
    fn a_resource_that_leaves_the_scope_is_told_once() {
        let (tagged, mut plain) = (volume(Status::Ok, "gp2"), volume(Status::Ok, "gp2"));
        plain.found.tags.clear();
        let rule = rule(&[CHANGE], &json!({"TagKey": "team"}));
        assert!(asked(&rule, &changed(Some(tagged), plain.clone())).unwrap().left_scope);
        assert_eq!(asked(&rule, &changed(Some(plain.clone()), plain)), None);
    }

    #[test]
    fn an_item_that_is_too_large_is_told_by_its_summary_to_those_who_want_it() {
        let mut large = volume(Status::Ok, "gp2");
        large.found.configuration["description"] = json!("x".repeat(LARGEST));
        let occasion = changed(None, large);
        assert_eq!(asked(&rule(&[CHANGE], &json!({})), &occasion), None);
        let due = asked(&rule(&[CHANGE, OVERSIZED], &json!({})), &occasion).unwrap();
        assert_eq!(due.invoking["messageType"], OVERSIZED);
        assert_eq!(due.invoking["configurationItemSummary"]["resourceId"], "vol-1");
        assert_eq!(due.invoking["configurationItemSummary"]["changeType"], "CREATE");
        assert!(due.invoking.get("configurationItem").is_none());
    }

    #[test]
    fn a_deleted_resource_is_told_too() {
        let occasion = changed(Some(volume(Status::Ok, "gp2")), volume(Status::Deleted, "gp2"));
        let due = asked(&rule(&[CHANGE], &json!({"TagKey": "team"})), &occasion).unwrap();
        assert_eq!(due.invoking["configurationItem"]["configurationItemStatus"], "ResourceDeleted");
        assert!(!due.left_scope);
    }
}
