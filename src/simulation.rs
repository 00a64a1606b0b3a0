//! Simulation: a policy tried on made-up visitors before it meets real ones, by the very functions that serve.
//!
//! A [`Scenario`] says what is true (rates, order values, seasons, delays, changes) and which policies to try.
//! [`play`] sends the visitors of one run through every policy: each visitor is drawn by [`crate::assign::assign`], what
//! happens is folded by [`crate::fold::fold`], and epochs open through [`crate::bandit::reallocate`], with a clock that the
//! scenario moves. [`summary`] makes figures of many runs.
//!
//! # Regret
//! Pseudo-regret: the expected conversions (or currency) lost against always giving the variant that is best for the
//! visitor, whatever luck the visitors then have.
//!
//! # Common random numbers
//! Every policy of a run, and both references, meet the same visitors: each converts on the same variants, for the same
//! value and after the same delay, whatever a policy does, so the luck of a run cancels in a ratio of regrets. A run
//! depends on its seed alone, not on threads or on the other runs.

mod conversions;
mod drive;
mod looks;
mod read;
mod reference;
mod scenario;
mod summary;
mod tally;
#[cfg(test)]
mod tests;
mod trial;
mod value;
mod visitors;

pub use conversions::Conversion;
pub use drive::{Server, drive};
pub use read::read;
pub use scenario::{
    Candidate, Change, Objective, Promotion, Scenario, Traffic, Truth, VariantTruth,
};
pub use summary::{MeanPoint, PolicySummary, Ratio, ReportSummary, Summary, summary};
pub use tally::Point;
pub use value::{Law, OrderValue};

use reference::{Reference, Rule};
use trial::Trial;
use visitors::{Arrivals, Batch};

/// What a policy or a reference did in a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Course {
    /// Expected loss against the best variant.
    pub regret: f64,
    /// How it got there.
    pub curve: Vec<Point>,
    /// Position of the variant that it believes in at the end.
    pub choice: usize,
}

/// What a policy did in a run, and what its report said.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// What it did.
    pub course: Course,
    /// Per comparison that shows an interval for one planned look, whether it covers the true lift.
    pub covered: Vec<bool>,
    /// Whether an always-valid interval of any comparison excluded the true lift at any look; `None` if none was shown.
    pub excluded: Option<bool>,
    /// Days until the first verdict that says to stop.
    pub decided_after: Option<f64>,
    /// Position of the variant that this verdict is about.
    pub decided_for: Option<usize>,
    /// Per epoch, the share that it gives each variant.
    pub epochs: Vec<Vec<f64>>,
}

/// One run of a scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// An even split.
    pub uniform: Course,
    /// Exact Thompson sampling of conversions, visitor by visitor; absent where values count.
    pub thompson: Option<Course>,
    /// Each policy of the scenario.
    pub policies: Vec<Outcome>,
}

/// Plays a run of a scenario.
pub fn play(scenario: &Scenario, seed: u64) -> Run {
    let mut arrivals = Arrivals::new(scenario, seed);
    let mut uniform = Reference::new(scenario, Rule::Uniform, seed ^ UNIFORM);
    let mut thompson = scenario
        .objective
        .property
        .is_none()
        .then(|| Reference::new(scenario, Rule::Thompson, seed ^ THOMPSON));
    let mut trials: Vec<Trial<'_>> = scenario
        .policies
        .iter()
        .map(|candidate| Trial::new(scenario, candidate))
        .collect();
    let mut batch = Batch::default();
    while arrivals.fill(&mut batch) {
        uniform.serve(&batch);
        if let Some(thompson) = &mut thompson {
            thompson.serve(&batch);
        }
        for trial in &mut trials {
            trial.serve(&batch);
        }
    }
    Run {
        uniform: uniform.finish(),
        thompson: thompson.map(Reference::finish),
        policies: trials.into_iter().map(Trial::finish).collect(),
    }
}

/// Makes the draws of the references others than those of the visitors.
const UNIFORM: u64 = 0x756e_6966_6f72_6d00;
const THOMPSON: u64 = 0x7468_6f6d_7073_6f6e;

/// Position of the largest number, the first of equals.
fn best(numbers: impl IntoIterator<Item = f64>) -> usize {
    let mut best = (0, f64::NEG_INFINITY);
    for (at, number) in numbers.into_iter().enumerate() {
        if number > best.1 {
            best = (at, number);
        }
    }
    best.0
}
