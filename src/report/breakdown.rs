//! Breakdowns: the metrics of the visitors with one value of a dimension.
//!
//! All values of all dimensions that are asked for come from one pass over the cells. Decision aids are left out: they
//! are about the choice for everybody, and integrals for every value would cost more than the whole report.

use crate::catalog::Entry;
use crate::cell::{NEW, OTHER, RETURNING, VISITOR_TYPE};

use super::design::Design;
use super::figure::Reader;
use super::interaction::Lifts;
use super::totals::Totals;
use super::{
    ALPHA, Breakdown, BreakdownValue, Interaction, Question, View, guardrail, headline,
    multiplicity,
};

/// The dimension that every experiment has: whether the visitor was known already when assigned.
const BUILT_IN: &str = crate::catalog::spec::VISITOR_TYPE;
/// The name of everything beyond the kept values.
const REST: &str = "other";

/// The dimensions of an experiment: the declared ones, and `visitor_type` with the values `new` and `returning`.
pub fn dimensions(entry: &Entry) -> Vec<&str> {
    let declared = entry.experiment.dimensions.iter();
    let names = declared.map(|dimension| dimension.attribute.as_str());
    names.chain([BUILT_IN]).collect()
}

/// The breakdowns that are asked for, in the order of [`dimensions`].
pub(super) fn all(question: &Question<'_>, design: &Design<'_>, view: View) -> Vec<Breakdown> {
    let asked = asked(question);
    if asked.is_empty() || question.until.is_some() {
        return Vec::new();
    }
    let positions: Vec<u8> = asked.iter().map(|(position, _)| *position).collect();
    let mut by_value = Totals::by_value(question.cells, &positions)
        .into_iter()
        .peekable();
    let mut breakdowns = Vec::with_capacity(asked.len());
    for (position, name) in asked {
        let (mut values, mut lifts) = (Vec::new(), Lifts::new(design));
        while let Some((value, totals)) = by_value.next_if(|(value, _)| value.dimension == position)
        {
            let metrics = Reader::bare(design, &totals).metrics(&mut |index, pairing, figures| {
                lifts.meet(index, pairing, figures);
            });
            values.push(BreakdownValue {
                value: dimension_value(design.entry, value.dimension, value.value)
                    .unwrap_or_else(|| REST.to_owned()),
                metrics: guardrail::of_a_part(metrics),
            });
        }
        breakdowns.push(Breakdown {
            dimension: name.to_owned(),
            values,
            interactions: lifts.tested(design),
        });
    }
    multiplicity::breakdowns(&mut breakdowns);
    // Looks are planned for the whole, not for its parts.
    let view = match view {
        View::PlannedLooks => View::AlwaysValid,
        View::AlwaysValid | View::OneLook | View::Msprt | View::Bayes => view,
    };
    for value in breakdowns.iter_mut().flat_map(|of| &mut of.values) {
        headline::apply(&mut value.metrics, view, ALPHA);
    }
    let interactions = breakdowns.iter_mut().flat_map(|of| &mut of.interactions);
    interactions.for_each(Interaction::explain);
    breakdowns
}

/// Position and name of what is asked for, by position.
fn asked<'a>(question: &Question<'a>) -> Vec<(u8, &'a str)> {
    let known = dimensions(question.entry).into_iter();
    known
        .filter(|name| question.dimensions.contains(name))
        .filter_map(|name| Some((dimension_position(question.entry, name)?, name)))
        .collect()
}

/// The position of a dimension in the keys of cells; `None` for one that the experiment does not have.
pub(crate) fn dimension_position(entry: &Entry, name: &str) -> Option<u8> {
    let mut declared = entry.experiment.dimensions.iter();
    match declared.position(|dimension| dimension.attribute == name) {
        Some(at) => u8::try_from(at).ok(),
        None => (name == BUILT_IN).then_some(VISITOR_TYPE),
    }
}

/// The name of a value of a dimension, both by position; `None` for a position that no value has.
pub(crate) fn dimension_value(entry: &Entry, dimension: u8, value: u8) -> Option<String> {
    if dimension == VISITOR_TYPE {
        let name = match value {
            NEW => "new",
            RETURNING => "returning",
            _ => return None,
        };
        return Some(name.to_owned());
    }
    let position = usize::from(dimension);
    let kept = match entry.experiment.dimensions.get(position) {
        Some(dimension) if !dimension.values.is_empty() => Some(&dimension.values),
        Some(_) | None => entry.lifecycle.seen.get(position),
    };
    let name = kept.and_then(|values| values.get(usize::from(value)));
    name.cloned()
        .or_else(|| (value == OTHER).then(|| REST.to_owned()))
}
