//! How often keys may ask.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use crate::key::{Key, KeyId};

/// What keys with a rate have spent: a bucket each, full at first.
#[derive(Debug, Default)]
pub struct Limits {
    buckets: RwLock<BTreeMap<KeyId, DefaultDirectRateLimiter>>,
    clock: DefaultClock,
}

impl Limits {
    /// Spends one request of a key.
    ///
    /// # Errors
    /// The whole seconds until the next one, when none is left.
    pub(super) fn spend(&self, key: &Key) -> Result<(), NonZeroU64> {
        let Some(rate) = key.rate else {
            return Ok(());
        };
        let known = {
            let buckets = self.buckets.read().unwrap_or_else(PoisonError::into_inner);
            buckets.get(&key.id).map(|bucket| self.take(bucket))
        };
        known.unwrap_or_else(|| {
            let mut buckets = self.buckets.write().unwrap_or_else(PoisonError::into_inner);
            let fresh = || RateLimiter::direct(Quota::per_second(rate));
            self.take(buckets.entry(key.id).or_insert_with(fresh))
        })
    }

    fn take(&self, bucket: &DefaultDirectRateLimiter) -> Result<(), NonZeroU64> {
        let spent = bucket.check();
        spent.map_err(|until| whole_seconds(until.wait_time_from(self.clock.now())))
    }
}

/// A time in seconds, rounded up to one at least.
fn whole_seconds(wait: Duration) -> NonZeroU64 {
    NonZeroU64::MIN.saturating_add(wait.saturating_sub(Duration::from_nanos(1)).as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_is_never_told_zero() {
        let told = |nanos| whole_seconds(Duration::from_nanos(nanos)).get();
        assert_eq!(told(0), 1);
        assert_eq!(told(1_000_000_000), 1);
        assert_eq!(told(1_000_000_001), 2);
    }
}
