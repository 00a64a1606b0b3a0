//! Reading tables: typed access that notes every wrong type, unknown key and missing key, and goes on.
//!
//! A value that can not be read is noted and answered as `None`; the reader puts a placeholder, which is never seen
//! outside because a definition with mistakes is not answered at all.

use serde_json::{Map, Value};

use super::rules::is_date;
use crate::catalog::document::{Document, join};
use crate::catalog::mistake::{Code, Mistake, Mistakes};
use crate::time::Timestamp;

/// A table of the document, and where it is.
#[derive(Clone)]
pub(crate) struct Table<'d> {
    values: &'d Map<String, Value>,
    pub(crate) path: String,
}

/// The keys of a table: those that are read, and those whose behaviour comes later.
pub(crate) struct Keys {
    pub(crate) known: &'static [&'static str],
    pub(crate) later: &'static [&'static str],
}

/// The values a key may have: those that work, and those that come later.
pub(crate) struct Choices<T: 'static> {
    pub(crate) now: &'static [(&'static str, T)],
    pub(crate) later: &'static [&'static str],
}

/// Reads one document.
pub(crate) struct Form<'d> {
    document: &'d Document,
    mistakes: Mistakes,
}

impl<'d> Form<'d> {
    pub(crate) fn new(document: &'d Document) -> Self {
        Self {
            document,
            mistakes: Mistakes::default(),
        }
    }

    pub(crate) fn finish(self) -> Mistakes {
        self.mistakes
    }

