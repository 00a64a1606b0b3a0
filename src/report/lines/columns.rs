//! The columns, in groups as sheets show them.

use super::{Cell, Column, Line};
use crate::report::{Adjustment, Effect, Range, Scaled};

const fn column(name: &'static str, of: fn(&Line<'_>) -> Cell) -> Column {
    Column { name, of }
}

fn low(effect: Option<Effect>) -> Option<f64> {
    effect.and_then(|effect| effect.low)
}

fn high(effect: Option<Effect>) -> Option<f64> {
    effect.and_then(|effect| effect.high)
}

fn estimate(effect: Option<Effect>) -> Option<f64> {
    effect.map(|effect| effect.estimate)
}

fn ends(range: Option<Range>) -> (Option<f64>, Option<f64>) {
    (range.map(|range| range.low), range.map(|range| range.high))
}

/// Which experiment, as of when, and which part of the report.
pub(in crate::report) const REPORT: [Column; 3] = [
    column("experiment", |of| Cell::text(&of.report.experiment.key)),
    column("as_of", |of| Cell::Time(of.report.as_of)),
    column("section", |of| Cell::text(of.section.name())),
];

/// The day of the timeline.
pub(in crate::report) const DAY: [Column; 1] = [column("day", |of| {
    of.day.map_or(Cell::Blank, |day| Cell::Day(day.day.clone()))
})];

/// The visitors that a breakdown tells apart.
pub(in crate::report) const FACET: [Column; 2] = [
    column("dimension", |of| {
        of.facet
            .map_or(Cell::Blank, |(of, _)| Cell::text(&of.dimension))
    }),
    column("value", |of| {
        of.facet
            .map_or(Cell::Blank, |(_, of)| Cell::text(&of.value))
    }),
];

/// The metric.
pub(in crate::report) const METRIC: [Column; 3] = [
    column("metric", |of| {
        of.metric.map_or(Cell::Blank, |of| Cell::text(of.key))
    }),
    column("kind", |of| {
        of.metric.map_or(Cell::Blank, |of| Cell::text(of.kind))
    }),
    column("role", |of| {
        of.metric.map_or(Cell::Blank, |of| Cell::code(&of.role))
    }),
];

/// Its visitors' variant.
pub(in crate::report) const VARIANT: [Column; 3] = [
    column("variant", |of| {
        of.place.map_or(Cell::Blank, |of| Cell::text(of.variant))
    }),
    column("revision", |of| {
        let revision = of.place.map(|of| u64::from(of.revision.unwrap_or(1)));
        Cell::count(revision)
    }),
    column("holdout", |of| Cell::flag(of.place.map(|of| of.holdout))),
];

/// What the metric is of the variant's visitors, or of all that are not held out.
pub(in crate::report) const MEAN: [Column; 8] = [
    column("visitors", |of| Cell::count(of.of.map(|of| of.visitors))),
    column("sum", |of| Cell::number(of.of.and_then(|of| of.sum))),
    column("cost", |of| Cell::number(of.of.and_then(|of| of.cost))),
    column("mean", |of| {
        let policy = of.policy.and_then(|of| of.policy);
        of.in_units(of.of.and_then(|of| of.mean).or(policy.map(|of| of.mean)))
    }),
    column("std_error", |of| {
        let policy = of.policy.and_then(|of| of.policy?.std_error);
        of.in_units(of.of.and_then(|of| of.std_error).or(policy))
    }),
    column("mean_low", |of| of.in_units(mean_end(of, 0))),
    column("mean_high", |of| of.in_units(mean_end(of, 1))),
    column("prob_best", |of| {
        Cell::share(of.of.and_then(|of| of.prob_best))
    }),
];

fn mean_end(of: &Line<'_>, end: usize) -> Option<f64> {
    let policy = of.policy.and_then(|of| of.policy?.interval);
    let interval = of.of.and_then(|of| of.interval).or(policy)?;
    interval.get(end).copied()
}

