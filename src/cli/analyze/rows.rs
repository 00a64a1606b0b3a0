//! Reading the rows of a CSV file into moments.

use std::collections::HashMap;
use std::io::Read;

use csv::{Reader, StringRecord};

use super::definition::{Column, Columns};
use super::{AnalyzeArgs, AnalyzeError, CellProblem, repeated};
use crate::allocation::Arm;
use crate::amount::{Amount, AmountError};
use crate::catalog::metric::{MetricIndex, MetricKind};
use crate::catalog::spec::MAX_VARIANTS;
use crate::cell::{Cells, PlainKey, Row, VisitorsKey};
use crate::epoch::EpochNumber;
use crate::moments::{Moments, Observation, Visitors};
use crate::time::Day;

/// What the rows add up to.
pub(super) struct Counted {
    /// The variants in the order of their arms, the control first.
    pub(super) variants: Vec<String>,
    /// The cap of every metric that has a percentile for one, in micro-units.
    pub(super) caps: Vec<Option<i64>>,
    /// Per arm the moments of every metric.
    moments: Vec<Vec<Moments>>,
    /// Per metric the values, with their arms, that wait for its cap.
    waiting: Vec<Vec<(usize, i64)>>,
}

/// The totals of one visitor.
struct Visitor {
    arm: usize,
    totals: Vec<i128>,
}

/// Where the columns are.
struct Layout {
    variant: usize,
    visitor: Option<usize>,
    metrics: Vec<usize>,
}

/// Reads all rows.
pub(super) fn read(
    input: impl Read,
    args: &AnalyzeArgs,
    columns: &Columns,
) -> Result<Counted, AnalyzeError> {
    let mut reader = Reader::from_reader(input);
    let layout = Layout::new(reader.headers()?, args, columns)?;
    let mut tally = Tally {
        counted: Counted::new(args, layout.metrics.len())?,
        visitors: HashMap::new(),
        layout,
        args,
        columns,
    };
    let mut record = StringRecord::new();
    while reader.read_record(&mut record)? {
        tally.take(&RowOf {
            line: record.position().map_or(0, csv::Position::line),
            record: &record,
        })?;
    }
    tally.finish()
}

/// The sums so far.
struct Tally<'a> {
    args: &'a AnalyzeArgs,
    columns: &'a Columns,
    layout: Layout,
    counted: Counted,
    /// The visitors so far, where rows are added up per visitor.
    visitors: HashMap<String, Visitor>,
}

impl Tally<'_> {
    fn take(&mut self, row: &RowOf<'_>) -> Result<(), AnalyzeError> {
        let variant = row.text(self.layout.variant, &self.args.variant)?;
        let arm = self.counted.arm(variant, self.args);
        let arm = arm.map_err(|problem| row.problem(&self.args.variant, problem))?;
        let totals = row.totals(&self.layout, self.columns)?;
        let Some(column) = self.layout.visitor else {
            self.counted.add(arm, self.columns, &totals);
            return Ok(());
        };
        let name = row.text(column, self.args.visitor.as_deref().unwrap_or_default())?;
        let Some(visitor) = self.visitors.get_mut(name) else {
            self.visitors
                .insert(name.to_owned(), Visitor { arm, totals });
            return Ok(());
        };
        if visitor.arm != arm {
            let before = self.counted.variants.get(visitor.arm);
            let problem = CellProblem::Crossover {
                visitor: name.to_owned(),
                variant: variant.to_owned(),
                before: before.cloned().unwrap_or_default(),
            };
            return Err(row.problem(&self.args.variant, problem));
        }
        for (total, more) in visitor.totals.iter_mut().zip(totals) {
            *total += more;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Counted, AnalyzeError> {
        for visitor in self.visitors.values() {
            self.counted.add(visitor.arm, self.columns, &visitor.totals);
        }
        self.counted.cap(self.columns)?;
        if self.counted.visitors(0) > 0 {
            return Ok(self.counted);
        }
        let found =
            |(arm, name): (usize, &String)| (self.counted.visitors(arm) > 0).then(|| name.clone());
        let found: Vec<String> = self
            .counted
            .variants
            .iter()
            .enumerate()
            .filter_map(found)
            .collect();
        Err(AnalyzeError::NoControl {
            control: self.args.control.clone(),
            known: found.join(", "),
        })
    }
}

impl Layout {
    fn new(
        header: &StringRecord,
        args: &AnalyzeArgs,
        columns: &Columns,
    ) -> Result<Self, AnalyzeError> {
        let position = |column: &str| {
            let found = header.iter().position(|name| name.trim() == column);
            found.ok_or_else(|| AnalyzeError::MissingColumn {
                column: column.to_owned(),
                known: header.iter().collect::<Vec<_>>().join(", "),
            })
        };
        Ok(Self {
            variant: position(&args.variant)?,
            visitor: args.visitor.as_deref().map(position).transpose()?,
            metrics: columns
                .iter()
                .map(|column| position(&column.name))
                .collect::<Result<_, _>>()?,
        })
    }
}

/// A row and its place in the file.
struct RowOf<'r> {
    line: u64,
    record: &'r StringRecord,
}

