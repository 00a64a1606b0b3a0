//! The metrics of an experiment: a table each, one row per variant.

use super::charts;
use crate::catalog::metric::{Direction, Role};
use crate::chart::Forest;
use crate::dashboard::badge::{Badge, Tone};
use crate::dashboard::number::{Number, Spanned};
use crate::report::{
    ComparisonReport, Effect, GuardrailStatus, MetricReport, Report, VariantMetric, View,
};

/// How differences are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Difference {
    /// In percent of the control.
    #[default]
    Relative,
    /// In units of the metric, per visitor.
    Absolute,
    /// What a day would bring if everybody got the variant.
    Scaled,
}

impl Difference {
    /// All, in the order of the tabs.
    pub(super) const ALL: [Self; 3] = [Self::Relative, Self::Absolute, Self::Scaled];

    /// The one of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    /// The name in a query.
    pub fn name(self) -> &'static str {
        match self {
            Self::Relative => "relative",
            Self::Absolute => "absolute",
            Self::Scaled => "scaled",
        }
    }

    /// The name of its tab.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Relative => "Relative",
            Self::Absolute => "Per visitor",
            Self::Scaled => "Per day, if everyone got it",
        }
    }

    fn of(self, with: &ComparisonReport) -> Option<Spanned> {
        let headline = with.headline;
        match self {
            Self::Relative => {
                let headline = headline.and_then(|headline| headline.relative);
                let effect = headline.or(with.relative.map(bare))?;
                Some(Spanned::new(effect, Number::change))
            }
            Self::Absolute => {
                let headline = headline.and_then(|headline| headline.absolute);
                let effect = headline.or(with.absolute.map(bare))?;
                Some(Spanned::new(effect, Number::difference))
            }
            Self::Scaled => {
                let effect = with.scaled?.per_day?;
                Some(Spanned::new(effect, Number::amount))
            }
        }
    }
}

/// An estimate without an interval: the one that is left is for another way of looking.
fn bare(effect: Effect) -> Effect {
    Effect {
        low: None,
        high: None,
        ..effect
    }
}

/// Metrics of one role.
pub(super) struct Group {
    /// What they are for.
    pub(super) title: &'static str,
    /// What is done with them, in a sentence.
    pub(super) about: &'static str,
    /// All their lifts.
    pub(super) forest: Option<Forest>,
    /// The metrics.
    pub(super) metrics: Vec<Metric>,
}

/// A metric.
pub(super) struct Metric {
    pub(super) key: String,
    pub(super) about: String,
    pub(super) rows: Vec<Row>,
}

/// A variant's row.
pub(super) struct Row {
    pub(super) variant: String,
    pub(super) notes: Vec<String>,
    pub(super) visitors: Number,
    pub(super) sum: Option<Number>,
    pub(super) mean: Option<Number>,
    pub(super) against: Option<Against>,
    pub(super) is_control: bool,
    pub(super) is_retired: bool,
}

/// How a variant compares with the control.
pub(super) struct Against {
    pub(super) difference: Option<Spanned>,
    pub(super) chance: Option<Number>,
    pub(super) p: Option<Number>,
    pub(super) badge: Badge,
    pub(super) caveats: Vec<String>,
}

/// The groups that have metrics, the goal first.
pub(super) fn groups(
    report: &Report,
    metrics: &[MetricReport],
    difference: Difference,
) -> Vec<Group> {
    let roles = [
        (Role::Goal, "Goal", "What the experiment is decided by."),
        (
            Role::Secondary,
            "Secondary metrics",
            "To understand what happened; corrected for their number.",
        ),
        (
            Role::Guardrail,
            "Guardrails",
            "What must not get worse, whatever the goal says.",
        ),
    ];
    let group = |(role, title, about)| {
        let own = metrics.iter().filter(|metric| metric.role == role);
        let own: Vec<&MetricReport> = own.collect();
        let metrics = own.iter().map(|of| metric(report, of, difference));
        (!own.is_empty()).then(|| Group {
            title,
            about,
            forest: charts::forest(role, &own),
            metrics: metrics.collect(),
        })
    };
    roles.into_iter().filter_map(group).collect()
}

