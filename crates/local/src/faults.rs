//! Faults on purpose: what AWS does on a bad day, at the very call where a test wants it.
//!
//! A [`Fault`] picks calls by who makes them, what they call and what they are about, and strikes some of those: with an
//! error, a delay, an answer that is cut short, or the death of the function that made the call. Each `before` the call
//! has an effect, or `after`: the two sides of every `await`. Nothing strikes until it is asked for, with
//! `PUT /_plumb/faults`; what was struck is in the call log, and counted in `GET /_plumb/faults`.

mod answer;
mod victim;

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub(crate) use answer::{cut_short, refused};
pub(crate) use victim::kill_function;

/// Which calls go wrong, how, and how often.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Who makes the call: `function/NAME`, `execution/ID/STEP`, `user/NAME`, `local` or `outside`, with `*` as a
    /// wildcard.
    #[serde(default = "functions")]
    pub by: String,
    /// What is called, such as `dynamodb:PutItem`, with `*` as a wildcard.
    #[serde(default = "everything")]
    pub call: String,
    /// A text that the request's body or path contains, such as a resource's id; empty for any.
    #[serde(default)]
    pub about: String,
    /// How many of these calls are let through first.
    #[serde(default)]
    pub skip: u64,
    /// How many of these calls are struck at most; none for all.
    #[serde(default)]
    pub times: Option<u64>,
    /// The share of these calls that is struck, from 0 to 1. Which ones follows from `seed`.
    #[serde(default = "all")]
    pub share: f64,
    /// Where the row of shares begins.
    #[serde(default)]
    pub seed: u64,
    /// What goes wrong.
    pub then: Harm,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Harm {
    /// It is refused, and has no effect.
    Error {
        /// AWS's error code.
        code: String,
        /// The HTTP status.
        #[serde(default = "bad_request")]
        status: u16,
        /// Members of the error's body beside code and message.
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        members: Map<String, Value>,
    },
    /// It takes long: before it has an effect, or before its answer arrives.
    Delay {
        /// For how long, in milliseconds.
        milliseconds: u64,
        /// Before or after the effect.
        when: When,
    },
    /// It has its effect, and the answer's body never arrives whole.
    CutShort,
    /// The function that makes it is killed: before it has an effect, or after.
    Kill(When),
}

/// On which side of the call's effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// It has no effect yet.
    Before,
    /// It had its effect; its answer has not arrived.
    After,
}

impl Harm {
    /// A stable word for the call log.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Error { .. } => "error",
            Self::Delay { when: When::Before, .. } => "delay-before",
            Self::Delay { when: When::After, .. } => "delay-after",
            Self::CutShort => "cut-short",
            Self::Kill(When::Before) => "kill-before",
            Self::Kill(When::After) => "kill-after",
        }
    }
}

fn functions() -> String {
    "function/*".to_owned()
}

fn everything() -> String {
    "*".to_owned()
}

fn all() -> f64 {
    1.0
}

fn bad_request() -> u16 {
    400
}

/// A fault, and what has come of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Counted {
    /// The fault.
    #[serde(flatten)]
    pub fault: Fault,
    /// How many calls it picked.
    pub seen: u64,
    /// How many of them it struck.
    pub struck: u64,
}

/// The faults that are asked for. Cheap to clone: all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<Vec<Counted>>>);

/// What is asked of [`Faults::strikes`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) by: &'a str,
    pub(crate) call: &'a str,
    pub(crate) path: &'a str,
    pub(crate) body: &'a [u8],
}

impl Faults {
    /// Asks for these, instead of those before.
    pub fn set(&self, faults: Vec<Fault>) {
        *self.lock() = faults.into_iter().map(|fault| Counted { fault, seen: 0, struck: 0 }).collect();
    }

    /// What is asked for, and what has come of it.
    pub fn counted(&self) -> Vec<Counted> {
        self.lock().clone()
    }

