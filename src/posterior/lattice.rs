//! P(best) of arms whose posteriors are jointly normal, by a deterministic rule: the same figures on every call.
//!
//! Arm k is the best where all K − 1 differences `θ_j − θ_k` are below 0, an orthant of a correlated normal. Genz (1992)
//! separates its variables: with the Cholesky factor C, `y_i = Φ⁻¹(u_i·e_i)` is drawn below its bound in turn and the
//! probability is the mean of `Π e_i`, over u in K − 2 dimensions. The differences come in the order of their marginal
//! probabilities, the tightest first; the points are Richtmyer's lattice {i·√prime} folded by the tent |2u − 1| (Genz and
//! Bretz 2009). The K probabilities are divided by their sum.
//!
//! Alone, the rule is wrong by up to 4e-4 where arms are known unequally well. So it also evaluates independent arms that
//! are as close as can be, whose probabilities [`best`] has exactly, and the error it makes there is taken away: a control
//! variate. An error that all arms share changes no difference, and the posterior of cohorts has little else beside, so
//! that few points suffice: the lattice is doubled until no probability moves by 1e-5.
//!
//! Against finer rules, cohorts of unequal allocations were wrong by at most 4e-5 (4 to 20 arms), and arms with a common
//! factor of loadings from 0.4 to 0.6 by less than 1e-4 up to 40 arms, 1.4e-4 for 80. Ten arms take 0.7 ms, 20 arms 3.5 ms
//! and 80 arms 0.1 s.

use std::ops::Range;

use super::cholesky::Cholesky;
use super::cohort::LogRates;
use super::normal::table::{TABLE, Table};
use super::{Posterior, best, normal};

/// Points of the lattice to begin with, a multiple of [`LANES`].
const FIRST_POINTS: usize = 256;
/// Most points.
const MOST_POINTS: usize = 2_048;
/// No probability that moves by less when the points are doubled is worth more points.
const SETTLED: f64 = 1e-5;
/// Points that are worked on together, so that none waits for the steps of another.
const LANES: usize = 32;
/// An arm that some other beats with all but this probability has none to be the best.
const NEGLIGIBLE: f64 = 1e-7;
/// A difference whose bound is so many standard deviations away is no condition: 1e-9 lie beyond.
const CERTAIN: f64 = 6.0;

impl LogRates {
    /// The probability by arm that its rate is the largest, to 1e-4 for cohorts up to 20 arms; they sum to 1.
    pub fn prob_best(&self) -> Vec<f64> {
        let arms = self.mean.len();
        let mut lattice = Lattice::new(arms.saturating_sub(2));
        lattice.grow(FIRST_POINTS);
        let mut own = Means::of(self);
        if arms <= 2 {
            return own.over(&lattice);
        }
        let near = self.independent();
        let exact = near.if_independent();
        let mut near = Means::of(&near);
        let mut corrected = |lattice: &Lattice| {
            let errors = near.over(lattice).into_iter().zip(&exact);
            let chances = own.over(lattice).into_iter().zip(errors);
            normalised(
                chances
                    .map(|(chance, (found, exact))| (chance + exact - found).max(0.0))
                    .collect(),
            )
        };
        let mut chances = corrected(&lattice);
        while lattice.points < MOST_POINTS {
            lattice.grow(lattice.points);
            let before = std::mem::replace(&mut chances, corrected(&lattice));
            let mut moved = before.iter().zip(&chances).map(|(a, b)| (a - b).abs());
            if moved.all(|moved| moved < SETTLED) {
                break;
            }
        }
        chances
    }

    /// The same by quadrature, of arms without covariances.
    fn if_independent(&self) -> Vec<f64> {
        let normal = |(arm, mean): (usize, &f64)| Posterior::Normal {
            mean: *mean,
            sd: self.covariance[arm][arm].sqrt(),
        };
        let arms: Vec<Posterior> = self.mean.iter().enumerate().map(normal).collect();
        best::evaluate(&arms).prob_best
    }

    /// The same without the covariances: their mean is an error that all arms share.
    fn independent(&self) -> Self {
        let arms = self.mean.len();
        let off = |i: usize| (0..arms).filter(move |j| *j != i);
        let covariances = (0..arms).flat_map(|i| off(i).map(move |j| self.covariance[i][j]));
        let shared = covariances.sum::<f64>() / (arms * (arms - 1)).max(1) as f64;
        let own = |arm: usize| self.covariance[arm][arm] - shared;
        let least = 1e-6 * (0..arms).map(own).sum::<f64>().max(0.0) / arms.max(1) as f64;
        let own = |arm| own(arm).max(least);
        let row = |i| {
            (0..arms)
                .map(|j| if i == j { own(i) } else { 0.0 })
                .collect()
        };
        Self {
            mean: self.mean.clone(),
            covariance: (0..arms).map(row).collect(),
        }
    }
}

fn normalised(mut chances: Vec<f64>) -> Vec<f64> {
    let total: f64 = chances.iter().sum();
    if total > 0.0 {
        for chance in &mut chances {
            *chance /= total;
        }
    }
    chances
}

/// The points {i·√prime}, folded by the tent |2u − 1|.
struct Lattice {
    /// By dimension, its generator and the coordinates of all points.
    tents: Vec<(f64, Vec<[f64; LANES]>)>,
    points: usize,
}

