//! What a request costs over HTTP, as ratios within one interleaved run: ours against a bare actix handler that parses
//! the same JSON and answers a constant (the floor). Server, floor and load generator are processes of their own.
//!
//! `cargo bench --bench http` prints CPU per request (from the kernel's accounting of the server) and throughput.

#![expect(
    clippy::unwrap_used,
    reason = "a bench that can not prepare its input has nothing to measure"
)]
#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]

mod floor;
mod load;
mod server;

use load::{Case, Load};
use server::Process;

const ROUNDS: usize = 5;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("floor") => floor::serve(arguments[2].clone()),
        Some("load") => load::run(&arguments[2..]),
        _ => compare(),
    }
}

const EXPERIMENTS: usize = 20;

/// Runs every case against every server and prints medians of ratios.
fn compare() {
    let (upswing, many) = (Process::upswing(1), Process::upswing(EXPERIMENTS));
    let floor = Process::floor(&many.flags(0));
    println!("visitors that return: {}", load::VISITORS);
    upswing.load(&load(Case::Assign, 64, load::VISITORS));
    versus((&floor, &upswing), &load(Case::Assign, 64, 200_000));
    many.load(&load(Case::Flags, 64, load::VISITORS));
    println!("{EXPERIMENTS} flags of a visitor that returns:");
    versus((&floor, &many), &load(Case::Flags, 64, 100_000));
    let bare = floor.load(&load(Case::Reward, 256, 100_000));
    let single = upswing.load(&load(Case::Reward, 256, 100_000));
    println!("durable single rewards, 256 connections: {single} (floor {bare})");
    for (case, what) in [
        (Case::Batch, "batches of 100"),
        (Case::Segment, "gzipped batches of 100 by the tracking API"),
    ] {
        let batch = upswing.load(&load(case, 64, 4_000));
        let events = batch.per_second * 100.0;
        println!("durable {what}: {batch}, {events:.0} events/s");
    }
    let fresh = upswing.load(&load(Case::Fresh, 64, 50_000));
    println!("new visitors, durable before the answer: {fresh}");
}

fn load(case: Case, connections: usize, requests: usize) -> Load {
    Load {
        case,
        connections,
        requests,
    }
}

/// Rounds of the same load against the floor and ours, one after the other.
fn versus((floor, upswing): (&Process, &Process), load: &Load) {
    let mut ratios = Vec::new();
    for round in 0..ROUNDS {
        let (base, ours) = (floor.load(load), upswing.load(load));
        println!("round {round}: floor {base}, upswing {ours}");
        ratios.push((
            ours.cpu_micros / base.cpu_micros,
            ours.per_second / base.per_second,
        ));
    }
    let cpu = median(ratios.iter().map(|(cpu, _)| *cpu).collect());
    let throughput = median(ratios.iter().map(|(_, throughput)| *throughput).collect());
    println!("{cpu:.2} × the floor's CPU per request, {throughput:.2} × its throughput");
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
