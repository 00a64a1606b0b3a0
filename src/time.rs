//! Time as values: instants, windows and calendar days. There is no `now()` here; only `clock.rs` reads a clock.

use std::fmt;

use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::schema::{KnownFormat, Object, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// Milliseconds of a day.
pub const DAY_MS: i64 = 86_400_000;
/// How far ahead of the receiver's clock a client's time may lie.
pub const MAX_AHEAD: Window = Window(DAY_MS);

const MIN_MS: i64 = 946_684_800_000; // 2000-01-01T00:00:00Z
const MAX_MS: i64 = 253_402_300_799_999; // 9999-12-31T23:59:59.999Z

/// Why a text or number is not an instant, window or time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Not RFC 3339 (or integer milliseconds since 1970).
    #[error("is neither an RFC 3339 time nor integer milliseconds since 1970")]
    Malformed,
    /// Before 2000, or too far ahead.
    #[error("lies before 2000 or more than 24 hours ahead")]
    OutOfRange,
    /// Not a duration such as `14d`, `36h`, `15m`, `60s` or `500ms`.
    #[error("is no positive duration such as \"14d\", \"36h\", \"15m\" or \"60s\"")]
    BadWindow,
    /// Not a time zone that the database knows.
    #[error("is no IANA time zone")]
    BadZone,
}

/// An instant in UTC with millisecond resolution: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The instant so many milliseconds after 1970.
    ///
    /// # Errors
    /// [`TimeError::OutOfRange`] before 2000 or after 9999.
    pub fn from_millis(ms: i64) -> Result<Self, TimeError> {
        if (MIN_MS..=MAX_MS).contains(&ms) {
            Ok(Self(ms))
        } else {
            Err(TimeError::OutOfRange)
        }
    }

    /// The earliest instant there is: the start of the year 2000.
    pub const fn earliest() -> Self {
        Self(MIN_MS)
    }

    /// Parses RFC 3339.
    ///
    /// # Errors
    /// [`TimeError::Malformed`] or [`TimeError::OutOfRange`].
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let instant: jiff::Timestamp = text.parse().map_err(|_| TimeError::Malformed)?;
        Self::from_millis(instant.as_millisecond())
    }

    /// Milliseconds since 1970.
    pub fn millis(self) -> i64 {
        self.0
    }

    /// The instant `window` later, at most the end of the year 9999.
    #[must_use]
    pub fn plus(self, window: Window) -> Self {
        Self(self.0.saturating_add(window.0).min(MAX_MS))
    }

    /// The instant `window` earlier, at least the start of the year 2000.
    #[must_use]
    pub fn minus(self, window: Window) -> Self {
        Self(self.0.saturating_sub(window.0).max(MIN_MS))
    }

    /// A client's time as it counts: slightly ahead of `now` becomes `now`.
    ///
    /// # Errors
    /// [`TimeError::OutOfRange`] more than [`MAX_AHEAD`] after `now`.
    pub fn received_at(self, now: Self) -> Result<Self, TimeError> {
        if self > now.plus(MAX_AHEAD) {
            Err(TimeError::OutOfRange)
        } else {
            Ok(self.min(now))
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(instant) => write!(f, "{instant:.3}"),
            Err(_) => write!(f, "{}ms", self.0),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_i64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return Ok(Self(i64::deserialize(deserializer)?));
        }
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => Self::parse(&text),
            serde_json::Value::Number(number) => number
                .as_i64()
                .ok_or(TimeError::Malformed)
                .and_then(Self::from_millis),
            serde_json::Value::Null
            | serde_json::Value::Bool(_)
            | serde_json::Value::Array(_)
            | serde_json::Value::Object(_) => Err(TimeError::Malformed),
        }
        .map_err(serde::de::Error::custom)
    }
}

impl PartialSchema for Timestamp {
    fn schema() -> RefOr<Schema> {
        Object::builder()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some("An instant from the year 2000 on, as RFC 3339."))
            .into()
    }
}

impl ToSchema for Timestamp {}

/// A positive span of time in milliseconds: an attribution window, a refresh interval, a half-life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window(i64);

impl Window {
    /// So many days.
    pub const fn days(days: i64) -> Self {
        Self(days * DAY_MS)
    }

    /// So many milliseconds.
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms)
    }

    /// Parses `14d`, `36h`, `15m`, `60s`, `500ms`: a positive integer and its unit, at most 3,650 days.
    ///
    /// # Errors
    /// [`TimeError::BadWindow`].
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let split = text
            .find(|c: char| !c.is_ascii_digit())
            .ok_or(TimeError::BadWindow)?;
        let (digits, unit) = text.split_at(split);
        let count: i64 = digits.parse().map_err(|_| TimeError::BadWindow)?;
        let unit_ms = match unit {
            "d" => DAY_MS,
            "h" => 3_600_000,
            "m" => 60_000,
            "s" => 1_000,
            "ms" => 1,
            _ => return Err(TimeError::BadWindow),
        };
        let ms = count
            .checked_mul(unit_ms)
            .filter(|ms| (1..=3_650 * DAY_MS).contains(ms))
            .ok_or(TimeError::BadWindow)?;
        Ok(Self(ms))
    }

    /// Milliseconds.
    pub fn millis(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(DAY_MS, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
        match units.iter().find(|(ms, _)| self.0 % ms == 0) {
            Some((ms, unit)) => write!(f, "{}{unit}", self.0 / ms),
            None => write!(f, "{}ms", self.0),
        }
    }
}

