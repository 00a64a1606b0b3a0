//! Confidence sequences of one arm's mean: of a conversion rate, and of any value between 0 and 1.

use statrs::function::beta::ln_beta;

use crate::stats::Interval;

/// ln e of a conversion rate against the uniform mixture: `ln B(1 + s, 1 + n − s) − s ln p − (n − s) ln(1 − p)`.
pub fn log_e(successes: u64, trials: u64, rate: f64) -> f64 {
    let (successes, failures) = (successes as f64, trials.saturating_sub(successes) as f64);
    let term = |count: f64, ln: f64| if count > 0.0 { count * ln } else { 0.0 };
    ln_beta(1.0 + successes, 1.0 + failures)
        - term(successes, rate.ln())
        - term(failures, (-rate).ln_1p())
}

/// The rates that the evidence does not exclude; exact at any stopping.
pub fn rate(successes: u64, trials: u64, alpha: f64) -> Interval {
    let limit = -alpha.ln();
    let center = successes as f64 / trials.max(1) as f64;
    let end = |mut outside: f64| {
        if log_e(successes, trials, outside) < limit {
            return outside;
        }
        let mut inside = center;
        for _ in 0..200 {
            let middle = 0.5 * (inside + outside);
            if log_e(successes, trials, middle) < limit {
                inside = middle;
            } else {
                outside = middle;
            }
        }
        inside
    };
    Interval {
        low: end(0.0),
        high: end(1.0),
    }
}

/// The mean of values in [0, 1] by the predictable plug-in empirical-Bernstein bound (Waudby-Smith & Ramdas 2020).
///
/// Values in the order of their arrival; the bound depends on it.
pub fn mean(values: &[f64], alpha: f64) -> Interval {
    let low = |flip: bool| {
        bernstein(
            values.iter().map(|x| if flip { 1.0 - x } else { *x }),
            alpha,
        )
    };
    Interval {
        low: low(false).clamp(0.0, 1.0),
        high: (1.0 - low(true)).clamp(0.0, 1.0),
    }
}

/// `(Σλx − ln(2/α) − Σ(x − m)²ψ(λ)) / Σλ` with ψ(λ) = −ln(1 − λ) − λ and m the mean before x.
fn bernstein(values: impl Iterator<Item = f64>, alpha: f64) -> f64 {
    let evidence = (2.0 / alpha).ln();
    let (mut sum, mut mean, mut spread, mut variance) = (0.0, 0.0, 0.25, 0.25);
    let (mut bets, mut won, mut paid) = (0.0, 0.0, 0.0);
    for (count, x) in (1_u32..).zip(values) {
        let count = f64::from(count);
        let bet = (2.0 * evidence / (variance * count * count.ln_1p()))
            .sqrt()
            .min(0.5);
        bets += bet;
        won += bet * x;
        paid += (x - mean) * (x - mean) * (-(-bet).ln_1p() - bet);
        sum += x;
        mean = sum / count;
        let shrunk = (0.5 + sum) / (count + 1.0);
        spread += (x - shrunk) * (x - shrunk);
        variance = spread / (count + 1.0);
    }
    (won - evidence - paid) / bets
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;

    #[test]
    fn rates_match_the_reference() {
        for case in golden::cases(include_str!(
            "../../../tests/golden/eprocess_bernoulli.json"
        )) {
            let count = |field: &str| case.input[field].as_u64().unwrap();
            let (successes, trials) = (count("successes"), count("trials"));
            let interval = rate(successes, trials, case.number("alpha"));
            case.check("ci", &[interval.low, interval.high]);
            let against = case.part(&case.expected["log_e_vs_p0"]);
            for rate in ["0.05", "0.1", "0.5"] {
                against.check(rate, &[log_e(successes, trials, rate.parse().unwrap())]);
            }
        }
    }

    #[test]
    fn bounded_means_match_the_reference() {
        let text = include_str!("../../../tests/golden/cs_empirical_bernstein.json");
        let file: serde_json::Value = serde_json::from_str(text).unwrap();
        let clicks = golden::flatten(&file["clicks"]);
        let clicked = |position: u32| {
            clicks
                .iter()
                .any(|of| (of - f64::from(position)).abs() < 0.5)
        };
        for case in golden::cases(text) {
            let first = u32::try_from(case.input["first"].as_u64().unwrap()).unwrap();
            let values: Vec<f64> = (0..first)
                .map(|of| f64::from(u8::from(clicked(of))))
                .collect();
            let interval = mean(&values, case.number("alpha"));
            case.check("ci", &[interval.low, interval.high]);
        }
    }
}
