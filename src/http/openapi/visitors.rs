//! Who visitors are, and what is held about them.

use serde_json::json;

use super::super::error::Code;
use super::super::visitors::{Allowed, Asked, Erasing, Forgotten, Person, Wire};
use super::Operation;
use crate::id::VisitorId;
use crate::visitor::held::Held;

const TAG: &str = "visitors";

pub(in crate::http) fn get() -> Operation {
    let counts = json!({
        "experiment": "cart-nudge", "variant": "none", "metric": "purchase", "effect": "reward",
    });
    let held = json!({
        "visitor": "anna", "ids": ["anna", "visitor-7"], "drawn_as": "anna", "first_seen": "2026-03-01T11:00:00Z",
        "consent": { "state": "granted", "at": "2026-03-01T10:59:00Z" },
        "traits": { "plan": { "value": "pro", "at": "2026-03-01T11:30:00Z" } },
        "groups": [{
            "id": "acme", "at": "2026-03-01T11:30:00Z",
            "traits": { "seats": { "value": 5, "at": "2026-03-01T11:30:00Z" } },
        }],
        "assignments": [{
            "experiment": "cart-nudge", "variant": "none", "epoch": 1, "propensity": 0.5, "at": "2026-03-01T11:00:00Z",
            "holdout": false, "session": false, "crossover": false, "exposed": null,
            "dimensions": { "device": "phone" }, "settled": [],
        }],
        "exposures": [],
        "events": [{
            "event": "Order Completed", "at": "2026-03-01T12:00:00Z", "amounts": { "revenue": 59.9 },
            "metrics": [counts],
        }],
        "remembered": 3,
    });
    Operation::new("getVisitor", TAG, "Everything held about a visitor.")
        .about("Ids that were joined, traits, assignments, exposures and the events that metrics read.")
        .path::<VisitorId>("id", "An id of the person.", "anna")
        .answers::<Held<'_>>(200, "What is held.", held)
        .refuses(&[Code::InvalidField, Code::UnknownVisitor])
        .reads()
}

pub(in crate::http) fn alias() -> Operation {
    Operation::new("aliasVisitor", TAG, "Joins two ids of one person.")
        .about("As an event of an `alias` or `identify` call does. The earliest assignment stands.")
        .path::<VisitorId>("id", "An id of the person.", "visitor-7")
        .takes::<Wire>(json!({ "to": "anna" }))
        .answers::<Person>(
            200,
            "Durable.",
            json!({ "visitor": "visitor-7", "to": "anna", "joined": true }),
        )
        .refuses(&[Code::InvalidField, Code::TooManyAliases])
        .writes()
}

pub(in crate::http) fn consent() -> Operation {
    Operation::new("setConsent", TAG, "Says what a visitor allows.")
        .about(
            "Whoever denies is served control, and nothing more is stored; what was stored before stays until it is erased. \
             Browsers that send `Sec-GPC: 1` deny for each of their requests.",
        )
        .path::<VisitorId>("id", "An id of the person.", "anna")
        .takes::<Asked>(json!({ "state": "denied" }))
        .answers::<Allowed>(
            200,
            "Durable.",
            json!({ "visitor": "anna", "state": "denied", "changed": true }),
        )
        .refuses(&[Code::InvalidField])
        .writes()
}

pub(in crate::http) fn erase() -> Operation {
    Operation::new("eraseVisitor", TAG, "Forgets a visitor.")
        .about(
            "Under all ids of the person: assignments, events, traits, and which events came. What the visitor added to \
             experiments stays unless it is asked for; so does a denial of consent. Again, it changes nothing.",
        )
        .path::<VisitorId>("id", "An id of the person.", "anna")
        .query::<Erasing>()
        .answers::<Forgotten>(200, "Durable.", json!({ "visitor": "anna", "erased": true }))
        .refuses(&[Code::InvalidField, Code::InvalidQuery])
        .writes()
}
