//! What experiments show, and can show.

use serde_json::{Value, json};

use super::super::error::Code;
use super::super::explain::Explanation;
use super::super::playbook::{Playbook, Wanted};
use super::super::report::{HoldoutOptions, Options, WORKBOOK};
use super::super::{evaluate as judge, plan as planned};
use super::Operation;
use super::experiments::of_one;
use crate::evaluate::Answer;
use crate::plan::Plan;
use crate::report::Report;

const TAG: &str = "reports";

fn shown() -> Value {
    json!({
        "experiment": { "key": "cart-nudge", "name": "cart-nudge", "status": "running", "version": 1, "policy": "thompson" },
        "as_of": "2026-03-01T12:00:00.000Z",
        "verdict": { "decision": "not_started", "headline": "Nobody has been assigned yet.", "reasons": [] },
        "shown": { "view": "always-valid", "promise": "Holds however often you look." },
        "visitors": 0, "epochs": 1, "adaptive": false, "weights": {}, "variants": [],
        "health": { "srm": { "df": 1, "p_value": 1.0, "verdict": "too_few" }, "crossovers": 0, "freshness": { "verdict": "ok" } },
        "metrics": [], "notes": [],
    })
}

fn answered(operation: Operation, example: Value) -> Operation {
    let csv = "experiment,metric,variant,visitors\ncart-nudge,purchase,none,0\n";
    operation
        .answers::<Report>(200, "The report.", example)
        .answers_text(&["text/csv"], "With `format=csv` its tables.", csv)
        .answers_bytes(&[WORKBOOK], "With `format=xlsx` a workbook.")
        .refuses(&[Code::InvalidQuery])
}

pub(in crate::http) fn report() -> Operation {
    answered(
        of_one("getReport", TAG, "What an experiment shows.").query::<Options>(),
        shown(),
    )
}

fn earnings() -> Value {
    let (visitors, costs) = (24_000.0, 72_400.0);
    let scaled = |by: f64, less: f64| {
        let at = |value: f64| value * by - less;
        let amount = json!({ "estimate": at(4.0), "low": at(3.5), "high": at(4.5) });
        json!({ "currency": "EUR", "amount": amount, "always_valid": { "low": at(3.0), "high": at(5.0) } })
    };
    json!({
        "since": "2026-03-01T00:00:00.000Z", "held_out": 6_000, "personalized": 24_000, "personalized_per_day": 400.0,
        "metrics": [{
            "key": "revenue", "kind": "sum", "role": "goal", "direction": "increase", "method": "welch",
            "absolute": { "estimate": 4.0, "low": 3.5, "high": 4.5 }, "per_day": scaled(400.0, 0.0),
            "so_far": scaled(visitors, 0.0), "caveats": [],
        }],
        "profit": {
            "metric": "revenue", "days": 60.0, "gain": scaled(visitors, 0.0), "monthly_cost": 36_525.0,
            "fixed_costs": 72_000.0, "variant_costs": 400.0, "costs": costs, "net": scaled(visitors, costs),
            "returns": {
                "roi": { "estimate": 0.33, "low": 0.16, "high": 0.49 }, "always_valid": { "low": -0.01, "high": 0.66 },
            },
            "payback": { "days": 45.25, "low": 36.2, "high": 60.3 },
            "sentence": "In 60 days personalization brought +96,000 EUR (between +72,000 EUR and +120,000 EUR) and cost \
                         72,400 EUR: +23,600 EUR net. At the present rate all costs so far are earned within 46 days of the start.",
        },
    })
}

pub(in crate::http) fn holdout() -> Operation {
    let summary = "All personalization together against the global holdout.";
    let about = "`holdout.metrics` have the difference to the holdout, also as money per day and so far; `holdout.profit` \
                 what is left of that after costs, the return on them, and when it pays. With `days` every day of the \
                 timeline has what was `earned` by then.";
    let operation = Operation::new("getHoldoutReport", TAG, summary).about(about);
    let mut example = shown();
    example["experiment"]["key"] = json!("global-holdout");
    example["holdout"] = earnings();
    answered(operation.query::<HoldoutOptions>(), example).refuses(&[Code::NoHoldout])
}

