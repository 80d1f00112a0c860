//! EventBridge's envelope.

use jiff::Timestamp;
use plumb_model::{AccountId, Region, ResourceRef, Signal, Source, Standing, Subject};
use serde_json::Value;

use crate::{
    json::{self, Look, Wrong},
    resource, time,
};

/// An EventBridge event. A finding or a record that comes without an envelope has an empty one.
#[derive(Debug, Default)]
pub(crate) struct Envelope {
    pub(crate) source: String,
    pub(crate) detail_type: String,
    pub(crate) id: Option<String>,
    pub(crate) account: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) time: Option<Timestamp>,
    pub(crate) resources: Vec<String>,
    pub(crate) detail: Value,
}

impl Envelope {
    pub(crate) fn open(mut event: Value) -> Result<Self, Wrong> {
        let owned = |pointer| event.text(pointer).map(json::name);
        let source = json::required("source", event.text("/source"))?.to_owned();
        let detail_type = json::required("detail-type", event.text("/detail-type"))?.to_owned();
        let (id, account, region) = (owned("/id"), owned("/account"), owned("/region"));
        let time = time::parse(event.at("/time"));
        let resources =
            event.list("/resources").iter().filter_map(Value::as_str).map(str::to_owned).collect();
        let detail = event.get_mut("detail").map_or(Value::Null, Value::take);
        Ok(Self { source, detail_type, id, account, region, time, resources, detail })
    }

    /// The account in the detail if it names one, else the envelope's.
    pub(crate) fn account(&self, pointer: &str) -> Result<AccountId, Wrong> {
        match self.detail.text(pointer) {
            Some(text) => json::account(&self.field(pointer), Some(text)),
            None if self.is_bare() => json::account(&self.field(pointer), None),
            None => self.sender(),
        }
    }

    /// The Region in the detail if it names one, else the envelope's.
    pub(crate) fn region(&self, pointer: &str) -> Result<Region, Wrong> {
        match self.detail.text(pointer) {
            Some(text) => json::region(&self.field(pointer), Some(text)),
            None if self.is_bare() => json::region(&self.field(pointer), None),
            None => self.sent_from(),
        }
    }

    /// The account that the event comes from.
    pub(crate) fn sender(&self) -> Result<AccountId, Wrong> {
        json::account("account", self.account.as_deref())
    }

    /// The Region that the event comes from.
    pub(crate) fn sent_from(&self) -> Result<Region, Wrong> {
        json::region("region", self.region.as_deref())
    }

    /// A text that the detail must have.
    pub(crate) fn required(&self, pointer: &str) -> Result<&str, Wrong> {
        json::required(&self.field(pointer), self.detail.text(pointer))
    }

    /// Whether the detail came on its own.
    fn is_bare(&self) -> bool {
        self.detail_type.is_empty()
    }

    /// `/configRuleName` as people write it: `detail.configRuleName`.
    fn field(&self, pointer: &str) -> String {
        let path = pointer.replace('/', ".");
        if self.is_bare() { path.trim_start_matches('.').to_owned() } else { format!("detail{path}") }
    }

    /// The account that the event comes from, if that is another than the one it is about.
    pub(crate) fn sender_beside(&self, about: &AccountId) -> Option<AccountId> {
        self.sender().ok().filter(|sender| sender != about)
    }

    pub(crate) fn signal(&self, source: Source, about: ResourceRef, standing: Standing) -> Signal {
        Signal {
            sender: self.sender_beside(&about.account),
            source,
            subject: Subject::Resource(about),
            standing,
            observed_at: self.time,
            event_id: self.id.clone(),
        }
    }
}

/// A resource by what a service calls it: an ARN's own account and Region count more than where the finding was made.
pub(crate) fn named_resource(
    kind: &str,
    name: &str,
    account: AccountId,
    region: Region,
    details: &Value,
) -> Result<ResourceRef, Wrong> {
    let owner = resource::Arn::parse(name);
    let account = owner.as_ref().and_then(|arn| AccountId::parse(arn.account).ok()).unwrap_or(account);
    let region = owner.as_ref().and_then(|arn| Region::parse(arn.region).ok()).unwrap_or(region);
    let id = resource::from_details(kind, details)
        .map_or_else(|| resource::config_resource_id(kind, name), str::to_owned);
    if id.is_empty() {
        return Err(format!("{} names no resource", json::quote(name)));
    }
    Ok(ResourceRef { account, region, kind: kind.to_owned(), id })
}
