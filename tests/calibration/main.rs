//! Calibration: do the figures of the report keep their promises? Every design simulates experiments, asks the public
//! functions behind the report, and holds what they say against the truth.
//!
//! `cargo test --release --test calibration -- --ignored --nocapture` runs everything and prints a table with the bands;
//! without `--ignored` a subset with fewer replicates runs, whose bands are wider by what chance may add.

#![expect(
    clippy::unwrap_used,
    reason = "a failing unwrap is a failing test; helpers outside #[test] need it too"
)]

#[expect(dead_code, reason = "the integration tests use the rest")]
#[path = "../integration/client.rs"]
mod client;
#[expect(dead_code, reason = "the integration tests use the rest")]
#[path = "../integration/harness.rs"]
mod harness;
#[expect(dead_code, reason = "the integration tests use the rest")]
#[path = "../integration/model.rs"]
mod model;

mod figure;
mod runs;
mod trial;

mod bandit;
mod bayes;
mod cuped;
mod delayed;
mod fixed;
mod heavy;
mod http;
mod sample_ratio;
mod starved;
mod weighted;

use std::fmt::Write;

use figure::{Figure, bars};
use runs::Runs;

/// A design.
struct Design {
    id: &'static str,
    /// Replicates where the bars do not say how many.
    full: u32,
    /// Replicates in the subset; 0 is none.
    few: u32,
    run: fn(Runs) -> Vec<Figure>,
}

const fn design(id: &'static str, full: u32, few: u32, run: fn(Runs) -> Vec<Figure>) -> Design {
    Design { id, full, few, run }
}

const DESIGNS: [Design; 27] = [
    design("aa_fixed_prop", 4_000, 400, fixed::proportions),
    design("aa_peek_sequential", 4_000, 100, fixed::peeking),
    design("aa_peek_obf", 4_000, 100, fixed::planned_looks),
    design("aa_revenue", 2_000, 200, fixed::revenues),
    design("power_known_lift", 20_000, 400, fixed::power),
    design("ts_equal_cov", 2_000, 60, bandit::equal),
    design("ts_better_cov", 2_000, 0, bandit::better),
    design("ts_better_bias", 2_000, 0, bandit::bias),
    design("ts_drift_cov", 2_000, 60, bandit::drifting),
    design("ts_peek_anytime", 2_000, 20, bandit::peeking),
    design("odds_anytime_drift", 2_000, 20, bandit::odds),
    design("pbest_calibration", 4_000, 200, bayes::prob_best),
    design("lift_credible", 4_000, 100, bayes::credible),
    design("srm_bandit", 4_000, 40, sample_ratio::sample_ratio),
    design("delayed", 1_000, 60, delayed::bias),
    design(
        "thompson_any_winner",
        2_000,
        40,
        bandit::equal_for_four_weeks,
    ),
    design("default_floor_cov", 2_000, 0, bandit::default_floor),
    design(
        "default_floor_odds",
        2_000,
        0,
        bandit::odds_at_default_floor,
    ),
    design("heavy_log_normal", 2_000, 0, heavy::log_normal),
    design("heavy_shop", 2_000, 0, heavy::shop),
    design("starved_log_normal", 500, 10, starved::log_normal),
    design("starved_unlike", 500, 10, starved::unlike),
    design("cuped_adaptive", 2_000, 10, cuped::adaptive),
    design("odds_delayed", 2_000, 20, delayed::odds),
    design("weighted_means", 2_000, 20, weighted::means),
    design("two_devices", 4_000, 400, fixed::two_devices),
    design("http_bandit", 20, 2, http::twins),
];

/// What has no design yet, and why.
const MISSING: [(&str, &str); 1] = [(
    "contextual with season",
    "there is no contextual policy yet",
)];

impl Design {
    fn runs(&self) -> u32 {
        figure::runs_of(self.id).unwrap_or(self.full)
    }

    /// Runs so many replicates; the rows of the table, and whether all figures lie in their bands.
    fn report(&self, count: u32) -> (String, bool) {
        let seed = xxhash_rust::xxh3::xxh3_64(self.id.as_bytes());
        #[expect(clippy::disallowed_methods, reason = "a table says what a design cost")]
        let started = std::time::Instant::now();
        let figures = (self.run)(Runs { count, seed });
        let seconds = started.elapsed().as_secs_f64();
        // A band is three errors of the full run wide; fewer replicates err by more.
        let slack = 3.0 * (1.0 - (f64::from(count) / f64::from(self.runs())).sqrt());
        let mut rows = String::new();
        let mut all = true;
        for (position, of) in figures.iter().enumerate() {
            let is_ok = of.is_ok(slack);
            all &= is_ok;
            let first = position == 0;
            let shown = |text: String| if first { text } else { String::new() };
            let verdict = match (of.band, is_ok) {
                (None, _) => "",
                (Some(_), true) => "ok",
                (Some(_), false) => "FAIL",
            };
            let band = of.band.map_or_else(String::new, |band| {
                format!("{:.4} to {:.4}", band.low, band.high)
            });
            let value = of
                .value
                .map_or_else(String::new, |value| format!("{value:.4}"));
            writeln!(
                rows,
                "{:<22} {:>6}  {:<66} {band:>16}  {value:>7} ± {:.4}  {verdict:<4} {:>6}",
                shown(self.id.to_owned()),
                shown(count.to_string()),
                of.what,
                of.error,
                shown(format!("{seconds:.1} s")),
            )
            .unwrap();
        }
        (rows, all)
    }
}

/// Runs designs, prints the table, and fails if a figure is outside its band.
fn hold(designs: impl Iterator<Item = (&'static Design, u32)>) {
    let mut outside = Vec::new();
    for (design, count) in designs {
        let (rows, is_ok) = design.report(count);
        #[expect(clippy::print_stdout, reason = "the table is what the suite is for")]
        {
            print!("{rows}");
        }
        if !is_ok {
            outside.push(rows);
        }
    }
    assert!(
        outside.is_empty(),
        "outside their bands:\n{}",
        outside.concat()
    );
}

#[test]
fn a_subset_is_within_its_bands() {
    let subset = DESIGNS.iter().filter(|design| design.few > 0);
    hold(subset.map(|design| (design, design.few)));
}

#[test]
#[ignore = "takes minutes: run it with --release"]
fn every_design_is_within_its_band() {
    hold(DESIGNS.iter().map(|design| (design, design.runs())));
    for (what, why) in MISSING {
        #[expect(clippy::print_stdout, reason = "the table is what the suite is for")]
        {
            println!("{what:<22} not run: {why}");
        }
    }
}

#[test]
fn every_bar_has_its_design() {
    for id in bars() {
        let designed = DESIGNS.iter().any(|design| design.id == id);
        assert!(
            designed || MISSING.iter().any(|(what, _)| *what == id),
            "{id}"
        );
    }
}
