//! A report as CSV: one line per metric and variant, with the comparison against the control.
//!
//! Spreadsheets run a cell that begins with `=`, `+`, `-` or `@` as a formula, so a text that does gets an apostrophe
//! in front. Numbers are written in full and are left alone.

use super::{ComparisonReport, MetricReport, Report, VariantMetric, VariantTraffic};

const HEADER: [&str; 46] = [
    "experiment",
    "as_of",
    "dimension",
    "value",
    "metric",
    "kind",
    "role",
    "variant",
    "revision",
    "holdout",
    "visitors",
    "sum",
    "mean",
    "std_error",
    "mean_low",
    "mean_high",
    "prob_best",
    "baseline",
    "baseline_visitors",
    "evidence",
    "headline_low",
    "headline_high",
    "headline_p",
    "conclusive",
    "method",
    "absolute",
    "absolute_low",
    "absolute_high",
    "relative",
    "relative_low",
    "relative_high",
    "p_value",
    "p_adjusted",
    "always_valid_low",
    "always_valid_high",
    "always_valid_p",
    "prob_better",
    "expected_loss",
    "bayes_relative_low",
    "bayes_relative_high",
    "harm",
    "harm_low",
    "status",
    "caveats",
    "assigned",
    "exposed",
];

/// Renders a report; breakdowns follow the metrics, with their dimension and value.
pub fn render(report: &Report) -> String {
    let mut out = HEADER.join(",") + "\n";
    let about = [text(&report.experiment.key), report.as_of.to_string()];
    let mut write = |facet: [String; 2], metrics: &[MetricReport]| {
        let is_whole = facet.iter().all(String::is_empty);
        let start: Vec<String> = about.iter().cloned().chain(facet).collect();
        for metric in metrics {
            for variant in &metric.variants {
                let cells = start.iter().cloned().chain(line(metric, variant));
                let counts = counts(report, variant, is_whole);
                out += &cells.chain(counts).collect::<Vec<_>>().join(",");
                out.push('\n');
            }
        }
    };
    write([String::new(), String::new()], &report.metrics);
    for breakdown in &report.breakdowns {
        for value in &breakdown.values {
            write(
                [text(&breakdown.dimension), text(&value.value)],
                &value.metrics,
            );
        }
    }
    out
}

fn line(metric: &MetricReport, of: &VariantMetric) -> Vec<String> {
    let same =
        |with: &&ComparisonReport| with.variant == of.variant && with.revision == of.revision;
    let comparison = metric.comparisons.iter().find(same).filter(|_| !of.holdout);
    let interval = |end: usize| number(of.interval.and_then(|ends| ends.get(end).copied()));
    let mut cells = vec![
        text(&metric.key),
        text(&metric.kind),
        code(&metric.role),
        text(&of.variant),
        of.revision.unwrap_or(1).to_string(),
        of.holdout.to_string(),
        of.visitors.to_string(),
        number(of.sum),
        number(of.mean),
        number(of.std_error),
        interval(0),
        interval(1),
        number(of.prob_best),
    ];
    match comparison {
        Some(comparison) => cells.extend(compared(comparison)),
        None => cells.resize(HEADER.len() - 6, String::new()),
    }
    cells
}

/// Assigned and exposed visitors of a variant; a breakdown does not keep them apart.
fn counts(report: &Report, of: &VariantMetric, is_whole: bool) -> [String; 2] {
    let same = |row: &&VariantTraffic| {
        (&row.variant, row.revision, row.holdout) == (&of.variant, of.revision, of.holdout)
    };
    let row = report.variants.iter().find(same).filter(|_| is_whole);
    let count = |count: Option<u64>| count.map_or_else(String::new, |count| count.to_string());
    [
        count(row.map(|row| row.visitors)),
        count(row.and_then(|row| row.exposed)),
    ]
}

fn compared(with: &ComparisonReport) -> [String; 27] {
    let (absolute, relative, bayes) = (with.absolute, with.relative, with.bayes);
    let valid = with.always_valid.and_then(|valid| valid.relative);
    let credible = bayes.and_then(|bayes| bayes.relative);
    let headline = with.headline;
    let shown = headline.and_then(|headline| headline.relative);
    let caveats: Vec<&str> = with.caveats.iter().map(|caveat| caveat.code()).collect();
    [
        text(&with.baseline),
        with.baseline_visitors.to_string(),
        headline.map_or_else(String::new, |headline| code(&headline.evidence)),
        number(shown.and_then(|effect| effect.low)),
        number(shown.and_then(|effect| effect.high)),
        number(headline.and_then(|headline| headline.p_value)),
        headline.map_or_else(String::new, |headline| headline.conclusive.to_string()),
        code(&with.method),
        number(absolute.map(|effect| effect.estimate)),
        number(absolute.and_then(|effect| effect.low)),
        number(absolute.and_then(|effect| effect.high)),
        number(relative.map(|effect| effect.estimate)),
        number(relative.and_then(|effect| effect.low)),
        number(relative.and_then(|effect| effect.high)),
        number(with.p_value),
        number(with.p_adjusted),
        number(valid.map(|range| range.low)),
        number(valid.map(|range| range.high)),
        number(with.always_valid.and_then(|valid| valid.p_value)),
        number(bayes.map(|bayes| bayes.prob_better)),
        number(bayes.and_then(|bayes| bayes.expected_loss)),
        number(credible.map(|range| range.low)),
        number(credible.map(|range| range.high)),
        number(with.harm.and_then(|harm| harm.estimate)),
        number(with.harm.and_then(|harm| harm.low)),
        with.status.map_or_else(String::new, |status| code(&status)),
        caveats.join(" "),
    ]
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// A closed set's name, as in JSON.
fn code(value: &impl serde::Serialize) -> String {
    let json = serde_json::to_value(value);
    let name = json.as_ref().ok().and_then(serde_json::Value::as_str);
    name.unwrap_or_default().to_owned()
}

/// A text as one cell that no spreadsheet runs.
fn text(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let guard = if is_formula { "'" } else { "" };
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{guard}{}\"", text.replace('"', "\"\""))
    } else {
        format!("{guard}{text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_run_by_a_spreadsheet() {
        assert_eq!(text("=1+1"), "'=1+1");
        assert_eq!(text("@SUM(A1)"), "'@SUM(A1)");
        assert_eq!(text("-2, \"x\""), "\"'-2, \"\"x\"\"\"");
        assert_eq!(text("plain"), "plain");
        assert_eq!(number(Some(-0.5)), "-0.5");
    }
}
