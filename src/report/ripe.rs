//! Who counts for the figures that hold at every look, where conversions take their time.
//!
//! Their evidence is the odds of the converted visitors. Where one variant converts more slowly, those who have converted
//! so far are fewer by construction, and the odds would exclude the truth. A delay that all share cancels. So where the
//! delays of a pair are not known to be alike, only epochs count whose visitors have had the time in which nearly all
//! convert who will; until there are some, nothing is shown. Epochs are chosen by age, never by how many converted. Under
//! a fixed split that never moved both variants have visitors of the same age, and what is compared is what came so far
//! (R6); a bandit that has not moved yet would act on it.

use crate::catalog::experiment::Policy;
use crate::catalog::metric::MetricIndex;
use crate::cell::{Cells, Row};
use crate::delay::{Delays, delays};
use crate::posterior::delay::MIN_CONVERSIONS;
use crate::posterior::delay::difference::difference;
use crate::stats::Caveat;
use crate::time::{Timestamp, Window};

use super::ComparisonReport;
use super::adaptive::Adaptive;
use super::design::{Basis, Design, Pairing};
use super::figure::{Reader, gate};

/// The share of conversions that is nearly all.
const NEARLY_ALL: f64 = 0.98;

impl Design<'_> {
    /// The same with the delays of its metrics, where conversions could come until `end`.
    #[must_use]
    pub(super) fn with_delays(mut self, cells: &Cells, end: Timestamp) -> Self {
        let rows: Vec<Row> = self.drawn().map(|named| named.row).collect();
        let metrics = 0..self.entry.experiment.metrics.len();
        let indices = (0..).map(MetricIndex).zip(metrics);
        self.delays = indices
            .map(|(index, _)| delays(self.entry, cells, (index, &rows), end))
            .collect();
        self
    }

    /// The delays of a metric; `None` where conversions come at once, and with too few to tell.
    pub(super) fn delays(&self, index: MetricIndex) -> Option<&Delays> {
        self.delays.get(usize::from(index.0))?.as_ref()
    }

    /// The age from which visitors of a pair count; `None` if all do.
    fn ripe_age(&self, index: MetricIndex, pairing: &Pairing) -> Option<Window> {
        let metrics = &self.entry.experiment.metrics;
        let converting = gate(metrics, metrics.get(usize::from(index.0))?).unwrap_or(index);
        let delays = self.delays(converting)?;
        let of = |named| {
            let samples = delays.samples.iter().zip(&delays.curves);
            let mut rows = self.drawn().zip(samples);
            rows.find(|(row, _)| row.row.arm == named).map(|(_, of)| of)
        };
        let pair = [of(self.control())?, of(pairing.named.row.arm)?];
        let is_over = |(sample, curve)| Delays::reached_in_all(sample, curve) >= NEARLY_ALL;
        let samples = pair.map(|(sample, _)| sample.clone());
        let are_alike = samples
            .iter()
            .all(|sample| sample.conversions() >= MIN_CONVERSIONS)
            && difference(&samples, &delays.common).is_some_and(|of| of.speaks_against());
        let ages = pair.iter().map(|(_, curve)| curve.quantile(NEARLY_ALL));
        #[expect(clippy::cast_possible_truncation, reason = "at most a window")]
        let age = ages.fold(0.0, f64::max).ceil() as i64;
        (!are_alike && !pair.into_iter().all(is_over)).then_some(Window::from_millis(age))
    }
}

/// What the figures of a pair that hold at every look rest on.
pub(super) enum Counted {
    /// Everybody.
    All,
    /// Epochs whose visitors are old enough; `None` as long as there are none.
    Ripe(Option<Adaptive>),
}

impl Reader<'_> {
    /// Who counts for what holds at every look.
    pub(super) fn counted(self, index: MetricIndex, pairing: &Pairing) -> Counted {
        let moves = match self.design.entry.experiment.policy {
            Policy::Bandit(_) => true,
            Policy::Fixed => pairing.basis == Basis::Weighted,
        };
        let age = self.design.ripe_age(index, pairing).filter(|_| moves);
        match age {
            None => Counted::All,
            Some(age) => Counted::Ripe(self.older(index, pairing, age)),
        }
    }
}

impl Counted {
    /// Says so in a comparison where not everybody counts.
    pub(super) fn told(&self, comparison: &mut ComparisonReport) {
        match self {
            Self::All => {}
            Self::Ripe(_) => comparison.caveats.push(Caveat::ConversionsPending),
        }
    }
}