pub(in crate::http) fn playbook() -> Operation {
    let effect = json!({ "estimate": 0.041, "low": 0.012, "high": 0.07 });
    let summary = "The tactic behind each experiment, what came of it, and what was learned.";
    Operation::new("getPlaybook", TAG, summary)
        .about("Of all experiments that are or were, archived ones too, with the results of their reports.")
        .query::<Wanted>()
        .answers::<Playbook>(
            200,
            "The latest change of status first.",
            json!({ "plays": [{
                "key": "cart-nudge", "name": "Nudge in the cart", "status": "concluded", "archived": false,
                "policy": "thompson", "started_at": "2026-03-01T00:00:00.000Z", "concluded_at": "2026-03-15T09:30:00.000Z",
                "tactic": {
                    "hypothesis": "A reason to finish now gets more carts to checkout", "touchpoint": "web/cart",
                    "content": "A line under the total", "metric": "purchase", "owner": "checkout",
                    "variants": ["none", "free-shipping"],
                },
                "result": {
                    "decision": "ship", "headline": "free-shipping converts 4.1 % more than none.", "visitors": 40_000,
                    "lift": { "metric": "purchase", "variant": "free-shipping", "relative": effect, "conclusive": true },
                },
                "winner": "free-shipping", "scope": "everyone",
                "takeaway": "A saving beats a deadline in the cart.", "needs_takeaway": false,
            }] }),
        )
        .refuses(&[Code::InvalidQuery, Code::Unavailable])
}

pub(in crate::http) fn explain() -> Operation {
    of_one("explainDecision", TAG, "Every step of a decision, recording nothing.")
        .parameter(json!({
            "name": "visitor", "in": "query", "required": true, "description": "Who is asked for.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 256 }, "example": "anna",
        }))
        .parameter(json!({
            "name": "session", "in": "query", "description": "The visitor's session.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 256 },
        }))
        .parameter(json!({
            "name": "attributes", "in": "query", "style": "form", "explode": true,
            "description": "All other parameters are attributes: JSON, else text.",
            "schema": { "type": "object", "propertyNames": { "minLength": 1, "maxLength": 64 },
            },
        }))
        .answers::<Explanation<'_>>(
            200,
            "The decision.",
            json!({
                "experiment": "cart-nudge", "visitor": "anna", "variant": "none", "reason": "split", "epoch": 1,
                "propensity": 0.5, "holdout": false, "receipt": "Started.",
                "steps": [{ "rule": "split", "matched": true, "detail": "0.31 of 1" }],
            }),
        )
        .refuses(&[Code::InvalidQuery])
        .reads()
}

pub(in crate::http) fn evaluate() -> Operation {
    of_one(
        "evaluatePolicy",
        TAG,
        "What another policy would have earned from the same visitors.",
    )
    .takes::<judge::Wire>(json!({ "policy": { "none": 0.2, "free-shipping": 0.8 } }))
    .answers::<Answer>(200, "The figures.", worth())
    .refuses(&[
        Code::UnknownVariant,
        Code::UnknownMetric,
        Code::UnknownDimension,
        Code::InvalidPolicy,
        Code::RatioMetric,
        Code::UnknownPropensity,
        Code::NoData,
        Code::TooLittleOverlap,
        Code::Dominated,
    ])
}

fn worth() -> Value {
    let mean = json!({
        "estimate": 0.11, "std_error": 0.01, "interval": { "low": 0.09, "high": 0.13 }, "lift": 0.1,
    });
    json!({
        "experiment": "cart-nudge", "metric": "purchase", "context": null, "left_out": 0,
        "overlap": { "visitors": 1000, "effective": 800.0, "mean_weight": 1.0, "largest_share": 0.002, "largest_weight": 2.0 },
        "logged": 0.1, "modelled": 0.11, "ips": mean, "snips": mean, "doubly_robust": mean, "unsupported": 0.0,
        "notes": [],
    })
}

pub(in crate::http) fn plan() -> Operation {
    let horizon = json!({ "days": 14, "visitors": 14000.0, "power": 0.9, "detectable": 0.08 });
    Operation::new("plan", TAG, "What the traffic of an experiment can decide.")
        .about("Give `experiment`, the key of one that is there, or `definition`, and not both.")
        .takes::<planned::Wire<'_>>(json!({
            "definition": super::experiments::definition(), "lift": 0.1, "visitors_per_day": 1000, "baseline": 0.1,
        }))
        .answers::<Plan>(
            200,
            "The plan.",
            json!({
                "experiment": "cart-nudge", "metric": "purchase", "kind": "conversion", "lift": 0.1, "alpha": 0.05,
                "power": 0.8, "baseline": 0.1, "baseline_from": "given", "visitors_per_day": 1000.0,
                "traffic_from": "given", "visitors": 29_500, "variants": [], "days": 30, "days_when_watched": 60,
                "now": horizon, "horizons": [horizon], "outlook": "too_slow",
                "sentence": "Your traffic can not decide this.", "notes": [],
            }),
        )
        .refuses(&[
            Code::InvalidField,
            Code::InvalidDefinition,
            Code::PlanIncomplete,
            Code::NothingToPlan,
            Code::UnknownExperiment,
        ])
}
