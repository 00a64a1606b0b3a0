//! A report as plain text for a terminal of 110 columns.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::{
    Adjustment, ComparisonReport, Effect, GuardrailStatus, Method, MetricReport, Range, Report,
    VariantMetric, VariantTraffic,
};
use crate::catalog::metric::{Direction, Role};
use crate::stats::{Caveat, srm};

pub(crate) mod cells;
mod facets;
mod holdout;

use cells::{
    Aligned, clipped, decimal, grouped, label, p_value, percent, probability, signed_percent,
    wrapped,
};

/// Renders a report.
pub fn render(report: &Report) -> String {
    let mut out = header(report);
    out += &verdict(report);
    out += &traffic(report);
    for metric in &report.metrics {
        out += &metric_table(report, metric);
    }
    out += &facets::breakdowns(report);
    out += &facets::timeline(report);
    if let Some(of) = &report.holdout {
        out += &holdout::render(of);
    }
    out += &goal(report);
    out += "\nLift: change against the control.\n";
    out += &wrapped("95 %:", &report.shown.promise);
    out += "p: for one look that was planned, not for watching.\n";
    if report.metrics.iter().any(is_adjusted) {
        out += "adjusted: p for all variants of the goal together (Holm), or all secondary metrics (Benjamini-Hochberg).\n";
    }
    out += "P(best): a decision aid, not a significance test.\n";
    out += &joined(report);
    out
}

fn header(report: &Report) -> String {
    let about = &report.experiment;
    let mut out = wrapped(&label(&about.name), &format!("({})", about.key));
    let status = serde_json::to_value(about.status);
    let status = status.as_ref().ok().and_then(serde_json::Value::as_str);
    let moved = if report.adaptive {
        ", the shares of traffic moved"
    } else {
        ""
    };
    let _ = writeln!(
        out,
        "{}, version {}, policy {}, as of {}{moved}",
        status.unwrap_or_default(),
        about.version,
        about.policy,
        report.as_of
    );
    let srm = &report.health.srm;
    let fit = match srm.verdict {
        srm::Verdict::Ok => "the visitors per variant fit the split",
        srm::Verdict::Mismatch => {
            "MISMATCH, the visitors per variant do not fit the split: trust no figure below"
        }
        srm::Verdict::TooFew => "too few visitors to tell whether they fit the split",
    };
    let visitors = grouped(report.visitors);
    let _ = writeln!(
        out,
        "{visitors} visitors\nSample ratio: {fit} (p {}).",
        p_value(srm.p_value)
    );
    out += &crossovers(report);
    out += &exposures(report);
    out
}

/// Who was assigned two variants, if anybody was.
fn crossovers(report: &Report) -> String {
    let health = &report.health;
    let mut out = String::new();
    if health.crossovers > 0 {
        let share = health.crossovers as f64 / report.visitors.max(1) as f64;
        let told = format!(
            "{} visitors ({}) were assigned two variants and count for the first.",
            grouped(health.crossovers),
            percent(Some(share), 1)
        );
        out += &wrapped("Crossovers:", &told);
    }
    if health.joined_unequally {
        let told = "UNEQUAL, who is recognised under several ids has to do with the variant: their visitors are not alike.";
        out += &wrapped("Joined ids:", told);
    }
    out
}

/// How many saw what they were assigned.
fn exposures(report: &Report) -> String {
    let health = &report.health;
    let Some((lost, srm)) = health.lost_exposures.zip(health.exposed_srm) else {
        return String::new();
    };
    let fit = match srm.verdict {
        srm::Verdict::Ok => "the others fit the split",
        srm::Verdict::Mismatch => "MISMATCH, the others do not fit the split",
        srm::Verdict::TooFew => "too few others to tell whether they fit the split",
    };
    format!(
        "Exposures: {} visitors ({}) are not known to have seen their variant; {fit} (p {}).\n",
        grouped(lost.visitors),
        percent(lost.share, 1),
        p_value(srm.p_value)
    )
}

/// What follows, and why.
fn verdict(report: &Report) -> String {
    let verdict = &report.verdict;
    let mut out = format!("\n{}", wrapped("Verdict:", &verdict.headline));
    for reason in verdict
        .reasons
        .iter()
        .filter(|of| of.text != verdict.headline)
    {
        out += &wrapped("  -", &reason.text);
    }
    out
}