/// What the comparison is with.
pub(in crate::report) const BASELINE: [Column; 6] = [
    column("baseline", |of| {
        let policy = of.policy.map(|_| Cell::text("holdout"));
        let with = of.with.map(|with| Cell::text(&with.baseline));
        with.or(policy).unwrap_or(Cell::Blank)
    }),
    column("baseline_visitors", |of| {
        Cell::count(of.with.map(|with| with.baseline_visitors))
    }),
    column("baseline_mean", |of| {
        of.in_units(of.policy.and_then(|of| Some(of.holdout?.mean)))
    }),
    column("baseline_std_error", |of| {
        of.in_units(of.policy.and_then(|of| of.holdout?.std_error))
    }),
    column("baseline_low", |of| of.in_units(baseline_end(of, 0))),
    column("baseline_high", |of| of.in_units(baseline_end(of, 1))),
];

fn baseline_end(of: &Line<'_>, end: usize) -> Option<f64> {
    of.policy?.holdout?.interval?.get(end).copied()
}

/// The figures to read first.
pub(in crate::report) const HEADLINE: [Column; 7] = [
    column("evidence", |of| {
        let headline = of.with.and_then(|with| with.headline);
        headline.map_or(Cell::Blank, |of| Cell::code(&of.evidence))
    }),
    column("headline_low", |of| Cell::share(low(headline(of)))),
    column("headline_high", |of| Cell::share(high(headline(of)))),
    column("headline_absolute_low", |of| {
        of.in_units(low(of.with.and_then(|with| with.headline?.absolute)))
    }),
    column("headline_absolute_high", |of| {
        of.in_units(high(of.with.and_then(|with| with.headline?.absolute)))
    }),
    column("headline_p", |of| {
        Cell::number(of.with.and_then(|with| with.headline?.p_value))
    }),
    column("conclusive", |of| {
        Cell::flag(of.with.and_then(|with| Some(with.headline?.conclusive)))
    }),
];

fn headline(of: &Line<'_>) -> Option<Effect> {
    of.with?.headline?.relative
}

/// How the comparison was made.
pub(in crate::report) const METHOD: [Column; 3] = [
    column("method", |of| {
        let policy = of.policy.map(|policy| policy.method);
        let method = of.with.map(|with| with.method).or(policy);
        method.map_or(Cell::Blank, |method| Cell::code(&method))
    }),
    column("adjustments", |of| {
        let with = of.with.map(|with| &with.adjustments);
        let policy = of.policy.map(|policy| &policy.adjustments);
        let made = with.or(policy).into_iter().flatten();
        let names: Vec<&str> = made.map(|of| adjustment(*of)).collect();
        Cell::text(names.join(" "))
    }),
    column("variance_reduction", |of| {
        Cell::share(of.with.and_then(|with| with.variance_reduction))
    }),
];

fn adjustment(of: Adjustment) -> &'static str {
    match of {
        Adjustment::Winsorised => "winsorised",
        Adjustment::Cuped => "cuped",
        Adjustment::Cost => "cost",
    }
}

/// The difference, for a look that was planned.
pub(in crate::report) const EFFECT: [Column; 6] = [
    column("absolute", |of| of.in_units(estimate(of.absolute()))),
    column("absolute_low", |of| of.in_units(low(of.absolute()))),
    column("absolute_high", |of| of.in_units(high(of.absolute()))),
    column("relative", |of| Cell::share(estimate(of.relative()))),
    column("relative_low", |of| Cell::share(low(of.relative()))),
    column("relative_high", |of| Cell::share(high(of.relative()))),
];

