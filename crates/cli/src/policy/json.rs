//! `plumb policy json`.

use std::io::Write;

use super::{arguments::PolicyFile, file};
use crate::{failure::Failure, output::json_pretty};

pub(super) fn run(out: &mut dyn Write, arguments: &PolicyFile) -> Result<(), Failure> {
    json_pretty(out, &file::read_usable(&arguments.file)?)
}
