//! Bodies: bytes in, values out, and for what can not be read the path of the mistake.
//!
//! A body must come at a pace: a client may keep the server waiting for so long altogether (`--patience`), and earns a
//! second with every [`PACE`] bytes, up to the same.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use actix_web::web::{Bytes, Data};
use actix_web::{FromRequest, HttpRequest};
use flate2::read::MultiGzDecoder;
use futures_util::{FutureExt, StreamExt};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::timeout;

use super::Server;
use super::connection::Connection;
use super::error::{Code, Problem};
use crate::telemetry::Stopwatch;

/// Largest body, in bytes.
pub(super) const MAX_BODY: usize = 512 << 10;
/// Most items of a batch.
pub(super) const MAX_BATCH: usize = 1_000;
/// Bytes that a client sends in a second at least.
const PACE: u32 = 1 << 10;

/// A body that is still to be received.
pub(super) struct Body {
    payload: Payload,
    /// The length that the head names.
    length: Option<usize>,
    connection: Option<Arc<Connection>>,
    /// How long the client may keep the server waiting at most.
    patience: Duration,
    /// What is left of it.
    left: Duration,
}

impl FromRequest for Body {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let length = request.headers().get(CONTENT_LENGTH);
        let patience = request.app_data::<Data<Server>>();
        let patience = patience.map_or(Duration::ZERO, |server| server.patience);
        ready(Ok(Self {
            payload: payload.take(),
            length: length.and_then(|length| length.to_str().ok()?.parse().ok()),
            connection: request.conn_data::<Arc<Connection>>().cloned(),
            patience,
            left: patience,
        }))
    }
}

impl Body {
    /// The next bytes; `None` after the last.
    ///
    /// # Errors
    /// [`Code::RequestTimeout`], or [`Code::InvalidBody`] for a broken transfer.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        // What is there already needs no timer.
        let piece = match self.payload.next().now_or_never() {
            Some(piece) => piece,
            None => self.wait().await?,
        };
        let Some(piece) = piece else {
            return Ok(None);
        };
        let piece = piece.map_err(|error| {
            let detail = format!("The body could not be received: {error}.");
            Problem::new(Code::InvalidBody, detail)
        })?;
        if let Some(connection) = &self.connection {
            connection.moves();
        }
        let bytes = u32::try_from(piece.len()).unwrap_or(u32::MAX);
        let earned = Duration::from_secs(1) * bytes / PACE;
        self.left = self.left.saturating_add(earned).min(self.patience);
        Ok(Some(piece))
    }

    async fn wait(&mut self) -> Result<Option<Piece>, Problem> {
        let waited = Stopwatch::start();
        let piece = timeout(self.left, self.payload.next()).await;
        self.left = self.left.saturating_sub(waited.elapsed());
        piece.map_err(|_| {
            let patience = self.patience.as_secs();
            let detail =
                format!("The body came at less than {PACE} bytes per second for {patience} s.");
            Problem::new(Code::RequestTimeout, detail)
        })
    }
}

/// A piece of a body, or why none comes.
type Piece = Result<Bytes, actix_web::error::PayloadError>;

/// The bytes of a body.
///
/// # Errors
/// [`Code::BodyTooLarge`], and those of [`Body::next`].
pub(super) async fn bytes(mut body: Body) -> Result<Bytes, Problem> {
    if body.length.is_some_and(|length| length > MAX_BODY) {
        return Err(too_large());
    }
    let first = body.next().await?.unwrap_or_default();
    // Most bodies come at once.
    let Some(second) = body.next().await? else {
        return Ok(first);
    };
    let mut whole = [first, second].concat();
    while whole.len() <= MAX_BODY
        && let Some(piece) = body.next().await?
    {
        whole.extend_from_slice(&piece);
    }
    if whole.len() > MAX_BODY {
        return Err(too_large());
    }
    Ok(whole.into())
}

fn too_large() -> Problem {
    let detail = format!("A body may have at most {MAX_BODY} bytes.");
    Problem::new(Code::BodyTooLarge, detail)
}

/// A body as it was before it was compressed; at most [`MAX_BODY`] bytes either way.
///
/// # Errors
/// [`Code::BodyTooLarge`] or [`Code::InvalidEncoding`].
pub(super) fn inflated(request: &HttpRequest, body: Bytes) -> Result<Bytes, Problem> {
    let encoding = request.headers().get(CONTENT_ENCODING);
    match encoding.and_then(|encoding| encoding.to_str().ok()) {
        None | Some("identity" | "") => Ok(body),
        Some("gzip") => {
            let mut inflated = Vec::new();
            let limit = MAX_BODY as u64 + 1;
            let read = MultiGzDecoder::new(&body[..])
                .take(limit)
                .read_to_end(&mut inflated);
            read.map_err(|error| {
                let detail = format!("The gzip stream is damaged: {error}.");
                Problem::new(Code::InvalidEncoding, detail)
            })?;
            if inflated.len() > MAX_BODY {
                let detail = format!("An unpacked body may have at most {MAX_BODY} bytes.");
                return Err(Problem::new(Code::BodyTooLarge, detail));
            }
            Ok(inflated.into())
        }
        Some(other) => {
            let detail = format!("{other} is not supported: send gzip.");
            Err(Problem::new(Code::InvalidEncoding, detail))
        }
    }
}

/// Reads a JSON object, borrowing from the body. The path of a mistake is only looked for when there is one.
///
/// # Errors
/// [`Code::InvalidBody`] with the path.
pub(super) fn json<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Problem> {
    // A list of its members in their order would be taken for it.
    if body.trim_ascii_start().starts_with(b"[") {
        return Err(Problem::new(
            Code::InvalidBody,
            "must be an object, not a list",
        ));
    }
    any(body)
}

/// Reads a JSON list, borrowing from the body.
///
/// # Errors
/// As [`json`].
pub(super) fn list(body: &[u8]) -> Result<Vec<&RawValue>, Problem> {
    any(body)
}

fn any<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|_| {
        let mut reader = serde_json::Deserializer::from_slice(body);
        match serde_path_to_error::deserialize::<_, T>(&mut reader) {
            Err(error) => {
                let path = error.path().to_string();
                let detail = error.inner().to_string();
                if path == "." || path == "?" {
                    Problem::new(Code::InvalidBody, detail)
                } else {
                    Problem {
                        detail: format!("{path}: {detail}"),
                        ..Problem::at(Code::InvalidBody, path, detail)
                    }
                }
            }
            Ok(_) => Problem::new(Code::InvalidBody, "something follows the JSON value"),
        }
    })
}
