//! The rules of all Regions.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::rule::Rule;
use crate::service::AwsError;

/// The rules of one Region, by name.
pub(super) type Rules = BTreeMap<String, Rule>;

/// The rules of all Regions. Cheap to clone: all clones are one store.
#[derive(Clone, Default)]
pub(super) struct Store(Arc<Mutex<BTreeMap<String, Rules>>>);

impl Store {
    /// Works on one Region's rules. Nothing that waits may happen inside.
    pub(super) fn with<T>(&self, region: &str, work: impl FnOnce(&mut Rules) -> T) -> T {
        work(self.lock().entry(region.to_owned()).or_default())
    }

    /// The Regions that have rules.
    pub(super) fn regions(&self) -> Vec<String> {
        self.lock().iter().filter(|(_, rules)| !rules.is_empty()).map(|(region, _)| region.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Rules>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The rule of that name.
pub(super) fn named<'a>(rules: &'a Rules, name: &str) -> Result<&'a Rule, AwsError> {
    rules.get(name).ok_or_else(|| no_such_rule(name))
}

/// `NoSuchConfigRuleException`.
pub(super) fn no_such_rule(name: &str) -> AwsError {
    AwsError::client(
        "NoSuchConfigRuleException",
        format!(
            "The ConfigRule '{name}' provided in the request is invalid. Please check the configRule name."
        ),
    )
}
