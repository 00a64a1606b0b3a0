//! Numbers as people read them.

use super::label::Label;

/// Columns of the name of a currency.
const CURRENCY: usize = 8;

/// What the numbers of a chart are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unit {
    /// A part of one, shown as percent: 0.031 is 3.1 %.
    Percent,
    /// A difference of two parts of one, shown in percentage points: 0.031 is 3.1 pp.
    Points,
    /// An amount of a currency, whose name follows it.
    Money(Label),
    /// A number as it is.
    Plain,
}

impl Unit {
    fn factor(&self) -> f64 {
        match self {
            Self::Percent | Self::Points => 100.0,
            Self::Money(_) | Self::Plain => 1.0,
        }
    }

    fn suffix(&self) -> String {
        match self {
            Self::Percent => " %".to_owned(),
            Self::Points => " pp".to_owned(),
            Self::Money(currency) => format!(" {}", currency.short(CURRENCY)),
            Self::Plain => String::new(),
        }
    }

    /// The number: 3.1 %.
    pub fn text(&self, value: f64) -> String {
        self.with_sign(value, "")
    }

    /// A difference, with its sign: +3.1 %.
    pub fn signed(&self, value: f64) -> String {
        self.with_sign(value, "+")
    }

    /// An interval of differences: +0.4 % to +5.9 %.
    pub(super) fn between([low, high]: [f64; 2], text: impl Fn(f64) -> String) -> String {
        format!("{} to {}", text(low), text(high))
    }

    /// A number of an axis whose ticks are so far apart.
    pub(crate) fn tick(&self, value: f64, step: f64, plus: &str) -> String {
        let step = step * self.factor();
        // 0.25 needs two decimals, 0.2 one: the first that shows the step exactly.
        let short = |decimals: &i32| {
            let scaled = step * 10_f64.powi(*decimals);
            (scaled - scaled.round()).abs() < 1e-6 * scaled.abs()
        };
        let decimals = (0..9).find(short).unwrap_or(9);
        self.decimals(value, usize::try_from(decimals).unwrap_or(0), plus)
    }

    fn with_sign(&self, value: f64, plus: &str) -> String {
        // A rate of 3.04 % and a lift of 3.1 %: what is measured more exactly has more digits.
        let least = if plus.is_empty() { 10.0 } else { 0.1 };
        let decimals = match (self, (value * self.factor()).abs()) {
            (Self::Percent | Self::Points, size) if size >= 1_000.0 => 0,
            (Self::Percent | Self::Points, size) if size >= least || size <= 0.0 => 1,
            (Self::Percent | Self::Points | Self::Money(_), _) => 2,
            (Self::Plain, size) if size >= 1_000.0 || size.fract() <= 0.0 => 0,
            (Self::Plain, size) if size >= 10.0 => 1,
            (Self::Plain, size) if size >= 1.0 => 2,
            (Self::Plain, _) => 4,
        };
        self.decimals(value, decimals, plus)
    }

    fn decimals(&self, value: f64, decimals: usize, plus: &str) -> String {
        let scaled = value * self.factor();
        let digits = if scaled.is_finite() {
            grouped(&format!("{:.decimals$}", scaled.abs()))
        } else {
            "∞".to_owned()
        };
        let is_zero = !digits.contains(|c: char| c != '0' && c != '.');
        let sign = match scaled {
            _ if is_zero => "",
            below if below < 0.0 => "−",
            _ => plus,
        };
        format!("{sign}{digits}{}", self.suffix())
    }
}

/// A probability that a posterior gives: never certain.
pub(super) fn probability(probability: f64) -> String {
    match probability {
        p if p < 0.001 => "< 0.1 %".to_owned(),
        p if p > 0.999 => "> 99.9 %".to_owned(),
        p => Unit::Percent.decimals(p, 1, ""),
    }
}

/// Commas between the thousands of a number without sign.
fn grouped(digits: &str) -> String {
    let whole = digits.find('.').unwrap_or(digits.len());
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && at < whole && (whole - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        let euro = Unit::Money("EUR".into());
        for (text, expected) in [
            (Unit::Percent.signed(0.0312), "+3.1 %"),
            (Unit::Percent.signed(-0.004), "−0.4 %"),
            (Unit::Percent.signed(0.000_41), "+0.04 %"),
            (Unit::Percent.signed(0.0), "0.0 %"),
            (Unit::Percent.signed(f64::NEG_INFINITY), "−∞ %"),
            (Unit::Percent.signed(123.4), "+12,340 %"),
            (Unit::Percent.text(0.0304), "3.04 %"),
            (Unit::Points.signed(0.0031), "+0.3 pp"),
            (euro.signed(-1_550.5), "−1,550.50 EUR"),
            (Unit::Plain.text(64_123.0), "64,123"),
            (Unit::Plain.text(0.25), "0.2500"),
            (probability(0.9999), "> 99.9 %"),
            (probability(0.0001), "< 0.1 %"),
            (probability(0.25), "25.0 %"),
        ] {
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn ticks_have_the_digits_that_tell_them_apart() {
        assert_eq!(Unit::Percent.tick(0.05, 0.05, "+"), "+5 %");
        assert_eq!(Unit::Percent.tick(0.005, 0.005, "+"), "+0.5 %");
        assert_eq!(Unit::Percent.tick(0.0, 0.005, "+"), "0.0 %");
        assert_eq!(Unit::Plain.tick(20_000.0, 20_000.0, ""), "20,000");
        assert_eq!(Unit::Plain.tick(-0.25, 0.25, ""), "−0.25");
    }
}
