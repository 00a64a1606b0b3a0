//! From a definition to the experiment that serves: identifiers parsed, weights normalised, variants given their arms.
//!
//! # Why revisions
//!
//! An [`Arm`] names what visitors saw. A variant whose payload or value changes is something else to see, so it becomes
//! a new revision at the end of the list and the old one retires with its data; arms are never reused. A change that
//! alters nothing that matters (a typo) may be declared [`Edit::Cosmetic`] and keeps the arm.

mod policy;

use std::sync::Arc;

use serde_json::Value;

use super::audience::Audience;
use super::experiment::{Dimension, Experiment, Goal, LayerSlot, Schedule, Variant};
use super::metric::{Cap, Covariate, Guard, Metric, MetricIndex, MetricKind, OnTrip, Role};
use super::mistake::{Code, Mistake};
use super::spec::rules::{self, Finding};
use super::spec::{CapSpec, CovariateSpec, KindName, MetricSpec, Spec, VariantSpec};
use crate::allocation::Arm;
use crate::id::{EventName, ExperimentKey, LayerKey, MetricKey, VariantKey};
use policy::policy;

/// What an edit of a payload or value means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    /// It shows something else: a new arm.
    Material,
    /// It changes nothing that matters: the arm stays.
    Cosmetic,
}

impl Experiment {
    /// Compiles a definition as the next version of `previous`; an edited variant is a new arm.
    ///
    /// # Errors
    /// Every rule that the definition breaks.
    pub fn compile(spec: Spec, previous: Option<&Self>) -> Result<Self, Vec<Mistake>> {
        Self::compile_edit(spec, previous, Edit::Material)
    }

    /// Compiles a definition as the next version of `previous`, as [`Experiment::compile`] or as a cosmetic edit.
    ///
    /// # Errors
    /// Every rule that the definition breaks.
    pub fn compile_edit(
        spec: Spec,
        previous: Option<&Self>,
        edit: Edit,
    ) -> Result<Self, Vec<Mistake>> {
        let findings = rules::check(&spec, &[]);
        if !findings.is_empty() {
            let mistake = |Finding { key, code, detail }| Mistake::new(key, code, detail);
            return Err(findings.into_iter().map(mistake).collect());
        }
        build(spec, previous, edit).map_err(|mistake| vec![mistake])
    }

    /// Whether the metrics, dimensions, planned looks, or who is analysed differ: what an experiment that has data may not change.
    pub fn metrics_changed(&self, other: &Self) -> bool {
        self.metrics != other.metrics
            || self.dimensions != other.dimensions
            || self.spec.looks != other.spec.looks
            || self.spec.exposure != other.spec.exposure
    }

    /// The metric that decides; a flag with a single variant may have none.
    pub fn goal_metric(&self) -> Option<MetricIndex> {
        let goal = self
            .metrics
            .iter()
            .position(|metric| metric.role == Role::Goal)?;
        u16::try_from(goal).ok().map(MetricIndex)
    }
}

fn build(spec: Spec, previous: Option<&Experiment>, edit: Edit) -> Result<Experiment, Mistake> {
    let key = ExperimentKey::parse(&spec.key).map_err(|error| invalid("key", &error))?;
    if let Some(other) = previous.filter(|previous| previous.key != key) {
        let detail = format!(
            "must stay \"{}\": a key is never changed or reused",
            other.key
        );
        return Err(Mistake::new("key", Code::Conflict, detail));
    }
    let (variants, control) = variants(&spec, previous, edit)?;
    let metrics = spec
        .metrics
        .iter()
        .map(|metric| compiled_metric(&spec, metric))
        .collect::<Result<_, _>>()?;
    let audience = spec.audience.as_deref().map(Audience::compile).transpose();
    Ok(Experiment {
        key,
        version: previous.map_or(1, |previous| previous.version.saturating_add(1)),
        status: spec.status,
        schedule: Schedule {
            starts: spec.starts,
            ends: spec.ends,
        },
        unit: spec.sticky,
        layer: layer(&spec)?,
        holdout: spec.holdout,
        traffic: spec.traffic,
        audience: audience.map_err(|error| invalid("audience", &error))?,
        dimensions: dimensions(&spec),
        variants,
        control,
        policy: policy(&spec)?,
        metrics,
        goal: goal(&spec)?,
        spec: Arc::new(spec),
    })
}

fn invalid(key: &str, error: &impl std::fmt::Display) -> Mistake {
    Mistake::new(key, Code::Invalid, error.to_string())
}

fn layer(spec: &Spec) -> Result<Option<LayerSlot>, Mistake> {
    let Some(layer) = &spec.layer else {
        return Ok(None);
    };
    let key = LayerKey::parse(&layer.key).map_err(|error| invalid("layer.key", &error))?;
    Ok(Some(LayerSlot {
        key,
        from: layer.from,
        to: layer.to,
    }))
}

fn dimensions(spec: &Spec) -> Vec<Dimension> {
    let dimensions = spec.dimensions.iter();
    let compiled = dimensions.map(|dimension| Dimension {
        attribute: dimension.key.clone(),
        values: dimension.values.clone(),
    });
    compiled.collect()
}

