//! AWS Config's configuration item, in both of its dialects: that of invocations and events, and that of
//! `GetResourceConfigHistory`, snapshots and advanced queries. Every member is optional but the resource's type and id.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::{Unjudged, case, timestamp};

/// A resource as it was at a moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The account, where the item says it.
    pub account: Option<String>,
    /// The Region, or `global`.
    pub region: Option<String>,
    /// The CloudFormation type.
    pub kind: String,
    /// AWS Config's id: not always the name.
    pub id: String,
    /// The name, where the resource has one.
    pub name: Option<String>,
    /// The ARN.
    pub arn: Option<String>,
    /// `OK`, `ResourceDiscovered`, `ResourceDeleted`, `ResourceNotRecorded`, `ResourceDeletedNotRecorded`.
    pub status: Option<String>,
    /// When AWS Config looked.
    pub captured_at: Option<Timestamp>,
    /// When the resource was made.
    pub created_at: Option<Timestamp>,
    /// What the service's own Describe call says, about; `null` when the resource is gone.
    pub configuration: Value,
    /// What further calls say, by name; JSON texts are parsed.
    pub supplementary: BTreeMap<String, Value>,
    /// The tags.
    pub tags: BTreeMap<String, String>,
    /// The resources that it has to do with.
    pub related: Vec<Related>,
}

/// A resource that another has to do with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Related {
    /// The CloudFormation type.
    pub kind: String,
    /// AWS Config's id, where known.
    pub id: Option<String>,
    /// Such as `Is attached to Instance`.
    pub how: String,
}

/// Where a resource is that AWS Config doesn't record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The partition, such as `aws`.
    pub partition: String,
    /// The account.
    pub account: String,
    /// The Region.
    pub region: String,
}

/// What keeps a JSON value from being a configuration item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemError(&'static str);

impl std::fmt::Display for ItemError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the configuration item has no `{}`", self.0)
    }
}

impl std::error::Error for ItemError {}

impl Item {
    /// Reads an item of either dialect. Keys that AWS's own documents misspell are read as well.
    ///
    /// # Errors
    /// When the type or the id is missing; nothing else has to be there.
    pub fn read(value: &Value) -> Result<Self, ItemError> {
        let text = |names: &[&str]| {
            names
                .iter()
                .find_map(|name| value.get(*name)?.as_str())
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        let time = |name: &str| value.get(name).and_then(timestamp);
        let members = |name: &str| value.get(name).map(parsed).unwrap_or_default();
        Ok(Self {
            account: text(&["awsAccountId", "accountId"]),
            region: text(&["awsRegion"]),
            kind: text(&["resourceType"]).ok_or(ItemError("resourceType"))?,
            id: text(&["resourceId"]).ok_or(ItemError("resourceId"))?,
            name: text(&["resourceName"]),
            arn: text(&["ARN", "arn"]),
            status: text(&["configurationItemStatus", "configurationItemState"]),
            captured_at: time("configurationItemCaptureTime"),
            created_at: time("resourceCreationTime"),
            configuration: members("configuration"),
            supplementary: object(members("supplementaryConfiguration"))
                .into_iter()
                .map(|(name, value)| (name, parsed(&value)))
                .collect(),
            tags: tags(value.get("tags").unwrap_or(&Value::Null)),
            related: value
                .get("relationships")
                .and_then(Value::as_array)
                .map_or_else(Vec::new, |all| all.iter().filter_map(related).collect()),
        })
    }

    /// An item of a resource that AWS Config does not record, from the service's own record.
    pub fn unrecorded(place: &Place, kind: &str, id: &str, arn: Option<String>, record: &Value) -> Self {
        Self {
            account: Some(place.account.clone()),
            region: Some(place.region.clone()),
            kind: kind.to_owned(),
            id: id.to_owned(),
            name: None,
            arn,
            status: None,
            captured_at: None,
            created_at: None,
            configuration: record.clone(),
            supplementary: BTreeMap::new(),
            tags: ["tags", "tagSet", "TagList"]
                .iter()
                .find_map(|name| record.get(*name))
                .map(tags)
                .unwrap_or_default(),
            related: Vec::new(),
        }
    }

    /// Whether the resource is gone, or AWS Config stopped recording it.
    pub fn is_gone(&self) -> bool {
        matches!(
            self.status.as_deref(),
            Some("ResourceDeleted" | "ResourceDeletedNotRecorded" | "ResourceNotRecorded")
        )
    }

    /// A member of the configuration by its path of names, separated by dots; upper and lower case are one.
    pub fn get(&self, path: &str) -> Option<&Value> {
        case::at(&self.configuration, path).filter(|value| !value.is_null())
    }

    /// A text of the configuration; an empty one is none.
    pub fn text(&self, path: &str) -> Option<&str> {
        case::text(&self.configuration, path)
    }

    /// A text that such a resource always has.
    ///
    /// # Errors
    /// When it isn't there.
    pub fn required(&self, path: &str) -> Result<&str, Unjudged> {
        self.text(path).ok_or_else(|| Unjudged(format!("the configuration item has no `{path}`")))
    }

    /// A list of the configuration; what is no list is an empty one.
    pub fn list(&self, path: &str) -> &[Value] {
        case::list(&self.configuration, path)
    }

    /// A number of the configuration.
    pub fn number(&self, path: &str) -> Option<f64> {
        case::number(&self.configuration, path)
    }

    /// A time of the configuration.
    pub fn time(&self, path: &str) -> Option<Timestamp> {
        case::time(&self.configuration, path)
    }

    /// A part of the supplementary configuration; `null` is none.
    pub fn supplementary(&self, name: &str) -> Option<&Value> {
        self.supplementary.get(name).filter(|value| !value.is_null())
    }

    /// The name, or the id where there is none.
    pub fn name_or_id(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.id)
    }
}

