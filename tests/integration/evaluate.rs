//! `upswing evaluate` on a recommender's log (tests/golden/ope), and its mistakes by file, line and column.

use std::fmt::Write;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use serde_json::Value;

use crate::harness::upswing;

const COLUMNS: [&str; 6] = [
    "--arm",
    "item",
    "--propensity",
    "propensity",
    "--reward",
    "click",
];

/// The golden log with a row per impression.
fn recommender() -> String {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/ope");
    let packed = std::fs::File::open(golden.join("men/random.csv.gz")).unwrap();
    let mut text = String::new();
    GzDecoder::new(packed).read_to_string(&mut text).unwrap();
    let mut rows = String::from("position,item,propensity,click\n");
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let (shown, clicks): (u32, u32) = (fields[3].parse().unwrap(), fields[4].parse().unwrap());
        for index in 0..shown {
            let click = u8::from(index < clicks);
            writeln!(rows, "{},{},{},{click}", fields[0], fields[1], fields[2]).unwrap();
        }
    }
    rows
}

/// The golden policy, with the columns that the command wants.
fn its_policy() -> String {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/ope/men/policy.csv");
    let text = std::fs::read_to_string(golden).unwrap();
    text.replace("item,position,", "arm,context,")
}

/// Runs the command on these files: exit code, stdout and stderr without the directory.
fn run(log: &str, policy: &str, more: &[&str]) -> (i32, String, String) {
    let directory = tempfile::tempdir().unwrap();
    let (log_file, policy_file) = (
        directory.path().join("log.csv"),
        directory.path().join("policy.csv"),
    );
    std::fs::write(&log_file, log).unwrap();
    std::fs::write(&policy_file, policy).unwrap();
    let mut command = upswing(&["evaluate", log_file.to_str().unwrap(), "--policy"]);
    command.arg(&policy_file).args(COLUMNS).args(more);
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let place = format!("{}/", directory.path().display());
    (
        output.status.code().unwrap(),
        text(&output.stdout),
        text(&output.stderr).replace(&place, ""),
    )
}

#[track_caller]
fn near(figure: &Value, expected: f64) {
    let got = figure.as_f64().unwrap();
    assert!((got / expected - 1.0).abs() < 1e-9, "{got} {expected}");
}

#[test]
fn a_recommender_is_judged_by_random_impressions() {
    let by_position = ["--context", "position"];
    let json = [&by_position[..], &["--format", "json"]].concat();
    let (code, out, err) = run(&recommender(), &its_policy(), &json);
    assert_eq!((code, err.as_str()), (0, ""));
    let judged: Value = serde_json::from_str(&out).unwrap();
    near(&judged["logged"], 0.0046);
    near(&judged["ips"]["estimate"], 0.004_533_560_000_000_009);
    near(&judged["snips"]["estimate"], 0.004_604_232_164_349_612);
    near(&judged["overlap"]["effective"], 2_467.402_418_048_154_7);
    near(&judged["overlap"]["largest_weight"], 10.688_580_000_000_018);
    assert_eq!(judged["overlap"]["visitors"], 10_000);
    let robust = &judged["doubly_robust"];
    let estimate = robust["estimate"].as_f64().unwrap();
    assert!((estimate - 0.0046).abs() < 2e-4, "{robust}");
    assert!(robust["interval"]["low"].as_f64().unwrap() < estimate);
    assert_eq!(judged["notes"], serde_json::json!([]));
    let (code, out, _) = run(&recommender(), &its_policy(), &by_position);
    assert_eq!(code, 0);
    for said in ["doubly robust", "0.0046", "10,000 visitors, worth 2467"] {
        assert!(out.contains(said), "{said}: {out}");
    }
}

/// 1,000 visitors who got `a` or `b` with even chances; `b` earns twice as much.
fn even() -> String {
    let row = |index: u32| {
        let arm = if index.is_multiple_of(2) { "a" } else { "b" };
        let click = matches!(index % 10, 0 | 1 | 3);
        format!("{arm},0.5,{click}\n")
    };
    let rows: String = (0..1_000).map(row).collect();
    format!("item,propensity,click\n{rows}")
}

#[test]
fn a_policy_of_one_arm_earns_what_the_arm_earned() {
    let policy = "arm,probability\na,0\nb,1\n";
    let (code, out, _) = run(&even(), policy, &["--format", "json"]);
    let judged: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(code, 0);
    near(&judged["logged"], 0.3);
    near(&judged["ips"]["estimate"], 0.4);
    near(&judged["snips"]["estimate"], 0.4);
    near(&judged["overlap"]["effective"], 500.0);
}

