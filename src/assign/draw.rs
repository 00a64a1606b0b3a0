//! The draw itself: the holdout, then the variant, from what the epoch gives a visitor.

use std::borrow::Cow;

use super::bucket::{self, unit_interval};
use super::decision::{Decision, Reason, Trace};
use super::{Request, unit};
use crate::allocation::{Allocation, Arm, Propensity};
use crate::catalog::audience::Attributes;
use crate::catalog::experiment::{Dimension, Experiment, Policy};
use crate::cell::OTHER;
use crate::epoch::Epoch;
use crate::epoch::context::ContextCell;
use crate::epoch::linear::{Drawn, UNIT};
use crate::linear;

/// Rules 11 and 12: the experiment's holdout, then the variant.
pub(super) fn draw(
    experiment: &Experiment,
    epoch: &Epoch,
    request: &Request<'_>,
    trace: &mut Trace,
) -> Decision {
    let unit = unit(experiment, request);
    let from = From::new(experiment, epoch, request.attributes);
    if epoch.holdout > 0.0 {
        let u = unit_interval(&["holdout:", experiment.key.as_str()], unit);
        if trace.step(Reason::Holdout, u < epoch.holdout, || {
            format!("u = {u:.6}, holdout {}", epoch.holdout)
        }) {
            let held = (experiment.control, Reason::Holdout);
            return from.assigned(experiment, epoch, held);
        }
    }
    let arm = bucket::rendezvous(&from.allocation, |arm| {
        let u = variant_draw("variant:", experiment, arm, unit);
        trace.step(Reason::Split, false, || {
            format!("variant {}: u = {u:.6}", arm.0)
        });
        u
    });
    let reason = match experiment.policy {
        Policy::Fixed => Reason::Split,
        Policy::Bandit(_) => Reason::Bandit,
    };
    let arm = arm.unwrap_or(experiment.control);
    trace.step(reason, true, || {
        let number = epoch.number.0;
        match from.name(experiment, epoch) {
            Some(name) => format!("variant {} under epoch {number}, {name}", arm.0),
            None => format!("variant {} under epoch {number}", arm.0),
        }
    });
    from.assigned(experiment, epoch, (arm, reason))
}

/// What a new unit is drawn from.
struct From<'a> {
    allocation: Cow<'a, Allocation>,
    context: Option<ContextCell>,
    drawn: Option<Box<Drawn>>,
}

impl<'a> From<'a> {
    fn new(experiment: &Experiment, epoch: &'a Epoch, attributes: &Attributes) -> Self {
        let context = context(experiment, epoch, attributes);
        let drawn = linear::drawn(epoch, attributes);
        let own = drawn.as_ref().filter(|drawn| !drawn.shares.is_empty());
        Self {
            allocation: match own {
                Some(_) => epoch.drawn_by(&[], own),
                None => Cow::Borrowed(epoch.drawn_from(context)),
            },
            context,
            drawn: drawn.map(Box::new),
        }
    }

    /// What is special about the unit, for those who ask why.
    fn name(&self, experiment: &Experiment, epoch: &Epoch) -> Option<String> {
        if let Some(cell) = self.context {
            return experiment.context_name(epoch.contexts.as_ref()?, cell);
        }
        let (linear, drawn) = epoch.linear.as_ref().zip(self.drawn.as_ref())?;
        let columns = linear.features.names().into_iter();
        let columns = columns.zip(&drawn.features).map(|(column, value)| {
            let value = f64::from(*value) / f64::from(UNIT);
            format!("{column} {value:.3}")
        });
        let shares = self.allocation.iter();
        let shares = shares.map(|(arm, share)| format!("variant {} {share:.6}", arm.0));
        let told: Vec<String> = columns.chain(shares).collect();
        Some(told.join(", "))
    }

    fn assigned(
        self,
        experiment: &Experiment,
        epoch: &Epoch,
        (arm, reason): (Arm, Reason),
    ) -> Decision {
        let holdout = reason == Reason::Holdout;
        Decision {
            arm,
            reason,
            epoch: Some(epoch.number),
            propensity: propensity(experiment, epoch, &self.allocation, (arm, holdout)),
            holdout,
            is_new: true,
            drawn: self.drawn,
        }
    }
}

/// The context of a visitor with these attributes, where the epoch tells contexts apart.
pub fn context(
    experiment: &Experiment,
    epoch: &Epoch,
    attributes: &Attributes,
) -> Option<ContextCell> {
    epoch.contexts.as_ref()?;
    let dimensions = experiment.dimensions.iter();
    let position = |dimension: &Dimension| {
        let text = attributes.text(&dimension.attribute)?;
        let position = dimension.values.iter().position(|value| *value == text)?;
        u8::try_from(position).ok()
    };
    let positions: Vec<u8> = dimensions
        .map(|dimension| position(dimension).unwrap_or(OTHER))
        .collect();
    epoch.context(&positions)
}

/// u(purpose + experiment ":" variant "@" revision, unit).
pub(super) fn variant_draw(purpose: &str, experiment: &Experiment, arm: Arm, unit: &str) -> f64 {
    let (key, revision) = experiment
        .variant(arm)
        .map_or(("", 0), |variant| (variant.key.as_str(), variant.revision));
    unit_interval(
        &[
            purpose,
            experiment.key.as_str(),
            ":",
            key,
            "@",
            &revision.to_string(),
        ],
        unit,
    )
}

/// The propensity an answer carries: of the draw, given that the unit passed the holdouts; for a holdout unit that of being
/// served control at all, since the report pools it with control (statistics R4).
pub(super) fn propensity(
    experiment: &Experiment,
    epoch: &Epoch,
    from: &Allocation,
    (arm, holdout): (Arm, bool),
) -> Option<Propensity> {
    if holdout {
        epoch.served_from(from, arm, experiment.control)
    } else {
        from.propensity(arm)
    }
}
