//! What targets are told: messages, as they follow from frames of the log and from verdicts.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::verdicts::Known;
use crate::catalog::{Entry, Trip};
use crate::engine::Snapshot;
use crate::epoch::Epoch;
use crate::event::{Event, Transition, Transitioned};
use crate::log::Frame;
use crate::report::Verdict;
use crate::time::Timestamp;

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = WebhookType)]
pub enum Kind {
    /// An epoch was opened.
    #[serde(rename = "epoch.opened")]
    Opened,
    /// A guardrail tripped.
    #[serde(rename = "guardrail.tripped")]
    Tripped,
    /// An experiment was defined, started, paused, concluded or archived.
    #[serde(rename = "experiment.changed")]
    Changed,
    /// The verdict on an experiment is another.
    #[serde(rename = "verdict.changed")]
    Verdict,
}

/// A message; its JSON is the body that is posted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = Webhook)]
pub struct Message {
    /// The same each time it is sent, and of no other message.
    pub id: String,
    /// What it is about.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// When it happened.
    pub created_at: Timestamp,
    /// What happened.
    #[schema(value_type = Object)]
    pub data: Value,
}

/// What a frame has to tell; `None` while readers do not know the frame yet.
pub(super) fn of_frame(frame: &Frame, snapshot: &Snapshot) -> Option<Vec<Message>> {
    let mut messages = Vec::new();
    for (at, event) in frame.events.iter().enumerate() {
        let Some(key) = subject(event) else { continue };
        let entry = snapshot.catalog.get(&key);
        let entry = entry.filter(|entry| shows(entry, event))?;
        let Some((kind, data)) = told(event, entry) else {
            continue;
        };
        // With the time: after a restored backup the log may go on otherwise under the same sequence.
        let (sequence, received) = (frame.sequence, frame.received.millis());
        let place = format!("{key} {sequence} {received} {at}");
        messages.push(Message {
            id: id(snapshot.seed, &place),
            kind,
            created_at: frame.received,
            data,
        });
    }
    Some(messages)
}

/// That a verdict is another than the one known.
pub(super) fn of_verdict(
    entry: &Entry,
    (before, after): (&Known, &Verdict),
    snapshot: &Snapshot,
    now: Timestamp,
) -> Message {
    let key = &entry.experiment.key;
    let known = Known::of(after);
    let place = format!("{key} {before:?} {known:?} {}", now.millis());
    Message {
        id: id(snapshot.seed, &place),
        kind: Kind::Verdict,
        created_at: now,
        data: json!({
            "experiment": key,
            "before": before,
            "after": known,
            "headline": after.headline,
            "at": now,
        }),
    }
}

/// An id that only this place of this log gives; the log's seed stays secret.
fn id(seed: u64, place: &str) -> String {
    let digest = Sha256::digest(format!("upswing webhook {seed} {place}"));
    let short = digest.get(..18).unwrap_or_default();
    format!("msg_{}", BASE64_URL_SAFE_NO_PAD.encode(short))
}

/// The experiment that an event changes; `None` where nobody is told.
fn subject(event: &Event) -> Option<String> {
    let key = match event {
        Event::Defined(defined) => {
            let definition: Value = serde_json::from_str(&defined.definition).ok()?;
            definition["key"].as_str().map(str::to_owned)?
        }
        Event::Transitioned(transitioned) => transitioned.experiment.to_string(),
        Event::Opened { experiment, .. } | Event::Tripped { experiment, .. } => {
            experiment.to_string()
        }
        Event::Founded(_)
        | Event::Assigned(_)
        | Event::Imported(_)
        | Event::Tracked(_)
        | Event::Aliased(_)
        | Event::Asked(_)
        | Event::KeyCreated(_)
        | Event::KeyRevoked { .. } => return None,
    };
    // The global holdout is a setting, not an experiment.
    (key != crate::catalog::GLOBAL_HOLDOUT).then_some(key)
}

/// Whether an entry is as new as an event.
fn shows(entry: &Entry, event: &Event) -> bool {
    match event {
        Event::Opened { epoch, .. } => entry.epochs.get(epoch.number).is_some(),
        Event::Tripped { trip, .. } => entry.lifecycle.trips.iter().any(|of| of.at == trip.at),
        Event::Founded(_)
        | Event::Defined(_)
        | Event::Transitioned(_)
        | Event::Assigned(_)
        | Event::Imported(_)
        | Event::Tracked(_)
        | Event::Aliased(_)
        | Event::Asked(_)
        | Event::KeyCreated(_)
        | Event::KeyRevoked { .. } => true,
    }
}

/// What is told of an event.
fn told(event: &Event, entry: &Entry) -> Option<(Kind, Value)> {
    match event {
        Event::Defined(defined) => {
            let data = changed(entry, "defined", defined.at);
            Some((Kind::Changed, data))
        }
        Event::Transitioned(done) => Some((Kind::Changed, transitioned(entry, done))),
        Event::Opened { epoch, .. } => Some((Kind::Opened, opened(entry, epoch))),
        Event::Tripped { trip, .. } => Some((Kind::Tripped, tripped(entry, trip))),
        Event::Founded(_)
        | Event::Assigned(_)
        | Event::Imported(_)
        | Event::Tracked(_)
        | Event::Aliased(_)
        | Event::Asked(_)
        | Event::KeyCreated(_)
        | Event::KeyRevoked { .. } => None,
    }
}

fn changed(entry: &Entry, change: &str, at: Timestamp) -> Value {
    json!({ "experiment": entry.experiment.key, "change": change, "at": at })
}

fn transitioned(entry: &Entry, done: &Transitioned) -> Value {
    match &done.transition {
        Transition::Start => changed(entry, "started", done.at),
        Transition::Pause => changed(entry, "paused", done.at),
        Transition::Archive => changed(entry, "archived", done.at),
        Transition::Conclude(conclusion) => {
            let winner = conclusion.winner;
            let mut data = changed(entry, "concluded", done.at);
            data["winner"] = json!(winner.and_then(|arm| entry.experiment.label(arm)));
            data["scope"] = json!(conclusion.scope);
            data["reason"] = json!(conclusion.reason);
            data
        }
    }
}

fn opened(entry: &Entry, epoch: &Epoch) -> Value {
    let weights = epoch.allocation.iter();
    let weights: Map<String, Value> = weights
        .filter_map(|(arm, weight)| Some((entry.experiment.label(arm)?, json!(weight))))
        .collect();
    json!({
        "experiment": entry.experiment.key,
        "epoch": epoch.number,
        "cause": epoch.cause,
        "weights": weights,
        "receipt": epoch.receipt.sentence,
        "at": epoch.opened_at,
    })
}

fn tripped(entry: &Entry, trip: &Trip) -> Value {
    json!({
        "experiment": entry.experiment.key,
        "metric": trip.metric,
        "variant": entry.experiment.label(trip.arm),
        "harm": trip.harm,
        "low": trip.low,
        "action": trip.action,
        "receipt": trip.receipt,
        "at": trip.at,
    })
}
