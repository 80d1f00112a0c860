//! A control's folder, read strictly: nothing unknown is passed over, and everything wrong is listed at once.

use plumb_model::{Arn, ControlId, Mode, Pillar, Reversibility, Severity};
use serde::de::{DeserializeOwned, IntoDeserializer, value::Error as ValueError};

use super::{
    arns,
    permissions::ByHand,
    tree::{Located, Node},
};

/// `control.yaml` and the two documents beside it.
#[derive(Debug, Clone)]
pub(crate) struct Definition {
    /// `controls/s3/bucket-public-access`, from the workspace's root.
    pub(crate) folder: String,
    /// The folder's parent: `s3`.
    pub(crate) service: String,
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) why: String,
    pub(crate) pillar: Pillar,
    pub(crate) best_practices: Vec<String>,
    pub(crate) severity: Severity,
    pub(crate) resource_type: String,
    pub(crate) arn: Arn,
    pub(crate) config_rules: Vec<ConfigRule>,
    /// Plumb's own rule.
    pub(crate) custom_rule: Option<CustomRule>,
    pub(crate) security_hub: Vec<String>,
    pub(crate) api_calls: Vec<ApiCall>,
    /// Runbook parameter and its value, with the line.
    pub(crate) parameters: Vec<(String, String, u64)>,
    pub(crate) safety: Mode,
    pub(crate) disruption: String,
    pub(crate) cost: String,
    pub(crate) reversibility: Reversibility,
    pub(crate) reversibility_note: String,
    /// What the runbooks have to be allowed, in all ([`super::permissions`]).
    pub(crate) iam: Vec<Permission>,
    /// What of it a person has written.
    pub(crate) by_hand: ByHand,
    /// `remediate.yaml`.
    pub(crate) remediate: Located,
    /// `rollback.yaml`.
    pub(crate) rollback: Located,
}

/// An AWS managed Config rule.
#[derive(Debug, Clone)]
pub(crate) struct ConfigRule {
    pub(crate) identifier: String,
    pub(crate) name: String,
    pub(crate) deploy: bool,
    pub(crate) parameters: Vec<(String, String)>,
    pub(crate) trigger: Trigger,
    pub(crate) line: u64,
}

/// One of Plumb's own rules, judged by `evaluate`.
#[derive(Debug, Clone)]
pub(crate) struct CustomRule {
    /// Its name in `crates/rules`.
    pub(crate) rule: String,
    pub(crate) trigger: CustomTrigger,
    pub(crate) parameters: Vec<(String, String)>,
    pub(crate) line: u64,
}

/// When AWS Config invokes `evaluate` for a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CustomTrigger {
    Change,
    Periodic,
    /// On change and on a schedule: where time alone makes a resource non-compliant.
    Both,
}

/// When AWS Config evaluates a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Trigger {
    Change,
    Periodic,
}

/// A call that CloudTrail records.
#[derive(Debug, Clone)]
pub(crate) struct ApiCall {
    pub(crate) service: String,
    pub(crate) name: String,
    pub(crate) resource: String,
    pub(crate) line: u64,
}

/// One IAM action that the documents need.
#[derive(Debug, Clone)]
pub(crate) struct Permission {
    pub(crate) action: String,
    pub(crate) resources: Vec<String>,
    /// An IAM condition block.
    pub(crate) conditions: Option<Located>,
    /// Why it is not what the documents say, or not narrower.
    pub(crate) reason: Option<String>,
    pub(crate) line: u64,
}

/// Something wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Problem {
    pub(crate) file: String,
    pub(crate) line: u64,
    pub(crate) what: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.what)
    }
}

const KEYS: [&str; 17] = [
    "id",
    "title",
    "why",
    "pillar",
    "best_practices",
    "severity",
    "resource_type",
    "arn",
    "detection",
    "runbook",
    "safety",
    "disruption",
    "cost",
    "reversibility",
    "reversibility_note",
    "iam_instead",
    "iam_extra",
];