fn traffic(report: &Report) -> String {
    let is_told = report.health.lost_exposures.is_some();
    let mut header = vec!["Variant", "Visitors", "Share", "Expected", "Gets now"];
    header.extend(is_told.then_some("Exposed"));
    let mut table = Aligned::new(&header);
    for of in &report.variants {
        let now = report
            .weights
            .get(&of.variant)
            .filter(|_| of.live && !of.holdout);
        let mut cells = vec![
            row_name(&of.variant, of.revision, row_note(of)),
            grouped(of.visitors),
            percent(of.share, 1),
            percent(of.expected_share, 1),
            percent(now.copied(), 1),
        ];
        cells.extend(is_told.then(|| of.exposed.map_or_else(String::new, grouped)));
        table.row(cells);
    }
    format!("\n{}", table.render())
}

fn row_note(of: &VariantTraffic) -> &'static str {
    match (of.holdout, of.control, of.live) {
        (true, _, _) => " (holdout)",
        (false, _, false) => " (retired)",
        (false, true, true) => " (control)",
        (false, false, true) => "",
    }
}

fn row_name(variant: &str, revision: Option<u16>, note: &str) -> String {
    let revision = revision.map_or_else(String::new, |revision| format!("@{revision}"));
    format!("{}{revision}{note}", label(variant))
}

fn metric_table(report: &Report, metric: &MetricReport) -> String {
    let adjusted = is_adjusted(metric);
    let mut header = vec!["Variant", "Visitors", "Mean", "Lift", "95 % interval", "p"];
    header.extend(adjusted.then_some("adjusted"));
    let has_best = metric.variants.iter().any(|of| of.prob_best.is_some());
    header.extend(has_best.then_some("P(best)"));
    let mut table = Aligned::new(&header);
    for of in &metric.variants {
        let comparison = comparison(metric, of);
        let lift = comparison.and_then(|comparison| comparison.relative);
        let note = if of.holdout { " (holdout)" } else { "" };
        let p = |p: Option<f64>| p.map_or_else(String::new, p_value);
        let mut cells = vec![
            row_name(&of.variant, of.revision, note),
            grouped(of.visitors),
            mean(metric, of),
            lift_cell(metric, of, lift),
            comparison.and_then(interval).unwrap_or_default(),
            p(comparison.and_then(|with| with.p_value)),
        ];
        cells.extend(adjusted.then(|| p(comparison.and_then(|with| with.p_adjusted))));
        let best = of.prob_best.map_or_else(String::new, probability);
        cells.extend(has_best.then_some(best));
        table.row(cells);
    }
    format!(
        "\n{}\n{}{}",
        title(report, metric),
        table.render(),
        remarks(metric)
    )
}

/// Whether a p-value of the metric, as it is printed, was adjusted for the others of its family.
fn is_adjusted(metric: &MetricReport) -> bool {
    let mut comparisons = metric.comparisons.iter();
    comparisons.any(|with| with.p_adjusted.map(p_value) != with.p_value.map(p_value))
}

fn lift_cell(metric: &MetricReport, of: &VariantMetric, lift: Option<Effect>) -> String {
    let mut comparisons = metric.comparisons.iter();
    let is_baseline = comparisons.any(|with| with.baseline == of.variant) && !of.holdout;
    match lift {
        Some(lift) => signed_percent(lift.estimate),
        None if is_baseline => "control".to_owned(),
        None => String::new(),
    }
}

fn comparison<'a>(metric: &'a MetricReport, of: &VariantMetric) -> Option<&'a ComparisonReport> {
    let same =
        |with: &&ComparisonReport| with.variant == of.variant && with.revision == of.revision;
    metric.comparisons.iter().find(same).filter(|_| !of.holdout)
}

fn title(report: &Report, metric: &MetricReport) -> String {
    let mut facts = vec![match metric.kind.as_str() {
        "conversion" => "share of visitors".to_owned(),
        "ratio" => "ratio of totals".to_owned(),
        "sum" => {
            let currency = report.experiment.currency.as_deref();
            currency.map_or_else(
                || "per visitor".to_owned(),
                |of| format!("{} per visitor", clipped(&label(of))),
            )
        }
        _ => "per visitor".to_owned(),
    }];
    match metric.role {
        Role::Goal => facts.push("goal".to_owned()),
        Role::Guardrail => facts.push("guardrail".to_owned()),
        Role::Secondary => {}
    }
    if metric.direction == Direction::Decrease {
        facts.push("lower is better".to_owned());
    }
    facts.extend(metric.cap.map(|cap| format!("capped at {}", decimal(cap))));
    facts.extend(methods(metric));
    format!("{}: {}", label(&metric.key), facts.join(", "))
}

fn mean(metric: &MetricReport, of: &VariantMetric) -> String {
    match (of.mean, metric.kind.as_str()) {
        (None, _) => String::new(),
        (Some(mean), "conversion") => percent(Some(mean), 2),
        (Some(mean), _) => decimal(mean),
    }
}

