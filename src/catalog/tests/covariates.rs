//! Covariates of metrics: their defaults, and what refuses them.

use serde_json::json;

use super::rules::{changed, mistakes};
use crate::catalog::experiment::Experiment;
use crate::catalog::mistake::Code;
use crate::catalog::{metric::Covariate, read_json};
use crate::time::Window;

fn compiled(covariate: &serde_json::Value) -> Experiment {
    let text = changed(&[("/metrics/1/covariate", covariate.clone())]);
    Experiment::compile(read_json(&text).unwrap(), None).unwrap()
}

#[test]
fn a_covariate_is_the_metrics_own_past_unless_it_says_otherwise() {
    let own = compiled(&json!({}));
    let expected = |event: &str, window| Covariate {
        event: crate::id::EventName::parse(event).unwrap(),
        window,
    };
    assert_eq!(
        own.metrics[1].covariate,
        Some(expected("Order Completed", Window::days(28)))
    );
    assert_eq!(own.longest_window(), Window::days(28));
    let other = compiled(&json!({"event": "Product Viewed", "window": "90d"}));
    assert_eq!(
        other.metrics[1].covariate,
        Some(expected("Product Viewed", Window::days(90)))
    );
    assert_eq!(other.longest_window(), Window::days(90));
    assert!(
        own.metrics_changed(&other),
        "what has data may not change it"
    );
    assert!(own.spec.metrics[1].covariate.is_some() && own.metrics[0].covariate.is_none());
}

#[test]
fn what_makes_no_covariate_is_refused() {
    let one = |covariate, key: &str, code| {
        let found = mistakes(&[("/metrics/1/covariate", covariate)]);
        assert_eq!(found, [(format!("metrics[1].covariate{key}"), code)]);
    };
    one(json!("visits"), "", Code::WrongType);
    one(json!({"property": "value"}), ".property", Code::UnknownKey);
    one(json!({"window": "a month"}), ".window", Code::Invalid);
    one(json!({"event": ""}), ".event", Code::Invalid);
    let ratio = json!({
        "key": "aov", "kind": "ratio", "numerator": "revenue", "denominator": "purchase", "covariate": {},
    });
    let found = mistakes(&[("/metrics/-", ratio)]);
    assert_eq!(found, [("metrics[2].covariate".to_owned(), Code::Conflict)]);
}
