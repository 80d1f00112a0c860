//! What a rule makes of a resource.

use std::fmt;

/// AWS Config's limit for an annotation, in characters
/// ([Evaluation](https://docs.aws.amazon.com/config/latest/APIReference/API_Evaluation.html)).
const LONGEST: usize = 256;

/// A verdict, with its reason for whoever reads it in AWS Config's console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Compliant,
    /// The problem is there, and this is what was seen.
    NonCompliant(Annotation),
    /// The rule has nothing to say about this resource, and why.
    NotApplicable(Annotation),
}

impl Verdict {
    /// The problem is there.
    pub fn non_compliant(why: impl Into<String>) -> Self {
        Self::NonCompliant(Annotation::new(why))
    }

    /// The rule has nothing to say.
    pub fn not_applicable(why: impl Into<String>) -> Self {
        Self::NotApplicable(Annotation::new(why))
    }

    /// AWS Config's word.
    pub fn compliance(&self) -> &'static str {
        match self {
            Self::Compliant => "COMPLIANT",
            Self::NonCompliant(_) => "NON_COMPLIANT",
            Self::NotApplicable(_) => "NOT_APPLICABLE",
        }
    }

    /// The reason, if there is one.
    pub fn annotation(&self) -> Option<&Annotation> {
        match self {
            Self::Compliant => None,
            Self::NonCompliant(why) | Self::NotApplicable(why) => Some(why),
        }
    }
}

/// A text of 1 to 256 characters, which is what AWS Config takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation(String);

impl Annotation {
    /// The text, cut where AWS Config would refuse it; line breaks and other control characters become spaces.
    pub fn new(text: impl Into<String>) -> Self {
        let text: String = text.into().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let text = text.trim();
        if text.is_empty() {
            return Self("no reason given".to_owned());
        }
        if text.chars().count() <= LONGEST {
            return Self(text.to_owned());
        }
        let mut cut: String = text.chars().take(LONGEST - 1).collect();
        cut.push('…');
        Self(cut)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Annotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a resource could not be judged. It is neither compliant nor not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unjudged(pub String);

impl fmt::Display for Unjudged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unjudged {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_annotation_is_never_longer_than_aws_config_takes() {
        for text in ["é".repeat(300), "a\nb".to_owned(), String::new(), " ".to_owned(), "x".repeat(256)] {
            let annotation = Annotation::new(text);
            let length = annotation.as_str().chars().count();
            assert!((1..=LONGEST).contains(&length), "{length}");
            assert!(!annotation.as_str().contains('\n'));
        }
        assert!(Annotation::new("é".repeat(300)).as_str().ends_with('…'));
        assert_eq!(Annotation::new("x".repeat(256)).as_str().len(), 256);
    }
}