/// The interval of the headline.
fn interval(of: &ComparisonReport) -> Option<String> {
    let effect = of.headline?.relative?;
    let (low, high) = effect.low.zip(effect.high)?;
    Some(range(Range { low, high }))
}

fn range(of: Range) -> String {
    format!("{} to {}", signed_percent(of.low), signed_percent(of.high))
}

/// How the lifts and p-values of a metric were made.
fn methods(metric: &MetricReport) -> Option<String> {
    let name = |method: Method| match method {
        Method::Welch => "Welch",
        Method::PooledZ | Method::PooledZNewcombe => "z test",
        Method::Ratio => "delta method",
        Method::Aipw => "AIPW",
        Method::Weighted => "inverse weights",
    };
    let with = |of: &ComparisonReport| {
        let is_adjusted = of.adjustments.contains(&Adjustment::Cuped);
        let cuped = if is_adjusted { " with CUPED" } else { "" };
        format!("{}{cuped}", name(of.method))
    };
    let used: BTreeSet<String> = metric.comparisons.iter().map(with).collect();
    let used: Vec<String> = used.into_iter().collect();
    (!used.is_empty()).then(|| format!("by {}", used.join(" and ")))
}

/// Caveats in words, each once with the variants it concerns, and guardrails at risk.
fn remarks(metric: &MetricReport) -> String {
    let mut out = String::new();
    let mut caveats: Vec<_> = metric
        .comparisons
        .iter()
        .flat_map(|with| &with.caveats)
        .filter(|caveat| **caveat != Caveat::DelaysDiffer)
        .collect();
    caveats.sort_unstable();
    caveats.dedup();
    for caveat in caveats {
        let concerned = metric
            .comparisons
            .iter()
            .filter(|with| with.caveats.contains(caveat));
        let names: Vec<String> = concerned
            .map(|with| row_name(&with.variant, with.revision, ""))
            .collect();
        let names = match names.len() {
            0..=3 => names.join(", "),
            many if many == metric.comparisons.len() => "All variants".to_owned(),
            many => format!("{many} variants"),
        };
        out += &wrapped("  !", &format!("{names}: {}", caveat.explain()));
    }
    let delays = metric.delays.as_ref();
    if let Some(warning) = delays.and_then(|of| of.warning.as_ref()) {
        out += &wrapped("  !", warning);
    }
    for with in &metric.comparisons {
        if let Some(text) = guardrail(metric, with) {
            out += &wrapped("  !", &text);
        }
    }
    out
}

/// Where a guardrail stands that is not all right.
fn guardrail(metric: &MetricReport, with: &ComparisonReport) -> Option<String> {
    let word = match with.status? {
        GuardrailStatus::Ok => return None,
        GuardrailStatus::AtRisk => "at risk",
        GuardrailStatus::Tripped => "TRIPPED",
    };
    let harm = with.harm?;
    let name = row_name(&with.variant, with.revision, "");
    let least = harm.low.filter(|low| *low > 0.0);
    let sizes = [
        harm.estimate.map(|size| percent(Some(size), 1)),
        least.map(|low| format!("at least {}", percent(Some(low), 1))),
    ];
    let sizes: Vec<String> = sizes.into_iter().flatten().collect();
    Some(format!(
        "{name}: {word}, {} worse than the control, the limit being {}.",
        sizes.join(", "),
        percent(metric.limit, 1)
    ))
}

/// Says so where the holdout is part of what the variants are compared with.
fn joined(report: &Report) -> String {
    let own = |metric: &MetricReport, with: &ComparisonReport| {
        let drawn = metric
            .variants
            .iter()
            .filter(|of| !of.holdout && of.variant == with.baseline);
        drawn.map(|of| of.visitors).sum::<u64>()
    };
    let mut compared = report.metrics.iter().flat_map(|metric| {
        let comparisons = metric.comparisons.iter();
        comparisons.map(move |with| with.baseline_visitors > own(metric, with))
    });
    if compared.any(|joins| joins) {
        "The control of every lift includes the holdout, which is served the same.\n".to_owned()
    } else {
        String::new()
    }
}

fn goal(report: &Report) -> String {
    let Some(goal) = &report.goal else {
        return String::new();
    };
    let target = format!(
        "{} {}",
        label(&goal.metric),
        signed_percent(goal.target_lift)
    );
    let outlook = match goal.variant.as_ref().zip(goal.prob_reached) {
        None => "too early to say.".to_owned(),
        Some((variant, reached)) => format!(
            "the likeliest to have reached it is {} with {}.",
            label(variant),
            probability(reached)
        ),
    };
    let text = format!("{target} by {}: {outlook}", goal.by);
    format!("\n{}", wrapped("Goal:", &text))
}
