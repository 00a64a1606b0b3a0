//! Workbooks as they are read back.

use std::collections::BTreeMap;
use std::io::Cursor;

use calamine::{Data, Reader, Xlsx};
use serde_json::{Value, json};

use super::{Cell, MAX_ROWS, Sheet};

/// Lines of a sheet, each cell by the name of its column: what is blank is null.
pub(in crate::report) type Rows = Vec<BTreeMap<String, Value>>;

/// A workbook that was written.
pub(in crate::report) struct Book(Xlsx<Cursor<Vec<u8>>>);

impl Book {
    pub(in crate::report) fn open(bytes: Vec<u8>) -> Self {
        Self(Xlsx::new(Cursor::new(bytes)).unwrap())
    }

    pub(in crate::report) fn names(&self) -> Vec<String> {
        self.0.sheet_names()
    }

    /// The lines of a sheet, which has no formula.
    pub(in crate::report) fn rows(&mut self, sheet: &str) -> Rows {
        assert!(self.0.worksheet_formula(sheet).unwrap().is_empty());
        let range = self.0.worksheet_range(sheet).unwrap();
        let mut rows = range.rows();
        let header = rows.next().unwrap().to_vec();
        let cell = |data: &Data| match data {
            Data::Empty => Value::Null,
            Data::Float(number) => json!(number),
            Data::Bool(flag) => json!(flag),
            Data::String(text) => json!(text),
            Data::DateTime(at) => json!(at.as_f64()),
            Data::Int(_) | Data::DateTimeIso(_) | Data::DurationIso(_) | Data::Error(_) => {
                panic!("{data:?} in {sheet}")
            }
        };
        let row = |row: &[Data]| {
            let names = header.iter().map(ToString::to_string);
            names.zip(row.iter().map(cell)).collect()
        };
        rows.map(row).collect()
    }
}

#[test]
fn a_sheet_that_is_cut_says_so() {
    let rows = |count| (0..count).map(|at| vec![Cell::Count(at)]);
    let most = MAX_ROWS as u64;
    assert!(!Sheet::new("Full", vec!["n"], rows(most)).cut);
    let cut = Sheet::new("Cut", vec!["n"], rows(most + 1));
    assert!(cut.cut && cut.rows.len() == MAX_ROWS);
}
