//! Conversions that are still to come.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::scenario::Scenario;
use super::visitors::{Order, Visitor};
use crate::id::VisitorId;
use crate::time::Timestamp;

/// A conversion: the event that a server is told of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Conversion {
    /// When it happens.
    pub at: Timestamp,
    /// Orders conversions of one instant; one of each number in a run.
    pub number: u64,
    /// Who converts.
    pub visitor: VisitorId,
    /// The event's properties as JSON; empty where no value counts.
    pub properties: String,
}

/// The conversions of a policy's visitors, in order of time.
pub(super) struct Conversions<'s> {
    scenario: &'s Scenario,
    /// Whether they take the time the truth says.
    delayed: bool,
    due: BinaryHeap<Reverse<Conversion>>,
    scheduled: u64,
}

impl<'s> Conversions<'s> {
    pub(super) fn new(scenario: &'s Scenario, delayed: bool) -> Self {
        Self {
            scenario,
            delayed,
            due: BinaryHeap::new(),
            scheduled: 0,
        }
    }

    /// A visitor who got a variant converts there.
    pub(super) fn schedule(&mut self, visitor: &Visitor, order: &Order, variant: usize) {
        let property = self.scenario.objective.property.as_ref();
        let properties = property.map_or_else(String::new, |name| {
            let value = order.value(self.scenario, variant);
            serde_json::json!({ name.as_str(): format!("{value:.6}") }).to_string()
        });
        let delay = order.delay(self.scenario, variant);
        self.due.push(Reverse(Conversion {
            at: delay
                .filter(|_| self.delayed)
                .map_or(visitor.at, |delay| visitor.at.plus(delay)),
            number: self.scheduled,
            visitor: visitor.id.clone(),
            properties,
        }));
        self.scheduled += 1;
    }

    /// The next one that has come by now.
    pub(super) fn next(&mut self, now: Timestamp) -> Option<Conversion> {
        self.due.peek().filter(|due| due.0.at <= now)?;
        self.due.pop().map(|due| due.0)
    }

    /// When the last of those to come happens.
    pub(super) fn last(&self) -> Option<Timestamp> {
        self.due.iter().map(|due| due.0.at).max()
    }
}
