//! The global holdout as a definition: two variants, drawn apart from all experiments.

use serde_json::{Value, json};

use super::document::Document;
use super::mistake::Mistake;
use super::spec::{self, Spec};

/// Key of the global holdout. It is kept like an experiment, so that it is counted and reported like one, but it is none
/// that anybody can ask for, define or list. Its settings never change: other settings make another one, with a serial of
/// its own and no visitors yet.
pub const GLOBAL_HOLDOUT: &str = "global-holdout";

/// The global holdout of a share in (0, 1), that measures these metrics: each as in an experiment's definition, exactly
/// one of them the goal; none given, revenue and purchases of `Order Completed` within 30 days.
///
/// # Errors
/// All mistakes of the metrics, with keys such as `holdout.metrics[0].kind`.
pub fn global_holdout(
    share: f64,
    metrics: Option<&[Value]>,
    currency: Option<&str>,
) -> Result<Spec, Vec<Mistake>> {
    let order = "Order Completed";
    let default = [
        json!({ "key": "revenue", "event": order, "kind": "sum", "role": "goal", "window": "30d" }),
        json!({ "key": "purchase", "event": order, "kind": "conversion", "window": "30d" }),
    ];
    let mut definition = json!({
        "key": GLOBAL_HOLDOUT,
        "name": "Global holdout",
        "status": "running",
        "variants": [
            { "key": "holdout", "weight": share },
            { "key": "personalized", "weight": 1.0 - share },
        ],
        "metrics": metrics.unwrap_or(&default),
    });
    if let Some(currency) = currency {
        definition["currency"] = json!(currency);
    }
    let in_settings = |mistake: Mistake| Mistake {
        key: format!("holdout.{}", mistake.key),
        line: None,
        ..mistake
    };
    Document::json(&definition.to_string())
        .and_then(|document| spec::read(&document))
        .map_err(|mistakes| mistakes.into_iter().map(in_settings).collect())
}
