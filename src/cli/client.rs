//! The client of a running server: JSON in and out over connections that are kept, and errors in one line.

use std::io::Read;
use std::thread::sleep;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::http::Response;
use ureq::{Agent, Body, RequestBuilder, SendBody};

use super::Failure;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);
/// How long an idle connection is trusted: less than the server keeps it.
const IDLE: Duration = Duration::from_secs(2);
/// How long to wait before a write that the server had no room for is sent again …
const WAIT: Duration = Duration::from_millis(100);
/// … and how often.
const TRIES: usize = 100;

/// A server and the connections to it.
#[derive(Clone)]
pub(super) struct Client {
    agent: Agent,
    server: String,
    authorization: Option<String>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    /// Nobody answers.
    #[error(
        "no server answers at {server}: {source} (start one with `upswing serve`, or name it with --server)"
    )]
    Unreachable {
        /// The server.
        server: String,
        /// Why.
        source: ureq::Error,
    },
    /// The server says no.
    #[error("{0}")]
    Refused(Refusal),
    /// The answer is not of this API.
    #[error(
        "{server} gives an answer that can not be read ({detail}); is this an Upswing server of this version?"
    )]
    Unreadable {
        /// The server.
        server: String,
        /// What is wrong.
        detail: String,
    },
}

/// A problem as the server tells it.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Refusal {
    /// Its HTTP status.
    pub(super) status: u16,
    /// Its stable code.
    code: String,
    detail: String,
    #[serde(default)]
    errors: Vec<Place>,
}

#[derive(Debug, serde::Deserialize)]
struct Place {
    path: String,
    detail: String,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)?;
        let places = self.errors.iter();
        let untold = places.filter(|place| !self.detail.starts_with(&place.path));
        for (i, place) in untold.enumerate() {
            let separator = if i == 0 { " " } else { "; " };
            write!(f, "{separator}{}: {}", place.path, place.detail)?;
        }
        Ok(())
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::input(error.to_string())
    }
}

impl Client {
    /// A client without connections; they are made when needed. It shows the key, if there is one.
    pub(super) fn new(server: &str, api_key: Option<&str>) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT))
            .max_idle_age(IDLE)
            .proxy(None)
            .user_agent(concat!("upswing/", env!("CARGO_PKG_VERSION")))
            .build();
        Self {
            agent: config.new_agent(),
            server: server.to_owned(),
            authorization: api_key.map(|key| format!("Bearer {}", key.trim())),
        }
    }

    /// Where the server is.
    pub(super) fn server(&self) -> &str {
        &self.server
    }

    /// What stands at a path.
    ///
    /// # Errors
    /// [`ClientError`].
    pub(super) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let text = self.get_text(path, &[])?;
        self.read(text.as_bytes())
    }

    /// The text that stands at a path.
    ///
    /// # Errors
    /// [`ClientError`].
    pub(super) fn get_text(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<String, ClientError> {
        let bytes = self.get_bytes(path, query)?;
        String::from_utf8(bytes).map_err(|error| self.unreadable(&error))
    }

    /// The bytes that stand at a path.
    ///
    /// # Errors
    /// [`ClientError`].
    pub(super) fn get_bytes(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Vec<u8>, ClientError> {
        let request = self.keyed(self.agent.get(self.url(path)));
        let sent = request.query_pairs(query.iter().copied()).call();
        self.answer(sent)
    }

    /// Sends JSON; waits while the server has no room for it.
    ///
    /// # Errors
    /// [`ClientError`].
    pub(super) fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| self.unreadable(&error))?;
        for _ in 0..TRIES {
            let request = self.keyed(self.agent.post(self.url(path)));
            match self.answer(request.content_type("application/json").send(&body)) {
                Err(ClientError::Refused(refusal)) if refusal.code == "overloaded" => sleep(WAIT),
                answer => return self.read(&answer?),
            }
        }
        Err(self.unreadable(&"too many writes are waiting"))
    }

    /// Replaces what stands at a path.
    ///
    /// # Errors
    /// [`ClientError`].
    pub(super) fn put<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| self.unreadable(&error))?;
        let request = self.keyed(self.agent.put(self.url(path)));
        let answer = self.answer(request.content_type("application/json").send(&body))?;
        self.read(&answer)
    }

    /// Streams gzip-compressed rows.
    ///
    /// # Errors
    /// [`ClientError`].
    pub(super) fn upload<T: DeserializeOwned>(
        &self,
        path: &str,
        rows: &mut dyn Read,
    ) -> Result<T, ClientError> {
        let request = self.keyed(self.agent.post(self.url(path)));
        let request = request
            .content_type("application/x-ndjson")
            .header("content-encoding", "gzip");
        let answer = self.answer(request.send(SendBody::from_reader(rows)))?;
        self.read(&answer)
    }

    /// Takes away what stands at a path.
    ///
    /// # Errors
    /// [`ClientError`].
    pub(super) fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let request = self.keyed(self.agent.delete(self.url(path)));
        let answer = self.answer(request.call())?;
        self.read(&answer)
    }

    fn keyed<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match &self.authorization {
            Some(value) => request.header("authorization", value),
            None => request,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server)
    }

    fn answer(&self, sent: Result<Response<Body>, ureq::Error>) -> Result<Vec<u8>, ClientError> {
        let unreachable = |source| ClientError::Unreachable {
            server: self.server.clone(),
            source,
        };
        let mut response = sent.map_err(unreachable)?;
        let body = response.body_mut().read_to_vec().map_err(unreachable)?;
        if response.status().is_success() {
            return Ok(body);
        }
        Err(match serde_json::from_slice(&body) {
            Ok(refusal) => ClientError::Refused(refusal),
            Err(_) => self.unreadable(&response.status()),
        })
    }

    /// Reads an answer.
    ///
    /// # Errors
    /// [`ClientError::Unreadable`].
    pub(super) fn read<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, ClientError> {
        serde_json::from_slice(body).map_err(|error| self.unreadable(&error))
    }

    fn unreadable(&self, detail: &dyn std::fmt::Display) -> ClientError {
        ClientError::Unreadable {
            server: self.server.clone(),
            detail: detail.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_one_line_with_its_paths() {
        let refusal: Refusal = serde_json::from_str(
            r#"{"status":422,"code":"invalid_definition","detail":"The definition has 2 mistakes; nothing was changed.",
                "errors":[{"path":"key","detail":"is empty"},{"path":"metrics","detail":"is missing"}]}"#,
        )
        .unwrap();
        assert_eq!(
            refusal.to_string(),
            "invalid_definition: The definition has 2 mistakes; nothing was changed. key: is empty; metrics: is missing"
        );
        let refusal: Refusal = serde_json::from_str(
            r#"{"status":400,"code":"invalid_query","detail":"as_of is no time",
                "errors":[{"path":"as_of","detail":"is no time"}]}"#,
        )
        .unwrap();
        assert_eq!(refusal.to_string(), "invalid_query: as_of is no time");
    }
}
