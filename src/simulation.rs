//! Simulation: a policy tried on made-up visitors before it meets real ones, by the very functions that serve.
//!
//! A [`Scenario`] says what is true (rates, order values, seasons, delays, changes) and which policies to try.
//! [`play`] sends the visitors of one run through every policy: each visitor is drawn by [`crate::assign::assign`], what
//! happens is folded by [`crate::fold::fold`], and epochs open through [`crate::bandit::reallocate`], with a clock that the
//! scenario moves. [`summary()`] makes figures of many runs.
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
mod segments;
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
pub use segments::{Segment, Segments};
pub use summary::{
    Comparison, MeanPoint, PolicySummary, Ratio, ReportSummary, StopSummary, Summary, summary,
};
pub use tally::Point;
pub use value::{Law, OrderValue};
pub use visitors::Visitor;

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
    /// By segment of visitors (one where all are alike), position of the variant that it believes in at the end.
    pub choices: Vec<usize>,
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
    /// The first verdict of the report that says to stop.
    pub decided: Option<Decided>,
    /// When the policy ended by itself.
    pub stopped: Option<Decided>,
    /// Per epoch, the share that it gives each variant.
    pub epochs: Vec<Vec<f64>>,
}

/// The end of a search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decided {
    /// Days until then.
    pub days: f64,
    /// Position of the variant that it is about.
    pub variant: Option<usize>,
}

/// One run of a scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// What policies are measured against: an even split; where conversions count and not values, exact Thompson sampling,
    /// visitor by visitor; where there are segments, the same for each by itself, visitor by visitor and in batches.
    pub references: Vec<Course>,
    /// Each policy of the scenario.
    pub policies: Vec<Outcome>,
}

/// Plays a run of a scenario.
pub fn play(scenario: &Scenario, seed: u64) -> Run {
    let mut arrivals = Arrivals::new(scenario, seed);
    let mut references: Vec<Reference<'_>> = Rule::of(scenario)
        .map(|rule| Reference::new(scenario, rule, seed))
        .collect();
    let mut trials: Vec<Trial<'_>> = scenario
        .policies
        .iter()
        .map(|candidate| Trial::new(scenario, candidate))
        .collect();
    let mut batch = Batch::default();
    while arrivals.fill(&mut batch) {
        for reference in &mut references {
            reference.serve(&batch);
        }
        for trial in &mut trials {
            trial.serve(&batch);
        }
    }
    Run {
        references: references.into_iter().map(Reference::finish).collect(),
        policies: trials.into_iter().map(Trial::finish).collect(),
    }
}

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
