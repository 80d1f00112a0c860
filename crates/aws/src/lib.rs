//! The ports of `plumb-ports`, on AWS. The only crate that names an `aws-sdk-*`.
//!
//! Clients are made at first use and share one HTTP connector, so that a function that is only initialised opens nothing
//! and reads no certificate store.

mod automation;
mod clients;
mod config;
mod errors;
mod history;
mod item;
mod ledger;
mod policy;
mod queue;
mod settings;
mod signed;
mod surroundings;
mod tell;

pub use automation::Automation;
pub use clients::Aws;
pub use config::Config;
pub use history::HistoryTable;
pub use ledger::DynamoLedger;
pub use policy::ParameterPolicy;
pub use queue::{LookAgain, SqsQueue};
pub use settings::{Settings, SettingsError, TellSettings};
pub use surroundings::Surroundings;
pub use tell::{DigestQueue, EventBus, FindingNotes, OpsCenter, SnsTopic};
