//! When results are looked at: the shortest duration before a verdict, and the looks that were planned.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::form::{Choices, Form, Keys, Table};
use super::rules::Rules;
use super::{PolicyName, Spec};
use crate::catalog::mistake::Code;

/// Days before which no verdict but harm is given, by default: one week, so that each weekday counts once.
pub const DEFAULT_MIN_DAYS: u32 = 7;
/// Most planned looks.
const MAX_LOOKS: usize = 50;
/// Latest day of a look, and longest minimum duration.
const MAX_DAYS: u32 = 1_000;

/// The looks that were planned before the start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LooksSpec {
    /// After how many whole days each is taken, increasing; the last is the planned end.
    pub days: Vec<u32>,
    /// How the error is shared out among them.
    #[schema(required = false)]
    pub spending: Spending,
}

/// How much of the error may be spent by a share t of the planned days (Lan and `DeMets` 1983).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Spending {
    /// Little at first: the final look is almost that of a single test.
    #[serde(rename = "obrien-fleming")]
    OBrienFleming,
    /// About the same at every look.
    Pocock,
    /// α·t.
    Linear,
    /// α·t².
    Quadratic,
    /// α·t³.
    Cubic,
}

const LOOKS: Keys = Keys {
    known: &["days", "spending"],
    later: &[],
};
const SPENDING: Choices<Spending> = Choices {
    now: &[
        ("obrien-fleming", Spending::OBrienFleming),
        ("pocock", Spending::Pocock),
        ("linear", Spending::Linear),
        ("quadratic", Spending::Quadratic),
        ("cubic", Spending::Cubic),
    ],
    later: &[],
};

pub(super) fn min_days<'d>(form: &mut Form<'d>, root: &Table<'d>) -> u32 {
    let days = form.whole(root, "min_days");
    days.map_or(DEFAULT_MIN_DAYS, |days| {
        u32::try_from(days).unwrap_or(u32::MAX)
    })
}

pub(super) fn looks<'d>(form: &mut Form<'d>, root: &Table<'d>) -> Option<LooksSpec> {
    let table = form.table(root, "looks", &LOOKS)?;
    form.require(
        &table,
        "days",
        "the days after which results are looked at, such as [7, 14, 21, 28]",
    );
    Some(LooksSpec {
        days: form.wholes(&table, "days"),
        spending: form
            .choice(&table, "spending", &SPENDING)
            .unwrap_or(Spending::OBrienFleming),
    })
}

impl Rules<'_> {
    pub(super) fn looks(&mut self) {
        let Spec {
            min_days, looks, ..
        } = self.spec;
        if *min_days > MAX_DAYS {
            self.invalid("min_days", format!("must be at most {MAX_DAYS}"));
        }
        let Some(looks) = looks else { return };
        let days = &looks.days;
        let rises = days.windows(2).all(|pair| pair.first() < pair.last());
        let within = |day: &u32| (1..=MAX_DAYS).contains(day);
        if days.is_empty() || days.len() > MAX_LOOKS || !rises || !days.iter().all(within) {
            let detail = format!(
                "must be 1 to {MAX_LOOKS} increasing whole days from 1 to {MAX_DAYS}, such as [7, 14, 21, 28]"
            );
            self.invalid("looks.days", detail);
        }
        if self.spec.allocation.policy != PolicyName::Fixed {
            let detail = "needs policy = \"fixed\": a bandit moves traffic at every moment, so its report is valid at every look without a plan";
            self.note("looks", Code::Conflict, detail);
        }
    }
}
