//! The last events and the visitors, for people; and pages that follow what happens.

use serde_json::{Value, json};

use super::session::{admin, signed_in};
use super::{definition, get, post, post_from};
use crate::harness::TestApp;

/// An experiment that runs, a visitor with an order, and something that is no event.
fn shop() -> TestApp {
    let app = TestApp::start();
    app.put_experiment(&definition("hero"));
    app.tell("hero", "start", &json!({}));
    app.assign_with("anna", "hero", &json!({ "device": "phone" }));
    let order = json!({ "visitor": "anna", "id": "o1", "event": "Order Completed", "properties": { "revenue": 30.5 } });
    app.track(&json!({ "events": [order] }));
    app.track(&json!({ "events": [order] }));
    app.track(&json!({ "event": "Looked", "visitor": "ben", "id": "l1" }));
    let wrong =
        json!({ "event": "Order Completed", "visitor": "ben", "id": "w1", "timestamp": "noon" });
    assert_eq!(app.post("/api/v1/events", &wrong).status, 400);
    app
}

#[test]
fn the_page_of_events_tells_what_the_api_tells() {
    let app = shop();
    let told = app.get("/api/v1/events").expect(200)["events"].clone();
    let page = get(&app, "/events", None).text;
    let mut places = Vec::new();
    for event in told.as_array().unwrap() {
        let text = |of: &Value| of.as_str().unwrap_or_default().to_owned();
        let key = format!("{} {}", text(&event["receivedAt"]), text(&event["id"]));
        places.push(page.find(&format!("data-key=\"{key}\"")).unwrap());
        for part in ["event", "visitor", "id"] {
            assert!(page.contains(&text(&event[part])), "{part} of {event}");
        }
        if event["fate"]["kind"] == "rejected" {
            for part in ["code", "detail"] {
                assert!(page.contains(&text(&event["fate"][part])), "{event}");
            }
        }
    }
    assert_eq!(page.matches("<tr data-key").count(), places.len());
    assert!(
        page.contains("Counts for purchase, revenue in <a href=\"/experiments/hero\">hero</a>")
    );
    assert!(page.contains("✕ Rejected") && page.contains("timestamp: "));
    assert!(page.contains("Duplicate") && page.contains("&#34;revenue&#34;: 30.5"));
    let of_ben = get(&app, "/events?visitor=ben&message_id=", None).text;
    assert_eq!(of_ben.matches("<tr data-key").count(), 2);
    let one = get(&app, "/events?visitor=&message_id=l1", None).text;
    assert!(one.matches("<tr data-key").count() == 1 && one.contains("No metric reads it"));
    let none = get(&app, "/events?visitor=nobody", None).text;
    assert!(none.contains("None of the last events fits."));
}

#[test]
fn the_page_of_a_visitor_tells_everything_that_is_held() {
    let app = shop();
    let identify = json!({ "type": "identify", "userId": "anna", "anonymousId": "a1", "traits": { "plan": "pro" } });
    app.post("/v1/identify", &identify).expect(200);
    assert_eq!(get(&app, "/visitors", None).status, 200);
    let missing = get(&app, "/visitors?id=nobody", None);
    assert!(missing.status == 404 && missing.text.contains("Nothing is held about"));
    let long = format!("/visitors?id={}", "x".repeat(300));
    assert_eq!(get(&app, &long, None).status, 400);
    let page = get(&app, "/visitors?id=a1", None).text;
    let held = app.get("/api/v1/visitors/a1").expect(200);
    let variant = held["assignments"][0]["variant"].as_str().unwrap();
    for told in [
        ">anna<",
        ">a1<",
        ">hero</a>",
        &format!(">{variant}<"),
        "device phone",
        "Order Completed",
        "<data value=\"30.5\">",
        "Counts for purchase, revenue in",
        ">plan<",
        ">pro<",
        "Never said",
    ] {
        assert!(page.contains(told), "{told}");
    }
    let file = get(&app, "/visitors/export?id=a1", None);
    assert!(
        file.header("content-disposition")
            .unwrap()
            .contains("visitor.json")
    );
    assert_eq!(file.expect(200), held);
}

