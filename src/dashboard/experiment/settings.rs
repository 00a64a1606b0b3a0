//! What was set, and how the traffic is shared.

use crate::catalog::{Entry, Source};
use crate::dashboard::health::day;
use crate::dashboard::number::Number;
use crate::report::Report;

/// A variant's share of the traffic.
pub(super) struct Share {
    pub(super) variant: String,
    pub(super) notes: Vec<&'static str>,
    pub(super) visitors: Number,
    pub(super) of_all: Option<Number>,
    pub(super) expected: Option<Number>,
    pub(super) exposed: Option<Number>,
    pub(super) now: Option<Number>,
}

/// How the visitors were shared, and how new ones are.
pub(super) fn shares(report: &Report) -> Vec<Share> {
    let share = |of: &crate::report::VariantTraffic| {
        let is_current = of.live && !of.holdout;
        let now = report.weights.get(&of.variant).copied();
        let note = |word: &'static str, is: bool| is.then_some(word);
        let notes = [
            note("control", of.control && !of.holdout),
            note("holdout", of.holdout),
            note("retired", !of.live && !of.holdout),
        ];
        Share {
            variant: of.variant.clone(),
            notes: notes.into_iter().flatten().collect(),
            visitors: Number::count(of.visitors),
            of_all: of.share.map(Number::share),
            expected: of.expected_share.map(Number::share),
            exposed: of.exposed.map(Number::count),
            now: now.filter(|_| is_current).map(Number::share),
        }
    };
    report.variants.iter().map(share).collect()
}

/// What the definition says, as names and words.
pub(super) fn facts(entry: &Entry) -> Vec<(&'static str, String)> {
    let spec = &entry.experiment.spec;
    let lifecycle = &entry.lifecycle;
    let text = |name, text: &Option<String>| text.clone().map(|text| (name, text));
    let source = match &lifecycle.source {
        Source::File(name) => format!("the file {name}"),
        Source::Api => "the API or these pages".to_owned(),
        Source::Settings => "the settings of the server".to_owned(),
    };
    let share = |share: f64| crate::report::table::cells::percent(Some(share), 1);
    let facts = [
        text("Hypothesis", &spec.hypothesis),
        text("Owner", &spec.owner),
        text("Touchpoint", &spec.touchpoint),
        text("To be reviewed", &spec.review),
        text("Audience", &spec.audience),
        Some(("Traffic", share(spec.traffic))).filter(|_| spec.traffic < 1.0),
        Some(("Held out", share(spec.holdout))).filter(|_| spec.holdout > 0.0),
        Some(("Allocation", entry.experiment.policy.name().to_owned())),
        spec.layer
            .as_ref()
            .map(|layer| ("Layer", layer.key.clone())),
        Some((
            "At least",
            format!("{} days before a verdict", spec.min_days),
        )),
        lifecycle
            .started_at
            .map(|at| ("Started", day(&at.to_string()).to_owned())),
        Some(("Version", entry.experiment.version.to_string())),
        Some(("Defined by", source)),
    ];
    facts.into_iter().flatten().collect()
}
