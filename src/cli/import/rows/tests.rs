//! What records become, cell by cell.

use super::*;

fn columns() -> Columns {
    Columns {
        experiment: ExperimentKey::parse("mail").unwrap(),
        visitor: None,
        variant: "segment".into(),
        at: None,
        event_at: None,
        attributes: vec!["zip".into(), "newbie".into()],
        events: vec![event_columns("Order Completed=bought:spend").unwrap()],
        allocation: None,
        fixed_time: Timestamp::parse("2026-01-01T00:00:00Z").unwrap(),
    }
}

fn rows(columns: &Columns, number: u64, line: &[&str]) -> Result<Vec<String>, Unusable> {
    let header =
        StringRecord::from(["segment", "zip", "newbie", "bought", "spend", "id", "day"].to_vec());
    let layout = Layout::new(columns, &header)?;
    let record = StringRecord::from(line.to_vec());
    let rows = layout.rows(number, &record)?;
    Ok(rows
        .iter()
        .map(|row| serde_json::to_string(row).unwrap())
        .collect())
}

#[test]
fn a_record_is_an_assignment_and_what_its_flags_say() {
    let all = rows(
        &columns(),
        7,
        &["Mens E-Mail", "01234", "1", "1", "12.50", "", ""],
    );
    assert_eq!(
        all.unwrap(),
        [
            r#"{"type":"assignment","visitor":"row-7","experiment":"mail","variant":"Mens E-Mail","timestamp":"2026-01-01T00:00:00.000Z","attributes":{"newbie":1,"zip":"01234"}}"#,
            r#"{"type":"event","id":"import-Order Completed-7","visitor":"row-7","event":"Order Completed","timestamp":"2026-01-01T00:00:01.000Z","properties":{"revenue":12.5}}"#,
        ]
    );
    let quiet = rows(&columns(), 8, &["Mens E-Mail", "", "", "0", "0", "", ""]);
    assert_eq!(quiet.unwrap().len(), 1);
}

#[test]
fn columns_give_visitor_and_times() {
    let columns = Columns {
        allocation: Some(BTreeMap::from([("a".into(), 0.25), ("b".into(), 0.75)])),
        visitor: Some("id".into()),
        at: Some("day".into()),
        attributes: Vec::new(),
        ..columns()
    };
    let all = rows(
        &columns,
        1,
        &["a", "", "", "yes", "", "anna", "2026-02-03 04:05:06"],
    );
    assert_eq!(
        all.unwrap(),
        [
            r#"{"type":"assignment","visitor":"anna","experiment":"mail","variant":"a","timestamp":"2026-02-03T04:05:06.000Z","allocation":{"a":0.25,"b":0.75}}"#,
            r#"{"type":"event","id":"import-Order Completed-1-1770091506000","visitor":"anna","event":"Order Completed","timestamp":"2026-02-03T04:05:07.000Z"}"#,
        ]
    );
}

#[test]
fn what_can_not_be_used_is_named() {
    let of = |line: &[&str]| rows(&columns(), 1, line).unwrap_err().to_string();
    assert_eq!(
        of(&["", "", "", "0", "", "", ""]),
        r#"column "segment" is empty"#
    );
    assert_eq!(
        of(&["a", "", "", "maybe", "", "", ""]),
        r#"column "bought": "maybe" is neither 0/1, true/false, yes/no nor a number"#
    );
    assert_eq!(
        of(&["a", "", "", "1", "much", "", ""]),
        r#"column "spend" has "much", which is no amount"#
    );
    let timed = Columns {
        at: Some("day".into()),
        ..columns()
    };
    let untimely = rows(&timed, 1, &["a", "", "", "0", "", "", "soon"]);
    assert_eq!(
        untimely.unwrap_err().to_string(),
        r#"column "day" has "soon", which is no time"#
    );
    let missing = Columns {
        visitor: Some("who".into()),
        ..columns()
    };
    assert!(rows(&missing, 1, &[]).is_err());
}

#[test]
fn event_columns_need_all_their_names() {
    for text in ["Order", "=a", "Order=", "Order=:b", "Order=a:"] {
        assert!(event_columns(text).is_err(), "{text}");
    }
}

#[test]
fn times_come_in_several_shapes() {
    let expected = Timestamp::parse("2026-02-03T00:00:00Z").ok();
    for text in [
        "2026-02-03",
        "2026-02-03 00:00",
        "2026-02-03T01:00:00+01:00",
        "1770076800000",
    ] {
        assert_eq!(time(text), expected, "{text}");
    }
    assert_eq!(time("yesterday"), None);
}
