//! The experiment that a CSV file stands for: its columns as metrics, its variants, one epoch.

use std::path::Path;
use std::sync::Arc;

use super::rows::Counted;
use super::{AnalyzeArgs, AnalyzeError, repeated};
use crate::allocation::Allocation;
use crate::catalog::experiment::{Experiment, Status, Unit};
use crate::catalog::metric::{Direction, MetricKind, Role};
use crate::catalog::spec::{
    AllocationSpec, CapSpec, DEFAULT_WINDOW, Exposure, KindName, MetricSpec, PercentileSpec, Spec,
    VariantSpec,
};
use crate::catalog::{Entry, Lifecycle, Serial, Source};
use crate::epoch::{Cause, Epoch, EpochNumber, Epochs, Era};
use crate::id::{EventName, MAX_KEY_CHARS};
use crate::time::Timestamp;

/// Property of the events that the sums stand for.
const PROPERTY: &str = "value";

/// The columns that are metrics, in the order of the report.
pub(super) struct Columns(Vec<Column>);

/// A column that is a metric.
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: MetricKind,
    key: String,
    cap: Option<CapSpec>,
}

impl Columns {
    pub(super) fn new(args: &AnalyzeArgs) -> Result<Self, AnalyzeError> {
        for list in [&args.conversion, &args.sum] {
            if let Some(twice) = repeated(list.iter().map(String::as_str)) {
                let problem = format!("the column \"{twice}\" is named twice");
                return Err(AnalyzeError::Definition(problem));
            }
        }
        check_caps(args)?;
        let conversions = args.conversion.iter().map(|name| {
            let kind = MetricKind::Conversion {
                event: event(name)?,
            };
            Ok(Column::new(name, kind, name.clone()))
        });
        let sums = args.sum.iter().map(|name| {
            let mut caps = args.cap.iter();
            let cap = caps.find(|(of, _)| of == name).map(|(_, cap)| match cap {
                CapSpec::Fixed(cap) => CapSpec::Fixed(*cap),
                CapSpec::Percentile(of) => CapSpec::Percentile(PercentileSpec {
                    ignore_zeros: args.ignore_zeros,
                    ..of.clone()
                }),
            });
            let kind = MetricKind::Sum {
                event: event(name)?,
                property: PROPERTY.to_owned(),
                cap: cap.as_ref().and_then(CapSpec::compiled),
            };
            let is_both = args.conversion.contains(name);
            let key = if is_both {
                format!("{name} (sum)")
            } else {
                name.clone()
            };
            Ok(Column {
                cap,
                ..Column::new(name, kind, key)
            })
        });
        let columns: Vec<Column> = conversions
            .chain(sums)
            .collect::<Result<_, AnalyzeError>>()?;
        if columns.is_empty() {
            return Err(AnalyzeError::NoMetric);
        }
        Ok(Self(columns))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Column> {
        self.0.iter()
    }
}

impl Column {
    fn new(name: &str, kind: MetricKind, key: String) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            key,
            cap: None,
        }
    }

    fn spec(&self, position: usize) -> MetricSpec {
        let (kind, property) = match self.kind {
            MetricKind::Sum { .. } => (KindName::Sum, Some(PROPERTY.to_owned())),
            MetricKind::Conversion { .. } | MetricKind::Count { .. } | MetricKind::Ratio { .. } => {
                (KindName::Conversion, None)
            }
        };
        MetricSpec {
            key: self.key.clone(),
            kind,
            event: Some(self.name.clone()),
            property,
            cap: self.cap.clone(),
            numerator: None,
            denominator: None,
            role: if position == 0 {
                Role::Goal
            } else {
                Role::Secondary
            },
            direction: Direction::Increase,
            window: DEFAULT_WINDOW,
            limit: None,
            on_trip: None,
            covariate: None,
        }
    }
}

