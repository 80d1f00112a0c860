//! Configuration items: what AWS Config keeps of a resource at a moment, in the three forms in which it shows them.
//!
//! The forms differ (measured over real samples): an event and a rule's invocation carry `awsAccountId`, `ARN`, objects
//! and an integer state id; `GetResourceConfigHistory` answers `accountId`, `arn`, JSON texts and a state id that is text;
//! an advanced query sees objects, and tags as a list.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::evaluation::{Resource, epoch};

/// `configurationItemVersion` of what AWS records today.
const VERSION: &str = "1.3";

/// What a resource is at the moment of reading, in AWS Config's words.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found {
    /// `resourceId`: the unique id of the type, as AWS Config picks it.
    pub(super) id: String,
    /// `resourceName`, where the type has one.
    pub(super) name: Option<String>,
    pub(super) arn: String,
    /// `awsRegion`: `global` for IAM.
    pub(super) region: String,
    /// `availabilityZone`: a zone, `Regional`, `Multiple Availability Zones` or `Not Applicable`.
    pub(super) zone: String,
    /// `resourceCreationTime`, RFC 3339 in milliseconds, where the type tells.
    pub(super) created: Option<String>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) configuration: Value,
    /// Each value an object or text of its own.
    pub(super) supplementary: Map<String, Value>,
    pub(super) relationships: Vec<Relationship>,
}

/// Another resource that this one has to do with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Relationship {
    pub(super) kind: String,
    /// The other's `resourceId`, where it is known.
    pub(super) id: Option<String>,
    /// The other's `resourceName`, where it is known.
    pub(super) name: Option<String>,
    /// Such as `Is attached to Volume`.
    pub(super) how: String,
}

/// `configurationItemStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// Seen for the first time.
    Discovered,
    /// Seen before, and changed.
    Ok,
    /// No longer there.
    Deleted,
}

impl Status {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Discovered => "ResourceDiscovered",
            Self::Ok => "OK",
            Self::Deleted => "ResourceDeleted",
        }
    }
}

/// One configuration item.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Item {
    pub(super) account: String,
    pub(super) kind: String,
    pub(super) status: Status,
    /// `configurationItemCaptureTime`; its milliseconds are the `configurationStateId`.
    pub(super) captured: Timestamp,
    pub(super) found: Found,
}

impl Item {
    pub(super) fn resource(&self) -> Resource {
        Resource { kind: self.kind.clone(), id: self.found.id.clone() }
    }

    pub(super) fn is_deleted(&self) -> bool {
        self.status == Status::Deleted
    }

    /// As events and rules' invocations carry it.
    pub(super) fn notification(&self) -> Value {
        let mut item = self.summary();
        item.insert("relatedEvents".to_owned(), json!([]));
        item.insert("configuration".to_owned(), self.configuration().clone());
        item.insert("supplementaryConfiguration".to_owned(), Value::Object(self.supplementary()));
        item.insert("tags".to_owned(), json!(self.tags()));
        item.insert("relationships".to_owned(), self.relationships("name"));
        Value::Object(item)
    }

    /// What remains of it in the notification of an item that is too large for one: everything but the content.
    pub(super) fn summary(&self) -> Map<String, Value> {
        let found = &self.found;
        let mut item = members([
            ("configurationItemVersion", json!(VERSION)),
            ("configurationItemCaptureTime", json!(millis(self.captured))),
            ("configurationStateId", json!(self.captured.as_millisecond())),
            ("awsAccountId", json!(self.account)),
            ("configurationItemStatus", json!(self.status.as_str())),
            ("resourceType", json!(self.kind)),
            ("resourceId", json!(found.id)),
            ("resourceName", json!(found.name)),
            ("ARN", json!(found.arn)),
            ("awsRegion", json!(found.region)),
            ("availabilityZone", json!(found.zone)),
            ("configurationStateMd5Hash", json!("")),
        ]);
        item.insert("resourceCreationTime".to_owned(), json!(found.created));
        item
    }

    /// As `GetResourceConfigHistory` answers it.
    pub(super) fn api(&self) -> Value {
        let mut item = self.base();
        item.insert("configurationItemMD5Hash".to_owned(), json!(""));
        item.insert("tags".to_owned(), json!(self.tags()));
        item.insert("relatedEvents".to_owned(), json!([]));
        item.insert("relationships".to_owned(), self.relationships("relationshipName"));
        Value::Object(item)
    }

    /// As `BatchGetResourceConfig` answers it: without tags and relationships.
    pub(super) fn base(&self) -> Map<String, Value> {
        let found = &self.found;
        let supplementary: BTreeMap<String, String> =
            self.supplementary().into_iter().map(|(name, value)| (name, as_text(&value))).collect();
        let mut item = members([
            ("version", json!(VERSION)),
            ("accountId", json!(self.account)),
            ("configurationItemCaptureTime", json!(epoch(self.captured))),
            ("configurationItemStatus", json!(self.status.as_str())),
            ("configurationStateId", json!(self.captured.as_millisecond().to_string())),
            ("arn", json!(found.arn)),
            ("resourceType", json!(self.kind)),
            ("resourceId", json!(found.id)),
            ("awsRegion", json!(found.region)),
            ("availabilityZone", json!(found.zone)),
            ("supplementaryConfiguration", json!(supplementary)),
            ("recordingFrequency", json!("CONTINUOUS")),
        ]);
        if let Some(name) = &found.name {
            item.insert("resourceName".to_owned(), json!(name));
        }
        if let Some(created) = found.created.as_deref().and_then(|text| text.parse::<Timestamp>().ok()) {
            item.insert("resourceCreationTime".to_owned(), json!(epoch(created)));
        }
        if !self.is_deleted() {
            item.insert("configuration".to_owned(), json!(self.configuration().to_string()));
        }
        item
    }

