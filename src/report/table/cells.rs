//! Cells of a text table: numbers as people read them, aligned by characters.

/// Widest first column, in characters.
const MAX_NAME_CHARS: usize = 32;
/// Widest line, in characters.
const MAX_LINE_CHARS: usize = 110;

/// A table whose first column is aligned to the left, the others to the right.
pub(crate) struct Aligned {
    rows: Vec<Vec<String>>,
}

impl Aligned {
    pub(crate) fn new(header: &[&str]) -> Self {
        Self {
            rows: vec![header.iter().map(|name| (*name).to_owned()).collect()],
        }
    }

    pub(crate) fn row(&mut self, mut cells: Vec<String>) {
        if let Some(name) = cells.first_mut() {
            *name = clipped(name);
        }
        self.rows.push(cells);
    }

    pub(crate) fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let chars = |column: usize| {
            let cells = self.rows.iter().filter_map(move |row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(chars).collect();
        let mut out = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let gap = " ".repeat(width.saturating_sub(cell.chars().count()));
                let (before, after) = if column == 0 {
                    ("", gap.as_str())
                } else {
                    (gap.as_str(), "")
                };
                line.extend(["  ", before, cell, after]);
            }
            out += line.trim_end();
            out.push('\n');
        }
        out
    }
}

/// A name of at most 32 characters.
pub(crate) fn clipped(name: &str) -> String {
    if name.chars().count() <= MAX_NAME_CHARS {
        return name.to_owned();
    }
    let kept: String = name.chars().take(MAX_NAME_CHARS - 1).collect();
    kept + "…"
}

/// A text from a definition, without characters that steer a terminal.
pub(crate) fn label(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

/// 12,345
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// An amount of money: to the cent below 100.
pub(crate) fn money(amount: f64, currency: Option<&str>) -> String {
    let sign = if amount < 0.0 { "-" } else { "" };
    let size = amount.abs();
    let number = if size < 100.0 {
        format!("{size:.2}")
    } else {
        grouped(rounded(size))
    };
    let unit = currency.map_or_else(String::new, |currency| format!(" {}", label(currency)));
    format!("{sign}{number}{unit}")
}

/// The same with its sign.
pub(crate) fn signed_money(amount: f64, currency: Option<&str>) -> String {
    let sign = if amount < 0.0 { "" } else { "+" };
    format!("{sign}{}", money(amount, currency))
}

/// A share as percent; empty if absent.
pub(crate) fn percent(share: Option<f64>, decimals: usize) -> String {
    share.map_or_else(String::new, |share| {
        format!("{:.decimals$} %", share * 100.0)
    })
}

/// A change as percent with its sign.
pub(crate) fn signed_percent(change: f64) -> String {
    let percent = change * 100.0;
    let decimals = usize::from(percent.abs() < 1_000.0);
    format!("{percent:+.decimals$} %")
}

/// A number without decimals: -12,345
pub(crate) fn whole(value: f64) -> String {
    let sign = if value < 0.0 { "-" } else { "" };
    format!("{sign}{}", grouped(rounded(value.abs())))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative, and a cast saturates"
)]
fn rounded(size: f64) -> u64 {
    size.round() as u64
}

/// A mean with four significant digits or more, down to 0.001.
pub(crate) fn decimal(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 100.0 => 2,
        size if size >= 1.0 || size <= 0.0 => 3,
        size if size >= 0.1 => 4,
        _ => 6,
    };
    format!("{value:.decimals$}")
}

/// A probability that a posterior gives: never certain.
pub(crate) fn probability(probability: f64) -> String {
    match probability {
        p if p < 0.001 => "< 0.1 %".to_owned(),
        p if p > 0.999 => "> 99.9 %".to_owned(),
        p => percent(Some(p), 1),
    }
}

/// A remark behind its lead, in lines of at most 110 characters.
pub(crate) fn wrapped(lead: &str, text: &str) -> String {
    let mut out = String::new();
    let mut width = 0;
    for word in lead.split(' ').chain(text.split_whitespace()) {
        let chars = word.chars().count();
        if width > 0 && width + chars > MAX_LINE_CHARS {
            out.truncate(out.trim_end().len());
            out += "\n    ";
            width = 4;
        }
        out += word;
        out.push(' ');
        width += chars + 1;
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

/// A p-value.
pub(crate) fn p_value(p: f64) -> String {
    if p < 0.0001 {
        "< 0.0001".to_owned()
    } else {
        format!("{p:.4}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_remarks_are_wrapped() {
        let remark = wrapped("  !", &"größer ".repeat(40));
        assert!(remark.starts_with("  ! größer größer"));
        assert!(
            remark.lines().count() == 3 && remark.lines().all(|line| line.chars().count() <= 110)
        );
    }

    #[test]
    fn columns_are_aligned_by_characters_and_long_names_clipped() {
        let mut table = Aligned::new(&["Name", "N"]);
        table.row(vec!["größe".into(), "1".into()]);
        table.row(vec!["x".repeat(40), "1,000".into()]);
        let rendered = table.render();
        let widths: Vec<usize> = rendered.lines().map(|line| line.chars().count()).collect();
        assert!(widths.iter().all(|width| *width == 2 + 32 + 2 + 5));
    }

    #[test]
    fn numbers_as_people_read_them() {
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(12), "12");
        assert_eq!(signed_percent(-0.0512), "-5.1 %");
        assert_eq!(
            (decimal(0.0), decimal(0.012_531)),
            ("0.000".into(), "0.012531".into())
        );
        assert_eq!(p_value(1e-9), "< 0.0001");
        assert_eq!(
            (probability(1.0), probability(0.5)),
            ("> 99.9 %".into(), "50.0 %".into())
        );
        assert_eq!(label("a\u{1b}[31m"), "a\u{fffd}[31m");
    }
}
