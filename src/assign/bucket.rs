//! The bucket function: the one source of chance in decisions. A specification, not an implementation detail.
//!
//! `u(salt, unit)` is XXH3-64 (seed 0) of the bytes `version ‖ salt ‖ 0x00 ‖ unit`, version = 0x01, salt and unit in
//! UTF-8; its top 53 bits plus ½, divided by 2⁵³: a number in (0, 1) that any language can recompute. It changes only
//! under a new version byte. `tests/golden/bucket.json` holds vectors.
//!
//! # Why
//! One hash, several salts: layer, ramp, holdout and variant each draw from a salt of their own; one draw for several
//! purposes would correlate the groups. Weighted rendezvous picks the variant: P(variant) = its weight exactly, no
//! state, and a change of weights moves only the mass that has to move. Rejected: cumulative thresholds (a change
//! shifts everybody) and remembered ranges.

use xxhash_rust::xxh3::xxh3_64;

use crate::allocation::{Allocation, Arm};

const VERSION: u8 = 1;

/// Longest salt and unit together that are hashed without allocating, in bytes.
const INLINE: usize = 512;

/// u(salt, unit) in (0, 1); the salt is the concatenation of its parts.
pub fn unit_interval(salt: &[&str], unit: &str) -> f64 {
    let parts = || {
        salt.iter()
            .map(|part| part.as_bytes())
            .chain([&[0][..], unit.as_bytes()])
    };
    let length = 1 + parts().map(<[u8]>::len).sum::<usize>();
    let mut inline = [VERSION; INLINE];
    let mut spilled = Vec::new();
    let bytes = if length <= INLINE {
        &mut inline[..length]
    } else {
        spilled.resize(length, VERSION);
        &mut spilled[..]
    };
    let mut rest = &mut bytes[1..];
    for part in parts() {
        let (head, tail) = rest.split_at_mut(part.len());
        head.copy_from_slice(part);
        rest = tail;
    }
    ((xxh3_64(bytes) >> 11) as f64 + 0.5) / 9_007_199_254_740_992.0
}

/// Weighted rendezvous: the variant with the least −ln u / weight. `None` for an empty allocation.
pub fn rendezvous(allocation: &Allocation, mut u: impl FnMut(Arm) -> f64) -> Option<Arm> {
    let scores = allocation
        .iter()
        .map(|(arm, weight)| (arm, -u(arm).ln() / weight));
    scores
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(arm, _)| arm)
}

#[cfg(test)]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    reason = "draws in (0, 1) go into few bins, and equal bytes give equal draws"
)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(serde::Deserialize)]
    struct Vector {
        salt: String,
        unit: String,
        u: f64,
    }

    #[test]
    fn golden_vectors() {
        let vectors: Vec<Vector> =
            serde_json::from_str(include_str!("../../tests/golden/bucket.json")).unwrap();
        assert!(vectors.len() >= 8);
        for vector in vectors {
            let u = unit_interval(&[&vector.salt], &vector.unit);
            assert!(
                (u - vector.u).abs() < 1e-15,
                "{} {}: {u} != {}",
                vector.salt,
                vector.unit,
                vector.u
            );
        }
    }

    fn allocation(weights: &[f64]) -> Allocation {
        Allocation::normalised((0..).map(Arm).zip(weights.iter().copied()))
    }

    fn draw(allocation: &Allocation, experiment: &str, visitor: u32) -> Arm {
        let unit = visitor.to_string();
        rendezvous(allocation, |arm| {
            unit_interval(&["variant:", experiment, ":", &arm.0.to_string()], &unit)
        })
        .unwrap()
    }

    /// Pearson's statistic of counts against expected counts.
    fn chi2(observed: &[f64], expected: &[f64]) -> f64 {
        observed
            .iter()
            .zip(expected)
            .map(|(o, e)| (o - e) * (o - e) / e)
            .sum()
    }

    #[test]
    fn draws_are_uniform() {
        let mut bins = [0.0; 100];
        for visitor in 0..200_000 {
            bins[(unit_interval(&["traffic:hero"], &visitor.to_string()) * 100.0) as usize] += 1.0;
        }
        let statistic = chi2(&bins, &[2_000.0; 100]);
        assert!(
            statistic < 163.6,
            "chi2 with 99 df at p = 5e-5 is 163.6; got {statistic}"
        );
    }

    #[test]
    fn salts_and_experiments_are_independent() {
        for (one, other) in [
            ("layer:page", "holdout:hero"),
            ("variant:hero:a@1", "variant:price:a@1"),
            ("variant:hero:a@1", "variant:hero:b@1"),
        ] {
            let mut table = [0.0; 100];
            for visitor in 0..200_000 {
                let unit = visitor.to_string();
                let (i, j) = (
                    unit_interval(&[one], &unit) * 10.0,
                    unit_interval(&[other], &unit) * 10.0,
                );
                table[i as usize * 10 + j as usize] += 1.0;
            }
            let statistic = chi2(&table, &[2_000.0; 100]);
            assert!(statistic < 163.6, "{one} × {other}: chi2 {statistic}");
        }
    }

    #[test]
    fn variants_get_exactly_their_weights() {
        let weights = [0.5, 0.3, 0.15, 0.05];
        let split = allocation(&weights);
        let mut counts = [0.0; 4];
        for visitor in 0..100_000 {
            counts[usize::from(draw(&split, "hero", visitor).0)] += 1.0;
        }
        let statistic = chi2(&counts, &weights.map(|weight| weight * 100_000.0));
        assert!(
            statistic < 22.6,
            "chi2 with 3 df at p = 5e-5 is 22.6; got {statistic}"
        );
    }

    #[test]
    fn a_change_of_weights_moves_only_the_mass_it_must() {
        let (before, after) = (allocation(&[0.5, 0.3, 0.2]), allocation(&[0.6, 0.25, 0.15]));
        let moved: Vec<(Arm, Arm)> = (0..100_000)
            .map(|visitor| {
                (
                    draw(&before, "hero", visitor),
                    draw(&after, "hero", visitor),
                )
            })
            .filter(|(old, new)| old != new)
            .collect();
        let share = moved.len() as f64 / 100_000.0;
        assert!(share < before.distance(&after) * 1.35, "{share} moved");
        assert!(
            moved.iter().all(|(old, _)| *old != Arm(0)),
            "a variant that only grows loses nothing"
        );
    }

    proptest! {
        #[test]
        fn long_and_strange_ids_hash_alike_in_parts_and_whole(salt in ".{0,300}", cut in 0_usize..300, unit in ".{1,256}") {
            let cut = (0..=cut.min(salt.len())).rev().find(|at| salt.is_char_boundary(*at)).unwrap_or(0);
            let (left, right) = salt.split_at(cut);
            let u = unit_interval(&[left, right], &unit);
            prop_assert!(u > 0.0 && u < 1.0);
            prop_assert_eq!(u, unit_interval(&[&salt], &unit));
        }
    }
}
