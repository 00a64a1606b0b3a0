//! Cells against the same visitors one by one, and what is refused or left out.

mod one_by_one;
mod shop;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::cell::OTHER;
use one_by_one::{agrees, effective, largest, near, terms};
use shop::{Paid, Shop, by_device, everywhere, share};

fn visitors() -> impl Strategy<Value = Vec<Paid>> {
    let visitor = (
        1..=3_u32,
        0..4_u16,
        0..2_u8,
        prop_oneof![Just(0_i64), 100..90_000_i64],
    );
    let visitor = visitor.prop_map(|(epoch, arm, device, cents)| Paid {
        epoch,
        arm: arm % 3,
        held: arm == 3,
        device,
        cents,
    });
    prop::collection::vec(visitor, 450..600)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn cells_are_worth_their_visitors(visitors in visitors(), policy in (0.0..0.6_f64, 0.0..0.4_f64)) {
        let mut shop = Shop::moved();
        for paid in visitors {
            shop.send(paid);
        }
        let policy = [policy.0, policy.1, 1.0 - policy.0 - policy.1];
        let exact: Vec<(Paid, f64)> = shop
            .kept
            .iter()
            .map(|(paid, _)| (*paid, shop.served(*paid).get().recip()))
            .collect();
        let terms = terms(&exact, [policy, policy]);
        // With fewer effective visitors it is refused.
        prop_assume!(effective(&terms) > 101.0);
        let answer = shop.ask(&everywhere(policy), None).unwrap();
        agrees(&answer.judged, &terms);
        near(answer.judged.overlap.largest_weight, largest(&terms));
        prop_assert_eq!((answer.left_out, answer.metric.as_str()), (0, "revenue"));

        // The same policy, as if it went by the device: weights are rounded to 1/65,536.
        let devices = by_device(&[("phone", policy), ("desktop", policy)]);
        let weighted = shop.ask(&devices, Some("device")).unwrap().judged;
        for (one, other) in [
            (answer.judged.ips, weighted.ips),
            (answer.judged.snips, weighted.snips),
            (answer.judged.doubly_robust, weighted.doubly_robust),
        ] {
            let close = |a: f64, b: f64| (a - b).abs() <= 1e-4 * b.abs();
            prop_assert!(close(one.mean.estimate, other.mean.estimate));
            prop_assert!(close(one.mean.std_error.unwrap(), other.mean.std_error.unwrap()));
        }
    }

    #[test]
    fn weighted_cells_are_worth_their_visitors(visitors in visitors(), phone in 0.1..0.5_f64, desktop in 0.1..0.5_f64) {
        let mut shop = Shop::moved();
        for paid in visitors {
            shop.send(paid);
        }
        let policy = [[phone, 0.5, 0.5 - phone], [0.6 - desktop, desktop, 0.4]];
        let terms = terms(&shop.kept, policy);
        prop_assume!(effective(&terms) > 101.0);
        let asked = by_device(&[("phone", policy[0]), ("desktop", policy[1])]);
        let answer = shop.ask(&asked, Some("device")).unwrap();
        agrees(&answer.judged, &terms);
        // What is told of the largest weight is a bound, and not far off.
        let (told, true_one) = (answer.judged.overlap.largest_weight, largest(&terms));
        prop_assert!(told >= true_one * (1.0 - 1e-5), "{told} {true_one}");
        let bound = policy.iter().flatten().copied().fold(0.0, f64::max) / (0.9 * 0.2);
        prop_assert!(told <= bound * 1.06 / 0.9, "{told} {bound}");
        prop_assert!(answer.judged.notes.iter().any(|note| note.contains("upper bound")));
    }
}

