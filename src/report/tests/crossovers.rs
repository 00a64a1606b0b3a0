//! Visitors with several ids: draws are judged as they were made, and who is recognised should not depend on the variant.

use serde_json::json;

use super::shop::{Shop, row};
use crate::cell::VisitorsKey;
use crate::epoch::EpochNumber;
use crate::moments::Joins;
use crate::stats::srm::Verdict;
use crate::time::Day;

/// An even split that drew 2,000 visitors, of whom these were assigned under several ids and put aside per variant.
fn shop(doubled: [i64; 2], aside: [i64; 2]) -> Shop {
    let mut shop = Shop::two(&json!({}));
    for arm in [0, 1] {
        let (doubled, aside) = (doubled[usize::from(arm)], aside[usize::from(arm)]);
        shop.convert(&[(1, row(arm), 0, 1_000 - aside, 50)]);
        let key = VisitorsKey {
            epoch: EpochNumber(1),
            day: Day(0),
            row: row(arm),
        };
        let joins = Joins {
            crossovers: doubled / 2,
            doubled,
            aside,
        };
        shop.cells.joins.insert(key, joins);
    }
    shop
}

#[test]
fn assignments_put_aside_are_no_mismatch() {
    let report = shop([100, 100], [0, 200]).report(None);
    assert_eq!(report.visitors, 1_800);
    assert_eq!(report.health.srm.verdict, Verdict::Ok);
    assert!(report.health.srm.p_value > 0.99, "1,000 draws of each");
    let expected: Vec<f64> = report
        .variants
        .iter()
        .filter_map(|of| of.expected_share)
        .collect();
    assert_eq!(expected, [0.5, 0.5]);
    assert_eq!(report.health.crossovers, 100);
    assert!(!report.health.joined_unequally);
    let before = shop([100, 100], [0, 200]).report(Some(-1));
    assert_eq!(before.health.crossovers, 0, "as of the day before");
}

#[test]
fn a_variant_under_which_more_are_recognised_is_noticed() {
    let report = shop([40, 160], [100, 100]).report(None);
    assert!(report.health.joined_unequally);
    let text = crate::report::table::render(&report);
    assert!(text.contains("Joined ids: UNEQUAL"), "{text}");
    assert!(text.contains("Crossovers: 100 visitors (5.6 %)"), "{text}");
}
