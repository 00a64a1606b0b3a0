//! CSV and workbooks have the figures of the JSON report, and texts that nobody runs.

use serde_json::{Value, json};
use std::collections::BTreeMap;

use super::shop::{CONVERTED, Group, Shop, held, row};
use super::*;
use crate::moments::Observation;
use crate::report::xlsx::tests::{Book, Rows};

/// A column, and where the same figure stands in JSON.
type Same = &'static [(&'static str, &'static str)];

const MEANS: Same = &[
    ("visitors", "/visitors"),
    ("sum", "/sum"),
    ("cost", "/cost"),
    ("mean", "/mean"),
    ("std_error", "/std_error"),
    ("mean_low", "/interval/0"),
    ("mean_high", "/interval/1"),
    ("prob_best", "/prob_best"),
];
const EFFECTS: Same = &[
    ("absolute", "/absolute/estimate"),
    ("absolute_low", "/absolute/low"),
    ("absolute_high", "/absolute/high"),
    ("relative", "/relative/estimate"),
    ("relative_low", "/relative/low"),
    ("relative_high", "/relative/high"),
    ("always_valid_low", "/always_valid/relative/low"),
    ("always_valid_high", "/always_valid/relative/high"),
    ("always_valid_absolute_low", "/always_valid/absolute/low"),
    ("always_valid_absolute_high", "/always_valid/absolute/high"),
    ("always_valid_p", "/always_valid/p_value"),
];
const COMPARED: Same = &[
    ("baseline_visitors", "/baseline_visitors"),
    ("headline_low", "/headline/relative/low"),
    ("headline_high", "/headline/relative/high"),
    ("headline_absolute_low", "/headline/absolute/low"),
    ("headline_absolute_high", "/headline/absolute/high"),
    ("headline_p", "/headline/p_value"),
    ("variance_reduction", "/variance_reduction"),
    ("difference_std_error", "/std_error"),
    ("p_value", "/p_value"),
    ("p_adjusted", "/p_adjusted"),
    ("mature", "/mature/estimate"),
    ("mature_low", "/mature/low"),
    ("mature_high", "/mature/high"),
    ("orders", "/orders"),
    ("interrupted", "/interrupted"),
];
const JUDGED: Same = &[
    ("prob_better", "/bayes/prob_better"),
    ("expected_loss", "/bayes/expected_loss"),
    ("bayes_relative_low", "/bayes/relative/low"),
    ("bayes_relative_high", "/bayes/relative/high"),
    ("per_1000_visitors", "/scaled/per_1000_visitors/estimate"),
    ("per_1000_visitors_low", "/scaled/per_1000_visitors/low"),
    ("per_1000_visitors_high", "/scaled/per_1000_visitors/high"),
    ("per_day", "/scaled/per_day/estimate"),
    ("per_day_low", "/scaled/per_day/low"),
    ("per_day_high", "/scaled/per_day/high"),
    ("harm", "/harm/estimate"),
    ("harm_low", "/harm/low"),
];
const DEFINED: Same = &[("limit", "/limit"), ("cap", "/cap")];
const TESTED: Same = &[
    ("interaction_values", "/values"),
    ("interaction_p", "/p_value"),
    ("interaction_p_adjusted", "/p_adjusted"),
    ("interaction", "/text"),
];
const POLICY: Same = &[
    ("mean", "/policy/mean"),
    ("std_error", "/policy/std_error"),
    ("mean_high", "/policy/interval/1"),
    ("baseline_mean", "/holdout/mean"),
    ("baseline_std_error", "/holdout/std_error"),
    ("baseline_low", "/holdout/interval/0"),
    ("p_value", "/p_value"),
    ("per_day", "/per_day/amount/estimate"),
    ("per_day_low", "/per_day/amount/low"),
    ("per_day_always_valid_high", "/per_day/always_valid/high"),
];
const TRAFFIC: Same = &[
    ("assigned", "/visitors"),
    ("share", "/share"),
    ("expected_share", "/expected_share"),
    ("crossovers", "/crossovers"),
    ("exposed", "/exposed"),
];

