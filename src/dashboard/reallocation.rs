//! What a bandit would change if it were asked now: to look at before asking.

use askama::Template;

use super::number::Number;
use super::{Frame, render};
use crate::bandit::{self, Proposal};
use crate::catalog::Entry;

#[derive(Template)]
#[template(path = "dashboard/reallocation.html", config = "src/askama.toml")]
struct Page<'a> {
    frame: &'a Frame,
    key: &'a str,
    version: u32,
    /// Why nothing would change.
    keeps: Option<&'a str>,
    /// Why it would.
    receipt: &'a str,
    moved: Option<Number>,
    shares: Vec<Share>,
}

/// A variant's share of new visitors.
struct Share {
    variant: String,
    before: Option<Number>,
    after: Number,
}

/// The page.
pub fn page(frame: &Frame, entry: &Entry, proposal: &Proposal) -> String {
    let mut page = Page {
        frame,
        key: entry.experiment.key.as_str(),
        version: entry.experiment.version,
        keeps: None,
        receipt: "",
        moved: None,
        shares: Vec::new(),
    };
    match proposal {
        Proposal::Keep(note) => page.keeps = Some(note),
        Proposal::Open(epoch) => {
            let current = entry.epoch();
            let before = current.map(|current| entry.experiment.weights(&current.allocation));
            let after = entry.experiment.weights(&epoch.allocation);
            page.receipt = &epoch.receipt.sentence;
            page.moved = current.map(|current| Number::share(bandit::distance(epoch, current)));
            let share = |(variant, after): (String, f64)| Share {
                before: before
                    .as_ref()
                    .and_then(|before| before.get(&variant))
                    .copied()
                    .map(Number::share),
                after: Number::share(after),
                variant,
            };
            page.shares = after.into_iter().map(share).collect();
        }
    }
    render(&page)
}
