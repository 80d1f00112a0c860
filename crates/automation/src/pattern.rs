//! Java regular expressions, as `allowedPattern` has them, on a Rust engine.

use fancy_regex::{Regex, RegexBuilder};

use crate::choices;

/// A compiled pattern.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

/// A pattern that can't be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Too long.
    #[error("has {bytes} bytes; the most is {most}", bytes = .0, most = choices::MAX_PATTERN_BYTES)]
    TooLong(usize),
    /// Not a regular expression.
    #[error("is not a regular expression: {0}")]
    Syntax(String),
}

impl Pattern {
    /// Compiles a Java pattern.
    ///
    /// # Errors
    /// If it is too long, not a regular expression, or would take too much memory.
    pub fn new(java: &str) -> Result<Self, PatternError> {
        if java.len() > choices::MAX_PATTERN_BYTES {
            return Err(PatternError::TooLong(java.len()));
        }
        let mut rust = translate(java);
        if choices::PATTERN_IS_WHOLE {
            rust = format!(r"\A(?:{rust})\z");
        }
        RegexBuilder::new(&rust)
            .backtrack_limit(choices::MAX_BACKTRACKS)
            .delegate_size_limit(1 << 20)
            .delegate_dfa_size_limit(1 << 20)
            .max_prog_size(1 << 14)
            .build()
            .map(Self)
            .map_err(|error| PatternError::Syntax(error.to_string()))
    }

    /// Whether the text matches; a match that takes too long doesn't.
    pub fn matches(&self, text: &str) -> bool {
        self.0.is_match(text).unwrap_or(false)
    }
}

/// The same pattern in the engine's dialect.
fn translate(java: &str) -> String {
    java.to_owned()
}