/// Two variants with metrics of every kind, a holdout, costs, caps, two devices and three days.
fn shop() -> Shop {
    let mut shop = Shop::two(&json!({
        "currency": "EUR", "dimensions": ["device"], "holdout": 0.2, "owner": "=cmd|' /C calc'!A0",
        "name": "+1 حملة 🎉 <script>alert(1)</script>", "hypothesis": "@SUM(A1:A9)",
        "variants": [{"key": "a", "payload": 1}, {"key": "b", "payload": 2, "cost": 0.25}],
        "metrics": [
            {"key": "purchase", "event": "Order", "kind": "conversion", "role": "goal"},
            {"key": "revenue", "event": "Order", "kind": "sum", "cap": 30.0},
            {"key": "orders", "event": "Order", "kind": "count"},
            {"key": "aov", "kind": "ratio", "numerator": "revenue", "denominator": "orders"},
            {"key": "calls", "event": "Call", "kind": "conversion", "role": "guardrail", "limit": 0.1, "direction": "decrease"},
        ],
    }));
    shop.entry.lifecycle.seen = vec![vec!["=1+1".to_owned(), "-2, \"x\"".to_owned()]];
    for day in 26..29 {
        for (row, n, with) in [(row(0), 900, 50), (row(1), 900, 80), (held(), 400, 20)] {
            let paid = Observation {
                y: 20_000_000,
                x: 1,
            };
            for with in [(with, CONVERTED), (with / 2, paid)] {
                shop.send(&Group {
                    epoch: 1,
                    row,
                    day,
                    n,
                    with,
                });
            }
        }
    }
    shop
}

fn asked(shop: &Shop) -> Report {
    shop.ask(None, &["device"], 60)
}

fn of_csv(report: &Report, section: &str) -> Rows {
    let text = csv::render(report);
    let mut reader = ::csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().clone();
    let row = |record: ::csv::StringRecord| {
        let cell = |text: &str| match text {
            "" => Value::Null,
            text => text
                .parse::<f64>()
                .map_or_else(|_| json!(text), |number| json!(number)),
        };
        let names = header.iter().map(str::to_owned);
        names
            .zip(record.iter().map(cell))
            .collect::<BTreeMap<_, _>>()
    };
    let rows = reader.records().map(|record| row(record.unwrap()));
    rows.filter(|row| row["section"] == section).collect()
}

fn opened(shop: &Shop, report: &Report) -> Book {
    let bytes = xlsx::render(report, &shop.entry).unwrap();
    assert_eq!(bytes, xlsx::render(report, &shop.entry).unwrap());
    Book::open(bytes)
}

/// That a row has the figures of a part of the JSON report; the figures that were found.
fn same(row: &BTreeMap<String, Value>, json: &Value, columns: Same) -> usize {
    let found = columns.iter().filter(|(column, pointer)| {
        let expected = json.pointer(pointer).unwrap_or(&Value::Null);
        let got = &row[*column];
        match expected.as_f64() {
            Some(number) => assert_eq!(got.as_f64(), Some(number), "{column} of {row:?}"),
            None => assert_eq!(got, expected, "{column} of {row:?}"),
        }
        !expected.is_null()
    });
    found.count()
}

fn list<'a>(json: &'a Value, pointer: &str) -> &'a [Value] {
    json.pointer(pointer).and_then(Value::as_array).unwrap()
}

/// Each row of a metric's variants with its comparison, or null.
fn rows_of(metrics: &[Value]) -> Vec<(&Value, &Value, &Value)> {
    let of_metric = |metric| {
        let rows = list(metric, "/variants").iter();
        rows.map(move |of| {
            let mut compared = list(metric, "/comparisons").iter();
            let with = compared.find(|with| with["variant"] == of["variant"]);
            let with = with.filter(|_| of["holdout"] == false);
            (metric, of, with.unwrap_or(&Value::Null))
        })
    };
    metrics.iter().flat_map(of_metric).collect()
}

