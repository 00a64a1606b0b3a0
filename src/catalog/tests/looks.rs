//! The shortest duration and planned looks.

use serde_json::{Value, json};

use super::rules::mistakes;
use crate::catalog::mistake::Code;
use crate::catalog::read_json;
use crate::catalog::spec::{DEFAULT_MIN_DAYS, Spending};

fn read_looks(looks: &Value) -> Vec<(String, Code)> {
    mistakes(&[("/looks", looks.clone())])
}

#[test]
fn a_week_passes_before_a_verdict_unless_the_file_says_otherwise() {
    let plain = read_json(&super::rules::changed(&[])).unwrap();
    assert_eq!((plain.min_days, plain.looks), (DEFAULT_MIN_DAYS, None));
    let given = read_json(&super::rules::changed(&[("/min_days", json!(3))])).unwrap();
    assert_eq!(given.min_days, 3);
    assert_eq!(
        mistakes(&[("/min_days", json!(2_000))]),
        [("min_days".into(), Code::Invalid)]
    );
}

#[test]
fn looks_are_planned_days_of_a_fixed_split() {
    let text = super::rules::changed(&[("/looks", json!({"days": [7, 14], "spending": "pocock"}))]);
    let looks = read_json(&text).unwrap().looks.unwrap();
    assert_eq!(
        (looks.days, looks.spending),
        (vec![7, 14], Spending::Pocock)
    );
    assert_eq!(read_looks(&json!({"days": [1]})), []);
    for days in [
        json!([]),
        json!([7, 7]),
        json!([14, 7]),
        json!([0, 7]),
        json!([5_000]),
    ] {
        let found = read_looks(&json!({"days": days}));
        assert_eq!(found, [("looks.days".into(), Code::Invalid)]);
    }
    let found = read_looks(&json!({"days": ["7"]}));
    assert_eq!(found[0], ("looks.days[0]".into(), Code::WrongType));
    let found = read_looks(&json!({}));
    assert_eq!(found, [("looks.days".into(), Code::Missing)]);
    let bandit = [
        ("/looks", json!({"days": [7]})),
        (
            "/allocation",
            json!({"policy": "thompson", "metric": "purchase"}),
        ),
    ];
    assert_eq!(mistakes(&bandit), [("looks".into(), Code::Conflict)]);
}
