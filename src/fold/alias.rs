//! Two ids that turn out to be one person's: their records become one, and the cells follow.

use super::consent::is_apart;
use super::known::has_left;
use super::{Delta, Edit, Outcome, View};
use crate::catalog::Serial;
use crate::cell::Cells;
use crate::event::Aliased;
use crate::time::Timestamp;
use crate::visitor::contribution::{Reach, contribution};
use crate::visitor::join::{MAX_IDS, traces};
use crate::visitor::{MetricEvent, Record, VisitorKey};

/// A person as one of the ids leads to.
type Person = (VisitorKey, Record);

/// Joins the person of `visitor` with that of `to`, under whose key the record lies from now on.
pub(super) fn alias<V: View>(
    view: &V,
    aliased: &Aliased,
    now: Timestamp,
) -> Result<Delta, V::Error> {
    let person = |visitor| view.person(VisitorKey::of(view.seed(), visitor));
    let (mut own, mut other) = (person(&aliased.to)?, person(&aliased.visitor)?);
    if own.0 == other.0 {
        return Ok(Delta::none(Outcome::Duplicate));
    }
    if is_apart(view, &own.1, &other.1) {
        return Ok(Delta::none(Outcome::NoConsent));
    }
    let ids = |(_, record): &Person| 1 + record.aliases().len();
    if ids(&own) + ids(&other) > MAX_IDS {
        return Ok(Delta::none(Outcome::TooManyAliases));
    }
    let both = || [&own.1, &other.1].into_iter();
    let contribution =
        |record| contribution(record, view.catalog(), view.zone(), Reach::Everything);
    let before = both().flat_map(contribution).collect();
    let traces = both()
        .flat_map(|record| traces(record, view.zone()))
        .collect();
    let news = (news(view, &own, &other)?, news(view, &other, &own)?);
    (own.1.events, other.1.events) = news;
    let mut profile = view.profile(own.0)?;
    profile.join(view.profile(other.0)?);
    profile
        .ids
        .extend([aliased.to.clone(), aliased.visitor.clone()]);
    let profile = Some((own.0, profile));
    let joined = Some(other.0);
    let (key, mut record) = own;
    record.join(other, &aliased.to, (view.catalog(), view.zone()));
    let edit = Edit {
        view,
        key,
        reach: Reach::Everything,
        before,
        traces,
        record,
    };
    let delta = edit.finish(None, now);
    Ok(Delta {
        cells: delta.cells.into_iter().filter_map(net).collect(),
        joined,
        profile,
        ..delta
    })
}

/// A change of cells without what was taken out and put back; `None` if nothing is left.
fn net((serial, mut change): (Serial, Cells)) -> Option<(Serial, Cells)> {
    let information = std::mem::take(&mut change.information);
    let mut cells = Cells::none();
    cells.merge(&change);
    if cells.is_empty() {
        return None;
    }
    cells.information = information;
    Some((serial, cells))
}

/// The events of one that have not left the list of the other.
fn news<V: View>(
    view: &V,
    (_, record): &Person,
    (key, other): &Person,
) -> Result<Vec<MetricEvent>, V::Error> {
    let mut news = Vec::with_capacity(record.events.len());
    for event in &record.events {
        let mut known = false;
        for id in std::iter::once(event.id).chain(event.order_id()) {
            known = known || has_left(view, *key, other, id)?;
        }
        if !known {
            news.push(event.clone());
        }
    }
    Ok(news)
}
