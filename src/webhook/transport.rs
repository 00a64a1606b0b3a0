//! Posting one message to one target.

use std::time::Duration;

use ureq::Agent;
use ureq::http::Uri;

use super::message::Message;
use super::{Target, signature};
use crate::time::Timestamp;

/// How long an attempt may take altogether.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Attempt {
    /// The target took it.
    Delivered,
    /// It did not; it may do so later.
    Failed(String),
    /// It never will.
    Gone,
}

/// Whether a URL is one of a web server.
pub(super) fn can_reach(url: &str) -> bool {
    url.parse::<Uri>().is_ok_and(|url| {
        matches!(url.scheme_str(), Some("http" | "https"))
            && url.host().is_some_and(|host| !host.is_empty())
    })
}

/// Connections to targets. Redirects are not followed: a message goes where the settings say, and nowhere else.
pub(super) fn agent(timeout: Duration) -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(timeout))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .user_agent(concat!("upswing/", env!("CARGO_PKG_VERSION")))
        .build();
    config.new_agent()
}

/// Sends a message, signed as of `now`.
pub(super) fn post(agent: &Agent, target: &Target, message: &Message, now: Timestamp) -> Attempt {
    let body = match serde_json::to_string(message) {
        Ok(body) => body,
        Err(error) => return Attempt::Failed(error.to_string()),
    };
    let seconds = now.millis() / 1_000;
    let signature = signature::header(&target.secrets, &message.id, seconds, &body);
    let request = agent.post(&target.url).content_type("application/json");
    let request = request
        .header("webhook-id", &message.id)
        .header("webhook-timestamp", seconds)
        .header("webhook-signature", signature);
    match request.send(&body) {
        Ok(response) if response.status().is_success() => Attempt::Delivered,
        Ok(response) if response.status().as_u16() == 410 => Attempt::Gone,
        Ok(response) => Attempt::Failed(format!("it answered {}", response.status())),
        Err(error) => Attempt::Failed(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
