//! Tests of whole definitions: the examples, all mistakes at once, both formats, several files.

use std::fmt::Write;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::mistake::{Code, Mistake};
use super::spec::Spec;
use super::{GLOBAL_HOLDOUT, global_holdout, read_files, read_json};

mod contexts;
mod covariates;
mod features;
mod looks;
mod policies;
mod revisions;
mod rules;

pub(super) const SMALL: &str = r#"
key = "small"
[[variants]]
key = "control"
[[variants]]
key = "treatment"
[[metrics]]
key = "purchase"
event = "Order Completed"
kind = "conversion"
role = "goal"
"#;

pub(super) fn read_one(text: &str) -> Result<Spec, Vec<Mistake>> {
    let (mut specs, mistakes) = read_files(&[("x.toml".to_owned(), text.to_owned())]);
    if mistakes.is_empty() {
        Ok(specs.remove(0).1)
    } else {
        Err(mistakes)
    }
}

const BOTH: &str = r#"
key = "both"
review = 2027-01-20
starts = 2026-12-01T00:00:00Z
ends = 2027-01-15
layer = { key = "homepage", from = 0, to = 0.5 }
dimensions = ["device", { key = "country", values = ["DE"] }]
control = "b"
[[variants]]
key = "a"
payload = { n = 1_000, hex = 0xff, x = 1_0.5, at = 07:32:00, list = [1, "two", { three = true }] }
weight = 1
[[variants]]
key = "b"
weight = 3.0
[allocation]
policy = "thompson"
model = "pooled"
metric = "purchase"
floor = 0.01
[[metrics]]
key = "purchase"
event = "Order Completed"
kind = "conversion"
role = "goal"
window = "7d"
[goal]
metric = "purchase"
lift = 0.1
by = 2027-01-15
"#;

const BROKEN: &str = r#"key = "Homepage Hero"
staus = "running"
holdout = 1.0
traffic = 0
starts = 2027-01-15T00:00:00Z
ends = 2026-12-01T00:00:00Z
audience = 'user.country == "DE"'
layer = { key = "homepage", from = 0.6, to = 0.5 }
prior = 7

[[variants]]
key = "control"
value = true
weight = "half"

[[variants]]
key = "control"
value = "yes"
paylod = {}

[allocation]
policy = "thomson"

[[metrics]]
key = "purchase"
kind = "conversion"
role = "goal"
limit = 0.1

[[metrics]]
key = "aov"
kind = "ratio"
role = "goal"
numerator = "revenue"
denominator = "purchase"
window = "2 weeks"

[goal]
metric = "purchases"
lift = 0
"#;

fn examples() -> Vec<(String, String)> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/experiments");
    let files = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut examples: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|suffix| suffix == "toml"))
        .map(|path| {
            (
                path.display().to_string(),
                std::fs::read_to_string(&path).unwrap(),
            )
        })
        .collect();
    examples.sort();
    examples
}

#[test]
fn every_example_is_valid_and_runs() {
    let examples = examples();
    let (specs, mistakes) = read_files(&examples);
    assert_eq!(mistakes, []);
    assert!(specs.len() >= 5 && specs.len() == examples.len());
    for (file, spec) in specs {
        assert!(
            file.ends_with(&format!("/{}.toml", spec.key)),
            "{file} is named after its key"
        );
        assert_eq!(spec.status, super::Status::Running);
        super::Experiment::compile(spec, None).unwrap();
    }
}

#[test]
fn a_definition_survives_json_in_every_direction() {
    for (_, spec) in read_files(&examples()).0 {
        let json = serde_json::to_string(&spec).unwrap();
        assert_eq!(serde_json::from_str::<Spec>(&json).unwrap(), spec);
        assert_eq!(read_json(&json).unwrap(), spec);
        assert_eq!(
            serde_json::to_string(&read_json(&json).unwrap()).unwrap(),
            json
        );
    }
    assert!(serde_json::from_value::<Spec>(json!({"key": "x", "unknown": 1})).is_err());
}

