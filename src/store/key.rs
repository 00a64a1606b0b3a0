//! The layout of the one tree. The first byte names what a key is about; integers are big-endian, so that keys sort
//! by number. All keys of a kind have the same length, so no key is a prefix of another.
//!
//! `l` frame · `v` visitor's record, or whose id it is · `p` visitor's profile · `d` remembered event id · `a` cell ·
//! `e` epoch · `c` definition · `h` change · `s` lifecycle · `k` API key · `m` what is fixed or counted once.

use crate::age::AgeBucket;
use crate::allocation::Arm;
use crate::catalog::Serial;
use crate::catalog::metric::MetricIndex;
use crate::cell::{
    Channel, ContextKey, DelayKey, Facet, HourKey, PlainKey, Row, SketchKey, VisitorsKey,
    WeightedKey,
};
use crate::epoch::context::ContextCell;
use crate::epoch::{EpochNumber, Era};
use crate::key::KeyId;
use crate::time::Day;
use crate::visitor::VisitorKey;

/// Prefix of frames.
pub const FRAMES: &[u8] = b"l";
/// Prefix of cells.
pub const CELLS: &[u8] = b"a";
/// Prefix of epochs.
pub const EPOCHS: &[u8] = b"e";
/// Prefix of definitions.
pub const DEFINITIONS: &[u8] = b"c";
/// Prefix of changes.
pub const CHANGES: &[u8] = b"h";
/// Prefix of lifecycles.
pub const LIFECYCLES: &[u8] = b"s";
/// Prefix of API keys.
pub const API_KEYS: &[u8] = b"k";
/// What the log was founded with.
pub const FOUNDED: &[u8] = b"m\x00";
/// Sequence, chain hash and receipt time of the last applied frame.
pub const APPLIED: &[u8] = b"m\x01";

/// Names the place of a stored cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellKey {
    /// Visitors of an epoch and day.
    Visitors(VisitorsKey),
    /// Visitors of an hour of the day.
    Hour(HourKey),
    /// Moments of an epoch.
    Plain(PlainKey),
    /// The orders of an epoch.
    Orders(PlainKey),
    /// Moments of a context of an epoch.
    Context(ContextKey),
    /// Sums of features of an epoch.
    Features(PlainKey),
    /// Shares that visitors of an epoch were drawn from.
    Chances(EpochNumber),
    /// Weighted moments of a day or dimension value.
    Weighted(WeightedKey),
    /// A bucket of a sketch.
    Sketch(SketchKey),
    /// Conversions of an age.
    Delay(DelayKey),
    /// Visitors of an epoch and day who were assigned more than once.
    Joins(VisitorsKey),
    /// The counter of assignments and rewards.
    Information,
}

/// Key of a frame.
pub fn frame(sequence: u64) -> Vec<u8> {
    [b"l", &sequence.to_be_bytes()[..]].concat()
}

/// Key of a visitor's record, or of a pointer to the person's.
pub fn visitor(visitor: VisitorKey) -> Vec<u8> {
    [b"v", &visitor.0.to_be_bytes()[..]].concat()
}

/// Key of a visitor's profile.
pub fn profile(visitor: VisitorKey) -> Vec<u8> {
    [b"p", &visitor.0.to_be_bytes()[..]].concat()
}

/// Key of a remembered event id.
pub fn remembered(visitor: VisitorKey, id: u64) -> Vec<u8> {
    [b"d", &visitor.0.to_be_bytes()[..], &id.to_be_bytes()].concat()
}

/// Prefix of the keys of a visitor's remembered event ids.
pub fn all_remembered(visitor: VisitorKey) -> Vec<u8> {
    [b"d", &visitor.0.to_be_bytes()[..]].concat()
}

/// Key of a definition.
pub fn definition(serial: Serial, version: u32) -> Vec<u8> {
    [b"c", &serial.0.to_be_bytes()[..], &version.to_be_bytes()].concat()
}

/// Key of an epoch.
pub fn epoch(serial: Serial, number: EpochNumber) -> Vec<u8> {
    [b"e", &serial.0.to_be_bytes()[..], &number.0.to_be_bytes()].concat()
}

/// Key of a change of an experiment, numbered from 1.
pub fn change(serial: Serial, number: u32) -> Vec<u8> {
    [b"h", &serial.0.to_be_bytes()[..], &number.to_be_bytes()].concat()
}

/// Key of a lifecycle.
pub fn lifecycle(serial: Serial) -> Vec<u8> {
    [b"s", &serial.0.to_be_bytes()[..]].concat()
}

