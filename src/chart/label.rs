//! Texts of a chart: they come from people, so they may be anything.

use std::fmt;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A text without characters that no document may contain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Label(String);

impl Label {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// At most so many columns of it (a wide character has two), with a sign that something is missing.
    pub(super) fn short(&self, columns: usize) -> Isolated {
        if self.0.width() <= columns {
            return Isolated(self.0.clone());
        }
        let mut room = columns.saturating_sub(1);
        let kept = self.0.chars().take_while(|c| {
            let left = room.checked_sub(c.width().unwrap_or(0));
            room = left.unwrap_or(0);
            left.is_some()
        });
        let kept: String = kept.collect();
        Isolated(format!("{}…", kept.trim_end()))
    }
}

impl<T: AsRef<str>> From<T> for Label {
    fn from(text: T) -> Self {
        let allowed = |c: char| match c {
            c if c.is_control() => '\u{fffd}',
            '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
            c => c,
        };
        Self(text.as_ref().chars().map(allowed).collect())
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text between marks that keep its direction to itself, as `dir="auto"` does where a picture has no such thing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Isolated(String);

impl Isolated {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Isolated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_ascii() {
            return f.write_str(&self.0);
        }
        write!(f, "\u{2068}{}\u{2069}", self.0)
    }
}

/// What a chart is called on its page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    id: String,
    pub(super) title: Label,
}

impl Heading {
    /// An id that is unique on the page (all but ASCII letters, digits, `-` and `_` becomes `-`), and a title.
    pub fn new(id: &str, title: impl Into<Label>) -> Self {
        let allowed = |c: char| match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' => c,
            _ => '-',
        };
        Self {
            id: id.chars().map(allowed).collect(),
            title: title.into(),
        }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_short_text_tells_that_it_is_short() {
        assert_eq!(
            Label::from("Free shipping").short(13).to_string(),
            "Free shipping"
        );
        assert_eq!(
            Label::from("Free shipping").short(6).to_string(),
            "\u{2068}Free…\u{2069}"
        );
        assert_eq!(
            Label::from("送料無料").short(5).to_string(),
            "\u{2068}送料…\u{2069}"
        );
    }

    #[test]
    fn an_id_has_no_gaps() {
        assert_eq!(Heading::new("a b<é>", "").id(), "a-b---");
    }

    proptest! {
        #[test]
        fn a_short_text_fits(text in any::<String>(), columns in 1..40_usize) {
            let label = Label::from(text);
            let Isolated(short) = label.short(columns);
            prop_assert!(short.width() <= columns.max(1), "{short}");
            prop_assert!(!label.as_str().contains(char::is_control));
        }
    }
}
