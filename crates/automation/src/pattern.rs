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
        compile(&Translation::new(java, false).run())
            .or_else(|error| {
                let mut counting = Translation::new(java, true);
                let rust = counting.run();
                // Iterations over nothing cost time that no limit on backtracking sees.
                if counting.rounds > choices::MAX_PATTERN_ROUNDS { Err(error) } else { compile(&rust) }
            })
            .map(Self)
            .map_err(|error| PatternError::Syntax(error.to_string()))
    }

    /// Whether the text matches; a match that takes too long doesn't.
    pub fn matches(&self, text: &str) -> bool {
        self.0.is_match(text).unwrap_or(false)
    }
}

fn compile(rust: &str) -> Result<Regex, fancy_regex::Error> {
    let whole = choices::PATTERN_IS_WHOLE.then(|| format!(r"\A(?:{rust})\z"));
    RegexBuilder::new(whole.as_deref().unwrap_or(rust))
        .backtrack_limit(choices::MAX_BACKTRACKS)
        .delegate_size_limit(1 << 20)
        .delegate_dfa_size_limit(1 << 20)
        .max_prog_size(1 << 14)
        .build()
}

const WORD: &str = "0-9A-Za-z_";
const DIGIT: &str = "0-9";
const SPACE: &str = r"\x20\t\n\x0B\x0C\r";
const BLANK: &str = r"\x20\t\xA0\u{1680}\u{180E}\u{2000}-\u{200A}\u{202F}\u{205F}\u{3000}";

/// The same pattern in the engine's dialect: Java's `\w \d \s \b` are ASCII, its `\h \Q…\E \uXXXX \cX \0n` are spelt
/// otherwise, a `-` after a class escape is literal, and only Rust gives `--`, `~~` and `[:` in a class a meaning.
struct Translation {
    rest: Vec<char>,
    at: usize,
    out: String,
    /// How many character classes are open.
    depth: usize,
    /// Whether the many repeats of a single character are to be counted: the engine unrolls `.{1,1024}`, which can
    /// outgrow its limits, unless something in it keeps it from that, such as a look ahead.
    counting: bool,
    /// Where the single character that a quantifier would repeat begins in `out`.
    atom: Option<usize>,
    /// How often the groups are repeated at the most, multiplied.
    rounds: u64,
}

/// A character that is repeated at least so often is counted rather than unrolled.
const MANY: u64 = 16;

impl Translation {
    fn new(java: &str, counting: bool) -> Self {
        let out = String::with_capacity(java.len() * 2);
        Self { rest: java.chars().collect(), at: 0, out, depth: 0, counting, atom: None, rounds: 1 }
    }

    fn run(&mut self) -> String {
        let mut class_from = 0;
        while let Some(letter) = self.peek() {
            let from = self.out.len();
            if self.depth == 0 {
                match letter {
                    '{' if self.counting => self.count(),
                    '[' => class_from = from,
                    _ => {}
                }
            }
            let kind = self.rest.get(self.at + 1).copied();
            self.token();
            self.atom = match letter {
                _ if self.depth > 0 => None,
                ']' => Some(class_from),
                '\\' if kind.is_some_and(|kind| kind == 'Q' || "bBAzZG123456789k".contains(kind)) => None,
                '|' | '(' | ')' | '^' | '$' | '*' | '+' | '?' | '{' | '}' => None,
                _ => Some(from),
            };
        }
        std::mem::take(&mut self.out)
    }

    /// Before a quantifier `{n}`, `{n,}` or `{n,m}`.
    fn count(&mut self) {
        let inside: String = self.rest.iter().skip(self.at + 1).take_while(|c| **c != '}').collect();
        let most = inside.rsplit(',').next().and_then(|most| most.parse::<u64>().ok());
        let Some(most) = most else { return };
        match self.atom {
            Some(from) if most >= MANY => {
                let atom = self.out.split_off(from);
                let _ = write!(self.out, r"(?:(?=[\s\S]){atom})");
            }
            Some(_) => {}
            None => self.rounds = self.rounds.saturating_mul(most.max(1)),
        }
    }

    fn token(&mut self) {
        let Some(letter) = self.take() else { return };
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

    /// `\uXXXX` or `\xXX`; two that are a surrogate pair are one letter.
    fn code(&mut self, digits: usize) {
        let unit = |from: usize| {
            let text: String = self.rest.iter().skip(from).take(digits).collect();
            if text.chars().count() == digits { u32::from_str_radix(&text, 16).ok() } else { None }
        };
        let first = unit(self.at);
        let paired = self.rest.get(self.at + digits..self.at + digits + 2) == Some(&['\\', 'u']);
        let second = if paired { unit(self.at + digits + 2) } else { None };
        let pair = match (first, second) {
            (Some(high @ 0xD800..=0xDBFF), Some(low @ 0xDC00..=0xDFFF)) => {
                char::from_u32(0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00))
            }
            _ => None,
        };
        if let Some(letter) = pair {
            self.at += 2 * digits + 2;
            self.literal(letter);
        } else if let Some(letter) = first.and_then(char::from_u32) {
            self.at += digits;
            self.literal(letter);
        } else {
            // Half of a surrogate pair, or no number: leave it for the compiler to refuse.
            self.out.push_str("\\u");
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
    fn many_repeats_are_counted_where_unrolling_them_would_take_too_much() {
        let path = "x".repeat(1024);
        check(r"^$|^[^\/]{1,1024}$", &["", "a b", &path], &["a/b", &format!("{path}x")]);
        check(r"^$|^\S(?:.{1,1024}\S)?$", &["", "a", "a b c"], &[" ", "a b "]);
        check(r"^.{1,262144}$", &["SELECT *", &"é".repeat(100_000)], &["", "a\nb"]);
        check(
            r"(?i)^/x/[\p{L}\p{N}._()-]{0,89}[\p{L}\p{N}_()-]/y/[\p{L}\p{N}]{1,400}$",
            &["/X/é_/y/ß1"],
            &["/x/./y/a"],
        );
        check(
            r#"^\[("[@*:+=/,a-z0-9._\\-]{1,256}",?){1,256}\]$"#,
            &[r#"["a","b:c"]"#, &format!("[{}]", vec![format!("\"{}\"", "k".repeat(256)); 200].join(","))],
            &["[]", r#"["A"]"#],
        );
        check(
            r"^[a-z0-9-]{1,2048}$|^alias\/.{1,250}$|^arn:.{1,1990}$",
            &["alias/x", "arn:é"],
            &["alias/", "A"],
        );
    }

    #[test]
    fn a_surrogate_pair_is_one_letter() {
        check(
            r"^[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*$",
            &["plain", "\u{1F600}", "\u{10FFFF}\n"],
            &["\u{1}"],
        );
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
        assert!(Pattern::new(r"(((.{0,1000}){1000}){1000}){1000}").is_err());
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
