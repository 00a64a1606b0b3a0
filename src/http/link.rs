//! Signed links, which people pass on to others who have no key: to look at a variant, or at a report. They hold for days,
//! and until the key that made them is revoked. Nothing is kept of them.

use std::sync::Arc;

use super::Server;
use super::access::Caller;
use super::error::{Code, Problem};
use crate::allocation::Arm;
use crate::catalog::{Entry, Serial};
use crate::key::token::{Opened, Purpose, SPAN_MS, Token, Void};
use crate::key::{Key, Scope};
use crate::time::Timestamp;

/// What a front end calls the token of a variant: the parameter of its own address, and the attribute of a context.
pub(super) const QA: &str = "upswing_qa";
/// Days that the link to a variant holds.
const LOOK_DAYS: u16 = 7;

/// The token that shows a variant to whoever has it.
pub(super) fn to_variant(caller: &Caller, (of, arm): (Serial, Arm), now: Timestamp) -> Token {
    let subject = u64::from(of.0) << 16 | u64::from(arm.0);
    made(caller, (Purpose::Variant, subject), (now, LOOK_DAYS))
}

/// The token that shows an experiment's report, for some days, to whoever has it.
pub(super) fn to_report(caller: &Caller, of: Serial, (now, days): (Timestamp, u16)) -> Token {
    made(caller, (Purpose::Report, u64::from(of.0)), (now, days))
}

/// The experiment whose report a token shows, and the key behind it.
///
/// # Errors
/// [`Code::UnknownLink`] and [`Code::LinkExpired`].
pub(super) fn reported(
    server: &Server,
    token: &str,
) -> Result<(Arc<Entry>, Option<Arc<Key>>), Problem> {
    let (key, subject) = opened(server, token, (Purpose::Report, Scope::Read))?;
    let serial = u32::try_from(subject).ok();
    let entry = serial.and_then(|serial| known(server, Serial(serial)));
    Ok((entry.ok_or_else(unknown)?, key))
}

fn made(caller: &Caller, what: (Purpose, u64), (now, days): (Timestamp, u16)) -> Token {
    let until = now.millis() + i64::from(days) * 24 * SPAN_MS;
    Token::new(caller.key().map(Arc::as_ref), what, until)
}

/// What a link says is to be shown: the keys of an experiment that is not archived, and of its variant.
///
/// # Errors
/// [`Code::UnknownLink`] and [`Code::LinkExpired`].
pub(super) fn shown(server: &Server, token: &str) -> Result<(String, String), Problem> {
    let purpose = (Purpose::Variant, Scope::Write);
    let (_, subject) = opened(server, token, purpose)?;
    let experiment = u32::try_from(subject >> 16).ok();
    let entry = experiment.and_then(|serial| known(server, Serial(serial)));
    let entry = entry.filter(|entry| !entry.lifecycle.archived);
    let arm = Arm((subject & 0xffff) as u16);
    let shown = entry.and_then(|entry| {
        let variant = entry.experiment.variant(arm)?;
        let key = entry.experiment.key.to_string();
        Some((key, variant.key.to_string()))
    });
    shown.ok_or_else(unknown)
}

/// The experiment of a serial, and no holdout.
fn known(server: &Server, serial: Serial) -> Option<Arc<Entry>> {
    let catalog = &server.engine.snapshot().catalog;
    let entry = catalog.by_serial(serial)?;
    let named = catalog.get(entry.experiment.key.as_str())?;
    (named.serial == serial).then(|| Arc::clone(entry))
}

/// The key behind a token, if it may still do what the token is for, and the token's subject.
fn opened(
    server: &Server,
    token: &str,
    (purpose, scope): (Purpose, Scope),
) -> Result<(Option<Arc<Key>>, u64), Problem> {
    let keys = &server.engine.snapshot().keys;
    match keys.opened(token, purpose, server.engine.clock().now()) {
        Ok(Opened { key, subject }) if key.is_none_or(|key| key.scopes.allow(scope)) => {
            Ok((key.cloned(), subject))
        }
        Ok(_) | Err(Void::Unknown) => Err(unknown()),
        Err(Void::Ended) => {
            let detail = "Ask whoever sent you the link for a new one.";
            Err(Problem::new(Code::LinkExpired, detail))
        }
    }
}

fn unknown() -> Problem {
    let detail = "It is cut short or changed, or what it led to is no more, or the key it was made with is revoked.";
    Problem::new(Code::UnknownLink, detail)
}
