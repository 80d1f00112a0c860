//! What the linter can find: a closed list of codes, each with its severity and meaning.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::document::Place;

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What kind it is.
    pub code: Code,
    /// Where.
    pub place: Place,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// AWS refuses the document, or the step fails whenever it runs.
    Error,
    /// It may work, but hardly as meant.
    Warning,
}

macro_rules! codes {
    ($($code:ident $severity:ident $word:literal $meaning:literal)*) => {
        /// The kinds of findings.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code {
            $(#[doc = $meaning] $code,)*
        }

        impl Code {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$code),*];

            /// Its stable name.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$code => $word),* }
            }

            /// How bad it is.
            pub fn severity(self) -> Severity {
                match self { $(Self::$code => Severity::$severity),* }
            }

            /// What it means.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$code => $meaning),* }
            }
        }
    };
}

codes! {
    Unreadable          Error   "unreadable"            "it is neither YAML nor JSON"
    TooLarge            Error   "too-large"             "it has more than the 64 KiB that AWS takes"
    WrongVersion        Error   "wrong-version"         "its schemaVersion is not '0.3'"
    UnknownKey          Error   "unknown-key"           "a key that the schema doesn't have"
    MissingKey          Error   "missing-key"           "a key that the schema demands is not there"
    WrongType           Error   "wrong-type"            "a list where text belongs, and the like"
    WrongValue          Error   "wrong-value"           "a value outside what the schema allows"
    DuplicateName       Error   "duplicate-name"        "two steps or outputs with one name"
    Refused             Error   "refused"               "Plumb's engine, which reads as AWS does, can't read it"
    UnknownAction       Error   "unknown-action"        "an action that doesn't exist"
    MissingInput        Error   "missing-input"         "an input that the action demands is not there"
    UnknownStep         Error   "unknown-step"          "a step that doesn't exist is led to or asked for an output"
    UnknownParameter    Error   "unknown-parameter"     "a reference to a parameter that doesn't exist"
    UnknownVariable     Error   "unknown-variable"      "a reference to a variable that doesn't exist"
    UnknownOutput       Error   "unknown-output"        "a reference to an output that its step doesn't have"
    UnknownSystemValue  Error   "unknown-system-value"  "a global: or automation: value that doesn't exist"
    MisplacedReference  Error   "misplaced-reference"   "a reference where AWS replaces none"
    InvalidCondition    Error   "invalid-condition"     "a choice whose operator or form is wrong"
    InvalidPattern      Error   "invalid-pattern"       "an allowedPattern that doesn't compile"
    InvalidSelector     Error   "invalid-selector"      "a selector that is no path"
    EndlessLoop         Error   "endless-loop"          "steps that repeat without a way out"
    UnknownRuntime      Error   "unknown-runtime"       "a script runtime that doesn't exist"
    UnknownService      Error   "unknown-service"       "a service that boto3 doesn't have"
    UnknownApi          Error   "unknown-api"           "an API that its service doesn't have"
    UnknownApiParameter Error   "unknown-api-parameter" "a parameter that the API doesn't have"
    MissingApiParameter Error   "missing-api-parameter" "a parameter that the API demands is not there"
    WrongApiType        Error   "wrong-api-type"        "a map where the API wants text, and the like"
    LooseApiType        Warning "loose-api-type"        "a value that must be converted to what the API wants"
    UnlistedApiValue    Warning "unlisted-api-value"    "a word that is not among the API's"
    UnknownApiOutput    Warning "unknown-api-output"    "a selector for what the API's answer doesn't have"
    UnknownScriptApi    Warning "unknown-script-api"    "a script calls a service or method that boto3 doesn't have"
    UnknownInput        Warning "unknown-input"         "an input that the action doesn't have"
    UndocumentedAction  Warning "undocumented-action"   "an action that only AWS's own documents can use"
    UnreachableStep     Warning "unreachable-step"      "no way leads to the step"
    NotYetRun           Warning "not-yet-run"           "an output of a step that runs later or never"
    UnusedParameter     Warning "unused-parameter"      "nothing refers to the parameter"
    UnusedVariable      Warning "unused-variable"       "nothing reads the variable"
    UnavailableOutput   Warning "unavailable-output"    "the document lists an output that its step doesn't have"
    MissingAssumeRole   Warning "missing-assume-role"   "it runs with the rights of whoever starts it"
    DeprecatedRuntime   Warning "deprecated-runtime"    "a script runtime that AWS has retired"
    UnlistedRuntime     Warning "unlisted-runtime"      "a version of a script runtime that AWS doesn't document"
    ReferenceInScript   Warning "reference-in-script"   "a reference in a script's text"
    MissingHandler      Warning "missing-handler"       "the script doesn't define its handler"
    TimeoutTooLong      Warning "timeout-too-long"      "a timeout beyond the action's limit"
    UnfitDefault        Warning "unfit-default"         "a default that the parameter itself doesn't allow"
    UnfitOnCancel       Warning "unfit-on-cancel"       "onCancel leads to an action that can't run then"
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The findings of one document, as they come.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    pub(super) fn add(
        &mut self,
        code: Code,
        place: Place,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.0.push(Finding { code, place, message: message.into(), help: help.into() });
    }

    pub(super) fn has_errors(&self) -> bool {
        self.0.iter().any(|finding| finding.code.severity() == Severity::Error)
    }

    /// In the order of the text, each once.
    pub(super) fn sorted(mut self) -> Vec<Finding> {
        self.0.sort_by(|a, b| {
            let key = |finding: &Finding| (finding.place.line, finding.place.column, finding.code);
            key(a).cmp(&key(b)).then_with(|| a.message.cmp(&b.message))
        });
        self.0.dedup();
        self.0
    }
}

/// The one of some names that was probably meant.
pub(super) fn meant<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let squeezed = |text: &str| -> String {
        text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
    };
    let wanted = squeezed(name);
    if wanted.len() > 100 {
        return None;
    }
    names
        .into_iter()
        // Guessing is not worth more.
        .take(2_000)
        .filter(|candidate| candidate.len() <= 100)
        .map(|candidate| (distance(&wanted, &squeezed(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= 2.min(candidate.len() / 3))
        .min()
        .map(|(_, candidate)| candidate)
}

/// " (did you mean `x`?)", or nothing.
pub(crate) fn hint<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    meant(name, names).map(|meant| format!(" (did you mean `{meant}`?)")).unwrap_or_default()
}

/// How many letters must be added, removed or changed.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.chars().enumerate() {
        let mut diagonal = index;
        let mut left = index + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, there) in row.iter_mut().skip(1).zip(&other) {
            let value = (diagonal + usize::from(letter != *there)).min(left + 1).min(*cell + 1);
            diagonal = *cell;
            *cell = value;
            left = value;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_stable_words_and_each_is_explained() {
        let mut words: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert!(words.iter().all(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '-')));
        assert!(Code::ALL.iter().all(|code| !code.meaning().is_empty()));
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Code::ALL.len());
    }

    #[test]
    fn a_misspelt_name_is_recognised() {
        let names = ["BucketName", "Region", "Id"];
        assert_eq!(meant("BucketNme", names), Some("BucketName"));
        assert_eq!(meant("bucket_name", names), Some("BucketName"));
        assert_eq!(meant("Queue", names), None);
        assert_eq!(meant("Ix", names), None);
    }
}
