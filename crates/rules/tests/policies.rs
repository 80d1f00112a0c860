//! The policies in the folder `rules`, against their examples.

#![cfg(feature = "guard")]
#![expect(clippy::unwrap_used, reason = "a test may")]

use std::{fs, path::Path};

use plumb_rules::{guard, testing::Example};
use serde_json::Value;

#[test]
fn every_policy_gives_its_examples_the_verdicts_that_they_show() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules");
    let mut policies = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_none_or(|extension| extension != "guard") {
            continue;
        }
        policies += 1;
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let policy = fs::read_to_string(&file).unwrap();
        let examples = fs::read_to_string(file.with_extension("yaml")).unwrap();
        let examples: Vec<Value> = serde_saphyr::from_str(&examples).unwrap();
        assert!(!examples.is_empty(), "{name} has no example");
        for example in &examples {
            let kind = guard::resource_type(&policy).unwrap_or("AWS::::Account");
            let example = Example::read(example, kind).unwrap();
            let verdict = guard::judge(&name, &policy, &example.item);
            assert_eq!(example.compare(&verdict), Ok(()), "{name}");
        }
    }
    assert!(policies > 0, "the folder `rules` has no policy");
}
