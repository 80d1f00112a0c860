//! Any text as a Java regular expression: the first line is the pattern, the rest is matched.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plumb_automation::pattern::Pattern;

fuzz_target!(|text: &str| {
    let (pattern, value) = text.split_once('\n').unwrap_or((text, "arn:aws:s3:::a-bucket"));
    if let Ok(pattern) = Pattern::new(pattern) {
        let _ = pattern.matches(value);
    }
});