#[test]
fn toml_and_json_say_the_same() {
    let json = json!({
        "key": "both", "review": "2027-01-20", "starts": "2026-12-01T00:00:00Z", "ends": "2027-01-15",
        "layer": {"key": "homepage", "from": 0.0, "to": 0.5},
        "dimensions": ["device", {"key": "country", "values": ["DE"]}], "control": "b",
        "variants": [
            {"key": "a", "weight": 1, "payload": {"n": 1000, "hex": 255, "x": 10.5, "at": "07:32:00",
                "list": [1, "two", {"three": true}]}},
            {"key": "b", "weight": 3}
        ],
        "allocation": {"policy": "thompson", "model": "pooled", "metric": "purchase", "floor": 0.01},
        "metrics": [{"key": "purchase", "event": "Order Completed", "kind": "conversion", "role": "goal",
            "window": "7d"}],
        "goal": {"metric": "purchase", "lift": 0.1, "by": 1_799_971_200_000_i64}
    });
    let from_toml = read_one(BOTH).unwrap();
    assert_eq!(from_toml, read_json(&json.to_string()).unwrap());
    assert_eq!(
        from_toml.allocation.burn_in,
        Some(100),
        "defaults are filled in"
    );
    assert_eq!(from_toml.allocation.floor_total, None);
}

