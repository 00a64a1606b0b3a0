//! The same bandits through the server: live assignments and events over HTTP, a day at a time. Its reports must be those
//! of a trial in process that is told only who got what and who converted.

use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use crate::figure::{Band, Figure};
use crate::harness::TestApp;
use crate::runs::{Runs, binomial};
use crate::trial::{CONVERTED, Trial, compared, definition, rejects, thompson};

const DAYS: usize = 8;
const VISITORS: usize = 250;
const RATE: f64 = 0.1;

/// Three equal variants on the server and in process.
struct Twin {
    key: String,
    trial: Trial,
}

impl Twin {
    fn new(app: &TestApp, number: u32) -> Self {
        let key = format!("twin-{number}");
        let mut definition = definition(&key, 3, &thompson(0.05));
        // The same visitors come to all experiments, so each has an event of its own.
        definition["metrics"][0]["event"] = json!(key);
        app.put_experiment(&definition);
        let trial = Trial::new(&definition);
        Self { key, trial }
    }

    /// A day's visitors come, and some of each variant's buy.
    fn serve(&mut self, app: &TestApp, random: &mut StdRng, day: usize) {
        let visitors = day * VISITORS..(day + 1) * VISITORS;
        let mut served: [Vec<usize>; 3] = Default::default();
        let names = visitors.clone();
        for (visitor, assignment) in names.zip(app.assign_many(&self.key, visitors)) {
            assert_eq!(assignment["epoch"], self.trial.epoch().number.0);
            let variant = assignment["variant"].as_str().unwrap();
            let arm: usize = variant.trim_start_matches('v').parse().unwrap();
            served[arm].push(visitor);
        }
        for (arm, visitors) in (0..).zip(served) {
            let n = visitors.len() as u64;
            let buyers = binomial(random, n, RATE);
            self.trial.convert(arm, n, buyers);
            let order = |visitor: &usize| {
                let id = format!("{}-{visitor}", self.key);
                json!({ "event": self.key, "visitor": format!("v{visitor}"), "id": id })
            };
            let buyers = usize::try_from(buyers).unwrap();
            let orders: Vec<Value> = visitors.iter().take(buyers).map(order).collect();
            if !orders.is_empty() {
                app.track(&json!(orders));
            }
        }
    }
}

pub(crate) fn twins(runs: Runs) -> Vec<Figure> {
    let app = TestApp::start();
    let mut random = StdRng::seed_from_u64(runs.seed);
    let mut cases: Vec<Twin> = (0..runs.count)
        .map(|number| Twin::new(&app, number))
        .collect();
    for day in 0..DAYS {
        for twin in &mut cases {
            twin.serve(&app, &mut random, day);
            twin.trial.next_day();
        }
        let now = cases.first().map(|twin| twin.trial.now());
        app.advance_clock(&now.unwrap().to_string());
    }
    let compare = |twin: &Twin| {
        let (mut theirs, ours) = (app.report(&twin.key), twin.trial.report());
        // The trial's visitors come at no hour of the day, by no way in.
        if let Some(health) = theirs.0["health"].as_object_mut() {
            health.remove("srm_by_source");
        }
        let false_alarm = compared(&ours, CONVERTED)
            .iter()
            .any(|with| rejects(with.always_valid.and_then(|of| of.p_value)));
        let same = |part: &str, ours: Value| theirs.0[part] == ours;
        let is_same = same("metrics", json!(ours.metrics))
            && same("health", json!(ours.health))
            && same("epochs", json!(ours.epochs));
        (is_same, false_alarm)
    };
    let (same, alarms): (Vec<bool>, Vec<bool>) = cases.iter().map(compare).unzip();
    vec![
        Figure::rate(
            "report equals that of the trial in process",
            same,
            Band::at_least(1.0),
        ),
        Figure::shown("always-valid p < .05 at the end", alarms),
    ]
}
