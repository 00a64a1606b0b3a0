//! `POST /api/v1/import`: history as NDJSON (gzip welcome), of any size in bounded memory.
//!
//! Rows are folded while they arrive, at the pace at which they become durable. Rows may come in any order and any
//! number of times: assignments are decided by their own time, events by their id, and a row without an id is named by
//! its hash and its occurrence number in the file, so that the same file again changes nothing.

mod weights;

use std::collections::HashMap;
use std::io::Write;
use std::time::Duration;

use actix_web::http::header::CONTENT_ENCODING;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use flate2::write::MultiGzDecoder;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use xxhash_rust::xxh3::xxh3_128;

use super::Server;
use super::body::{self, Body};
use super::debugger::reject;
use super::decide::{dimension_values, durable};
use super::error::{Code, Problem};
use super::incoming::{self, Counts, Received, Rejection};
use crate::catalog::Catalog;
use crate::catalog::audience::Attributes;
use crate::engine::{Engine, Refused};
use crate::event::{Aliased, Event, Imported};
use crate::id::{EventId, ExperimentKey, VariantKey, VisitorId};
use crate::source::Source;

/// Longest row, in bytes.
const MAX_ROW: usize = 256 << 10;
/// Most distinct rows without an id that are told apart in one import (about 100 MB of memory).
const MAX_ANONYMOUS: usize = 2 << 20;
/// Most rejections that are listed; all are counted.
const MAX_LISTED: usize = 100;
/// Compressed bytes that are unpacked at once; they become at most a thousand times as many.
const PIECE: usize = 8 << 10;
/// Rows handed to the writer at once.
const CHUNK: usize = 256;

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow, rename = "type")]
    kind: std::borrow::Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireAssignment<'a> {
    #[serde(rename = "type")]
    _type: &'a str,
    visitor: VisitorId,
    experiment: ExperimentKey,
    variant: VariantKey,
    #[serde(borrow)]
    timestamp: &'a serde_json::value::RawValue,
    epoch: Option<u64>,
    allocation: Option<HashMap<String, f64>>,
    #[serde(default)]
    attributes: Attributes,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireAlias<'a> {
    #[serde(rename = "type")]
    _type: &'a str,
    visitor: VisitorId,
    to: VisitorId,
}

/// Imports rows while they arrive.
pub(super) async fn import(
    server: Data<Server>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let encoding = request
        .headers()
        .get(CONTENT_ENCODING)
        .and_then(|value| value.to_str().ok());
    let mut rows = match encoding {
        None | Some("identity") => Rows::Plain(Vec::new()),
        Some("gzip") => Rows::Gzip(Box::new(MultiGzDecoder::new(Vec::new()))),
        Some(other) => {
            return Err(Problem::new(
                Code::InvalidEncoding,
                format!("{other} is not supported: send gzip."),
            ));
        }
    };
    let mut importing = Importing::new(&server.engine);
    let received = receive(&mut rows, body, &mut importing).await;
    // What came before a broken end is kept.
    importing.flush().await?;
    received?;
    Ok(HttpResponse::Accepted().json(importing.answer()))
}

/// Takes rows from the body while it arrives.
async fn receive(
    rows: &mut Rows,
    mut body: Body,
    importing: &mut Importing<'_>,
) -> Result<(), Problem> {
    let kept = |problem: Problem| {
        let detail = format!("{} Rows before it are kept.", problem.detail);
        Problem { detail, ..problem }
    };
    while let Some(chunk) = body.next().await.map_err(kept)? {
        for piece in chunk.chunks(PIECE) {
            let fed = rows.feed(piece);
            importing.block(&rows.complete()).await?;
            fed?;
            rows.bounded()?;
        }
    }
    let finished = rows.finish();
    importing.block(&rows.complete()).await?;
    finished?;
    importing.block(&std::mem::take(rows.buffer())).await
}

/// Bytes that have arrived and are not yet rows.
enum Rows {
    Plain(Vec<u8>),
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
}

