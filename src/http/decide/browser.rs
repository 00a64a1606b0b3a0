//! What the headers of a request say of who asks.

use actix_web::HttpRequest;
use actix_web::http::header::USER_AGENT;

use super::super::consent::opts_out;

/// The program that asks for a visitor.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct Browser<'a> {
    /// What it calls itself.
    pub agent: Option<&'a str>,
    /// Whether it says that the visitor is not to be kept in mind.
    pub opts_out: bool,
}

impl<'a> Browser<'a> {
    /// The program behind a request.
    pub(in crate::http) fn of(request: &'a HttpRequest) -> Self {
        let agent = request.headers().get(USER_AGENT);
        Self {
            agent: agent.and_then(|agent| agent.to_str().ok()),
            opts_out: opts_out(request),
        }
    }
}
