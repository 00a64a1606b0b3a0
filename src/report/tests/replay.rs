//! Recorded bandits, sent visitor by visitor through fold and report, against the figures of independent tools.
//!
//! The recorded amounts are whole cents, which micro-units hold exactly; the recorded propensities are rounded to nine
//! digits, and normalising them changes less than the tolerance of 1e-7.

use serde_json::json;

use super::golden::Case;
use super::golden::recorded::{Recorded, Visitor, bandits};
use super::*;
use crate::allocation::{Allocation, Arm, Propensity};
use crate::epoch::{Cause, Epoch, EpochNumber, Era, Means, PlugIn};
use crate::event::{Assigned, Event};
use crate::fold::tests::{World, at, tracked};
use crate::id::{ExperimentKey, VisitorId};

/// The metric of the stream; revenue has the buyers beside it, who are the events its intervals need.
fn world(bandit: &Recorded, is_revenue: bool) -> World {
    let purchase =
        |role| json!({"key": "purchase", "event": "Order", "kind": "conversion", "role": role});
    let metrics = if is_revenue {
        let revenue = json!({
            "key": "revenue", "event": "Order", "kind": "sum", "property": "revenue", "role": "goal",
        });
        vec![revenue, purchase("secondary")]
    } else {
        vec![purchase("goal")]
    };
    let variants: Vec<_> = (0..bandit.arms)
        .map(|arm| json!({"key": format!("arm {arm}")}))
        .collect();
    World::defined(&json!({
        "key": "shop", "status": "running", "variants": variants, "metrics": metrics,
    }))
}

fn opened(number: usize, first: &Visitor, plug_ins: &[f64]) -> Event {
    let weights = first.propensities.iter().copied();
    Event::Opened {
        experiment: ExperimentKey::parse("shop").unwrap(),
        epoch: Epoch {
            number: EpochNumber(u32::try_from(number).unwrap()),
            era: Era(1),
            allocation: Allocation::normalised((0..).map(Arm).zip(weights)),
            holdout: 0.0,
            opened_at: at(0),
            cause: Cause::Reallocated,
            receipt: "".into(),
            basis: 0,
            plug_ins: vec![PlugIn {
                mean: Means::PerArm(plug_ins.to_vec()),
                variance: None,
            }],
            caps: Vec::new(),
            order_caps: Vec::new(),
            label: None,
            contexts: None,
            linear: None,
            propensity_known: true,
        },
    }
}

/// Assignments and rewards of a bandit in an order that has nothing to do with time.
fn shuffled(bandit: &Recorded) -> Vec<Event> {
    let mut events = Vec::new();
    for (position, visitor) in bandit.visitors.iter().enumerate() {
        let name = format!("v{position}");
        events.push(Event::Assigned(Assigned {
            visitor: VisitorId::parse(&name).unwrap(),
            experiment: ExperimentKey::parse("shop").unwrap(),
            session: None,
            arm: Arm(u16::try_from(visitor.arm).unwrap()),
            holdout: false,
            epoch: EpochNumber(u32::try_from(visitor.epoch + 1).unwrap()),
            propensity: Propensity::new(visitor.propensities[visitor.arm]).unwrap(),
            at: at(1),
            dimensions: Vec::new(),
            drawn: None,
        }));
        if visitor.reward != 0.0 {
            let properties = json!({"revenue": visitor.reward});
            events.push(tracked(&name, "o", "Order", 2, properties));
        }
    }
    let mut state = 1_u64;
    for i in (1..events.len()).rev() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        events.swap(i, usize::try_from(state >> 33).unwrap() % (i + 1));
    }
    events
}

/// The report of a bandit's stream, with its recorded plug-in means or with none (plain inverse-propensity weights).
fn replayed(case: &Case, is_augmented: bool) -> MetricReport {
    let bandit = Recorded::of(case);
    let mut world = world(&bandit, case.name == "rev3");
    for (number, visitors) in (1..).zip(bandit.epochs(bandit.visitors.len())) {
        let zeros = vec![0.0; bandit.arms];
        let plug_ins = if is_augmented {
            &visitors[0].plug_ins
        } else {
            &zeros
        };
        world.apply(&opened(number, &visitors[0], plug_ins));
    }
    for event in &shuffled(&bandit) {
        world.apply(event);
    }
    let entry = world.catalog.get("shop").unwrap();
    let report = report(&Question::present(entry, &world.cells, (at(3), Day(0))));
    assert_sound(&report);
    assert_eq!(report.visitors, bandit.visitors.len() as u64);
    report.metrics[0].clone()
}

fn all<T>(of: &[T], figure: impl Fn(&T) -> Option<f64>) -> Vec<f64> {
    of.iter().filter_map(figure).collect()
}

fn ends(effect: Option<Effect>) -> [f64; 2] {
    let effect = effect.unwrap();
    [effect.low.unwrap(), effect.high.unwrap()]
}

#[test]
fn recorded_bandits_have_the_reference_figures() {
    for case in bandits() {
        let metric = replayed(&case, true);
        let (arms, pairs) = (&metric.variants, &metric.comparisons);
        assert!(pairs.iter().all(|pair| pair.method == Method::Aipw));
        let naive = case.part(&case.expected["naive"]);
        naive.check(
            "mean",
            &all(arms, |arm| Some(arm.sum? / arm.visitors as f64)),
        );
        check_uniform(&case.part(&case.expected["aipw_uniform"]), &metric);
        let common = case.expected["aipw_contrast_common"].as_array().unwrap();
        for (pair, expected) in pairs.iter().zip(common) {
            let expected = case.part(expected);
            expected.check("lift", &[pair.relative.unwrap().estimate]);
            expected.check("ci_lift_fieller", &ends(pair.relative));
            expected.check("p_value", &[pair.p_value.unwrap()]);
        }
    }
}

#[test]
fn without_plug_in_means_they_are_inverse_propensity_weights() {
    for case in bandits() {
        let metric = replayed(&case, false);
        check_uniform(&case.part(&case.expected["ipw_uniform"]), &metric);
    }
}

fn check_uniform(expected: &Case, metric: &MetricReport) {
    let (arms, pairs) = (&metric.variants, &metric.comparisons);
    expected.check("mean", &all(arms, |arm| arm.mean));
    expected.check("se", &all(arms, |arm| arm.std_error));
    expected.check("diff", &all(pairs, |pair| Some(pair.absolute?.estimate)));
    let intervals: Vec<[f64; 2]> = pairs.iter().map(|pair| ends(pair.absolute)).collect();
    expected.check("ci_diff", intervals.as_flattened());
}
