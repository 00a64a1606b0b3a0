//! When a bandit ends by itself, as written: `stop = true`, or a table.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::openapi::schema::{AdditionalProperties, Object, OneOf, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::form::{Choices, Form, Keys, Table};
use super::rules::Rules;
use crate::catalog::Scope;
use crate::catalog::document::join;
use crate::catalog::mistake::Code;
use crate::time::Window;

/// What is not worth searching for, by default.
const VALUE_REMAINING: f64 = 0.01;
/// Largest value that may remain.
const MAX_VALUE_REMAINING: f64 = 0.5;
/// Days before which no bandit ends, by default: two whole weeks (Scott 2010).
const MIN_DAYS: u32 = 14;
/// The longest a bandit searches, by default: without a true best it would search for ever.
const CAP: Window = Window::days(90);
/// Longest minimum duration, in days.
const MAX_DAYS: u32 = 1_000;

/// When a bandit ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StopSpec {
    /// The search ends once no variant is likely to be better than the best by more than this share.
    pub value_remaining: f64,
    /// Days before which it does not.
    pub min_days: u32,
    /// When it ends with the likely best in any case.
    pub cap: Window,
    /// Who is served the winner.
    pub scope: Scope,
}

impl PartialSchema for StopSpec {
    fn schema() -> RefOr<Schema> {
        let whether = Object::builder().schema_type(Type::Boolean);
        let table = Object::builder()
            .property("value_remaining", f64::schema())
            .property("min_days", u32::schema())
            .property("cap", Window::schema())
            .property("scope", Scope::schema())
            .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)));
        OneOf::builder()
            .item(whether)
            .item(table)
            .description(Some(
                "When a bandit ends by itself: `true`, or a table whose members have defaults.",
            ))
            .into()
    }
}

impl ToSchema for StopSpec {}

const STOP: Keys = Keys {
    known: &["value_remaining", "min_days", "cap", "scope"],
    later: &[],
};
const SCOPE: Choices<Scope> = Choices {
    now: &[("new", Scope::New), ("everyone", Scope::Everyone)],
    later: &[],
};

/// Reads `stop`. The verdict's shortest duration, `min_days` of the definition, is the bandit's too.
pub(super) fn stop<'d>(form: &mut Form<'d>, table: &Table<'d>, shortest: u32) -> Option<StopSpec> {
    let by_default = StopSpec {
        value_remaining: VALUE_REMAINING,
        min_days: shortest.max(MIN_DAYS),
        cap: CAP,
        scope: Scope::New,
    };
    if !table.has("stop") {
        return None;
    }
    if !table.holds_table("stop") {
        if let Some(Value::Bool(wanted)) = form.value(table, "stop") {
            return wanted.then_some(by_default);
        }
        let detail = "must be true, or a table such as { min_days = 14, cap = \"90d\" }";
        form.note(&join(&table.path, "stop"), Code::WrongType, detail);
        return None;
    }
    let given = form.table(table, "stop", &STOP)?;
    let days = form.whole(&given, "min_days");
    let days = days.map(|days| u32::try_from(days).unwrap_or(u32::MAX));
    let value = form.number(&given, "value_remaining");
    Some(StopSpec {
        value_remaining: value.unwrap_or(by_default.value_remaining),
        min_days: days.unwrap_or(by_default.min_days),
        cap: form
            .parsed(&given, "cap", Window::parse)
            .unwrap_or(by_default.cap),
        scope: form
            .choice(&given, "scope", &SCOPE)
            .unwrap_or(by_default.scope),
    })
}

impl Rules<'_> {
    pub(super) fn stop(&mut self) {
        let Some(stop) = &self.spec.allocation.stop else {
            return;
        };
        let value = stop.value_remaining;
        if !(value > 0.0 && value <= MAX_VALUE_REMAINING) {
            let detail = format!(
                "must be above 0 and at most {MAX_VALUE_REMAINING}, not {value}: 0.01 ends the search for the last 1 %"
            );
            self.invalid("allocation.stop.value_remaining", detail);
        }
        if stop.min_days > MAX_DAYS {
            let detail = format!("must be at most {MAX_DAYS}");
            self.invalid("allocation.stop.min_days", detail);
        } else if stop.cap < Window::days(i64::from(stop.min_days).max(1)) {
            let detail = format!(
                "must be at least min_days, {} days, and a day, not \"{}\"",
                stop.min_days, stop.cap
            );
            self.invalid("allocation.stop.cap", detail);
        }
    }
}
