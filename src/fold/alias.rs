//! Two ids that turn out to be one person's: their records become one, and the cells follow.

use super::known::has_left;
use super::{Delta, Edit, Outcome, View};
use crate::cell::Cells;
use crate::event::Aliased;
use crate::time::Timestamp;
use crate::visitor::contribution::{Reach, contribution};
use crate::visitor::join::MAX_IDS;
use crate::visitor::{MetricEvent, Record, VisitorKey};

/// Joins the person of `visitor` with that of `to`, under whose id the record lies from now on.
pub(super) fn alias<V: View>(
    view: &V,
    aliased: &Aliased,
    now: Timestamp,
) -> Result<Delta, V::Error> {
    let person = |visitor| view.person(VisitorKey::of(view.seed(), visitor));
    let (own, other) = (person(&aliased.to)?, person(&aliased.visitor)?);
    if own.0 == other.0 {
        return Ok(Delta::none(Outcome::Duplicate));
    }
    let others = other.1.aliases().iter().map(|alias| alias.key);
    let joined: Vec<VisitorKey> = std::iter::once(other.0).chain(others).collect();
    if 1 + own.1.aliases().len() + joined.len() > MAX_IDS {
        return Ok(Delta::none(Outcome::TooManyAliases));
    }
    let contribution =
        |record: &Record| contribution(record, view.catalog(), view.zone(), Reach::Everything);
    let mut before = contribution(&own.1);
    before.extend(contribution(&other.1));
    let (own_news, other_news) = (news(view, &own, &other)?, news(view, &other, &own)?);
    let (key, mut record) = own;
    record.events = own_news;
    let other = (
        other.0,
        Record {
            events: other_news,
            ..other.1
        },
    );
    record.join(other, &aliased.to, (view.catalog(), view.zone()));
    let edit = Edit {
        view,
        key,
        reach: Reach::Everything,
        before,
        record,
    };
    let delta = edit.finish(None, now);
    let changed = delta.cells.into_iter().filter_map(|(serial, change)| {
        let mut cells = Cells::none();
        cells.merge(&Cells {
            information: 0,
            ..change
        });
        let is_changed = !cells.is_empty();
        cells.information = 1;
        is_changed.then_some((serial, cells))
    });
    Ok(Delta {
        cells: changed.collect(),
        joined,
        ..delta
    })
}

/// The events of one that have not left the list of the other.
fn news<V: View>(
    view: &V,
    (_, record): &(VisitorKey, Record),
    (key, other): &(VisitorKey, Record),
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
