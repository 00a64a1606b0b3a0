//! How many events a contrast rests on.

use super::{Epoch, Weights};

/// The effective number of events behind a contrast with [`Weights::Common`], `(Σ h·S/e)² / Σ h²·Q/e²`.
///
/// For conversions S = Q is their number; other sums count at most as many events as there are.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Events([(f64, f64); 2]);

impl Events {
    /// Adds an epoch.
    pub fn add(&mut self, epoch: &Epoch) {
        let weight = Weights::Common.of(epoch);
        for ((first, second), cell) in self.0.iter_mut().zip([epoch.control, epoch.treatment]) {
            let weight = weight / cell.propensity;
            *first += weight * cell.sum;
            *second += weight * weight * cell.squares;
        }
    }

    /// The number, of the arm with fewer.
    pub fn effective(&self) -> f64 {
        let effective = |(first, second): (f64, f64)| {
            if second > 0.0 {
                first * first / second
            } else {
                0.0
            }
        };
        let [control, treatment] = self.0.map(effective);
        control.min(treatment)
    }
}
