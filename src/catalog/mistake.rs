//! Mistakes of a definition: each names its file, line and key, so that all of them can be mended in one go.
//!
//! A reader that stops at the first mistake makes its user run it once per mistake. Here nothing stops: every check
//! adds to [`Mistakes`] and goes on.

use std::fmt;

use serde::Serialize;

/// One mistake of a definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mistake {
    /// The file, as the reader was told; `None` for a definition sent to the API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line, from 1, where the format keeps lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// Dotted path of the key, such as `variants[1].weight`; empty for the document as a whole.
    pub key: String,
    /// What kind of mistake it is.
    pub code: Code,
    /// What is wrong and what would be right, in one sentence that follows the key.
    pub detail: String,
}

/// The kinds of mistakes: stable names for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The text is neither TOML nor JSON.
    Syntax,
    /// No such key exists here.
    UnknownKey,
    /// The value has the wrong type.
    WrongType,
    /// A required key is missing.
    Missing,
    /// The value is impossible.
    Invalid,
    /// The same key is used twice.
    Duplicate,
    /// Two settings, or two experiments, exclude each other.
    Conflict,
    /// The value names something that does not exist.
    UnknownReference,
    /// Too many entries, or too much text.
    TooLarge,
    /// A known key or value whose behaviour is not there yet.
    NotSupportedYet,
}

impl Code {
    /// The stable name, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Syntax => "syntax",
            Self::UnknownKey => "unknown_key",
            Self::WrongType => "wrong_type",
            Self::Missing => "missing",
            Self::Invalid => "invalid",
            Self::Duplicate => "duplicate",
            Self::Conflict => "conflict",
            Self::UnknownReference => "unknown_reference",
            Self::TooLarge => "too_large",
            Self::NotSupportedYet => "not_supported_yet",
        }
    }
}

impl Mistake {
    /// A mistake at a key; file and line are added where they are known.
    pub fn new(key: impl Into<String>, code: Code, detail: impl Into<String>) -> Self {
        Self {
            file: None,
            line: None,
            key: key.into(),
            code,
            detail: detail.into(),
        }
    }

    /// The same mistake, in a file.
    #[must_use]
    pub fn in_file(self, file: &str) -> Self {
        Self {
            file: Some(file.to_owned()),
            ..self
        }
    }

    /// The same mistake, on a line.
    #[must_use]
    pub fn on_line(self, line: Option<usize>) -> Self {
        Self { line, ..self }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, self.line) {
            (Some(file), Some(line)) => write!(f, "{file}:{line}: ")?,
            (Some(file), None) => write!(f, "{file}: ")?,
            (None, Some(line)) => write!(f, "line {line}: ")?,
            (None, None) => {}
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.detail)
    }
}

/// Mistakes as they are found.
#[derive(Debug, Clone, Default)]
pub struct Mistakes(Vec<Mistake>);

impl Mistakes {
    /// Adds one.
    pub fn add(&mut self, mistake: Mistake) {
        self.0.push(mistake);
    }

    /// Adds many.
    pub fn extend(&mut self, mistakes: impl IntoIterator<Item = Mistake>) {
        self.0.extend(mistakes);
    }

    /// Whether none was found.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, by file and line; those of one line stay in the order in which they were found.
    pub fn sorted(mut self) -> Vec<Mistake> {
        self.0
            .sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
        self.0
    }

    /// In the order in which they were found.
    pub(crate) fn found(&self) -> &[Mistake] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_reads_like_a_compiler_message() {
        let mistake = Mistake::new("variants[1].weight", Code::Invalid, "must be positive");
        assert_eq!(mistake.to_string(), "variants[1].weight: must be positive");
        let placed = mistake.in_file("experiments/hero.toml").on_line(Some(12));
        assert_eq!(
            placed.to_string(),
            "experiments/hero.toml:12: variants[1].weight: must be positive"
        );
        let json = serde_json::to_value(&placed).unwrap();
        assert_eq!(json["code"], placed.code.name());
    }

    #[test]
    fn mistakes_come_by_file_and_line() {
        let mut mistakes = Mistakes::default();
        for (file, line) in [("b", Some(1)), ("a", Some(7)), ("a", None), ("a", Some(3))] {
            mistakes.add(
                Mistake::new("k", Code::Invalid, "")
                    .in_file(file)
                    .on_line(line),
            );
        }
        let order: Vec<_> = mistakes
            .sorted()
            .into_iter()
            .map(|m| (m.file.unwrap(), m.line))
            .collect();
        let expected = [("a", None), ("a", Some(3)), ("a", Some(7)), ("b", Some(1))];
        assert_eq!(order, expected.map(|(file, line)| (file.to_owned(), line)));
    }
}
