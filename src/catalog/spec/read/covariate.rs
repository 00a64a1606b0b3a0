//! Reading a metric's covariate.

use super::super::form::{Form, Keys, Table};
use super::super::{CovariateSpec, DEFAULT_HISTORY};
use super::window;

const COVARIATE: Keys = Keys {
    known: &["event", "window"],
    later: &[],
};

/// The covariate of a metric that counts `event`: its own past, unless it says otherwise.
pub(super) fn covariate<'d>(
    form: &mut Form<'d>,
    metric: &Table<'d>,
    event: Option<&String>,
) -> Option<CovariateSpec> {
    let table = form.table(metric, "covariate", &COVARIATE)?;
    let given = form.text(&table, "event");
    Some(CovariateSpec {
        event: given.or_else(|| event.cloned()).unwrap_or_default(),
        window: window(form, &table, "window").unwrap_or(DEFAULT_HISTORY),
    })
}
