//! Standard output: buffered, quiet when whoever reads it has read enough, and without a character that a terminal would obey: names of
//! resources come from whoever made them.

use std::{
    fmt,
    io::{self, BufWriter, ErrorKind, Write},
};

use serde::Serialize;

use crate::failure::Failure;

/// Runs a command that writes to standard output. A reader that went away (`plumb … | head`) is no failure.
pub(crate) fn to_stdout(run: impl FnOnce(&mut dyn Write) -> Result<(), Failure>) -> Result<(), Failure> {
    let mut out = Plain::new(BufWriter::new(io::stdout().lock()));
    // What was written before a failure is still wanted.
    let done = run(&mut out).and_then(|()| Ok(out.flush()?));
    match done {
        Err(Failure::Output(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(failure) => {
            let _ = out.flush();
            Err(failure)
        }
        Ok(()) => Ok(()),
    }
}

/// One line on standard error. That nobody reads it is no reason to stop.
pub(crate) fn say(line: impl fmt::Display) {
    let _ = writeln!(Plain::new(io::stderr()), "{line}");
}

/// Writes control characters, but for line ends and tabs, as Rust escapes them: `\u{1b}`. Nothing that Plumb writes has any.
struct Plain<W> {
    to: W,
    /// The first byte of a character whose second is still to come.
    begun: bool,
}

impl<W: Write> Plain<W> {
    fn new(to: W) -> Self {
        Self { to, begun: false }
    }
}

/// The first byte, in UTF-8, of the control characters from U+0080 to U+009F, which some terminals obey, too.
const C1: u8 = 0xC2;

impl<W: Write> Write for Plain<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for byte in bytes {
            if std::mem::take(&mut self.begun) {
                match byte {
                    0x80..=0x9F => {
                        write!(self.to, "\\u{{{byte:x}}}")?;
                        continue;
                    }
                    _ => self.to.write_all(&[C1])?,
                }
            }
            match byte {
                b'\n' | b'\t' => self.to.write_all(&[*byte])?,
                0..0x20 | 0x7F => write!(self.to, "\\u{{{byte:x}}}")?,
                &C1 => self.begun = true,
                _ => self.to.write_all(&[*byte])?,
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// One line of JSON.
pub(crate) fn json_line(out: &mut dyn Write, value: &impl Serialize) -> Result<(), Failure> {
    serde_json::to_writer(&mut *out, value).map_err(io::Error::from)?;
    Ok(writeln!(out)?)
}

/// JSON to be read by people too.
pub(crate) fn json_pretty(out: &mut dyn Write, value: &impl Serialize) -> Result<(), Failure> {
    serde_json::to_writer_pretty(&mut *out, value).map_err(io::Error::from)?;
    Ok(writeln!(out)?)
}

/// A word as `--json` spells it.
pub(crate) fn word(value: impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(pieces: &[&[u8]]) -> String {
        let mut out = Plain::new(Vec::new());
        for piece in pieces {
            out.write_all(piece).unwrap();
        }
        String::from_utf8(out.to).unwrap()
    }

    #[test]
    fn a_terminal_gets_nothing_to_obey() {
        assert_eq!(
            plain(&[b"a \x1b]0;owned\x07 b\r\n\tc\x7f"]),
            "a \\u{1b}]0;owned\\u{7} b\\u{d}\n\tc\\u{7f}"
        );
        assert_eq!(plain(&["\u{9b}31m".as_bytes()]), "\\u{9b}31m");
    }

    #[test]
    fn other_characters_stay_as_they_are_even_if_they_come_in_pieces() {
        let text = "größer, é, ©, 日本, 🙂";
        assert_eq!(plain(&[text.as_bytes()]), text);
        for cut in 0..text.len() {
            let (one, two) = text.as_bytes().split_at(cut);
            assert_eq!(plain(&[one, two]), text);
        }
    }
}