/// Reads `control.yaml`; `documents` are `remediate.yaml` and `rollback.yaml`. What is missing or wrong goes into
/// `problems` and reads as empty, so that the rest is still looked at.
pub(crate) fn read(
    folder: &str,
    control: &Located,
    (remediate, rollback): (Located, Located),
    problems: &mut Vec<Problem>,
) -> Option<Definition> {
    let before = problems.len();
    let mut path = folder.rsplit('/');
    let slug = path.next().unwrap_or_default().to_owned();
    let service = path.next().unwrap_or_default().to_owned();
    let mut reader = Reader { file: format!("{folder}/control.yaml"), problems };
    reader.only(control, &KEYS);
    let id = reader.text(control, "id");
    if let Err(error) = ControlId::parse(id.clone()) {
        reader.wrong(line_of(control, "id"), error.to_string());
    }
    if id != slug {
        reader.wrong(line_of(control, "id"), format!("the id `{id}` is not the folder's name, `{slug}`"));
    }
    let detection = reader.child(control, "detection");
    reader.only(&detection, &["config_rules", "custom_rule", "security_hub", "api_calls"]);
    let resource_type = reader.text(control, "resource_type");
    let arn = arns::read(control.get("arn").and_then(Located::text), &resource_type);
    let arn = arn.unwrap_or_else(|wrong| {
        reader.wrong(line_of(control, "arn"), wrong);
        Arn::None
    });
    let runbook = reader.child(control, "runbook");
    reader.only(&runbook, &["parameters"]);
    let definition = Definition {
        folder: folder.to_owned(),
        service,
        id,
        title: reader.text(control, "title"),
        why: reader.text(control, "why"),
        pillar: reader.word(control, "pillar").unwrap_or(Pillar::Security),
        best_practices: reader.texts(control, "best_practices"),
        severity: reader.word(control, "severity").unwrap_or(Severity::Low),
        resource_type,
        arn,
        config_rules: reader.each(&detection, "config_rules", Reader::config_rule),
        custom_rule: detection.get("custom_rule").map(|map| reader.custom_rule(map)),
        security_hub: reader.texts(&detection, "security_hub"),
        api_calls: reader.each(&detection, "api_calls", Reader::api_call),
        parameters: reader.parameters(&runbook),
        safety: reader.word(control, "safety").unwrap_or(Mode::Off),
        disruption: reader.text(control, "disruption"),
        cost: reader.text(control, "cost"),
        reversibility: reader.word(control, "reversibility").unwrap_or(Reversibility::None),
        reversibility_note: reader.optional_text(control, "reversibility_note").unwrap_or_default(),
        by_hand: ByHand {
            instead: reader.each_if_any(control, "iam_instead", Reader::permission),
            extra: reader.each_if_any(control, "iam_extra", Reader::permission),
        },
        iam: Vec::new(),
        remediate,
        rollback,
    };
    (problems.len() == before).then_some(definition)
}

fn line_of(map: &Located, key: &str) -> u64 {
    map.get(key).map_or(map.line, |value| value.line)
}