fn metric(report: &Report, of: &MetricReport, difference: Difference) -> Metric {
    let direction = match of.direction {
        Direction::Increase => "more is better",
        Direction::Decrease => "less is better",
    };
    let kind = match of.kind.as_str() {
        "conversion" => "share of visitors who did it",
        "count" => "times per visitor",
        "sum" => "total per visitor",
        _ => "ratio of two totals",
    };
    Metric {
        key: of.key.clone(),
        about: format!("{kind}; {direction}"),
        rows: of
            .variants
            .iter()
            .map(|row| self::row(report, (of, row), difference))
            .collect(),
    }
}

fn row(report: &Report, (of, own): (&MetricReport, &VariantMetric), difference: Difference) -> Row {
    let is_same =
        |variant: &str, revision: Option<u16>| variant == own.variant && revision == own.revision;
    let mut traffic = report.variants.iter();
    let traffic =
        traffic.find(|row| is_same(&row.variant, row.revision) && row.holdout == own.holdout);
    let mut comparisons = of.comparisons.iter();
    let with = comparisons.find(|with| is_same(&with.variant, with.revision));
    let with = with.filter(|_| !own.holdout);
    let is_control = traffic.is_some_and(|row| row.control) && !own.holdout;
    let is_retired = traffic.is_some_and(|row| !row.live) && !own.holdout;
    let revision = own.revision.map(|revision| format!("revision {revision}"));
    let word = |word: &str, is: bool| is.then(|| word.to_owned());
    let notes = [
        word("control", is_control),
        word("holdout, shown the control", own.holdout),
        word("retired", is_retired),
        revision,
    ];
    let mean = own.mean.map(|mean| match of.kind.as_str() {
        "conversion" => Number::share(mean),
        _ => Number::decimal(mean),
    });
    Row {
        variant: own.variant.clone(),
        notes: notes.into_iter().flatten().collect(),
        visitors: Number::count(own.visitors),
        sum: own.sum.map(|sum| total(&of.kind, sum)),
        mean,
        against: with.map(|with| against(report, (of, with), difference)),
        is_control,
        is_retired,
    }
}

/// A total: of conversions and counts a whole number.
fn total(kind: &str, sum: f64) -> Number {
    match kind {
        "conversion" | "count" => Number::whole(sum),
        _ => Number::decimal(sum),
    }
}

fn against(
    report: &Report,
    (of, with): (&MetricReport, &ComparisonReport),
    difference: Difference,
) -> Against {
    let is_believed = report.shown.view == View::Bayes;
    let p = with.headline.and_then(|headline| headline.p_value);
    let explained = |caveat: &crate::stats::Caveat| {
        let mut notes = report.notes.iter();
        let note = notes.find(|note| note.code == *caveat);
        note.map(|note| note.text.clone())
    };
    Against {
        difference: difference.of(with),
        chance: with.bayes.map(|bayes| Number::chance(bayes.prob_better)),
        p: p.filter(|_| !is_believed).map(Number::p),
        badge: judged(of, with),
        caveats: with.caveats.iter().filter_map(explained).collect(),
    }
}

/// What a comparison says, in a word.
fn judged(of: &MetricReport, with: &ComparisonReport) -> Badge {
    if let Some(status) = with.status {
        return guarded(status);
    }
    let badge = |word: &str, tone| Badge {
        word: word.to_owned(),
        tone,
    };
    let Some(headline) = with.headline else {
        return badge("Collecting data", Tone::None);
    };
    let effect = headline.relative.or(headline.absolute).or(with.absolute);
    let Some(effect) = effect.filter(|_| headline.conclusive) else {
        return badge("Not clear yet", Tone::None);
    };
    if is_better(of.direction, effect) {
        badge("▲ Better", Tone::Good)
    } else {
        badge("▼ Worse", Tone::Bad)
    }
}

/// Whether an effect goes the good way.
pub(super) fn is_better(direction: Direction, effect: Effect) -> bool {
    match direction {
        Direction::Increase => effect.estimate > 0.0,
        Direction::Decrease => effect.estimate < 0.0,
    }
}

fn guarded(status: GuardrailStatus) -> Badge {
    let (word, tone) = match status {
        GuardrailStatus::Ok => ("✓ Within its limit", Tone::Good),
        GuardrailStatus::AtRisk => ("! At its limit, may be chance", Tone::Warn),
        GuardrailStatus::Tripped => ("✕ Beyond its limit", Tone::Bad),
    };
    Badge {
        word: word.to_owned(),
        tone,
    }
}