    /// What strikes this call: the first fault that picks it and whose turn it is.
    pub(crate) fn strikes(&self, asked: Asked<'_>) -> Option<Harm> {
        let mut faults = self.lock();
        let mut harm = None;
        for counted in faults.iter_mut().filter(|counted| picks(&counted.fault, asked)) {
            let turn = counted.seen;
            counted.seen += 1;
            let fault = &counted.fault;
            let due = harm.is_none()
                && turn >= fault.skip
                && fault.times.is_none_or(|times| counted.struck < times)
                && lot(fault.seed, turn) < fault.share;
            if due {
                counted.struck += 1;
                harm = Some(counted.fault.then.clone());
            }
        }
        harm
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Counted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn picks(fault: &Fault, asked: Asked<'_>) -> bool {
    like(&fault.by, asked.by)
        && like(&fault.call, asked.call)
        && (fault.about.is_empty()
            || asked.path.contains(&fault.about)
            || contains(asked.body, fault.about.as_bytes()))
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// Whether a text is like a pattern in which `*` stands for any run of characters.
fn like(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    true
}

/// A number from 0 to 1 that follows from both: the same row every time (`SplitMix64`).
fn lot(seed: u64, turn: u64) -> f64 {
    let mut x = seed.wrapping_add(turn.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    // The upper 32 bits: exact in a double.
    f64::from(u32::try_from((x ^ (x >> 31)) >> 32).unwrap_or(u32::MAX)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn faults(fault: Value) -> Faults {
        let faults = Faults::default();
        faults.set(vec![serde_json::from_value(fault).unwrap()]);
        faults
    }

    fn asked<'a>(by: &'a str, call: &'a str, body: &'a str) -> Asked<'a> {
        Asked { by, call, path: "/", body: body.as_bytes() }
    }

    #[test]
    fn a_pattern_is_like_a_text_with_anything_where_its_stars_are() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("function/*", "function/plumb-remediate", true),
            ("function/*", "execution/1/Fix", false),
            ("function/*Remediate*", "function/plumb-RemediateFunction-X", true),
            ("dynamodb:*Item", "dynamodb:PutItem", true),
            ("dynamodb:*Item", "dynamodb:Query", false),
            ("ssm:GetParameter", "ssm:GetParameters", false),
            ("a*b*c", "a-b-b-c", true),
        ] {
            assert_eq!(like(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_fault_lets_the_first_through_and_strikes_as_often_as_it_was_told() {
        let faults = faults(json!({"call": "ssm:*", "skip": 1, "times": 2, "then": {"kill": "after"}}));
        let struck: Vec<bool> = (0..5)
            .map(|_| faults.strikes(asked("function/f", "ssm:StartAutomationExecution", "")).is_some())
            .collect();
        assert_eq!(struck, [false, true, true, false, false]);
        assert_eq!(faults.strikes(asked("outside", "ssm:GetParameter", "")), None, "not a function's");
        assert_eq!((faults.counted()[0].seen, faults.counted()[0].struck), (5, 2));
    }

    #[test]
    fn a_fault_is_about_what_the_body_names() {
        let faults = faults(json!({"about": "table-7\"", "then": "cut-short"}));
        assert_eq!(faults.strikes(asked("function/f", "x:Y", "{\"id\":\"table-70\"}")), None);
        assert_eq!(faults.strikes(asked("function/f", "x:Y", "{\"id\":\"table-7\"}")), Some(Harm::CutShort));
    }

    #[test]
    fn a_share_is_struck_and_the_same_calls_every_time() {
        let run = |seed: u64| -> Vec<bool> {
            let faults = faults(
                json!({"share": 0.2, "seed": seed, "then": {"error": {"code": "ThrottlingException"}}}),
            );
            (0..1000).map(|_| faults.strikes(asked("function/f", "x:Y", "")).is_some()).collect()
        };
        let struck = run(1).iter().filter(|struck| **struck).count();
        assert!((150..250).contains(&struck), "{struck} of 1000");
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }

    #[test]
    fn what_is_no_fault_is_refused() {
        for wrong in [json!({}), json!({"then": "explode"}), json!({"then": "cut-short", "tims": 3})] {
            assert!(serde_json::from_value::<Fault>(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
