//! Exponential forgetting: counts lose half of their weight with every half-life, the prior none of its own.
//!
//! It follows a truth that moves, at the price of never being certain: after long, about 1.44 half-lives of traffic speak
//! at full weight. Only decisions forget; reports need the propensities and nothing more to stay right.

use super::Posterior;

/// Visitors of one age and their conversions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Aged {
    /// How long ago, in the half-life's unit; not negative.
    pub age: f64,
    /// Visitors.
    pub trials: f64,
    /// How many of them converted.
    pub conversions: f64,
}

/// What is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Remembered {
    /// Σ w over the visitors.
    pub trials: f64,
    /// Σ w over those who converted.
    pub conversions: f64,
    /// Σ w² over the visitors.
    squares: f64,
}

/// What something of an age counts: ½^(age / `half_life`), `half_life` > 0.
pub fn weight(age: f64, half_life: f64) -> f64 {
    (-age / half_life).exp2()
}

impl Remembered {
    /// The counts at weights w = ½^(age / `half_life`), `half_life` > 0.
    pub fn of(counts: impl IntoIterator<Item = Aged>, half_life: f64) -> Self {
        let add = |sum: Self, count: Aged| {
            let weight = weight(count.age, half_life);
            Self {
                trials: sum.trials + weight * count.trials,
                conversions: sum.conversions + weight * count.conversions,
                squares: sum.squares + weight * weight * count.trials,
            }
        };
        counts.into_iter().fold(Self::default(), add)
    }

    /// Kish's effective number of visitors, (Σw)²/Σw²; 0 without visitors.
    pub fn effective(&self) -> f64 {
        if self.squares > 0.0 {
            self.trials * self.trials / self.squares
        } else {
            0.0
        }
    }

    /// The posterior of the conversion rate under Beta(1, 1).
    pub fn posterior(&self) -> Posterior {
        Posterior::Beta {
            a: 1.0 + self.conversions,
            b: 1.0 + (self.trials - self.conversions).max(0.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{self, Case, flatten};
    use serde_json::Value;

    fn shape(remembered: &Remembered) -> (f64, f64) {
        match remembered.posterior() {
            Posterior::Beta { a, b } => (a, b),
            other @ (Posterior::Normal { .. } | Posterior::StudentT { .. }) => panic!("{other:?}"),
        }
    }

    /// What each of three arms remembers after so many events, one unit of time apart.
    fn by_event(case: &Case, after: usize) -> Vec<Remembered> {
        let (arms, rewards) = (flatten(&case.input["arms"]), flatten(&case.input["y"]));
        let half_life = -1.0 / case.number("gamma").log2();
        let of = |arm: f64| {
            let event = |i: usize| Aged {
                age: (after - 1 - i) as f64,
                trials: 1.0,
                conversions: rewards[i],
            };
            let own = (0..after).filter(|i| (arms[*i] - arm).abs() < 0.5);
            Remembered::of(own.map(event), half_life)
        };
        [0.0, 1.0, 2.0].into_iter().map(of).collect()
    }

    fn check_snapshot(case: &Case, snapshot: &Value) {
        let after = usize::try_from(snapshot["after"].as_u64().unwrap()).unwrap();
        let arms = by_event(case, after);
        let part = case.part(snapshot);
        let (a, b): (Vec<f64>, Vec<f64>) = arms.iter().map(shape).unzip();
        part.check("alpha", &a);
        part.check("beta", &b);
        let effective: Vec<f64> = arms.iter().map(Remembered::effective).collect();
        part.check("n_eff_kish", &effective);
    }

    #[test]
    fn forgetting_by_event_and_by_time_matches_the_reference() {
        for case in golden::cases(include_str!("../../tests/golden/discounted_ts.json")) {
            if let Some(snapshots) = case.expected["snapshots"].as_array() {
                for snapshot in snapshots {
                    check_snapshot(&case, snapshot);
                }
                continue;
            }
            let (times, rewards) = (flatten(&case.input["t"]), flatten(&case.input["y"]));
            let events = times.iter().zip(&rewards).map(|(t, y)| Aged {
                age: case.number("query_t") - t,
                trials: 1.0,
                conversions: *y,
            });
            let (a, b) = shape(&Remembered::of(events, case.number("half_life_s")));
            case.check("alpha", &[a]);
            case.check("beta", &[b]);
        }
    }

    #[test]
    fn what_is_all_forgotten_leaves_the_prior() {
        let old = Aged {
            age: 1e9,
            trials: 100.0,
            conversions: 50.0,
        };
        assert_eq!(shape(&Remembered::of([old], 1.0)), (1.0, 1.0));
        assert!(Remembered::default().effective() <= 0.0);
    }
}
