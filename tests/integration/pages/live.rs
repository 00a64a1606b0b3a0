//! Pages that follow what happens, by one script that their policy names.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{definition, get};
use crate::harness::TestApp;

#[test]
fn a_page_runs_the_script_whose_hash_its_policy_names_and_no_other() {
    let app = TestApp::start();
    app.put_experiment(&definition("hero"));
    app.tell("hero", "start", &json!({}));
    let live = [
        ("/", "data-live=\"\" data-every=\"30\""),
        ("/experiments/hero", "data-live=\"hero\" data-every=\"30\""),
        ("/events", "data-live=\"\" data-every=\"5\""),
        ("/new", "id=\"define\""),
        ("/new?as=text", "id=\"define\""),
    ];
    for (path, follows) in live {
        let page = get(&app, path, None);
        let policy = page.header("content-security-policy").unwrap();
        let mut scripts = page.text.split("<script>").skip(1);
        let script = scripts.next().unwrap().split("</script>").next().unwrap();
        let hash = BASE64_STANDARD.encode(Sha256::digest(script));
        assert!(policy.contains(&format!("'sha256-{hash}'")), "{path}");
        assert!(!policy.contains("unsafe") && policy.contains("connect-src 'self'"));
        assert!(scripts.next().is_none() && script.len() <= 2_048);
        assert_eq!(page.text.matches("<script").count(), 1, "{path}");
        assert!(page.text.contains(follows), "{path}");
    }
    for path in ["/visitors", "/experiments/none"] {
        assert!(!get(&app, path, None).text.contains("<script"), "{path}");
    }
}
