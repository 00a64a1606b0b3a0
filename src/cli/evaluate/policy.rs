//! The file of a policy.

use std::path::Path;

use super::super::Failure;
use super::sheet::{Column, Row, Sheet};

/// A line of the file.
pub(super) struct Stated<'r> {
    row: &'r Row<'r>,
    column: &'r Column,
    pub(super) arm: &'r str,
    pub(super) probability: f64,
    pub(super) context: Option<&'r str>,
}

impl Stated<'_> {
    /// A mistake of the line.
    pub(super) fn problem(&self, problem: &str) -> Failure {
        self.row.problem(self.column, problem)
    }
}

/// Gives every line to `take`.
///
/// # Errors
/// The first mistake with its file, line and column.
pub(super) fn read(
    file: &Path,
    by_context: bool,
    mut take: impl FnMut(&Stated<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let sheet = Sheet::open(file)?;
    let (arm, probability) = (sheet.column("arm")?, sheet.column("probability")?);
    let context = by_context.then(|| sheet.column("context")).transpose()?;
    if !by_context && sheet.has("context") {
        let file = file.display();
        return Err(Failure::usage(format!(
            "{file} has a column \"context\": name what it is of with --context"
        )));
    }
    sheet.each(|row| {
        take(&Stated {
            row,
            column: &arm,
            arm: row.text(&arm)?,
            probability: row.probability(&probability)?,
            context: context.as_ref().map(|of| row.text(of)).transpose()?,
        })
    })
}
