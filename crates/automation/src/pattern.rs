//! Java regular expressions, as `allowedPattern` has them, on a Rust engine.

use std::fmt::Write;

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

/// The same pattern in the engine's dialect: Java's `\w \d \s \b` are ASCII, its `\h \Q…\E \uXXXX \cX \0n` are spelt
/// otherwise, a `-` after a class escape is literal, and only Rust gives `--`, `~~` and `[:` in a class a meaning.
fn translate(java: &str) -> String {
    Translation { rest: java.chars().collect(), at: 0, out: String::with_capacity(java.len() * 2), depth: 0 }
        .run()
}

const WORD: &str = "0-9A-Za-z_";
const DIGIT: &str = "0-9";
const SPACE: &str = r"\x20\t\n\x0B\x0C\r";
const BLANK: &str = r"\x20\t\xA0\u{1680}\u{180E}\u{2000}-\u{200A}\u{202F}\u{205F}\u{3000}";

struct Translation {
    rest: Vec<char>,
    at: usize,
    out: String,
    /// How many character classes are open.
    depth: usize,
}

impl Translation {
    fn run(mut self) -> String {
        while let Some(letter) = self.take() {
            match letter {
                '\\' => self.escape(),
                '[' => {
                    self.depth += 1;
                    self.out.push('[');
                    if self.peek() == Some('^') {
                        self.take();
                        self.out.push('^');
                    }
                    // A `-` that comes first is literal, or the start of a range.
                    if self.peek() == Some('-') {
                        self.take();
                        self.out.push_str("\\-");
                    }
                    if self.depth > 1 && self.peek() == Some(':') {
                        self.take();
                        self.out.push_str("\\:");
                    }
                }
                ']' if self.depth > 0 => {
                    self.depth -= 1;
                    self.out.push(']');
                }
                // A range that ends with `-`; Rust would subtract.
                '-' if self.depth > 0 && self.peek() == Some('-') => {
                    self.take();
                    self.out.push_str("-\\-");
                }
                '~' if self.depth > 0 && self.peek() == Some('~') => self.out.push_str("\\~"),
                other => self.out.push(other),
            }
        }
        self.out
    }

    fn peek(&self) -> Option<char> {
        self.rest.get(self.at).copied()
    }

    fn take(&mut self) -> Option<char> {
        let letter = self.peek()?;
        self.at += 1;
        Some(letter)
    }

    fn escape(&mut self) {
        let Some(letter) = self.take() else {
            self.out.push('\\');
            return;
        };
        match letter {
            'w' => self.class(WORD, false),
            'W' => self.class(WORD, true),
            'd' => self.class(DIGIT, false),
            'D' => self.class(DIGIT, true),
            's' => self.class(SPACE, false),
            'S' => self.class(SPACE, true),
            'h' => self.class(BLANK, false),
            'H' => self.class(BLANK, true),
            'p' | 'P' => self.property(letter == 'P'),
            'b' if self.depth == 0 => {
                self.out.push_str("(?:(?<=[0-9A-Za-z_])(?![0-9A-Za-z_])|(?<![0-9A-Za-z_])(?=[0-9A-Za-z_]))");
            }
            'B' if self.depth == 0 => {
                self.out.push_str("(?:(?<=[0-9A-Za-z_])(?=[0-9A-Za-z_])|(?<![0-9A-Za-z_])(?![0-9A-Za-z_]))");
            }
            'R' if self.depth == 0 => self.out.push_str(r"(?:\r\n|[\n\x0B\x0C\r\u{85}\u{2028}\u{2029}])"),
            'u' => self.code(4),
            'x' if self.peek() != Some('{') => self.code(2),
            '0' => self.octal(),
            'e' => self.literal('\u{1B}'),
            'c' => {
                if let Some(control) = self.take() {
                    self.literal(char::from_u32(u32::from(control) ^ 64).unwrap_or(control));
                }
            }
            'Q' => self.quoted(),
            letter if letter.is_ascii_alphanumeric() => {
                self.out.push('\\');
                self.out.push(letter);
            }
            other => self.literal(other),
        }
    }

