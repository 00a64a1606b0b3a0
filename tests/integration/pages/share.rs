//! The report as one file, and links that show it to who has no key.

use std::collections::BTreeSet;

use serde_json::json;

use super::numbers::{numbers, shown, traffic};
use super::session::{admin, signed_in};
use super::{definition, get, post};
use crate::client::Answer;
use crate::harness::TestApp;

const LIMIT: usize = 300 * 1024;

/// That a page is one file which needs nothing, leads nowhere and is found by nobody.
#[track_caller]
fn stands_alone(answer: &Answer) {
    let text = &answer.text;
    assert!(text.len() <= LIMIT, "{} bytes", text.len());
    for part in [
        "<link rel=\"stylesheet\"",
        "<form",
        "<script",
        "<nav",
        "<a ",
        " style=",
        "url(",
    ] {
        assert!(!text.contains(part), "{part}");
    }
    assert!(text.contains("<meta name=\"robots\" content=\"noindex\">"));
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'; style-src 'sha256-"));
    assert!(!policy.contains("unsafe") && !policy.contains("self"));
    assert_eq!(answer.header("x-robots-tag"), Some("noindex, nofollow"));
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(answer.header("set-cookie"), None);
}

/// The path of the link that a form makes.
fn link(app: &TestApp, key: &str, cookie: Option<&str>, fields: &[(&str, &str)]) -> String {
    let path = format!("/experiments/{key}/share");
    let answer = post(app, &path, cookie, fields);
    assert_eq!(answer.status, 200, "{}", answer.text);
    let rest = answer.text.split("readonly value=\"").nth(1).unwrap();
    let address = rest.split('"').next().unwrap().replace("&#38;", "&");
    address.strip_prefix(&app.url).unwrap().to_owned()
}

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) {
    stands_alone(answer);
    assert_eq!(answer.status, status);
    assert!(answer.text.contains(&format!("Code: {code}")));
    assert!(!answer.text.contains("hero"), "it tells of no experiment");
}

#[test]
fn the_file_says_what_the_page_and_the_report_say() {
    let app = TestApp::start();
    app.put_experiment(&definition("hero"));
    app.tell("hero", "start", &json!({}));
    traffic(&app);
    app.advance_clock("2026-01-03T00:00:00.000Z");
    let report = app
        .get("/api/v1/experiments/hero/report?dimension=device&days=366")
        .expect(200);
    let mut known = BTreeSet::new();
    numbers(&report, &mut known);
    for view in ["", "?show=absolute", "?show=scaled&by=device"] {
        let file = get(&app, &format!("/experiments/hero/report.html{view}"), None);
        stands_alone(&file);
        let page = get(&app, &format!("/experiments/hero{view}"), None);
        let told = shown(&file.text);
        assert!(told.len() > 10 && told == shown(&page.text), "{view}");
        assert!(
            told.iter()
                .all(|(value, _)| known.contains(&value.to_bits()))
        );
        assert!(file.text.contains("Report of 2026-01-03"));
        assert!(page.text.contains("download=\"hero.html\""));
    }
    // Without keys the address is open as it is.
    let open = link(
        &app,
        "hero",
        None,
        &[("days", "7"), ("show", "absolute"), ("by", "device")],
    );
    assert_eq!(
        open,
        "/experiments/hero/report.html?show=absolute&by=device"
    );
    stands_alone(&get(&app, &open, None));
    let wrong = post(&app, "/experiments/hero/share", None, &[("days", "8")]);
    assert!(wrong.status == 400 && wrong.text.contains("invalid_field"));
    let none = post(&app, "/experiments/none/share", None, &[("days", "7")]);
    assert_eq!(none.status, 404);
}

/// Two experiments, and a reader of them: the first key, the reader's, and the reader's cookie.
fn read(app: &TestApp) -> (String, String, String) {
    for key in ["hero", "other"] {
        app.put_experiment(&definition(key));
    }
    let admin = admin(app);
    let (secret, reader) = signed_in(app, &admin, &["read"]);
    (admin, secret, reader)
}

#[test]
fn a_link_shows_one_report_without_a_key() {
    let app = TestApp::start();
    let (_, secret, reader) = read(&app);
    let week = link(&app, "hero", Some(&reader), &[("days", "7")]);
    assert!(week.starts_with("/shared/") && !week.contains(&secret[20..]));
    let page = get(&app, &week, None);
    assert_eq!(page.status, 200);
    stands_alone(&page);
    assert!(page.text.contains("<code dir=\"auto\">hero</code>"));
    assert!(page.text.contains("shared by read"));
    // The token opens this report alone.
    let token = week["/shared/".len()..].split('?').next().unwrap();
    for path in [
        "/",
        "/experiments/hero",
        "/experiments/hero/report.html",
        "/experiments/other",
    ] {
        let cookie = format!("upswing_session={token}");
        assert_eq!(get(&app, path, Some(&cookie)).status, 303, "{path}");
        assert_eq!(
            get(&app, &format!("{path}?token={token}"), None).status,
            303
        );
    }
    let stream = get(&app, &format!("/api/v1/stream?token={token}"), None);
    assert_eq!(stream.status, 401);
}

#[test]
fn what_nobody_signed_opens_nothing() {
    let app = TestApp::start();
    let (_, _, reader) = read(&app);
    let week = link(&app, "hero", Some(&reader), &[("days", "7")]);
    let token = week["/shared/".len()..].split('?').next().unwrap();
    // Another experiment's number, another end, another digit.
    let changed = |place: usize, with: &str| {
        let mut forged = token.to_owned();
        forged.replace_range(place..=place, with);
        assert_ne!(forged, token);
        refused(
            &get(&app, &format!("/shared/{forged}"), None),
            404,
            "unknown_link",
        );
    };
    changed(47, "1");
    changed(24, "f");
    changed(80, "g");
    for nonsense in ["x", "%00", "..%2Fhero", &"a".repeat(3000)] {
        refused(
            &get(&app, &format!("/shared/{nonsense}"), None),
            404,
            "unknown_link",
        );
    }
    let session = reader.strip_prefix("upswing_session=").unwrap();
    refused(
        &get(&app, &format!("/shared/{session}"), None),
        404,
        "unknown_link",
    );
}

#[test]
fn a_link_ends_with_its_time_and_with_its_key() {
    let app = TestApp::start();
    let (admin, secret, reader) = read(&app);
    let made = |days: &str| link(&app, "hero", Some(&reader), &[("days", days)]);
    let (week, month) = (made("7"), made("30"));
    let headers = [("authorization", format!("Bearer {admin}"))];
    let headers = headers
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let now = json!({ "now": "2026-01-08T00:00:00Z" }).to_string();
    app.try_send("PUT", "/api/v1/clock", &headers, Some(now.as_bytes()))
        .unwrap()
        .expect(200);
    refused(&get(&app, &week, None), 410, "link_expired");
    assert_eq!(get(&app, &month, None).status, 200);
    let id = &secret[3..19];
    app.try_send("DELETE", &format!("/api/v1/keys/{id}"), &headers, None)
        .unwrap()
        .expect(200);
    refused(&get(&app, &month, None), 404, "unknown_link");
}

#[test]
fn who_may_not_read_makes_no_link() {
    let app = TestApp::start();
    app.put_experiment(&definition("hero"));
    let _admin = admin(&app);
    let answer = post(&app, "/experiments/hero/share", None, &[("days", "7")]);
    assert_eq!(answer.status, 303);
    assert_eq!(get(&app, "/experiments/hero/report.html", None).status, 303);
}
