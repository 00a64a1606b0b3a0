//! That limits compose, whatever is asked for.

use proptest::prelude::*;

use super::*;

/// Claims of these shares, with no limits of their own.
fn claims(shares: &[f64]) -> Vec<Claim> {
    let claim = |(arm, share): (u16, &f64)| Claim {
        arm: Arm(arm),
        share: *share,
        most: 1.0,
    };
    (0..).zip(shares).map(claim).collect()
}

fn weights(allocation: &Allocation) -> Vec<f64> {
    allocation.iter().map(|(_, weight)| weight).collect()
}

#[track_caller]
fn close(got: &Allocation, expected: &[f64]) {
    let pairs = weights(got).into_iter().zip(expected);
    assert!(
        pairs
            .into_iter()
            .all(|(got, share)| (got - share).abs() < 2e-6),
        "{got:?}, not {expected:?}"
    );
}

const FREE: Limits = Limits {
    floor_total: 0.0,
    max_share: 1.0,
    max_step: 1.0,
};

#[test]
fn what_a_cap_cuts_off_goes_to_the_others_in_proportion() {
    let limits = Limits {
        max_share: 0.6,
        ..FREE
    };
    close(
        &limits.applied(&claims(&[0.8, 0.15, 0.05]), None),
        &[0.6, 0.3, 0.1],
    );
    close(
        &limits.applied(&claims(&[1.0, 0.0, 0.0]), None),
        &[0.6, 0.2, 0.2],
    );
    // The excess of the first lifts the second above the cap, too.
    let limits = Limits {
        max_share: 0.4,
        ..FREE
    };
    close(
        &limits.applied(&claims(&[0.65, 0.3, 0.05]), None),
        &[0.4, 0.4, 0.2],
    );
}

#[test]
fn a_variant_held_is_at_the_floor_and_yields_only_to_the_largest_share() {
    let limits = Limits {
        floor_total: 0.06,
        ..FREE
    };
    let mut held = claims(&[0.1, 0.3, 0.6]);
    held[2].most = 0.0;
    let rest = 0.98 / (0.02 + 0.094 + 0.02 + 0.282);
    let expected = [0.114 * rest, 0.302 * rest, 0.02];
    close(&limits.applied(&held, None), &expected);
    let limits = Limits {
        max_share: 0.9,
        ..limits
    };
    let mut two = claims(&[0.2, 0.8]);
    two[1].most = 0.0;
    close(&limits.applied(&two, None), &[0.9, 0.1]);
}

#[test]
fn a_step_goes_part_of_the_way_and_only_between_the_same_variants() {
    let limits = Limits {
        max_step: 0.2,
        ..FREE
    };
    let half = Allocation::normalised([(Arm(0), 0.5), (Arm(1), 0.5)]);
    let certain = claims(&[1.0, 0.0]);
    close(&limits.applied(&certain, Some(&half)), &[0.7, 0.3]);
    close(
        &limits.applied(&claims(&[0.6, 0.4]), Some(&half)),
        &[0.6, 0.4],
    );
    let one = Allocation::normalised([(Arm(0), 1.0)]);
    close(&limits.applied(&certain, Some(&one)), &[1.0 - 1e-6, 1e-6]);
}

proptest! {
    #[test]
    fn limits_compose(
        raw in prop::collection::vec((0.0_f64..1.0, prop::option::of(0.0_f64..0.5)), 2..12),
        floor_total in 0.0_f64..1.0,
        largest in 0.0_f64..1.0,
        max_step in 0.01_f64..1.0,
    ) {
        let count = raw.len() as f64;
        let total: f64 = raw.iter().map(|(share, _)| share).sum();
        prop_assume!(total > 0.0);
        let claim = |(arm, (share, most)): (u16, &(f64, Option<f64>))| Claim {
            arm: Arm(arm),
            share: share / total,
            most: most.unwrap_or(1.0),
        };
        let claims: Vec<Claim> = (0..).zip(&raw).map(claim).collect();
        let max_share = (1.0 + largest * (count - 1.0)) / count;
        let limits = Limits { floor_total, max_share, max_step: 1.0 };
        let wanted = limits.applied(&claims, None);
        let sum: f64 = weights(&wanted).iter().sum();
        prop_assert!((sum - 1.0).abs() < 1e-9);
        let floor = limits.floor(claims.len());
        prop_assert!(weights(&wanted).iter().all(|weight| *weight >= floor - 2e-5));
        prop_assert!(weights(&wanted).iter().all(|weight| *weight <= max_share + 2e-5));
        let room: f64 = claims.iter().map(|claim| claim.most.clamp(floor, max_share)).sum();
        if room > 1.0 {
            let pairs = claims.iter().zip(weights(&wanted));
            for (claim, weight) in pairs {
                prop_assert!(weight <= claim.most.max(floor) + 2e-5, "{claim:?} {weight}");
            }
        }
        // A step never goes further, and from within the limits never leaves them.
        let even = Allocation::rounded(claims.iter().map(|claim| (claim.arm, 1.0 / count)));
        let stepped = Limits { max_step, ..limits }.applied(&claims, Some(&even));
        prop_assert!(stepped.distance(&even) <= max_step + 2e-5);
        prop_assert!(stepped.distance(&wanted) <= (even.distance(&wanted) - max_step).max(0.0) + 2e-5);
        prop_assert!(weights(&stepped).iter().all(|weight| *weight >= floor - 2e-5));
    }
}
