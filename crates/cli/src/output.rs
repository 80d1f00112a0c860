//! Standard output: buffered, and quiet when whoever reads it has read enough.

use std::{
    fmt,
    io::{self, BufWriter, ErrorKind, Write},
};

use serde::Serialize;

use crate::failure::Failure;

/// Runs a command that writes to standard output. A reader that went away (`plumb … | head`) is no failure.
pub(crate) fn to_stdout(run: impl FnOnce(&mut dyn Write) -> Result<(), Failure>) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
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
    let _ = writeln!(io::stderr(), "{line}");
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
