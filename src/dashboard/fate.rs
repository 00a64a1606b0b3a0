//! What became of an event, in plain words.

use super::badge::{Badge, Tone};
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
            let metrics = metrics.iter().map(metric);
            metrics.chain(exposure.iter().map(seen)).collect()
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

/// What a metric makes of it.
pub(super) fn metric(of: &MetricFate) -> Line {
    let before = match of.effect {
        Effect::Reward => format!("Counts for {} in", of.metric),
        Effect::History => format!("Is history of {} in", of.metric),
        Effect::TakesBack => format!("Takes back {} in", of.metric),
    };
    Line {
        before,
        experiment: of.experiment.clone(),
        after: format!("(variant {})", of.variant),
    }
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