impl PartialSchema for Window {
    fn schema() -> RefOr<Schema> {
        Object::builder()
            .schema_type(Type::String)
            .pattern(Some("^[0-9]+(d|h|m|s|ms)$"))
            .description(Some("A positive span of time of at most 3,650 days: `14d`, `36h`, `15m`, `60s` or `500ms`."))
            .into()
    }
}

impl ToSchema for Window {}

impl Serialize for Window {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// A calendar day in the server's time zone: days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Day(pub i32);

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use jiff::ToSpan;
        match jiff::civil::date(1970, 1, 1).checked_add(i64::from(self.0).days()) {
            Ok(date) => write!(f, "{date}"),
            Err(_) => write!(f, "day {}", self.0),
        }
    }
}

/// The time zone in which days are counted. Part of the log's first frame, so that a replay cuts the same days.
#[derive(Debug, Clone)]
pub struct Zone {
    zone: TimeZone,
    utc: bool,
}

impl Zone {
    /// Coordinated universal time, the default.
    pub fn utc() -> Self {
        Self {
            zone: TimeZone::UTC,
            utc: true,
        }
    }

    /// Looks an IANA name up (`Europe/Berlin`, `UTC`).
    ///
    /// # Errors
    /// [`TimeError::BadZone`].
    pub fn parse(name: &str) -> Result<Self, TimeError> {
        if name == "UTC" {
            return Ok(Self::utc());
        }
        let zone = TimeZone::get(name).map_err(|_| TimeError::BadZone)?;
        Ok(Self { zone, utc: false })
    }

    /// The calendar day of an instant.
    pub fn day(&self, at: Timestamp) -> Day {
        Day(i32::try_from(self.local(at).div_euclid(DAY_MS)).unwrap_or(i32::MAX))
    }

    /// The hour of the day of an instant, from 0 to 23.
    pub fn hour(&self, at: Timestamp) -> u8 {
        let hour = self.local(at).rem_euclid(DAY_MS) / (DAY_MS / 24);
        u8::try_from(hour).unwrap_or(0)
    }

    /// Milliseconds as the clocks of the zone show them.
    fn local(&self, at: Timestamp) -> i64 {
        if self.utc {
            return at.0;
        }
        let offset = jiff::Timestamp::from_millisecond(at.0).map_or(0, |instant| {
            i64::from(self.zone.to_offset(instant).seconds())
        });
        at.0 + offset * 1_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_rfc_3339_or_milliseconds() {
        let at = Timestamp::parse("2026-11-22T10:00:00+01:00").unwrap();
        assert_eq!(at.to_string(), "2026-11-22T09:00:00.000Z");
        assert_eq!(
            serde_json::from_str::<Timestamp>("1795338000000")
                .unwrap()
                .millis(),
            1_795_338_000_000
        );
        assert_eq!(
            serde_json::to_string(&at).unwrap(),
            "\"2026-11-22T09:00:00.000Z\""
        );
        assert_eq!(Timestamp::parse("yesterday"), Err(TimeError::Malformed));
        assert_eq!(
            Timestamp::parse("1900-01-01T00:00:00Z"),
            Err(TimeError::OutOfRange)
        );
    }

    #[test]
    fn slightly_ahead_is_clamped_and_far_ahead_refused() {
        let now = Timestamp::parse("2026-11-22T09:00:00Z").unwrap();
        let ahead = Timestamp::parse("2026-11-22T10:00:00Z").unwrap();
        assert_eq!(ahead.received_at(now), Ok(now));
        assert_eq!(
            Timestamp::parse("2200-01-01T00:00:00Z")
                .unwrap()
                .received_at(now),
            Err(TimeError::OutOfRange)
        );
    }

    #[test]
    fn windows_read_and_print() {
        for text in ["14d", "36h", "15m", "61s", "500ms"] {
            assert_eq!(Window::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "14", "d", "-1d", "0d", "99999999d", "1w"] {
            assert_eq!(Window::parse(text), Err(TimeError::BadWindow), "{text}");
        }
    }

    #[test]
    fn days_follow_the_zone() {
        let at = Timestamp::parse("2026-11-22T23:30:00Z").unwrap();
        assert_eq!(Zone::utc().day(at).to_string(), "2026-11-22");
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        assert_eq!(berlin.day(at).to_string(), "2026-11-23");
        assert_eq!((Zone::utc().hour(at), berlin.hour(at)), (23, 0));
        assert!(matches!(
            Zone::parse("Mars/Olympus"),
            Err(TimeError::BadZone)
        ));
    }
}
