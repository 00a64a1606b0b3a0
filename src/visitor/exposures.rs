//! What a visitor's record keeps of exposures: when which variant of which experiment was first seen.
//!
//! Of what was seen from the assignment on only the first counts, and only it is kept. What was seen before stands by, for
//! an assignment with an earlier time may still arrive. So neither order nor repetition of exposures matters.

use serde::{Deserialize, Serialize};

use super::{Assignment, Record};
use crate::allocation::Arm;
use crate::catalog::Serial;
use crate::catalog::experiment::Experiment;
use crate::source::Source;
use crate::time::Timestamp;

/// Most exposures that are kept, per experiment and variant, of the time before an assignment; the oldest are.
const MAX_EARLY: usize = 16;

/// That the visitor saw a variant. The order is by experiment, variant and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Exposure {
    /// The experiment.
    pub experiment: Serial,
    /// The first revision of the variant that was seen; `None` for a variant that the experiment never had.
    pub arm: Option<Arm>,
    /// When.
    pub at: Timestamp,
    /// Who told.
    pub source: Source,
}

impl Record {
    /// The record's exposures with one more; `None` if that changes nothing.
    pub fn exposures_with(&self, new: Exposure) -> Option<Vec<Exposure>> {
        let position = self.exposures.binary_search(&new).err()?;
        let assigned = self.assignment(new.experiment, None).map(|of| of.at);
        let mut exposures = self.exposures.clone();
        exposures.insert(position, new);
        let (mut early, mut later) = (0, 0);
        exposures.retain(|other| {
            if (other.experiment, other.arm) != (new.experiment, new.arm) {
                return true;
            }
            if assigned.is_some_and(|assigned| other.at >= assigned) {
                later += 1;
                later == 1
            } else {
                early += 1;
                early <= MAX_EARLY
            }
        });
        (exposures != self.exposures).then_some(exposures)
    }

    /// When the visitor of an assignment first saw another variant.
    pub(super) fn first_unlike(
        &self,
        of: &Assignment,
        experiment: &Experiment,
    ) -> Option<Timestamp> {
        if self.exposures.is_empty() {
            return None;
        }
        let own = experiment.first_revision(of.arm)?;
        let unlike = first(&self.exposures, of, |arm| arm != Some(own));
        unlike.map(|exposure| exposure.at)
    }
}

/// When the visitor of an assignment first saw its variant.
pub fn first_exposure(
    exposures: &[Exposure],
    of: &Assignment,
    experiment: &Experiment,
) -> Option<Exposure> {
    if exposures.is_empty() {
        return None;
    }
    let own = experiment.first_revision(of.arm)?;
    first(exposures, of, |arm| arm == Some(own))
}

/// The first exposure from an assignment on; those of sessions can not be told apart.
fn first(
    exposures: &[Exposure],
    of: &Assignment,
    is_meant: impl Fn(Option<Arm>) -> bool,
) -> Option<Exposure> {
    let meant = exposures.iter().filter(|exposure| {
        let same = exposure.experiment == of.experiment && of.session.is_none();
        same && is_meant(exposure.arm) && exposure.at >= of.at
    });
    meant
        .min_by_key(|exposure| (exposure.at, exposure.source))
        .copied()
}