#[test]
fn the_served_policy_is_worth_what_was_earned() {
    let mut shop = Shop::new();
    shop.open(&[0.5, 0.3, 0.2], true);
    // 1,000 visitors exactly as they are drawn: 10 % held out on control, the others by the weights.
    for visitor in 0..1_000_u16 {
        let arm = match visitor {
            0..550 => 0,
            550..820 => 1,
            _ => 2,
        };
        shop.send(Paid {
            epoch: 1,
            arm,
            held: visitor < 100,
            device: 0,
            cents: i64::from(visitor % 3),
        });
    }
    let answer = shop.ask(&everywhere([0.55, 0.27, 0.18]), None).unwrap();
    let judged = &answer.judged;
    for worth in [judged.ips, judged.snips, judged.doubly_robust] {
        near(worth.mean.estimate, judged.logged);
        near(1.0 + worth.lift.unwrap(), 1.0);
    }
    near(judged.overlap.effective, 1_000.0);
    assert_eq!(judged.notes.len(), 1, "{judged:?}");
    assert!(judged.notes[0].contains("as if nobody was held out"));
    let told: Value = serde_json::to_value(&answer).unwrap();
    assert_eq!(
        (&told["experiment"], &told["metric"]),
        (&json!("hero"), &json!("revenue"))
    );
    let read: Answer = serde_json::from_value(told).unwrap();
    assert_eq!(read, answer);
}

#[test]
fn the_goal_is_judged_unless_another_metric_is_named() {
    let mut shop = Shop::moved();
    shop.send_even(1, 600, 3);
    let asked = |metric| {
        evaluate(&Question {
            entry: &shop.entry,
            cells: &shop.cells,
            metric,
            context: None,
            policy: &everywhere([0.2, 0.4, 0.4]),
        })
    };
    let goal = asked(None).unwrap();
    assert_eq!(goal.metric.as_str(), "purchase");
    near(goal.judged.logged, 0.8);
    let unknown = asked(Some("profit")).unwrap_err();
    assert_eq!(unknown.cause, Cause::UnknownMetric);
    assert!(unknown.detail.contains("purchase, revenue, basket"));
    assert_eq!(asked(Some("basket")).unwrap_err().cause, Cause::RatioMetric);
}

#[test]
fn only_times_when_the_policy_could_have_served_count() {
    let policy = everywhere([0.2, 0.3, 0.5]);
    let mut shop = Shop::new();
    shop.refused(&policy, None, Cause::NoData, "no visitors yet");
    shop.open(&[0.5, 0.5, 0.0], true);
    shop.send_even(1, 400, 2);
    shop.refused(&policy, None, Cause::NoData, "never live together");
    // Without that variant, all of them do.
    let without = everywhere([0.5, 0.5, 0.0]);
    assert_eq!(shop.ask(&without, None).unwrap().left_out, 0);
    shop.open(&[0.4, 0.3, 0.3], true);
    shop.send_even(2, 600, 3);
    let answer = shop.ask(&policy, None).unwrap();
    assert_eq!(
        (answer.left_out, answer.judged.overlap.visitors),
        (400, 600)
    );
    assert!(
        answer
            .judged
            .notes
            .iter()
            .any(|note| note.contains("400 visitors of times"))
    );
    let terms = terms(
        &shop
            .kept
            .iter()
            .skip(400)
            .map(|(paid, _)| (*paid, shop.served(*paid).get().recip()))
            .collect::<Vec<_>>(),
        [[0.2, 0.3, 0.5]; 2],
    );
    agrees(&answer.judged, &terms);
    let devices = by_device(&[("phone", [0.2, 0.3, 0.5]), ("desktop", [1.0, 0.0, 0.0])]);
    let by_value = shop.ask(&devices, Some("device")).unwrap();
    assert_eq!(
        (by_value.left_out, by_value.judged.overlap.visitors),
        (400, 600)
    );
}

#[test]
fn unknown_propensities_judge_nothing() {
    let policy = everywhere([0.2, 0.3, 0.5]);
    let devices = by_device(&[("phone", [0.2, 0.3, 0.5]), ("desktop", [0.4, 0.3, 0.3])]);
    let mut shop = Shop::new();
    shop.open(&[0.4, 0.3, 0.3], false);
    shop.send_even(1, 300, 3);
    shop.refused(
        &policy,
        None,
        Cause::UnknownPropensity,
        "without an allocation",
    );
    shop.open(&[0.4, 0.3, 0.3], true);
    shop.send_even(2, 600, 3);
    let answer = shop.ask(&policy, None).unwrap();
    assert_eq!(
        (answer.left_out, answer.judged.overlap.visitors),
        (300, 600)
    );
    shop.refused(
        &devices,
        Some("device"),
        Cause::UnknownPropensity,
        "kept together",
    );
}

