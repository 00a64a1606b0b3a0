//! Prometheus metrics: the one list of their names, and what counts them. Counters are looked up once; counting is an
//! atomic addition. Keys of experiments are labels of gauges alone, and of a bounded number.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use metrics::{
    Counter, Histogram, counter, describe_counter, describe_gauge, describe_histogram, gauge,
    histogram,
};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_util::MetricKindMask;

use super::Stopwatch;
use crate::assign::decision::Reason;
use crate::catalog::experiment::Status;
use crate::catalog::{Catalog, Trip};
use crate::event::Event;
use crate::fold::Outcome;
use crate::source::Source;

const DECISIONS: &str = "upswing_decisions_total";
const UNDECIDED: &str = "upswing_audience_undecided_total";
const EVENTS: &str = "upswing_events_total";
const ALIASES: &str = "upswing_aliases_total";
const OVERLOADED: &str = "upswing_overloaded_total";
const QUEUE: &str = "upswing_queue_messages";
const COMMIT_SECONDS: &str = "upswing_commit_seconds";
const COMMIT_EVENTS: &str = "upswing_commit_events";
const STORE_BYTES: &str = "upswing_store_bytes";
const EXPERIMENTS: &str = "upswing_experiments";
const EPOCHS: &str = "upswing_epochs";
const TRIPS: &str = "upswing_guardrail_trips";
const WEBHOOKS: &str = "upswing_webhook_deliveries_total";

/// What each counter says.
const COUNTERS: [(&str, &str); 6] = [
    (DECISIONS, "Decisions by reason and way in."),
    (
        UNDECIDED,
        "Audiences that could not be evaluated for a visitor.",
    ),
    (
        EVENTS,
        "Events by fate (accepted, duplicate, rejected, no_consent) and way in.",
    ),
    (ALIASES, "Joins of two visitors' ids by fate."),
    (
        OVERLOADED,
        "Requests refused because the writer's queue was full.",
    ),
    (
        WEBHOOKS,
        "Attempts to deliver webhooks by result (delivered, failed, dead).",
    ),
];

/// What each histogram says.
const HISTOGRAMS: [(&str, &str); 2] = [
    (
        COMMIT_SECONDS,
        "Seconds of a commit, from folding to the disk's word.",
    ),
    (COMMIT_EVENTS, "Events of a commit."),
];

/// What each gauge says.
const GAUGES: [(&str, &str); 5] = [
    (QUEUE, "Messages that wait for the writer."),
    (STORE_BYTES, "Bytes of the store on disk."),
    (EXPERIMENTS, "Experiments by status, without archived ones."),
    (EPOCHS, "Epochs of the first 100 experiments."),
    (
        TRIPS,
        "Guardrails that tripped in the first 100 experiments.",
    ),
];

/// Bounds of the classes of commits' seconds.
const SECONDS: [f64; 11] = [
    0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0,
];
/// Bounds of the classes of commits' events; a commit has at most 256.
const SIZES: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];
/// Most experiments with gauges of their own.
const MAX_EXPERIMENTS: usize = 100;
/// How long a gauge that nobody sets any more is shown: an experiment's, until it is archived.
const FORGOTTEN: Duration = Duration::from_mins(1);
/// How often samples are put into their classes; until then they take memory.
const UPKEEP: Duration = Duration::from_secs(5);
/// Where experiments stand, by name.
const STATUSES: [(Status, &str); 4] = [
    (Status::Draft, "draft"),
    (Status::Running, "running"),
    (Status::Paused, "paused"),
    (Status::Concluded, "concluded"),
];
/// The ways by which decisions are asked for.
const ASKED: [Source; 2] = [Source::Native, Source::Ofrep];

/// What comes of an attempt to deliver a webhook.
const RESULTS: [&str; 3] = ["delivered", "failed", "dead"];

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Accepted,
    Duplicate,
    Rejected,
    NoConsent,
}

impl Fate {
    const ALL: [Self; 4] = [
        Self::Accepted,
        Self::Duplicate,
        Self::Rejected,
        Self::NoConsent,
    ];

    fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Accepted => Self::Accepted,
            Outcome::Duplicate | Outcome::Standing(_) | Outcome::Void => Self::Duplicate,
            Outcome::TooManyAliases | Outcome::TooManyTraits => Self::Rejected,
            Outcome::NoConsent => Self::NoConsent,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Rejected => "rejected",
            Self::NoConsent => "no_consent",
        }
    }
}

/// Everything that is counted while it happens.
struct Counts {
    decisions: BTreeMap<(Source, Reason), Counter>,
    undecided: Counter,
    events: BTreeMap<(Source, Fate), Counter>,
    aliases: BTreeMap<Fate, Counter>,
    overloaded: Counter,
    webhooks: BTreeMap<&'static str, Counter>,
    commit_seconds: Histogram,
    commit_events: Histogram,
}

impl Counts {
    fn new() -> Self {
        let decisions = ASKED.into_iter().flat_map(|source| {
            let named = move |reason: Reason| {
                let labels = [("source", source.name()), ("reason", reason.name())];
                ((source, reason), counter!(DECISIONS, &labels))
            };
            Reason::ALL.into_iter().map(named)
        });
        let events = Source::ALL.into_iter().flat_map(|source| {
            let named = move |fate: Fate| {
                let labels = [("source", source.name()), ("fate", fate.name())];
                ((source, fate), counter!(EVENTS, &labels))
            };
            Fate::ALL.into_iter().map(named)
        });
        let aliases = Fate::ALL.into_iter();
        Self {
            decisions: decisions.collect(),
            undecided: counter!(UNDECIDED),
            events: events.collect(),
            aliases: aliases
                .map(|fate| (fate, counter!(ALIASES, "fate" => fate.name())))
                .collect(),
            overloaded: counter!(OVERLOADED),
            webhooks: RESULTS
                .into_iter()
                .map(|result| (result, counter!(WEBHOOKS, "result" => result)))
                .collect(),
            commit_seconds: histogram!(COMMIT_SECONDS),
            commit_events: histogram!(COMMIT_EVENTS),
        }
    }
}

