//! What the pure core costs in process: one decision, P(best), one fold, one report.
//!
//! `cargo bench --bench core`

#![expect(
    clippy::unwrap_used,
    reason = "a bench that can not prepare its input has nothing to measure"
)]

mod linear;

use std::hint::black_box;
use std::sync::Arc;

use divan::Bencher;
use upswing::allocation::{Allocation, Arm};
use upswing::assign::decision::Trace;
use upswing::assign::{Request, assign};
use upswing::bandit::{Proposal, Urgency, reallocate};
use upswing::catalog::audience::Attributes;
use upswing::catalog::experiment::Dimension;
use upswing::catalog::metric::MetricIndex;
use upswing::catalog::{Catalog, Entry, Source, read_json};
use upswing::cell::{Cells, Facet, PlainKey, Row, VisitorsKey, WeightedKey};
use upswing::engine::ledger::{Books, Ledger, State};
use upswing::epoch::{Epoch, EpochNumber};
use upswing::event::{Assigned, Defined, Event, Founded, Tracked};
use upswing::fold::control::defined_entry;
use upswing::id::{EventId, EventName, VisitorId};
use upswing::moments::Weighted;
use upswing::posterior::cohort::{self, Cohort};
use upswing::posterior::{Posterior, best};
use upswing::report::{Question, report};
use upswing::store::Store;
use upswing::time::{Day, Timestamp};

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}

const TODAY: Day = Day(60);

fn now() -> Timestamp {
    Timestamp::parse("2026-11-22T12:00:00Z").unwrap()
}

/// Variants and five metrics, with or without an audience.
fn definition(variants: u16, audience: Option<&str>) -> String {
    let variant = |arm| {
        let key = format!("variant-{arm}");
        serde_json::json!({ "key": key, "payload": { "v": key } })
    };
    let variants: Vec<_> = (0..variants).map(variant).collect();
    let mut definition = serde_json::json!({
        "key": "bench", "status": "running", "variants": variants,
        "dimensions": ["device"],
        "allocation": { "policy": "thompson", "metric": "purchase", "model": "cohort" },
        "metrics": [
            { "key": "purchase", "event": "Order Completed", "kind": "conversion", "role": "goal" },
            { "key": "revenue", "event": "Order Completed", "kind": "sum", "property": "revenue" },
            { "key": "orders", "event": "Order Completed", "kind": "count" },
            { "key": "aov", "kind": "ratio", "numerator": "revenue", "denominator": "orders" },
            { "key": "refunds", "event": "Order Refunded", "kind": "conversion", "direction": "decrease", "role": "guardrail" },
        ],
    });
    if let Some(audience) = audience {
        definition["audience"] = audience.into();
    }
    definition.to_string()
}

/// A running ledger with the experiment, an in-memory store, and cells.
struct World {
    store: Store,
    ledger: Ledger,
    books: Books,
}

impl World {
    fn new(variants: u16, audience: Option<&str>) -> Self {
        let ledger = Ledger::new(Founded {
            seed: 1,
            zone: "UTC".into(),
        })
        .unwrap();
        let mut world = Self {
            store: Store::memory(),
            ledger,
            books: Books::new(),
        };
        let definition =
            serde_json::to_string(&read_json(&definition(variants, audience)).unwrap()).unwrap();
        let defined = Defined {
            definition,
            source: Source::Api,
            cosmetic: false,
            at: now(),
        };
        let entry = defined_entry(&Catalog::default(), &defined).unwrap();
        let epoch = upswing::bandit::opened_by_change(None, &entry, &Cells::none(), now()).unwrap();
        let opened = Event::Opened {
            experiment: entry.experiment.key.clone(),
            epoch,
        };
        world.apply(&[Event::Defined(defined), opened]);
        world
    }

    fn apply(&mut self, events: &[Event]) {
        let state = State {
            store: &self.store,
            books: &self.books,
        };
        let step = self.ledger.apply(state, events, now()).unwrap();
        self.store.commit(&step.writes).unwrap();
        self.ledger.absorb(step, &mut self.books);
    }

    fn entry(&self) -> Arc<Entry> {
        Arc::clone(self.ledger.catalog.get("bench").unwrap())
    }

    fn assigned(&self, visitor: u32) -> Event {
        let id = VisitorId::parse(&format!("visitor-{visitor}")).unwrap();
        let attributes = Attributes::default();
        let entry = self.entry();
        let decision = assign(
            &entry,
            &request(id.as_str(), &attributes),
            None,
            &mut Trace::default(),
        );
        Event::Assigned(Assigned {
            visitor: id,
            session: None,
            experiment: entry.experiment.key.clone(),
            arm: decision.arm,
            holdout: false,
            epoch: decision.epoch.unwrap(),
            propensity: decision.propensity.unwrap(),
            at: now(),
            dimensions: vec![Some("mobile".into())],
            drawn: decision.drawn,
        })
    }
}

