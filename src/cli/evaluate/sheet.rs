//! A CSV file whose mistakes are told by file, line and column.

use std::fmt::Display;
use std::io::Read;
use std::path::Path;

use csv::{Position, Reader, StringRecord};

use super::super::{Failure, analyze};

/// An open file.
pub(super) struct Sheet {
    file: String,
    header: StringRecord,
    reader: Reader<Box<dyn Read>>,
}

/// A column by its name.
pub(super) struct Column {
    name: String,
    position: usize,
}

/// A row and its place.
pub(super) struct Row<'r> {
    file: &'r str,
    line: u64,
    record: &'r StringRecord,
}

impl Sheet {
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let file = path.display().to_string();
        let mut reader = Reader::from_reader(analyze::open(path)?);
        let header = reader.headers().map_err(|error| broken(&file, &error))?;
        let header = header.clone();
        if header.is_empty() {
            return Err(Failure::input(format!("{file}: is empty")));
        }
        Ok(Self {
            file,
            header,
            reader,
        })
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.header.iter().any(|known| known.trim() == name)
    }

    pub(super) fn column(&self, name: &str) -> Result<Column, Failure> {
        let found = self.header.iter().position(|known| known.trim() == name);
        let position = found.ok_or_else(|| {
            let known: Vec<&str> = self.header.iter().collect();
            let (file, known) = (&self.file, known.join(", "));
            Failure::input(format!(
                "{file}: there is no column \"{name}\"; the header has: {known}"
            ))
        })?;
        Ok(Column {
            name: name.to_owned(),
            position,
        })
    }

    /// Gives every row to `take`; there is at least one.
    pub(super) fn each(
        mut self,
        mut take: impl FnMut(&Row<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut record = StringRecord::new();
        let mut is_empty = true;
        while self
            .reader
            .read_record(&mut record)
            .map_err(|error| broken(&self.file, &error))?
        {
            is_empty = false;
            take(&Row {
                file: &self.file,
                line: record.position().map_or(0, Position::line),
                record: &record,
            })?;
        }
        if is_empty {
            return Err(Failure::input(format!("{}: has no rows", self.file)));
        }
        Ok(())
    }
}

fn broken(file: &str, error: &csv::Error) -> Failure {
    Failure::input(format!("{file}: {error}"))
}

impl<'r> Row<'r> {
    pub(super) fn problem(&self, column: &Column, problem: impl Display) -> Failure {
        let (file, line, name) = (self.file, self.line, &column.name);
        Failure::input(format!("{file}: line {line}, column \"{name}\": {problem}"))
    }

    /// The cell, which may be empty.
    pub(super) fn cell(&self, column: &Column) -> &'r str {
        self.record.get(column.position).unwrap_or_default().trim()
    }

    pub(super) fn text(&self, column: &Column) -> Result<&'r str, Failure> {
        let text = self.cell(column);
        if text.is_empty() {
            return Err(self.problem(column, analyze::CellProblem::Empty));
        }
        Ok(text)
    }

    /// A number from 0 to 1.
    pub(super) fn probability(&self, column: &Column) -> Result<f64, Failure> {
        let text = self.text(column)?;
        let number = text.parse().ok().filter(|of| (0.0..=1.0).contains(of));
        number.ok_or_else(|| self.problem(column, format!("\"{text}\" is no number from 0 to 1")))
    }
}
