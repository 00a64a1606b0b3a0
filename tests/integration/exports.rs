//! What is taken along: the report as a workbook, by the API and by the command line.

use std::io::Cursor;

use calamine::{Data, DataType, Reader, Xlsx};
use serde_json::json;

use crate::harness::{TestApp, upswing};
use crate::model::{fixed, thompson, with};

const WORKBOOK: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

fn opened(bytes: Vec<u8>) -> Xlsx<Cursor<Vec<u8>>> {
    Xlsx::new(Cursor::new(bytes)).unwrap()
}

/// What stands beside a word of the first sheet.
fn beside(book: &mut Xlsx<Cursor<Vec<u8>>>, what: &str) -> Data {
    let range = book.worksheet_range("Overview").unwrap();
    let mut rows = range.rows();
    let row = rows.find(|row| row[0] == Data::String(what.to_owned()));
    row.unwrap()[1].clone()
}

#[test]
fn a_workbook_comes_as_a_file_with_what_the_report_says() {
    let app = TestApp::start();
    app.put_experiment(&with(thompson("hero"), "name", json!("=1+1 عربي 🎉")));
    app.assign_many("hero", 0..300);
    let query = "report?format=xlsx&dimension=all&days=60";
    let url = format!("{}/api/v1/experiments/hero/{query}", app.url);
    let mut answer = ureq::get(&url).call().unwrap();
    assert_eq!(answer.headers()["content-type"], WORKBOOK);
    let file = &answer.headers()["content-disposition"];
    assert_eq!(file, "attachment; filename=\"hero.xlsx\"");
    let mut book = opened(answer.body_mut().read_to_vec().unwrap());
    assert_eq!(
        beside(&mut book, "name"),
        Data::String("=1+1 عربي 🎉".to_owned())
    );
    assert_eq!(beside(&mut book, "visitors"), Data::Float(300.0));
    let report = app.report("hero").0;
    let verdict = beside(&mut book, "verdict").to_string();
    assert_eq!(json!(verdict), report["verdict"]["headline"]);
    let ratio = book.worksheet_range("Sample ratio").unwrap();
    let srm = &report["health"]["srm_by_source"][0]["srm"];
    let told = ratio.rows().nth(1).unwrap()[6].as_f64();
    assert_eq!(told, srm["p_value"].as_f64());
    let days = book.worksheet_range("Timeline").unwrap();
    assert_eq!(
        days.rows().count(),
        1 + 2 + 3,
        "weights and metrics of one day"
    );
    app.get("/api/v1/experiments/hero/report?format=pdf")
        .problem(400, "invalid_query");
    let described = app.get("/api/openapi.json").expect(200);
    let answer = &described["paths"]["/api/v1/experiments/{key}/report"]["get"]["responses"]["200"];
    assert!(answer["content"].get(WORKBOOK).is_some(), "{answer}");
}

#[test]
fn a_file_is_analysed_into_a_workbook() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("test.csv");
    std::fs::write(&file, "v,paid\na,1\na,9\nb,0\nb,5\n").unwrap();
    let file = file.to_str().unwrap();
    let mut command = upswing(&["analyze", file, "--variant", "v", "--control", "a"]);
    let printed = command
        .args(["--sum", "paid", "--format", "xlsx"])
        .output()
        .unwrap();
    assert!(printed.status.success(), "{printed:?}");
    let mut book = opened(printed.stdout);
    assert_eq!(beside(&mut book, "visitors"), Data::Float(4.0));
}

#[test]
fn the_command_line_sends_it_to_a_file() {
    let app = TestApp::with_args(&["--global-holdout", "0.1"]);
    app.put_experiment(&fixed("hero"));
    app.assign_many("hero", 0..300);
    for (key, visitors) in [("hero", 250.0..299.0), ("global-holdout", 300.0..300.5)] {
        let mut command = upswing(&["report", key, "--format", "xlsx", "--server", &app.url]);
        let printed = command.output().unwrap();
        assert!(printed.status.success(), "{printed:?}");
        let mut book = opened(printed.stdout);
        let Data::Float(told) = beside(&mut book, "visitors") else {
            panic!("a number")
        };
        assert!(visitors.contains(&told), "{key}: {told}");
    }
}
