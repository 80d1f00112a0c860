//! The files that the arguments of `plumb replay` stand for.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// The argument that means standard input.
pub(super) const STDIN: &str = "-";

/// The files, in the order given; a directory's by name. What can't be looked into is added to `unreadable`.
pub(super) fn find(arguments: &[PathBuf], unreadable: &mut Vec<String>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for argument in arguments {
        if argument.is_dir() {
            let before = files.len();
            look_into(argument, &mut files, unreadable);
            if files.len() == before {
                unreadable.push(format!("`{}`: holds no .json file", argument.display()));
            }
        } else {
            files.push(argument.clone());
        }
    }
    files
}

fn look_into(directory: &Path, files: &mut Vec<PathBuf>, unreadable: &mut Vec<String>) {
    let entries = std::fs::read_dir(directory).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let mut entries = match entries {
        Ok(entries) => entries,
        Err(error) => return unreadable.push(format!("`{}`: {error}", directory.display())),
    };
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        // Not through symbolic links: they may lead back.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            look_into(&path, files, unreadable);
        } else if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
}

/// The contents, as far as [`plumb_events::read`] takes them and one byte more, by which it sees that there are.
pub(super) fn read(file: &Path) -> io::Result<Vec<u8>> {
    let limit = plumb_events::MAX_BYTES as u64 + 1;
    let mut bytes = Vec::new();
    if file == Path::new(STDIN) {
        io::stdin().lock().take(limit).read_to_end(&mut bytes)?;
    } else {
        File::open(file)?.take(limit).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}