/// Every cap is one of a sum, and no sum has two.
fn check_caps(args: &AnalyzeArgs) -> Result<(), AnalyzeError> {
    let capped = || args.cap.iter().map(|(column, _)| column.as_str());
    let problem = if let Some(twice) = repeated(capped()) {
        format!("--cap names \"{twice}\" twice")
    } else if let Some(other) = capped().find(|column| args.sum.iter().all(|sum| sum != column)) {
        format!("--cap names \"{other}\", which is no column of --sum")
    } else {
        return Ok(());
    };
    Err(AnalyzeError::Definition(problem))
}

fn event(column: &str) -> Result<EventName, AnalyzeError> {
    let problem = |error| AnalyzeError::Definition(format!("the column \"{column}\" {error}"));
    EventName::parse(column).map_err(problem)
}

/// The experiment over these variants, in the order of their arms.
pub(super) fn entry(
    args: &AnalyzeArgs,
    columns: &Columns,
    counted: &Counted,
    as_of: Timestamp,
) -> Result<Entry, AnalyzeError> {
    let experiment = Experiment::compile(spec(args, columns, &counted.variants), None);
    let experiment = experiment.map_err(|mistakes| {
        let mistakes: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        AnalyzeError::Definition(mistakes.join("\n"))
    })?;
    let allocation = experiment.starting_allocation();
    Ok(Entry {
        serial: Serial(0),
        experiment,
        lifecycle: Lifecycle {
            status: Status::Concluded,
            ..Lifecycle::draft(Source::Api, as_of)
        },
        epochs: Arc::new(Epochs::new(vec![Epoch {
            caps: counted.caps.clone(),
            ..epoch(allocation, as_of)
        }])),
        history: Arc::default(),
    })
}

fn epoch(allocation: Allocation, as_of: Timestamp) -> Epoch {
    Epoch {
        number: EpochNumber(1),
        era: Era(1),
        allocation,
        holdout: 0.0,
        opened_at: as_of,
        cause: Cause::Started,
        receipt: "The split the file was analysed under.".into(),
        basis: 0,
        plug_ins: Vec::new(),
        caps: Vec::new(),
        order_caps: Vec::new(),
        label: None,
        contexts: None,
        linear: None,
        propensity_known: true,
    }
}

fn spec(args: &AnalyzeArgs, columns: &Columns, variants: &[String]) -> Spec {
    let weight = |name: &String| {
        let mut weights = args.weights.iter();
        weights
            .find(|(of, _)| of == name)
            .map(|(_, weight)| *weight)
    };
    let variant = |key: &String| VariantSpec {
        cost: None,
        key: key.clone(),
        payload: serde_json::Value::Null,
        value: None,
        weight: weight(key),
    };
    let (key, name) = named(&args.file);
    Spec {
        key,
        name: Some(name),
        hypothesis: None,
        owner: None,
        touchpoint: None,
        content: None,
        review: None,
        status: Status::Concluded,
        starts: None,
        ends: None,
        sticky: Unit::Visitor,
        layer: None,
        holdout: 0.0,
        traffic: 1.0,
        audience: None,
        dimensions: Vec::new(),
        exposure: Exposure::Assigned,
        currency: None,
        control: Some(args.control.clone()),
        variants: variants.iter().map(variant).collect(),
        allocation: AllocationSpec::fixed(),
        metrics: columns
            .iter()
            .enumerate()
            .map(|(i, column)| column.spec(i))
            .collect(),
        goal: None,
        min_days: 0,
        looks: None,
    }
}

/// Key and name of the experiment in a file.
fn named(file: &Path) -> (String, String) {
    let name = file
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let stem = name
        .split('.')
        .find(|part| !part.is_empty())
        .unwrap_or("analysis");
    let slug: String = stem
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .take(MAX_KEY_CHARS)
        .collect();
    let slug = slug.trim_matches('-');
    let key = if slug.is_empty() { "analysis" } else { slug };
    (key.to_owned(), name)
}
