//! Bodies: bytes in, values out, and for what can not be read the path of the mistake.

use std::io::Read;

use actix_web::HttpRequest;
use actix_web::http::header::CONTENT_ENCODING;
use actix_web::web::Bytes;
use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::{Code, Problem};

/// Largest body, in bytes.
pub(super) const MAX_BODY: usize = 512 << 10;
/// Most items of a batch.
pub(super) const MAX_BATCH: usize = 1_000;

/// A body as actix hands it over.
pub(super) type Body = Result<Bytes, actix_web::Error>;

/// The bytes of a body.
///
/// # Errors
/// [`Code::BodyTooLarge`], or [`Code::InvalidBody`] for a broken transfer.
pub(super) fn bytes(body: Body) -> Result<Bytes, Problem> {
    body.map_err(|error| {
        if error.as_response_error().status_code() == actix_web::http::StatusCode::PAYLOAD_TOO_LARGE
        {
            Problem::new(
                Code::BodyTooLarge,
                format!("A body may have at most {MAX_BODY} bytes."),
            )
        } else {
            Problem::new(
                Code::InvalidBody,
                format!("The body could not be received: {error}."),
            )
        }
    })
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
