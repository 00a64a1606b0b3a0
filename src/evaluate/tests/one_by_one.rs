//! The estimators by their definitions, visitor by visitor.

use super::shop::Paid;
use crate::evaluate::judged::{Judged, Worth};

/// A visitor's weight under a policy, the outcome, the model's mean of the variant, and of the policy.
pub(super) struct Term {
    weight: f64,
    y: f64,
    predicted: f64,
    expected: f64,
}

/// Visitors with their inverse propensities under probabilities by device, with each variant's mean as the model.
pub(super) fn terms(visitors: &[(Paid, f64)], policy: [[f64; 3]; 2]) -> Vec<Term> {
    let paid = |paid: &Paid| paid.cents as f64 / 100.0;
    let all: f64 = visitors.iter().map(|(of, _)| paid(of)).sum();
    let mean = all / visitors.len() as f64;
    let model = [0, 1, 2].map(|arm| {
        let own = || visitors.iter().filter(|(of, _)| of.arm == arm);
        let sum: f64 = own().map(|(of, _)| paid(of)).sum();
        (sum + 20.0 * mean) / (own().count() as f64 + 20.0)
    });
    let term = |(of, inverse): &(Paid, f64)| {
        let (probabilities, arm) = (policy[usize::from(of.device)], usize::from(of.arm));
        Term {
            weight: probabilities[arm] * inverse,
            y: paid(of),
            predicted: model[arm],
            expected: (0..3)
                .map(|other| probabilities[other] * model[other])
                .sum(),
        }
    };
    visitors.iter().map(term).collect()
}

/// The mean of terms, and the standard error that their variance gives it.
fn mean(terms: &[Term], of: impl Fn(&Term) -> f64) -> (f64, f64) {
    let n = terms.len() as f64;
    let mean = terms.iter().map(&of).sum::<f64>() / n;
    let spread: f64 = terms.iter().map(|term| (of(term) - mean).powi(2)).sum();
    (mean, (spread / (n - 1.0) / n).sqrt())
}

#[track_caller]
pub(super) fn near(got: f64, expected: f64) {
    assert!(
        (got - expected).abs() <= 1e-9 * (1.0 + expected.abs()),
        "{got} {expected}"
    );
}

#[track_caller]
fn same(worth: Worth, (estimate, error): (f64, f64), logged: f64) {
    near(worth.mean.estimate, estimate);
    near(worth.mean.std_error.unwrap(), error);
    let interval = worth.mean.interval.unwrap();
    near(
        interval.high - interval.low,
        2.0 * 1.959_963_984_540_054 * error,
    );
    near(worth.lift.unwrap(), estimate / logged - 1.0);
}

/// The figures against those of visitors one by one, by the definitions of the estimators.
#[track_caller]
pub(super) fn agrees(judged: &Judged, terms: &[Term]) {
    let n = terms.len() as f64;
    let sum = |of: &dyn Fn(&Term) -> f64| terms.iter().map(of).sum::<f64>();
    let (logged, _) = mean(terms, |term| term.y);
    near(judged.logged, logged);
    same(judged.ips, mean(terms, |term| term.weight * term.y), logged);
    let weights = sum(&|term| term.weight);
    let ratio = sum(&|term| term.weight * term.y) / weights;
    let beyond = sum(&|term| (term.weight * (term.y - ratio)).powi(2)).sqrt();
    same(judged.snips, (ratio, beyond / weights), logged);
    let robust = |term: &Term| term.expected + term.weight * (term.y - term.predicted);
    same(judged.doubly_robust, mean(terms, robust), logged);
    near(judged.modelled, mean(terms, |term| term.expected).0);
    let overlap = judged.overlap;
    assert_eq!(overlap.visitors, terms.len() as u64);
    near(overlap.mean_weight, weights / n);
    near(
        overlap.effective,
        weights * weights / sum(&|term| term.weight.powi(2)),
    );
}

pub(super) fn largest(terms: &[Term]) -> f64 {
    terms.iter().map(|term| term.weight).fold(0.0, f64::max)
}

/// How many visitors of equal weight they are worth.
pub(super) fn effective(terms: &[Term]) -> f64 {
    let total: f64 = terms.iter().map(|term| term.weight).sum();
    let squares: f64 = terms.iter().map(|term| term.weight.powi(2)).sum();
    total * total / squares
}
