//! Visitors who turn out to be one person: of two records comes one, as if one visitor had done everything.
//!
//! # Rules
//! - In each experiment (and session) the earliest assignment stands, with its variant, epoch, weight and features.
//!   Whoever was assigned two variants is a crossover, and is counted so.
//! - Events are united; one that both have, by its id or its order, counts once: the earlier one.
//! - Exposures are united as well, and count from the assignment that stands.
//! - What either had settled into totals stays as far as it can count for the assignment that stands: rewards within its
//!   window, by day. History of a later assignment is dropped, since it may lie after the earlier one.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::attribution::Part;
use super::{Assignment, MAX_SESSIONS, MetricEvent, Record, Settled, VisitorKey};
use crate::allocation::Arm;
use crate::catalog::{Catalog, Serial};
use crate::cell::{Cells, Row, VisitorsKey};
use crate::epoch::{Cause, EpochNumber};
use crate::id::VisitorId;
use crate::moments::Joins;
use crate::time::{Timestamp, Zone};

/// Most ids that one person may have.
pub const MAX_IDS: usize = 64;

/// First byte of a stored pointer to a person; those of records are their versions.
const JOINED: u8 = 0;

/// The ids of a person who has several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The id that the record lies under, and by which the person is drawn.
    pub name: VisitorId,
    /// The others, in the order in which they were joined.
    pub aliases: Vec<Alias>,
    /// The assignments that were drawn under any of them and in whose stead an earlier one stands.
    aside: Vec<Aside>,
}

/// Where an assignment was drawn that counts for nothing but this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Aside {
    experiment: Serial,
    session: Option<u64>,
    epoch: EpochNumber,
    arm: Arm,
    holdout: bool,
    at: Timestamp,
}

/// Another id of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    /// Its key.
    pub key: VisitorKey,
    /// Whether ids of events are remembered under the key.
    pub remembers: bool,
}

/// What is kept under a visitor's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// The record.
    Record(Record),
    /// The key of the visitor that this one was joined to: the person's, or a step nearer to it.
    Joined(VisitorKey),
}

impl Held {
    /// Encodes it.
    ///
    /// # Errors
    /// As postcard fails.
    pub fn encode(&self) -> Result<Vec<u8>, postcard::Error> {
        match self {
            Self::Record(record) => record.encode(),
            Self::Joined(person) => Ok([&[JOINED], &person.0.to_be_bytes()[..]].concat()),
        }
    }

    /// Decodes it.
    ///
    /// # Errors
    /// An unknown version or malformed bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, postcard::Error> {
        match bytes.split_first() {
            Some((&JOINED, key)) => {
                let key = key.try_into().ok().map(u128::from_be_bytes);
                let key = key.ok_or(postcard::Error::DeserializeBadEncoding)?;
                Ok(Self::Joined(VisitorKey(key)))
            }
            Some(_) | None => Record::decode(bytes).map(Self::Record),
        }
    }
}

impl Record {
    /// The other ids of the person.
    pub fn aliases(&self) -> &[Alias] {
        let identity = self.identity.as_ref();
        identity.map_or(&[], |identity| &identity.aliases)
    }

    /// Takes over what another visitor, known under `key`, has done; the person is called `name` unless it has a name.
    pub fn join(
        &mut self,
        (key, other): (VisitorKey, Self),
        name: &VisitorId,
        (catalog, zone): (&Catalog, &Zone),
    ) {
        let identity = self.identity.get_or_insert_with(|| {
            Box::new(Identity {
                name: name.clone(),
                aliases: Vec::new(),
                aside: Vec::new(),
            })
        });
        identity.aliases.push(Alias {
            key,
            remembers: other.overflowed > 0,
        });
        if let Some(others) = other.identity {
            identity.aliases.extend(others.aliases);
            identity.aside.extend(others.aside);
        }
        self.overflowed = self.overflowed.saturating_add(other.overflowed);
        let seen = [self.first_seen, other.first_seen];
        self.first_seen = seen.into_iter().flatten().min();
        let said = [self.consent, other.consent].into_iter().flatten();
        self.consent = said.max_by_key(|said| said.at);
        self.events = united(std::mem::take(&mut self.events), other.events);
        for assignment in other.assignments {
            self.meet(assignment, catalog, zone);
        }
        self.assignments
            .sort_by_key(|assignment| (assignment.experiment, assignment.at));
        let mut sessions = (None, 0);
        self.assignments.retain(|assignment| {
            let (experiment, so_far) = sessions;
            let before = if experiment == Some(assignment.experiment) {
                so_far
            } else {
                0
            };
            sessions = (Some(assignment.experiment), before + 1);
            before < MAX_SESSIONS
        });
        let own = std::mem::take(&mut self.exposures);
        for exposure in own.into_iter().chain(other.exposures) {
            if let Some(exposures) = self.exposures_with(exposure) {
                self.exposures = exposures;
            }
        }
    }

