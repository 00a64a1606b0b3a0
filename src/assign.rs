//! Assign: which variant does this visitor get? A pure pipeline; the first rule that matches ends it, and its reason
//! is part of the answer. It never fails: what can not be decided is control, with the reason why.
//!
//! Thompson sampling's randomness comes from the visitor's hash against exact probabilities, so every decision can be
//! recomputed and its propensity is known.

pub mod bot;
pub mod bucket;
pub mod decision;
mod draw;

use crate::allocation::Arm;
use crate::catalog::audience::Attributes;
use crate::catalog::experiment::{Experiment, Status, Unit};
use crate::catalog::{Entry, Scope};
use crate::epoch::linear::Drawn;
use crate::epoch::{Cause, Epoch, EpochNumber};
use crate::time::Timestamp;
use bucket::unit_interval;
use decision::{Decision, Reason, Trace};
pub use draw::context;
use draw::{draw, propensity, variant_draw};

/// Who asks, and what is known about them.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The visitor's id.
    pub visitor: &'a str,
    /// The session's id.
    pub session: Option<&'a str>,
    /// The visitor's attributes.
    pub attributes: &'a Attributes,
    /// The variant to force, for QA.
    pub forced: Option<&'a str>,
    /// Whether the user agent names a crawler.
    pub bot: bool,
    /// Whether the visitor does not allow to be assigned.
    pub denied: bool,
    /// Whether the visitor is in the global holdout.
    pub held_globally: bool,
    /// The time of the decision.
    pub now: Timestamp,
}

/// A standing assignment of the unit, as the pipeline needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing<'a> {
    /// The variant.
    pub arm: Arm,
    /// Whether held out on control.
    pub holdout: bool,
    /// The epoch under which it was drawn.
    pub epoch: EpochNumber,
    /// Value position per dimension of the experiment at the time.
    pub dimensions: &'a [u8],
    /// Features and shares, if it was drawn under a linear policy.
    pub drawn: Option<&'a Drawn>,
}

/// Decides one experiment for one visitor.
pub fn assign(
    entry: &Entry,
    request: &Request<'_>,
    standing: Option<Standing<'_>>,
    trace: &mut Trace,
) -> Decision {
    let experiment = &entry.experiment;
    if let Some(decision) = unrecorded(entry, request, standing, trace) {
        return decision;
    }
    if let Some(standing) = standing
        && let Some(decision) = kept(entry, request, standing, trace)
    {
        return decision;
    }
    let paused = entry.lifecycle.status == Status::Paused;
    let Some(epoch) = entry.epoch().filter(|_| !paused) else {
        trace.step(Reason::Inactive, true, || {
            "the experiment is paused and takes no new visitors".into()
        });
        return control(experiment, Reason::Inactive);
    };
    match outside(experiment, request, trace) {
        Some(reason) => control(experiment, reason),
        None => draw(experiment, epoch, request, trace),
    }
}

/// The unit that is hashed and keeps its variant: the visitor, or the session.
pub fn unit<'a>(experiment: &Experiment, request: &Request<'a>) -> &'a str {
    match experiment.unit {
        Unit::Visitor => request.visitor,
        Unit::Session => request.session.unwrap_or_default(),
    }
}

/// Control, for a reason that leaves no trace in the experiment.
pub fn control(experiment: &Experiment, reason: Reason) -> Decision {
    outside_epochs(experiment.control, reason)
}

fn outside_epochs(arm: Arm, reason: Reason) -> Decision {
    Decision {
        arm,
        reason,
        epoch: None,
        propensity: None,
        holdout: false,
        is_new: false,
        drawn: None,
    }
}

/// Rules 2–6: answers that leave no trace in the experiment.
fn unrecorded(
    entry: &Entry,
    request: &Request<'_>,
    standing: Option<Standing<'_>>,
    trace: &mut Trace,
) -> Option<Decision> {
    let experiment = &entry.experiment;
    let forced = request.forced.and_then(|key| experiment.arm(key));
    if trace.step(Reason::Forced, forced.is_some(), || {
        format!("force = {:?}", request.forced)
    }) {
        return forced.map(|arm| outside_epochs(arm, Reason::Forced));
    }
    if is_inactive(entry, request.now, trace) {
        return Some(control(experiment, Reason::Inactive));
    }
    if let Some(winner) = winner(entry, standing) {
        trace.step(Reason::Concluded, true, || {
            format!("serves variant {}", winner.0)
        });
        return Some(outside_epochs(winner, Reason::Concluded));
    }
    if trace.step(Reason::Bot, request.bot, || {
        format!("user agent names a crawler: {}", request.bot)
    }) {
        return Some(control(experiment, Reason::Bot));
    }
    if trace.step(Reason::NoConsent, request.denied, || {
        format!("the visitor does not allow it: {}", request.denied)
    }) {
        return Some(control(experiment, Reason::NoConsent));
    }
    let no_session = experiment.unit == Unit::Session && request.session.is_none();
    if trace.step(Reason::NoSession, no_session, || {
        format!("unit {:?}", experiment.unit)
    }) {
        return Some(control(experiment, Reason::NoSession));
    }
    let held = request.held_globally;
    if trace.step(Reason::GlobalHoldout, held, || {
        format!("held out of everything: {held}")
    }) {
        return Some(control(experiment, Reason::GlobalHoldout));
    }
    None
}