fn metrics_are_the_same(rows: &Rows, json: &Value) {
    let expected = rows_of(list(json, "/metrics"));
    assert_eq!(rows.len(), expected.len());
    for (row, (metric, of, _)) in rows.iter().zip(expected) {
        assert_eq!(
            (&row["metric"], &row["variant"]),
            (&metric["key"], &of["variant"])
        );
        assert!(same(row, of, MEANS) > 4);
        same(row, metric, DEFINED);
    }
}

fn comparisons_are_the_same(rows: &Rows, json: &Value) {
    let expected = rows_of(list(json, "/metrics"));
    let expected = expected.into_iter().filter(|(_, _, with)| !with.is_null());
    let compared = rows.iter().filter(|row| !row["baseline"].is_null());
    let mut found = 0;
    for (row, (_, _, with)) in compared.zip(expected) {
        found += [EFFECTS, COMPARED, JUDGED]
            .map(|of| same(row, with, of))
            .iter()
            .sum::<usize>();
    }
    assert!(found > 120, "{found}");
}

fn breakdowns_are_the_same(rows: &Rows, json: &Value) {
    let breakdown = &json["breakdowns"][0];
    let values = list(breakdown, "/values").iter();
    let expected: Vec<_> = values
        .flat_map(|value| {
            rows_of(list(value, "/metrics"))
                .into_iter()
                .map(move |of| (value, of))
        })
        .collect();
    assert_eq!(rows.len(), expected.len());
    let mut tested = 0;
    for (row, (_, (metric, of, with))) in rows.iter().zip(expected) {
        same(row, of, MEANS);
        same(row, with, EFFECTS);
        same(row, with, COMPARED);
        let mut tests = list(breakdown, "/interactions").iter();
        let test = tests.find(|test| test["metric"] == metric["key"] && !with.is_null());
        tested += same(row, test.unwrap_or(&Value::Null), TESTED);
    }
    assert!(tested > 8, "{tested}");
}

fn timelines_are_the_same(rows: &Rows, json: &Value) {
    let days = list(json, "/timeline").iter();
    let effects = days.clone().flat_map(|day| list(day, "/metrics"));
    let effects: Vec<&Value> = effects
        .flat_map(|metric| list(metric, "/comparisons"))
        .collect();
    let of_metric: Vec<_> = rows.iter().filter(|row| !row["metric"].is_null()).collect();
    assert_eq!((of_metric.len(), effects.len()), (3 * 5, 3 * 5));
    for (row, effect) in of_metric.iter().zip(effects) {
        assert!(same(row, effect, EFFECTS) > 2);
    }
    let weights: Vec<&Value> = days
        .flat_map(|day| day["weights"].as_object().unwrap().values())
        .collect();
    let told = rows.iter().filter(|row| row["metric"].is_null());
    assert!(told.map(|row| &row["weight"]).eq(weights));
    assert_eq!(
        rows[0]["visitors_by_then"].as_f64(),
        json["timeline"][0]["visitors"].as_f64()
    );
}

fn policies_are_the_same(rows: &Rows, json: &Value) {
    let metrics = list(json, "/holdout/metrics");
    assert_eq!(rows.len(), metrics.len());
    let mut found = 0;
    for (row, metric) in rows.iter().zip(metrics) {
        found += same(row, metric, POLICY) + same(row, metric, EFFECTS);
    }
    assert!(found > 60, "{found}");
}

