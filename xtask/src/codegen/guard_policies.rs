//! The users' own policies, `rules/*.guard`: an AWS Config rule each, which the function `evaluate` judges if it was built with Guard.

use std::{error::Error, fs, path::Path};

/// How a policy says what it is about; `plumb_rules::guard` reads it too.
const RESOURCE_TYPE: &str = "# resource-type:";

/// AWS Config's limit for a rule's name, less the prefix (8) and `-guard-`
/// ([API](https://docs.aws.amazon.com/config/latest/APIReference/API_ConfigRule.html)).
const LONGEST_NAME: usize = 128 - 8 - "-guard-".len();

/// A policy.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct GuardPolicy {
    /// Its file's name without the ending.
    pub(crate) name: String,
    /// The type of the resources that it judges; nothing for whatever is recorded.
    pub(crate) resource_type: Option<String>,
}

/// The policies, by name.
///
/// # Errors
/// When the folder can't be read, or a name is none that an AWS Config rule can have.
pub(crate) fn load(root: &Path) -> Result<Vec<GuardPolicy>, Box<dyn Error>> {
    let folder = root.join("rules");
    let mut policies = Vec::new();
    for entry in fs::read_dir(&folder).map_err(|error| format!("`{}`: {error}", folder.display()))? {
        let file = entry?.path();
        if file.extension().is_some_and(|extension| extension == "guard") {
            let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            policies.push(read(name, &fs::read_to_string(&file)?)?);
        }
    }
    policies.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(policies)
}

fn read(name: String, text: &str) -> Result<GuardPolicy, String> {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(legal) {
        return Err(format!(
            "rules/{name}.guard: name it with lower-case letters, digits and hyphens, at most {LONGEST_NAME}: the name of its AWS Config rule follows from it"
        ));
    }
    let resource_type = text.lines().find_map(|line| line.trim().strip_prefix(RESOURCE_TYPE)).map(str::trim);
    Ok(GuardPolicy { name, resource_type: resource_type.filter(|kind| !kind.is_empty()).map(str::to_owned) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_says_what_it_is_about_or_is_about_everything() {
        let policy = read("own".into(), "# mine\n# resource-type: AWS::DynamoDB::Table\nrule x { }").unwrap();
        assert_eq!(policy.resource_type.as_deref(), Some("AWS::DynamoDB::Table"));
        assert_eq!(read("own".into(), "rule x { }").unwrap().resource_type, None);
    }

    #[test]
    fn a_name_that_no_config_rule_can_have_is_refused() {
        for name in ["", "Own", "own rule", &"x".repeat(LONGEST_NAME + 1)] {
            assert!(read(name.to_owned(), "").unwrap_err().contains("lower-case letters"), "{name}");
        }
    }
}
