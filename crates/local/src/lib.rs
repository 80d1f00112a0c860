//! Local AWS: one loopback endpoint that behaves like an account.
//!
//! The [`gateway`] takes every request, answers SSM Automation and AWS Config itself ([`ssm`], [`config`]), and passes
//! everything else to an emulator: moto or ministack ([`emulators`]). Every call is in the call log ([`calls`]).

mod attachments;
pub mod calls;
mod clock;
pub mod config;
mod destination;
pub mod emulators;
pub mod eventbridge;
pub mod faults;
mod gateway;
mod guard;
mod http;
mod identify;
mod lines;
mod members;
pub mod models;
mod neighbours;
mod pages;
pub mod proof;
mod python;
mod securityhub;
pub mod service;
pub mod ssm;
mod start;
mod trust;
pub mod worker;

pub use calls::{CallLog, LoggedCall};
pub use clock::WallClock;
pub use faults::{Fault, Faults};
pub use neighbours::Neighbours;
pub use service::{AwsError, Caller, Context, Mutation, Request, Service};
pub use start::{LocalAws, Options, StartError, serve};
pub use worker::{Call, CallError, Script, ScriptError, Worker};
