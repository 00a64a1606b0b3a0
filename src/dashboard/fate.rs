//! What became of an event, in plain words.

use super::badge::{Badge, Tone};
use crate::catalog::GLOBAL_HOLDOUT;
use crate::visitor::fate::Effect;
use crate::visitor::told::{ExposureFate, Fate, MetricFate};

/// Something that an experiment makes of an event: "Counts for purchase in hero (variant b)".
pub(super) struct Line {
    /// What it does, and for what.
    pub(super) before: String,
    /// The experiment.
    pub(super) experiment: String,
    /// The rest.
    pub(super) after: String,
}

impl Line {
    pub(super) fn has_page(&self) -> bool {
        has_page(&self.experiment)
    }
}

/// Whether an experiment has a page of its own: the place in or outside the global holdout has none.
pub(super) fn has_page(experiment: &str) -> bool {
    experiment != GLOBAL_HOLDOUT
}

/// In a word.
pub(super) fn badge(fate: &Fate) -> Badge {
    let (word, tone) = match fate {
        Fate::Counted { .. } | Fate::Settled {} => ("✓ Counted", Tone::Good),
        Fate::Exposure { exposure } if exposure.matches => ("✓ Exposure", Tone::Good),
        Fate::Exposure { .. } => ("! Exposure", Tone::Warn),
        Fate::Profile {} => ("Kept", Tone::None),
        Fate::Joined {} => ("Joined", Tone::None),
        Fate::Stored {} => ("In the profile", Tone::None),
        Fate::NoConsent {} => ("Not kept", Tone::None),
        Fate::Acknowledged {} => ("Received", Tone::None),
        Fate::Duplicate {} => ("Duplicate", Tone::None),
        Fate::Rejected { .. } => ("✕ Rejected", Tone::Bad),
    };
    Badge {
        word: word.to_owned(),
        tone,
    }
}

/// What there is to say beside that.
pub(super) fn about(fate: &Fate) -> String {
    let text = match fate {
        Fate::Counted { .. } | Fate::Exposure { .. } => "",
        Fate::Profile {} => "No metric reads it for this visitor.",
        Fate::Settled {} => "So many came after it that it is no longer kept apart.",
        Fate::Joined {} => "Two ids are one person's from now on.",
        Fate::Stored {} => "As far as nothing later is known.",
        Fate::NoConsent {} => "The visitor does not allow it.",
        Fate::Acknowledged {} => "It counts for nothing.",
        Fate::Duplicate {} => "It had come before, and counts once.",
        Fate::Rejected { path, detail, .. } if path.is_empty() => detail,
        Fate::Rejected { path, detail, .. } => return format!("{path}: {detail}"),
    };
    text.to_owned()
}

/// What each experiment makes of it.
pub(super) fn lines(fate: &Fate) -> Vec<Line> {
    match fate {
        Fate::Counted { metrics, exposure } => {
            let exposure = exposure.iter().map(seen);
            self::metrics(metrics).into_iter().chain(exposure).collect()
        }
        Fate::Exposure { exposure } => vec![seen(exposure)],
        Fate::Profile {}
        | Fate::Settled {}
        | Fate::Joined {}
        | Fate::Stored {}
        | Fate::NoConsent {}
        | Fate::Acknowledged {}
        | Fate::Duplicate {}
        | Fate::Rejected { .. } => Vec::new(),
    }
}

/// What metrics make of it, one line for those of a variant to which it does the same.
pub(super) fn metrics(all: &[MetricFate]) -> Vec<Line> {
    let alike = |a: &MetricFate, b: &MetricFate| {
        (a.effect, &a.experiment, &a.variant) == (b.effect, &b.experiment, &b.variant)
    };
    let line = |of: &MetricFate| {
        let alike = all.iter().filter(|other| alike(of, other));
        let names: Vec<&str> = alike.map(|other| other.metric.as_str()).collect();
        let names = names.join(", ");
        let before = match of.effect {
            Effect::Reward => format!("Counts for {names} in"),
            Effect::History => format!("Is history of {names} in"),
            Effect::TakesBack => format!("Takes back {names} in"),
        };
        Line {
            before,
            experiment: of.experiment.clone(),
            after: format!("(variant {})", of.variant),
        }
    };
    let is_first = |i: usize, of: &MetricFate| !all.iter().take(i).any(|other| alike(of, other));
    let firsts = all.iter().enumerate().filter(|(i, of)| is_first(*i, of));
    firsts.map(|(_, of)| line(of)).collect()
}

fn seen(of: &ExposureFate) -> Line {
    let variant = of.variant.as_deref();
    let after = match (of.matches, &of.assigned) {
        (true, _) => String::new(),
        (false, Some(assigned)) => format!("but was assigned {assigned}"),
        (false, None) => "without an assignment".to_owned(),
    };
    Line {
        before: variant.map_or_else(
            || "Saw a variant that never was, in".to_owned(),
            |variant| format!("Saw {variant} in"),
        ),
        experiment: of.experiment.clone(),
        after,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_to_which_an_event_does_the_same_share_a_line() {
        let of = |experiment: &str, metric: &str, effect| MetricFate {
            experiment: experiment.to_owned(),
            variant: "b".to_owned(),
            metric: metric.to_owned(),
            effect,
        };
        let all = [
            of("hero", "purchase", Effect::Reward),
            of("cart", "purchase", Effect::Reward),
            of("hero", "revenue", Effect::Reward),
            of("hero", "revenue", Effect::History),
        ];
        let told = metrics(&all);
        let told: Vec<String> = told
            .iter()
            .map(|line| format!("{} {} {}", line.before, line.experiment, line.after))
            .collect();
        assert_eq!(
            told,
            [
                "Counts for purchase, revenue in hero (variant b)",
                "Counts for purchase in cart (variant b)",
                "Is history of revenue in hero (variant b)",
            ]
        );
    }
}
