//! Any text as a document: parsed, looked through, and its parameters bound.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use plumb_automation::Document;

fuzz_target!(|text: &str| {
    if let Ok(document) = Document::parse(text) {
        let _ = document.bind(&BTreeMap::new());
        for step in document.all_steps() {
            let _ = (step.timeout(), document.step(&step.name));
        }
    }
});