fn ordered(visitor: u32, order: u32) -> Event {
    Event::Tracked(Tracked {
        visitor: VisitorId::parse(&format!("visitor-{visitor}")).unwrap(),
        id: EventId::parse(&format!("order-{visitor}-{order}")).unwrap(),
        name: EventName::parse("Order Completed").unwrap(),
        at: now(),
        properties: format!(
            r#"{{"order_id":"{visitor}-{order}","revenue":{}}}"#,
            20 + visitor % 80
        ),
        source: upswing::source::Source::Native,
    })
}

fn request<'a>(visitor: &'a str, attributes: &'a Attributes) -> Request<'a> {
    Request {
        visitor,
        session: None,
        attributes,
        forced: None,
        bot: false,
        denied: false,
        held_globally: false,
        now: now(),
    }
}

/// One new visitor's decision among four variants.
#[divan::bench]
fn assign_4_variants(bencher: Bencher<'_, '_>) {
    let entry = World::new(4, None).entry();
    let attributes = Attributes::default();
    let mut visitor = 0_u64;
    bencher.bench_local(|| {
        visitor += 1;
        let id = visitor.to_string();
        black_box(assign(
            &entry,
            &request(&id, &attributes),
            None,
            &mut Trace::default(),
        ))
    });
}

/// The same behind a CEL audience of two terms.
#[divan::bench]
fn assign_4_variants_with_audience(bencher: Bencher<'_, '_>) {
    let audience = r#"visitor.country in ["DE", "AT"] && visitor.visits >= 2"#;
    let entry = World::new(4, Some(audience)).entry();
    let mut attributes = Attributes::default();
    attributes.insert("country", "AT".into()).unwrap();
    attributes.insert("visits", 3.into()).unwrap();
    let mut visitor = 0_u64;
    bencher.bench_local(|| {
        visitor += 1;
        let id = visitor.to_string();
        black_box(assign(
            &entry,
            &request(&id, &attributes),
            None,
            &mut Trace::default(),
        ))
    });
}

/// P(best) of four Beta posteriors.
#[divan::bench(args = [1_000, 1_000_000])]
fn prob_best_of_4(bencher: Bencher<'_, '_>, trials: u64) {
    let posteriors =
        [50, 51, 52, 53].map(|per_mille| Posterior::beta(trials * per_mille / 1_000, trials));
    bencher.bench(|| best::evaluate(black_box(&posteriors)));
}

/// One reward of a visitor with five metrics, folded, encoded and written to memory; 256 a commit.
#[divan::bench(sample_count = 20)]
fn fold_256_rewards(bencher: Bencher<'_, '_>) {
    let mut world = World::new(4, None);
    for visitor in 0..4_096 {
        let event = world.assigned(visitor);
        world.apply(&[event]);
    }
    let mut order = 0;
    bencher.counter(256_u32).bench_local(|| {
        order += 1;
        let events: Vec<Event> = (0..256)
            .map(|visitor| ordered((visitor + order * 256) % 4_096, order))
            .collect();
        world.apply(&events);
    });
}

/// A report of four variants and five metrics. Its cost does not depend on the number of visitors: cells are sums.
#[divan::bench(sample_count = 50)]
fn report_4_variants_5_metrics(bencher: Bencher<'_, '_>) {
    let mut world = World::new(4, None);
    for visitor in 0..20_000 {
        let mut events = vec![world.assigned(visitor)];
        if visitor % 10 == 0 {
            events.push(ordered(visitor, 1));
        }
        world.apply(&events);
    }
    let entry = world.entry();
    let cells = &world.books[&entry.serial];
    bencher.bench(|| black_box(report(&Question::present(&entry, cells, (now(), TODAY)))));
}

/// An experiment after a thousand epochs whose weights moved.
fn after_1000_epochs(variants: u16) -> (Entry, Cells) {
    let mut world = World::new(variants, None);
    for visitor in 0..20_000 {
        let mut events = vec![world.assigned(visitor)];
        if visitor % 10 == 0 {
            events.push(ordered(visitor, 1));
        }
        world.apply(&events);
    }
    let mut entry = world.entry().as_ref().clone();
    let mut cells = world.books[&entry.serial].clone();
    let first = entry.epochs.current().unwrap().clone();
    let (plain, visitors) = (cells.plain.clone(), cells.visitors.clone());
    for number in (2..=1_000).map(EpochNumber) {
        let weights =
            (0..variants).map(|arm| (Arm(arm), 1.0 + f64::from((u32::from(arm) + number.0) % 3)));
        Arc::make_mut(&mut entry.epochs).push(Epoch {
            number,
            allocation: Allocation::normalised(weights),
            ..first.clone()
        });
        let epoch = number;
        let of = |key: &PlainKey| PlainKey { epoch, ..*key };
        cells
            .plain
            .extend(plain.iter().map(|(key, sums)| (of(key), *sums)));
        let of = |key: &VisitorsKey| VisitorsKey { epoch, ..*key };
        cells
            .visitors
            .extend(visitors.iter().map(|(key, count)| (of(key), *count)));
    }
    (entry, cells)
}

