//! A live server under a scenario: the clock, the visitors and their conversions come over HTTP.

use serde_json::{Value, json};
use upswing::simulation::{Conversion, Scenario, Server, Visitor, drive};
use upswing::time::Timestamp;

use crate::client::Client;
use crate::harness::TestApp;

/// Most requests or events of a batch.
const BATCH: usize = 1_000;

/// What a policy did on the server.
#[derive(Debug, PartialEq)]
pub(crate) struct Course {
    pub(crate) regret: f64,
    /// Per epoch, the share of each variant.
    pub(crate) epochs: Vec<Vec<f64>>,
}

/// The server with its experiment.
struct Remote<'a> {
    client: &'a Client,
    definition: Value,
    variants: Vec<String>,
    scenario: &'a Scenario,
    is_defined: bool,
}

/// Sends a run to a server of its own, under the scenario's first policy.
pub(crate) fn course(scenario: &Scenario, seed: u64) -> Course {
    let app = TestApp::start();
    let candidate = &scenario.policies[0];
    let definition = json!(&*candidate.entry.experiment.spec);
    let variants = &candidate.entry.experiment.variants;
    let mut remote = Remote {
        client: &app,
        definition,
        variants: variants.iter().map(|of| of.key.to_string()).collect(),
        scenario,
        is_defined: false,
    };
    let regret = drive(scenario, seed, &mut remote);
    let epochs = remote.epochs();
    Course { regret, epochs }
}

impl Remote<'_> {
    fn path(&self, verb: &str) -> String {
        let key = self.definition["key"].as_str().unwrap();
        format!("/api/v1/experiments/{key}/{verb}")
    }

    fn epochs(&self) -> Vec<Vec<f64>> {
        let body = self.client.get(&self.path("epochs")).expect(200);
        let shares = |epoch: &Value| {
            let weights = &epoch["weights"];
            let share = |key: &String| weights[key].as_f64().unwrap_or(0.0);
            self.variants.iter().map(share).collect()
        };
        let epochs = body["epochs"].as_array().unwrap();
        epochs.iter().map(shares).collect()
    }
}

impl Server for Remote<'_> {
    /// The experiment starts with its first visitors.
    fn advance(&mut self, to: Timestamp) {
        self.client.advance_clock(&to.to_string());
        if !self.is_defined {
            self.client.put_experiment(&self.definition);
            self.is_defined = true;
        }
    }

    fn assign(&mut self, visitors: &[Visitor]) -> Vec<usize> {
        let key = &self.definition["key"];
        let request = |visitor: &Visitor| {
            let attributes = self.attributes(visitor);
            json!({ "visitor": visitor.id, "experiments": [key], "attributes": attributes })
        };
        let served = visitors.chunks(BATCH).flat_map(|visitors| {
            let requests: Vec<Value> = visitors.iter().map(request).collect();
            let requests = json!({ "requests": requests });
            let answer = self.client.post("/api/v1/assignments/batch", &requests);
            let body = answer.expect(200);
            let results = body["results"].as_array().unwrap();
            results
                .iter()
                .map(|result| self.position(result))
                .collect::<Vec<usize>>()
        });
        served.collect()
    }

    fn convert(&mut self, conversions: &[Conversion]) {
        let event = |of: &Conversion| {
            json!({
                "event": self.scenario.objective.event, "visitor": of.visitor, "id": of.number.to_string(),
                "timestamp": of.at, "properties": properties(of),
            })
        };
        for conversions in conversions.chunks(BATCH) {
            let events: Vec<Value> = conversions.iter().map(event).collect();
            let counts = self.client.track(&json!(events));
            assert_eq!(counts["accepted"], events.len(), "{counts}");
        }
    }

    fn reallocate(&mut self) {
        self.client
            .post(&self.path("reallocate"), &json!({}))
            .expect(200);
    }
}

impl Remote<'_> {
    fn attributes(&self, visitor: &Visitor) -> Value {
        let known = || {
            let segments = self.scenario.truth.segments.as_ref()?;
            let segment = &segments.values[visitor.segment?];
            Some(json!({ &segments.attribute: segment.value }))
        };
        known().unwrap_or_else(|| json!({}))
    }

    /// The variant of an answer.
    fn position(&self, result: &Value) -> usize {
        let variant = result["assignments"][0]["variant"].as_str().unwrap();
        let at = self.variants.iter().position(|key| key == variant);
        at.unwrap()
    }
}

fn properties(conversion: &Conversion) -> Value {
    serde_json::from_str(&conversion.properties).unwrap_or_default()
}