/// The counters, registered at their first use.
fn counts() -> &'static Counts {
    static COUNTS: OnceLock<Counts> = OnceLock::new();
    COUNTS.get_or_init(Counts::new)
}

/// Starts counting; the handle renders what was counted. A second start in one process counts on under the first.
pub fn measure() -> PrometheusHandle {
    let recorder = builder().unwrap_or_else(|_| PrometheusBuilder::new());
    let recorder = recorder.build_recorder();
    let handle = recorder.handle();
    drop(metrics::set_global_recorder(recorder));
    for (name, says) in COUNTERS {
        describe_counter!(name, says);
    }
    for (name, says) in HISTOGRAMS {
        describe_histogram!(name, says);
    }
    for (name, says) in GAUGES {
        describe_gauge!(name, says);
    }
    counts();
    let kept = handle.clone();
    let upkeep = move || {
        loop {
            std::thread::sleep(UPKEEP);
            kept.run_upkeep();
        }
    };
    let thread = std::thread::Builder::new().name("metrics".into());
    if let Err(error) = thread.spawn(upkeep) {
        tracing::warn!(%error, "metrics take memory until they are read");
    }
    handle
}

fn builder() -> Result<PrometheusBuilder, BuildError> {
    let sized = |name: &str| Matcher::Full(name.to_owned());
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(sized(COMMIT_SECONDS), &SECONDS)?
        .set_buckets_for_metric(sized(COMMIT_EVENTS), &SIZES)?;
    Ok(builder.idle_timeout(MetricKindMask::GAUGE, Some(FORGOTTEN)))
}

/// Counts a commit.
pub fn commit(events: usize, since: &Stopwatch) {
    let counts = counts();
    counts.commit_seconds.record(since.elapsed().as_secs_f64());
    counts.commit_events.record(events as f64);
}

/// Counts what became of events that the writer took.
pub fn recorded(events: &[Event], outcomes: &[Outcome]) {
    let counts = counts();
    for (event, outcome) in events.iter().zip(outcomes) {
        let fate = Fate::of(outcome);
        let counter = match event {
            Event::Tracked(tracked) => counts.events.get(&(tracked.source, fate)),
            Event::Profiled(profiled) => counts.events.get(&(profiled.source, fate)),
            Event::Imported(_) => counts.events.get(&(Source::Import, fate)),
            Event::Aliased(_) => counts.aliases.get(&fate),
            Event::Founded(_)
            | Event::Defined(_)
            | Event::Transitioned(_)
            | Event::Opened { .. }
            | Event::Assigned(_)
            | Event::KeyCreated(_)
            | Event::KeyRevoked { .. }
            | Event::Asked(_)
            | Event::Learned(_)
            | Event::Consented(_)
            | Event::Erased(_)
            | Event::Tripped { .. } => None,
        };
        if let Some(counter) = counter {
            counter.increment(1);
        }
    }
}

/// Counts an event that was refused before it reached the writer.
pub fn rejected(source: Source) {
    if let Some(counter) = counts().events.get(&(source, Fate::Rejected)) {
        counter.increment(1);
    }
}

/// Counts a decision that was asked for by `source`.
pub fn decision(source: Source, reason: Reason) {
    if let Some(counter) = counts().decisions.get(&(source, reason)) {
        counter.increment(1);
    }
}

/// Counts an audience that could not be evaluated.
pub fn undecided() {
    counts().undecided.increment(1);
}

/// Counts an attempt to deliver a webhook.
pub fn webhook(result: &'static str) {
    if let Some(counter) = counts().webhooks.get(result) {
        counter.increment(1);
    }
}

/// Counts a refusal for a full queue.
pub fn overloaded() {
    counts().overloaded.increment(1);
}

/// Tells whoever reads the log that a guardrail tripped.
pub fn tripped(experiment: &str, trip: &Trip) {
    tracing::warn!(
        experiment.key = experiment,
        metric = trip.metric.as_str(),
        "{}",
        trip.receipt
    );
}

/// Sets what is measured on demand: bytes on disk, messages that wait, and how experiments stand.
pub fn gauges(store_bytes: u64, queued: usize, catalog: &Catalog) {
    gauge!(STORE_BYTES).set(store_bytes as f64);
    gauge!(QUEUE).set(queued as f64);
    let kept = || catalog.iter().filter(|entry| !entry.lifecycle.archived);
    for (status, name) in STATUSES {
        let count = kept().filter(|entry| entry.lifecycle.status == status);
        gauge!(EXPERIMENTS, "status" => name).set(count.count() as f64);
    }
    for entry in kept().take(MAX_EXPERIMENTS) {
        let labels = [("experiment", entry.experiment.key.to_string())];
        gauge!(EPOCHS, &labels).set(entry.epochs.len() as f64);
        gauge!(TRIPS, &labels).set(entry.lifecycle.trips.len() as f64);
    }
}
