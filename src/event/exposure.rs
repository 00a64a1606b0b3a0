//! Exposures: that a visitor has seen a variant, in the words of the tools that say so.
//!
//! Four families of events mean the same; whichever a shop's front end sends, it is one experiment and one variant here.
//! An event of such a name that lacks either stays an ordinary event.

use serde_json::Value;

use super::Tracked;
use crate::allocation::Arm;
use crate::catalog::experiment::Experiment;
use crate::source::Source;

/// The name under which this server itself records exposures.
pub const EXPERIMENT_VIEWED: &str = "Experiment Viewed";

/// How a tool says it: the event's name, and the properties that hold experiment and variant; the first that is there counts.
struct Family {
    event: &'static str,
    experiment: &'static [&'static str],
    variant: &'static [&'static str],
}

const FAMILIES: [Family; 4] = [
    Family {
        event: EXPERIMENT_VIEWED,
        experiment: &["experiment_id", "experimentId"],
        variant: &["variation_id", "variationId", "variant_id", "variantId"],
    },
    Family {
        event: "$feature_flag_called",
        experiment: &["$feature_flag"],
        variant: &["$feature_flag_response"],
    },
    Family {
        event: "$experiment_exposure",
        experiment: &["$feature_flag"],
        variant: &["$feature_flag_response"],
    },
    Family {
        event: "$exposure",
        experiment: &["flag_key"],
        variant: &["variant"],
    },
];

/// What an exposure names.
#[derive(Debug, Clone, PartialEq)]
pub struct Exposed {
    /// The experiment's key.
    pub experiment: String,
    /// What was seen.
    pub seen: Seen,
}

/// What was seen.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    /// The variant with this key, or with this flag value.
    Named(Value),
    /// Whatever the visitor has been assigned: this server served it.
    Assigned,
}

/// Whether events of this name may be exposures.
pub fn may_expose(name: &str) -> bool {
    FAMILIES.iter().any(|family| family.event == name)
}

/// The exposure that an event is; `None` for any other event.
pub fn exposed(event: &Tracked) -> Option<Exposed> {
    let name = event.name.as_str();
    let family = FAMILIES.iter().find(|family| family.event == name)?;
    let properties: Value = serde_json::from_str(&event.properties).ok()?;
    let first = |keys: &[&str]| {
        let mut present = keys.iter().filter_map(|key| properties.get(key));
        present.find(|value| !value.is_null()).cloned()
    };
    let experiment = match first(family.experiment)? {
        Value::String(key) => key,
        Value::Number(key) => key.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    let seen = match (first(family.variant), event.source) {
        (Some(variant), _) => Seen::Named(variant),
        (None, Source::Ofrep) => Seen::Assigned,
        (None, Source::Native | Source::Segment | Source::Import) => return None,
    };
    Some(Exposed { experiment, seen })
}

impl Seen {
    /// The variant of an experiment that was seen, by the first revision of its key, which stands for all of them: events
    /// name keys. `None` for what the experiment never had.
    pub fn variant(&self, experiment: &Experiment, assigned: Option<Arm>) -> Option<Arm> {
        let value = match self {
            Self::Assigned => return experiment.first_revision(assigned?),
            Self::Named(value) => value,
        };
        let text = value.to_string();
        let key = value.as_str().unwrap_or(&text);
        experiment.keyed(key).or_else(|| experiment.valued(&text))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::id::{EventId, EventName, VisitorId};
    use crate::time::Timestamp;

    fn event(name: &str, properties: &Value, source: Source) -> Tracked {
        Tracked {
            visitor: VisitorId::parse("v").unwrap(),
            id: EventId::parse("1").unwrap(),
            name: EventName::parse(name).unwrap(),
            at: Timestamp::parse("2026-01-01T00:00:00Z").unwrap(),
            properties: properties.to_string(),
            source,
        }
    }

    #[test]
    fn four_families_say_the_same() {
        let viewed = "Experiment Viewed";
        let flag = json!({ "$feature_flag": "hero", "$feature_flag_response": "b" });
        let absent = json!({ "experiment_id": null, "experimentId": "hero", "variant_id": "b" });
        let ours = json!({ "experimentId": "hero", "variantId": "b" });
        for (name, properties) in [
            (
                viewed,
                json!({ "experiment_id": "hero", "variation_id": "b" }),
            ),
            (
                viewed,
                json!({ "experimentId": "hero", "variationId": "b" }),
            ),
            (viewed, absent),
            (viewed, ours),
            ("$feature_flag_called", flag.clone()),
            ("$experiment_exposure", flag),
            ("$exposure", json!({ "flag_key": "hero", "variant": "b" })),
        ] {
            let told = exposed(&event(name, &properties, Source::Segment));
            let meant = Exposed {
                experiment: "hero".into(),
                seen: Seen::Named(json!("b")),
            };
            assert_eq!(told, Some(meant), "{name} {properties}");
            assert!(may_expose(name));
        }
    }

    #[test]
    fn what_names_no_experiment_or_variant_is_no_exposure() {
        let viewed = "Experiment Viewed";
        let whole = json!({ "experiment_id": "hero", "variation_id": "b" });
        for (name, properties) in [
            (viewed, json!({ "experiment_id": "hero" })),
            (viewed, json!({ "variation_id": "b" })),
            (
                viewed,
                json!({ "experiment_id": ["hero"], "variation_id": "b" }),
            ),
            ("Order Completed", whole),
            ("$exposure", json!([])),
        ] {
            let told = exposed(&event(name, &properties, Source::Native));
            assert_eq!(told, None, "{name} {properties}");
        }
        let served = event(viewed, &json!({ "experiment_id": "hero" }), Source::Ofrep);
        assert_eq!(exposed(&served).unwrap().seen, Seen::Assigned);
    }
}