/// What the test says of it, and what it rests on.
pub(in crate::report) const TEST: [Column; 8] = [
    column("difference_std_error", |of| {
        of.in_units(of.with.and_then(|with| with.std_error))
    }),
    column("p_value", |of| {
        let policy = of.policy.and_then(|policy| policy.p_value);
        Cell::number(of.with.and_then(|with| with.p_value).or(policy))
    }),
    column("p_adjusted", |of| {
        Cell::number(of.with.and_then(|with| with.p_adjusted))
    }),
    column("mature", |of| Cell::share(estimate(mature(of)))),
    column("mature_low", |of| Cell::share(low(mature(of)))),
    column("mature_high", |of| Cell::share(high(mature(of)))),
    column("orders", |of| {
        Cell::number(of.with.and_then(|with| with.orders))
    }),
    column("interrupted", |of| {
        Cell::share(of.with.and_then(|with| with.interrupted))
    }),
];

fn mature(of: &Line<'_>) -> Option<Effect> {
    of.with?.mature
}

/// What holds however often one looks.
pub(in crate::report) const ALWAYS_VALID: [Column; 5] = [
    column("always_valid_low", |of| {
        Cell::share(ends(of.valid().and_then(|of| of.relative)).0)
    }),
    column("always_valid_high", |of| {
        Cell::share(ends(of.valid().and_then(|of| of.relative)).1)
    }),
    column("always_valid_absolute_low", |of| {
        of.in_units(ends(of.valid().and_then(|of| of.absolute)).0)
    }),
    column("always_valid_absolute_high", |of| {
        of.in_units(ends(of.valid().and_then(|of| of.absolute)).1)
    }),
    column("always_valid_p", |of| {
        Cell::number(of.valid().and_then(|of| of.p_value))
    }),
];

/// What the posteriors say.
pub(in crate::report) const BAYES: [Column; 4] = [
    column("prob_better", |of| {
        Cell::share(of.with.and_then(|with| Some(with.bayes?.prob_better)))
    }),
    column("expected_loss", |of| {
        of.in_units(of.with.and_then(|with| with.bayes?.expected_loss))
    }),
    column("bayes_relative_low", |of| Cell::share(ends(credible(of)).0)),
    column("bayes_relative_high", |of| {
        Cell::share(ends(credible(of)).1)
    }),
];

fn credible(of: &Line<'_>) -> Option<Range> {
    of.with?.bayes?.relative
}

/// What it comes to in the shop's own size.
pub(in crate::report) const SCALED: [Column; 8] = [
    column("per_1000_visitors", |of| {
        Cell::number(estimate(per_1000(of)))
    }),
    column("per_1000_visitors_low", |of| {
        Cell::number(low(per_1000(of)))
    }),
    column("per_1000_visitors_high", |of| {
        Cell::number(high(per_1000(of)))
    }),
    column("per_day", |of| Cell::number(estimate(per_day(of)))),
    column("per_day_low", |of| Cell::number(low(per_day(of)))),
    column("per_day_high", |of| Cell::number(high(per_day(of)))),
    column("per_day_always_valid_low", |of| {
        Cell::number(ends(valid_per_day(of)).0)
    }),
    column("per_day_always_valid_high", |of| {
        Cell::number(ends(valid_per_day(of)).1)
    }),
];

fn scaled(of: &Line<'_>) -> Option<Scaled> {
    of.with?.scaled
}

fn per_1000(of: &Line<'_>) -> Option<Effect> {
    scaled(of).map(|scaled| scaled.per_1000_visitors)
}

fn per_day(of: &Line<'_>) -> Option<Effect> {
    let policy = || Some(of.policy?.per_day.as_ref()?.amount);
    scaled(of).and_then(|scaled| scaled.per_day).or_else(policy)
}

fn valid_per_day(of: &Line<'_>) -> Option<Range> {
    of.policy?.per_day.as_ref()?.always_valid
}