impl Rows {
    fn buffer(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Plain(buffer) => buffer,
            Self::Gzip(decoder) => decoder.get_mut(),
        }
    }

    fn feed(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        match self {
            Self::Plain(buffer) => buffer.extend_from_slice(bytes),
            Self::Gzip(decoder) => decoder.write_all(bytes).map_err(|error| damaged(&error))?,
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Problem> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Gzip(decoder) => decoder.try_finish().map_err(|error| damaged(&error)),
        }
    }

    /// The complete rows that have arrived, line breaks included. They are taken out at once: row by row would move
    /// the rest of the buffer each time.
    fn complete(&mut self) -> Vec<u8> {
        let buffer = self.buffer();
        let end = buffer.iter().rposition(|byte| *byte == b'\n');
        let rest = buffer.split_off(end.map_or(0, |end| end + 1));
        std::mem::replace(buffer, rest)
    }

    /// Refuses a row that goes on for too long.
    fn bounded(&mut self) -> Result<(), Problem> {
        if self.buffer().len() > MAX_ROW {
            return Err(too_long());
        }
        Ok(())
    }
}

fn too_long() -> Problem {
    Problem::new(
        Code::BodyTooLarge,
        format!("A row may have at most {MAX_ROW} bytes. Rows before it are kept."),
    )
}

fn damaged(error: &std::io::Error) -> Problem {
    Problem::new(
        Code::InvalidEncoding,
        format!("The gzip stream is damaged: {error}. Rows before it are kept."),
    )
}

struct Importing<'a> {
    engine: &'a Engine,
    events: Vec<Event>,
    /// The place of each of them in the file.
    places: Vec<usize>,
    counts: Counts,
    rejected: usize,
    index: usize,
    /// How often each row without an id was seen.
    occurrences: HashMap<u128, u32>,
}

impl<'a> Importing<'a> {
    fn new(engine: &'a Engine) -> Self {
        let counts = Counts::default();
        Self {
            engine,
            events: Vec::new(),
            places: Vec::new(),
            counts,
            rejected: 0,
            index: 0,
            occurrences: HashMap::new(),
        }
    }

    /// Takes rows that are separated by line breaks.
    async fn block(&mut self, block: &[u8]) -> Result<(), Problem> {
        for row in block.split(|byte| *byte == b'\n') {
            if row.len() > MAX_ROW {
                return Err(too_long());
            }
            self.row(row).await?;
        }
        Ok(())
    }

    async fn row(&mut self, row: &[u8]) -> Result<(), Problem> {
        let row = row.trim_ascii();
        if row.is_empty() {
            return Ok(());
        }
        match self.read(row) {
            Ok(event) => {
                self.events.push(event);
                self.places.push(self.index);
            }
            Err(problem) => {
                let text = String::from_utf8_lossy(row);
                reject(self.engine, Source::Import, &text, &problem);
                self.reject(Rejection::of(self.index, problem));
            }
        }
        self.index += 1;
        if self.events.len() >= CHUNK {
            self.flush().await
        } else {
            Ok(())
        }
    }

    fn reject(&mut self, rejection: Rejection) {
        self.rejected += 1;
        if self.counts.rejected.len() < MAX_LISTED {
            self.counts.rejected.push(rejection);
        }
    }

    fn read(&mut self, row: &[u8]) -> Result<Event, Problem> {
        let text = std::str::from_utf8(row)
            .map_err(|error| Problem::new(Code::InvalidBody, error.to_string()))?;
        let kind: Kind<'_> = body::json(row)?;
        let catalog = std::sync::Arc::clone(&self.engine.snapshot().catalog);
        let received = Received {
            source: Source::Import,
            now: self.engine.clock().now(),
            sent_at: None,
        };
        match kind.kind.as_ref() {
            "assignment" => assignment(text, &catalog, received).map(Event::Imported),
            "event" => {
                let name = || self.name(row);
                incoming::event(text, &catalog, received, name).map(Event::Tracked)
            }
            "alias" => {
                let wire: WireAlias<'_> = body::json(row)?;
                let (visitor, to) = (wire.visitor, wire.to);
                Ok(Event::Aliased(Aliased { visitor, to }))
            }
            other => Err(Problem::at(
                Code::InvalidField,
                "type",
                format!("is {other:?}: it is assignment, event or alias"),
            )),
        }
    }

