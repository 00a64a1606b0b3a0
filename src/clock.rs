//! The clock: the only place that reads the time. Everything else is given it.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::time::{TimeError, Timestamp};

/// First instant of a manual clock on an empty store.
pub const MANUAL_START: &str = "2026-01-01T00:00:00Z";

/// A source of the present time.
#[derive(Debug)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// A stopped clock that is moved by hand, for tests and simulations.
    Manual(AtomicI64),
}

impl Clock {
    /// A stopped clock at the later of [`MANUAL_START`] and `earliest`.
    pub fn manual(earliest: Option<Timestamp>) -> Self {
        let start = Timestamp::parse(MANUAL_START).ok();
        Self::Manual(AtomicI64::new(
            start.max(earliest).map_or(0, Timestamp::millis),
        ))
    }

    /// The present.
    pub fn now(&self) -> Timestamp {
        let millis = match self {
            #[expect(
                clippy::disallowed_methods,
                reason = "this is the one place that reads the clock"
            )]
            Self::System => jiff::Timestamp::now().as_millisecond(),
            Self::Manual(millis) => millis.load(Ordering::SeqCst),
        };
        Timestamp::from_millis(millis).unwrap_or_else(|_| Timestamp::earliest())
    }

    /// Whether the clock is moved by hand.
    pub fn is_manual(&self) -> bool {
        matches!(self, Self::Manual(_))
    }

    /// Moves a manual clock forward.
    ///
    /// # Errors
    /// [`TimeError::OutOfRange`] for an earlier instant, or if the clock is the machine's.
    pub fn advance(&self, to: Timestamp) -> Result<(), TimeError> {
        let Self::Manual(millis) = self else {
            return Err(TimeError::OutOfRange);
        };
        let before = millis.fetch_max(to.millis(), Ordering::SeqCst);
        if before > to.millis() {
            Err(TimeError::OutOfRange)
        } else {
            Ok(())
        }
    }
}