    /// A predefined class, in a class of its own unless it already is in one.
    fn class(&mut self, members: &str, negated: bool) {
        if self.depth > 0 && !negated {
            self.out.push_str(members);
        } else {
            self.out.push_str(if negated { "[^" } else { "[" });
            self.out.push_str(members);
            self.out.push(']');
        }
        // `[\w-.]`: no range can start at a class, so Java takes the `-` as it is.
        if self.depth > 0 && self.peek() == Some('-') {
            self.take();
            self.out.push_str("\\-");
        }
    }

    /// `\p{…}`: Java's POSIX names are ASCII; the others mean the same.
    fn property(&mut self, negated: bool) {
        let name: String = if self.peek() == Some('{') {
            self.take();
            let name: String = self.rest.iter().skip(self.at).take_while(|c| **c != '}').collect();
            self.at += name.chars().count() + 1;
            name
        } else {
            self.take().map(String::from).unwrap_or_default()
        };
        let posix = match name.as_str() {
            "Lower" => "a-z",
            "Upper" => "A-Z",
            "ASCII" => r"\x00-\x7F",
            "Alpha" => "A-Za-z",
            "Digit" => "0-9",
            "Alnum" => "0-9A-Za-z",
            "Punct" => r"!-/:-@\[-`{-~",
            "Graph" => "!-~",
            "Print" => r"\x20-\x7E",
            "Blank" => r"\x20\t",
            "Cntrl" => r"\x00-\x1F\x7F",
            "XDigit" => "0-9A-Fa-f",
            "Space" => SPACE,
            _ => {
                let name = name.strip_prefix("Is").unwrap_or(&name);
                self.out.push_str(if negated { r"\P{" } else { r"\p{" });
                self.out.push_str(name);
                self.out.push('}');
                return;
            }
        };
        self.class(posix, negated);
    }

    /// `\uXXXX` or `\xXX`.
    fn code(&mut self, digits: usize) {
        let text: String = self.rest.iter().skip(self.at).take(digits).collect();
        match u32::from_str_radix(&text, 16).ok().and_then(char::from_u32) {
            Some(letter) if text.chars().count() == digits => {
                self.at += digits;
                self.literal(letter);
            }
            // Half of a surrogate pair, or no number: leave it for the compiler to refuse.
            _ => self.out.push_str("\\u"),
        }
    }

    fn octal(&mut self) {
        let digits: String =
            self.rest.iter().skip(self.at).take(3).take_while(|c| ('0'..='7').contains(*c)).collect();
        self.at += digits.len();
        match u32::from_str_radix(&digits, 8).ok().and_then(char::from_u32) {
            Some(letter) => self.literal(letter),
            None => self.out.push_str("\\0"),
        }
    }

    /// `\Q…\E`.
    fn quoted(&mut self) {
        while let Some(letter) = self.take() {
            if letter == '\\' && self.peek() == Some('E') {
                self.take();
                return;
            }
            self.literal(letter);
        }
    }

