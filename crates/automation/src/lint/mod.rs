//! The linter: what is wrong with a document, where, and what to do about it.

pub(crate) mod actions;
pub(crate) mod finding;
mod flow;
mod models;
mod outline;
mod references;
mod source;
mod steps;

use std::collections::BTreeSet;

pub use crate::models::Models;
pub use finding::{Code, Finding, Severity};

use crate::document::{Document, Place, node::Node};
use finding::Findings;
use outline::Outline;

/// The largest document that AWS takes.
pub const MAX_BYTES: usize = 64 * 1024;

/// Everything that is wrong with a document, in the order of its text. Without [`Models`] the names and types of API
/// parameters are not looked at.
pub fn lint(text: &str, models: Option<&Models>) -> Vec<Finding> {
    let mut found = Findings::default();
    let tree = match source::read(text) {
        Ok(tree) => tree,
        Err(error) => {
            found.add(Code::Unreadable, error.place, error.message, "correct the YAML or JSON");
            return found.sorted();
        }
    };
    if text.len() > MAX_BYTES {
        found.add(
            Code::TooLarge,
            Place { line: 1, column: 1 },
            format!("the document has {} bytes; AWS takes {MAX_BYTES}", text.len()),
            "move scripts into attachments, or split the document",
        );
    }
    let outline = Outline::read(&tree, &mut found);
    let flow = flow::Flow::of(&outline);
    flow::check(&outline, &flow, &mut found);
    steps::check(&outline, &mut found);
    references::check(&outline, &flow, &mut found);
    let document = Document::parse(text);
    if let Some(models) = models {
        models::check(&outline, models, &mut found);
        if let Ok(document) = &document {
            models::check_scripts(&outline, document, models, &mut found);
        }
    }
    // Whatever the engine refuses is found, if only by the engine.
    if let Err(error) = document
        && !found.has_errors()
    {
        found.add(Code::Refused, error.place, error.message, "AWS most likely refuses the document too");
    }
    found.sorted()
}

/// The APIs that a document calls, in steps and scripts: boto3 service and operation as written. What [`Models`] must
/// know for [`lint`] to look at them.
pub fn api_calls(text: &str) -> BTreeSet<(String, String)> {
    let mut calls = BTreeSet::new();
    let Ok(tree) = source::read(text) else { return calls };
    let outline = Outline::read(&tree, &mut Findings::default());
    for step in &outline.steps {
        let text = |name: &str| step.input(name).and_then(Node::as_text).filter(|text| !text.contains("{{"));
        if let (Some(service), Some(api)) = (text("Service"), text("Api")) {
            calls.insert((service.trim().to_ascii_lowercase(), api.trim().to_owned()));
        }
    }
    if let Ok(document) = Document::parse(text) {
        calls.extend(crate::iam::calls(&document).into_iter().map(|call| (call.service, call.api)));
    }
    calls
}
