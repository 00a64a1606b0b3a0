//! The traffic of the demo: shoppers' visits and orders in the order of their times, over several connections.
//!
//! The play is cut into steps. Within a step every connection plays what is due; between steps the clock moves, or, where
//! the server has a real clock, the policy is asked now and then, since its refresh would be too slow. Against a real clock
//! things happen when they are sent, so that an order comes as many steps after its visit as its delay is long.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::thread;

use indicatif::ProgressBar;
use serde::Deserialize;
use serde_json::{Value, json};

use super::shop::{ADDED, END, Shopper, Variants};
use crate::cli::client::{Client, ClientError};
use crate::clock::Clock;
use crate::time::{Timestamp, Window};

/// Steps of the play.
const STEPS: u32 = 200;
/// Against a real clock, how many steps pass until the policy is asked again.
const ASKED_EVERY: u32 = 4;

/// What is played, and where.
pub(super) struct Scene {
    /// The server.
    pub(super) client: Client,
    /// The experiment.
    pub(super) experiment: String,
    /// The event that its goal counts.
    pub(super) goal: String,
    /// Its variants, and the share of shoppers that each moves to the goal.
    pub(super) rates: Vec<(String, f64)>,
    /// The share of shoppers that its control moves there, and of those who are not in the experiment.
    pub(super) base: f64,
    /// How many shoppers.
    pub(super) shoppers: u32,
    /// Which ones.
    pub(super) seed: u64,
    /// Over how many connections.
    pub(super) connections: u32,
    /// The server's time if its clock is moved by hand.
    pub(super) manual: Option<Timestamp>,
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Tally {
    /// Shoppers in the experiment, by its variants.
    pub(super) visitors: Vec<u32>,
    /// Conversions that their variants let expect.
    pub(super) expected: f64,
    /// Conversions that an even split would have let expect.
    pub(super) even: f64,
}

/// An action's time, shopper and visit; the visit is `None` for the order.
type Due = (u32, u32, Option<usize>);

/// What one connection plays.
struct Lane {
    client: Client,
    due: BinaryHeap<Reverse<Due>>,
    tally: Tally,
}

#[derive(Deserialize)]
struct Decisions {
    assignments: Vec<Decision>,
}

#[derive(Deserialize)]
struct Decision {
    experiment: String,
    variant: Option<String>,
    epoch: Option<u32>,
    #[serde(default)]
    holdout: bool,
}

/// Plays everything.
///
/// # Errors
/// As the server refuses, or can not be reached.
pub(super) fn play(scene: &Scene, bar: &ProgressBar) -> Result<Tally, ClientError> {
    let mut lanes: Vec<Lane> = (0..scene.connections)
        .map(|lane| scene.lane(lane))
        .collect();
    for step in 1..=STEPS {
        let until = END / STEPS * step + 1;
        scene.begin(step, until)?;
        thread::scope(|scope| {
            let play = |lane| scope.spawn(move || scene.step(lane, until, bar));
            let playing: Vec<_> = lanes.iter_mut().map(play).collect();
            playing.into_iter().try_for_each(|lane| match lane.join() {
                Ok(played) => played,
                Err(panicked) => std::panic::resume_unwind(panicked),
            })
        })?;
    }
    let mut tally = scene.blank();
    for lane in lanes {
        tally.expected += lane.tally.expected;
        tally.even += lane.tally.even;
        let pairs = tally.visitors.iter_mut().zip(lane.tally.visitors);
        pairs.for_each(|(sum, visitors)| *sum += visitors);
    }
    Ok(tally)
}

impl Scene {
    fn lane(&self, number: u32) -> Lane {
        let mut lane = Lane {
            client: self.client.clone(),
            due: BinaryHeap::new(),
            tally: self.blank(),
        };
        self.expect(&mut lane, number);
        lane
    }

    fn blank(&self) -> Tally {
        Tally {
            visitors: vec![0; self.rates.len()],
            ..Tally::default()
        }
    }

    fn shopper(&self, number: u32) -> Shopper {
        Shopper::new(self.seed, number, self.shoppers)
    }

    /// Puts a shopper's first visit on the list.
    fn expect(&self, lane: &mut Lane, number: u32) {
        if number < self.shoppers
            && let Some(first) = self.shopper(number).visits.first()
        {
            lane.due.push(Reverse((*first, number, Some(0))));
        }
    }

