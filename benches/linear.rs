//! What a linear bandit's decision costs: features, P(best), limits and the draw.

use std::hint::black_box;
use std::sync::Arc;

use divan::Bencher;
use upswing::allocation::Arm;
use upswing::assign::assign;
use upswing::assign::decision::Trace;
use upswing::catalog::audience::Attributes;
use upswing::epoch::linear::{Coefficients, Feature, Features, Learned, Linear};
use upswing::epoch::{Epoch, EpochNumber};

use crate::{World, request};

/// Five numbers and a dimension of three values, and a visitor who has them.
fn features() -> (Features, Attributes) {
    let mut features: Vec<Feature> = Vec::new();
    let mut attributes = Attributes::default();
    for (at, attribute) in (1_u32..).zip(["visits", "cart_value", "pages", "days", "age"]) {
        let attribute = attribute.to_owned();
        attributes.insert(&attribute, (at * at).into()).unwrap();
        let (min, max) = (0.0, 30.0);
        features.push(Feature::Number {
            attribute,
            min,
            max,
        });
    }
    let (attribute, values) = ("device".to_owned(), ["mobile", "tablet", "desktop"]);
    attributes.insert(&attribute, "desktop".into()).unwrap();
    let values = values.map(str::to_owned).into();
    features.push(Feature::Values { attribute, values });
    (Features::new(features), attributes)
}

/// Four variants that are known differently well, any of which may be the best.
fn learned() -> Learned {
    let arm = |arm: u16| Coefficients {
        arm: Arm(arm),
        most: 1.0,
        mean: (0..9_u16)
            .map(|at| 0.001 * f32::from((3 * at + 5 * arm) % 7))
            .collect(),
        factor: vec![0.001 * f32::from(1 + arm); 45],
    };
    Learned {
        arms: (0..4).map(arm).collect(),
        floor_total: 0.05,
        max_share: 1.0,
        average: vec![0; 8],
    }
}

/// A linear bandit's decision among four variants by eight features.
#[divan::bench]
fn assign_4_variants_by_8_features(bencher: Bencher<'_, '_>) {
    let mut entry = World::new(4, None).entry().as_ref().clone();
    let (features, attributes) = features();
    let mut linear = Linear::new(features, 0);
    linear.learned = Some(learned());
    let first = entry.epochs.current().unwrap().clone();
    Arc::make_mut(&mut entry.epochs).push(Epoch {
        number: EpochNumber(2),
        linear: Some(Box::new(linear)),
        ..first
    });
    let decide = |id: &str| {
        assign(
            &entry,
            &request(id, &attributes),
            None,
            &mut Trace::default(),
        )
    };
    let shares = decide("any").drawn.unwrap().shares;
    assert!(shares.iter().all(|share| *share > 20_000), "{shares:?}");
    let mut visitor = 0_u64;
    bencher.bench_local(|| {
        visitor += 1;
        let id = visitor.to_string();
        black_box(decide(&id))
    });
}
