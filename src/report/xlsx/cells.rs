//! How cells look.

use rust_xlsxwriter::{Color, ExcelDateTime, Format, FormatAlign, Worksheet, XlsxError};

use super::{Cell, Sheet};

/// Longest text of a cell, in characters.
const MAX_CHARS: usize = 32_000;
/// Narrowest and widest column, in characters.
const WIDTHS: (usize, usize) = (9, 60);
/// Lines that a column's width is taken from.
const MEASURED: usize = 200;
/// Characters of a moment, and of any number as it is shown.
const MOMENT: usize = 19;
const FIGURE: usize = 12;

/// The formats of a workbook.
pub(super) struct Styles {
    header: Format,
    text: Format,
    day: Format,
    time: Format,
    count: Format,
    share: Format,
    /// From 100 on, from 1 on, and below.
    numbers: [Format; 3],
}

impl Default for Styles {
    fn default() -> Self {
        let number = |pattern: &str| Format::new().set_num_format(pattern);
        Self {
            header: Format::new()
                .set_bold()
                .set_background_color(Color::RGB(0x00E8_EBEF)),
            // A text that wraps would make lines of different heights; one that does not is cut at the next cell.
            text: Format::new().set_align(FormatAlign::Left),
            day: number("yyyy-mm-dd"),
            time: number("yyyy-mm-dd hh:mm:ss"),
            count: number("#,##0"),
            share: number("0.00%"),
            numbers: ["#,##0.00", "0.000", "0.000000"].map(number),
        }
    }
}

impl Styles {
    /// Writes a sheet: a header that stays in sight, lines that can be filtered.
    pub(super) fn write(&self, sheet: &Sheet, to: &mut Worksheet) -> Result<(), XlsxError> {
        to.set_name(sheet.name)?;
        to.set_freeze_panes(1, 0)?;
        for (column, name) in (0..).zip(&sheet.columns) {
            to.write_string_with_format(0, column, *name, &self.header)?;
            to.set_column_width(column, width(sheet, column))?;
        }
        for (row, cells) in (1..).zip(&sheet.rows) {
            for (column, cell) in (0..).zip(cells) {
                self.cell(to, (row, column), cell)?;
            }
        }
        let last = (1..).zip(&sheet.rows).last().map(|(row, _)| row);
        let right = (0..).zip(&sheet.columns).last().map(|(column, _)| column);
        if let Some((last, right)) = last.zip(right) {
            to.autofilter(0, 0, last, right)?;
        }
        Ok(())
    }

    fn cell(
        &self,
        to: &mut Worksheet,
        (row, column): (u32, u16),
        cell: &Cell,
    ) -> Result<(), XlsxError> {
        match cell {
            Cell::Blank => {}
            Cell::Text(text) => {
                to.write_string_with_format(row, column, clipped(text), &self.text)?;
            }
            Cell::Day(day) => match ExcelDateTime::parse_from_str(day) {
                Ok(day) => {
                    to.write_datetime_with_format(row, column, day, &self.day)?;
                }
                Err(_) => {
                    to.write_string(row, column, day)?;
                }
            },
            Cell::Time(at) => {
                let at = ExcelDateTime::from_timestamp(at.millis().div_euclid(1_000))?;
                to.write_datetime_with_format(row, column, at, &self.time)?;
            }
            Cell::Count(count) => {
                to.write_number_with_format(row, column, *count as f64, &self.count)?;
            }
            Cell::Number(value) => {
                to.write_number_with_format(row, column, *value, self.number(*value))?;
            }
            Cell::Share(value) => {
                to.write_number_with_format(row, column, *value, &self.share)?;
            }
            Cell::Flag(flag) => {
                to.write_boolean(row, column, *flag)?;
            }
        }
        Ok(())
    }

    fn number(&self, value: f64) -> &Format {
        let [large, middle, small] = &self.numbers;
        match value.abs() {
            size if size >= 100.0 => large,
            size if size >= 1.0 || size <= 0.0 => middle,
            _ => small,
        }
    }
}

/// A text as long as a cell can have it.
pub(super) fn clipped(text: &str) -> String {
    text.chars().take(MAX_CHARS).collect()
}

fn width(sheet: &Sheet, column: u16) -> f64 {
    let at = usize::from(column);
    let chars = |cell: &Cell| match cell {
        Cell::Blank => 0,
        Cell::Text(text) => text.chars().count(),
        Cell::Day(day) => day.len(),
        Cell::Time(_) => MOMENT,
        Cell::Count(_) | Cell::Number(_) | Cell::Share(_) | Cell::Flag(_) => FIGURE,
    };
    let cells = sheet.rows.iter().take(MEASURED);
    let cells = cells.filter_map(|row| row.get(at)).map(chars);
    let name = sheet.columns.get(at).map_or(0, |name| name.len() + 3);
    let (least, most) = WIDTHS;
    cells.max().unwrap_or(0).max(name).clamp(least, most) as f64 + 1.0
}