#[test]
fn every_figure_of_both_is_that_of_the_json_report() {
    let shop = shop();
    let report = asked(&shop);
    let json = serde_json::to_value(&report).unwrap();
    let mut book = opened(&shop, &report);
    let mut sheet = |name| book.rows(name);
    metrics_are_the_same(&sheet("Metrics"), &json);
    comparisons_are_the_same(&sheet("Comparisons"), &json);
    breakdowns_are_the_same(&sheet("Breakdowns"), &json);
    timelines_are_the_same(&sheet("Timeline"), &json);
    policies_are_the_same(&sheet("Holdout"), &json);
    let variants = sheet("Variants");
    let whole = of_csv(&report, "metrics");
    for (at, of) in list(&json, "/variants").iter().enumerate() {
        same(&variants[at], of, TRAFFIC);
        same(&whole[at], of, TRAFFIC);
    }
    metrics_are_the_same(&whole, &json);
    comparisons_are_the_same(&whole, &json);
    breakdowns_are_the_same(&of_csv(&report, "breakdowns"), &json);
    timelines_are_the_same(&of_csv(&report, "timeline"), &json);
    policies_are_the_same(&of_csv(&report, "holdout"), &json);
}

#[test]
fn texts_are_texts_whatever_they_begin_with() {
    let shop = shop();
    let report = asked(&shop);
    let mut book = opened(&shop, &report);
    let overview = book.rows("Overview");
    let said = |what: &str| {
        let row = overview.iter().find(|row| row["what"] == what);
        row.map(|row| row["value"].clone()).unwrap()
    };
    assert_eq!(said("name"), "+1 حملة 🎉 <script>alert(1)</script>");
    assert_eq!(said("owner"), "=cmd|' /C calc'!A0");
    assert_eq!(said("verdict"), report.verdict.headline);
    assert_eq!(said("visitors").as_f64(), Some(report.visitors as f64));
    let values = of_csv(&report, "breakdowns");
    let values: Vec<&Value> = values.iter().map(|row| &row["value"]).collect();
    assert!(values.contains(&&json!("'=1+1")) && values.contains(&&json!("'-2, \"x\"")));
    let values = book.rows("Breakdowns");
    assert!(values.iter().any(|row| row["value"] == "=1+1"));
    let meanings = book.rows("Notes");
    assert_eq!(meanings.len(), report.notes.len());
    let epochs = book.rows("Epochs");
    assert_eq!((epochs.len(), &epochs[1]["weight"]), (2, &json!(0.5)));
}

#[test]
fn an_experiment_without_data_has_all_sheets() {
    let shop = Shop::two(&json!({}));
    let report = shop.report(None);
    let mut book = opened(&shop, &report);
    let names = book.names();
    let expected = [
        "Overview",
        "Metrics",
        "Comparisons",
        "Variants",
        "Timeline",
        "Breakdowns",
        "Epochs",
        "Sample ratio",
        "Holdout",
        "Notes",
    ];
    assert_eq!(names, expected);
    for name in ["Timeline", "Breakdowns", "Holdout"] {
        assert_eq!(book.rows(name), Rows::new(), "{name}");
    }
    let metrics = book.rows("Metrics");
    assert_eq!((metrics.len(), &metrics[0]["mean"]), (2, &Value::Null));
}

#[test]
fn fifty_variants_and_a_hundred_metrics_fit() {
    let variants: Vec<Value> = (0..50)
        .map(|i| json!({"key": format!("v{i}"), "payload": i}))
        .collect();
    let metric = |i: usize| {
        json!({
            "key": format!("m{i}"), "event": format!("E{i}"), "kind": "conversion",
            "role": if i == 0 { "goal" } else { "secondary" },
        })
    };
    let metrics: Vec<Value> = (0..100).map(metric).collect();
    let mut shop = Shop::two(&json!({"control": "v0", "variants": variants, "metrics": metrics}));
    shop.entry.epochs = Arc::default();
    shop.open(&[1.0; 50], true);
    let report = shop.report(None);
    let mut book = opened(&shop, &report);
    assert_eq!(book.rows("Metrics").len(), 50 * 100);
    assert_eq!(book.rows("Comparisons").len(), 49 * 100);
}