    /// A letter that means itself.
    fn literal(&mut self, letter: char) {
        if letter.is_ascii_alphanumeric() || !letter.is_ascii() || letter == '_' {
            self.out.push(letter);
        } else if letter.is_ascii_punctuation() {
            self.out.push('\\');
            self.out.push(letter);
        } else {
            let _ = write!(self.out, "\\x{:02X}", u32::from(letter));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(pattern: &str, matching: &[&str], other: &[&str]) {
        let compiled = Pattern::new(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
        for text in matching {
            assert!(compiled.matches(text), "{pattern} should match {text:?}");
        }
        for text in other {
            assert!(!compiled.matches(text), "{pattern} should not match {text:?}");
        }
    }

    #[test]
    fn patterns_of_the_kind_that_documents_have_match_as_in_java() {
        check(
            r"^arn:(aws|aws-cn):iam::\d{12}:role/[\w+=,.@_/-]+$",
            &["arn:aws:iam::123456789012:role/x/y-z"],
            &["arn:aws:iam::12:role/x"],
        );
        check(r"^[\w-\/]+$", &["a-b/c"], &["a b", ""]);
        check(r"^[\w-.]{1,1024}$", &["a.b-c"], &["a,b", ""]);
        check(r"^[\s-x]$", &[" ", "-", "x"], &["y"]);
        check(r"^\w+$", &["abc_9"], &["é", "ab c"]);
        check(r"^\d$", &["5"], &["٣"]);
        check(r"^[^\d\s]+$", &["ab-é"], &["a5", "a b"]);
        check(r"^[\W]$", &["-", "é"], &["a"]);
        check(r"^(?!aws:)[a-z:]+$", &["user:x"], &["aws:x"]);
        check(r"^([a-z])\1$", &["aa"], &["ab"]);
        check(r"^[\u0020-\u007E]+$", &["a b~"], &["\u{7f}", "é"]);
        check(r"^\{[\s\S]*\}$", &["{\"a\":\n1}"], &["x{}"]);
        check(r"^$|^kms$", &["", "kms"], &["x"]);
        check(r"\bword\b", &["a word."], &["sword"]);
        check(r"^\p{Alpha}[\p{Alnum}\p{Punct}]*$", &["a1-["], &["1a", "aé"]);
        check(r"^\p{L}+$", &["é"], &["1"]);
        check(r"^\p{IsAlphabetic}+$", &["é"], &["1"]);
        check(r"^\Qa.b[\E+$", &["a.b[", "a.b[["], &["axb["]);
        check(r"^[a-z&&[^m]]+$", &["abc"], &["m"]);
        check(r"^[!--]$", &["!", "-", ","], &["a"]);
        check(r"^[--a]$", &["-", "A", "a"], &["!", "b"]);
        check(r"^[[:a]]$", &[":", "a"], &["b"]);
        check(r"^a\x2Db\055\cI$", &["a-b-\t"], &["ab"]);
        check(r"^\h+$", &["\t \u{a0}"], &["a"]);
        check(r"^\ \#\é$", &[" #é"], &[""]);
        check(r"^a++b$", &["aab"], &["b"]);
    }

    #[test]
    fn a_pattern_is_found_anywhere() {
        check("[a-z]+", &["1a1"], &["11"]);
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for pattern in ["(", "[a", r"\uD83D", "*", &"a".repeat(5000)] {
            assert!(Pattern::new(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn a_pattern_that_explodes_ends() {
        let pattern = Pattern::new(r"^((a+)+)+\1$").unwrap();
        assert!(!pattern.matches(&format!("{}b", "a".repeat(2000))));
        assert!(Pattern::new(r"((((\w{1000}){1000}){1000}){1000})").is_err());
        if let Ok(pattern) = Pattern::new(r"(?:(?:(?:(?=a)\1{500}){500}){500}){500}()") {
            assert!(!pattern.matches(&"b".repeat(100)));
        }
    }

    #[test]
    fn deep_nesting_does_not_overflow() {
        for (open, close) in [("(", ")"), ("[a", "]"), ("(?=", ")"), ("(?:a|", ")*"), ("[^", "a]")] {
            let count = choices::MAX_PATTERN_BYTES / (open.len() + close.len());
            let _ = Pattern::new(&format!("{}a{}", open.repeat(count), close.repeat(count)));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1500))]

        #[test]
        fn any_text_compiles_or_is_refused(text in "\\PC{0,40}") {
            if let Ok(pattern) = Pattern::new(&text) {
                let _ = pattern.matches("some-text_1");
            }
        }

        #[test]
        fn any_pattern_like_text_compiles_or_is_refused(text in r"[\[\]\\(){}wdsbQEpPux0-9a?*+|^$.:&~=!<>-]{0,30}") {
            if let Ok(pattern) = Pattern::new(&text) {
                let _ = pattern.matches("aaaaaaaaaaaaaaaaaaaaaaaaaaaaab-1");
            }
        }

        #[test]
        fn plain_text_matches_itself(text in "[a-zA-Z0-9 /:_@,;é-]{1,30}") {
            let anchored = Pattern::new(&format!("^{text}$")).unwrap();
            let quoted = Pattern::new(&format!("^\\Q{text}.\\E$")).unwrap();
            let dotted = format!("{text}.");
            prop_assert!(anchored.matches(&text));
            prop_assert!(quoted.matches(&dotted));
        }
    }
}
