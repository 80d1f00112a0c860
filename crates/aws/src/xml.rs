//! The answers of AWS's query protocol as JSON: an element with `item` or `member` elements is a list, one with other elements an
//! object, one without a text. Attributes, comments and processing instructions are passed over; there is no DTD.

use serde_json::{Map, Value};

/// AWS's answers are nested a dozen deep.
const DEEPEST: usize = 64;

/// What the document's root holds; nothing if it is not well-formed.
pub(crate) fn read(text: &str) -> Option<Value> {
    let mut reader = Reader { rest: text };
    loop {
        match reader.next()? {
            Piece::Open { empty: true, .. } => return Some(Value::Null),
            Piece::Open { name, empty: false } => return reader.content(name, 0),
            Piece::Close(_) => return None,
            Piece::Text(_) => {}
        }
    }
}

enum Piece<'a> {
    Open { name: &'a str, empty: bool },
    Close(&'a str),
    Text(String),
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    /// What stands between an element's start and its end.
    fn content(&mut self, of: &str, depth: usize) -> Option<Value> {
        if depth > DEEPEST {
            return None;
        }
        let (mut text, mut members, mut items) = (String::new(), Map::new(), None::<Vec<Value>>);
        loop {
            match self.next()? {
                Piece::Text(more) => text.push_str(&more),
                Piece::Close(name) if name == of => break,
                Piece::Close(_) => return None,
                Piece::Open { name, empty } => {
                    let value = if empty { Value::Null } else { self.content(name, depth + 1)? };
                    if matches!(name, "item" | "member") {
                        items.get_or_insert_default().push(value);
                    } else {
                        members.insert(name.to_owned(), value);
                    }
                }
            }
        }
        Some(match items {
            Some(items) => Value::Array(items),
            None if !members.is_empty() => Value::Object(members),
            None if text.trim().is_empty() => Value::Null,
            None => Value::String(text.trim().to_owned()),
        })
    }

    fn next(&mut self) -> Option<Piece<'a>> {
        loop {
            let Some(tag) = self.rest.strip_prefix('<') else {
                let end = self.rest.find('<')?;
                let (text, rest) = self.rest.split_at(end);
                self.rest = rest;
                return Some(Piece::Text(unescaped(text)));
            };
            let passed_over = [("!--", "-->"), ("?", "?>"), ("!DOCTYPE", ">")];
            if let Some((_, end)) = passed_over.iter().find(|(start, _)| tag.starts_with(start)) {
                self.rest = tag.split_once(end)?.1;
                continue;
            }
            if let Some(data) = tag.strip_prefix("![CDATA[") {
                let (text, rest) = data.split_once("]]>")?;
                self.rest = rest;
                return Some(Piece::Text(text.to_owned()));
            }
            let (inside, rest) = tag.split_once('>')?;
            self.rest = rest;
            if let Some(name) = inside.strip_prefix('/') {
                return Some(Piece::Close(name.trim()));
            }
            let (inside, empty) = match inside.strip_suffix('/') {
                Some(inside) => (inside, true),
                None => (inside, false),
            };
            return Some(Piece::Open { name: inside.split_whitespace().next()?, empty });
        }
    }
}

fn unescaped(text: &str) -> String {
    let mut parts = text.split('&');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let read = part.split_once(';').and_then(|(name, rest)| Some((character(name)?, rest)));
        if let Some((character, rest)) = read {
            out.push(character);
            out.push_str(rest);
        } else {
            out.push('&');
            out.push_str(part);
        }
    }
    out
}

fn character(name: &str) -> Option<char> {
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_objects_and_texts_are_told_apart() {
        let xml = r#"<?xml version="1.0" encoding="UTF-8"?>
            <DescribeImagesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
                <!-- one image -->
                <imagesSet><item><imageId>ami-1</imageId><name>a &amp; b &#233;</name><tagSet/>
                <blockDeviceMapping><item><ebs><snapshotId>snap-1</snapshotId></ebs></item></blockDeviceMapping></item></imagesSet>
                <nextToken>t==</nextToken>
            </DescribeImagesResponse>"#;
        assert_eq!(
            read(xml).unwrap(),
            json!({
                "imagesSet": [{
                    "imageId": "ami-1", "name": "a & b é", "tagSet": null,
                    "blockDeviceMapping": [{"ebs": {"snapshotId": "snap-1"}}]
                }],
                "nextToken": "t=="
            })
        );
    }

    #[test]
    fn what_is_not_well_formed_is_nothing() {
        for xml in [
            "",
            "text",
            "<a>",
            "<a></b>",
            "<a><b></a>",
            "</a>",
            "<>",
            "<a",
            "<!--",
            "<![CDATA[",
            "&",
            "<a>&#xFFFFFFFF;",
        ] {
            assert_eq!(read(xml), None, "{xml}");
        }
        assert_eq!(read(&"<a>".repeat(1000)), None);
        assert_eq!(read("<a>&#xD800;&nope;&</a>"), Some(json!("&#xD800;&nope;&")));
    }
}
