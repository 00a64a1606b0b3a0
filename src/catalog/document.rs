//! One tree of values for both formats, with the line of every key where the format keeps lines.
//!
//! TOML and JSON have the same shape, so everything after this module reads one [`Document`]: a JSON value and, for
//! TOML, the line per dotted path. TOML's dates and times become their RFC 3339 text. Both parsers bound the depth of
//! nesting (TOML 80, JSON 128 levels) and answer deeper texts with a mistake.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value};
use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use super::mistake::{Code, Mistake};
use strict::Strict;

mod strict;

/// Longest text that is read as a definition, in bytes.
const MAX_BYTES: usize = 4 << 20;
/// Most syntax errors that are reported for one text.
const MAX_SYNTAX_ERRORS: usize = 20;

/// A definition's text as a tree of values.
#[derive(Debug)]
pub(crate) struct Document {
    root: Map<String, Value>,
    lines: BTreeMap<String, usize>,
}

impl Document {
    /// Reads TOML; answers all its syntax errors.
    pub(crate) fn toml(text: &str) -> Result<Self, Vec<Mistake>> {
        bounded(text)?;
        let (table, errors) = DeTable::parse_recoverable(text);
        let lines = LineIndex::new(text);
        if !errors.is_empty() {
            return Err(syntax_errors(&errors, &lines));
        }
        let mut reading = Reading {
            index: lines,
            lines: BTreeMap::new(),
            mistakes: Vec::new(),
        };
        let root = reading.table(table.get_ref(), "");
        if reading.mistakes.is_empty() {
            Ok(Self {
                root,
                lines: reading.lines,
            })
        } else {
            Err(reading.mistakes)
        }
    }

    /// Reads JSON.
    pub(crate) fn json(text: &str) -> Result<Self, Vec<Mistake>> {
        bounded(text)?;
        match serde_json::from_str(text) {
            Ok(Strict(Value::Object(root))) => Ok(Self {
                root,
                lines: BTreeMap::new(),
            }),
            Ok(Strict(_)) => Err(vec![syntax("must be a JSON object".to_owned())]),
            Err(error) => {
                let line = (error.line() > 0).then(|| error.line());
                Err(vec![syntax(format!("is not JSON: {error}")).on_line(line)])
            }
        }
    }

    /// The top level.
    pub(crate) fn root(&self) -> &Map<String, Value> {
        &self.root
    }

    /// A mistake with the line of its key.
    pub(crate) fn placed(&self, mistake: Mistake) -> Mistake {
        let line = self.line(&mistake.key);
        mistake.on_line(line)
    }

    /// The line of a key or, where it is missing, of the table that it is missing from.
    pub(crate) fn line(&self, path: &str) -> Option<usize> {
        let mut path = path;
        loop {
            if let Some(line) = self.lines.get(path) {
                return Some(*line);
            }
            path = &path[..path.rfind(['.', '['])?];
        }
    }
}

/// The path of a key inside the table at `path`.
pub(crate) fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

fn syntax(detail: String) -> Mistake {
    Mistake::new("", Code::Syntax, detail)
}

/// One mistake per line: what follows an error on its line is seldom a second one.
fn syntax_errors(errors: &[toml::de::Error], lines: &LineIndex) -> Vec<Mistake> {
    let mut mistakes: Vec<Mistake> = Vec::new();
    for error in errors.iter().take(MAX_SYNTAX_ERRORS) {
        let line = error.span().map(|span| lines.line(span.start));
        if mistakes.iter().all(|earlier| earlier.line != line) {
            mistakes.push(syntax(format!("is not TOML: {}", error.message())).on_line(line));
        }
    }
    mistakes
}

fn bounded(text: &str) -> Result<(), Vec<Mistake>> {
    if text.len() <= MAX_BYTES {
        return Ok(());
    }
    let detail = format!("is {} bytes long; at most {MAX_BYTES} are read", text.len());
    Err(vec![Mistake::new("", Code::TooLarge, detail)])
}

/// Where the lines of a text begin.
struct LineIndex(Vec<usize>);

impl LineIndex {
    fn new(text: &str) -> Self {
        let after_breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self(
            std::iter::once(0)
                .chain(after_breaks.map(|(at, _)| at + 1))
                .collect(),
        )
    }

    fn line(&self, offset: usize) -> usize {
        self.0.partition_point(|start| *start <= offset)
    }
}

struct Reading {
    index: LineIndex,
    lines: BTreeMap<String, usize>,
    mistakes: Vec<Mistake>,
}

impl Reading {
    fn table(&mut self, table: &DeTable<'_>, path: &str) -> Map<String, Value> {
        let mut values = Map::new();
        for (key, value) in table {
            let path = join(path, key.get_ref());
            self.lines
                .insert(path.clone(), self.index.line(key.span().start));
            values.insert(key.get_ref().clone().into_owned(), self.value(value, &path));
        }
        values
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, path: &str) -> Value {
        match value.get_ref() {
            DeValue::String(text) => Value::String(text.clone().into_owned()),
            DeValue::Boolean(flag) => Value::Bool(*flag),
            DeValue::Datetime(time) => Value::String(time.to_string()),
            DeValue::Integer(whole) => self.number(integer(whole), path),
            DeValue::Float(float) => {
                let number = float.as_str().replace('_', "").parse().ok();
                self.number(number.and_then(Number::from_f64), path)
            }
            DeValue::Array(items) => Value::Array(self.array(items.iter(), path)),
            DeValue::Table(table) => Value::Object(self.table(table, path)),
        }
    }

    fn array<'v, 'i: 'v>(
        &mut self,
        items: impl Iterator<Item = &'v Spanned<DeValue<'i>>>,
        path: &str,
    ) -> Vec<Value> {
        let mut values = Vec::new();
        for (at, item) in items.enumerate() {
            let path = format!("{path}[{at}]");
            self.lines
                .insert(path.clone(), self.index.line(item.span().start));
            values.push(self.value(item, &path));
        }
        values
    }

    fn number(&mut self, number: Option<Number>, path: &str) -> Value {
        let Some(number) = number else {
            let line = self.lines.get(path).copied();
            let detail = "must be a finite number that 64 bits can hold";
            self.mistakes
                .push(Mistake::new(path, Code::Invalid, detail).on_line(line));
            return Value::Null;
        };
        Value::Number(number)
    }
}

fn integer(whole: &DeInteger<'_>) -> Option<Number> {
    let digits = whole.as_str().replace('_', "");
    let signed = i64::from_str_radix(&digits, whole.radix()).map(Number::from);
    signed
        .or_else(|_| u64::from_str_radix(&digits, whole.radix()).map(Number::from))
        .ok()
}
