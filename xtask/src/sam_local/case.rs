//! One invocation and what has to come of it: `tests/sam-local/<Function>/<case>.json`.

use std::{collections::BTreeMap, error::Error, fs, path::Path};

use serde::Deserialize;
use serde_json::Value;

use crate::account::Account;

/// One invocation of one function.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    /// The function's logical id in the template: the folder's name.
    #[serde(skip)]
    pub(crate) function: String,
    /// The file's name.
    #[serde(skip)]
    pub(crate) name: String,
    /// What it shows.
    pub(crate) why: String,
    /// Whether it comes out the same a second time: then the emulator is tried with it, too.
    #[serde(default)]
    pub(crate) repeatable: bool,
    /// What the function is invoked with.
    pub(crate) event: Value,
    /// What its answer holds, by JSON Pointer.
    pub(crate) expect: BTreeMap<String, Value>,
    /// What is true afterwards.
    #[serde(default)]
    then: Vec<Look>,
}

/// A look at the account. `{{Name}}` in it is the stack's output of that name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Look {
    /// `service:Api` as boto3 has them.
    call: String,
    with: Value,
    expect: BTreeMap<String, Value>,
}

/// Every case, by function and name.
pub(crate) fn all(root: &Path) -> Result<Vec<Case>, Box<dyn Error>> {
    let mut cases = Vec::new();
    for folder in fs::read_dir(root.join("tests/sam-local"))? {
        let folder = folder?;
        if !folder.file_type()?.is_dir() {
            continue;
        }
        for file in fs::read_dir(folder.path())? {
            let path = file?.path();
            let text = fs::read_to_string(&path)?;
            let mut case: Case =
                serde_json::from_str(&text).map_err(|error| format!("`{}`: {error}", path.display()))?;
            case.function = folder.file_name().to_string_lossy().into_owned();
            case.name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            cases.push(case);
        }
    }
    cases.sort_by(|one, other| (&one.function, &one.name).cmp(&(&other.function, &other.name)));
    Ok(cases)
}

impl Case {
    /// Whether the answer, and the account after it, are as they should be; if not, how they are.
    pub(crate) async fn check(&self, answer: &Value, account: &Account) -> Result<(), Box<dyn Error>> {
        holds("the answer", answer, &self.expect)?;
        for look in &self.then {
            let text = account.with_outputs(&look.with.to_string());
            let seen = account.call(&look.call, serde_json::from_str(&text)?).await?;
            holds(&look.call, &seen, &look.expect)?;
        }
        Ok(())
    }
}

fn holds(what: &str, value: &Value, expected: &BTreeMap<String, Value>) -> Result<(), String> {
    for (pointer, wanted) in expected {
        let found = value.pointer(pointer).unwrap_or(&Value::Null);
        if found != wanted {
            return Err(format!("{what} has {found} at `{pointer}`, not {wanted}: {value}"));
        }
    }
    Ok(())
}
