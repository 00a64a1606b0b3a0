//! What targets are told: messages, as they follow from frames of the log and from verdicts.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::verdicts::Known;
use crate::catalog::told::Told;
use crate::catalog::{Entry, Trip};
use crate::engine::Snapshot;
use crate::epoch::Epoch;
use crate::event::{Defined, Event, Learned, Transitioned};
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
    /// An experiment was defined, started, paused, concluded or archived, or what was learned from it was written down.
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
        let Some((key, news)) = news(event) else {
            continue;
        };
        let entry = snapshot.catalog.get(&key);
        let entry = entry.filter(|entry| news.is_known_to(entry))?;
        let (kind, data) = news.told(entry);
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

/// What an event has to tell about an experiment.
enum News<'e> {
    Defined(&'e Defined),
    Transitioned(&'e Transitioned),
    Opened(&'e Epoch),
    Tripped(&'e Trip),
    Learned(&'e Learned),
}

/// The experiment that an event changes, and what is told; `None` where nobody is told.
fn news(event: &Event) -> Option<(String, News<'_>)> {
    let (key, news) = match event {
        Event::Defined(defined) => {
            let definition: Value = serde_json::from_str(&defined.definition).ok()?;
            let key = definition["key"].as_str()?.to_owned();
            (key, News::Defined(defined))
        }
        Event::Transitioned(done) => (done.experiment.to_string(), News::Transitioned(done)),
        Event::Opened { experiment, epoch } => (experiment.to_string(), News::Opened(epoch)),
        Event::Tripped { experiment, trip } => (experiment.to_string(), News::Tripped(trip)),
        Event::Learned(learned) => (learned.experiment.to_string(), News::Learned(learned)),
        Event::Founded(_)
        | Event::Assigned(_)
        | Event::Imported(_)
        | Event::Tracked(_)
        | Event::Aliased(_)
        | Event::Profiled(_)
        | Event::Consented(_)
        | Event::Erased(_)
        | Event::Asked(_)
        | Event::KeyCreated(_)
        | Event::KeyRevoked { .. } => return None,
    };
    // The global holdout is a setting, not an experiment.
    (key != crate::catalog::GLOBAL_HOLDOUT).then_some((key, news))
}

impl News<'_> {
    /// Whether an entry is as new.
    fn is_known_to(&self, entry: &Entry) -> bool {
        match self {
            Self::Opened(epoch) => entry.epochs.get(epoch.number).is_some(),
            Self::Tripped(trip) => entry.lifecycle.trips.iter().any(|of| of.at == trip.at),
            Self::Defined(_) | Self::Transitioned(_) | Self::Learned(_) => true,
        }
    }

    /// In the words of a message.
    fn told(&self, entry: &Entry) -> (Kind, Value) {
        match self {
            Self::Defined(defined) => {
                let key = &entry.experiment.key;
                let told = json!({ "experiment": key, "change": "defined", "at": defined.at });
                (Kind::Changed, told)
            }
            Self::Transitioned(done) => {
                let what = entry.transitioned(&done.transition);
                (Kind::Changed, json!(entry.happening(what, done.at)))
            }
            Self::Learned(learned) => {
                let takeaway = &learned.takeaway;
                let what = Told::Learned { takeaway };
                (Kind::Changed, json!(entry.happening(what, learned.at)))
            }
            Self::Opened(epoch) => {
                let what = entry.opened(epoch);
                (Kind::Opened, json!(entry.happening(what, epoch.opened_at)))
            }
            Self::Tripped(trip) => {
                let what = entry.tripped(trip);
                (Kind::Tripped, json!(entry.happening(what, trip.at)))
            }
        }
    }
}
