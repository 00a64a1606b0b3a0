//! Times on a page.

use std::fmt;

use askama::filters::HtmlSafe;

use crate::time::Timestamp;

/// A time to the second, in UTC: `<time datetime="2026-03-01T12:00:00.000Z">2026-03-01 12:00:00</time>`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment(pub(super) Timestamp);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = self.0.to_string();
        let words = exact.get(..19).unwrap_or(&exact).replace('T', " ");
        write!(f, "<time datetime=\"{exact}\">{words}</time>")
    }
}

impl HtmlSafe for Moment {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_stands_beside_its_words() {
        let at = Timestamp::parse("2026-03-01T12:00:00.250Z").unwrap();
        let told = "<time datetime=\"2026-03-01T12:00:00.250Z\">2026-03-01 12:00:00</time>";
        assert_eq!(Moment(at).to_string(), told);
    }
}
