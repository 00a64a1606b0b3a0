//! The words of the API: requests as tests say them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::model::Report;

/// An answer of the server.
#[derive(Debug)]
pub(crate) struct Answer {
    pub status: u16,
    pub headers: ureq::http::HeaderMap,
    pub text: String,
    /// The body as JSON; null if it is not JSON.
    pub body: Value,
}

impl Answer {
    /// The body, if the status is as expected.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.body
    }

    /// Asserts that this is a problem as RFC 9457 has it, with a stable code; returns the body.
    #[track_caller]
    pub(crate) fn problem(self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(self.body["code"], code, "{}", self.text);
        assert_eq!(self.body["status"], status, "{}", self.text);
        for text in ["type", "title", "detail"] {
            assert!(!self.body[text].as_str().unwrap().is_empty(), "{text}");
        }
        self.body
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// A client of a server: cheap to clone into threads.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub url: String,
    agent: ureq::Agent,
}

impl Client {
    pub(crate) fn new(url: String) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(Duration::from_mins(2)))
            // Small requests must not wait for the answers before them.
            .no_delay(true)
            .build();
        Self {
            url,
            agent: config.into(),
        }
    }

    /// Sends a request; an error is one of the transport.
    pub(crate) fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Result<Answer, ureq::Error> {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = match body {
            Some(body) => self.agent.run(request.body(body)?)?,
            None => self.agent.run(request.body(())?)?,
        };
        let text = response.body_mut().read_to_string()?;
        Ok(Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: serde_json::from_str(&text).unwrap_or_default(),
            text,
        })
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.try_send("GET", path, &[], None).unwrap()
    }

    #[track_caller]
    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_bytes(path, &[], body.to_string().as_bytes())
    }

    #[track_caller]
    pub(crate) fn post_bytes(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.try_send("POST", path, headers, Some(body)).unwrap()
    }

    #[track_caller]
    pub(crate) fn put(&self, path: &str, body: &Value) -> Answer {
        let body = body.to_string();
        self.try_send("PUT", path, &[], Some(body.as_bytes()))
            .unwrap()
    }

    /// The assignments of a request.
    #[track_caller]
    pub(crate) fn assignments(&self, request: &Value) -> Vec<Value> {
        let body = self.post("/api/v1/assignments", request).expect(200);
        body["assignments"].as_array().unwrap().clone()
    }

    /// A visitor's assignment in one experiment.
    #[track_caller]
    pub(crate) fn assign(&self, visitor: &str, experiment: &str) -> Value {
        self.assign_with(visitor, experiment, &json!({}))
    }

    /// The same for a visitor with attributes.
    #[track_caller]
    pub(crate) fn assign_with(&self, visitor: &str, experiment: &str, attributes: &Value) -> Value {
        let request =
            json!({ "visitor": visitor, "experiments": [experiment], "attributes": attributes });
        self.assignments(&request).remove(0)
    }

    /// The variants of many visitors, `v0`, `v1` …, asked in batches.
    #[track_caller]
    pub(crate) fn assign_many(
        &self,
        experiment: &str,
        visitors: std::ops::Range<usize>,
    ) -> Vec<Value> {
        let visitors: Vec<usize> = visitors.collect();
        let batches = visitors.chunks(1_000).flat_map(|chunk| {
            let requests: Vec<Value> = chunk
                .iter()
                .map(|i| json!({ "visitor": format!("v{i}"), "experiments": [experiment] }))
                .collect();
            let body = self
                .post(
                    "/api/v1/assignments/batch",
                    &json!({ "requests": requests }),
                )
                .expect(200);
            body["results"].as_array().unwrap().clone()
        });
        batches
            .map(|result| result["assignments"][0].clone())
            .collect()
    }

    /// Sends events; the counts of the answer.
    #[track_caller]
    pub(crate) fn track(&self, events: &Value) -> Value {
        self.post("/api/v1/events", events).expect(202)
    }

    /// Imports rows as NDJSON.
    #[track_caller]
    pub(crate) fn import(&self, rows: &[Value]) -> Value {
        let lines: Vec<String> = rows.iter().map(Value::to_string).collect();
        self.post_bytes("/api/v1/import", &[], lines.join("\n").as_bytes())
            .expect(202)
    }

    /// Defines an experiment; its representation.
    #[track_caller]
    pub(crate) fn put_experiment(&self, definition: &Value) -> Value {
        let key = definition["key"].as_str().unwrap();
        self.put(&format!("/api/v1/experiments/{key}"), definition)
            .expect(200)
    }

    /// A transition or reallocation; the experiment's representation.
    #[track_caller]
    pub(crate) fn tell(&self, experiment: &str, verb: &str, body: &Value) -> Value {
        self.post(&format!("/api/v1/experiments/{experiment}/{verb}"), body)
            .expect(200)
    }

    #[track_caller]
    pub(crate) fn report(&self, experiment: &str) -> Report {
        self.report_with(experiment, "")
    }

    /// The report for a query such as `?as_of=…`.
    #[track_caller]
    pub(crate) fn report_with(&self, experiment: &str, query: &str) -> Report {
        let path = format!("/api/v1/experiments/{experiment}/report{query}");
        Report(self.get(&path).expect(200))
    }

    #[track_caller]
    pub(crate) fn advance_clock(&self, to: &str) {
        self.put("/api/v1/clock", &json!({ "now": to })).expect(200);
    }

    /// The value of a line of `/metrics`, 0 if it is not there.
    #[track_caller]
    pub(crate) fn metric(&self, series: &str) -> f64 {
        let answer = self.get("/metrics");
        assert_eq!(answer.status, 200);
        let line = answer
            .text
            .lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.trim().parse().unwrap())
    }
}
