//! The command on files: Kevin Hillstrom's e-mail test against the references, and files with mistakes.

use std::io::Write;

use clap::Parser;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use super::*;
use crate::golden::{self, Case};
use crate::report::{ComparisonReport, MetricReport, Report};

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: AnalyzeArgs,
}

fn args(file: &Path, options: &str) -> AnalyzeArgs {
    let file = file.to_str().unwrap();
    let options = options
        .split_whitespace()
        .map(|option| option.replace('_', " "));
    let all = ["analyze".to_owned(), file.to_owned()]
        .into_iter()
        .chain(options);
    Command::try_parse_from(all).unwrap().args
}

fn analyzed(file: &Path, options: &str) -> Result<String, AnalyzeError> {
    let mut out = Vec::new();
    run(&args(file, options), &mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

/// The analysis of a file with this text.
fn text(csv: &str, options: &str) -> Result<String, AnalyzeError> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("My Test.csv");
    std::fs::write(&file, csv).unwrap();
    analyzed(&file, options)
}

fn json(csv: &str, options: &str) -> Report {
    let out = text(csv, &format!("{options} --format json")).unwrap();
    serde_json::from_str(&out).unwrap()
}

fn problem(csv: &str, options: &str) -> String {
    text(csv, options).unwrap_err().to_string()
}

fn hillstrom(format: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/hillstrom.csv.gz");
    let options = "--variant segment --control No_E-Mail --visitor customer --conversion visit \
        --conversion conversion --sum spend --format";
    analyzed(&file, &format!("{options} {format}")).unwrap()
}

fn hillstrom_report() -> Report {
    serde_json::from_str(&hillstrom("json")).unwrap()
}

fn metric<'a>(report: &'a Report, key: &str) -> &'a MetricReport {
    report
        .metrics
        .iter()
        .find(|metric| metric.key == key)
        .unwrap()
}

