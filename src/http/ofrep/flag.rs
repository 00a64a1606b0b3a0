//! An evaluated flag as JSON, written by hand: values are text already and are copied through.

use std::borrow::Cow;

use super::super::answer::json;
use crate::assign::decision::{Decision, Reason};
use crate::catalog::Entry;
use crate::catalog::experiment::{Experiment, Variant};
use crate::id::VisitorId;

/// Writes the flags of a bulk answer.
pub(super) fn list<T>(
    out: &mut Vec<u8>,
    flags: impl Iterator<Item = T>,
    write: impl Fn(&mut Vec<u8>, T),
) {
    out.extend_from_slice(b"{\"flags\":[");
    for (at, flag) in flags.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(out, flag);
    }
    out.extend_from_slice(EVENT_STREAMS);
}

/// Where a client hears of changes.
const EVENT_STREAMS: &[u8] =
    br#"],"eventStreams":[{"type":"sse","endpoint":{"requestUri":"/ofrep/v1/stream"}}]}"#;

/// Writes a flag; where it is evaluated alone for a visitor, with what names the decision.
pub(super) fn write(
    out: &mut Vec<u8>,
    entry: &Entry,
    decision: &Decision,
    alone: Option<&VisitorId>,
) {
    let experiment = &entry.experiment;
    let variant = experiment.variant(decision.arm);
    let key = variant.map_or("", |variant| variant.key.as_str());
    out.extend_from_slice(b"{\"key\":");
    json(out, &experiment.key.as_str());
    out.extend_from_slice(b",\"reason\":\"");
    out.extend_from_slice(reason(experiment, decision.reason).as_bytes());
    out.extend_from_slice(b"\",\"variant\":");
    json(out, &key);
    out.extend_from_slice(b",\"value\":");
    match variant {
        Some(variant) => out.extend_from_slice(value(experiment, variant).as_bytes()),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"metadata\":{\"experimentId\":");
    json(out, &experiment.key.as_str());
    out.extend_from_slice(b",\"variantId\":");
    json(out, &key);
    out.extend_from_slice(b",\"version\":");
    json(out, &experiment.version);
    if let (Some(visitor), Some(propensity), Some(epoch)) =
        (alone, decision.propensity, decision.epoch)
    {
        out.extend_from_slice(b",\"propensity\":");
        json(out, &propensity);
        out.extend_from_slice(b",\"decisionId\":");
        json(out, &format!("{}/{}/{visitor}", experiment.key, epoch.0));
    }
    out.extend_from_slice(b"}}");
}

/// Why, in the words that every client knows.
fn reason(experiment: &Experiment, reason: Reason) -> &'static str {
    let is_alone = experiment.live().nth(1).is_none();
    match reason {
        Reason::Sticky | Reason::Reassigned | Reason::Holdout | Reason::Split | Reason::Bandit
            if !is_alone =>
        {
            "SPLIT"
        }
        Reason::Sticky
        | Reason::Reassigned
        | Reason::Holdout
        | Reason::Split
        | Reason::Bandit
        | Reason::Forced
        | Reason::Concluded => "STATIC",
        Reason::Audience => "TARGETING_MATCH",
        Reason::Inactive => "DISABLED",
        Reason::Bot
        | Reason::NoSession
        | Reason::GlobalHoldout
        | Reason::Layer
        | Reason::Traffic => "UNKNOWN",
    }
}

/// A flag's value as JSON: the variant's value, else its payload, and where no variant has any the variant's key.
fn value<'v>(experiment: &Experiment, variant: &'v Variant) -> Cow<'v, str> {
    if let Some(value) = &variant.value {
        return Cow::Borrowed(value);
    }
    if &*variant.payload != "null" {
        return Cow::Borrowed(&variant.payload);
    }
    let has_payload = |(_, other): (_, &Variant)| &*other.payload != "null";
    if experiment.live().any(has_payload) {
        return Cow::Borrowed("{}");
    }
    let mut key = Vec::new();
    json(&mut key, &variant.key.as_str());
    String::from_utf8(key).map_or(Cow::Borrowed("\"\""), Cow::Owned)
}