/// Key of an API key.
pub fn api_key(id: KeyId) -> Vec<u8> {
    [b"k", &id.0.to_be_bytes()[..]].concat()
}

/// Key of a cell: `a` ‖ serial ‖ kind ‖ fields, padded to one length.
pub fn cell(serial: Serial, key: CellKey) -> Vec<u8> {
    let mut bytes = [b"a", &serial.0.to_be_bytes()[..]].concat();
    match key {
        CellKey::Information => bytes.push(0),
        CellKey::Visitors(key) => push_visitors(&mut bytes, 1, key),
        CellKey::Joins(key) => push_visitors(&mut bytes, 12, key),
        CellKey::Hour(key) => push_hour(&mut bytes, key),
        CellKey::Plain(key) => push_plain(&mut bytes, 2, key),
        CellKey::Orders(key) => push_plain(&mut bytes, 7, key),
        CellKey::Context(key) => {
            bytes.push(8);
            bytes.extend(key.metric.0.to_be_bytes());
            bytes.extend(key.epoch.0.to_be_bytes());
            bytes.push(key.context.0);
            push_row(&mut bytes, key.row);
        }
        CellKey::Features(key) => push_plain(&mut bytes, 9, key),
        CellKey::Chances(epoch) => {
            bytes.push(10);
            bytes.extend(epoch.0.to_be_bytes());
        }
        CellKey::Weighted(key) => {
            match key.facet {
                Facet::Day(day) => {
                    bytes.push(3);
                    bytes.extend(day_bytes(day));
                }
                Facet::Dimension { dimension, value } => bytes.extend([4, 0, 0, dimension, value]),
            }
            bytes.extend(key.era.0.to_be_bytes());
            push_row(&mut bytes, key.row);
            bytes.extend(key.metric.0.to_be_bytes());
        }
        CellKey::Sketch(key) => {
            bytes.push(5);
            bytes.extend(key.metric.0.to_be_bytes());
            bytes.extend((key.bucket.cast_unsigned() ^ (1 << 63)).to_be_bytes());
        }
        CellKey::Delay(key) => {
            bytes.push(6);
            bytes.extend(key.metric.0.to_be_bytes());
            push_row(&mut bytes, key.row);
            bytes.extend(u8::try_from(key.age.position()).ok());
        }
    }
    bytes.resize(CELL_BYTES, 0);
    bytes
}

const CELL_BYTES: usize = 19;

/// Reads a cell's key back; `None` if it is none.
pub fn parse_cell(bytes: &[u8]) -> Option<(Serial, CellKey)> {
    let mut fields = Fields(bytes.get(1..)?);
    let serial = Serial(fields.u32()?);
    let key = match fields.u8()? {
        0 => CellKey::Information,
        1 => CellKey::Visitors(fields.visitors()?),
        12 => CellKey::Joins(fields.visitors()?),
        11 => CellKey::Hour(fields.hour()?),
        2 => CellKey::Plain(fields.plain()?),
        7 => CellKey::Orders(fields.plain()?),
        8 => CellKey::Context(fields.context()?),
        9 => CellKey::Features(fields.plain()?),
        10 => CellKey::Chances(EpochNumber(fields.u32()?)),
        3 => {
            let facet = Facet::Day(fields.day()?);
            CellKey::Weighted(fields.weighted(facet)?)
        }
        4 => {
            fields.u16()?;
            let facet = Facet::Dimension {
                dimension: fields.u8()?,
                value: fields.u8()?,
            };
            CellKey::Weighted(fields.weighted(facet)?)
        }
        5 => CellKey::Sketch(SketchKey {
            metric: fields.metric()?,
            bucket: (fields.take().map(u64::from_be_bytes)? ^ (1 << 63)).cast_signed(),
        }),
        6 => CellKey::Delay(DelayKey {
            metric: fields.metric()?,
            row: fields.row()?,
            age: AgeBucket::at(fields.u8()?),
        }),
        _ => return None,
    };
    Some((serial, key))
}

/// The serial and number at the end of a definition's, epoch's, change's or lifecycle's key.
pub fn parse_numbered(bytes: &[u8]) -> Option<(Serial, Option<u32>)> {
    let mut fields = Fields(bytes.get(1..)?);
    Some((Serial(fields.u32()?), fields.u32()))
}

/// Days before 1970 sort first.
fn day_bytes(day: Day) -> [u8; 4] {
    (day.0.cast_unsigned() ^ (1 << 31)).to_be_bytes()
}

