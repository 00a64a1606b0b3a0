//! Experiments: definitions, lifecycle, traffic.

use serde_json::{Value, json};

use super::super::allocation::{Current, Epochs, From, Proposed};
use super::super::error::Code;
use super::super::experiments::{
    Conclusion, Learned, List, PutOptions, ReallocateOptions, Revert, Shown,
};
use super::super::history::Changes;
use super::Operation;
use crate::catalog::spec::Spec;

const TAG: &str = "experiments";

pub(super) fn definition() -> Value {
    json!({
        "key": "cart-nudge",
        "status": "running",
        "variants": [
            { "key": "none", "payload": { "text": "" } },
            { "key": "free-shipping", "payload": { "text": "Free shipping today" } },
        ],
        "allocation": { "policy": "thompson", "metric": "purchase" },
        "metrics": [{
            "key": "purchase", "event": "Order Completed", "kind": "conversion", "role": "goal", "window": "14d",
        }],
    })
}

fn shown() -> Value {
    let mut shown = definition();
    shown["holdout"] = json!(0.0);
    shown["version"] = json!(1);
    shown["since"] = json!("2026-03-01T00:00:00.000Z");
    shown["started_at"] = json!("2026-03-01T00:00:00.000Z");
    shown["archived"] = json!(false);
    shown["source"] = json!("api");
    shown["epoch"] = json!(1);
    shown
}

pub(super) fn of_one(id: &'static str, tag: &'static str, summary: &'static str) -> Operation {
    Operation::new(id, tag, summary)
        .path::<String>("key", "The key of an experiment.", "cart-nudge")
        .refuses(&[Code::UnknownExperiment])
}

/// A change of an experiment, which is then answered.
fn change(id: &'static str, summary: &'static str) -> Operation {
    of_one(id, TAG, summary).writes()
}

fn answered(operation: Operation) -> Operation {
    operation
        .answers::<Shown<'_>>(200, "The experiment as it is then.", shown())
        .with("ETag", "The version, for `If-Match`.")
}

pub(in crate::http) fn list() -> Operation {
    Operation::new(
        "listExperiments",
        TAG,
        "All experiments that are not archived.",
    )
    .answers::<List<'_>>(
        200,
        "In order of their keys.",
        json!({ "experiments": [shown()] }),
    )
}

pub(in crate::http) fn get() -> Operation {
    answered(of_one(
        "getExperiment",
        TAG,
        "Definition, status and version.",
    ))
}

