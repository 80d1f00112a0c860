//! Names of resources come from whoever made them: what a hostile one could do, and that it can't.

#![expect(clippy::unwrap_used, reason = "a test may")]

use std::{collections::BTreeMap, fs, path::Path};

use plumb_automation::{Document, WireParameters};

/// Names that mean something to SSM, a shell, a log, a terminal, a query or a policy.
const POISONED: [&str; 13] = [
    "",
    "*",
    "{{ssm:/prod/password}}",
    "{{ global:ACCOUNT_ID }}",
    "{{AutomationAssumeRole}}",
    "name\nlevel=ERROR",
    "name\u{1b}[2J",
    "name; curl http://203.0.113.1",
    "$(id)",
    "`id`",
    "name' OR 'a'='a",
    "name\"}, \"mode\": \"auto",
    "arn:aws:iam::999999999999:role/theirs and more",
];

fn documents(folder: &Path) -> [Document; 2] {
    ["remediate.yaml", "rollback.yaml"]
        .map(|name| Document::parse(&fs::read_to_string(folder.join(name)).unwrap()).unwrap())
}

/// A runbook's parameters as the planner fills them for a resource of this id.
fn filled(control: &plumb_model::Control, id: &str, document: &Document) -> WireParameters {
    let role = "arn:aws:iam::123456789012:role/plumb-us-east-1-x".to_owned();
    let mut parameters: WireParameters = BTreeMap::from([("AutomationAssumeRole".to_owned(), vec![role])]);
    for parameter in control.parameters {
        let value = parameter.value.replace("{{resource.account}}", "123456789012");
        let value = value.replace("{{resource.region}}", "us-east-1").replace("{{resource.id}}", id);
        parameters.insert(parameter.name.to_owned(), vec![value]);
    }
    parameters.retain(|name, _| document.parameters.contains_key(name));
    parameters
}

/// Systems Manager checks parameters before it runs anything; local AWS by the same code as here.
#[test]
fn no_runbook_takes_a_name_that_means_more_than_a_name() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../controls");
    let (mut checked, mut taken) = (0, Vec::new());
    for control in plumb_catalogue::controls() {
        let named: Vec<_> = control
            .parameters
            .iter()
            .filter(|parameter| parameter.value.contains("{{resource.id}}"))
            .collect();
        for document in documents(&root.join(control.service).join(control.id)) {
            for poison in POISONED {
                let before = ["Before".to_owned()];
                let bound = document.bind_but(&filled(control, poison, &document), &before);
                let error = bound.err().map(|error| error.to_string());
                for parameter in &named {
                    let refused = error.as_ref().is_some_and(|error| error.contains(parameter.name));
                    if !refused {
                        taken.push(format!("{}: {} takes {poison:?}: {error:?}", control.id, parameter.name));
                    }
                    checked += 1;
                }
            }
        }
    }
    assert!(taken.is_empty(), "{}", taken.join("\n"));
    assert!(checked > 500, "{checked}");
}

/// Text that is put into a script is code; what a script gets, it gets as data.
#[test]
fn no_script_is_written_by_a_parameter() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../controls");
    let mut scripts = 0;
    for control in plumb_catalogue::controls() {
        for name in ["remediate.yaml", "rollback.yaml"] {
            let file = root.join(control.service).join(control.id).join(name);
            let document: serde_json::Value =
                serde_saphyr::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
            let mut steps = vec![&document["mainSteps"]];
            while let Some(value) = steps.pop() {
                match value {
                    serde_json::Value::Array(items) => steps.extend(items),
                    serde_json::Value::Object(members) => {
                        if let Some(script) = members.get("Script").and_then(serde_json::Value::as_str) {
                            scripts += 1;
                            assert!(!script.contains("{{"), "{}: a script with `{{{{`", file.display());
                        }
                        steps.extend(members.values());
                    }
                    _ => {}
                }
            }
        }
    }
    assert!(scripts > 10, "{scripts}");
}
