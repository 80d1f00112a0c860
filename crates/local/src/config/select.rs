//! The language of advanced queries, as far as it is known here: `SELECT paths [WHERE condition]`, without groups and order.

use std::fmt;

/// A query.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Statement {
    pub(super) fields: Fields,
    pub(super) condition: Option<Condition>,
}

/// What of each item is answered.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fields {
    /// `*`
    All,
    /// `COUNT(*)`
    Count,
    Some(Vec<Path>),
}

/// A property, such as `configuration.volumeType`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path(Vec<String>);

impl Path {
    pub(super) fn parts(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for Path {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0.join("."))
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Compare(Path, Operator, Literal),
    In(Path, Vec<Literal>),
    Between(Path, Literal, Literal),
    Like(Path, String),
    IsNull(Path),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    Unequal,
    Below,
    AtMost,
    Above,
    AtLeast,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    Text(String),
    Number(f64),
    Bool(bool),
}

/// A query that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum SelectError {
    #[error("a text isn't closed: {0}")]
    Unclosed(String),
    #[error("`{0}` isn't expected here; {1}")]
    Unexpected(String, &'static str),
    #[error("the query ends where {0}")]
    Ended(&'static str),
    #[error("local AWS answers queries without `{0}`: sort, group and count what it answers with")]
    Unknown(String),
    #[error("conditions are nested too deeply")]
    TooDeep,
}

/// How deep conditions may be nested.
const DEEPEST: usize = 32;

impl Statement {
    pub(super) fn parse(text: &str) -> Result<Self, SelectError> {
        let mut parser = Parser { tokens: tokens(text)?, at: 0 };
        parser.word("SELECT", "a query begins with `SELECT`")?;
        let fields = parser.fields()?;
        if parser.is_word("FROM") {
            return Err(SelectError::Unknown("FROM".to_owned()));
        }
        let condition = if parser.take_word("WHERE") { Some(parser.any(0)?) } else { None };
        match parser.next() {
            None => Ok(Self { fields, condition }),
            Some(Token::Word(word)) if ["GROUP", "ORDER"].contains(&word.to_uppercase().as_str()) => {
                Err(SelectError::Unknown(word))
            }
            Some(token) => Err(SelectError::Unexpected(token.to_string(), "the query should end")),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    /// A keyword, a path, a number.
    Word(String),
    Text(String),
    Sign(&'static str),
}

impl fmt::Display for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(text) => out.write_str(text),
            Self::Text(text) => write!(out, "'{text}'"),
            Self::Sign(sign) => out.write_str(sign),
        }
    }
}

const SIGNS: [&str; 11] = ["!=", "<>", "<=", ">=", "=", "<", ">", "(", ")", ",", "*"];

fn tokens(text: &str) -> Result<Vec<Token>, SelectError> {
    let mut rest = text.trim_start();
    let mut tokens = Vec::new();
    while let Some(first) = rest.chars().next() {
        if first == '\'' {
            let (text, after) = quoted(rest.get(1..).unwrap_or_default())?;
            tokens.push(Token::Text(text));
            rest = after;
        } else if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            tokens.push(Token::Sign(sign));
            rest = rest.get(sign.len()..).unwrap_or_default();
        } else {
            let is_part = |letter: char| letter.is_alphanumeric() || "._-:[]\"@/".contains(letter);
            let end = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
            if end == 0 {
                return Err(SelectError::Unexpected(first.to_string(), "it is no part of a query"));
            }
            let (word, after) = rest.split_at(end);
            tokens.push(Token::Word(word.to_owned()));
            rest = after;
        }
        rest = rest.trim_start();
    }
    Ok(tokens)
}

/// The rest of a text in quotes, in which two quotes are one.
fn quoted(rest: &str) -> Result<(String, &str), SelectError> {
    let mut text = String::new();
    let mut rest = rest;
    loop {
        let Some((part, after)) = rest.split_once('\'') else {
            return Err(SelectError::Unclosed(rest.chars().take(40).collect()));
        };
        text.push_str(part);
        match after.strip_prefix('\'') {
            Some(more) => {
                text.push('\'');
                rest = more;
            }
            None => return Ok((text, after)),
        }
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(found)) if found.eq_ignore_ascii_case(word))
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        self.at += usize::from(found);
        found
    }

    fn word(&mut self, word: &str, why: &'static str) -> Result<(), SelectError> {
        if self.take_word(word) { Ok(()) } else { Err(self.unexpected(why)) }
    }

    fn take_sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Sign(found)) if *found == sign);
        self.at += usize::from(found);
        found
    }

    fn sign(&mut self, sign: &str, why: &'static str) -> Result<(), SelectError> {
        if self.take_sign(sign) { Ok(()) } else { Err(self.unexpected(why)) }
    }

    fn unexpected(&self, why: &'static str) -> SelectError {
        match self.peek() {
            Some(token) => SelectError::Unexpected(token.to_string(), why),
            None => SelectError::Ended(why),
        }
    }

    fn fields(&mut self) -> Result<Fields, SelectError> {
        if self.take_sign("*") {
            return Ok(Fields::All);
        }
        if self.is_word("COUNT") && self.tokens.get(self.at + 1) == Some(&Token::Sign("(")) {
            self.at += 2;
            self.sign("*", "only `COUNT(*)` is known")?;
            self.sign(")", "`COUNT(*)` isn't closed")?;
            return Ok(Fields::Count);
        }
        let mut paths = vec![self.path()?];
        while self.take_sign(",") {
            paths.push(self.path()?);
        }
        Ok(Fields::Some(paths))
    }

    fn path(&mut self) -> Result<Path, SelectError> {
        match self.peek() {
            Some(Token::Word(word)) => {
                let path = Path(word.replace('"', "").split('.').map(str::to_owned).collect());
                self.at += 1;
                if self.peek() == Some(&Token::Sign("(")) {
                    return Err(SelectError::Unknown(path.to_string()));
                }
                Ok(path)
            }
            _ => Err(self.unexpected("a property is expected, such as `resourceId`")),
        }
    }

    /// Conditions with `OR` between them.
    fn any(&mut self, depth: usize) -> Result<Condition, SelectError> {
        let mut all = vec![self.every(depth)?];
        while self.take_word("OR") {
            all.push(self.every(depth)?);
        }
        Ok(single(all, Condition::Or))
    }

    /// Conditions with `AND` between them.
    fn every(&mut self, depth: usize) -> Result<Condition, SelectError> {
        let mut all = vec![self.one(depth)?];
        while self.take_word("AND") {
            all.push(self.one(depth)?);
        }
        Ok(single(all, Condition::And))
    }

    fn one(&mut self, depth: usize) -> Result<Condition, SelectError> {
        if depth > DEEPEST {
            return Err(SelectError::TooDeep);
        }
        if self.take_word("NOT") {
            return Ok(Condition::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.take_sign("(") {
            let inner = self.any(depth + 1)?;
            self.sign(")", "a `)` is missing")?;
            return Ok(inner);
        }
        let path = self.path()?;
        if self.take_word("IS") {
            let not = self.take_word("NOT");
            self.word("NULL", "`IS` is followed by `NULL` or `NOT NULL`")?;
            return Ok(negated(not, Condition::IsNull(path)));
        }
        let not = self.take_word("NOT");
        if self.take_word("IN") {
            self.sign("(", "`IN` is followed by a list in parentheses")?;
            let mut literals = vec![self.literal()?];
            while self.take_sign(",") {
                literals.push(self.literal()?);
            }
            self.sign(")", "a `)` is missing")?;
            return Ok(negated(not, Condition::In(path, literals)));
        }
        if self.take_word("BETWEEN") {
            let low = self.literal()?;
            self.word("AND", "`BETWEEN` needs `AND`")?;
            return Ok(negated(not, Condition::Between(path, low, self.literal()?)));
        }
        if self.take_word("LIKE") {
            return match self.literal()? {
                Literal::Text(pattern) => Ok(negated(not, Condition::Like(path, pattern))),
                Literal::Number(_) | Literal::Bool(_) => Err(self.unexpected("`LIKE` needs a text")),
            };
        }
        let operator = match self.next() {
            Some(Token::Sign("=")) => Operator::Equal,
            Some(Token::Sign("!=" | "<>")) => Operator::Unequal,
            Some(Token::Sign("<")) => Operator::Below,
            Some(Token::Sign("<=")) => Operator::AtMost,
            Some(Token::Sign(">")) => Operator::Above,
            Some(Token::Sign(">=")) => Operator::AtLeast,
            Some(token) => {
                return Err(SelectError::Unexpected(token.to_string(), "a comparison is expected"));
            }
            None => return Err(SelectError::Ended("a comparison is expected")),
        };
        Ok(negated(not, Condition::Compare(path, operator, self.literal()?)))
    }

    fn literal(&mut self) -> Result<Literal, SelectError> {
        const WHY: &str = "a text in single quotes, a number, `true` or `false` is expected";
        match self.next() {
            Some(Token::Text(text)) => Ok(Literal::Text(text)),
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("true") => Ok(Literal::Bool(true)),
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("false") => Ok(Literal::Bool(false)),
            Some(Token::Word(word)) => {
                word.parse().map(Literal::Number).map_err(|_| SelectError::Unexpected(word, WHY))
            }
            Some(token) => Err(SelectError::Unexpected(token.to_string(), WHY)),
            None => Err(SelectError::Ended(WHY)),
        }
    }
}

fn negated(not: bool, condition: Condition) -> Condition {
    if not { Condition::Not(Box::new(condition)) } else { condition }
}

fn single(mut all: Vec<Condition>, several: fn(Vec<Condition>) -> Condition) -> Condition {
    match (all.pop(), all.is_empty()) {
        (Some(one), true) => one,
        (Some(last), false) => {
            all.push(last);
            several(all)
        }
        (None, _) => several(all),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn and_binds_closer_than_or() {
        let statement =
            Statement::parse("select a, b.c where x = 1 or y = 'it''s' and not z = true").unwrap();
        assert_eq!(
            statement.fields,
            Fields::Some(vec![Path(vec!["a".into()]), Path(vec!["b".into(), "c".into()])])
        );
        let Some(Condition::Or(any)) = statement.condition else { panic!("{statement:?}") };
        assert_eq!(any[0], Condition::Compare(Path(vec!["x".into()]), Operator::Equal, Literal::Number(1.0)));
        let Condition::And(all) = &any[1] else { panic!("{any:?}") };
        assert_eq!(
            all[0],
            Condition::Compare(Path(vec!["y".into()]), Operator::Equal, Literal::Text("it's".into()))
        );
        assert!(matches!(all[1], Condition::Not(_)));
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_a_reason() {
        for (query, said) in [
            ("", "SELECT"),
            ("SELECT", "a property is expected"),
            ("SELECT a WHERE b = 'x", "isn't closed"),
            ("SELECT a WHERE b", "a comparison is expected"),
            ("SELECT a WHERE b = x", "single quotes"),
            ("SELECT a WHERE (b = 1", "`)` is missing"),
            ("SELECT a WHERE b = 1 c", "should end"),
            ("SELECT a ORDER BY b", "without `ORDER`"),
            ("SELECT AVG(a)", "without `AVG`"),
            ("SELECT a; DROP", "no part of a query"),
        ] {
            let error = Statement::parse(query).unwrap_err().to_string();
            assert!(error.contains(said), "{query}: {error}");
        }
        let deep = format!("SELECT a WHERE {}b = 1", "(".repeat(100_000));
        assert_eq!(Statement::parse(&deep).unwrap_err(), SelectError::TooDeep);
    }
}