    /// Moves the clock to the end of the step, or asks the policy.
    fn begin(&self, step: u32, until: u32) -> Result<(), ClientError> {
        if let Some(start) = self.manual {
            let now = start.plus(Window::from_millis(i64::from(until)));
            let _moved: Value = self.client.put("/api/v1/clock", &json!({ "now": now }))?;
        } else if step.is_multiple_of(ASKED_EVERY) {
            let path = format!("/api/v1/experiments/{}/reallocate", self.experiment);
            let _asked: Value = self.client.post(&path, &json!({}))?;
        }
        Ok(())
    }

    /// Plays what is due before `until`.
    fn step(&self, lane: &mut Lane, until: u32, bar: &ProgressBar) -> Result<(), ClientError> {
        while let Some(Reverse((at, number, visit))) = lane.due.peek().copied()
            && at < until
        {
            lane.due.pop();
            let shopper = self.shopper(number);
            let Some(visit) = visit else {
                let order = json!({ "order_id": self.id(number), "revenue": shopper.revenue });
                let event = self.event((number, "order"), (&self.goal, at), &order);
                self.send(lane, &event)?;
                continue;
            };
            self.visit(lane, (number, visit, until), &shopper)?;
            if visit == 0 {
                self.expect(lane, number + self.connections);
                bar.inc(1);
            }
            if let Some(next) = shopper.visits.get(visit + 1) {
                lane.due.push(Reverse((*next, number, Some(visit + 1))));
            }
        }
        Ok(())
    }

    /// A visit: what is shown, what goes into the cart, and whether an order will follow.
    fn visit(
        &self,
        lane: &mut Lane,
        (number, visit, now): (u32, usize, u32),
        shopper: &Shopper,
    ) -> Result<(), ClientError> {
        let mut attributes = json!({
            "country": shopper.country,
            "device": shopper.device,
            "visits": visit + 1,
        });
        if shopper.staff {
            attributes["staff"] = json!(true);
        }
        let asked = json!({ "visitor": self.id(number), "attributes": attributes });
        let decisions: Decisions = lane.client.post("/api/v1/assignments", &asked)?;
        let counted = decisions.assignments.into_iter();
        let counted = counted.filter(|decision| decision.epoch.is_some() && !decision.holdout);
        let mut variants: Variants = counted
            .filter_map(|decision| Some((decision.experiment, decision.variant?)))
            .collect();
        let own = variants.remove(&self.experiment);
        if self.goal != ADDED && shopper.adds(visit, &variants) {
            let event = self.event((number, &format!("cart-{visit}")), (ADDED, now), &json!({}));
            self.send(lane, &event)?;
        }
        let chance = |rate| shopper.chance(rate, &variants);
        if visit == shopper.decides
            && shopper.orders(self.decide(&mut lane.tally, own.as_deref(), chance))
        {
            lane.due.push(Reverse((now + shopper.delay, number, None)));
        }
        Ok(())
    }

    /// The chance that a shopper with such a variant orders; counts what is to be expected.
    fn decide(&self, tally: &mut Tally, own: Option<&str>, chance: impl Fn(f64) -> f64) -> f64 {
        let of = |got: &str| self.rates.iter().position(|(variant, _)| variant == got);
        let Some(got) = own.and_then(of) else {
            return chance(self.base);
        };
        let chances: Vec<f64> = self.rates.iter().map(|(_, rate)| chance(*rate)).collect();
        let expected = chances.get(got).copied().unwrap_or_default();
        if let Some(visitors) = tally.visitors.get_mut(got) {
            *visitors += 1;
        }
        tally.expected += expected;
        tally.even += chances.iter().sum::<f64>() / chances.len() as f64;
        expected
    }

    fn id(&self, number: u32) -> String {
        format!("demo-{}-{number}", self.seed)
    }

    /// An event of a shopper: its id, its name and time, and more.
    fn event(
        &self,
        (number, part): (u32, &str),
        (name, at): (&str, u32),
        properties: &Value,
    ) -> Value {
        let visitor = self.id(number);
        let at = self.manual.map_or_else(
            || Clock::System.now(),
            |start| start.plus(Window::from_millis(i64::from(at))),
        );
        json!({
            "id": format!("{visitor}-{part}"),
            "event": name,
            "visitor": visitor,
            "timestamp": at,
            "properties": properties,
        })
    }

    /// Sends an event, with the time of sending where clocks may differ.
    fn send(&self, lane: &Lane, event: &Value) -> Result<(), ClientError> {
        let mut batch = json!({ "events": [event] });
        if self.manual.is_none() {
            batch["sent_at"] = json!(Clock::System.now());
        }
        let _counts: Value = lane.client.post("/api/v1/events", &batch)?;
        Ok(())
    }
}
