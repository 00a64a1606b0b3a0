//! Conversions that take longer in one variant, from assignment to report and reallocation.

use serde_json::{Value, json};

use crate::harness::TestApp;
use crate::model::thompson;

/// Assigns 1,200 visitors over four days; a third converts, within hours in control, within days under treatment. Returns
/// the orders that have come by the sixth at noon.
fn orders(app: &TestApp) -> Vec<Value> {
    let mut orders = Vec::new();
    let mut seen = [0_u64; 2];
    for day in 0..4_usize {
        app.advance_clock(&format!("2026-01-0{}T12:00:00Z", 2 + day));
        let visitors = day * 300..(day + 1) * 300;
        let answers = app.assign_many("hero", visitors.clone());
        for (visitor, answer) in visitors.zip(answers) {
            let slow = answer["variant"] == "treatment";
            let count = &mut seen[usize::from(slow)];
            *count += 1;
            if *count % 3 == 0 {
                let hours = if slow {
                    20 * (1 + *count % 7)
                } else {
                    1 + *count % 5
                };
                let at = 24 * (1 + day as u64) + 12 + hours;
                if at < 24 * 5 + 12 {
                    let (days, hour) = (1 + at / 24, at % 24);
                    orders.push(json!({
                        "event": "Order Completed", "visitor": format!("v{visitor}"),
                        "id": format!("o{visitor}"), "timestamp": format!("2026-01-0{days}T{hour:02}:00:00Z"),
                        "properties": { "revenue": 20 },
                    }));
                }
            }
        }
    }
    orders
}

#[test]
fn a_variant_that_converts_slowly_is_warned_about_and_not_held_to_be_worse() {
    let app = TestApp::start();
    let mut definition = thompson("hero");
    definition["allocation"]["burn_in"] = json!(100_000);
    app.put_experiment(&definition);
    let orders = orders(&app);
    app.advance_clock("2026-01-06T12:00:00Z");
    app.track(&json!(orders));
    let report = app.get("/api/v1/experiments/hero/report").expect(200);
    let metric = &report["metrics"][0];
    let warning = metric["delays"]["warning"].as_str().unwrap();
    assert!(
        warning
            .starts_with("The conversions of treatment take longer than those of control (median "),
        "{warning}"
    );
    assert!(
        warning.ends_with("early figures favour control."),
        "{warning}"
    );
    let variants = metric["delays"]["variants"].as_array().unwrap();
    let median = |row: usize| variants[row]["days_to_50"].as_f64().unwrap();
    assert!(median(0) < 0.3 && median(1) > 1.5, "{variants:?}");
    let caveats = metric["comparisons"][0]["caveats"].as_array().unwrap();
    assert!(caveats.contains(&json!("delays_differ")), "{caveats:?}");
    let chance = |delay: &str| {
        let mut definition = definition.clone();
        definition["allocation"]["burn_in"] = json!(100);
        definition["allocation"]["delay"] = json!(delay);
        app.put_experiment(&definition);
        app.tell("hero", "reallocate", &json!({}));
        let allocation = app.get("/api/v1/experiments/hero/allocation").expect(200);
        allocation["weights"]["treatment"].as_f64().unwrap()
    };
    let (ignored, learned) = (chance("ignore"), chance("auto"));
    assert!(ignored < 0.1 && learned > 0.1, "{ignored} {learned}");
}
