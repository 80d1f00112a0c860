//! `configurationItemDiff`: what has changed between two items, as notifications tell it.

use serde_json::{Map, Value, json};

use super::item::Item;

/// The difference between an item and the one before it; nothing was before a discovery.
pub(super) fn diff(before: Option<&Item>, after: &Item) -> Value {
    let Some(before) = before.filter(|before| !before.is_deleted()) else {
        return json!({"changedProperties": {}, "changeType": "CREATE"});
    };
    let (old, new) = (before.notification(), after.notification());
    let mut changed = Map::new();
    for (member, path) in [
        ("configuration", "Configuration"),
        ("supplementaryConfiguration", "SupplementaryConfiguration"),
        ("tags", "Tags"),
        ("relationships", "Relationships"),
    ] {
        let side = |item: &Value| item.get(member).cloned().unwrap_or_default();
        compare(path, &side(&old), &side(&new), &mut changed);
    }
    let kind = if after.is_deleted() { "DELETE" } else { "UPDATE" };
    json!({"changedProperties": changed, "changeType": kind})
}

fn compare(path: &str, old: &Value, new: &Value, changed: &mut Map<String, Value>) {
    match (old, new) {
        _ if old == new => {}
        (Value::Object(before), Value::Object(after)) => {
            for (name, value) in before {
                compare(&below(path, name), value, after.get(name).unwrap_or(&Value::Null), changed);
            }
            for (name, value) in after.iter().filter(|(name, _)| !before.contains_key(*name)) {
                compare(&below(path, name), &Value::Null, value, changed);
            }
        }
        (Value::Array(before), Value::Array(after)) => {
            for (index, item) in before.iter().enumerate().filter(|(_, item)| !after.contains(item)) {
                changed.insert(format!("{path}.{index}"), property(item, &Value::Null));
            }
            for (index, item) in after.iter().enumerate().filter(|(_, item)| !before.contains(item)) {
                changed
                    .entry(format!("{path}.{index}"))
                    .and_modify(|there| *there = merged(there, item))
                    .or_insert_with(|| property(&Value::Null, item));
            }
        }
        _ => {
            changed.insert(path.to_owned(), property(old, new));
        }
    }
}

/// An item that was taken out and another one put in at the same place.
fn merged(removed: &Value, added: &Value) -> Value {
    property(removed.get("previousValue").unwrap_or(&Value::Null), added)
}

fn property(old: &Value, new: &Value) -> Value {
    let kind = match (old, new) {
        (Value::Null, _) => "CREATE",
        (_, Value::Null) => "DELETE",
        _ => "UPDATE",
    };
    json!({"previousValue": old, "updatedValue": new, "changeType": kind})
}

/// `Configuration` and `instanceType` make `Configuration.InstanceType`.
fn below(path: &str, name: &str) -> String {
    let mut letters = name.chars();
    let first: String = letters.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
    format!("{path}.{first}{}", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::{
        super::item::{Status, tests::volume},
        *,
    };

    #[test]
    fn a_changed_member_is_named_by_its_path() {
        let told = diff(Some(&volume(Status::Discovered, "gp2")), &volume(Status::Ok, "gp3"));
        assert_eq!(
            told,
            json!({"changeType": "UPDATE", "changedProperties": {
                "Configuration.VolumeType": {"previousValue": "gp2", "updatedValue": "gp3", "changeType": "UPDATE"},
            }})
        );
    }

    #[test]
    fn items_of_a_list_come_and_go_by_their_place() {
        let mut after = volume(Status::Ok, "gp2");
        after.found.relationships.clear();
        let told = diff(Some(&volume(Status::Ok, "gp2")), &after);
        assert_eq!(told["changedProperties"]["Relationships.0"]["changeType"], "DELETE");
        let told = diff(Some(&after), &volume(Status::Ok, "gp2"));
        assert_eq!(told["changedProperties"]["Relationships.0"]["changeType"], "CREATE");
    }

    #[test]
    fn a_discovery_is_a_creation_and_an_end_a_deletion() {
        let item = volume(Status::Discovered, "gp2");
        assert_eq!(diff(None, &item)["changeType"], "CREATE");
        let gone = volume(Status::Deleted, "gp2");
        let told = diff(Some(&item), &gone);
        assert_eq!(told["changeType"], "DELETE");
        assert_eq!(told["changedProperties"]["Configuration"]["changeType"], "DELETE");
        assert_eq!(diff(Some(&gone), &item)["changeType"], "CREATE");
    }
}