#[test]
fn what_the_log_cannot_tell_is_noted_or_refused() {
    let even = even();
    let (code, out, _) = run(&even, "arm,probability\na,0.3\nb,0.3\nc,0.4\n", &[]);
    assert_eq!(code, 0);
    assert!(out.contains("To 40.0 % of visitors"), "{out}");
    let wrong = even.replace(",0.5,", ",0.25,");
    let (code, out, _) = run(&wrong, "arm,probability\na,0.5\nb,0.5\n", &[]);
    assert_eq!(code, 0);
    assert!(out.contains("The mean weight is 2"), "{out}");
    let few = even.lines().take(100).collect::<Vec<&str>>().join("\n");
    let (code, out, err) = run(&few, "arm,probability\na,0.5\nb,0.5\n", &[]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(
        err.contains("fewer than 100") && err.contains("99 visitors, worth 99"),
        "{err}"
    );
    let heavy = format!("{even}b,0.001,true\n");
    let (code, _, err) = run(&heavy, "arm,probability\na,0.9\nb,0.1\n", &[]);
    assert_eq!(code, 1);
    assert!(err.contains("One visitor decides"), "{err}");
    let (code, _, err) = run(&even, "arm,probability\na,0\nb,0\nc,1\n", &[]);
    assert_eq!(code, 1);
    assert!(
        err.contains("The log never gave what the policy gives"),
        "{err}"
    );
}

const EVEN: &str = "arm,probability\na,0.5\nb,0.5\n";
const HEADER: &str = "item,propensity,click\n";

#[track_caller]
fn refused(log: &str, policy: &str, said: &str) {
    let (code, out, err) = run(log, policy, &[]);
    assert_eq!((code, out.as_str()), (1, ""), "{err}");
    assert!(err.contains(said), "{said}: {err}");
}

#[test]
fn mistakes_of_the_log_have_their_line_and_column() {
    for (row, said) in [
        ("a,0,1", "\"propensity\": is 0"),
        ("a,1.5,1", "\"propensity\": \"1.5\" is no number from 0"),
        ("a,NaN,1", "\"propensity\": \"NaN\" is no number"),
        ("a,,1", "\"propensity\": is empty"),
        ("c,0.5,1", "\"item\": \"c\" is no arm of the policy"),
        ("a,0.5,much", "\"click\": \"much\" is neither"),
        ("a,0.5,1e300", "\"click\": \"1e300\" is not finite"),
    ] {
        let said = format!("log.csv: line 3, column {said}");
        refused(&format!("{HEADER}a,0.5,1\n{row}\n"), EVEN, &said);
    }
    refused(&format!("{HEADER}a,0.5\n"), EVEN, "log.csv: CSV error");
    refused(HEADER, EVEN, "log.csv: has no rows");
    refused("", EVEN, "log.csv: is empty");
    refused("item,click\na,1\n", EVEN, "no column \"propensity\"");
}

#[test]
fn mistakes_of_the_policy_have_their_line_and_column() {
    for (rows, said) in [
        (
            "a,0.5\nb,0.25",
            "the probabilities add up to 0.75, not to 1",
        ),
        (
            "a,0.5\na,0.5",
            "line 3, column \"arm\": has its probability on",
        ),
        (
            "a,half",
            "line 2, column \"probability\": \"half\" is no number",
        ),
        (
            "a,-1\nb,2",
            "line 2, column \"probability\": \"-1\" is no number",
        ),
    ] {
        let policy = format!("arm,probability\n{rows}\n");
        let said = format!("policy.csv: {said}");
        refused(&format!("{HEADER}a,0.5,1\n"), &policy, &said);
    }
    refused(HEADER, "", "policy.csv: is empty");
    refused(HEADER, "arm,share\na,1\n", "no column \"probability\"");
}

#[test]
fn a_policy_by_context_meets_a_log_with_it() {
    let log = |device: &str| format!("item,propensity,click,device\na,0.5,1,{device}\n");
    let policy = "arm,probability,context\na,1,phone\n";
    let (code, _, err) = run(&log("phone"), policy, &[]);
    assert_eq!(code, 2);
    assert!(err.contains("--context"), "{err}");
    let by_device = ["--context", "device"];
    let (code, _, err) = run(&log("desk"), policy, &by_device);
    assert_eq!(code, 1);
    let said = "line 2, column \"device\": \"desk\" is no context";
    assert!(err.contains(said), "{err}");
    let short = policy.replace(",1,", ",0.9,");
    let (code, _, err) = run(&log("phone"), &short, &by_device);
    assert_eq!(code, 1);
    let said = "add up to 0.9 in the context \"phone\"";
    assert!(err.contains(said), "{err}");
}
