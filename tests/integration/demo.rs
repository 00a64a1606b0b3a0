//! The demonstration shop: every part is served, and none needs another host or a script within the page.
//! What it does is tested in a browser (`tests/clients`).

use crate::harness::TestApp;

const PARTS: [(&str, &str); 5] = [
    ("shop", "text/html; charset=utf-8"),
    ("shop.css", "text/css; charset=utf-8"),
    ("shop.js", "text/javascript; charset=utf-8"),
    ("wires.js", "text/javascript; charset=utf-8"),
    ("panel.js", "text/javascript; charset=utf-8"),
];

#[test]
fn the_shop_needs_nothing_from_elsewhere() {
    let app = TestApp::start();
    for (part, kind) in PARTS {
        let answer = app.get(&format!("/demo/{part}"));
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some(kind));
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"));
        assert!(!policy.contains("unsafe"), "{policy}");
        let text = answer.text.replace("http://www.w3.org/2000/svg", "");
        assert!(!text.contains("http://") && !text.contains("https://"));
        if part == "shop" {
            let scripts = text.matches("<script").count();
            assert_eq!(
                scripts,
                text.matches("<script type=\"module\" src=").count()
            );
            assert!(!text.contains(" style=") && !text.contains(" onclick="));
        }
    }
    app.get("/demo/other").problem(404, "not_found");
}