/// All revisions ever, the earlier version's first, and the control among the live ones.
fn variants(
    spec: &Spec,
    previous: Option<&Experiment>,
    edit: Edit,
) -> Result<(Vec<Variant>, Arm), Mistake> {
    let mut all: Vec<Variant> = previous
        .map(|previous| previous.variants.clone())
        .unwrap_or_default();
    let total: f64 = spec
        .variants
        .iter()
        .map(|variant| variant.weight.unwrap_or(1.0))
        .sum();
    let mut values = spec.variants.iter().filter_map(|of| of.value.as_ref());
    let is_fraction = values.any(Value::is_f64);
    let before: Vec<bool> = all
        .iter_mut()
        .map(|variant| std::mem::replace(&mut variant.live, false))
        .collect();
    for (at, given) in spec.variants.iter().enumerate() {
        let value = given.value.as_ref().map(|value| text(value, is_fraction));
        let next = revision((given, value), &all, total, at)?;
        let kept = all.iter_mut().zip(&before).find(|(variant, was_live)| {
            let same = variant.payload == next.payload && variant.value == next.value;
            **was_live && variant.key == next.key && (same || edit == Edit::Cosmetic)
        });
        match kept {
            Some((variant, _)) => {
                *variant = Variant {
                    revision: variant.revision,
                    ..next
                }
            }
            None => all.push(next),
        }
    }
    let control = spec
        .control
        .as_ref()
        .or(spec.variants.first().map(|first| &first.key));
    let arm = all.iter().position(|variant| {
        variant.live && Some(variant.key.as_str()) == control.map(String::as_str)
    });
    let arm = arm.and_then(|arm| u16::try_from(arm).ok()).map(Arm);
    let missing = || {
        Mistake::new(
            "variants",
            Code::TooLarge,
            "has had more revisions than an experiment can number",
        )
    };
    Ok((all, arm.ok_or_else(missing)?))
}

/// A flag value as JSON. Where a variant's is a fraction all are, so that 1 is 1.0: typed clients tell them apart.
fn text(value: &Value, is_fraction: bool) -> String {
    match value.as_f64().filter(|_| is_fraction) {
        Some(number) => Value::from(number).to_string(),
        None => value.to_string(),
    }
}

/// A variant as a revision after all earlier ones of its key.
fn revision(
    (given, value): (&VariantSpec, Option<String>),
    all: &[Variant],
    total: f64,
    at: usize,
) -> Result<Variant, Mistake> {
    let path = format!("variants[{at}].key");
    let key = VariantKey::parse(&given.key).map_err(|error| invalid(&path, &error))?;
    let last = all
        .iter()
        .filter(|variant| variant.key == key)
        .map(|variant| variant.revision)
        .max();
    let too_many = || {
        Mistake::new(
            &path,
            Code::TooLarge,
            "has had more revisions than can be numbered",
        )
    };
    let room = u16::try_from(all.len()).is_ok();
    let revision = last
        .unwrap_or(0)
        .checked_add(1)
        .filter(|_| room)
        .ok_or_else(too_many)?;
    Ok(Variant {
        key,
        revision,
        payload: Arc::from(given.payload.to_string()),
        value: value.map(Arc::from),
        weight: given.weight.unwrap_or(1.0) / total,
        cost: given.cost.unwrap_or(0.0),
        live: true,
    })
}

fn metric_index(spec: &Spec, path: &str, key: Option<&String>) -> Result<MetricIndex, Mistake> {
    let position = spec
        .metrics
        .iter()
        .position(|metric| Some(&metric.key) == key);
    let index = position.and_then(|position| u16::try_from(position).ok());
    index
        .map(MetricIndex)
        .ok_or_else(|| Mistake::new(path, Code::UnknownReference, "names an unknown metric"))
}

fn compiled_metric(spec: &Spec, given: &MetricSpec) -> Result<Metric, Mistake> {
    let event = || {
        EventName::parse(given.event.as_deref().unwrap_or_default())
            .map_err(|error| invalid("metrics", &error))
    };
    let kind = match given.kind {
        KindName::Conversion => MetricKind::Conversion { event: event()? },
        KindName::Count => MetricKind::Count { event: event()? },
        KindName::Sum => MetricKind::Sum {
            event: event()?,
            property: given.property.clone().unwrap_or_default(),
            cap: given.cap.as_ref().map(compiled_cap).transpose()?,
        },
        KindName::Ratio => MetricKind::Ratio {
            numerator: metric_index(spec, "metrics", given.numerator.as_ref())?,
            denominator: metric_index(spec, "metrics", given.denominator.as_ref())?,
        },
    };
    Ok(Metric {
        key: MetricKey::parse(&given.key).map_err(|error| invalid("metrics", &error))?,
        kind,
        role: given.role,
        direction: given.direction,
        window: given.window,
        guard: given.limit.map(|limit| Guard {
            limit,
            on_trip: given.on_trip.unwrap_or(OnTrip::Notify),
        }),
        covariate: given.covariate.as_ref().map(covariate).transpose()?,
    })
}

fn covariate(given: &CovariateSpec) -> Result<Covariate, Mistake> {
    Ok(Covariate {
        event: EventName::parse(&given.event).map_err(|error| invalid("metrics", &error))?,
        window: given.window,
    })
}

fn compiled_cap(given: &CapSpec) -> Result<Cap, Mistake> {
    let impossible = || invalid("metrics", &"has a cap that is none");
    given.compiled().ok_or_else(impossible)
}

fn goal(spec: &Spec) -> Result<Option<Goal>, Mistake> {
    let Some(goal) = &spec.goal else {
        return Ok(None);
    };
    let metric = metric_index(spec, "goal.metric", Some(&goal.metric))?;
    Ok(Some(Goal {
        metric,
        lift: goal.lift,
        by: goal.by,
    }))
}
