//! SSM Automation documents (schemaVersion 0.3): model, language and interpreter, with every effect behind a port.
//!
//! ```no_run
//! # use std::{collections::BTreeMap, sync::Arc};
//! # use plumb_automation::{Document, Environment, Mode, Ports, Start, run, signals, wire};
//! # async fn sketch(ports: Ports, text: &str) -> Result<(), Box<dyn std::error::Error>> {
//! // CreateDocument: an error carries line and column.
//! let document = Arc::new(Document::parse(text)?);
//! // StartAutomationExecution: an error here is `ParameterError::CODE` with the error's text.
//! let parameters = document.bind(&BTreeMap::from([("BucketName".into(), vec!["b".into()])]))?;
//! let start = Start {
//!     id: "eeca120b-a321-433e-9635-dab369006a6b".into(),
//!     document_name: "fix-bucket".into(),
//!     document_version: "1".into(),
//!     document,
//!     parameters,
//!     environment: Environment { account: "123456789012".into(), region: "us-east-1".into(), partition: "aws".into() },
//!     executed_by: "arn:aws:iam::123456789012:user/dev".into(),
//!     parent_id: None,
//!     depth: 0,
//!     mode: Mode::Auto,
//!     role: None,
//!     target: None,
//! };
//! // Keep this as the first answer to GetAutomationExecution; the observer brings every later state.
//! let pending = start.execution(ports.clock.now());
//! let (stopper, signals) = signals(); // `stopper.stop(Stop::Cancel)` is StopAutomationExecution
//! let ended = run(start, ports, signals).await; // a Send + 'static future: spawn it
//! println!("{}", wire::automation_execution(&ended)); // GetAutomationExecution's `AutomationExecution`
//! # Ok(()) }
//! ```

mod actions;
pub mod choices;
pub mod condition;
pub mod cost;
pub mod document;
pub mod dry;
mod engine;
pub mod execution;
mod failure;
pub mod iam;
pub mod lint;
mod models;
mod names;
mod outputs;
pub mod parameters;
pub mod pattern;
pub mod ports;
mod scope;
pub mod selector;
mod signals;
pub mod spread;
pub mod stubs;
pub mod template;
pub mod wire;

/// YAML or JSON text as a tree that remembers where each thing stands, for whoever checks files of other kinds.
pub mod located {
    pub use crate::document::{
        DocumentError, Place,
        node::{Kind, Node, Spot, parse},
    };
}

pub use actions::approve::is_approver;
pub use document::{Document, DocumentError};
pub use engine::run;
pub use execution::{
    Environment, Execution, FailureDetails, FailureStage, FailureType, Mode, ParentStep, Start, Status,
    StepExecution,
};
pub use parameters::{Bound, ParameterError, WireParameters};
pub use ports::{
    Answer, ApiCall, ApiError, AtOnce, AwsApi, Clock, Documents, DocumentsError, Family, Launcher, Observer,
    Origin, Patient, Ports, ScriptError, ScriptJob, ScriptSource, Scripts, Silent, Stored,
};
pub use signals::{Signal, Signals, Stop, Stopper, signals};
pub use spread::{Spread, SpreadError, run_spread};
pub use stubs::{CommandStub, Declared, Stubs, WebhookStub};