/// Cohorts of as many visitors each, whose base rate and allocation move; every arm may be the best.
fn cohorts(arms: u32, epochs: u32) -> Vec<Cohort> {
    let cohort = |epoch: u32| {
        let visitors = |arm: u32| f64::from(200 + 37 * ((5 * arm + 3 * epoch) % 11));
        let season = 0.03 + 0.02 * f64::from(epoch % 7);
        let converted = |arm: u32| {
            let jitter = 1.0 + 0.1 * f64::from((arm * 7 + epoch * 13) % 5);
            (visitors(arm) * season * jitter).round()
        };
        Cohort {
            visitors: (0..arms).map(visitors).collect(),
            converted: (0..arms).map(converted).collect(),
            weight: 1.0,
            reached: 1.0,
        }
    };
    (0..epochs).map(cohort).collect()
}

/// The posterior of ten log rates given a number of cohorts.
#[divan::bench(args = [10, 1_000, 5_000], sample_count = 50)]
fn posterior_of_10_rates(bencher: Bencher<'_, '_>, epochs: u32) {
    let cohorts = cohorts(10, epochs);
    bencher.bench(|| cohort::posterior(10, black_box(&cohorts)));
}

/// P(best) of correlated log rates, by the number of arms.
#[divan::bench(args = [2, 4, 10, 20, 80], sample_count = 20)]
fn prob_best_of_log_rates(bencher: Bencher<'_, '_>, arms: u32) {
    let rates = cohort::posterior(arms as usize, &cohorts(arms, 30));
    bencher.bench(|| black_box(&rates).prob_best());
}

/// The next allocation of a bandit among ten variants that compares them within a thousand epochs.
#[divan::bench(sample_count = 50)]
#[expect(clippy::cast_possible_truncation, reason = "small whole numbers")]
fn reallocate_10_variants_1000_epochs(bencher: Bencher<'_, '_>) {
    let (mut entry, mut cells) = after_1000_epochs(10);
    for (epoch, cohort) in (1..).map(EpochNumber).zip(cohorts(10, 1_000)) {
        let counts = cohort.visitors.iter().zip(&cohort.converted);
        for (arm, (visitors, converted)) in (0..).map(Arm).zip(counts) {
            let holdout = false;
            let (row, metric) = (Row { arm, holdout }, MetricIndex(0));
            let key = PlainKey { metric, epoch, row };
            let sums = cells.plain.entry(key).or_default();
            (sums.n, sums.y) = (*visitors as i64, *converted as i128);
        }
    }
    let ask = |entry: &Entry| reallocate(entry, black_box(&cells), now(), Urgency::Forced);
    // The first answer freezes what inference takes from the past, once for all.
    let Proposal::Open(epoch) = ask(&entry) else {
        return;
    };
    Arc::make_mut(&mut entry.epochs).push(epoch);
    bencher.bench(|| ask(&entry));
}

/// The report after a thousand epochs: every interval comes from the epochs.
#[divan::bench(sample_count = 50)]
fn report_of_1000_epochs(bencher: Bencher<'_, '_>) {
    let (entry, cells) = after_1000_epochs(4);
    bencher.bench(|| black_box(report(&Question::present(&entry, &cells, (now(), TODAY)))));
}

/// The same with breakdowns of three dimensions of fifty values and a timeline of sixty days.
#[divan::bench(sample_count = 50)]
fn report_of_1000_epochs_150_values_60_days(bencher: Bencher<'_, '_>) {
    let (mut entry, mut cells) = after_1000_epochs(4);
    let names = ["device", "country", "campaign"];
    let values: Vec<String> = (0..50).map(|value| format!("value {value}")).collect();
    entry.experiment.dimensions = names
        .map(|attribute| Dimension {
            attribute: attribute.to_owned(),
            values: values.clone(),
        })
        .into();
    // Everybody came on one day. The weights of different visitors differ, as after epochs of moved weights.
    let today = |facet: Facet| matches!(facet, Facet::Day(_));
    let cells_of_day: Vec<(WeightedKey, Weighted)> = cells
        .weighted
        .iter()
        .filter(|(key, _)| today(key.facet))
        .map(|(key, sums)| (*key, *sums))
        .collect();
    let (first, _) = cells.visitors.first_key_value().unwrap();
    let first = first.day;
    let dimension = |dimension, value| Facet::Dimension { dimension, value };
    let in_values = (0..3).flat_map(|of| (0..50).map(move |value| dimension(of, value)));
    let on_days = (1..60).map(|day| Facet::Day(Day(first.0 - day)));
    for facet in in_values.chain(on_days) {
        for (key, sums) in &cells_of_day {
            let mut sums = *sums;
            sums.w += sums.w / 3;
            cells.weighted.insert(WeightedKey { facet, ..*key }, sums);
        }
    }
    let (key, count) = cells.visitors.first_key_value().unwrap();
    let (key, count) = (*key, *count);
    for day in 1..60 {
        let day = Day(first.0 - day);
        cells.visitors.insert(VisitorsKey { day, ..key }, count);
    }
    bencher.bench(|| {
        black_box(report(&Question {
            dimensions: &names,
            days: 60,
            ..Question::present(&entry, &cells, (now(), TODAY))
        }))
    });
}