    /// The id of a row without one: its hash and its occurrence number. `None` past what can be told apart.
    fn name(&mut self, row: &[u8]) -> Option<EventId> {
        let hash = xxh3_128(row);
        if self.occurrences.len() >= MAX_ANONYMOUS && !self.occurrences.contains_key(&hash) {
            return None;
        }
        let seen = self.occurrences.entry(hash).or_insert(0);
        *seen += 1;
        EventId::parse(&format!("row-{hash:032x}-{seen}")).ok()
    }

    /// Waits until the rows so far are durable; that is what keeps memory bounded.
    async fn flush(&mut self) -> Result<(), Problem> {
        if self.events.is_empty() {
            return Ok(());
        }
        let events = std::mem::take(&mut self.events);
        let outcomes = loop {
            match self.engine.record(events.clone()) {
                Err(Refused::Overloaded) => tokio::time::sleep(Duration::from_millis(10)).await,
                other @ (Ok(_) | Err(Refused::Stopped)) => break durable(other).await?,
            }
        };
        let places = std::mem::take(&mut self.places);
        self.counts.count(&places, &outcomes);
        for rejection in incoming::refused(&places, &outcomes) {
            self.reject(rejection);
        }
        Ok(())
    }

    fn answer(&self) -> Answer<'_> {
        Answer {
            accepted: self.counts.accepted,
            duplicates: self.counts.duplicates,
            no_consent: self.counts.no_consent,
            rejected: &self.counts.rejected,
            rejected_count: self.rejected,
        }
    }
}

/// What became of an import's rows.
#[derive(Serialize, ToSchema)]
#[schema(as = ImportCounts)]
pub(super) struct Answer<'a> {
    /// Durable now.
    accepted: usize,
    /// Known already.
    duplicates: usize,
    /// Of visitors who do not allow it: nothing was kept.
    #[serde(skip_serializing_if = "incoming::is_none")]
    no_consent: usize,
    /// The first 100 that were refused, with reasons.
    rejected: &'a [Rejection],
    /// All that were refused.
    rejected_count: usize,
}

/// Reads an assignment row.
fn assignment(text: &str, catalog: &Catalog, received: Received) -> Result<Imported, Problem> {
    let wire: WireAssignment<'_> = body::json(text.as_bytes())?;
    let unknown =
        |code, path: &str, what: String| Problem::at(code, path, format!("is unknown: {what}"));
    let entry = catalog
        .get(wire.experiment.as_str())
        .filter(|entry| !entry.lifecycle.archived);
    let entry = entry.ok_or_else(|| {
        unknown(
            Code::UnknownExperiment,
            "experiment",
            wire.experiment.to_string(),
        )
    })?;
    let arm_of = |key: &str| entry.experiment.arm(key);
    let arm = arm_of(wire.variant.as_str());
    let arm =
        arm.ok_or_else(|| unknown(Code::UnknownVariant, "variant", wire.variant.to_string()))?;
    let at = incoming::timestamp(wire.timestamp, "timestamp")?.received_at(received.now);
    let at =
        at.map_err(|error| Problem::at(Code::TimestampOutOfRange, "timestamp", error.to_string()))?;
    let allocation = wire
        .allocation
        .map(|weights| weights::allocation(&weights, arm, arm_of))
        .transpose()?;
    Ok(Imported {
        visitor: wire.visitor,
        arm,
        allocation,
        label: wire.epoch,
        at,
        dimensions: dimension_values(entry, &wire.attributes),
        experiment: wire.experiment,
    })
}
