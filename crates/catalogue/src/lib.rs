//! The controls, compiled in, and which of them listen to a signal.

mod generated;
mod listen;
mod rule_name;

use plumb_model::{Control, Finding, Signal};

pub use listen::{Heard, listen};

/// Every control, in the order of service and id.
pub fn controls() -> &'static [Control] {
    generated::CONTROLS
}

/// The control with this id.
pub fn control(id: &str) -> Option<&'static Control> {
    controls().iter().find(|control| control.id == id)
}

/// What a signal means to the controls that listen to it; empty if none does ([`listen`] says why).
pub fn findings(signal: &Signal) -> Vec<Finding> {
    match listen(controls(), signal) {
        Heard::Findings(findings) => findings,
        Heard::Nobody(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
