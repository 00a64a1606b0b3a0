//! Numbers on a page: as people read them, with the number itself beside it for programs and tests, so that what a page
//! says can be held against the report.

use std::fmt;

use askama::filters::HtmlSafe;

use crate::report::table::cells;

/// A number: `<data value="0.031">+3.1 %</data>`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Number {
    value: f64,
    text: String,
}

impl fmt::Display for Number {
    /// The text has no character that HTML gives a meaning, but the signs of comparison.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.text.replace('<', "&lt;").replace('>', "&gt;");
        write!(f, "<data value=\"{}\">{text}</data>", self.value)
    }
}

impl HtmlSafe for Number {}

impl Number {
    /// 12,345
    pub(super) fn count(count: u64) -> Self {
        Self {
            value: count as f64,
            text: cells::grouped(count),
        }
    }

    /// A count that is kept as a sum: 12,345
    pub(super) fn whole(count: f64) -> Self {
        Self {
            value: count,
            text: cells::whole(count),
        }
    }

    /// A share of everything: 12.5 %.
    pub(super) fn share(share: f64) -> Self {
        Self {
            value: share,
            text: cells::percent(Some(share), 1),
        }
    }

    /// A change: +3.1 %.
    pub(super) fn change(change: f64) -> Self {
        Self {
            value: change,
            text: cells::signed_percent(change),
        }
    }

    /// What a posterior gives: never certain.
    pub(super) fn chance(chance: f64) -> Self {
        Self {
            value: chance,
            text: cells::probability(chance),
        }
    }

    /// A p-value.
    pub(super) fn p(p: f64) -> Self {
        Self {
            value: p,
            text: cells::p_value(p),
        }
    }

    /// Some days: 5.7
    pub(super) fn days(value: f64) -> Self {
        Self {
            value,
            text: format!("{value:.1}"),
        }
    }

    /// A mean, or a total.
    pub(super) fn decimal(value: f64) -> Self {
        Self {
            value,
            text: cells::decimal(value),
        }
    }

    /// A difference, with its sign.
    pub(super) fn difference(value: f64) -> Self {
        let sign = if value < 0.0 { "" } else { "+" };
        Self {
            value,
            text: format!("{sign}{}", cells::decimal(value)),
        }
    }

    /// An amount: 1,550
    pub(super) fn plain_amount(value: f64) -> Self {
        Self {
            value,
            text: cells::money(value, None),
        }
    }

    /// An amount with its sign: +1,550
    pub(super) fn amount(value: f64) -> Self {
        Self {
            value,
            text: cells::signed_money(value, None),
        }
    }
}

/// A figure with its interval, each as it is written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spanned {
    /// The estimate.
    pub(super) estimate: Number,
    /// Its ends, where there are any.
    pub(super) ends: Option<(Number, Number)>,
}

impl Spanned {
    /// An effect whose numbers are written in one way.
    pub(super) fn new(effect: crate::report::Effect, write: fn(f64) -> Number) -> Self {
        let ends = effect.low.zip(effect.high);
        Self {
            estimate: write(effect.estimate),
            ends: ends.map(|(low, high)| (write(low), write(high))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_stands_beside_its_words() {
        let told = |number: Number| number.to_string();
        assert_eq!(
            told(Number::change(0.031_25)),
            "<data value=\"0.03125\">+3.1 %</data>"
        );
        assert_eq!(
            told(Number::chance(0.999_9)),
            "<data value=\"0.9999\">&gt; 99.9 %</data>"
        );
        assert_eq!(
            told(Number::amount(-1_550.4)),
            "<data value=\"-1550.4\">-1,550</data>"
        );
        assert_eq!(
            told(Number::difference(0.25)),
            "<data value=\"0.25\">+0.2500</data>"
        );
        assert_eq!(
            told(Number::count(12_345)),
            "<data value=\"12345\">12,345</data>"
        );
    }
}
