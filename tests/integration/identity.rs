//! One person under several ids: joined by the native API, by Segment's calls and by rows of history.

use serde_json::{Value, json};

use crate::harness::TestApp;
use crate::model::{fixed, history, order, order_named, row, shuffled};

fn shop() -> TestApp {
    let app = TestApp::start();
    app.put_experiment(&fixed("hero"));
    app
}

/// A new visitor whose name begins like this and who gets the variant.
fn visitor_with(app: &TestApp, name: &str, variant: &str) -> String {
    let mut names = (0..64).map(|i| format!("{name}{i}"));
    let got = |id: &String| app.assign(id, "hero")["variant"] == variant;
    names.find(got).unwrap()
}

/// Two visitors with different variants, the one an hour before the other.
fn two_browsers(app: &TestApp) -> (String, String) {
    let phone = visitor_with(app, "phone", "treatment");
    app.advance_clock("2026-01-01T01:00:00Z");
    (phone, visitor_with(app, "laptop", "control"))
}

fn alias(app: &TestApp, visitor: &str, to: &str) -> Value {
    app.post(
        &format!("/api/v1/visitors/{visitor}/alias"),
        &json!({ "to": to }),
    )
    .expect(200)
}

#[test]
fn a_login_keeps_the_first_variant_and_counts_one_person() {
    let mut app = shop();
    let (phone, laptop) = two_browsers(&app);
    let others = app.report("hero").total_visitors() - 2;
    app.track(&json!([
        order_named(&phone, "m1", "o1", 10.0),
        order_named(&laptop, "m2", "o2", 20.0),
        order_named(&laptop, "m3", "o1", 10.0),
    ]));
    // Nobody has seen the customer's own id yet.
    assert_eq!(alias(&app, &laptop, "anna")["joined"], true);
    assert_eq!(alias(&app, &phone, "anna")["joined"], true);
    for (one, other) in [
        (&*phone, "anna"),
        ("anna", &*laptop),
        (&*phone, &*laptop),
        ("x", "x"),
    ] {
        assert_eq!(alias(&app, one, other)["joined"], false);
    }
    for _ in 0..2 {
        for id in [&*phone, &*laptop, "anna"] {
            let got = app.assign(id, "hero");
            assert_eq!(
                (&got["variant"], &got["reason"]),
                (&json!("treatment"), &json!("sticky")),
                "{id}"
            );
        }
        app.kill9();
        app.restart();
    }
    let report = app.report("hero");
    assert_eq!(report.total_visitors(), others + 1);
    let crossed = &report.traffic("treatment", false)["crossovers"];
    assert_eq!(
        (&report.0["health"]["crossovers"], crossed),
        (&json!(1), &json!(1))
    );
    assert!((report.sum("revenue", "treatment") - 30.0).abs() < 1e-9);
    assert!((report.sum("orders", "treatment") - 2.0).abs() < 1e-9);
    let again = app.track(&json!([
        order_named(&laptop, "m1", "o1", 10.0),
        order_named("anna", "m9", "o2", 20.0),
        order_named("anna", "m4", "o3", 5.0),
    ]));
    assert_eq!(
        (&again["accepted"], &again["duplicates"]),
        (&json!(1), &json!(2))
    );
    assert!((app.report("hero").total("revenue") - 35.0).abs() < 1e-9);
}

#[test]
fn whoever_is_joined_is_drawn_as_one() {
    let app = shop();
    for i in 0..20 {
        alias(&app, &format!("phone{i}"), &format!("anna{i}"));
    }
    let mut ramp = fixed("ramp");
    ramp["traffic"] = json!(0.5);
    app.put_experiment(&ramp);
    for i in 0..20 {
        let (one, other) = (format!("phone{i}"), format!("anna{i}"));
        for experiment in ["hero", "ramp"] {
            let known = app.assign(&other, experiment);
            let anonymous = app.assign(&one, experiment);
            assert_eq!(known["variant"], anonymous["variant"], "{i}");
            assert_eq!(
                known["reason"] == "traffic",
                anonymous["reason"] == "traffic",
                "{i}"
            );
        }
    }
    assert_eq!(app.report("hero").total_visitors(), 20);
}

#[test]
fn segments_identify_and_alias_join() {
    let app = shop();
    let anonymous = visitor_with(&app, "anon", "treatment");
    let visitors = app.report("hero").total_visitors();
    let bought = |user: &str, id: &str| {
        json!({
            "type": "track", "event": "Order Completed", "userId": user, "messageId": id,
            "properties": { "order_id": id, "revenue": 10 },
        })
    };
    let identify = json!({
        "type": "identify", "userId": "anna", "anonymousId": anonymous,
        "traits": { "plan": "pro" }, "messageId": "i1",
    });
    let items = [
        bought("anna", "m1"),
        identify.clone(),
        json!({ "type": "alias", "previousId": "anna", "userId": 7 }),
        json!({ "type": "identify", "userId": "7", "anonymousId": null }),
        bought("7", "m2"),
        bought(&anonymous, "m1"),
    ];
    let answer = app
        .post("/v1/batch", &json!({ "batch": items }))
        .expect(200);
    assert_eq!(answer, json!({ "success": true }));
    let strict = app.post_bytes(
        "/v1/identify",
        &[("x-strict-mode", "1")],
        identify.to_string().as_bytes(),
    );
    assert_eq!(strict.expect(200)["success"], true, "said again");
    let report = app.report("hero");
    assert_eq!(report.total_visitors(), visitors);
    assert!((report.sum("revenue", "treatment") - 20.0).abs() < 1e-9);
    assert_eq!(app.assign("7", "hero")["variant"], "treatment");
}

