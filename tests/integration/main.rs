//! Integration tests: the real binary on a free port, spoken to over HTTP. When a test ends, the harness stops the
//! server, replays its log and demands the stored state byte for byte.

#![expect(
    clippy::unwrap_used,
    reason = "a failing unwrap is a failing test; helpers outside #[test] need it too"
)]

mod client;
mod harness;
mod model;
mod ofrep;

mod answers;
mod architecture;
mod assignments;
mod caps;
mod compression;
mod conclusion;
mod consent;
mod contextual;
mod control;
mod cors;
mod covariate;
mod crowd;
mod debugger;
mod definitions;
mod delays;
mod demo;
mod durability;
mod erasure;
mod evaluate;
mod evaluate_experiment;
mod exports;
mod exposures;
mod gallery;
mod guardrails;
mod hillstrom;
mod holdout;
mod hostile;
mod identity;
mod import;
mod input;
mod keys;
mod latency;
mod linear;
#[path = "loop.rs"]
mod loop_;
mod operations;
mod pages;
mod plan;
mod playbook;
mod policies;
mod pressure;
mod profiles;
mod readme;
mod revenue;
mod rewards;
mod segment;
mod simulate;
mod slow;
mod stream;
mod tls;
mod traces;
mod verdict;
mod webhooks;