pub(in crate::http) fn put() -> Operation {
    answered(
        change(
            "putExperiment",
            "Defines an experiment, or a new version of it.",
        )
        .query::<PutOptions>()
        .parameter(json!({
            "name": "If-Match", "in": "header",
            "description": "The `ETag` of the version that is to be replaced.",
            "schema": { "type": "string", "pattern": r#"^("[0-9]{1,9}"|\*)$"# },
        }))
        .takes::<Spec>(definition()),
    )
    .refuses(&[
        Code::InvalidField,
        Code::InvalidQuery,
        Code::InvalidDefinition,
        Code::OwnedByFile,
        Code::MetricsWithData,
        Code::IllegalTransition,
        Code::VersionConflict,
    ])
}

pub(in crate::http) fn archive() -> Operation {
    answered(change(
        "archiveExperiment",
        "Puts an experiment away; its key is not used again.",
    ))
    .refuses(&[Code::OwnedByFile, Code::IllegalTransition])
}

pub(in crate::http) fn start() -> Operation {
    answered(change("startExperiment", "Starts or resumes.")).refuses(&[Code::IllegalTransition])
}

pub(in crate::http) fn pause() -> Operation {
    answered(change(
        "pauseExperiment",
        "Pauses: who comes new gets the control.",
    ))
    .refuses(&[Code::IllegalTransition])
}

pub(in crate::http) fn conclude() -> Operation {
    answered(
        change("concludeExperiment", "Ends it with a winner.")
            .takes::<Conclusion>(json!({
                "winner": "free-shipping", "scope": "everyone",
                "takeaway": "A saving beats a deadline in the cart.",
            }))
            .optional(),
    )
    .refuses(&[Code::UnknownVariant, Code::IllegalTransition])
}

pub(in crate::http) fn learn() -> Operation {
    let takeaway = "A saving beats a deadline in the cart.";
    let mut after = shown();
    after["takeaway"] = json!(takeaway);
    change(
        "putTakeaway",
        "Writes down what was learned from an experiment.",
    )
    .about("Of any experiment at any time: defined by a file, running or archived.")
    .takes::<Learned>(json!({ "text": takeaway }))
    .answers::<Shown<'_>>(200, "The experiment as it is then.", after)
    .with("ETag", "The version, for `If-Match`.")
}

pub(in crate::http) fn reallocate() -> Operation {
    change("reallocateExperiment", "Asks the policy now.")
        .query::<ReallocateOptions>()
        .answers_either::<Shown<'_>, Proposed<'_>>(
            "The experiment as it is then; of a dry run the epoch that would open.",
            shown(),
        )
        .refuses(&[Code::InvalidQuery, Code::IllegalTransition])
}

pub(in crate::http) fn revert() -> Operation {
    answered(
        change(
            "revertExperiment",
            "Brings back the weights of an earlier epoch.",
        )
        .takes::<Revert>(json!({ "epoch": 1 })),
    )
    .refuses(&[
        Code::UnknownEpoch,
        Code::Irreversible,
        Code::IllegalTransition,
    ])
}

pub(in crate::http) fn allocation() -> Operation {
    of_one("getAllocation", TAG, "The weights in force, for edges that assign by themselves.")
        .header("If-None-Match", "The `ETag` of an earlier answer.")
        .answers::<Current<'_>>(
            200,
            "The allocation.",
            json!({
                "epoch": 3, "weights": { "none": 0.38, "free-shipping": 0.62 }, "contexts": {}, "coefficients": {},
                "opened_at": "2026-03-01T12:00:00.000Z", "receipt": "free-shipping is best with 81 %.",
            }),
        )
        .with("ETag", "Changes with the epoch; absent before the start.")
        .answers_nothing(304, "The same as the `ETag` names.")
        .with("ETag", "The same.")
}

pub(in crate::http) fn epochs() -> Operation {
    of_one("listEpochs", TAG, "All allocations so far, with what they rest on.")
        .query::<From>()
        .answers::<Epochs<'_>>(
            200,
            "Oldest first.",
            json!({ "epochs": [{
                "epoch": 1, "era": 1, "weights": { "none": 0.5, "free-shipping": 0.5 }, "contexts": {},
                "coefficients": {}, "holdout": 0.0, "opened_at": "2026-03-01T00:00:00.000Z", "cause": "started",
                "receipt": "Started.", "beliefs": {}, "plug_ins": [], "caps": {},
            }] }),
        )
        .refuses(&[Code::InvalidQuery])
}

pub(in crate::http) fn history() -> Operation {
    let (at, later) = ("2026-03-01T00:00:00.000Z", "2026-03-15T09:30:00.000Z");
    of_one("getHistory", TAG, "Every change of an experiment: what, who by the name of the key, and when.")
        .about(
            "Epochs that open by themselves are under `/epochs`. Of very many changes the first 50 and the last 450 are kept.",
        )
        .answers::<Changes<'_>>(
            200,
            "Newest first.",
            json!({ "dropped": 0, "changes": [
                {
                    "number": 2, "at": later,
                    "by": { "kind": "key", "id": "00c0ffee00c0ffee", "name": "anna", "revoked": false },
                    "what": { "change": "concluded", "winner": "free-shipping", "scope": "everyone", "reason": null },
                },
                {
                    "number": 1, "at": at, "by": { "kind": "file", "file": "experiments/cart-nudge.toml" },
                    "what": {
                        "change": "defined", "version": 1, "cosmetic": false,
                        "source": { "file": "experiments/cart-nudge.toml" }, "status": "running", "fields": [],
                    },
                },
            ] }),
        )
}

pub(in crate::http) fn happenings() -> Operation {
    let example =
        "retry: 2000\n\nevent: epoch\ndata: {\"experiment\":\"cart-nudge\",\"epoch\":3}\n\n";
    Operation::new("streamHappenings", TAG, "What happens to experiments.")
        .about("Events: `experiment` (changed), `epoch` (opened), `guardrail` (tripped), and `missed` for who was too slow.")
        .answers_text(&["text/event-stream"], "Server-sent events, until the server stops.", example)
        .refuses(&[Code::TooManyStreams])
}