#[test]
fn visitors_who_tell_too_little_are_refused() {
    let mut shop = Shop::new();
    shop.open(&[0.98, 0.01, 0.01], true);
    shop.send_even(1, 90, 3);
    let rare = everywhere([0.0, 0.5, 0.5]);
    shop.refused(&rare, None, Cause::TooLittleOverlap, "fewer than 100");
    let mut shop = Shop::new();
    shop.open(&[0.5, 0.495, 0.005], true);
    shop.send_even(1, 1_200, 2);
    let one = Paid {
        epoch: 1,
        arm: 2,
        held: false,
        device: 0,
        cents: 5,
    };
    shop.send(one);
    let policy = [0.4, 0.35, 0.25];
    for (shares, context) in [
        (everywhere(policy), None),
        (
            by_device(&[("phone", policy), ("desktop", policy)]),
            Some("device"),
        ),
    ] {
        shop.refused(&shares, context, Cause::Dominated, "One visitor decides");
    }
}

#[test]
fn mistakes_of_the_policy_have_their_place() {
    let mut shop = Shop::moved();
    shop.send_even(1, 600, 3);
    let refused = |shares: &[Share], cause, said: &str| shop.refused(shares, None, cause, said);
    let invalid = Cause::InvalidPolicy;
    let half = share("a", 0.5, None);
    refused(&[], invalid, "policy gives no probabilities");
    refused(
        std::slice::from_ref(&half),
        invalid,
        "policy has probabilities that add up to 0.5",
    );
    refused(
        &[half.clone(), half.clone()],
        invalid,
        "policy.a has its probability already",
    );
    refused(
        &[share("a", 1.5, None)],
        invalid,
        "policy.a is no probability",
    );
    refused(
        &[share("a", f64::NAN, None)],
        invalid,
        "policy.a is no probability",
    );
    refused(&[share("a", 1.0, Some("phone"))], invalid, "names a value");
    let unknown = Cause::UnknownVariant;
    refused(&[share("z", 1.0, None)], unknown, "live variants: a, b, c");
    let by =
        |shares: &[Share], cause, said: &str| shop.refused(shares, Some("device"), cause, said);
    by(&[half], invalid, "names no value");
    let phone = by_device(&[("phone", [0.2, 0.4, 0.4])]);
    by(
        &phone,
        invalid,
        "no probabilities for \"desktop\", which 256 visitors",
    );
    let short = by_device(&[("phone", [0.2, 0.4, 0.4]), ("desktop", [0.2, 0.4, 0.3])]);
    by(&short, invalid, "in the context \"desktop\"");
    let more = [short, by_device(&[("tv", [0.2, 0.4, 0.3])])].concat();
    by(&more[..3], invalid, "\"desktop\"");
    shop.refused(
        &phone,
        Some("planet"),
        Cause::UnknownDimension,
        "device, visitor_type",
    );
}

#[test]
fn visitors_without_a_kept_value_are_other() {
    let mut shop = Shop::moved();
    shop.send_even(1, 600, 3);
    shop.send(Paid {
        epoch: 1,
        arm: 1,
        held: false,
        device: OTHER,
        cents: 7,
    });
    let devices = [("phone", [0.2, 0.4, 0.4]), ("desktop", [0.4, 0.4, 0.2])];
    let two = by_device(&devices);
    shop.refused(
        &two,
        Some("device"),
        Cause::InvalidPolicy,
        "\"other\", which 1 visitors",
    );
    let all = [
        two,
        by_device(&[("other", [0.0, 1.0, 0.0]), ("tv", [1.0, 0.0, 0.0])]),
    ]
    .concat();
    let judged = shop.ask(&all, Some("device")).unwrap().judged;
    assert_eq!(judged.overlap.visitors, 601);
    near(judged.unsupported, 0.0);
}
