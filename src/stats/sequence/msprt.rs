//! The mixture sequential probability ratio test in information form (Johari et al. 2017), with a normal mixture of
//! variance τ² around the null. A τ far from the true effect has no power.

use crate::stats::Interval;

/// ln e of no effect: `½ ln(v/(v + τ²)) + d²τ²/(2v(v + τ²))` for the estimate d with variance v.
pub fn log_e(estimate: f64, variance: f64, mixture: f64) -> f64 {
    let total = variance + mixture;
    0.5 * (variance / total).ln() + estimate * estimate * mixture / (2.0 * variance * total)
}

/// `d ± √(v(v + τ²)/τ² · ln((v + τ²)/(v·α²)))`.
pub fn interval(estimate: f64, variance: f64, mixture: f64, alpha: f64) -> Option<Interval> {
    let total = variance + mixture;
    let squared = variance * total / mixture * ((total / variance).ln() - 2.0 * alpha.ln());
    Interval::around(estimate, squared.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;

    #[test]
    fn matches_the_reference() {
        for case in golden::cases(include_str!("../../../tests/golden/sequential_msprt.json")) {
            let (estimate, variance, mixture) = (
                case.number("estimate"),
                case.number("variance"),
                case.number("tau2"),
            );
            let evidence = log_e(estimate, variance, mixture);
            case.check("log_e", &[evidence]);
            case.check("p_single", &[(-evidence).exp().min(1.0)]);
            let ends = interval(estimate, variance, mixture, case.number("alpha")).unwrap();
            case.check("ci", &[ends.low, ends.high]);
        }
    }
}