#[test]
fn hostile_texts_stay_text() {
    let app = TestApp::start();
    let hostile = "<script>alert(1)</script>\"' تجربة 🛒";
    let event = json!({ "event": hostile, "visitor": hostile, "id": hostile, "properties": { hostile: hostile } });
    app.track(&event);
    let wrong =
        json!({ "event": hostile, "visitor": hostile, "id": hostile, "timestamp": hostile });
    assert_eq!(app.post("/api/v1/events", &wrong).status, 400);
    let identify = json!({ "userId": hostile, "messageId": "t", "traits": { hostile: hostile } });
    app.post("/v1/identify", &identify).expect(200);
    let query: String = form_urlencoded::byte_serialize(hostile.as_bytes()).collect();
    for path in [
        "/events".to_owned(),
        format!("/events?visitor={query}&message_id={query}"),
        format!("/visitors?id={query}"),
        format!("/visitors?id={query}x"),
        format!("/visitors/erase?id={query}"),
    ] {
        let page = get(&app, &path, None).text;
        assert!(page.contains("alert(1)"), "{path}");
        assert!(!page.contains("<script>alert"), "{path}");
        assert!(!page.contains("=\"<") && !page.contains("\"' "), "{path}");
    }
}

#[test]
fn consent_and_erasure_are_for_who_may_write() {
    let app = shop();
    let admin = admin(&app);
    let (_, reader) = signed_in(&app, &admin, &["read"]);
    let (_, writer) = signed_in(&app, &admin, &["write"]);
    for path in [
        "/events",
        "/visitors?id=anna",
        "/visitors/export?id=anna",
        "/stream",
    ] {
        assert_eq!(get(&app, path, None).status, 303, "{path}");
    }
    let page = get(&app, "/visitors?id=anna", Some(&reader)).text;
    assert!(!page.contains("/visitors/erase") && !page.contains("/visitors/consent"));
    let erase = ("/visitors/erase", [("id", "anna")].as_slice());
    let denied = (
        "/visitors/consent",
        [("id", "anna"), ("state", "denied")].as_slice(),
    );
    for (path, fields) in [erase, denied] {
        assert_eq!(post(&app, path, Some(&reader), fields).status, 403);
        let forged = (Some(writer.as_str()), Some("https://evil.example"));
        assert_eq!(post_from(&app, path, forged, fields).status, 403);
    }
    assert_eq!(
        get(&app, "/visitors/erase?id=anna", Some(&reader)).status,
        403
    );
    let act = |(path, fields): (&str, &[(&str, &str)])| {
        let done = post(&app, path, Some(&writer), fields);
        assert_eq!(done.status, 303, "{}", done.text);
        get(&app, done.header("location").unwrap(), Some(&writer)).text
    };
    let wrong = [("id", "anna"), ("state", "maybe")];
    assert_eq!(
        post(&app, "/visitors/consent", Some(&writer), &wrong).status,
        400
    );
    let page = act(denied);
    assert!(page.contains("the visitor denies") && page.contains("Denied since"));
    let page = act(("/visitors/consent", &[("id", "anna"), ("state", "granted")]));
    assert!(page.contains("consent is noted") && page.contains("Granted since"));
    let ask = get(&app, "/visitors/erase?id=anna", Some(&writer)).text;
    assert!(ask.contains("name=\"retract\"") && ask.contains("can not be undone"));
    let page = act(("/visitors/erase", &[("id", "ben"), ("retract", "yes")]));
    assert!(page.contains("is erased") && page.contains("Nothing is held about"));
    // Whoever sends the form again is told so.
    assert!(act(("/visitors/erase", &[("id", "ben")])).contains("nothing to erase"));
    let page = act(erase);
    assert!(page.contains("is erased") && !page.contains("Order Completed"));
}
