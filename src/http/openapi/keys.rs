//! API keys.

use serde_json::{Value, json};

use super::super::error::Code;
use super::super::keys::Keys;
use super::Operation;
use crate::key::{KeyId, Made, Shown, Wanted};

const TAG: &str = "keys";

fn shown() -> Value {
    json!({
        "id": "00c0ffee00c0ffee", "name": "web", "scopes": ["assign", "events"], "origins": ["https://shop.example"],
        "rate": 100, "exposes": true, "created_at": "2026-03-01T00:00:00.000Z", "revoked_at": null,
    })
}

pub(in crate::http) fn list() -> Operation {
    Operation::new("listKeys", TAG, "All API keys, revoked ones too.").answers::<Keys>(
        200,
        "In order of the time they were made.",
        json!({ "keys": [shown()] }),
    )
}

pub(in crate::http) fn create() -> Operation {
    let mut made = shown();
    made["secret"] = json!("up_00c0ffee00c0ffee_…");
    Operation::new("createKey", TAG, "Makes an API key.")
        .about(
            "The first key closes the server to whoever has none: it is made from the server's own machine, and needs the \
             scope `admin`.",
        )
        .takes::<Wanted>(json!({
            "name": "web", "scopes": ["assign", "events"], "origins": ["https://shop.example"], "rate": 100, "exposes": true,
        }))
        .answers::<Made>(201, "The key; its secret is never shown again.", made)
        .with("Cache-Control", "`no-store`.")
        .refuses(&[Code::Forbidden, Code::AdminKeyRequired])
        .writes()
}

pub(in crate::http) fn revoke() -> Operation {
    Operation::new("revokeKey", TAG, "Revokes an API key.")
        .about("It is void when this is answered. Once more is as good.")
        .path::<KeyId>("id", "The id of a key.", "00c0ffee00c0ffee")
        .answers::<Shown>(200, "The key as it is then.", {
            let mut revoked = shown();
            revoked["revoked_at"] = json!("2026-03-02T00:00:00.000Z");
            revoked
        })
        .refuses(&[Code::UnknownKey, Code::AdminKeyRequired])
        .writes()
}
