//! What an operation needs, as its gate has it, and how it turns away who has it not.

use serde_json::{Value, json};

use super::super::super::access::{Gate, Guard, Place};
use super::super::super::error::Code;
use super::super::super::ofrep::{self, Told};
use super::Operation;

impl Operation {
    /// The operation behind its gate, at a path.
    pub(in crate::http) fn behind(self, gate: Gate, path: &str) -> Self {
        match gate {
            Gate::Open => self,
            Gate::Key(guard) => self.guarded(guard, path),
        }
    }

    fn guarded(mut self, Guard { scope, place }: Guard, path: &str) -> Self {
        let headers = ["bearer", "key", "basic"];
        let (token, also) = match place {
            Place::Headers | Place::HeadersOrSession => (None, ""),
            Place::HeadersOrToken => (Some("token"), ""),
            Place::HeadersOrPath => (None, ", which the path may have, too"),
            Place::HeadersOrBody => (None, ", which the body may have, too, as its `writeKey`"),
        };
        let keyed = headers.into_iter().chain(token);
        let keyed = keyed.map(|scheme| json!({ scheme: [scope] }));
        // Without any key the server is open.
        self.security = std::iter::once(json!({})).chain(keyed).collect();
        let needed =
            format!("Once there are API keys, it needs one with the scope `{scope}`{also}.");
        if !self.description.is_empty() {
            self.description.push(' ');
        }
        self.description.push_str(&needed);
        if ofrep::speaks(path) {
            self.fails()
        } else {
            self.refuses(&[
                Code::Unauthorized,
                Code::Forbidden,
                Code::OriginForbidden,
                Code::RateLimited,
            ])
        }
    }

    /// The same refusals in the words of `OpenFeature`'s protocol.
    fn fails(self) -> Self {
        let failed = |details| json!({ "errorCode": "GENERAL", "errorDetails": details });
        let lacking = "The key \"web\" has not the scope assign.";
        let spent = "The key's rate is spent; try again in 1 s.";
        self.answers::<Told<'_>>(
            401,
            "No key in force.",
            failed("This is no API key in force."),
        )
        .with("WWW-Authenticate", "How keys are sent.")
        .answers::<Told<'_>>(
            403,
            "The key may not do this, or not on this page.",
            failed(lacking),
        )
        .answers::<Told<'_>>(429, "The key has asked too often.", failed(spent))
        .with("Retry-After", "")
    }
}

/// How keys are sent.
pub(in crate::http::openapi) fn schemes() -> Value {
    json!({
        "bearer": { "type": "http", "scheme": "bearer" },
        "key": { "type": "apiKey", "in": "header", "name": "X-API-Key" },
        "basic": {
            "type": "http",
            "scheme": "basic",
            "description": "As Segment's SDKs send it: the write key as the name, no password.",
        },
        "token": {
            "type": "apiKey",
            "in": "query",
            "name": "token",
            "description": "As a bulk evaluation of flags hands it out, for streams.",
        },
    })
}
