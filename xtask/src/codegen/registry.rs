//! Every control there is: the folders below `controls/`, read and checked.

use std::{collections::BTreeMap, fs, path::Path};

use plumb_automation::Document;

use super::{
    definition::{self, Definition, Problem},
    permissions, rules,
    tree::Located,
};

/// Everything wrong with the controls, at once.
#[derive(Debug, thiserror::Error)]
#[error("{} in the controls:\n{}", count(.0.len()), .0.iter().map(|p| format!("  {p}")).collect::<Vec<_>>().join("\n"))]
pub(crate) struct Problems(pub(crate) Vec<Problem>);

fn count(problems: usize) -> String {
    if problems == 1 { "1 problem".to_owned() } else { format!("{problems} problems") }
}

/// Reads and checks every control below `root`'s `controls/`, in the order of service and id.
pub(crate) fn load(root: &Path) -> Result<Vec<Definition>, Problems> {
    let mut problems = Vec::new();
    let mut definitions = Vec::new();
    for folder in folders(root, &mut problems) {
        if let Some(definition) = load_one(root, &folder, &mut problems) {
            rules::check(&definition, &mut problems);
            known_rule(root, &definition, &mut problems);
            definitions.push(definition);
        }
    }
    unique_ids(&definitions, &mut problems);
    problems.sort();
    problems.dedup();
    if problems.is_empty() { Ok(definitions) } else { Err(Problems(problems)) }
}

/// A custom rule is a file of `crates/rules`.
fn known_rule(root: &Path, definition: &Definition, problems: &mut Vec<Problem>) {
    let Some(custom) = &definition.custom_rule else { return };
    let file = format!("crates/rules/src/rules/{}.rs", custom.rule.replace('-', "_"));
    if !root.join(&file).is_file() {
        let what = format!("there is no rule `{}`: `{file}` does not exist", custom.rule);
        problems.push(Problem {
            file: format!("{}/control.yaml", definition.folder),
            line: custom.line,
            what,
        });
    }
}

/// `controls/<service>/<slug>`, sorted.
fn folders(root: &Path, problems: &mut Vec<Problem>) -> Vec<String> {
    let mut folders = Vec::new();
    for service in names(root, "controls", problems) {
        let parent = format!("controls/{service}");
        if !root.join(&parent).is_dir() {
            continue;
        }
        for slug in names(root, &parent, problems) {
            let folder = format!("{parent}/{slug}");
            if root.join(&folder).is_dir() {
                folders.push(folder);
            }
        }
    }
    folders
}

fn names(root: &Path, folder: &str, problems: &mut Vec<Problem>) -> Vec<String> {
    let listed = fs::read_dir(root.join(folder)).and_then(|entries| {
        entries
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<Result<Vec<_>, _>>()
    });
    let mut names = listed.unwrap_or_else(|error| {
        problems.push(Problem {
            file: folder.to_owned(),
            line: 0,
            what: format!("can't be listed: {error}"),
        });
        Vec::new()
    });
    names.sort();
    names
}

fn load_one(root: &Path, folder: &str, problems: &mut Vec<Problem>) -> Option<Definition> {
    let control = parse(root, folder, "control.yaml", problems);
    let remediate = parse_document(root, folder, "remediate.yaml", problems);
    let rollback = parse_document(root, folder, "rollback.yaml", problems);
    parse(root, folder, "proof.yaml", problems);
    let cases = root.join(folder).join("cases");
    let has_case = fs::read_dir(&cases).is_ok_and(|mut entries| {
        entries.any(|entry| entry.is_ok_and(|e| e.path().extension().is_some_and(|x| x == "json")))
    });
    if !has_case {
        let what = "no case; add at least one event that fires and one that must not".to_owned();
        problems.push(Problem { file: format!("{folder}/cases"), line: 0, what });
    }
    let ((remediate, fixes), (rollback, restores)) = (remediate?, rollback?);
    let mut definition = definition::read(folder, &control?, (remediate, rollback), problems)?;
    let documents: Vec<Document> = [fixes, restores].into_iter().flatten().collect();
    let file = format!("{folder}/control.yaml");
    definition.iam = permissions::derive(&documents, &definition.by_hand, &file, problems);
    Some(definition)
}

fn parse(root: &Path, folder: &str, name: &str, problems: &mut Vec<Problem>) -> Option<Located> {
    let file = format!("{folder}/{name}");
    let read = fs::read_to_string(root.join(&file)).map_err(|error| (0, format!("can't be read: {error}")));
    let parsed = read.and_then(|text| {
        Located::parse(&text)
            .map_err(|error| (error.location().map_or(0, |at| at.line()), first_line(&error.to_string())))
    });
    parsed.map_err(|(line, what)| problems.push(Problem { file, line, what })).ok()
}

/// A runbook also has to be one for the engine that proves it.
fn parse_document(
    root: &Path,
    folder: &str,
    name: &str,
    problems: &mut Vec<Problem>,
) -> Option<(Located, Option<Document>)> {
    let parsed = parse(root, folder, name, problems)?;
    let file = format!("{folder}/{name}");
    let text = fs::read_to_string(root.join(&file)).unwrap_or_default();
    let document = Document::parse(&text)
        .map_err(|error| problems.push(Problem { file, line: error.place.line, what: error.message }));
    Some((parsed, document.ok()))
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

fn unique_ids(definitions: &[Definition], problems: &mut Vec<Problem>) {
    let mut seen = BTreeMap::new();
    for definition in definitions {
        if let Some(other) = seen.insert(definition.id.as_str(), definition.folder.as_str()) {
            let what =
                format!("the id `{}` is taken by {other}; ids are unique over all services", definition.id);
            problems.push(Problem { file: format!("{}/control.yaml", definition.folder), line: 1, what });
        }
    }
}
