//! A rule's parameters: AWS Config hands them over as texts; here they have types, bounds and defaults.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::Unjudged;

/// Something that can be set in an AWS Config rule's `InputParameters`.
#[derive(Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// Its value if it is not set, as it would be written.
    pub default: &'static str,
    /// What it does.
    pub docs: &'static str,
}

/// What a parameter may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A whole number from 0 to this; days where the name says so.
    Count(u32),
    /// `true` or `false`.
    Flag,
    /// Texts, separated by commas; none is an empty text.
    Texts,
}

impl Parameter {
    fn wrong(&self, text: &str) -> Option<String> {
        let wanted = match self.kind {
            Kind::Count(most) if count(text).is_none_or(|count| count > most) => {
                format!("a whole number from 0 to {most}")
            }
            Kind::Flag if !matches!(text, "true" | "false") => "`true` or `false`".to_owned(),
            _ => return None,
        };
        let text: String = text.chars().take(40).collect();
        Some(format!("parameter `{}` is `{text}`, not {wanted}", self.name))
    }
}

fn count(text: &str) -> Option<u32> {
    text.trim().parse().ok()
}

/// What was set, checked against what the rule knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters {
    set: BTreeMap<&'static str, String>,
}

impl Parameters {
    /// Checks what AWS Config hands over. The parameter `rule` says which rule it is, and is passed over. What is left empty counts as not set.
    ///
    /// # Errors
    /// Everything that is wrong, in one line.
    pub fn read(known: &[&'static Parameter], given: &Map<String, Value>) -> Result<Self, Unjudged> {
        let (mut set, mut wrong) = (BTreeMap::new(), Vec::new());
        // In one order, however the JSON keeps its members.
        let given: BTreeMap<_, _> = given.iter().filter(|(name, _)| *name != "rule").collect();
        for (name, value) in given {
            let Some(parameter) = known.iter().find(|parameter| parameter.name == name) else {
                let names: Vec<_> = known.iter().map(|parameter| parameter.name).collect();
                let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                wrong.push(format!("parameter `{name}` is not known; known: {names}"));
                continue;
            };
            let text = match value {
                Value::String(text) => text.trim().to_owned(),
                other => other.to_string(),
            };
            if text.is_empty() {
                continue;
            }
            match parameter.wrong(&text) {
                Some(why) => wrong.push(why),
                None => drop(set.insert(parameter.name, text)),
            }
        }
        if wrong.is_empty() { Ok(Self { set }) } else { Err(Unjudged(wrong.join("; "))) }
    }

    /// A [`Kind::Count`].
    pub fn count(&self, parameter: &Parameter) -> u32 {
        count(self.text(parameter)).or_else(|| count(parameter.default)).unwrap_or_default()
    }

    /// A [`Kind::Flag`].
    pub fn flag(&self, parameter: &Parameter) -> bool {
        self.text(parameter) == "true"
    }

    /// A [`Kind::Texts`].
    pub fn texts<'a>(&'a self, parameter: &'a Parameter) -> Vec<&'a str> {
        self.text(parameter).split(',').map(str::trim).filter(|text| !text.is_empty()).collect()
    }

    fn text<'a>(&'a self, parameter: &'a Parameter) -> &'a str {
        self.set.get(parameter.name).map_or(parameter.default, String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const DAYS: Parameter = Parameter { name: "days", kind: Kind::Count(3650), default: "30", docs: "" };
    const STRICT: Parameter = Parameter { name: "strict", kind: Kind::Flag, default: "false", docs: "" };
    const OWNERS: Parameter = Parameter { name: "owners", kind: Kind::Texts, default: "", docs: "" };

    fn read(given: &Value) -> Result<Parameters, Unjudged> {
        Parameters::read(&[&DAYS, &STRICT, &OWNERS], given.as_object().unwrap())
    }

    #[test]
    fn what_is_not_set_has_its_default() {
        let parameters = read(&json!({"rule": "volume-gp2", "days": ""})).unwrap();
        assert_eq!((parameters.count(&DAYS), parameters.flag(&STRICT)), (30, false));
        assert!(parameters.texts(&OWNERS).is_empty());
    }

    #[test]
    fn texts_and_json_values_are_read_alike() {
        for given in [json!({"days": "7", "strict": "true"}), json!({"days": 7, "strict": true})] {
            let parameters = read(&given).unwrap();
            assert_eq!((parameters.count(&DAYS), parameters.flag(&STRICT)), (7, true));
        }
        assert_eq!(read(&json!({"owners": "self, amazon,"})).unwrap().texts(&OWNERS), ["self", "amazon"]);
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        let Unjudged(why) = read(&json!({"days": "soon", "strict": "1", "dayz": "3"})).unwrap_err();
        assert_eq!(
            why,
            "parameter `days` is `soon`, not a whole number from 0 to 3650; parameter `dayz` is not known; known: days, \
             strict, owners; parameter `strict` is `1`, not `true` or `false`"
        );
    }
}
