//! What an effect comes to in a shop's own size: per thousand visitors, and per day if everybody got the variant.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Effect, MetricReport};

/// An effect in the metric's units (money for sums of money), at the traffic of late.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Scaled {
    /// Of a thousand visitors with the variant instead of the control.
    pub per_1000_visitors: Effect,
    /// Of a day on which all visitors of the experiment get the variant instead of the control; absent while no day is
    /// over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_day: Option<Effect>,
}

/// Scales every comparison's headline: its lift times the control's mean. Ratios are no amounts per visitor.
pub(super) fn apply(metrics: &mut [MetricReport], visitors_per_day: Option<f64>) {
    for metric in metrics.iter_mut().filter(|metric| metric.kind != "ratio") {
        let baseline = metric.baseline();
        for with in &mut metric.comparisons {
            let headline = with.headline.and_then(|headline| headline.relative);
            let lift = headline.or(with.relative);
            with.scaled = lift.zip(baseline).map(|(lift, baseline)| Scaled {
                per_1000_visitors: times(lift, 1_000.0 * baseline.abs()),
                per_day: visitors_per_day.map(|visitors| times(lift, visitors * baseline.abs())),
            });
        }
    }
}

fn times(effect: Effect, factor: f64) -> Effect {
    Effect {
        estimate: effect.estimate * factor,
        low: effect.low.map(|low| low * factor),
        high: effect.high.map(|high| high * factor),
    }
}
