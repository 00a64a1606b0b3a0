//! A policy that runs elsewhere: the simulation owns truth, clock and conversions, and a server decides.

use super::conversions::{Conversion, Conversions};
use super::scenario::Scenario;
use super::tally::Tally;
use super::visitors::{Arrivals, Batch, Visitor, arrival};
use crate::time::Timestamp;

/// A server that runs the scenario's experiment under one of its policies, with a clock that is moved by hand.
pub trait Server {
    /// Moves the clock.
    fn advance(&mut self, to: Timestamp);
    /// Assigns visitors who come now; the position of each one's variant.
    fn assign(&mut self, visitors: &[Visitor]) -> Vec<usize>;
    /// Takes conversions that have happened by now.
    fn convert(&mut self, conversions: &[Conversion]);
    /// Asks the policy for an epoch now.
    fn reallocate(&mut self);
}

/// Sends the visitors of a run to a server; its regret.
///
/// They are the visitors that [`super::play`] draws from the seed, so a server that decides alike has the same regret to
/// the last bit. Those of a batch come to it at one instant, as with [`super::Traffic::together`] in process.
pub fn drive(scenario: &Scenario, seed: u64, server: &mut impl Server) -> f64 {
    let traffic = &scenario.traffic;
    let mut arrivals = Arrivals::new(scenario, seed);
    let mut conversions = Conversions::new(scenario, true);
    let mut tally = Tally::new(traffic.visitors, traffic.batch, scenario.objective.sign);
    let mut batch = Batch::default();
    while arrivals.fill(&mut batch) {
        server.advance(arrival(traffic, tally.visitors()));
        let variants = server.assign(&batch.visitors);
        for ((visitor, rewards), variant) in batch.iter().zip(variants) {
            tally.count(variant, rewards);
            if let Some(order) = visitor.order_on(variant) {
                conversions.schedule(visitor, order, variant);
            }
        }
        let now = arrival(traffic, tally.visitors());
        server.advance(now);
        let due: Vec<Conversion> = std::iter::from_fn(|| conversions.next(now)).collect();
        server.convert(&due);
        server.reallocate();
    }
    tally.finish().0
}
