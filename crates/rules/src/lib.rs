//! Plumb's own AWS Config rules, where AWS has no managed rule or one that is too coarse.
//!
//! A rule is one file below `rules/`: what it says, its parameters, what it needs to know beyond the configuration item, and
//! a pure judgement. It does no I/O: [`Rule::needs`] names reads, whoever runs it makes them, and [`Rule::judge`] sees their
//! results. `cases/<rule>.yaml` says what each rule makes of what; `docs/rules.md` is made from both.

mod api;
mod case;
#[cfg(feature = "guard")]
pub mod guard;
mod item;
mod parameter;
mod rules;
pub mod testing;
mod time;
mod verdict;

use plumb_ports::Api;
use serde_json::Value;

pub use api::APIS;
pub use case::{Case, Facts, Need};
pub use item::{Item, ItemError, Place, Related};
pub use parameter::{Kind, Parameter, Parameters};
pub use rules::RULES;
pub use time::timestamp;
pub use verdict::{Annotation, Unjudged, Verdict};

/// One of Plumb's rules.
#[derive(Debug)]
pub struct Rule {
    /// Its name, such as `volume-gp2`: what the parameter `rule` of an AWS Config rule says.
    pub name: &'static str,
    /// What makes a resource non-compliant, in one line.
    pub title: &'static str,
    /// What it looks at, what it leaves alone, and the AWS documents that it follows.
    pub docs: &'static str,
    /// The CloudFormation type of the resources that it judges.
    pub resource_type: &'static str,
    /// Where a periodic evaluation gets them from.
    pub listing: Listing,
    /// What can be set.
    pub parameters: &'static [&'static Parameter],
    /// What it needs to know beyond the item, given what it knows already. It is asked again until it needs nothing new.
    pub needs: fn(&Case<'_>) -> Vec<(String, Need)>,
    /// The judgement.
    pub judge: fn(&Case<'_>) -> Result<Verdict, Unjudged>,
}

/// Where the resources of a periodic evaluation come from.
#[derive(Debug)]
pub enum Listing {
    /// AWS Config records the type: an advanced query lists the items.
    Recorded,
    /// AWS Config does not record the type: the service itself lists them.
    Read {
        /// The read.
        api: &'static Api,
        /// Its parameters.
        parameters: fn() -> Value,
        /// An item from one of its records; nothing if the record names no resource.
        item: fn(&Value, &Place) -> Option<Item>,
    },
}

/// A rule that needs nothing but the item.
pub(crate) fn nothing(_: &Case<'_>) -> Vec<(String, Need)> {
    Vec::new()
}

/// The rule of this name.
pub fn rule(name: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|rule| rule.name == name)
}