/// A value that may be written as JSON text.
fn parsed(value: &Value) -> Value {
    match value {
        Value::String(text) if text.trim_start().starts_with(['{', '[']) => {
            serde_json::from_str(text).unwrap_or_else(|_| value.clone())
        }
        other => other.clone(),
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// Tags as a map, or as a list of pairs under either spelling.
fn tags(value: &Value) -> BTreeMap<String, String> {
    let pair = |tag: &Value| {
        Some((case::text(tag, "key")?.to_owned(), case::text(tag, "value").unwrap_or_default().to_owned()))
    };
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
            .collect(),
        Value::Array(all) => all.iter().filter_map(pair).collect(),
        _ => BTreeMap::new(),
    }
}

fn related(value: &Value) -> Option<Related> {
    let text = |name: &str| case::text(value, name).map(str::to_owned);
    Some(Related {
        kind: text("resourceType")?,
        id: text("resourceId"),
        how: text("relationshipName").or_else(|| text("name")).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The same volume, as an invocation and as `GetResourceConfigHistory` say it.
    fn dialects() -> [Value; 2] {
        let state = json!({"volumeType": "gp2", "attachments": []});
        [
            json!({
                "awsAccountId": "123456789012", "ARN": "arn:aws:ec2:eu-west-1:123456789012:volume/vol-1",
                "resourceType": "AWS::EC2::Volume", "resourceId": "vol-1", "awsRegion": "eu-west-1",
                "configurationItemStatus": "OK", "configurationItemCaptureTime": "2026-01-02T03:04:05.000Z",
                "configuration": state, "supplementaryConfiguration": {"Extra": {"a": 1}},
                "relationships": [{"resourceType": "AWS::EC2::Instance", "resourceId": "i-1", "name": "Is attached to Instance"}],
                "tags": {"team": "web"}, "configurationStateId": 7
            }),
            json!({
                "accountId": "123456789012", "arn": "arn:aws:ec2:eu-west-1:123456789012:volume/vol-1",
                "resourceType": "AWS::EC2::Volume", "resourceId": "vol-1", "awsRegion": "eu-west-1",
                "configurationItemStatus": "OK", "configurationItemCaptureTime": 1_767_323_045.0,
                "configuration": state.to_string(), "supplementaryConfiguration": {"Extra": "{\"a\": 1}"},
                "relationships": [
                    {"resourceType": "AWS::EC2::Instance", "resourceId": "i-1", "relationshipName": "Is attached to Instance"}
                ],
                "tags": [{"key": "team", "value": "web"}], "configurationStateId": "7"
            }),
        ]
    }

    #[test]
    fn both_dialects_say_the_same() {
        let [one, other] = dialects().map(|value| Item::read(&value).unwrap());
        assert_eq!(one, other);
        assert_eq!(one.text("VOLUMETYPE"), Some("gp2"));
        assert_eq!(one.supplementary("Extra"), Some(&json!({"a": 1})));
    }

    #[test]
    fn a_deleted_resource_has_no_configuration() {
        let item = Item::read(&json!({
            "resourceType": "AWS::EC2::Volume", "resourceId": "vol-1",
            "configurationItemStatus": "ResourceDeleted", "configuration": null
        }))
        .unwrap();
        assert!(item.is_gone());
        assert_eq!(item.get("volumeType"), None);
    }

    #[test]
    fn an_item_without_type_or_id_is_none() {
        for value in
            [json!({}), json!({"resourceType": "AWS::EC2::Volume"}), json!([]), json!(null), json!("x")]
        {
            assert!(Item::read(&value).is_err(), "{value}");
        }
    }
}
