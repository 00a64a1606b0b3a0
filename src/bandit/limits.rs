//! What limits the shares that a bandit's belief asks for.

use crate::allocation::{Allocation, Arm};
use crate::catalog::experiment::Bandit;

/// The shares within the bandit's limits.
pub(super) fn limited(shares: &[(Arm, f64)], bandit: &Bandit) -> Allocation {
    Allocation::floored(shares, bandit.floor_total)
}
