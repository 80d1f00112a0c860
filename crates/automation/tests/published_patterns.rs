//! Every `allowedPattern` of AWS's own runbooks compiles.
//! The list lies beside the checkout, not in it; without it there is nothing to read, and the test says so.

use std::{fs, path::Path};

use plumb_automation::pattern::Pattern;
use serde_json::Value;

#[test]
fn every_published_pattern_compiles() {
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/catalog/runbooks.json");
    let Ok(text) = fs::read(&list) else {
        eprintln!("skipped: no list of AWS's runbooks at `../shared/catalog/runbooks.json`");
        return;
    };
    let list: Value = serde_json::from_slice(&text).unwrap();
    let mut read = 0;
    for runbook in list.get("runbooks").and_then(Value::as_array).into_iter().flatten() {
        for parameter in runbook.get("parameters").and_then(Value::as_array).into_iter().flatten() {
            let Some(pattern) = parameter.get("allowed_pattern").and_then(Value::as_str) else { continue };
            let name = runbook.get("name").and_then(Value::as_str).unwrap_or_default();
            let compiled = Pattern::new(pattern);
            assert!(compiled.is_ok(), "{name}: {pattern}: {compiled:?}");
            read += 1;
        }
    }
    assert!(read > 900, "only {read} patterns: has the list changed its form?");
}
