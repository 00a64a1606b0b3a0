//! The play of the gallery: quarter days in their order; in each the clock moves, visitors come, and what they did since is
//! told. Within one the order does not matter, so it goes over several connections.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::thread;

use indicatif::ProgressBar;
use serde::Deserialize;
use serde_json::{Value, json};

use super::cast::{Act, DAYS, Deed, PARTS, TELLING, Visit};
use super::guest::Guest;
use crate::cli::client::{Client, ClientError};
use crate::time::{DAY_MS, Timestamp, Window};

/// Steps of a day.
const STEPS: u32 = 4;
const STEP_MS: i64 = DAY_MS / STEPS as i64;
/// Most requests of a batch, and events.
const BATCH: usize = 1_000;

/// What is played, and where.
pub(super) struct Stage {
    /// The server.
    pub(super) client: Client,
    /// When it begins: the time of the server's clock.
    pub(super) start: Timestamp,
    /// How many visitors come.
    pub(super) guests: u32,
    /// Which ones.
    pub(super) seed: u64,
    /// Over how many connections.
    pub(super) connections: u32,
}

/// What somebody did; events of one moment are told in the order of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Happens {
    Does(Deed),
    SendsBack,
}

/// What is still to be told: when it happens, and who does what.
type Due = BinaryHeap<Reverse<(i64, u32, Happens)>>;

#[derive(Deserialize)]
struct Results {
    results: Vec<Decisions>,
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
}

impl Stage {
    /// Plays everything.
    ///
    /// # Errors
    /// As the server refuses, or can not be reached.
    pub(super) fn play(&self, bar: &ProgressBar) -> Result<(), ClientError> {
        let (mut next, mut due) = (0, Due::new());
        for step in 0..DAYS * STEPS {
            if step % STEPS == 0 {
                self.act(step / STEPS)?;
            }
            let now = STEP_MS * i64::from(step + 1) - 1;
            self.move_clock(now)?;
            let mut guests = Vec::new();
            while next < self.guests {
                let guest = Guest::new(self.seed, next, self.guests);
                if guest.arrives > now {
                    break;
                }
                guests.push((next, guest));
                next += 1;
            }
            let events = self.visit(&guests, (step / STEPS, now), &mut due)?;
            self.tell(events, (now, &mut due))?;
            bar.inc(guests.len() as u64);
        }
        self.move_clock(i64::from(DAYS) * DAY_MS)
    }

    /// What is done with the experiments on a day.
    fn act(&self, day: u32) -> Result<(), ClientError> {
        for part in &PARTS {
            let today = part.acts.iter().filter(|(at, _)| *at == day);
            for (_, act) in today {
                let (verb, body) = match act {
                    Act::Start => ("start", json!({})),
                    Act::Pause => ("pause", json!({})),
                    Act::Conclude(winner) => {
                        ("conclude", json!({ "winner": winner, "scope": "everyone" }))
                    }
                };
                let path = format!("/api/v1/experiments/{}/{verb}", part.key);
                let _done: Value = self.client.post(&path, &body)?;
            }
        }
        Ok(())
    }

    fn at(&self, millis: i64) -> Timestamp {
        self.start.plus(Window::from_millis(millis))
    }

    fn move_clock(&self, to: i64) -> Result<(), ClientError> {
        let clock = json!({ "now": self.at(to) });
        let _moved: Value = self.client.put("/api/v1/clock", &clock)?;
        Ok(())
    }

