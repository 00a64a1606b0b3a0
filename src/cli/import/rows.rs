//! Records of a CSV file as rows of an import: an assignment, and the events that its columns tell of.
//!
//! Ids are made of the event, the number of the record in its file, and its time where a column gives one: the same
//! file again changes nothing, and the next month's file is not mistaken for this one.

use std::collections::BTreeMap;

use csv::StringRecord;
use serde::Serialize;
use serde_json::Value;

use crate::cli::analyze::converted;
use crate::id::ExperimentKey;
use crate::time::{Timestamp, Window};

/// How long after its assignment an event happens whose time is not given.
const AFTER: Window = Window::from_millis(1_000);

/// An event that columns tell of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EventColumns {
    /// Its name.
    pub(super) event: String,
    /// Whether it happened.
    pub(super) flag: String,
    /// Its amount.
    pub(super) amount: Option<String>,
}

/// Reads `EVENT=FLAG` or `EVENT=FLAG:AMOUNT`.
///
/// # Errors
/// What is wrong with it.
pub(super) fn event_columns(text: &str) -> Result<EventColumns, String> {
    let (event, columns) = text
        .split_once('=')
        .ok_or("is not EVENT=FLAGCOLUMN or EVENT=FLAGCOLUMN:AMOUNTCOLUMN")?;
    let (flag, amount) = match columns.rsplit_once(':') {
        Some((flag, amount)) => (flag, Some(amount.to_owned())),
        None => (columns, None),
    };
    if event.is_empty() || flag.is_empty() || amount.as_deref() == Some("") {
        return Err("has an empty name".to_owned());
    }
    Ok(EventColumns {
        event: event.to_owned(),
        flag: flag.to_owned(),
        amount,
    })
}

/// Which columns mean what.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    /// The experiment the visitors were in.
    pub(super) experiment: ExperimentKey,
    /// Who; without it the number of the record.
    pub(super) visitor: Option<String>,
    /// What they got.
    pub(super) variant: String,
    /// When they got it; without it `fixed_time`.
    pub(super) at: Option<String>,
    /// When their events happened; without it a second later.
    pub(super) event_at: Option<String>,
    /// What is known about them.
    pub(super) attributes: Vec<String>,
    /// What they did.
    pub(super) events: Vec<EventColumns>,
    /// With which probabilities variants were drawn, if that is known.
    pub(super) allocation: Option<BTreeMap<String, f64>>,
    /// The time of assignments without one.
    pub(super) fixed_time: Timestamp,
}

/// A row of the import.
#[derive(Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum Row<'a> {
    /// Somebody got a variant.
    Assignment {
        visitor: String,
        experiment: &'a str,
        variant: &'a str,
        timestamp: Timestamp,
        #[serde(skip_serializing_if = "Option::is_none")]
        allocation: Option<&'a BTreeMap<String, f64>>,
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        attributes: BTreeMap<&'a str, Value>,
    },
    /// Somebody did something.
    Event {
        id: String,
        visitor: String,
        event: &'a str,
        timestamp: Timestamp,
        #[serde(skip_serializing_if = "Option::is_none")]
        properties: Option<Properties>,
    },
}

/// Properties of an event.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Properties {
    revenue: f64,
}

/// What is wrong with a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column:?}{detail}")]
pub(super) struct Unusable {
    column: String,
    detail: String,
}

impl Unusable {
    fn new(column: &str, detail: impl Into<String>) -> Self {
        Self {
            column: column.to_owned(),
            detail: detail.into(),
        }
    }
}

/// Where the columns are.
pub(super) struct Layout<'a> {
    columns: &'a Columns,
    positions: BTreeMap<&'a str, usize>,
}

impl<'a> Layout<'a> {
    /// Finds the columns in the header.
    ///
    /// # Errors
    /// A column that is not there.
    pub(super) fn new(columns: &'a Columns, header: &StringRecord) -> Result<Self, Unusable> {
        let events = columns.events.iter();
        let told = events.flat_map(|event| std::iter::once(&event.flag).chain(&event.amount));
        let wanted = std::iter::once(&columns.variant)
            .chain(&columns.visitor)
            .chain(&columns.at)
            .chain(&columns.event_at)
            .chain(&columns.attributes)
            .chain(told);
        let mut positions = BTreeMap::new();
        for column in wanted {
            let named = |name: &str| name.trim_start_matches('\u{feff}').trim() == column;
            let position = header.iter().position(named).ok_or_else(|| {
                let known: Vec<&str> = header.iter().collect();
                let detail = format!(" does not exist; there are: {}", known.join(", "));
                Unusable::new(column, detail)
            })?;
            positions.insert(column.as_str(), position);
        }
        Ok(Self { columns, positions })
    }

