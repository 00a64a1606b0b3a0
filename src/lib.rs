//! Upswing: a multi-armed-bandit experimentation server in one binary. It answers "which variant does this visitor
//! get?", learns from rewards, moves traffic towards what works, and reports with honest statistics what it earned.
//!
//! Four pure functions around a loop; everything else carries bytes to and from them:
//!
//! ```text
//!  experiments/*.toml ──parse──► Catalog ──┐
//!                                          ▼
//!         ┌──────────── Allocation ─────► assign ──► Assigned ──┐
//!         │                                                     ▼
//!    reallocate ◄──── Cells ◄───── fold ◄──────────────── event log ◄── Tracked (rewards) ◄── the shop
//!                       │
//!                       └────────► report ──► API · dashboard · CLI (one Report value, computed once)
//! ```
//!
//! - [`assign::assign`]: forced → schedule → bot → consent → holdouts → sticky → layer → audience → ramp → variant.
//! - [`fold::fold`]: dedupe, change the visitor's record, delta = contribution(after) − contribution(before).
//! - [`bandit::reallocate`]: posterior → P(best) → floor → a new epoch.
//! - [`report::report`]: verdict, lift, intervals, P(best), sample ratio mismatch, caveats instead of false certainty.
//!   Before the start, [`plan::plan`] says what the traffic can decide at all and [`simulation`] what a policy would earn;
//!   afterwards [`evaluate::evaluate`] says what another policy would have earned.
//!
//! # Layers
//!
//! A module uses only what stands before it in this file; a test holds it to that. The pure core knows no clock, no
//! randomness, no environment and no I/O; the shell around it carries bytes. Events of the log are the only truth: the
//! [`engine`] folds them, writes log frame and state in one atomic durable batch ([`store`]), and publishes a snapshot
//! that all readers share.
//!
//! # Invariants
//!
//! 1. Replaying the log into an empty store gives the same state byte for byte ([`engine::replay`]).
//! 2. Effects and log offset commit in one batch: an event counts exactly once, whatever crashes.
//! 3. [`moments`] are exact integers and form groups: any order, batching or merge gives the same sums.
//! 4. Every assignment was made with a logged propensity under a numbered [`epoch`]; a visitor keeps the variant.
//! 5. Nothing acknowledged is lost: 2xx means flushed to disk.
//! 6. The bucket function ([`assign::bucket`]) changes only under a new version.

// Vocabulary: pure, depends on nothing but itself.
pub mod id;
pub mod source;
pub mod time;

pub mod age;
pub mod key;

pub mod amount;
pub mod winsor;

pub mod allocation;
pub mod moments;

pub mod epoch;
pub mod posterior;

pub mod catalog;
pub mod cell;

pub mod delay;
pub mod linear;

// The pure core.
pub mod assign;
pub mod bandit;
pub mod profile;
pub mod stats;

pub mod event;
pub mod visitor;

pub mod fold;
pub mod report;

pub mod evaluate;
pub mod plan;

pub mod simulation;

pub mod chart;

pub mod dashboard;

// The shell.
pub mod clock;
pub mod telemetry;

pub mod config;

pub mod log;
pub mod store;

pub mod engine;

pub mod webhook;

pub mod http;

pub mod cli;

#[cfg(test)]
mod golden;
