//! Upswing: a multi-armed-bandit experimentation server in one binary. It answers "which variant does this visitor
//! get?", learns from rewards, moves traffic towards what works, and reports with honest statistics what it earned.

// Vocabulary: pure, depends on nothing but itself.
pub mod id;
pub mod time;

pub mod amount;

pub mod allocation;
pub mod moments;

pub mod epoch;
pub mod posterior;

pub mod catalog;
pub mod cell;

// The pure core.
pub mod assign;
pub mod bandit;
pub mod stats;

pub mod event;
pub mod visitor;

pub mod fold;
pub mod report;

// The shell.
pub mod clock;
pub mod telemetry;

pub mod config;

pub mod log;
pub mod store;

pub mod engine;

pub mod http;

#[cfg(test)]
mod golden;
