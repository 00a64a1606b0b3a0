//! `upswing check`: all mistakes of all experiment files at once.

use std::path::Path;

use super::{Failure, say};
use crate::engine::files;

/// Checks the files of a directory; what is valid but has a price is noted.
///
/// # Errors
/// The mistakes, each with file, line and key.
pub(super) fn run(directory: &Path) -> Result<(), Failure> {
    if !directory.is_dir() {
        return Err(Failure::input(format!(
            "there is no directory {}",
            directory.display()
        )));
    }
    let files = files::read(directory)
        .map_err(|error| Failure::input(format!("{}: {error}", directory.display())))?;
    if !files.mistakes.is_empty() {
        return Err(Failure::mistakes(&files.mistakes));
    }
    for (file, spec) in &files.specs {
        say(&format!("{file}: {} is valid", spec.key));
        for (key, notice) in spec.allocation.notices(spec.variants.len()) {
            say(&format!("{file}: note: allocation.{key} {notice}"));
        }
    }
    Ok(())
}