    pub(crate) fn root(&mut self, keys: &Keys) -> Table<'d> {
        let table = Table {
            values: self.document.root(),
            path: String::new(),
        };
        self.check_keys(&table, keys);
        table
    }

    pub(crate) fn note(&mut self, path: &str, code: Code, detail: impl Into<String>) {
        let line = self.document.line(path);
        self.mistakes
            .add(Mistake::new(path, code, detail).on_line(line));
    }

    fn check_keys(&mut self, table: &Table<'_>, keys: &Keys) {
        for key in table.values.keys().map(String::as_str) {
            let path = join(&table.path, key);
            if keys.later.contains(&key) {
                let detail = format!("`{key}` is not supported yet; remove it");
                self.note(&path, Code::NotSupportedYet, detail);
            } else if !keys.known.contains(&key) {
                let hint = did_you_mean(key, keys.known.iter().chain(keys.later).copied());
                self.note(&path, Code::UnknownKey, format!("is an unknown key{hint}"));
            }
        }
    }

    fn read<T>(
        &mut self,
        table: &Table<'d>,
        key: &str,
        expected: &str,
        convert: impl FnOnce(&'d Value) -> Option<T>,
    ) -> Option<T> {
        let value = table.values.get(key)?;
        let converted = convert(value);
        if converted.is_none() {
            let detail = format!("must be {expected}, not {}", described(value));
            self.note(&join(&table.path, key), Code::WrongType, detail);
        }
        converted
    }

    /// Notes a required key that is missing.
    pub(crate) fn require(&mut self, table: &Table<'_>, key: &str, what: &str) {
        if !table.values.contains_key(key) {
            self.note(
                &join(&table.path, key),
                Code::Missing,
                format!("is missing: {what}"),
            );
        }
    }

    pub(crate) fn text(&mut self, table: &Table<'d>, key: &str) -> Option<String> {
        self.read(table, key, "a text", |value| {
            value.as_str().map(str::to_owned)
        })
    }

    pub(crate) fn number(&mut self, table: &Table<'d>, key: &str) -> Option<f64> {
        self.read(table, key, "a number", Value::as_f64)
    }

    pub(crate) fn truth(&mut self, table: &Table<'d>, key: &str) -> Option<bool> {
        self.read(table, key, "true or false", Value::as_bool)
    }

    pub(crate) fn whole(&mut self, table: &Table<'d>, key: &str) -> Option<u64> {
        self.read(table, key, "a whole number of at least 0", Value::as_u64)
    }

    /// Any value.
    pub(crate) fn value(&mut self, table: &Table<'d>, key: &str) -> Option<Value> {
        self.read(table, key, "a value", |value| Some(value.clone()))
    }

    /// A text that `parse` understands; its error follows the key.
    pub(crate) fn parsed<T, E: std::fmt::Display>(
        &mut self,
        table: &Table<'d>,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(table, key)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.note(
                    &join(&table.path, key),
                    Code::Invalid,
                    format!("{error}, but \"{text}\" was given"),
                );
                None
            }
        }
    }

    /// A time: RFC 3339, a date for its midnight in UTC, or milliseconds since 1970.
    pub(crate) fn instant(&mut self, table: &Table<'d>, key: &str) -> Option<Timestamp> {
        if let Some(ms) = table.values.get(key).and_then(Value::as_i64) {
            return match Timestamp::from_millis(ms) {
                Ok(instant) => Some(instant),
                Err(error) => {
                    self.note(&join(&table.path, key), Code::Invalid, error.to_string());
                    None
                }
            };
        }
        self.parsed(table, key, |text| {
            if is_date(text) {
                Timestamp::parse(&format!("{text}T00:00:00Z"))
            } else {
                Timestamp::parse(text)
            }
        })
    }

    pub(crate) fn choice<T: Copy>(
        &mut self,
        table: &Table<'d>,
        key: &str,
        choices: &Choices<T>,
    ) -> Option<T> {
        let text = self.text(table, key)?;
        if let Some((_, value)) = choices.now.iter().find(|(name, _)| *name == text) {
            return Some(*value);
        }
        let names: Vec<_> = choices.now.iter().map(|(name, _)| *name).collect();
        let path = join(&table.path, key);
        if choices.later.contains(&text.as_str()) {
            let detail = format!(
                "\"{text}\" is not supported yet; use one of: {}",
                names.join(", ")
            );
            self.note(&path, Code::NotSupportedYet, detail);
        } else {
            let hint = did_you_mean(&text, names.iter().copied());
            let detail = format!("must be one of: {}; not \"{text}\"{hint}", names.join(", "));
            self.note(&path, Code::Invalid, detail);
        }
        None
    }

    pub(crate) fn table(&mut self, table: &Table<'d>, key: &str, keys: &Keys) -> Option<Table<'d>> {
        let values = self.read(table, key, "a table", Value::as_object)?;
        let table = Table {
            values,
            path: join(&table.path, key),
        };
        self.check_keys(&table, keys);
        Some(table)
    }

    /// The items of a list, each with its path.
    pub(crate) fn items(&mut self, table: &Table<'d>, key: &str) -> Vec<(String, &'d Value)> {
        let items = self.read(table, key, "a list", Value::as_array);
        let path = join(&table.path, key);
        let numbered = items.into_iter().flatten().enumerate();
        numbered
            .map(|(at, item)| (format!("{path}[{at}]"), item))
            .collect()
    }

    /// The tables of a list of tables.
    pub(crate) fn tables(&mut self, table: &Table<'d>, key: &str, keys: &Keys) -> Vec<Table<'d>> {
        let mut tables = Vec::new();
        for (path, item) in self.items(table, key) {
            tables.extend(self.as_table(path, item, keys));
        }
        tables
    }

    pub(crate) fn as_table(
        &mut self,
        path: String,
        item: &'d Value,
        keys: &Keys,
    ) -> Option<Table<'d>> {
        let Some(values) = item.as_object() else {
            self.note(
                &path,
                Code::WrongType,
                format!("must be a table, not {}", described(item)),
            );
            return None;
        };
        let table = Table { values, path };
        self.check_keys(&table, keys);
        Some(table)
    }

    /// The numbers of a list of whole numbers.
    pub(crate) fn wholes(&mut self, table: &Table<'d>, key: &str) -> Vec<u32> {
        let mut wholes = Vec::new();
        for (path, item) in self.items(table, key) {
            match item.as_u64().and_then(|whole| u32::try_from(whole).ok()) {
                Some(whole) => wholes.push(whole),
                None => self.note(
                    &path,
                    Code::WrongType,
                    format!("must be a whole number, not {}", described(item)),
                ),
            }
        }
        wholes
    }

    /// The texts of a list of texts.
    pub(crate) fn texts(&mut self, table: &Table<'d>, key: &str) -> Vec<String> {
        let mut texts = Vec::new();
        for (path, item) in self.items(table, key) {
            match item.as_str() {
                Some(text) => texts.push(text.to_owned()),
                None => self.note(
                    &path,
                    Code::WrongType,
                    format!("must be a text, not {}", described(item)),
                ),
            }
        }
        texts
    }
}

impl Table<'_> {
    pub(crate) fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    pub(crate) fn holds_table(&self, key: &str) -> bool {
        self.values.get(key).is_some_and(Value::is_object)
    }
}

pub(crate) fn described(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    }
}

/// A hint at the nearest of `known`, if it is near enough to be a slip of the finger.
fn did_you_mean<'k>(given: &str, known: impl Iterator<Item = &'k str>) -> String {
    if given.len() > 40 {
        return String::new();
    }
    let nearest = known.map(|name| (distance(given, name), name)).min();
    match nearest {
        Some((steps, name)) if steps <= 1 + name.len() / 4 => format!("; did you mean `{name}`?"),
        Some(_) | None => String::new(),
    }
}

/// How many characters must be put in, taken out or replaced to get from one text to the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_finger_get_a_hint() {
        let known = ["weight", "payload", "key"];
        assert_eq!(
            did_you_mean("wieght", known.into_iter()),
            "; did you mean `weight`?"
        );
        assert_eq!(
            did_you_mean("paylod", known.into_iter()),
            "; did you mean `payload`?"
        );
        assert_eq!(did_you_mean("colour", known.into_iter()), "");
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
