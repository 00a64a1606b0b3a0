//! Decisions for one visitor: what assignments, batches and explanations share.

mod browser;
mod place;
mod recorded;

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::HttpRequest;
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::Server;
use super::access::Caller;
use super::error::Problem;
use super::link;
use crate::assign::bot::is_bot;
use crate::assign::decision::{Decision, Trace};
use crate::assign::{Request, Standing, assign};
use crate::catalog::Entry;
use crate::catalog::audience::Attributes;
use crate::catalog::experiment::Unit;
use crate::engine::{Snapshot, Sticky};
use crate::event::{Assigned, Event};
use crate::fold::session_hash;
use crate::id::{SessionId, VisitorId};
use crate::key::Scope;
use crate::profile::Consent;
use crate::source::Source;
use crate::telemetry;
use crate::time::Timestamp;
use crate::visitor::{VisitorKey, find};

pub(super) use browser::Browser;
use place::Place;
pub(super) use recorded::{durable, settle};

/// Who asks, and what for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AssignmentRequest)]
pub(super) struct Wire<'a> {
    /// Who asks.
    visitor: VisitorId,
    /// The visitor's session, for experiments that go by it.
    session: Option<SessionId>,
    /// What is known about the visitor.
    #[serde(default)]
    attributes: Attributes,
    /// The keys of the experiments that are asked for; absent: all that run.
    #[serde(borrow, default)]
    experiments: Option<Vec<std::borrow::Cow<'a, str>>>,
    /// Only experiments at this touchpoint.
    #[serde(borrow)]
    touchpoint: Option<std::borrow::Cow<'a, str>>,
    /// The attribute `channel`, unless that is given.
    channel: Option<String>,
    /// Variants to show in any case, by experiment; not counted.
    #[serde(default)]
    force: BTreeMap<String, String>,
    /// The token of a link that shows one variant of one experiment, as `force` does.
    #[serde(borrow)]
    qa: Option<std::borrow::Cow<'a, str>>,
    /// By which way it is asked.
    #[serde(skip, default = "native")]
    pub source: Source,
}

fn native() -> Source {
    Source::Native
}

/// One experiment's answer.
pub(super) enum Answer<'a> {
    /// The experiment and what was decided.
    Decided(Arc<Entry>, Decision),
    /// There is no experiment of this key.
    Unknown(std::borrow::Cow<'a, str>),
}

impl Answer<'_> {
    /// The experiment and what was decided.
    pub(super) fn decided(&self) -> Option<(&Entry, &Decision)> {
        match self {
            Self::Decided(entry, decision) => Some((entry, decision)),
            Self::Unknown(_) => None,
        }
    }
}

/// A visitor's answers, and the events to record before they are given.
pub(super) struct Answers<'a> {
    pub visitor: VisitorId,
    pub list: Vec<Answer<'a>>,
    pub events: Vec<Event>,
}

impl Wire<'_> {
    /// Attributes as audiences see them.
    fn complete(&mut self, user_agent: Option<&str>) -> bool {
        if let Some(channel) = self.channel.take()
            && self.attributes.get("channel").is_none()
        {
            // A request with 64 attributes and a channel keeps its attributes.
            drop(self.attributes.insert("channel", channel.into()));
        }
        let named = self
            .attributes
            .get("user_agent")
            .and_then(serde_json::Value::as_str);
        named.or(user_agent).is_some_and(is_bot)
    }
}