fn push_row(bytes: &mut Vec<u8>, row: Row) {
    bytes.extend(row.arm.0.to_be_bytes());
    bytes.push(u8::from(row.holdout));
}

fn push_visitors(bytes: &mut Vec<u8>, kind: u8, key: VisitorsKey) {
    bytes.push(kind);
    bytes.extend(key.epoch.0.to_be_bytes());
    bytes.extend(day_bytes(key.day));
    push_row(bytes, key.row);
}

fn push_hour(bytes: &mut Vec<u8>, key: HourKey) {
    bytes.push(11);
    let channel = Channel::ALL.iter().position(|of| *of == key.channel);
    bytes.extend(channel.and_then(|at| u8::try_from(at).ok()));
    bytes.push(key.hour);
    bytes.extend(key.epoch.0.to_be_bytes());
    push_row(bytes, key.row);
}

fn push_plain(bytes: &mut Vec<u8>, kind: u8, key: PlainKey) {
    bytes.push(kind);
    bytes.extend(key.epoch.0.to_be_bytes());
    push_row(bytes, key.row);
    bytes.extend(key.metric.0.to_be_bytes());
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    fn context(&mut self) -> Option<ContextKey> {
        Some(ContextKey {
            metric: self.metric()?,
            epoch: EpochNumber(self.u32()?),
            context: ContextCell(self.u8()?),
            row: self.row()?,
        })
    }

    fn u8(&mut self) -> Option<u8> {
        self.take().map(u8::from_be_bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    fn day(&mut self) -> Option<Day> {
        Some(Day((self.u32()? ^ (1 << 31)).cast_signed()))
    }

    fn row(&mut self) -> Option<Row> {
        Some(Row {
            arm: Arm(self.u16()?),
            holdout: self.u8()? == 1,
        })
    }

    fn visitors(&mut self) -> Option<VisitorsKey> {
        Some(VisitorsKey {
            epoch: EpochNumber(self.u32()?),
            day: self.day()?,
            row: self.row()?,
        })
    }

    fn plain(&mut self) -> Option<PlainKey> {
        Some(PlainKey {
            epoch: EpochNumber(self.u32()?),
            row: self.row()?,
            metric: self.metric()?,
        })
    }

    fn hour(&mut self) -> Option<HourKey> {
        Some(HourKey {
            channel: *Channel::ALL.get(usize::from(self.u8()?))?,
            hour: self.u8()?,
            epoch: EpochNumber(self.u32()?),
            row: self.row()?,
        })
    }

    fn weighted(&mut self, facet: Facet) -> Option<WeightedKey> {
        Some(WeightedKey {
            facet,
            era: Era(self.u32()?),
            row: self.row()?,
            metric: self.metric()?,
        })
    }

    fn metric(&mut self) -> Option<MetricIndex> {
        self.u16().map(MetricIndex)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: Row = Row {
        arm: Arm(3),
        holdout: true,
    };
    const EPOCH: EpochNumber = EpochNumber(9);
    const METRIC: MetricIndex = MetricIndex(5);

    fn weighted(facet: Facet) -> CellKey {
        CellKey::Weighted(WeightedKey {
            facet,
            era: Era(2),
            row: ROW,
            metric: METRIC,
        })
    }

    #[test]
    fn cell_keys_read_back_and_have_one_length() {
        let (metric, epoch, row) = (METRIC, EPOCH, ROW);
        let plain = PlainKey { metric, epoch, row };
        let hour = HourKey {
            channel: Channel::ALL[4],
            hour: 23,
            epoch,
            row,
        };
        let value = Facet::Dimension {
            dimension: 1,
            value: 255,
        };
        let visitors = VisitorsKey {
            epoch,
            day: Day(-3),
            row,
        };
        let keys = [
            CellKey::Information,
            CellKey::Visitors(visitors),
            CellKey::Joins(visitors),
            CellKey::Hour(hour),
            CellKey::Plain(plain),
            CellKey::Orders(plain),
            CellKey::Features(plain),
            CellKey::Chances(epoch),
            weighted(Facet::Day(Day(20_000))),
            weighted(value),
            CellKey::Sketch(SketchKey { metric, bucket: -1 }),
            CellKey::Delay(DelayKey {
                metric,
                row,
                age: AgeBucket::at(30),
            }),
            CellKey::Context(ContextKey {
                metric,
                epoch,
                context: ContextCell(63),
                row,
            }),
        ];
        for key in keys {
            let bytes = cell(Serial(7), key);
            assert_eq!(bytes.len(), CELL_BYTES);
            assert_eq!(parse_cell(&bytes), Some((Serial(7), key)));
        }
    }
}
