//! What is said of an experiment that a bandit ended by itself.

use serde_json::json;

use super::shop::Shop;
use super::verdict::{RECENT, run};
use super::*;
use crate::allocation::Arm;
use crate::catalog::experiment::Status;
use crate::catalog::{Conclusion, Scope};

#[test]
fn a_bandit_that_stopped_without_a_difference_names_the_cheapest_choice() {
    let stopped = |counts| {
        let mut shop = Shop::two(&json!({}));
        run(&mut shop, RECENT, counts);
        let lifecycle = &mut shop.entry.lifecycle;
        lifecycle.status = Status::Concluded;
        lifecycle.conclusion = Some(Conclusion {
            winner: Some(Arm(1)),
            scope: Scope::New,
            reason: Some("Stopped: b is best.".into()),
        });
        let report = shop.report(None);
        let last = report.verdict.reasons.last().unwrap().clone();
        assert_eq!(
            (last.code, last.text.as_str()),
            (ReasonCode::NotRunning, "Stopped: b is best.")
        );
        report.verdict
    };
    let open = stopped((1_000, 50, 56));
    assert_eq!(
        (open.decision, open.days_left),
        (Decision::StopFutile, None)
    );
    let said =
        "the bandit stopped. B is served, and a, which needs no change, is the cheapest choice.";
    assert!(open.headline.ends_with(said), "{}", open.headline);
    assert_eq!(stopped((1_000, 50, 80)).decision, Decision::Ship);
}
