//! The answer to one visitor as JSON, written by hand: payloads are text already and are copied through.

use super::decide::Answer;
use crate::assign::decision::Reason;
use crate::id::VisitorId;

/// Writes the answers of one visitor.
pub(super) fn write(out: &mut Vec<u8>, visitor: &VisitorId, answers: &[Answer<'_>]) {
    out.extend_from_slice(b"{\"visitor\":");
    text(out, visitor.as_str());
    out.extend_from_slice(b",\"assignments\":[");
    for (i, answer) in answers.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write_answer(out, answer);
    }
    out.extend_from_slice(b"]}");
}

fn write_answer(out: &mut Vec<u8>, answer: &Answer<'_>) {
    out.extend_from_slice(b"{\"experiment\":");
    text(out, &answer.key);
    let Some((entry, decision)) = &answer.decided else {
        out.extend_from_slice(b",\"variant\":null,\"payload\":null,\"reason\":\"not_found\",\"epoch\":null,\"propensity\":null,\"holdout\":false,\"sticky\":false}");
        return;
    };
    let variant = entry.experiment.variant(decision.arm);
    out.extend_from_slice(b",\"variant\":");
    text(out, variant.map_or("", |variant| variant.key.as_str()));
    if let Some(value) = variant.and_then(|variant| variant.value.as_ref()) {
        out.extend_from_slice(b",\"value\":");
        out.extend_from_slice(value.as_bytes());
    }
    out.extend_from_slice(b",\"payload\":");
    out.extend_from_slice(
        variant
            .map_or("null", |variant| &variant.payload)
            .as_bytes(),
    );
    out.extend_from_slice(b",\"reason\":");
    json(out, &decision.reason);
    out.extend_from_slice(b",\"epoch\":");
    json(out, &decision.epoch);
    out.extend_from_slice(b",\"propensity\":");
    json(out, &decision.propensity);
    out.extend_from_slice(if decision.holdout {
        b",\"holdout\":true"
    } else {
        b",\"holdout\":false"
    });
    out.extend_from_slice(if decision.reason == Reason::Sticky {
        b",\"sticky\":true}"
    } else {
        b",\"sticky\":false}"
    });
}

fn text(out: &mut Vec<u8>, text: &str) {
    json(out, &text);
}

/// Writes a value as JSON.
pub(super) fn json<T: serde::Serialize>(out: &mut Vec<u8>, value: &T) {
    // Writing plain values into memory does not fail.
    drop(serde_json::to_writer(out, value));
}