/// The golden cases about a comparison of Hillstrom's data, with that comparison.
fn each_golden(text: &str, check: impl Fn(&Case, &ComparisonReport)) {
    let report = hillstrom_report();
    let mut checked = 0;
    for case in golden::cases(text) {
        let mut parts = case.name.split(':');
        let (Some("hillstrom"), Some(key), Some(pair)) = (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        let variant = pair.trim_end_matches(" vs No E-Mail");
        let comparisons = &metric(&report, key).comparisons;
        let comparison = comparisons.iter().find(|with| with.variant == variant);
        let Some(comparison) = comparison else {
            continue;
        };
        check(&case, comparison);
        checked += 1;
    }
    assert!(checked > 0);
}

#[test]
fn hillstrom_is_counted_exactly() {
    let report = hillstrom_report();
    let expected = [
        ("No E-Mail", 21_306, 122.0, 13_908.33),
        ("Mens E-Mail", 21_307, 267.0, 30_311.69),
        ("Womens E-Mail", 21_387, 189.0, 23_038.11),
    ];
    assert_eq!(
        (report.visitors, report.experiment.key.as_str()),
        (64_000, "hillstrom")
    );
    for (name, visitors, conversions, spend) in expected {
        let sum = |key: &str| {
            let mut variants = metric(&report, key).variants.iter();
            let of = variants.find(|of| of.variant == name).unwrap();
            assert_eq!(of.visitors, visitors);
            of.sum.unwrap()
        };
        assert!((sum("conversion") - conversions).abs() < 1e-9);
        assert!((sum("spend") - spend).abs() < 1e-6);
    }
    let srm = golden::cases(include_str!("../../../tests/golden/srm.json"));
    let srm = srm
        .iter()
        .find(|case| case.name == "hillstrom 1/3 each")
        .unwrap();
    srm.check("chi2", &[report.health.srm.chi2.unwrap()]);
    srm.check("p_value", &[report.health.srm.p_value]);
}

#[test]
fn hillstrom_agrees_with_the_references() {
    each_golden(
        include_str!("../../../tests/golden/two_proportion.json"),
        |case, with| {
            let absolute = with.absolute.unwrap();
            case.check("diff", &[absolute.estimate]);
            case.check(
                "ci_diff_wald",
                &[absolute.low.unwrap(), absolute.high.unwrap()],
            );
            case.check("p_value_pooled", &[with.p_value.unwrap()]);
        },
    );
    each_golden(
        include_str!("../../../tests/golden/welch.json"),
        |case, with| {
            let absolute = with.absolute.unwrap();
            case.check("diff", &[absolute.estimate]);
            case.check("ci_t", &[absolute.low.unwrap(), absolute.high.unwrap()]);
            case.check("p_value", &[with.p_value.unwrap()]);
        },
    );
    each_golden(
        include_str!("../../../tests/golden/relative_lift.json"),
        |case, with| {
            case.check("lift", &[with.relative.unwrap().estimate]);
            // The reference takes the normal quantile; with Welch's the ends lie a hair further out.
            let (relative, ends) = (with.relative.unwrap(), case.numbers("ci_fieller"));
            for (got, expected) in [relative.low.unwrap(), relative.high.unwrap()]
                .iter()
                .zip(ends)
            {
                assert!(
                    (got / expected - 1.0).abs() < 1e-4,
                    "{}: {got} {expected}",
                    case.name
                );
            }
        },
    );
}

#[test]
fn hillstrom_posteriors_agree_with_the_references() {
    let report = hillstrom_report();
    let cases = golden::cases(include_str!("../../../tests/golden/bayes_beta.json"));
    for key in ["visit", "conversion"] {
        let name = format!("hillstrom:{key}:[No,Mens,Womens]");
        let case = cases.iter().find(|case| case.name == name).unwrap();
        let of = |name: &str| {
            let mut comparisons = metric(&report, key).comparisons.iter();
            comparisons
                .find(|with| with.variant == name)
                .unwrap()
                .bayes
                .unwrap()
        };
        let (mens, womens) = (of("Mens E-Mail"), of("Womens E-Mail"));
        case.check("p_beat_control", &[mens.prob_better, womens.prob_better]);
        let best: Vec<f64> = ["No E-Mail", "Mens E-Mail", "Womens E-Mail"]
            .iter()
            .map(|name| {
                let mut variants = metric(&report, key).variants.iter();
                variants
                    .find(|of| of.variant == *name)
                    .unwrap()
                    .prob_best
                    .unwrap()
            })
            .collect();
        case.check("p_best", &best);
        for (bayes, expected) in [mens, womens]
            .iter()
            .zip(case.numbers("lift_ci_median").chunks(3))
        {
            let range = bayes.relative.unwrap();
            assert!(
                (range.low - expected[0]).abs() < 1e-6 && (range.high - expected[2]).abs() < 1e-6
            );
        }
    }
}

#[test]
fn hillstrom_as_a_table() {
    let table = hillstrom("table");
    let stable: Vec<&str> = table
        .lines()
        .filter(|line| !line.contains(", as of "))
        .collect();
    insta::assert_snapshot!(stable.join("\n"));
    assert_eq!(hillstrom("csv").lines().count(), 1 + 3 * 3);
}

#[test]
fn rows_of_a_visitor_are_added_up_and_words_are_understood() {
    let csv = "who,v,bought,paid\n1,a,yes,2.5\n1,a,no,1.5\n2,b,TRUE,\n3,a,,-1\n4,b,0.0,3\n";
    let options = "--variant v --control a --visitor who --conversion bought --sum paid";
    let report = json(csv, options);
    assert_eq!(
        (report.visitors, report.experiment.key.as_str()),
        (4, "my-test")
    );
    let sums = |key: &str| {
        metric(&report, key)
            .variants
            .iter()
            .filter_map(|of| of.sum)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (sums("bought"), sums("paid")),
        (vec![1.0, 1.0], vec![3.0, 3.0])
    );
    let report = json(
        csv,
        "--variant v --control b --sum paid --conversion paid --weights b=1,a=3",
    );
    assert_eq!(report.visitors, 5);
    assert!((report.weights["a"] - 0.75).abs() < 1e-12);
    assert_eq!(report.metrics[1].key, "paid (sum)");
}

#[test]
fn compressed_files_and_byte_order_marks_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("x.csv.gz");
    let mut encoder = GzEncoder::new(File::create(&file).unwrap(), Compression::fast());
    encoder
        .write_all("\u{feff}v,c\na,1\nb,0\n".as_bytes())
        .unwrap();
    encoder.finish().unwrap();
    assert!(analyzed(&file, "--variant v --control a --conversion c").is_ok());
}

#[test]
fn mistakes_name_their_line_and_column() {
    let options = "--variant v --control a --sum paid";
    let rows = |rows: &str| problem(&format!("v,paid\n{rows}"), options);
    assert_eq!(
        rows("a,1\nb,12x\n"),
        "line 3, column \"paid\": \"12x\" is not a number"
    );
    assert!(rows("a,1e10\n").starts_with("line 2, column \"paid\": \"1e10\" is not finite"));
    assert_eq!(rows("a,1\n,2\n"), "line 3, column \"v\": is empty");
    assert!(rows("a,1\nb\n").contains("line: 3"));
    assert_eq!(
        rows("b,1\n"),
        "no row has the control \"a\"; the variants are: b"
    );
    let missing = problem("v,x\na,1\n", options);
    assert_eq!(missing, "there is no column \"paid\"; the header has: v, x");
    let unknown = problem(
        "v,paid\na,1\nc,1\n",
        &format!("{options} --weights a=1,b=1"),
    );
    assert_eq!(
        unknown,
        "line 3, column \"v\": \"c\" is none of the variants of --weights"
    );
    let crossover = problem(
        "who,v,paid\n7,a,1\n7,b,1\n",
        &format!("{options} --visitor who"),
    );
    assert_eq!(
        crossover,
        "line 3, column \"v\": the visitor \"7\" is in \"b\" and was in \"a\" before"
    );
    let maybe = problem("v,c\na,maybe\n", "--variant v --control a --conversion c");
    assert!(maybe.starts_with("line 2, column \"c\": \"maybe\" is neither"));
    assert!(problem("v\na\n", "--variant v --control a").starts_with("name at least one column"));
    let absent = analyzed(Path::new("nowhere.csv"), options)
        .unwrap_err()
        .to_string();
    assert!(absent.starts_with("nowhere.csv: "));
    let many: Vec<String> = (0..110).map(|i| format!("{i},1")).collect();
    assert!(
        problem(&format!("v,paid\n{}", many.join("\n")), options).contains("one variant too many")
    );
}

