//! The ports of `plumb-ports`, on AWS. The only crate that names an `aws-sdk-*`.
//!
//! Clients are made at first use and share one HTTP connector, so that a function that is only initialised opens nothing
//! and reads no certificate store.

mod aggregate;
mod approvals;
mod automation;
mod batch;
mod clients;
mod config;
mod errors;
mod evaluations;
mod given_up;
mod history;
mod item;
mod ledger;
mod members;
pub mod operator;
mod policy;
mod queue;
mod reads;
mod settings;
mod signed;
mod surroundings;
mod sweep;
mod tell;
mod xml;

pub use automation::Automation;
pub use aws_credential_types::Credentials;
pub use clients::Aws;
pub use config::Config;
pub use evaluations::{Evaluations, RestQueue};
pub use given_up::MessageNotes;
pub use history::HistoryTable;
pub use ledger::DynamoLedger;
pub use policy::DeliveredPolicy;
pub use queue::{LookAgain, SqsQueue};
pub use reads::Reads;
pub use settings::{PolicyProfile, Settings, SettingsError, TellSettings};
pub use surroundings::Surroundings;
pub use sweep::SweepTable;
pub use tell::{DigestQueue, EventBus, FindingNotes, OpsCenter, SnsTopic};