    /// Adds an assignment, or settles which of two stands.
    fn meet(&mut self, mut met: Assignment, catalog: &Catalog, zone: &Zone) {
        let same =
            |own: &&mut Assignment| (own.experiment, own.session) == (met.experiment, met.session);
        let Some(own) = self.assignments.iter_mut().find(same) else {
            self.assignments.push(met);
            return;
        };
        let crossover = own.crossover || met.crossover || own.arm != met.arm;
        let place = |of: &Assignment| (of.at, of.arm, of.holdout, of.epoch);
        if place(&met) < place(own) {
            std::mem::swap(own, &mut met);
        }
        own.crossover = crossover;
        let Some(entry) = catalog.by_serial(own.experiment) else {
            return;
        };
        if let Some(identity) = &mut self.identity {
            let epoch = entry.epochs.get(met.epoch);
            let drawn = epoch.is_some_and(|epoch| epoch.cause != Cause::Imported);
            identity.aside.extend(drawn.then(|| Aside::of(&met)));
        }
        for settled in met.settled {
            let metric = entry.experiment.metrics.get(usize::from(settled.metric.0));
            let counts = match settled.part {
                Part::Reward => {
                    metric.is_some_and(|metric| settled.day <= zone.day(own.at.plus(metric.window)))
                }
                Part::History => met.at == own.at,
            };
            if counts {
                own.settle(settled);
            }
        }
    }
}

impl Aside {
    fn of(assignment: &Assignment) -> Self {
        Self {
            experiment: assignment.experiment,
            session: assignment.session,
            epoch: assignment.epoch,
            arm: assignment.arm,
            holdout: assignment.holdout,
            at: assignment.at,
        }
    }
}

/// That a visitor was assigned more than once, where it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    serial: Serial,
    key: VisitorsKey,
    joins: Joins,
}

/// The traces of a record.
pub fn traces(record: &Record, zone: &Zone) -> Vec<Trace> {
    let identity = record.identity.as_ref();
    let aside = identity.map_or(&[][..], |identity| &identity.aside);
    let standing = record.assignments.iter().filter_map(|of| {
        let same = |other: &Aside| (other.experiment, other.session) == (of.experiment, of.session);
        let doubled = aside.iter().any(same);
        let joins = Joins {
            crossovers: i64::from(of.crossover),
            doubled: i64::from(doubled),
            aside: 0,
        };
        (!joins.is_zero()).then(|| (Aside::of(of), joins))
    });
    let one = Joins {
        aside: 1,
        ..Joins::default()
    };
    let others = aside.iter().map(|of| (of.clone(), one));
    let trace = |(of, joins): (Aside, Joins)| Trace {
        serial: of.experiment,
        key: VisitorsKey {
            epoch: of.epoch,
            day: zone.day(of.at),
            row: Row {
                arm: of.arm,
                holdout: of.holdout,
            },
        },
        joins,
    };
    standing.chain(others).map(trace).collect()
}

/// Adds the change between the traces of a record to that of its cells.
pub fn retrace(cells: &mut Vec<(Serial, Cells)>, before: &[Trace], after: &[Trace]) {
    if before == after {
        return;
    }
    let taken = before.iter().map(|trace| (trace, -trace.joins));
    let added = after.iter().map(|trace| (trace, trace.joins));
    for (trace, joins) in taken.chain(added) {
        let known = cells.iter().position(|(serial, _)| *serial == trace.serial);
        let at = known.unwrap_or_else(|| {
            cells.push((trace.serial, Cells::default()));
            cells.len() - 1
        });
        if let Some((_, cells)) = cells.get_mut(at) {
            *cells.joins.entry(trace.key).or_default() += joins;
        }
    }
}

impl Assignment {
    /// Adds to what events that left the list had added.
    pub(super) fn settle(&mut self, new: Settled) {
        let same =
            |old: &&mut Settled| (old.metric, old.part, old.day) == (new.metric, new.part, new.day);
        match self.settled.iter_mut().find(same) {
            Some(old) => {
                old.total += new.total;
                old.first = [old.first, new.first].into_iter().flatten().min();
            }
            None => self.settled.push(new),
        }
    }
}

/// The events of two lists in order of time; of those that share an id or an order, the first.
fn united(own: Vec<MetricEvent>, other: Vec<MetricEvent>) -> Vec<MetricEvent> {
    let mut events = own;
    events.extend(other);
    // All that they say breaks ties, so that it does not matter who joins whom.
    events.sort_by(|a, b| {
        let place = |of: &MetricEvent| (of.at, of.id, of.name, of.order, of.hour);
        place(a)
            .cmp(&place(b))
            .then_with(|| a.amounts.cmp(&b.amounts))
    });
    let mut seen = BTreeSet::new();
    events.retain(|event| {
        let order = event.order_id();
        let known = seen.contains(&event.id) || order.is_some_and(|order| seen.contains(&order));
        seen.insert(event.id);
        seen.extend(order);
        !known
    });
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_reads_back_and_damage_is_found() {
        let joined = Held::Joined(VisitorKey(7 << 100));
        let record = Held::Record(Record {
            overflowed: 3,
            ..Record::default()
        });
        for held in [joined, record] {
            let bytes = held.encode().unwrap();
            assert_eq!(Held::decode(&bytes), Ok(held));
            assert!(Held::decode(&bytes[..bytes.len() - 1]).is_err());
        }
        assert!(Held::decode(&[]).is_err());
        assert!(Held::decode(&[99, 0]).is_err(), "of a newer version");
    }
}
