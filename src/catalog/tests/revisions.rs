//! What becomes of variants and their arms when a definition changes.

use super::{SMALL, read_one};
use crate::allocation::Arm;
use crate::catalog::compile::Edit;
use crate::catalog::experiment::{Experiment, Policy, Variant};
use crate::catalog::mistake::Code;
use crate::catalog::spec::{Spec, VariantSpec};
use serde_json::json;

fn spec(variants: &[(&str, &str)]) -> Spec {
    let mut spec = read_one(SMALL).unwrap();
    let variant = |(key, payload): &(&str, &str)| VariantSpec {
        cost: None,
        key: (*key).to_owned(),
        payload: json!({ "text": payload }),
        value: None,
        weight: None,
    };
    spec.variants = variants.iter().map(variant).collect();
    spec
}

fn compile(variants: &[(&str, &str)], previous: Option<&Experiment>) -> Experiment {
    Experiment::compile(spec(variants), previous).unwrap()
}

fn arms(experiment: &Experiment) -> Vec<String> {
    let shown = |variant: &Variant| {
        format!(
            "{}@{}{}",
            variant.key,
            variant.revision,
            if variant.live { "" } else { " retired" }
        )
    };
    experiment.variants.iter().map(shown).collect()
}

#[test]
fn an_edited_payload_is_a_new_arm_and_the_others_keep_theirs() {
    let first = compile(&[("a", "x"), ("b", "y")], None);
    assert_eq!(
        (first.version, arms(&first)),
        (1, vec!["a@1".into(), "b@1".into()])
    );
    assert_eq!(&*first.variants[0].payload, r#"{"text":"x"}"#);
    let second = compile(&[("a", "x"), ("b", "z")], Some(&first));
    assert_eq!(
        (second.version, arms(&second)),
        (2, vec!["a@1".into(), "b@1 retired".into(), "b@2".into()])
    );
    assert_eq!(
        (second.arm("a"), second.arm("b")),
        (Some(Arm(0)), Some(Arm(2)))
    );
    let third = compile(&[("a", "x")], Some(&second));
    assert_eq!(arms(&third), ["a@1", "b@1 retired", "b@2 retired"]);
    let fourth = compile(&[("b", "z"), ("a", "x")], Some(&third));
    assert_eq!(
        arms(&fourth),
        ["a@1", "b@1 retired", "b@2 retired", "b@3"],
        "back again is a new revision"
    );
    assert_eq!(
        fourth.control,
        Arm(3),
        "the first of the definition is the control"
    );
}

#[test]
fn weights_and_cosmetic_edits_keep_the_arm() {
    let first = compile(&[("a", "x"), ("b", "y")], None);
    let mut weighted = spec(&[("a", "x"), ("b", "y")]);
    weighted.variants[0].weight = Some(1.0);
    weighted.variants[1].weight = Some(3.0);
    weighted.control = Some("b".to_owned());
    let second = Experiment::compile(weighted, Some(&first)).unwrap();
    assert_eq!(arms(&second), ["a@1", "b@1"]);
    assert_eq!(
        second
            .variants
            .iter()
            .map(|variant| variant.weight)
            .collect::<Vec<_>>(),
        [0.25, 0.75]
    );
    assert_eq!(second.control, Arm(1));
    let typo = spec(&[("a", "x"), ("b", "y!")]);
    let third = Experiment::compile_edit(typo, Some(&second), Edit::Cosmetic).unwrap();
    assert_eq!(arms(&third), ["a@1", "b@1"]);
    assert_eq!(&*third.variants[1].payload, r#"{"text":"y!"}"#);
}

#[test]
fn a_definition_from_the_log_passes_the_same_rules() {
    let mut broken = spec(&[("a", "x"), ("b", "y")]);
    broken.holdout = f64::NAN;
    broken.metrics[0].event = None;
    let keys: Vec<_> = Experiment::compile(broken, None)
        .unwrap_err()
        .into_iter()
        .map(|m| m.key)
        .collect();
    assert_eq!(keys, ["holdout", "metrics[0].event"]);
    let first = compile(&[("a", "x"), ("b", "y")], None);
    let mut renamed = spec(&[("a", "x"), ("b", "y")]);
    renamed.key = "other".to_owned();
    assert_eq!(
        Experiment::compile(renamed, Some(&first)).unwrap_err()[0].code,
        Code::Conflict
    );
}

#[test]
fn changed_metrics_and_dimensions_are_noticed() {
    let first = compile(&[("a", "x"), ("b", "y")], None);
    assert!(!first.metrics_changed(&compile(&[("a", "x"), ("c", "z")], Some(&first))));
    let other = SMALL.replacen("kind", "window = \"7d\"\nkind", 1);
    assert!(first.metrics_changed(&Experiment::compile(read_one(&other).unwrap(), None).unwrap()));
    let other = format!("dimensions = [\"device\"]{SMALL}");
    assert!(first.metrics_changed(&Experiment::compile(read_one(&other).unwrap(), None).unwrap()));
}

#[test]
fn a_floor_per_variant_is_a_total() {
    let bandit = format!(
        "{SMALL}[allocation]\npolicy = \"thompson\"\nmetric = \"purchase\"\nfloor = 0.02\nrefresh = \"5m\""
    );
    let experiment = Experiment::compile(read_one(&bandit).unwrap(), None).unwrap();
    let Policy::Bandit(bandit) = experiment.policy else {
        panic!("{:?}", experiment.policy)
    };
    assert_eq!(
        (
            bandit.floor_total,
            bandit.burn_in,
            bandit.refresh.to_string()
        ),
        (0.04, 100, "5m".into())
    );
    assert_eq!(experiment.metrics[0].window.to_string(), "14d");
}
