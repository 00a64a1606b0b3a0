//! The last events, and what became of each.

use askama::Template;
use serde_json::{Map, Value};

use super::badge::Badge;
use super::fate::{self, Line};
use super::moment::Moment;
use super::{Frame, render, visitor};
use crate::event::kind::Kind;
use crate::source::Source;
use crate::visitor::told::{Fate, ToldEvent};

/// Which events are asked for; empty texts ask for all.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Those of a visitor.
    pub visitor: &'a str,
    /// Those of an id.
    pub message_id: &'a str,
}

#[derive(Template)]
#[template(path = "dashboard/events.html", config = "src/askama.toml")]
struct Page<'a> {
    frame: &'a Frame,
    wanted: Wanted<'a>,
    is_filtered: bool,
    rows: Vec<Row<'a>>,
}

/// An event.
struct Row<'a> {
    told: &'a ToldEvent<'a>,
    /// What tells it from others.
    key: String,
    badge: Badge,
    about: String,
    lines: Vec<Line>,
    /// What it says of itself and of the visitor, by title.
    texts: Vec<(&'static str, String)>,
}

/// The page, of the latest events first.
pub fn page(frame: &Frame, wanted: Wanted<'_>, events: &[ToldEvent<'_>]) -> String {
    render(&Page {
        frame,
        wanted,
        is_filtered: !wanted.visitor.is_empty() || !wanted.message_id.is_empty(),
        rows: events.iter().map(Row::of).collect(),
    })
}

impl<'a> Row<'a> {
    fn of(told: &'a ToldEvent<'a>) -> Self {
        let text = |title, of: &Option<Map<String, Value>>| {
            let of = of.as_ref().filter(|of| !of.is_empty())?;
            Some((title, serde_json::to_string_pretty(of).ok()?))
        };
        let texts = [
            text("Properties", &told.properties),
            text("Traits", &told.traits),
        ];
        Self {
            told,
            key: format!("{} {}", told.received_at, told.id.unwrap_or_default()),
            badge: fate::badge(&told.fate),
            about: fate::about(&told.fate),
            lines: fate::lines(&told.fate),
            texts: texts.into_iter().flatten().collect(),
        }
    }

    fn received(&self) -> Moment {
        Moment(self.told.received_at)
    }

    /// When it happened, where that is another second than that of its arrival.
    fn happened(&self) -> Option<Moment> {
        let second = |at: crate::time::Timestamp| at.millis() / 1_000;
        let at = self.told.timestamp?;
        (second(at) != second(self.told.received_at)).then_some(Moment(at))
    }

    fn kind(&self) -> &'static str {
        match self.told.r#type {
            Kind::Track => "track",
            Kind::Page => "page",
            Kind::Screen => "screen",
            Kind::Identify => "identify",
            Kind::Group => "group",
            Kind::Alias => "alias",
            Kind::Exposure => "exposure",
            Kind::Order => "order",
        }
    }

    /// By which way it came.
    fn source(&self) -> &'static str {
        match self.told.source {
            Source::Native => "the events API",
            Source::Segment => "a Segment client",
            Source::Ofrep => "an evaluation",
            Source::Import => "an import",
        }
    }

    /// Its other ids of the visitor, as it was sent.
    fn other_ids(&self) -> Vec<&str> {
        let ids = [self.told.user_id, self.told.anonymous_id];
        let ids = ids.into_iter().flatten();
        ids.filter(|id| Some(*id) != self.told.visitor).collect()
    }

    fn visitor_path(&self) -> String {
        visitor::address(self.told.visitor.unwrap_or_default())
    }

    /// The code of the problem, if it was rejected.
    fn code(&self) -> &str {
        match &self.told.fate {
            Fate::Rejected { code, .. } => code,
            Fate::Counted { .. }
            | Fate::Exposure { .. }
            | Fate::Profile {}
            | Fate::Settled {}
            | Fate::Joined {}
            | Fate::Stored {}
            | Fate::NoConsent {}
            | Fate::Acknowledged {}
            | Fate::Duplicate {} => "",
        }
    }
}