impl<'r> RowOf<'r> {
    fn problem(&self, column: &str, problem: CellProblem) -> AnalyzeError {
        AnalyzeError::Cell {
            line: self.line,
            column: column.to_owned(),
            problem,
        }
    }

    fn cell(&self, position: usize) -> &'r str {
        self.record.get(position).unwrap_or_default().trim()
    }

    fn text(&self, position: usize, column: &str) -> Result<&'r str, AnalyzeError> {
        let text = self.cell(position);
        if text.is_empty() {
            return Err(self.problem(column, CellProblem::Empty));
        }
        Ok(text)
    }

    fn totals(&self, layout: &Layout, columns: &Columns) -> Result<Vec<i128>, AnalyzeError> {
        let total = |(column, position): (&Column, &usize)| {
            let text = self.cell(*position);
            let total = match column.kind {
                MetricKind::Sum { .. } => amount(text),
                MetricKind::Conversion { .. }
                | MetricKind::Count { .. }
                | MetricKind::Ratio { .. } => converted(text).map(i128::from),
            };
            total.map_err(|problem| self.problem(&column.name, problem))
        };
        columns.iter().zip(&layout.metrics).map(total).collect()
    }
}

fn amount(text: &str) -> Result<i128, CellProblem> {
    if text.is_empty() {
        return Ok(0);
    }
    let number = text.parse().map_err(|_| AmountError::NotANumber);
    let amount = number.and_then(Amount::from_f64);
    let amount = amount.map_err(|error| CellProblem::Amount(text.to_owned(), error))?;
    Ok(i128::from(amount.micros()))
}

/// Whether a cell says yes.
pub(in crate::cli) fn converted(text: &str) -> Result<bool, CellProblem> {
    let is = |words: [&str; 4]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is(["1", "true", "yes", "y"]) {
        return Ok(true);
    }
    if text.is_empty() || is(["0", "false", "no", "n"]) {
        return Ok(false);
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number > 0.0),
        Ok(_) | Err(_) => Err(CellProblem::Conversion(text.to_owned())),
    }
}

impl Counted {
    /// Nothing yet: the control, and the other variants that have a weight.
    fn new(args: &AnalyzeArgs, metrics: usize) -> Result<Self, AnalyzeError> {
        let weighted = || args.weights.iter().map(|(name, _)| name.as_str());
        if let Some(twice) = repeated(weighted()) {
            let problem = format!("--weights names \"{twice}\" twice");
            return Err(AnalyzeError::Definition(problem));
        }
        let control = args.control.as_str();
        if !args.weights.is_empty() && !weighted().any(|name| name == control) {
            let problem = format!("--weights has no weight for the control \"{control}\"");
            return Err(AnalyzeError::Definition(problem));
        }
        let others = weighted().filter(|name| *name != control);
        let variants: Vec<String> = std::iter::once(control)
            .chain(others)
            .map(str::to_owned)
            .collect();
        Ok(Self {
            caps: vec![None; metrics],
            moments: vec![vec![Moments::default(); metrics]; variants.len()],
            waiting: vec![Vec::new(); metrics],
            variants,
        })
    }

