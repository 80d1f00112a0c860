//! Paged answers.

use serde_json::{Map, Value, json};

/// A token that no earlier page gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the token is not one that an earlier page gave; leave it out")]
pub(crate) struct InvalidToken;

/// One page of `items` under `name`. A token names the last item of its page by `key`, so that what comes or goes in
/// between shifts nothing.
pub(crate) fn page(
    name: &str,
    items: Vec<(String, Value)>,
    limit: usize,
    token: Option<&str>,
) -> Result<Value, InvalidToken> {
    let after = token.filter(|token| !token.is_empty()).map(decode).transpose()?;
    let mut items = items;
    items.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut rest =
        items.into_iter().skip_while(|(key, _)| after.as_ref().is_some_and(|after| key <= after)).peekable();
    let (mut found, mut last) = (Vec::new(), String::new());
    while found.len() < limit.max(1) {
        let Some((key, item)) = rest.next() else { break };
        found.push(item);
        last = key;
    }
    let mut answer = Map::new();
    answer.insert(name.to_owned(), Value::Array(found));
    if rest.peek().is_some() {
        answer.insert("NextToken".to_owned(), json!(encode(&last)));
    }
    Ok(Value::Object(answer))
}

fn encode(key: &str) -> String {
    key.bytes().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

fn decode(token: &str) -> Result<String, InvalidToken> {
    let digits: Option<Vec<u8>> = token
        .as_bytes()
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok()))
        .collect();
    digits.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or(InvalidToken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items() -> Vec<(String, Value)> {
        ["c", "a", "b"].map(|key| (key.to_owned(), json!(key))).to_vec()
    }

    #[test]
    fn pages_follow_one_another() {
        let first = page("Items", items(), 2, None).unwrap();
        assert_eq!(first["Items"], json!(["a", "b"]));
        let second = page("Items", items(), 2, first["NextToken"].as_str()).unwrap();
        assert_eq!(second, json!({"Items": ["c"]}));
    }

    #[test]
    fn a_made_up_token_is_refused() {
        assert_eq!(page("Items", items(), 2, Some("zz")).unwrap_err(), InvalidToken);
    }
}
