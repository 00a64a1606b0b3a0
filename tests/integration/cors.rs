//! Web pages: those that are named may talk to the server and read what it says, errors too; others may not.

use serde_json::json;

use crate::client::Answer;
use crate::harness::TestApp;
use crate::model::fixed;

const SHOP: &str = "https://shop.example";
const FLAG: &str = "/ofrep/v1/evaluate/flags/hero";

fn preflight(app: &TestApp, origin: &str) -> Answer {
    let asked = [
        ("origin", origin),
        ("access-control-request-method", "POST"),
        (
            "access-control-request-headers",
            "content-type,if-none-match,x-retry-count",
        ),
    ];
    app.try_send("OPTIONS", FLAG, &asked, None).unwrap()
}

fn ask(app: &TestApp, path: &str, origin: &str) -> Answer {
    let body = json!({ "context": { "targetingKey": "anna" } }).to_string();
    app.post_bytes(path, &[("origin", origin)], body.as_bytes())
}

#[test]
fn a_named_page_may_ask() {
    let app = TestApp::with_args(&["--origins", "https://shop.example,https://other.example/"]);
    app.put_experiment(&fixed("hero"));
    let allowed = preflight(&app, SHOP);
    assert!(matches!(allowed.status, 200 | 204), "{}", allowed.status);
    assert_eq!(allowed.header("access-control-allow-origin"), Some(SHOP));
    let headers = allowed
        .header("access-control-allow-headers")
        .unwrap()
        .to_lowercase();
    for name in [
        "authorization",
        "content-type",
        "x-api-key",
        "if-none-match",
        "x-retry-count",
    ] {
        assert!(headers.contains(name), "{headers}");
    }
}

#[test]
fn it_reads_what_the_server_says_errors_too() {
    let app = TestApp::with_args(&["--origins", "https://shop.example,https://other.example/"]);
    app.put_experiment(&fixed("hero"));
    for (path, status) in [
        (FLAG, 200),
        ("/ofrep/v1/evaluate/flags/none", 404),
        ("/nowhere", 404),
    ] {
        let answer = ask(&app, path, SHOP);
        assert_eq!(answer.status, status);
        assert_eq!(
            answer.header("access-control-allow-origin"),
            Some(SHOP),
            "{path}"
        );
        let exposed = answer
            .header("access-control-expose-headers")
            .unwrap()
            .to_lowercase();
        assert!(
            exposed.contains("etag") && exposed.contains("retry-after"),
            "{exposed}"
        );
        assert!(
            answer
                .header("vary")
                .unwrap()
                .to_lowercase()
                .contains("origin")
        );
    }
    let other = ask(&app, FLAG, "https://other.example");
    assert_eq!(
        other.header("access-control-allow-origin"),
        Some("https://other.example")
    );
}

#[test]
fn other_pages_may_not() {
    let app = TestApp::with_args(&["--origins", SHOP]);
    app.put_experiment(&fixed("hero"));
    let stranger = "https://evil.example";
    let refused = preflight(&app, stranger);
    assert_eq!(refused.header("access-control-allow-origin"), None);
    refused.problem(403, "origin_forbidden");
    assert_eq!(
        ask(&app, FLAG, stranger).header("access-control-allow-origin"),
        None
    );
    // Nobody is named by default.
    let app = TestApp::start();
    assert_eq!(
        preflight(&app, SHOP).header("access-control-allow-origin"),
        None
    );
}