#[test]
fn all_mistakes_of_a_file_come_at_once() {
    let mistakes = read_files(&[("experiments/hero.toml".into(), BROKEN.into())]).1;
    let mut rendered = String::new();
    for mistake in mistakes {
        writeln!(rendered, "{mistake}").unwrap();
    }
    insta::assert_snapshot!(rendered, @r#"
    experiments/hero.toml:1: key: holds a character outside [a-z0-9-]; use lower-case letters, digits and hyphens
    experiments/hero.toml:2: staus: is an unknown key; did you mean `status`?
    experiments/hero.toml:3: holdout: must be at least 0 and below 1, not 1
    experiments/hero.toml:4: traffic: must be above 0 and at most 1, not 0; use status = "paused" to take nobody in
    experiments/hero.toml:6: ends: must lie after starts (2027-01-15T00:00:00.000Z)
    experiments/hero.toml:7: audience: reads `user`, but only `visitor` is known, as in visitor.country
    experiments/hero.toml:8: layer.to: must lie above from (0.6)
    experiments/hero.toml:9: prior: `prior` is not supported yet; remove it
    experiments/hero.toml:14: variants[0].weight: must be a number, not a text
    experiments/hero.toml:17: variants[1].key: "control" is used a second time
    experiments/hero.toml:18: variants[1].value: must be a boolean like the first value, not a text
    experiments/hero.toml:19: variants[1].paylod: is an unknown key; did you mean `payload`?
    experiments/hero.toml:22: allocation.policy: must be one of: fixed, thompson, top-two, epsilon-greedy, contextual, linear; not "thomson"; did you mean `thompson`?
    experiments/hero.toml:24: metrics[0].event: is missing: the name of the event that counts, such as "Order Completed"
    experiments/hero.toml:28: metrics[0].limit: belongs to metrics with role = "guardrail" only
    experiments/hero.toml:33: metrics[1].role: is a second goal; exactly one metric decides, give the others role = "secondary"
    experiments/hero.toml:34: metrics[1].numerator: names the unknown metric "revenue"; known metrics: purchase, aov
    experiments/hero.toml:36: metrics[1].window: is no positive duration such as "14d", "36h", "15m" or "60s", but "2 weeks" was given
    experiments/hero.toml:38: goal.by: is missing: the date by which it is to be reached
    experiments/hero.toml:39: goal.metric: names the unknown metric "purchases"; known metrics: purchase, aov
    experiments/hero.toml:40: goal.lift: must be a relative change such as 0.1 for 10 %, not 0
    "#);
}

#[test]
fn syntax_errors_come_with_their_lines() {
    let mistakes = read_one("key = \"a\"\nname = \n[[variants]]\nkey == 3\n").unwrap_err();
    let lines: Vec<_> = mistakes
        .iter()
        .map(|mistake| (mistake.line, mistake.code))
        .collect();
    assert_eq!(lines, [(Some(2), Code::Syntax), (Some(4), Code::Syntax)]);
    let json = read_json("{\n  \"key\": \"a\",\n}").unwrap_err();
    assert_eq!((json[0].line, json[0].code), (Some(3), Code::Syntax));
    assert_eq!(
        read_json("[]").unwrap_err()[0].detail,
        "must be a JSON object"
    );
    let twice = read_json(r#"{"key": "a", "key": "b"}"#).unwrap_err();
    assert!(
        twice[0].detail.contains("the key \"key\" is given twice"),
        "{}",
        twice[0]
    );
}

#[test]
fn a_mistake_in_one_file_makes_no_other_invalid() {
    let slot = |key: &str, from: f64, to: f64, status: &str| {
        let layer = format!(
            "layer = {{ key = \"home\", from = {from}, to = {to} }}\nstatus = \"{status}\""
        );
        (
            format!("{key}.toml"),
            SMALL.replacen("key = \"small\"", &format!("key = \"{key}\"\n{layer}"), 1),
        )
    };
    let files = [
        slot("b", 0.0, 0.5, "running"),
        slot("c", 0.4, 0.8, "running"),
        slot("d", 0.5, 1.0, "draft"),
        slot("e", 0.0, 1.0, "concluded"),
        ("f.toml".to_owned(), "key = ".to_owned()),
        ("g.toml".to_owned(), slot("b", 0.0, 0.1, "concluded").1),
    ];
    let (specs, mistakes) = read_files(&files);
    let valid: Vec<_> = specs.iter().map(|(file, _)| file.as_str()).collect();
    assert_eq!(valid, ["b.toml", "d.toml", "e.toml"]);
    let rendered: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
    assert_eq!(rendered.len(), 3);
    assert_eq!(
        rendered[0],
        "c.toml:3: layer: [0.4, 0.8) of layer \"home\" overlaps [0, 0.5) of \"b\" in b.toml; experiments in one layer exclude each other"
    );
    assert!(
        rendered[1].starts_with("f.toml:1: is not TOML"),
        "{}",
        rendered[1]
    );
    assert_eq!(
        rendered[2],
        "g.toml:2: key: \"b\" is already defined in b.toml; keys are unique"
    );
}

#[test]
fn deep_nesting_is_a_mistake_and_not_a_crash() {
    for depth in [40, 100, 200, 100_000] {
        let list = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let toml = SMALL.replacen(
            "key = \"control\"",
            &format!("key = \"control\"\npayload = {list}"),
            1,
        );
        assert!(read_one(&toml).is_err(), "{depth}");
        assert!(read_json(&format!("{{\"key\": \"a\", \"variants\": {list}}}")).is_err());
        let tables = format!("{}{}", "{a=".repeat(depth), "}".repeat(depth));
        assert!(read_one(&format!("payload = {tables}")).is_err());
        assert!(read_one(&format!("[{}a]", "a.".repeat(depth))).is_err());
        assert!(read_one(&format!("{}a = 1", "a.".repeat(depth))).is_err());
    }
}

fn arbitrary_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec![
            "goal",
            "thompson",
            "ratio",
            "sum",
            "a",
            "14d",
            "2027-01-20",
            ""
        ])
        .prop_map(Value::from),
    ];
    let keys = prop::sample::select(vec![
        "key",
        "variants",
        "metrics",
        "allocation",
        "goal",
        "layer",
        "policy",
        "kind",
        "numerator",
        "denominator",
        "weight",
        "value",
        "payload",
        "floor",
        "dimensions",
        "values",
        "audience",
        "starts",
        "by",
        "lift",
        "metric",
    ]);
    leaf.prop_recursive(4, 48, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(keys.clone().prop_map(str::to_owned), inner, 0..8)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,80}", toml in "(key|a|=|\\.|\\[|\\]|\\{|\\}|\"|'|\n|1|,|-|:|#|\\PC){0,40}") {
        let _ = read_json(&text);
        let _ = read_one(&text);
        let _ = read_one(&toml);
        let _ = read_json(&toml);
    }

    #[test]
    fn no_value_panics(value in arbitrary_json()) {
        if let Ok(spec) = read_json(&value.to_string()) {
            super::Experiment::compile(spec, None).unwrap();
        }
    }
}

#[test]
fn the_key_of_the_global_holdout_is_reserved_and_its_metrics_are_checked() {
    let spec = global_holdout(0.1, None, Some("EUR")).unwrap();
    assert_eq!((spec.key.as_str(), spec.metrics.len()), (GLOBAL_HOLDOUT, 2));
    let text = serde_json::to_string(&spec).unwrap();
    let refused = read_json(&text).unwrap_err();
    assert_eq!(
        (refused[0].key.as_str(), refused[0].code),
        ("key", Code::Conflict)
    );
    let metrics = [json!({"key": "a", "kind": "count"})];
    let mistakes = global_holdout(0.1, Some(&metrics), None).unwrap_err();
    assert!(
        mistakes
            .iter()
            .any(|mistake| mistake.key == "holdout.metrics[0].event")
    );
}
