//! The sentences of a verdict.

use super::case::Case;
use super::{Decision, Reason, ReasonCode, Rival, Verdict};
use crate::catalog::metric::MetricKind;
use crate::report::table::cells::{grouped, label, percent, signed_money, signed_percent};
use crate::report::{
    Arriving, ComparisonReport, DriftReport, Effect, Freshness, MetricReport, VariantTraffic,
};
use crate::time::Zone;

/// Properties that hold money by the ecommerce convention.
const MONEY: [&str; 3] = ["revenue", "value", "total"];

impl Verdict {
    /// With its headline: what is found, and what to do.
    pub(super) fn told(self, case: &Case<'_>, lead: &Rival<'_>) -> Self {
        let found = case.finding(lead);
        let todo = case.todo(&self, lead);
        Self {
            headline: format!("{found} {todo}"),
            ..self
        }
    }
}

impl Case<'_> {
    /// What is found: one sentence with the interval, and money where the goal is money.
    pub(super) fn finding(&self, rival: &Rival<'_>) -> String {
        let with = rival.with;
        let (variant, control) = (capitalised(&with.variant), label(&with.baseline));
        let headline = rival.headline.and_then(|headline| headline.relative);
        let Some(lift) = headline.or(with.relative) else {
            return format!("{variant} can not be compared with {control} yet.");
        };
        let clause = self.clause(&percent(Some(lift.estimate.abs()), 1), lift.estimate >= 0.0);
        let mut facts = Vec::new();
        match lift.low.zip(lift.high) {
            Some((low, high)) => facts.push(format!(
                "between {} and {}",
                signed_percent(low),
                signed_percent(high)
            )),
            None => facts.push("which may be chance".to_owned()),
        }
        let per_day = with.scaled.and_then(|scaled| scaled.per_day);
        if let Some(per_day) = per_day.filter(|_| self.is_money(self.goal)) {
            facts.push(format!("{} a day", self.money_amount(per_day.estimate)));
        }
        format!("{variant} {clause} than {control} ({}).", facts.join("; "))
    }

    /// Verb and amount, such as "converts 3.1 % more visitors".
    fn clause(&self, amount: &str, is_more: bool) -> String {
        let metric = label(&self.goal.key);
        let (more, higher) = if is_more {
            ("more", "higher")
        } else {
            ("less", "lower")
        };
        match self.goal.kind.as_str() {
            "conversion" => {
                let more = if is_more { "more" } else { "fewer" };
                format!("converts {amount} {more} visitors")
            }
            "ratio" => format!("has a {amount} {higher} {metric}"),
            _ if self.is_money(self.goal) => format!("sells {amount} {more}"),
            _ => format!("has {amount} {more} {metric}"),
        }
    }

    /// Whether a metric adds up money.
    fn is_money(&self, metric: &MetricReport) -> bool {
        let metrics = &self.facts.question.entry.experiment.metrics;
        let mut named = metrics.iter().filter(|of| of.key.as_str() == metric.key);
        named.any(|of| match &of.kind {
            MetricKind::Sum { property, .. } => MONEY.contains(&property.as_str()),
            MetricKind::Conversion { .. } | MetricKind::Count { .. } | MetricKind::Ratio { .. } => {
                false
            }
        })
    }

    fn money_amount(&self, amount: f64) -> String {
        let spec = &self.facts.question.entry.experiment.spec;
        signed_money(amount, spec.currency.as_deref())
    }

    /// What the lead's effect on money comes to, where the goal itself is not money.
    pub(super) fn money(&self, lead: &Rival<'_>) -> Option<Reason> {
        let mut metrics = self.facts.metrics.iter();
        let metric = metrics.find(|metric| self.is_money(metric))?;
        let same = |with: &&ComparisonReport| {
            with.variant == lead.with.variant && with.revision == lead.with.revision
        };
        let with = metric.comparisons.iter().find(same)?;
        let Effect {
            estimate,
            low,
            high,
        } = with.scaled?.per_day?;
        let range = low.zip(high).map(|(low, high)| {
            let (low, high) = (self.money_amount(low), self.money_amount(high));
            format!(" (between {low} and {high})")
        });
        let amount = self.money_amount(estimate);
        let range = range.unwrap_or_else(|| ", which may be chance".to_owned());
        Some(Reason {
            code: ReasonCode::Money,
            text: format!(
                "If all visitors of a day got {} instead of {}, {} would change by about {amount}{range}.",
                label(&with.variant),
                label(&with.baseline),
                label(&metric.key)
            ),
        })
    }

    /// A headline without a difference, where the bandit stopped because none was worth the search: whoever has no other
    /// reason takes the cheapest choice (statistics R7).
    pub(super) fn stopped(&self, headline: &str) -> String {
        let entry = self.facts.question.entry;
        let conclusion = entry.lifecycle.conclusion.as_ref();
        let winner = conclusion.and_then(|conclusion| conclusion.winner);
        let key = |arm| {
            let variant = entry.experiment.variant(arm);
            variant.map_or("?", |variant| variant.key.as_str())
        };
        let control = label(key(entry.experiment.control));
        let served = match winner.filter(|arm| *arm != entry.experiment.control) {
            Some(arm) => {
                let winner = capitalised(key(arm));
                format!(
                    "{winner} is served, and {control}, which needs no change, is the cheapest choice."
                )
            }
            None => format!("{control}, the cheapest choice, is served."),
        };
        let found = finding(headline);
        format!("{found}. There is no measurable difference: the bandit stopped. {served}")
    }

    /// What to do.
    fn todo(&self, verdict: &Verdict, lead: &Rival<'_>) -> String {
        let control = label(&lead.with.baseline);
        if self.facts.question.entry.is_global_holdout() {
            return personalization(verdict);
        }
        match verdict.decision {
            Decision::Ship => "Ship it.".to_owned(),
            Decision::RollBack if verdict.is_about(ReasonCode::Guardrail) => {
                let risk = self.risk(lead).unwrap_or_default();
                format!("But {risk} Roll back to {control}.")
            }
            Decision::RollBack if self.rivals.len() > 1 => {
                format!("The others do worse still: roll back to {control}.")
            }
            Decision::RollBack => format!("Roll back to {control}."),
            Decision::StopFutile => format!(
                "There is no measurable difference: stop, and keep {control}, which needs no change."
            ),
            Decision::Investigate | Decision::NotStarted => {
                let risk = self.risk(lead).unwrap_or_default();
                format!("But {risk} Look into that before you ship it.")
            }
            Decision::KeepRunning => waiting(verdict),
        }
    }

    /// A reason in one sentence.
    pub(super) fn why(&self, code: ReasonCode, lead: &Rival<'_>) -> String {
        let spec = &self.facts.question.entry.experiment.spec;
        let control = label(&lead.with.baseline);
        match code {
            ReasonCode::Better => {
                "The interval of the goal lies wholly above no difference.".to_owned()
            }
            ReasonCode::Worse => {
                "The interval of the goal lies wholly below no difference.".to_owned()
            }
            ReasonCode::Undecided => "The interval of the goal includes no difference.".to_owned(),
            ReasonCode::MinDays => format!(
                "It has run for {}; the definition asks for {} so that every weekday counts.",
                days(self.facts.days()),
                days(spec.min_days)
            ),
            ReasonCode::TooFew => {
                "A claim needs 25 orders in every variant and in the control.".to_owned()
            }
            ReasonCode::ImmatureDisagrees => {
                "Visitors who have had their whole time to convert say the opposite so far."
                    .to_owned()
            }
            ReasonCode::ConversionsPending => {
                "Conversions take time, and perhaps not equally long in all variants, so only visitors who have had that time count."
                    .to_owned()
            }
            ReasonCode::Guardrail => self.risk(lead).unwrap_or_default(),
            ReasonCode::NoValueRemaining => format!(
                "No variant is likely to be better than the best of the others by more than 1 %, so the cheapest will do: {control}."
            ),
            ReasonCode::LookAhead => "Results count at the looks that were planned.".to_owned(),
            ReasonCode::LooksOver => {
                "All planned looks were taken, and none crossed its boundary.".to_owned()
            }
            ReasonCode::NoVisitors
            | ReasonCode::NothingToCompare
            | ReasonCode::SampleRatio
            | ReasonCode::Stale
            | ReasonCode::Drift
            | ReasonCode::Money
            | ReasonCode::NotRunning => String::new(),
        }
    }
}

