//! Examples of what a rule makes of what: the files `cases/<rule>.yaml`, read from their JSON form.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::{Case, Facts, Item, Parameters, Rule, Unjudged, Verdict, timestamp};

/// When the examples are judged, unless they say otherwise.
const NOW: &str = "2026-11-20T12:00:00Z";

/// An item, what is known beside it, and the verdict that it has to get.
#[derive(Debug)]
pub struct Example {
    /// What it shows, as a sentence.
    pub name: String,
    /// The item.
    pub item: Item,
    /// The rule's parameters.
    pub parameters: Map<String, Value>,
    /// What was read.
    pub facts: Facts,
    /// The time of the judgement.
    pub now: Timestamp,
    /// `COMPLIANT`, `NON_COMPLIANT`, `NOT_APPLICABLE`, or `not judged`.
    pub expect: String,
    /// A part of the annotation, or of the reason why it is not judged.
    pub says: Option<String>,
}

const MEMBERS: [&str; 7] = ["name", "item", "parameters", "facts", "now", "expect", "says"];

impl Example {
    /// Reads an example. The item may leave out its type and id; `kind` fills in.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(value: &Value, kind: &str) -> Result<Self, String> {
        let members = value.as_object().ok_or("an example has to be a map")?;
        if let Some(unknown) = members.keys().find(|key| !MEMBERS.contains(&key.as_str())) {
            return Err(format!("unknown key `{unknown}`; known are {}", MEMBERS.join(", ")));
        }
        let text = |name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned);
        let name = text("name").ok_or("`name` is missing: what does it show?")?;
        let mut item = members.get("item").cloned().ok_or_else(|| format!("`{name}` has no `item`"))?;
        if let Some(item) = item.as_object_mut() {
            item.entry("resourceType").or_insert_with(|| json!(kind));
            item.entry("resourceId").or_insert_with(|| json!("example"));
        }
        let facts = members.get("facts").and_then(Value::as_object).cloned().unwrap_or_default();
        Ok(Self {
            item: Item::read(&item).map_err(|error| format!("`{name}`: {error}"))?,
            parameters: members.get("parameters").and_then(Value::as_object).cloned().unwrap_or_default(),
            facts: Facts(
                facts
                    .into_iter()
                    .map(|(name, records)| {
                        (name, std::sync::Arc::new(records.as_array().cloned().unwrap_or_default()))
                    })
                    .collect(),
            ),
            now: members
                .get("now")
                .map_or_else(|| timestamp(&json!(NOW)), timestamp)
                .ok_or_else(|| format!("`{name}`: `now` is not a time such as {NOW}"))?,
            expect: text("expect").ok_or_else(|| format!("`{name}` has no `expect`"))?,
            says: text("says"),
            name,
        })
    }

    /// What the rule makes of it.
    ///
    /// # Errors
    /// Why it can't be judged.
    pub fn verdict(&self, rule: &Rule) -> Result<Verdict, Unjudged> {
        let parameters = Parameters::read(rule.parameters, &self.parameters)?;
        let case = Case { item: &self.item, parameters: &parameters, facts: &self.facts, now: self.now };
        if let Some((name, _)) = (rule.needs)(&case).iter().find(|(name, _)| !self.facts.has(name)) {
            return Err(Unjudged(format!("the example lacks the fact `{name}`, which the rule needs")));
        }
        (rule.judge)(&case)
    }

    /// Whether the rule makes of it what it should.
    ///
    /// # Errors
    /// What it made of it instead.
    pub fn check(&self, rule: &Rule) -> Result<(), String> {
        self.compare(&self.verdict(rule))
    }

    /// Whether a verdict is what it should be.
    ///
    /// # Errors
    /// What it is instead.
    pub fn compare(&self, verdict: &Result<Verdict, Unjudged>) -> Result<(), String> {
        let (word, reason) = match verdict {
            Ok(verdict) => (
                verdict.compliance().to_owned(),
                verdict.annotation().map(ToString::to_string).unwrap_or_default(),
            ),
            Err(Unjudged(why)) => ("not judged".to_owned(), why.clone()),
        };
        if word != self.expect {
            return Err(format!("`{}` is {word} ({reason}), not {}", self.name, self.expect));
        }
        match &self.says {
            Some(part) if !reason.contains(part.as_str()) => {
                Err(format!("`{}` says `{reason}`, which lacks `{part}`", self.name))
            }
            _ => Ok(()),
        }
    }
}