/// Decides everything a visitor asks for.
///
/// # Errors
/// As the store fails.
pub(super) fn decide<'a>(
    server: &Server,
    snapshot: &Snapshot,
    mut wire: Wire<'a>,
    browser: Browser<'_>,
) -> Result<Answers<'a>, Problem> {
    let keys = wire.experiments.take();
    let bot = wire.complete(browser.agent);
    let context = Context::new(server, snapshot, &wire, (bot, browser.opts_out))?;
    let mut events: Vec<Event> = context.enrolment().into_iter().collect();
    let mut decided =
        |entry: &Arc<Entry>| Answer::Decided(Arc::clone(entry), context.decide(entry, &mut events));
    let catalog = &snapshot.catalog;
    let list = if let Some(keys) = keys {
        let asked = keys.into_iter().map(|key| {
            let entry = catalog.get(&key).filter(|entry| !entry.lifecycle.archived);
            entry.map_or_else(|| Answer::Unknown(key), &mut decided)
        });
        asked.collect()
    } else {
        // Nearly all of them, so there is room for all.
        let mut list = Vec::with_capacity(catalog.iter().count());
        let all = catalog.iter();
        let wanted = all.filter(|entry| wire.wants(entry));
        list.extend(wanted.map(decided));
        list
    };
    Ok(Answers {
        visitor: wire.visitor,
        list,
        events,
    })
}

impl Wire<'_> {
    /// Whether whoever sent the request may ask like this; what its link shows is forced, too.
    ///
    /// # Errors
    /// [`super::error::Code::Forbidden`] where variants are forced without the scope, and as [`link::shown`].
    pub(super) fn permitted(
        mut self,
        server: &Server,
        request: &HttpRequest,
    ) -> Result<Self, Problem> {
        if !self.force.is_empty() {
            Caller::of(request).may(Scope::Force)?;
        }
        let shown = self.qa.take().map(|token| link::shown(server, &token));
        Ok(self.forcing(shown.transpose()?))
    }

    /// The same with one more variant to show in any case.
    pub(super) fn forcing(mut self, shown: Option<(String, String)>) -> Self {
        self.force.extend(shown);
        self
    }

    /// The same for one experiment alone.
    pub(super) fn only(self, key: &str) -> Self {
        Self {
            experiments: Some(vec![key.to_owned().into()]),
            ..self
        }
    }

    /// Whether an experiment is meant where none is named: a draft only if it is forced.
    fn wants(&self, entry: &Entry) -> bool {
        let key = entry.experiment.key.as_str();
        let is_forced = !entry.lifecycle.archived && self.force.contains_key(key);
        if !(entry.is_listed() || is_forced) {
            return false;
        }
        let touchpoint = entry.experiment.spec.touchpoint.as_deref();
        self.touchpoint
            .as_deref()
            .is_none_or(|wanted| touchpoint == Some(wanted))
    }
}

/// What all decisions of one request share.
struct Context<'a> {
    snapshot: &'a Snapshot,
    wire: &'a Wire<'a>,
    sticky: Arc<Sticky>,
    bot: bool,
    denied: bool,
    place: Option<Place<'a>>,
    now: Timestamp,
}

impl<'a> Context<'a> {
    fn new(
        server: &Server,
        snapshot: &'a Snapshot,
        wire: &'a Wire<'a>,
        (bot, opts_out): (bool, bool),
    ) -> Result<Self, Problem> {
        let visitor = VisitorKey::of(snapshot.seed, &wire.visitor);
        let sticky = server.engine.sticky(visitor)?.unwrap_or_default();
        Ok(Self {
            snapshot,
            wire,
            place: Place::of(server, snapshot, &sticky, &wire.visitor),
            denied: opts_out || sticky.consent.unwrap_or(server.unsaid) == Consent::Denied,
            sticky,
            bot,
            now: server.engine.clock().now(),
        })
    }

    fn is_held_globally(&self) -> bool {
        self.place.as_ref().is_some_and(|place| place.held)
    }

    /// The visitor's place in or outside the global holdout, if it is to be recorded.
    fn enrolment(&self) -> Option<Event> {
        let place = self.place.as_ref();
        let place = place.filter(|place| place.is_new && !self.bot && !self.denied)?;
        let epoch = place.entry.epoch()?;
        let mut arms = epoch.allocation.iter().map(|(arm, _)| arm);
        let control = place.entry.experiment.control;
        let arm = arms.find(|arm| (*arm == control) == place.held)?;
        Some(Event::Assigned(Assigned {
            visitor: self.wire.visitor.clone(),
            session: None,
            experiment: place.entry.experiment.key.clone(),
            arm,
            holdout: false,
            epoch: epoch.number,
            propensity: epoch.allocation.propensity(arm)?,
            at: self.now,
            dimensions: Vec::new(),
            drawn: None,
        }))
    }

