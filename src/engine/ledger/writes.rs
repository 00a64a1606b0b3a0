//! What a step writes.

use super::super::EngineError;
use super::{Work, encode};
use crate::cell::Cells;
use crate::profile::Profile;
use crate::store::Write;
use crate::store::key::{self, CellKey};
use crate::time::Timestamp;
use crate::visitor::join::Held;

impl Work<'_> {
    /// Every changed record and profile, and the ids to remember beside them.
    pub(super) fn write_records(&mut self, received: Timestamp) -> Result<(), EngineError> {
        let long = self.long.borrow();
        let write = |key: Vec<u8>, value: Option<Result<Vec<u8>, postcard::Error>>| {
            let value = value.transpose();
            Ok::<_, EngineError>(Write {
                value: value.map_err(|error| EngineError::Encoding(error.to_string()))?,
                replaced: long.get(&key).copied().unwrap_or(0),
                key,
            })
        };
        for (visitor, held) in &self.records {
            let write = write(key::visitor(*visitor), held.as_ref().map(Held::encode))?;
            self.writes.push(write);
        }
        for (visitor, profile) in &self.profiles {
            let encoded = profile.as_ref().map(Profile::encode);
            self.writes.push(write(key::profile(*visitor), encoded)?);
        }
        for visitor in &self.gone {
            for item in self.state.store.scan(&key::all_remembered(*visitor)) {
                self.writes.push(Write::remove(item?.0));
            }
        }
        let hour = encode(&crate::visitor::hour(received))?;
        for (visitor, id) in &self.remembered {
            self.writes
                .push(Write::put(key::remembered(*visitor, *id), hour.clone()));
        }
        Ok(())
    }

    /// Every touched cell with its new value; a cell that became zero is removed.
    pub(super) fn write_cells(&mut self) -> Result<(), EngineError> {
        let none = Cells::default();
        macro_rules! write_map {
            ($serial:expr, $map:ident, $kind:path, $old:expr, $change:expr) => {
                for (at, change) in &$change.$map {
                    let mut new = $old.$map.get(at).map(Clone::clone).unwrap_or_default();
                    new += change;
                    let place = key::cell($serial, $kind(*at));
                    let write = if new.is_zero() {
                        Write::remove(place)
                    } else {
                        Write::put(place, encode(&new)?)
                    };
                    self.writes.push(write);
                }
            };
        }
        for (serial, change) in &self.cells {
            let old = self.state.books.get(serial).unwrap_or(&none);
            write_map!(*serial, visitors, CellKey::Visitors, old, change);
            write_map!(*serial, hours, CellKey::Hour, old, change);
            write_map!(*serial, plain, CellKey::Plain, old, change);
            write_map!(*serial, orders, CellKey::Orders, old, change);
            write_map!(*serial, contexts, CellKey::Context, old, change);
            write_map!(*serial, features, CellKey::Features, old, change);
            write_map!(*serial, chances, CellKey::Chances, old, change);
            write_map!(*serial, weighted, CellKey::Weighted, old, change);
            write_map!(*serial, sketches, CellKey::Sketch, old, change);
            write_map!(*serial, delays, CellKey::Delay, old, change);
            write_map!(*serial, joins, CellKey::Joins, old, change);
            let information = old.information + change.information;
            self.writes.push(Write::put(
                key::cell(*serial, CellKey::Information),
                encode(&information)?,
            ));
        }
        Ok(())
    }
}