impl Verdict {
    fn code(&self) -> Option<ReasonCode> {
        self.reasons.first().map(|reason| reason.code)
    }

    fn is_about(&self, code: ReasonCode) -> bool {
        self.code() == Some(code)
    }
}

/// What to do about all personalization together, which nobody ships or rolls back in one go.
fn personalization(verdict: &Verdict) -> String {
    match verdict.decision {
        Decision::Ship => "Personalization pays.".to_owned(),
        Decision::RollBack => {
            "Personalization costs more than it earns: look for the experiment that does it."
                .to_owned()
        }
        Decision::StopFutile | Decision::Investigate | Decision::NotStarted => {
            "There is no measurable difference.".to_owned()
        }
        Decision::KeepRunning => waiting(verdict),
    }
}

fn waiting(verdict: &Verdict) -> String {
    let code = verdict.code();
    let time = verdict.days_left.map(days);
    match (code, time) {
        (Some(ReasonCode::MinDays), Some(time)) => {
            format!("Too early to decide: keep it running for {time} more.")
        }
        (Some(ReasonCode::TooFew), Some(time)) => {
            format!("There are too few orders to tell: keep it running, about {time} more bring enough.")
        }
        (Some(ReasonCode::TooFew), None) => {
            "There are too few orders to tell: keep it running.".to_owned()
        }
        (Some(ReasonCode::LookAhead), Some(time)) => {
            format!("Keep it running: the next planned look is in {time}.")
        }
        (Some(ReasonCode::ImmatureDisagrees), _) => {
            "Keep it running: visitors who have had their whole time to convert say the opposite so far.".to_owned()
        }
        (Some(ReasonCode::ConversionsPending), _) => {
            "Keep it running: many visitors still have to convert, perhaps more in some variants than in others.".to_owned()
        }
        (_, Some(time)) => {
            let decide = if time == "1 day" { "decides" } else { "decide" };
            format!("Keep it running: about {} {decide} it.", more(&time))
        }
        (_, None) => {
            "Keep it running only if you can wait: at this traffic so small a difference takes more than 90 days to decide.".to_owned()
        }
    }
}

