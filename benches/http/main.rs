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
        Some("floor") => floor::serve(),
        Some("load") => load::run(&arguments[2..]),
        _ => compare(),
    }
}

/// Runs every case against every server and prints medians of ratios.
fn compare() {
    let (floor, upswing) = (Process::floor(), Process::upswing());
    let load = |case, connections, requests| Load {
        case,
        connections,
        requests,
    };
    println!("visitors that return: {}", load::VISITORS);
    upswing.load(&load(Case::Assign, 64, load::VISITORS));
    let mut ratios = Vec::new();
    for round in 0..ROUNDS {
        let base = floor.load(&load(Case::Assign, 64, 200_000));
        let ours = upswing.load(&load(Case::Assign, 64, 200_000));
        println!("round {round}: floor {base}, upswing {ours}");
        ratios.push((
            ours.cpu_micros / base.cpu_micros,
            ours.per_second / base.per_second,
        ));
    }
    let cpu = median(ratios.iter().map(|(cpu, _)| *cpu).collect());
    let throughput = median(ratios.iter().map(|(_, throughput)| *throughput).collect());
    println!(
        "returning assignment: {cpu:.2} × the floor's CPU per request, {throughput:.2} × its throughput"
    );
    let bare = floor.load(&load(Case::Reward, 256, 100_000));
    let single = upswing.load(&load(Case::Reward, 256, 100_000));
    println!("durable single rewards, 256 connections: {single} (floor {bare})");
    let batch = upswing.load(&load(Case::Batch, 64, 4_000));
    println!(
        "durable batches of 100: {batch}, {:.0} events/s",
        batch.per_second * 100.0
    );
    let fresh = upswing.load(&load(Case::Fresh, 64, 50_000));
    println!("new visitors, durable before the answer: {fresh}");
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
