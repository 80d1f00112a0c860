//! The documents of all Regions.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use plumb_automation::{Answer, Documents, DocumentsError, ports};

use super::stored::Stored;
use crate::service::AwsError;

/// The documents of one Region, by name.
pub(super) type Shelf = BTreeMap<String, Stored>;

/// The documents of all Regions. Cheap to clone: all clones are one library.
#[derive(Debug, Clone, Default)]
pub(crate) struct Library(Arc<Mutex<BTreeMap<String, Shelf>>>);

impl Library {
    /// Works on one Region's documents. Nothing that waits may happen inside.
    pub(super) fn with<T>(&self, region: &str, work: impl FnOnce(&mut Shelf) -> T) -> T {
        work(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(region.to_owned()).or_default())
    }

    /// An Automation document that an account is to run: its own, or one that is shared with it.
    pub(super) fn runbook(
        &self,
        (caller, region): (&str, &str),
        name: &str,
        version: Option<&str>,
    ) -> Result<ports::Stored, AwsError> {
        self.with(region, |shelf| {
            let missing = || {
                AwsError::client(
                    "AutomationDefinitionNotFoundException",
                    format!("Document {name} does not exist as an Automation document in {region}"),
                )
            };
            let stored = shelf.get(short_name(name)).ok_or_else(missing)?;
            let shared = |with: &str| stored.shared_with.contains(with) || stored.shared_with.contains("all");
            if stored.owner != caller && !shared(caller) {
                return Err(missing());
            }
            let found = stored.version(version).ok_or_else(|| {
                AwsError::client(
                    "AutomationDefinitionVersionNotFoundException",
                    format!("Document {name} has no version {}", version.unwrap_or("$DEFAULT")),
                )
            })?;
            let document = found.document.clone().ok_or_else(missing)?;
            Ok(ports::Stored { name: stored.name.clone(), version: found.number.to_string(), document })
        })
    }
}

/// The account in a document's ARN.
pub(super) fn owner(name: &str) -> Option<&str> {
    name.strip_prefix("arn:")?.split(':').nth(3).filter(|account| !account.is_empty())
}

/// The name in a name or an ARN (`arn:aws:ssm:us-east-1:123456789012:document/name`, or `automation-definition/name:1`).
pub(super) fn short_name(name: &str) -> &str {
    if !name.starts_with("arn:") {
        return name;
    }
    let path = name.split(':').nth(5).unwrap_or(name);
    path.split_once('/').map_or(path, |(_, short)| short)
}

/// The documents of one Region, for the engine.
pub(super) struct RegionalDocuments {
    pub(super) library: Library,
    pub(super) account: String,
    pub(super) region: String,
}

impl Documents for RegionalDocuments {
    fn find<'a>(
        &'a self,
        name: &'a str,
        version: Option<&'a str>,
    ) -> Answer<'a, Result<ports::Stored, DocumentsError>> {
        let found = self
            .library
            .runbook((&self.account, &self.region), name, version)
            .map_err(|error| DocumentsError { code: error.code, message: error.message });
        Box::pin(std::future::ready(found))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_may_be_named_by_its_arn() {
        assert_eq!(short_name("plumb-x"), "plumb-x");
        assert_eq!(short_name("arn:aws:ssm:us-east-1:123456789012:document/plumb-x"), "plumb-x");
        assert_eq!(
            short_name("arn:aws:ssm:us-east-1:123456789012:automation-definition/plumb-x:1"),
            "plumb-x"
        );
    }
}
