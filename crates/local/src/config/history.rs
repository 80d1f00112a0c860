//! The items of all Regions: what was recorded of each resource, oldest first.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;

use super::{
    evaluation::Resource,
    item::{Found, Item, Status},
};

/// Items kept of one resource; the oldest go.
const KEPT: usize = 200;

/// An item that was just recorded, and the one before it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Recorded {
    pub(super) item: Item,
    pub(super) before: Option<Item>,
}

/// The items of one Region.
#[derive(Debug, Default)]
pub(super) struct Items {
    /// The types that somebody has tried to read.
    read: BTreeSet<String>,
    resources: BTreeMap<Resource, Vec<Item>>,
}

impl Items {
    /// Takes what there is of a type now; the items that this makes. What isn't there any more is deleted.
    pub(super) fn observe(
        &mut self,
        account: &str,
        kind: &str,
        found: Vec<Found>,
        now: Timestamp,
    ) -> Vec<Recorded> {
        self.tried(kind);
        let there: BTreeSet<String> = found.iter().map(|found| found.id.clone()).collect();
        let mut recorded = Vec::new();
        let gone: Vec<Item> =
            self.current(kind).filter(|item| !there.contains(&item.found.id)).cloned().collect();
        for item in gone {
            recorded.push(self.push(Item { status: Status::Deleted, ..item }, now));
        }
        for found in found {
            let resource = Resource { kind: kind.to_owned(), id: found.id.clone() };
            let status = match self.resources.get(&resource).and_then(|items| items.last()) {
                Some(last) if !last.is_deleted() && last.found == found => continue,
                Some(last) if !last.is_deleted() => Status::Ok,
                _ => Status::Discovered,
            };
            let item =
                Item { account: account.to_owned(), kind: kind.to_owned(), status, captured: now, found };
            recorded.push(self.push(item, now));
        }
        recorded
    }

    /// The newest items of a type's resources that are there.
    pub(super) fn current(&self, kind: &str) -> impl Iterator<Item = &Item> {
        self.newest().filter(move |item| item.kind == kind && !item.is_deleted())
    }

    /// The newest item of every resource there ever was.
    pub(super) fn newest(&self) -> impl Iterator<Item = &Item> {
        self.resources.values().filter_map(|items| items.last())
    }

    /// The items of a resource, oldest first.
    pub(super) fn of(&self, resource: &Resource) -> Option<&[Item]> {
        self.resources.get(resource).map(Vec::as_slice)
    }

    /// Notes that somebody has tried to read the type, with whatever outcome.
    pub(super) fn tried(&mut self, kind: &str) {
        self.read.insert(kind.to_owned());
    }

    /// Whether somebody has tried to read the type.
    pub(super) fn knows(&self, kind: &str) -> bool {
        self.read.contains(kind)
    }

    fn push(&mut self, item: Item, now: Timestamp) -> Recorded {
        let items = self.resources.entry(item.resource()).or_default();
        let before = items.last().cloned();
        // The state id, which is the time, grows with each item of a resource.
        let earliest = before
            .as_ref()
            .and_then(|before| Timestamp::from_millisecond(before.captured.as_millisecond() + 1).ok());
        let captured = earliest.map_or(now, |earliest| earliest.max(now));
        let item = Item { captured, ..item };
        items.push(item.clone());
        if items.len() > KEPT {
            items.remove(0);
        }
        Recorded { item, before }
    }
}

/// The items of all Regions that are recorded. Cheap to clone: all clones are one.
#[derive(Clone, Default)]
pub(super) struct History(Arc<Mutex<BTreeMap<String, Items>>>);

impl History {
    /// Works on one Region's items. Nothing that waits may happen inside.
    pub(super) fn with<T>(&self, region: &str, work: impl FnOnce(&mut Items) -> T) -> T {
        work(self.lock().entry(region.to_owned()).or_default())
    }

    /// The Regions that are recorded.
    pub(super) fn regions(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Items>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::item::tests::volume, *};

    const KIND: &str = "AWS::EC2::Volume";

    fn observed(items: &mut Items, types: &[&str]) -> Vec<(Status, bool)> {
        let found = types.iter().map(|volume_type| volume(Status::Ok, volume_type).found).collect();
        let now = "2026-11-25T22:00:00Z".parse().unwrap();
        let recorded = items.observe("123456789012", KIND, found, now);
        recorded.into_iter().map(|recorded| (recorded.item.status, recorded.before.is_some())).collect()
    }

    #[test]
    fn a_resource_is_discovered_changes_ends_and_comes_back() {
        let mut items = Items::default();
        assert_eq!(observed(&mut items, &["gp2"]), [(Status::Discovered, false)]);
        assert_eq!(observed(&mut items, &["gp2"]), []);
        assert_eq!(observed(&mut items, &["gp3"]), [(Status::Ok, true)]);
        assert_eq!(observed(&mut items, &[]), [(Status::Deleted, true)]);
        assert_eq!(observed(&mut items, &[]), []);
        assert_eq!(items.current(KIND).count(), 0);
        assert_eq!(observed(&mut items, &["gp3"]), [(Status::Discovered, true)]);
        let resource = Resource { kind: KIND.to_owned(), id: "vol-1".to_owned() };
        let ids: Vec<i64> =
            items.of(&resource).unwrap().iter().map(|item| item.captured.as_millisecond()).collect();
        assert_eq!(ids.len(), 4);
        assert!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");
    }
}
