//! The dashboard: pages for marketers, from the same [`Report`](crate::report::Report) that the API answers.
//!
//! Pure functions from values to HTML; the templates stand beside them. A page needs no script, and nothing but the one
//! stylesheet. Every number is an element with its exact value, so a test can hold pages against reports.

pub mod define;
pub mod events;
pub mod experiment;
pub mod holdout;
pub mod list;
pub mod live;
pub mod login;
pub mod playbook;
pub mod reallocation;
pub mod refused;
pub mod share;
pub mod visitor;

mod badge;
mod fate;
mod health;
mod moment;
mod number;

use std::sync::LazyLock;

use crate::chart;

/// The stylesheet of pages and charts.
pub fn style() -> &'static str {
    static STYLE: LazyLock<String> =
        LazyLock::new(|| include_str!("dashboard/style.css").to_owned() + chart::STYLE);
    &STYLE
}

/// A name of the stylesheet that changes with it, so that browsers may keep it for good.
pub fn style_path() -> &'static str {
    static PATH: LazyLock<String> = LazyLock::new(|| {
        let hash = blake3::hash(style().as_bytes()).to_hex();
        format!("/style-{}.css", hash.get(..12).unwrap_or_default())
    });
    &PATH
}

/// A page of the bar on top.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// All experiments.
    Experiments,
    /// What was learned.
    Playbook,
    /// What all personalization earns.
    Holdout,
    /// The last events.
    Events,
    /// Who visitors are.
    Visitors,
}

impl Place {
    const ALL: [Self; 5] = [
        Self::Experiments,
        Self::Playbook,
        Self::Holdout,
        Self::Events,
        Self::Visitors,
    ];

    /// Its address.
    fn path(self) -> &'static str {
        match self {
            Self::Experiments => "/",
            Self::Playbook => "/playbook",
            Self::Holdout => "/holdout",
            Self::Events => "/events",
            Self::Visitors => "/visitors",
        }
    }

    /// What it is called.
    fn name(self) -> &'static str {
        match self {
            Self::Experiments => "Experiments",
            Self::Playbook => "Playbook",
            Self::Holdout => "Holdout",
            Self::Events => "Events",
            Self::Visitors => "Visitors",
        }
    }
}

/// What is around every page.
#[derive(Debug, Clone, Default)]
pub struct Frame {
    /// Which place of the bar it belongs to.
    pub place: Option<Place>,
    /// The name of the key that its reader signed in with.
    pub key: Option<String>,
    /// Whether the reader may change experiments.
    pub may_write: bool,
    /// What came of the reader's last act.
    pub note: Option<String>,
    /// How it follows what happens, if it does.
    pub live: Option<live::Live>,
    /// That the page is a document of its own, and whose: in one file, without forms and links to other pages.
    pub document: Option<Document>,
}

/// What a page that stands alone says of itself.
#[derive(Debug, Clone, Default)]
pub struct Document {
    /// When and by whom it was made.
    pub origin: String,
}

impl Frame {
    fn tabs(&self) -> [Tab; Place::ALL.len()] {
        Place::ALL.map(|place| Tab {
            word: place.name().to_owned(),
            value: place.path().to_owned(),
            is_current: self.place == Some(place),
        })
    }
}

/// One of several to choose from.
struct Tab {
    /// What it is called.
    word: String,
    /// Its address, or its value in a form.
    value: String,
    /// Whether it is the one that is shown.
    is_current: bool,
}

/// Renders a template.
fn render(page: &impl askama::Template) -> String {
    // Writing into memory fails only if a value's Display does, and none here does.
    page.render().unwrap_or_default()
}