/// Where a guardrail stands.
pub(in crate::report) const HARM: [Column; 3] = [
    column("harm", |of| {
        Cell::share(of.with.and_then(|with| with.harm?.estimate))
    }),
    column("harm_low", |of| {
        Cell::share(of.with.and_then(|with| with.harm?.low))
    }),
    column("status", |of| {
        let status = of.with.and_then(|with| with.status);
        status.map_or(Cell::Blank, |status| Cell::code(&status))
    }),
];

/// What is to be said against it.
pub(in crate::report) const CAVEATS: [Column; 1] = [column("caveats", |of| {
    let policy = of.policy.map(|policy| &policy.caveats);
    let caveats = of.with.map(|with| &with.caveats).or(policy);
    let codes: Vec<&str> = caveats
        .into_iter()
        .flatten()
        .map(|caveat| caveat.code())
        .collect();
    Cell::text(codes.join(" "))
})];

/// The rest of what the metric is.
pub(in crate::report) const DEFINED: [Column; 3] = [
    column("direction", |of| {
        of.metric
            .map_or(Cell::Blank, |of| Cell::code(&of.direction))
    }),
    column("limit", |of| Cell::share(of.metric.and_then(|of| of.limit))),
    column("cap", |of| Cell::number(of.metric.and_then(|of| of.cap))),
];

/// How many days the variant's conversions take.
pub(in crate::report) const DELAYS: [Column; 5] = [
    column("days_to_50", |of| {
        Cell::number(of.delay().map(|of| of.days_to_50))
    }),
    column("days_to_80", |of| {
        Cell::number(of.delay().map(|of| of.days_to_80))
    }),
    column("days_to_95", |of| {
        Cell::number(of.delay().map(|of| of.days_to_95))
    }),
    column("reached", |of| Cell::share(of.delay().map(|of| of.reached))),
    column("delays_p", |of| {
        let delays = of.metric.and_then(|metric| metric.delays);
        Cell::number(delays.filter(|_| of.of.is_some()).and_then(|of| of.p_value))
    }),
];

/// Whether the lift differs between the values of the dimension.
pub(in crate::report) const INTERACTION: [Column; 4] = [
    column("interaction_values", |of| {
        Cell::count(of.interaction.map(|of| of.values as u64))
    }),
    column("interaction_p", |of| {
        Cell::number(of.interaction.map(|of| of.p_value))
    }),
    column("interaction_p_adjusted", |of| {
        Cell::number(of.interaction.map(|of| of.p_adjusted))
    }),
    column("interaction", |of| {
        of.interaction
            .map_or(Cell::Blank, |of| Cell::text(&of.text))
    }),
];

/// What a day of the timeline is about as a whole.
pub(in crate::report) const TIMELINE: [Column; 2] = [
    column("visitors_by_then", |of| {
        Cell::count(of.day.map(|day| day.visitors))
    }),
    column("weight", |of| {
        let of_variant = || of.day?.weights.get(of.place?.variant).copied();
        Cell::share(of.metric.map_or_else(of_variant, |_| None))
    }),
];

/// The variant's visitors.
pub(in crate::report) const TRAFFIC: [Column; 8] = [
    column("control", |of| {
        Cell::flag(of.traffic.map(|row| row.control))
    }),
    column("live", |of| Cell::flag(of.traffic.map(|row| row.live))),
    column("share", |of| {
        Cell::share(of.traffic.and_then(|row| row.share))
    }),
    column("expected_share", |of| {
        Cell::share(of.traffic.and_then(|row| row.expected_share))
    }),
    column("gets_now", |of| {
        let row = of.traffic.filter(|row| row.live && !row.holdout);
        let weights = &of.report.weights;
        Cell::share(row.and_then(|row| weights.get(&row.variant).copied()))
    }),
    column("crossovers", |of| {
        Cell::count(of.traffic.map(|row| row.crossovers))
    }),
    column("assigned", |of| {
        Cell::count(of.traffic.map(|row| row.visitors))
    }),
    column("exposed", |of| {
        Cell::count(of.traffic.and_then(|row| row.exposed))
    }),
];
