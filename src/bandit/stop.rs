//! When a bandit ends by itself: once there is nothing left to find that is worth the search (statistics R7).
//!
//! After the minimum duration, the search ends when no variant is likely to be better than the best by more than
//! `value_remaining`: P(none is) ≥ 95 % under the bandit's own belief (Scott 2010). It is reached no later than P(best) ≥ 95 %,
//! and it is reached between variants that do not differ, where P(best) may wander for ever. The cap ends what is still open
//! then with the likely best. Without the minimum duration 4 % against 5 % would end right in 91 % of runs instead of 97 %.
//!
//! That is a decision and no proof of a difference: the report says whether there is one. Nothing ends while the visitors
//! per variant do not fit their propensities.

use super::belief::{self, Belief};
use super::target::{Evidence, Situation, evidence, is_burning_in};
use super::tick::News;
use super::{drift, guardrail, name, newcomer, recent, revert};
use crate::catalog::experiment::Policy;
use crate::catalog::{Conclusion, Entry};
use crate::cell::Cells;
use crate::time::{Timestamp, Window};

/// Probability to be within the value that remains of the best.
const NEAR_BEST: f64 = 0.95;

/// The conclusion of a running bandit that ends now, with its reason; `None` while it goes on.
pub(super) fn stop(entry: &Entry, cells: &Cells, now: Timestamp, news: News) -> Option<Conclusion> {
    let Policy::Bandit(bandit) = &entry.experiment.policy else {
        return None;
    };
    // Somebody who holds earlier weights decides alone.
    let stop = bandit
        .stop
        .filter(|_| entry.is_running() && !revert::is_held(entry))?;
    let since = entry.lifecycle.searching_since()?;
    let is_over = now >= since.plus(stop.cap);
    let may_end = now >= since.plus(Window::days(i64::from(stop.min_days))) && news == News::Some;
    (is_over || may_end).then_some(())?;
    let change = drift::noticed(entry, cells, (bandit.metric, now));
    let recent = recent(bandit, change, cells);
    let cells = recent.as_ref().unwrap_or(cells);
    let arms = evidence(entry, bandit, cells);
    let situation = Situation {
        entry,
        bandit,
        cells,
        arms: &arms,
        from: None,
        now,
    };
    let is_learning =
        is_burning_in(entry, cells) || newcomer::ramps(situation).iter().any(Option::is_some);
    if !is_over && is_learning {
        return None;
    }
    let free = free(situation);
    let among = Situation {
        arms: &free,
        ..situation
    };
    let belief = belief::belief(among);
    let champion = champion(&belief)?;
    let ended = Ended {
        situation: among,
        belief: &belief,
        champion,
        days: (now.millis() - since.millis()) / Window::days(1).millis(),
    };
    let reason = ended
        .by_value(stop.value_remaining)
        .filter(|_| !is_learning)
        .or_else(|| is_over.then(|| ended.by_time()))?;
    Some(Conclusion {
        winner: Some(belief.arms.get(champion)?.arm),
        scope: stop.scope,
        reason: Some(reason),
    })
}

/// The variants that may win: those that are not held for harm.
fn free(situation: Situation<'_>) -> Vec<Evidence> {
    let held = guardrail::held(situation);
    let pairs = situation.arms.iter().zip(held);
    pairs
        .filter(|(_, harm)| harm.is_none())
        .map(|(seen, _)| *seen)
        .collect()
}

/// The variant most likely the best, the first of equals.
fn champion(belief: &Belief) -> Option<usize> {
    let chances = belief.arms.iter().map(|arm| arm.prob_best).enumerate();
    let better = |best: (usize, f64), next: (usize, f64)| if next.1 > best.1 { next } else { best };
    chances.reduce(better).map(|(at, _)| at)
}

/// How it ended.
struct Ended<'a> {
    situation: Situation<'a>,
    belief: &'a Belief,
    champion: usize,
    days: i64,
}

impl Ended<'_> {
    fn key(&self) -> &str {
        let arm = self.belief.arms.get(self.champion).map(|of| of.arm);
        arm.map_or("?", |arm| name(&self.situation.entry.experiment, arm))
    }

    fn days(&self) -> String {
        let plural = if self.days == 1 { "" } else { "s" };
        format!("{} day{plural}", self.days)
    }

    /// Because nothing is left to find; where harm has left one variant alone, nothing was compared.
    fn by_value(&self, value: f64) -> Option<String> {
        if self.belief.arms.len() < 2 {
            return None;
        }
        let near = self.belief.prob_near_best(self.champion, value)?;
        let (key, days) = (self.key(), self.days());
        let (within, percent) = ((value * 1e4).round() / 1e2, near * 100.0);
        (near >= NEAR_BEST).then(|| {
            format!("Stopped: {key} is best, or within {within} % of the best, with {percent:.1} %, after {days}.")
        })
    }

    /// Because the longest duration is over.
    fn by_time(&self) -> String {
        let chance = self
            .belief
            .arms
            .get(self.champion)
            .map_or(0.0, |of| of.prob_best);
        let (key, days, percent) = (self.key(), self.days(), chance * 100.0);
        format!(
            "Stopped after {days}, the longest it was to run: {key} is most likely the best, with {percent:.1} %."
        )
    }
}