    /// As advanced queries see it: the properties of AWS's published resource schema.
    pub(super) fn queried(&self) -> Value {
        let found = &self.found;
        let tags: Vec<Value> = self
            .tags()
            .iter()
            .map(|(key, value)| json!({"key": key, "value": value, "tag": format!("{key}={value}")}))
            .collect();
        json!({
            "version": VERSION,
            "accountId": self.account,
            "arn": found.arn,
            "availabilityZone": found.zone,
            "awsRegion": found.region,
            "configuration": self.configuration(),
            "configurationItemCaptureTime": millis(self.captured),
            "configurationItemStatus": self.status.as_str(),
            "configurationStateId": self.captured.as_millisecond().to_string(),
            "relationships": self.relationships("relationshipName"),
            "resourceCreationTime": found.created,
            "resourceId": found.id,
            "resourceName": found.name,
            "resourceType": self.kind,
            "supplementaryConfiguration": self.supplementary(),
            "tags": tags,
        })
    }

    /// A resource that is gone has no configuration any more, only its name.
    fn configuration(&self) -> &Value {
        if self.is_deleted() { &Value::Null } else { &self.found.configuration }
    }

    fn supplementary(&self) -> Map<String, Value> {
        if self.is_deleted() { Map::new() } else { self.found.supplementary.clone() }
    }

    pub(super) fn tags(&self) -> &BTreeMap<String, String> {
        static NONE: BTreeMap<String, String> = BTreeMap::new();
        if self.is_deleted() { &NONE } else { &self.found.tags }
    }

    fn relationships(&self, how: &str) -> Value {
        let relationships = if self.is_deleted() { &[][..] } else { &self.found.relationships[..] };
        relationships
            .iter()
            .map(|other| {
                let mut members = members([("resourceType", json!(other.kind)), (how, json!(other.how))]);
                if let Some(id) = &other.id {
                    members.insert("resourceId".to_owned(), json!(id));
                }
                if let Some(name) = &other.name {
                    members.insert("resourceName".to_owned(), json!(name));
                }
                Value::Object(members)
            })
            .collect()
    }
}

/// RFC 3339 in milliseconds, as AWS Config writes times.
pub(super) fn millis(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn members<const N: usize>(members: [(&str, Value); N]) -> Map<String, Value> {
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A volume's item.
    pub(in super::super) fn volume(status: Status, volume_type: &str) -> Item {
        Item {
            account: "123456789012".to_owned(),
            kind: "AWS::EC2::Volume".to_owned(),
            status,
            captured: "2026-11-25T22:00:00.123Z".parse().unwrap(),
            found: Found {
                id: "vol-1".to_owned(),
                name: None,
                arn: "arn:aws:ec2:us-east-1:123456789012:volume/vol-1".to_owned(),
                region: "us-east-1".to_owned(),
                zone: "us-east-1a".to_owned(),
                created: Some("2026-11-25T21:00:00.000Z".to_owned()),
                tags: BTreeMap::from([("team".to_owned(), "a".to_owned())]),
                configuration: json!({"volumeId": "vol-1", "volumeType": volume_type, "state": "in-use"}),
                supplementary: Map::from_iter([("Tags".to_owned(), json!([{"key": "team", "value": "a"}]))]),
                relationships: vec![Relationship {
                    kind: "AWS::EC2::Instance".to_owned(),
                    id: Some("i-1".to_owned()),
                    name: None,
                    how: "Is attached to Instance".to_owned(),
                }],
            },
        }
    }

    #[test]
    fn a_notification_and_the_api_spell_an_item_differently() {
        let item = volume(Status::Ok, "gp2");
        let told = item.notification();
        assert_eq!(told["awsAccountId"], "123456789012");
        assert_eq!(told["ARN"], "arn:aws:ec2:us-east-1:123456789012:volume/vol-1");
        assert_eq!(told["configurationStateId"], 1_795_644_000_123_i64);
        assert_eq!(told["configurationItemCaptureTime"], "2026-11-25T22:00:00.123Z");
        assert_eq!(told["configuration"]["volumeType"], "gp2");
        assert_eq!(told["relationships"][0]["name"], "Is attached to Instance");

        let answered = item.api();
        assert_eq!(answered["accountId"], "123456789012");
        assert_eq!(answered["configurationStateId"], "1795644000123");
        assert!(answered["configuration"].as_str().unwrap().contains(r#""volumeType":"gp2""#));
        assert_eq!(answered["supplementaryConfiguration"]["Tags"], r#"[{"key":"team","value":"a"}]"#);
        assert_eq!(answered["relationships"][0]["relationshipName"], "Is attached to Instance");
        assert!(answered.get("ARN").is_none() && answered.get("awsAccountId").is_none());
    }

    #[test]
    fn what_is_gone_keeps_its_name_and_nothing_else() {
        let item = volume(Status::Deleted, "gp2");
        let told = item.notification();
        assert_eq!(told["configurationItemStatus"], "ResourceDeleted");
        assert_eq!(told["configuration"], Value::Null);
        assert_eq!(told["relationships"], json!([]));
        assert_eq!(told["resourceId"], "vol-1");
        assert!(item.api().get("configuration").is_none());
    }
}