struct Reader<'a> {
    file: String,
    problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    fn wrong(&mut self, line: u64, what: impl Into<String>) {
        self.problems.push(Problem { file: self.file.clone(), line, what: what.into() });
    }

    fn only(&mut self, map: &Located, keys: &[&str]) {
        if !matches!(map.node, Node::Map(_)) {
            self.wrong(map.line, "expected a map here");
        }
        for (key, value) in map.entries() {
            if !keys.contains(&key.as_str()) {
                self.wrong(value.line, format!("unknown key `{key}`; known are {}", keys.join(", ")));
            }
        }
    }

    fn child(&mut self, map: &Located, key: &str) -> Located {
        map.get(key).cloned().unwrap_or_else(|| {
            self.wrong(map.line, format!("`{key}` is missing"));
            Located { line: map.line, node: Node::Map(Vec::new()) }
        })
    }

    /// A text that must be there and say something.
    fn text(&mut self, map: &Located, key: &str) -> String {
        let text = self.optional_text(map, key);
        if text.as_deref().is_none_or(|text| text.trim().is_empty()) {
            self.wrong(line_of(map, key), format!("`{key}` is missing or empty"));
        }
        text.unwrap_or_default()
    }

    /// A text; folded to one line.
    fn optional_text(&mut self, map: &Located, key: &str) -> Option<String> {
        let value = map.get(key)?;
        if value.text().is_none() {
            self.wrong(value.line, format!("`{key}` has to be a text; put it in quotes"));
        }
        value.text().map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    fn texts(&mut self, map: &Located, key: &str) -> Vec<String> {
        let Some(value) = map.get(key) else {
            self.wrong(map.line, format!("`{key}` is missing; `[]` says there are none"));
            return Vec::new();
        };
        if !matches!(value.node, Node::List(_)) {
            self.wrong(value.line, format!("`{key}` has to be a list"));
        }
        let mut texts = Vec::new();
        for item in value.items() {
            match item.text() {
                Some(text) => texts.push(text.to_owned()),
                None => self.wrong(item.line, format!("`{key}` lists texts only; put it in quotes")),
            }
        }
        texts
    }

    /// A word of a closed vocabulary.
    fn word<T: DeserializeOwned>(&mut self, map: &Located, key: &str) -> Option<T> {
        let word = self.text(map, key);
        match T::deserialize(IntoDeserializer::<ValueError>::into_deserializer(word.as_str())) {
            Ok(value) => Some(value),
            Err(error) => {
                self.wrong(line_of(map, key), format!("`{key}`: {error}"));
                None
            }
        }
    }

    /// A list that may be left out.
    fn each_if_any<T>(&mut self, map: &Located, key: &str, read: fn(&mut Self, &Located) -> T) -> Vec<T> {
        if map.get(key).is_some() { self.each(map, key, read) } else { Vec::new() }
    }

    fn each<T>(&mut self, map: &Located, key: &str, read: fn(&mut Self, &Located) -> T) -> Vec<T> {
        let Some(value) = map.get(key) else {
            self.wrong(map.line, format!("`{key}` is missing; `[]` says there are none"));
            return Vec::new();
        };
        if !matches!(value.node, Node::List(_)) {
            self.wrong(value.line, format!("`{key}` has to be a list"));
        }
        value.items().iter().map(|item| read(self, item)).collect()
    }

    fn config_rule(&mut self, map: &Located) -> ConfigRule {
        self.only(map, &["identifier", "name", "deploy", "parameters", "trigger"]);
        let deploy = if let Some(Node::Bool(deploy)) = map.get("deploy").map(|value| &value.node) {
            *deploy
        } else {
            self.wrong(line_of(map, "deploy"), "`deploy` has to be true or false");
            false
        };
        ConfigRule {
            identifier: self.text(map, "identifier"),
            name: self.text(map, "name"),
            deploy,
            parameters: map.get("parameters").map(|value| self.constants(value)).unwrap_or_default(),
            trigger: self.word(map, "trigger").unwrap_or(Trigger::Periodic),
            line: map.line,
        }
    }

    fn custom_rule(&mut self, map: &Located) -> CustomRule {
        self.only(map, &["rule", "trigger", "parameters"]);
        CustomRule {
            rule: self.text(map, "rule"),
            trigger: self.word(map, "trigger").unwrap_or(CustomTrigger::Change),
            parameters: map.get("parameters").map(|value| self.constants(value)).unwrap_or_default(),
            line: map.line,
        }
    }

    /// A map to texts; numbers and booleans become the texts that AWS Config wants.
    fn constants(&mut self, map: &Located) -> Vec<(String, String)> {
        let mut constants = Vec::new();
        for (key, value) in map.entries() {
            match &value.node {
                Node::Text(text) => constants.push((key.clone(), text.clone())),
                Node::Integer(number) => constants.push((key.clone(), number.to_string())),
                Node::Bool(flag) => constants.push((key.clone(), flag.to_string())),
                _ => self.wrong(value.line, format!("`{key}` has to be a single value")),
            }
        }
        constants
    }

    fn api_call(&mut self, map: &Located) -> ApiCall {
        self.only(map, &["service", "name", "resource"]);
        let resource = map.get("resource").and_then(Located::text).map(str::to_owned);
        let resource = resource.unwrap_or_else(|| {
            self.wrong(
                line_of(map, "resource"),
                "`resource` has to be a JSON Pointer, or '' for the account",
            );
            String::new()
        });
        ApiCall { service: self.text(map, "service"), name: self.text(map, "name"), resource, line: map.line }
    }

    fn parameters(&mut self, runbook: &Located) -> Vec<(String, String, u64)> {
        let map = self.child(runbook, "parameters");
        let lines: Vec<u64> = map.entries().iter().map(|(_, value)| value.line).collect();
        self.constants(&map).into_iter().zip(lines).map(|((name, value), line)| (name, value, line)).collect()
    }

    fn permission(&mut self, map: &Located) -> Permission {
        self.only(map, &["action", "resource", "conditions", "reason"]);
        let resources = match map.get("resource").map(|value| &value.node) {
            Some(Node::Text(one)) => vec![one.clone()],
            Some(Node::List(_)) => self.texts(map, "resource"),
            _ => {
                self.wrong(line_of(map, "resource"), "`resource` has to be an ARN or a list of ARNs");
                Vec::new()
            }
        };
        if let Some(conditions) = map.get("conditions")
            && !matches!(conditions.node, Node::Map(_))
        {
            self.wrong(conditions.line, "`conditions` has to be an IAM condition block");
        }
        Permission {
            action: self.text(map, "action"),
            resources,
            conditions: map.get("conditions").cloned(),
            reason: self.optional_text(map, "reason"),
            line: map.line,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_wrong_is_listed_at_once_with_its_line() {
        let control = Located::parse(
            "id: other-name\nseverity: dreadful\ncolour: red\ndetection:\n  config_rules:\n    - {identifier: X}\n\
             iam_extra:\n  - {action: 's3:GetObject', resource: 1}\n",
        )
        .unwrap();
        let nothing = Located { line: 1, node: Node::Null };
        let mut problems = Vec::new();
        let read = read("controls/s3/a-name", &control, (nothing.clone(), nothing), &mut problems);
        assert!(read.is_none());
        for (line, what) in [
            (1, "the id `other-name` is not the folder's name"),
            (1, "`title` is missing"),
            (1, "`runbook` is missing"),
            (2, "unknown variant `dreadful`"),
            (3, "unknown key `colour`"),
            (6, "`deploy` has to be true or false"),
            (6, "`name` is missing or empty"),
            (8, "`resource` has to be an ARN"),
        ] {
            assert!(
                problems.iter().any(|problem| problem.line == line && problem.what.contains(what)),
                "{line}: {what}: {problems:#?}"
            );
        }
        assert!(problems.iter().all(|problem| problem.file == "controls/s3/a-name/control.yaml"));
    }
}