/// Rule 3: draft, outside the schedule, or paused for harm, which takes the variant from everybody.
fn is_inactive(entry: &Entry, now: Timestamp, trace: &mut Trace) -> bool {
    let (lifecycle, schedule) = (&entry.lifecycle, &entry.experiment.schedule);
    let status = lifecycle.status;
    let inactive = status == Status::Draft
        || lifecycle.halted
        || !schedule.contains(now) && status != Status::Concluded;
    trace.step(Reason::Inactive, inactive, || match lifecycle.halted_by() {
        Some(trip) => trip.receipt.clone(),
        None => format!("status {status:?}, now {now}, schedule {schedule:?}"),
    })
}

/// What a concluded experiment serves; `None` if it is not concluded, or was for new visitors only and the unit keeps
/// its own variant.
fn winner(entry: &Entry, standing: Option<Standing<'_>>) -> Option<Arm> {
    if entry.lifecycle.status != Status::Concluded {
        return None;
    }
    let conclusion = entry.lifecycle.conclusion.as_ref();
    if standing.is_some() && conclusion.is_some_and(|conclusion| conclusion.scope == Scope::New) {
        return None;
    }
    Some(
        conclusion
            .and_then(|conclusion| conclusion.winner)
            .unwrap_or(entry.experiment.control),
    )
}

/// Standing assignments.
fn kept(
    entry: &Entry,
    request: &Request<'_>,
    standing: Standing<'_>,
    trace: &mut Trace,
) -> Option<Decision> {
    let experiment = &entry.experiment;
    let live = experiment
        .variant(standing.arm)
        .is_some_and(|variant| variant.live);
    let detail = || {
        format!(
            "assigned {} in epoch {}, still live: {live}",
            standing.arm.0, standing.epoch.0
        )
    };
    if trace.step(Reason::Sticky, live, detail) {
        return Some(sticky(entry, standing));
    }
    let first = redrawn_from(entry)?;
    let alike = |own: &&Epoch| own.parts_like(first);
    let own = entry.epochs.get(standing.epoch).filter(alike);
    let context = own
        .and_then(|own| own.context(standing.dimensions))
        .or_else(|| context(experiment, first, request.attributes));
    let arm = bucket::rendezvous(first.drawn_from(context), |arm| {
        variant_draw("reassign:", experiment, arm, unit(experiment, request))
    })?;
    trace.step(Reason::Reassigned, true, || {
        format!("served variant {} from now on, counted nowhere new", arm.0)
    });
    Some(outside_epochs(arm, Reason::Reassigned))
}

/// The answer to a unit with a standing assignment.
pub fn sticky(entry: &Entry, standing: Standing<'_>) -> Decision {
    let epoch = entry.epochs.get(standing.epoch);
    let propensity = |epoch: &Epoch| {
        let from = epoch.drawn_by(standing.dimensions, standing.drawn);
        let drawn = (standing.arm, standing.holdout);
        propensity(&entry.experiment, epoch, &from, drawn)
    };
    Decision {
        arm: standing.arm,
        reason: Reason::Sticky,
        epoch: Some(standing.epoch),
        propensity: epoch.and_then(propensity),
        holdout: standing.holdout,
        is_new: false,
        drawn: None,
    }
}

/// What a unit whose variant was retired is drawn from: the epoch with which the live variants began, so that it keeps
/// what it is served as weights move, until that is retired, too.
fn redrawn_from(entry: &Entry) -> Option<&Epoch> {
    let current = entry.epoch()?;
    let own = |epoch: &&Epoch| epoch.era == current.era && epoch.cause != Cause::Imported;
    entry.epochs.iter().find(own)
}

/// Rules 7–9: whether the unit stays outside, by independent draws and by the audience.
fn outside(experiment: &Experiment, request: &Request<'_>, trace: &mut Trace) -> Option<Reason> {
    let unit = unit(experiment, request);
    if let Some(slot) = &experiment.layer {
        let u = unit_interval(&["layer:", slot.key.as_str()], unit);
        let out = !(slot.from..slot.to).contains(&u);
        if trace.step(Reason::Layer, out, || {
            format!("u = {u:.6}, slot [{}, {})", slot.from, slot.to)
        }) {
            return Some(Reason::Layer);
        }
    }
    if let Some(audience) = &experiment.audience {
        let matched = audience.matches(request.attributes);
        let out = !matches!(matched, Ok(true));
        trace.step(Reason::Audience, out, || {
            format!("{} → {matched:?}", audience.source())
        });
        trace.undecided = matched.err();
        if out {
            return Some(Reason::Audience);
        }
    }
    if experiment.traffic < 1.0 {
        let u = unit_interval(&["traffic:", experiment.key.as_str()], unit);
        let out = u >= experiment.traffic;
        if trace.step(Reason::Traffic, out, || {
            format!("u = {u:.6}, traffic {}", experiment.traffic)
        }) {
            return Some(Reason::Traffic);
        }
    }
    None
}