#[test]
fn history_joins_in_any_order() {
    let at = |hour: usize| format!("2025-12-01T{hour:02}:00:00Z");
    let mut rows = Vec::new();
    for i in 0..6 {
        let id = |kind: &str| format!("{kind}{i}");
        let variant = |odd: bool| if odd { "treatment" } else { "control" };
        rows.push(history(&id("a"), "hero", variant(i % 2 == 0), &at(i + 3)));
        rows.push(history(&id("b"), "hero", variant(i % 3 == 0), &at(2 * i)));
        let purchase = |who: &str, hour: usize| {
            row(order(&id(who), &format!("{who}{i}-{hour}"), &at(hour), 3.5))
        };
        rows.extend([purchase("a", 2), purchase("b", 9), purchase("c", 20)]);
        rows.push(json!({ "type": "alias", "visitor": id("a"), "to": id("b") }));
        rows.push(json!({ "type": "alias", "visitor": id("b"), "to": id("c") }));
    }
    let facts = |seed: Option<u64>| {
        let app = shop();
        let rows = seed.map_or_else(|| rows.clone(), |seed| shuffled(rows.clone(), seed));
        let counts = app.import(&rows);
        assert_eq!(counts["rejected_count"], 0, "{counts}");
        let again = app.import(&rows);
        assert_eq!(again["accepted"], 0, "{again}");
        let report = app.report("hero");
        assert_eq!(report.total_visitors(), 6);
        assert_eq!(
            report.0["health"]["crossovers"], 3,
            "the third to the fifth saw both"
        );
        report.facts()
    };
    let sorted = facts(None);
    for seed in 1..4 {
        assert_eq!(facts(Some(seed)), sorted, "{seed}");
    }
}

#[test]
fn too_many_ids_are_refused_and_lose_nothing() {
    let app = shop();
    let aliases = |range: std::ops::Range<usize>| -> Vec<Value> {
        let row = |i| json!({ "type": "alias", "visitor": format!("a{i}"), "to": "anna" });
        range.map(row).collect()
    };
    assert_eq!(app.import(&aliases(0..63))["accepted"], 63);
    let refused = app.import(&aliases(62..64));
    assert_eq!(
        (&refused["duplicates"], &refused["rejected"][0]["code"]),
        (&json!(1), &json!("too_many_aliases"))
    );
    assert_eq!(refused["rejected"][0]["index"], 1);
    let native = app.post("/api/v1/visitors/a63/alias", &json!({ "to": "anna" }));
    native.problem(409, "too_many_aliases");
    let items = json!({ "batch": [
        { "type": "identify", "userId": "anna", "anonymousId": "a63" },
        { "type": "page", "userId": "anna", "messageId": "p1" },
    ] });
    app.post("/v1/batch", &items).expect(200);
    let strict = [("x-strict-mode", "1")];
    let told = app.post_bytes("/v1/batch", &strict, items.to_string().as_bytes());
    let told = told.expect(400);
    assert_eq!(told["rejected"][0]["code"], "too_many_aliases", "{told}");
    assert_eq!(told["duplicates"], 1, "the page was kept before");
    for (path, body) in [
        ("/api/v1/visitors/a/alias", json!({})),
        (
            "/api/v1/visitors/a/alias",
            json!({ "to": "b", "from": "a" }),
        ),
    ] {
        app.post(path, &body).problem(400, "invalid_body");
    }
    let long = format!("/api/v1/visitors/{}/alias", "a".repeat(257));
    app.post(&long, &json!({ "to": "b" }))
        .problem(400, "invalid_field");
    app.get("/api/v1/visitors/a/alias")
        .problem(405, "method_not_allowed");
}

#[test]
fn a_join_is_seen_at_once_by_whoever_keeps_asking() {
    let app = shop();
    let pairs: Vec<(String, String)> = (0..40)
        .map(|i| (format!("phone{i}"), format!("anna{i}")))
        .collect();
    for (one, _) in &pairs {
        app.assign(one, "hero");
    }
    app.advance_clock("2026-01-01T01:00:00Z");
    for (_, other) in &pairs {
        app.assign(other, "hero");
    }
    std::thread::scope(|scope| {
        for turn in 0..3 {
            let (client, pairs) = (app.client(), &pairs);
            scope.spawn(move || {
                for i in 0..400 {
                    let (one, other) = &pairs[(7 * i + turn) % pairs.len()];
                    client.assign(if i % 2 == 0 { one } else { other }, "hero");
                }
            });
        }
        for (one, other) in &pairs {
            let first = app.assign(one, "hero")["variant"].clone();
            assert_eq!(alias(&app, one, other)["joined"], true);
            for id in [one, other] {
                assert_eq!(app.assign(id, "hero")["variant"], first, "{id}");
            }
        }
    });
    assert_eq!(app.report("hero").total_visitors(), 40);
}
