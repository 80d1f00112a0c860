//! Any text as a selector, on any JSON: the first line selects, the rest is selected from.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plumb_automation::selector::Selector;

fuzz_target!(|text: &str| {
    let (selector, value) = text.split_once('\n').unwrap_or((text, "{}"));
    if let (Ok(selector), Ok(value)) = (Selector::parse(selector), serde_json::from_str(value)) {
        let _ = selector.select(&value);
    }
});
