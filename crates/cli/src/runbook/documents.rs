//! The documents that the arguments of `lint`, `iam` and `cost` name.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use plumb_automation::{Document, choices::MAX_DOCUMENT_BYTES};

use crate::failure::Failure;

/// A document's text, and what to call it.
pub(super) struct Text {
    pub(super) file: String,
    /// Nothing if it isn't UTF-8.
    pub(super) text: Option<String>,
}

/// Reads every one of them, or says which can't be.
pub(super) fn read(files: &[PathBuf]) -> Result<Vec<Text>, Failure> {
    let mut unreadable = Vec::new();
    let mut texts = Vec::new();
    for file in files {
        match bytes(file) {
            Ok(bytes) => {
                let text = String::from_utf8(bytes).ok();
                texts.push(Text { file: file.display().to_string(), text });
            }
            Err(error) => unreadable.push(format!("`{}`: {error}", file.display())),
        }
    }
    if unreadable.is_empty() { Ok(texts) } else { Err(Failure::Usage(unreadable.join("\n"))) }
}

/// Reads one.
pub(super) fn one(file: &Path) -> Result<String, Failure> {
    let wrong = |why: String| Failure::Usage(format!("`{}`: {why}", file.display()));
    let bytes = bytes(file).map_err(|error| wrong(error.to_string()))?;
    String::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8; save it as UTF-8".to_owned()))
}

/// Reads and parses every one of them, or says which can't be.
pub(super) fn parse(files: &[PathBuf]) -> Result<Vec<(String, Document)>, Failure> {
    let mut unreadable = Vec::new();
    let mut documents = Vec::new();
    for Text { file, text } in read(files)? {
        match text.as_deref().map(Document::parse) {
            Some(Ok(document)) => documents.push((file, document)),
            Some(Err(error)) => {
                unreadable
                    .push(format!("`{file}`: {error}; `plumb runbook lint` finds everything that is wrong"));
            }
            None => unreadable.push(format!("`{file}`: not UTF-8")),
        }
    }
    if unreadable.is_empty() { Ok(documents) } else { Err(Failure::Usage(unreadable.join("\n"))) }
}

/// As much as the engine takes, and one byte more, by which it sees that there is more.
fn bytes(file: &Path) -> io::Result<Vec<u8>> {
    let limit = MAX_DOCUMENT_BYTES as u64 + 1;
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        io::stdin().lock().take(limit).read_to_end(&mut bytes)?;
    } else {
        File::open(file)?.take(limit).read_to_end(&mut bytes)?;
    }
    // A letter may be cut in two there.
    if bytes.len() as u64 == limit {
        while bytes.last().is_some_and(|byte| !byte.is_ascii()) {
            bytes.pop();
        }
    }
    Ok(bytes)
}