    fn cell<'r>(&self, record: &'r StringRecord, column: &str) -> &'r str {
        let position = self.positions.get(column);
        position
            .and_then(|position| record.get(*position))
            .unwrap_or_default()
            .trim()
    }

    /// The rows of record `number`, counted from 1.
    ///
    /// # Errors
    /// A cell that can not be used.
    pub(super) fn rows<'r>(
        &'r self,
        number: u64,
        record: &'r StringRecord,
    ) -> Result<Vec<Row<'r>>, Unusable> {
        let columns = self.columns;
        let visitor = match &columns.visitor {
            Some(column) => self.filled(record, column)?.to_owned(),
            None => format!("row-{number}"),
        };
        let own_time = self.time(record, columns.at.as_deref())?;
        let assigned_at = own_time.unwrap_or(columns.fixed_time);
        let event_time = self.time(record, columns.event_at.as_deref())?;
        let suffix = event_time.or(own_time);
        let suffix = suffix.map_or(String::new(), |at| format!("-{}", at.millis()));
        let attributes = columns.attributes.iter().map(String::as_str);
        let mut rows = vec![Row::Assignment {
            visitor: visitor.clone(),
            experiment: columns.experiment.as_str(),
            variant: self.filled(record, &columns.variant)?,
            timestamp: assigned_at,
            allocation: columns.allocation.as_ref(),
            attributes: attributes
                .map(|column| (column, value(self.cell(record, column))))
                .filter(|(_, value)| !value.is_null())
                .collect(),
        }];
        for told in &columns.events {
            let flag = self.cell(record, &told.flag);
            let happened = converted(flag)
                .map_err(|problem| Unusable::new(&told.flag, format!(": {problem}")))?;
            if happened {
                rows.push(Row::Event {
                    id: format!("import-{}-{number}{suffix}", told.event),
                    visitor: visitor.clone(),
                    event: &told.event,
                    timestamp: event_time.unwrap_or(assigned_at.plus(AFTER)),
                    properties: self.properties(record, told)?,
                });
            }
        }
        Ok(rows)
    }

    fn filled<'r>(&self, record: &'r StringRecord, column: &str) -> Result<&'r str, Unusable> {
        let cell = self.cell(record, column);
        if cell.is_empty() {
            return Err(Unusable::new(column, " is empty"));
        }
        Ok(cell)
    }

    fn time(
        &self,
        record: &StringRecord,
        column: Option<&str>,
    ) -> Result<Option<Timestamp>, Unusable> {
        let Some(column) = column else {
            return Ok(None);
        };
        let cell = self.cell(record, column);
        if cell.is_empty() {
            return Ok(None);
        }
        let unusable = || Unusable::new(column, format!(" has {cell:?}, which is no time"));
        time(cell).map(Some).ok_or_else(unusable)
    }

    fn properties(
        &self,
        record: &StringRecord,
        told: &EventColumns,
    ) -> Result<Option<Properties>, Unusable> {
        let Some(column) = &told.amount else {
            return Ok(None);
        };
        let cell = self.cell(record, column);
        match cell.parse() {
            Ok(revenue) => Ok(Some(Properties { revenue })),
            Err(_) if cell.is_empty() => Ok(None),
            Err(_) => Err(Unusable::new(
                column,
                format!(" has {cell:?}, which is no amount"),
            )),
        }
    }
}

/// Milliseconds, RFC 3339, or a date with or without a time of day, which is then UTC.
fn time(cell: &str) -> Option<Timestamp> {
    if let Ok(millis) = cell.parse() {
        return Timestamp::from_millis(millis).ok();
    }
    Timestamp::parse(cell).ok().or_else(|| {
        let civil: jiff::civil::DateTime = cell.parse().ok()?;
        let zoned = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Timestamp::from_millis(zoned.timestamp().as_millisecond()).ok()
    })
}

/// A cell as audiences see it: a number, a truth value or text (and numbers with leading zeros are text).
fn value(cell: &str) -> Value {
    match serde_json::from_str::<Value>(cell) {
        Ok(value @ (Value::Number(_) | Value::Bool(_))) => value,
        _ if cell.is_empty() => Value::Null,
        _ => cell.into(),
    }
}

#[cfg(test)]
mod tests;