impl Lattice {
    /// Without points.
    fn new(dimensions: usize) -> Self {
        let generators = generators(dimensions).into_iter();
        Self {
            tents: generators.map(|of| (of, Vec::new())).collect(),
            points: 0,
        }
    }

    /// So many points more, a multiple of [`LANES`].
    fn grow(&mut self, points: usize) {
        let blocks = self.points / LANES..(self.points + points) / LANES;
        for (generator, tents) in &mut self.tents {
            let tent = |point: usize| (2.0 * (point as f64 * *generator).fract() - 1.0).abs();
            let lanes = |block| std::array::from_fn(|lane| tent(block * LANES + lane + 1));
            tents.extend(blocks.clone().map(lanes));
        }
        self.points += points;
    }
}

/// The means of the integrands by arm, over a lattice that grows.
struct Means {
    orthants: Vec<Orthant>,
    /// By arm, over the points until now.
    sums: Vec<f64>,
    points: usize,
}

impl Means {
    fn of(rates: &LogRates) -> Self {
        let arms = 0..rates.mean.len();
        Self {
            sums: vec![0.0; arms.len()],
            orthants: arms.map(|arm| Orthant::of(rates, arm)).collect(),
            points: 0,
        }
    }

    /// The probabilities by arm from all points, divided by their sum.
    fn over(&mut self, lattice: &Lattice) -> Vec<f64> {
        let blocks = self.points / LANES..lattice.points / LANES;
        for (sum, orthant) in self.sums.iter_mut().zip(&self.orthants) {
            *sum += orthant.sum(lattice, blocks.clone());
        }
        self.points = lattice.points;
        normalised(self.sums.clone())
    }
}

/// √2, √3, √5, …: one generator per dimension.
fn generators(dimensions: usize) -> Vec<f64> {
    let is_prime = |n: &u32| {
        (2..*n)
            .take_while(|d| d * d <= *n)
            .all(|d| !n.is_multiple_of(d))
    };
    let primes = (2_u32..).filter(is_prime).take(dimensions);
    primes.map(|prime| f64::from(prime).sqrt()).collect()
}

/// Where one arm is the best: standardised differences from it, each to be below its bound.
struct Orthant {
    /// Ascending.
    bounds: Vec<f64>,
    /// The factor of the correlations.
    factor: Cholesky,
}

impl Orthant {
    fn of(rates: &LogRates, arm: usize) -> Self {
        let (mean, c) = (&rates.mean, &rates.covariance);
        let covariance = |i: usize, j: usize| c[i][j] - c[i][arm] - c[j][arm] + c[arm][arm];
        let others = (0..mean.len()).filter(|other| *other != arm);
        let mut others: Vec<(f64, f64, usize)> = others
            .map(|other| {
                let sd = covariance(other, other).max(f64::MIN_POSITIVE).sqrt();
                ((mean[arm] - mean[other]) / sd, sd, other)
            })
            .filter(|(bound, _, _)| *bound < CERTAIN)
            .collect();
        others.sort_by(|a, b| a.0.total_cmp(&b.0));
        let correlation = |a: &(f64, f64, usize), b: &(f64, f64, usize)| {
            if a.2 == b.2 {
                1.0
            } else {
                covariance(a.2, b.2) / (a.1 * b.1)
            }
        };
        let row = |a| others.iter().map(|b| correlation(a, b)).collect();
        let correlations: Vec<Vec<f64>> = others.iter().map(row).collect();
        Self {
            bounds: others.iter().map(|other| other.0).collect(),
            factor: Cholesky::of(&correlations),
        }
    }

    /// The integrand summed over blocks of the lattice.
    fn sum(&self, lattice: &Lattice, blocks: Range<usize>) -> f64 {
        let all = (blocks.len() * LANES) as f64;
        let Some(tightest) = self.bounds.first().map(|bound| normal::sf(-bound)) else {
            return all;
        };
        if tightest < NEGLIGIBLE {
            return 0.0;
        }
        if self.bounds.len() == 1 {
            return tightest * all;
        }
        let mut y = Vec::with_capacity(self.bounds.len());
        let of = |block| self.block(tightest, lattice, block, &mut y);
        blocks.map(of).sum()
    }

    /// The integrand summed over a block of the lattice; `tightest` is the probability of the first difference.
    fn block(
        &self,
        tightest: f64,
        lattice: &Lattice,
        block: usize,
        y: &mut Vec<[f64; LANES]>,
    ) -> f64 {
        let table: &Table = &TABLE;
        y.clear();
        let mut below = [tightest; LANES];
        let mut products = below;
        let rest = self.factor.rows().iter().zip(&self.bounds).skip(1);
        for ((row, bound), (_, tents)) in rest.zip(&lattice.tents) {
            let tents = &tents[block];
            y.push(std::array::from_fn(|lane| {
                table.quantile(tents[lane] * below[lane])
            }));
            let mut room = [*bound; LANES];
            for (c, y) in row.iter().zip(y.iter()) {
                for (room, y) in room.iter_mut().zip(y) {
                    *room -= c * y;
                }
            }
            let scale = 1.0 / row[y.len()];
            for lane in 0..LANES {
                below[lane] = table.cdf(room[lane] * scale);
                products[lane] *= below[lane];
            }
        }
        products.iter().sum()
    }
}

#[cfg(test)]
mod tests;
