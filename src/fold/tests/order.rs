//! Any order and any repetition of the same facts gives the same cells.

use proptest::prelude::*;

use super::*;
use crate::cell::{Facet, VISITOR_TYPE};

fn exposure(visitor: &str, variant: &str, hours: i64) -> Event {
    let properties = json!({ "flag_key": "shop", "variant": variant });
    let id = format!("{variant}{hours}");
    tracked(visitor, &id, "$exposure", hours, properties)
}

fn fact(visitor: &str, hours: i64, what: u8, amount: i32) -> Event {
    let order = format!("o{}", hours % 40);
    match what {
        0 => assigned(visitor, u16::from(amount > 60), hours),
        1 => {
            let id = format!("r{}", hours % 40);
            tracked(visitor, &id, REFUND, hours, json!({ "order_id": order }))
        }
        2 => {
            let part = json!({ "order_id": order, "total": 5 });
            tracked(visitor, &format!("p{hours}"), REFUND, hours, part)
        }
        3 => tracked(visitor, &format!("x{hours}"), "Page Viewed", hours, "{}"),
        4 => exposure(visitor, "a", hours),
        5 => exposure(visitor, "b", hours),
        _ => {
            let id = format!("o{hours}");
            let properties = json!({ "order_id": id, "value": amount });
            tracked(visitor, &id, "Order Completed", hours, properties)
        }
    }
}

fn history() -> impl Strategy<Value = Vec<Event>> {
    let visitor = (0_u8..4).prop_map(|i| format!("v{i}"));
    let hours = prop_oneof![0_i64..90, 0_i64..500];
    let event = (visitor, hours, 0_u8..11, -50_i32..200)
        .prop_map(|(visitor, hours, what, amount)| fact(&visitor, hours, what, amount));
    // One fact has one id: of two events that share one, only the first is history.
    prop::collection::vec(event, 0..80).prop_map(|events| {
        let mut seen = BTreeSet::new();
        let mut is_new = |event: &Event| {
            let Event::Tracked(tracked) = event else {
                return true;
            };
            seen.insert((tracked.visitor.to_string(), tracked.id.to_string()))
        };
        events.into_iter().filter(|event| is_new(event)).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Any order and any repetition of the same facts gives the same cells, to the last bit.
    #[test]
    fn order_and_repetition_leave_no_trace(
        events in history(), seed in any::<u64>(), only_exposed in any::<bool>(),
    ) {
        let fresh = || World::analysing(if only_exposed { "exposed" } else { "assigned" });
        let mut sorted = fresh();
        for event in &events { sorted.apply(event); }
        let mut shuffled: Vec<&Event> = events.iter().chain(&events).collect();
        let mut state = seed | 1;
        for i in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            shuffled.swap(i, (state >> 33) as usize % (i + 1));
        }
        let mut other = fresh();
        for event in shuffled {
            other.apply(event);
        }
        sorted.cells.information = 0;
        other.cells.information = 0;
        prop_assert_eq!(&sorted.cells, &other.cells);
        let ages = sorted.cells.ages(PURCHASE);
        let aged = ages.values().flatten().sum::<f64>();
        let converted = sorted.total(PURCHASE).y as f64;
        prop_assert!((aged - converted).abs() < 0.5, "every conversion has an age");
        for facet in [REVENUE, AOV, CAPPED, KNOWN, VIEWING] {
            let plain = sorted.total(facet);
            let rows = sorted.cells.weighted(facet, |of| matches!(of, Facet::Day(_)));
            let days = rows.values().filter_map(crate::moments::Weighted::unweighted);
            let total = days.fold(Moments::default(), |sum, moments| sum + moments);
            prop_assert_eq!(plain, total, "the days of a fixed split add up to its epochs");
            let is_type = |of| matches!(of, Facet::Dimension { dimension: VISITOR_TYPE, .. });
            prop_assert_eq!(
                sorted.cells.weighted(facet, is_type), rows,
                "new and returning visitors are all visitors"
            );
        }
    }
}