    /// The arm of a variant; without weights, a new variant is a new arm.
    fn arm(&mut self, variant: &str, args: &AnalyzeArgs) -> Result<usize, CellProblem> {
        if let Some(arm) = self.variants.iter().position(|known| known == variant) {
            return Ok(arm);
        }
        if !args.weights.is_empty() {
            return Err(CellProblem::UnknownVariant(variant.to_owned()));
        }
        if self.variants.len() == MAX_VARIANTS {
            return Err(CellProblem::TooManyVariants(variant.to_owned()));
        }
        let metrics = self.moments.first().map_or(0, Vec::len);
        self.variants.push(variant.to_owned());
        self.moments.push(vec![Moments::default(); metrics]);
        Ok(self.variants.len() - 1)
    }

    fn visitors(&self, arm: usize) -> i64 {
        let metrics = self.moments.get(arm);
        metrics
            .and_then(|metrics| metrics.first())
            .map_or(0, |moments| moments.n)
    }

    fn add(&mut self, arm: usize, columns: &Columns, totals: &[i128]) {
        let Some(metrics) = self.moments.get_mut(arm) else {
            return;
        };
        let sums = metrics.iter_mut().zip(&mut self.waiting);
        for ((column, total), (moments, waiting)) in columns.iter().zip(totals).zip(sums) {
            let y = column.kind.value(*total, None);
            if column.kind.percentile().is_some() {
                waiting.push((arm, y));
            } else {
                *moments += Moments::of(Observation { y, x: 0 });
            }
        }
    }

    /// Finds the caps, and adds the values that waited for them.
    fn cap(&mut self, columns: &Columns) -> Result<(), AnalyzeError> {
        for (index, column) in columns.iter().enumerate() {
            let Some(percentile) = column.kind.percentile() else {
                continue;
            };
            let values = self.waiting.get_mut(index).map(std::mem::take);
            let values = values.unwrap_or_default();
            let cap = percentile.exact(values.iter().map(|(_, value)| *value));
            let cap = cap.filter(|cap| *cap > 0);
            if cap.is_none() && values.iter().any(|(_, value)| *value > 0) {
                let (share, name) = (percentile.percentage(), &column.name);
                let problem = format!(
                    "percentile {share} of \"{name}\" is not above 0, so it is no cap: use a higher one, or --ignore-zeros"
                );
                return Err(AnalyzeError::Definition(problem));
            }
            for (arm, value) in values {
                let y = column.kind.value(i128::from(value), cap);
                let metric = self.moments.get_mut(arm).and_then(|of| of.get_mut(index));
                if let Some(moments) = metric {
                    *moments += Moments::of(Observation { y, x: 0 });
                }
            }
            if let Some(of) = self.caps.get_mut(index) {
                *of = cap;
            }
        }
        Ok(())
    }

    /// The same as the cells of one epoch.
    pub(super) fn cells(&self) -> Cells {
        let mut cells = Cells::default();
        let epoch = EpochNumber(1);
        for (arm, metrics) in (0..).map(Arm).zip(&self.moments) {
            let row = Row {
                arm,
                holdout: false,
            };
            for (metric, moments) in (0..).map(MetricIndex).zip(metrics) {
                let key = PlainKey { metric, epoch, row };
                cells.plain.insert(key, *moments);
            }
            let key = VisitorsKey {
                epoch,
                day: Day(0),
                row,
            };
            let n = self.visitors(usize::from(arm.0));
            cells.visitors.insert(key, Visitors::all(n));
        }
        cells
    }
}