/// "4 days" as "4 more days".
fn more(time: &str) -> String {
    time.replacen(' ', " more ", 1)
}

fn days(days: u32) -> String {
    match days {
        1 => "1 day".to_owned(),
        days => format!("{} days", grouped(u64::from(days))),
    }
}

/// A variant's key at the start of a sentence.
fn capitalised(key: &str) -> String {
    let key = label(key);
    let mut chars = key.chars();
    let first = chars.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(chars).collect()
}

/// The variants whose visitors are furthest from what was promised.
pub(super) fn mismatch(variants: &[VariantTraffic]) -> String {
    let off = |of: &&VariantTraffic| {
        let (share, expected) = (of.share.unwrap_or(0.0), of.expected_share.unwrap_or(0.0));
        (share - expected).abs()
    };
    let worst = variants.iter().max_by(|a, b| off(a).total_cmp(&off(b)));
    let example = worst.map_or_else(String::new, |of| {
        let holdout = if of.holdout { " (holdout)" } else { "" };
        format!(
            " {}{holdout} has {} of the visitors where {} were due.",
            capitalised(&of.variant),
            percent(of.share, 1),
            percent(of.expected_share, 1)
        )
    });
    format!(
        "the visitors per variant do not fit the shares under which they were assigned.{example}"
    )
}

/// What is wrong with the exposures.
pub(super) fn lost_exposures(variants: &[VariantTraffic]) -> String {
    let rate = |of: &VariantTraffic| of.exposed.unwrap_or(0) as f64 / of.visitors.max(1) as f64;
    let rates = variants.iter().map(|of| (of, rate(of)));
    let least = rates.min_by(|a, b| a.1.total_cmp(&b.1));
    let (variant, share) = least.map_or(("", 0.0), |(of, rate)| (&of.variant, rate));
    let share = percent(Some(share), 1);
    format!(
        "the exposures per variant do not fit the split: some get lost. Of the visitors of {variant:?}, {share} are known to have seen it."
    )
}

/// What stopped arriving.
pub(super) fn silence(freshness: &Freshness) -> Option<String> {
    let since = |silent: Option<u32>| days(silent.unwrap_or(0));
    match freshness.verdict {
        Arriving::Ok => None,
        Arriving::NoVisitors => Some(format!(
            "no visitor has arrived for {}, though there used to be many.",
            since(freshness.days_without_visitors)
        )),
        Arriving::NoRewards => Some(format!(
            "no reward for the goal has arrived for {}, though visitors keep coming. Is the tracking broken?",
            since(freshness.days_without_rewards)
        )),
    }
}

/// What works has changed.
pub(super) fn drifting(drift: &DriftReport) -> Reason {
    Reason {
        code: ReasonCode::Drift,
        text: format!(
            "What works has changed about {}: the figures mix what was before with what is now.",
            Zone::utc().day(drift.since)
        ),
    }
}

/// A guardrail at or beyond its limit.
pub(super) fn risk(metric: &MetricReport, with: &ComparisonReport) -> String {
    format!(
        "{} is {} worse with {} than with {}, the limit being {}.",
        label(&metric.key),
        percent(with.harm.and_then(|harm| harm.estimate.or(harm.low)), 1),
        label(&with.variant),
        label(&with.baseline),
        percent(metric.limit, 1)
    )
}

/// A headline that asked to wait, once there is no more waiting.
pub(super) fn undecided_at_the_end(headline: &str) -> String {
    format!(
        "{}. It was concluded before this was decided.",
        finding(headline)
    )
}

/// The first sentence of a headline, without its full stop.
fn finding(headline: &str) -> &str {
    headline
        .split_once(". ")
        .map_or(headline, |(found, _)| found)
}