    fn request(&self, entry: &Entry) -> Request<'_> {
        Request {
            visitor: self.sticky.name(&self.wire.visitor),
            session: self.wire.session.as_ref().map(SessionId::as_str),
            attributes: &self.wire.attributes,
            forced: self
                .wire
                .force
                .get(entry.experiment.key.as_str())
                .map(String::as_str),
            bot: self.bot,
            denied: self.denied,
            held_globally: self.is_held_globally(),
            now: self.now,
        }
    }

    fn standing(&self, entry: &Entry) -> Option<Standing<'_>> {
        let session = match entry.experiment.unit {
            Unit::Visitor => None,
            Unit::Session => session_hash(self.snapshot.seed, self.wire.session.as_ref()),
        };
        let assignment = find(&self.sticky.assignments, entry.serial, session)?;
        Some(assignment.standing())
    }

    fn decide(&self, entry: &Entry, events: &mut Vec<Event>) -> Decision {
        let mut trace = Trace::default();
        let decision = assign(
            entry,
            &self.request(entry),
            self.standing(entry),
            &mut trace,
        );
        if let Some(undecided) = trace.undecided {
            telemetry::undecided();
            tracing::debug!(experiment.key = %entry.experiment.key, error = %undecided, "audience not evaluable");
        }
        telemetry::decision(self.wire.source, decision.reason);
        if let (true, Some(epoch), Some(propensity)) =
            (decision.is_new, decision.epoch, decision.propensity)
        {
            events.push(Event::Assigned(Assigned {
                visitor: self.wire.visitor.clone(),
                session: self
                    .wire
                    .session
                    .clone()
                    .filter(|_| entry.experiment.unit == Unit::Session),
                experiment: entry.experiment.key.clone(),
                arm: decision.arm,
                holdout: decision.holdout,
                epoch,
                propensity,
                at: self.now,
                dimensions: dimension_values(entry, &self.wire.attributes),
                drawn: decision.drawn.clone(),
            }));
        }
        decision
    }
}

/// A visitor's values of an experiment's dimensions, as text, cut at 64 characters.
pub(super) fn dimension_values(entry: &Entry, attributes: &Attributes) -> Vec<Option<String>> {
    let dimensions = entry.experiment.dimensions.iter();
    dimensions
        .map(|dimension| attributes.text(&dimension.attribute))
        .collect()
}

/// The trace of one decision; records nothing.
///
/// # Errors
/// As the store fails.
pub(super) fn explain(
    server: &Server,
    entry: &Entry,
    mut wire: Wire<'_>,
    browser: Browser<'_>,
) -> Result<(Decision, Trace), Problem> {
    let snapshot = server.engine.snapshot();
    let bot = wire.complete(browser.agent);
    let context = Context::new(server, &snapshot, &wire, (bot, browser.opts_out))?;
    let mut trace = Trace {
        steps: Some(Vec::new()),
        undecided: None,
    };
    let decision = assign(
        entry,
        &context.request(entry),
        context.standing(entry),
        &mut trace,
    );
    Ok((decision, trace))
}

/// A request made of its parts, as a query string has them.
pub(super) fn wire(
    visitor: VisitorId,
    session: Option<SessionId>,
    attributes: Attributes,
) -> Wire<'static> {
    Wire {
        visitor,
        session,
        attributes,
        experiments: None,
        touchpoint: None,
        channel: None,
        force: BTreeMap::new(),
        qa: None,
        source: Source::Native,
    }
}

/// Several requests.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AssignmentRequests)]
pub(super) struct WireBatch<'a> {
    /// Each is read on its own.
    #[serde(borrow)]
    #[schema(value_type = Vec<Wire<'a>>, max_items = 1000)]
    pub requests: Vec<&'a RawValue>,
}