#[test]
fn json_is_the_report_of_the_api() {
    let out = text(
        "v,c\na,1\nb,0\n",
        "--variant v --control a --conversion c --format json",
    )
    .unwrap();
    let value: Value = serde_json::from_str(&out).unwrap();
    let report: Report = serde_json::from_str(&out).unwrap();
    assert_eq!(serde_json::to_value(&report).unwrap(), value);
    assert_eq!(value["experiment"]["policy"], "fixed");
}

/// The rows of Hillstrom's file without the women's e-mail.
fn mens_or_none() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/hillstrom.csv.gz");
    let mut all = String::new();
    open(&file).unwrap().read_to_string(&mut all).unwrap();
    let kept: Vec<&str> = all
        .lines()
        .filter(|line| !line.contains("Womens E-Mail"))
        .collect();
    kept.join("\n")
}

#[test]
fn percentile_caps_agree_with_the_golden_ones() {
    let csv = mens_or_none();
    let mut checked = 0;
    for case in golden::cases(include_str!("../../../tests/golden/winsor.json")) {
        if !case.name.starts_with("hillstrom") {
            continue;
        }
        let zeros = case.input["ignore_zeros"].as_bool().unwrap();
        let options = format!(
            "--variant segment --control No_E-Mail --sum spend --cap spend={}% {}",
            case.number("q") * 100.0,
            if zeros { "--ignore-zeros" } else { "" }
        );
        let args = args(Path::new("x.csv"), &options);
        let columns = Columns::new(&args).unwrap();
        let counted = rows::read(csv.as_bytes(), &args, &columns).unwrap();
        let cells = counted.cells();
        let sums = cells.plain.values();
        let all = sums.fold(crate::moments::Moments::default(), |all, of| all + *of);
        let case = case.part(&case.expected["inverted_cdf"]);
        case.check("n", &[all.n as f64]);
        case.check("sum", &[all.y as f64 / 1e6]);
        case.check("sumsq", &[all.yy.as_f64() / 1e12]);
        let report = json(&csv, &options);
        case.check("cap", &[report.metrics[0].cap.unwrap()]);
        let with = &report.metrics[0].comparisons[0];
        assert_eq!(with.adjustments, [crate::report::Adjustment::Winsorised]);
        checked += 1;
    }
    assert_eq!(checked, 2);
}

#[test]
fn caps_are_amounts_or_percentages_of_sums() {
    let csv = "v,paid\na,1\na,9\nb,0\nb,5\n";
    let sums = |cap: &str| {
        let report = json(
            csv,
            &format!("--variant v --control a --sum paid --cap {cap}"),
        );
        let sums = report.metrics[0].variants.iter().filter_map(|of| of.sum);
        (sums.collect::<Vec<_>>(), report.metrics[0].cap)
    };
    assert_eq!(sums("paid=4"), (vec![5.0, 4.0], Some(4.0)));
    assert_eq!(sums("paid=50%"), (vec![2.0, 1.0], Some(1.0)));
    assert_eq!(sums("paid=50% --ignore-zeros"), (vec![6.0, 5.0], Some(5.0)));
    let options = |cap: &str| format!("--variant v --control a --sum paid --cap {cap}");
    let table = text(csv, &options("paid=4")).unwrap();
    assert!(table.contains("capped at 4.000"), "{table}");
    assert_eq!(
        problem(csv, &options("cost=4")),
        "--cap names \"cost\", which is no column of --sum"
    );
    assert_eq!(
        problem(csv, &options("paid=4,paid=5")),
        "--cap names \"paid\" twice"
    );
    assert_eq!(
        problem("v,paid\na,0\na,0\nb,0\nb,5\n", &options("paid=75%")),
        "percentile 75 of \"paid\" is not above 0, so it is no cap: use a higher one, or --ignore-zeros"
    );
    for wrong in ["paid", "paid=x", "paid=-1", "paid=0.995%", "paid=100%"] {
        assert!(cap(wrong).is_err(), "{wrong}");
    }
}
