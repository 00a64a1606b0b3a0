//! Who changed what: the history of an experiment.

use serde_json::{Value, json};

use super::{admin, made, revoke, send};
use crate::client::Answer;
use crate::harness::{Settings, TestApp};
use crate::model::{thompson, with};

/// The changes, newest first: who and what.
fn told(history: &Value) -> Vec<(String, String)> {
    let changes = history["changes"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    changes
        .map(|of| {
            let who = match of["by"]["kind"].as_str().unwrap() {
                "key" => text(&of["by"]["name"]),
                kind => kind.to_owned(),
            };
            (who, text(&of["what"]["change"]))
        })
        .collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = expected
        .iter()
        .map(|(who, what)| ((*who).to_owned(), (*what).to_owned()));
    owned.collect()
}

const FILED: &str = r#"
key = "filed"
status = "running"
variants = [{ key = "a" }, { key = "b" }]
metrics = [{ key = "buys", event = "Order Completed", kind = "conversion", role = "goal" }]
"#;
const HERO: &str = "/api/v1/experiments/hero";

/// Two people change an experiment in turn; the first one's key is revoked. Returns its id, and the other's secret.
fn changed_by_two(app: &TestApp) -> (String, String) {
    let admin = admin(app);
    let writer = |name: &str| {
        let wanted = json!({ "name": name, "scopes": ["write"] });
        made(app, Some(&admin), &wanted)
    };
    let ((anna_id, anna), (_, ben)) = (writer("anna"), writer("ben"));
    let ask = |method: &str, tail: &str, key: &str, body: &Value| -> Answer {
        send(app, method, &format!("{HERO}{tail}"), Some(key), Some(body))
    };
    let hero = thompson("hero");
    ask("PUT", "", &anna, &hero).expect(200);
    ask("PUT", "", &anna, &hero).expect(200);
    let owned = with(hero, "owner", json!("Ben"));
    ask("PUT", "?cosmetic=true", &ben, &owned).expect(200);
    ask("POST", "/pause", &ben, &json!({})).expect(200);
    ask("POST", "/pause", &anna, &json!({})).problem(409, "illegal_transition");
    ask("POST", "/start", &anna, &json!({})).expect(200);
    ask("POST", "/revert", &ben, &json!({ "epoch": 1 })).expect(200);
    let end = json!({ "winner": "treatment", "scope": "everyone" });
    ask("POST", "/conclude", &ben, &end).expect(200);
    ask("DELETE", "", &anna, &json!({})).expect(200);
    revoke(app, &admin, &anna_id);
    (anna_id, ben)
}

#[test]
fn each_change_names_its_key_and_survives_a_restart() {
    let mut app = TestApp::start();
    let (anna_id, ben) = changed_by_two(&app);
    let history = |app: &TestApp| {
        let path = format!("{HERO}/history");
        send(app, "GET", &path, Some(&ben), None).expect(200)
    };
    let before = history(&app);
    let expected = [
        ("anna", "archived"),
        ("ben", "concluded"),
        ("ben", "opened"),
        ("anna", "started"),
        ("ben", "paused"),
        ("ben", "defined"),
        ("anna", "defined"),
    ];
    assert_eq!(told(&before), pairs(&expected));
    assert_eq!(before["dropped"], 0);
    let change = |at: usize| before["changes"][at].clone();
    assert_eq!(change(0)["by"]["revoked"], true);
    assert_eq!(change(0)["by"]["id"], anna_id.as_str());
    assert_eq!(change(0)["number"], 7);
    let concluded = json!({
        "change": "concluded", "winner": "treatment", "scope": "everyone", "reason": null,
    });
    assert_eq!(change(1)["what"], concluded);
    assert_eq!(change(1)["by"]["revoked"], false);
    assert_eq!(change(2)["what"]["cause"], "reverted");
    let second = json!({
        "change": "defined", "version": 2, "cosmetic": true, "source": "api", "status": "running",
        "fields": ["owner"],
    });
    assert_eq!(change(5)["what"], second);
    app.kill9();
    app.restart();
    assert_eq!(history(&app), before);
    let path = "/api/v1/experiments/other/history";
    send(&app, "GET", path, Some(&ben), None).problem(404, "unknown_experiment");
}

#[test]
fn without_keys_it_was_anybody_or_the_file() {
    let app = TestApp::with(Settings::default(), &[("filed.toml", FILED)]);
    app.put_experiment(&thompson("hero"));
    app.tell("hero", "pause", &json!({}));
    let history = |key: &str| {
        let path = format!("/api/v1/experiments/{key}/history");
        app.get(&path).expect(200)
    };
    let expected = [("anybody", "paused"), ("anybody", "defined")];
    assert_eq!(told(&history("hero")), pairs(&expected));
    let filed = history("filed");
    assert_eq!(told(&filed), pairs(&[("file", "defined")]));
    let file = filed["changes"][0]["by"]["file"].as_str().unwrap();
    assert!(file.ends_with("filed.toml"), "{file}");
}