    /// Lets visitors come; answers the exposures that their pages tell of.
    fn visit(
        &self,
        guests: &[(u32, Guest)],
        (day, now): (u32, i64),
        due: &mut Due,
    ) -> Result<Vec<Value>, ClientError> {
        let keys = PARTS.map(|part| part.key);
        let batches = guests.chunks(BATCH).map(|guests| {
            let ask = |(number, guest): &(u32, Guest)| {
                json!({
                    "visitor": self.id(*number),
                    "attributes": { "country": guest.country, "device": guest.device },
                    "experiments": keys,
                })
            };
            json!({ "requests": guests.iter().map(ask).collect::<Vec<_>>() })
        });
        let answers: Vec<Results> =
            self.send("/api/v1/assignments/batch", &batches.collect::<Vec<_>>())?;
        let answers = answers.into_iter().flat_map(|answer| answer.results);
        let mut events = Vec::new();
        for ((number, guest), decisions) in guests.iter().zip(answers) {
            let of = decisions.assignments.iter();
            let variants: Vec<(&str, &str)> = of
                .clone()
                .filter_map(|of| Some((&*of.experiment, of.variant.as_deref()?)))
                .collect();
            let visit = Visit {
                variants: &variants,
                device: guest.device,
                day,
            };
            for (deed, delay) in guest.deeds(&visit) {
                due.push(Reverse((now + delay, *number, Happens::Does(deed))));
            }
            let counted = of.filter(|of| of.epoch.is_some());
            for of in counted.filter(|of| TELLING.contains(&&*of.experiment)) {
                let variant = of.variant.as_deref().unwrap_or_default();
                if guest.tells(&visit, (&of.experiment, variant)) {
                    events.push(self.exposure(*number, (&of.experiment, variant), now));
                }
            }
        }
        Ok(events)
    }

    /// Tells of events, and of what has happened by now.
    fn tell(&self, mut events: Vec<Value>, (now, due): (i64, &mut Due)) -> Result<(), ClientError> {
        while let Some(Reverse((at, number, what))) = due.peek().copied()
            && at <= now
        {
            due.pop();
            let guest = Guest::new(self.seed, number, self.guests);
            events.push(self.event(number, (what, &guest), at));
            let returned = guest
                .sent_back
                .filter(|_| what == Happens::Does(Deed::Orders));
            if let Some(later) = returned {
                due.push(Reverse((at + later, number, Happens::SendsBack)));
            }
        }
        let batches = events
            .chunks(BATCH)
            .map(|events| json!({ "events": events }));
        let _counts: Vec<Value> = self.send("/api/v1/events", &batches.collect::<Vec<_>>())?;
        Ok(())
    }

    fn id(&self, number: u32) -> String {
        format!("gallery-{}-{number}", self.seed)
    }

    fn event(&self, number: u32, (what, guest): (Happens, &Guest), at: i64) -> Value {
        let visitor = self.id(number);
        let order = json!({ "order_id": visitor, "revenue": guest.revenue });
        let (name, properties) = match what {
            Happens::Does(Deed::Orders) => (Deed::Orders.event(), order),
            Happens::Does(deed) => (deed.event(), json!({})),
            Happens::SendsBack => ("Order Refunded", json!({ "order_id": visitor })),
        };
        json!({
            "id": format!("{visitor}-{name}"), "event": name, "visitor": visitor,
            "timestamp": self.at(at), "properties": properties,
        })
    }

    fn exposure(&self, number: u32, (experiment, variant): (&str, &str), at: i64) -> Value {
        let visitor = self.id(number);
        let properties = BTreeMap::from([("experiment_id", experiment), ("variation_id", variant)]);
        json!({
            "id": format!("{visitor}-{experiment}"), "event": "Experiment Viewed", "visitor": visitor,
            "timestamp": self.at(at), "properties": properties,
        })
    }

    /// Sends bodies over the connections; answers in their order.
    fn send<T: for<'de> Deserialize<'de> + Send>(
        &self,
        path: &str,
        bodies: &[Value],
    ) -> Result<Vec<T>, ClientError> {
        let mut answers = Vec::with_capacity(bodies.len());
        for bodies in bodies.chunks(self.connections as usize) {
            let sent: Result<Vec<T>, ClientError> = thread::scope(|scope| {
                let post = |body| scope.spawn(move || self.client.post(path, body));
                let posting: Vec<_> = bodies.iter().map(post).collect();
                let posted = posting.into_iter().map(|post| match post.join() {
                    Ok(answer) => answer,
                    Err(panicked) => std::panic::resume_unwind(panicked),
                });
                posted.collect()
            });
            answers.extend(sent?);
        }
        Ok(answers)
    }
}
