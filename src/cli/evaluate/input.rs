//! Reading the policy and the log.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::super::{Failure, analyze};
use super::Columns;
use super::policy;
use super::sheet::{Column, Row, Sheet};
use crate::amount::Amount;
use crate::moments::{Moments, Observation};
use crate::stats::offpolicy::log::{Choice, Log, Policy};

/// What was read.
pub(super) struct Input {
    pub(super) policy: Policy,
    pub(super) log: Log,
}

/// Names by their numbers, in the order of appearance.
#[derive(Default)]
struct Names(HashMap<String, u32>);

impl Names {
    fn number(&mut self, name: &str) -> u32 {
        if let Some(known) = self.0.get(name) {
            return *known;
        }
        let next = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        self.0.insert(name.to_owned(), next);
        next
    }

    fn name(&self, number: u32) -> &str {
        let mut all = self.0.iter();
        all.find(|(_, of)| **of == number)
            .map_or("", |(name, _)| name)
    }
}

/// The policy with the names it uses; without contexts there is one without a name.
struct Named {
    arms: Names,
    contexts: Names,
    policy: Policy,
}

/// Reads both files.
///
/// # Errors
/// The first mistake with its file, line and column.
pub(super) fn read(file: &Path, policy: &Path, columns: &Columns<'_>) -> Result<Input, Failure> {
    let named = named(policy, columns.context.is_some())?;
    let log = log(file, columns, &named)?;
    Ok(Input {
        policy: named.policy,
        log,
    })
}

fn named(file: &Path, by_context: bool) -> Result<Named, Failure> {
    let (mut arms, mut contexts) = (Names::default(), Names::default());
    let mut probabilities = BTreeMap::new();
    policy::read(file, by_context, |stated| {
        let choice = Choice {
            context: contexts.number(stated.context.unwrap_or_default()),
            action: arms.number(stated.arm),
        };
        match probabilities.insert(choice, stated.probability) {
            None => Ok(()),
            Some(_) => Err(stated.problem("has its probability on an earlier line")),
        }
    })?;
    let policy = Policy::new(probabilities).map_err(|found| {
        let (file, sum) = (file.display(), found.sum);
        let place = match contexts.name(found.context) {
            "" => String::new(),
            name => format!(" in the context \"{name}\""),
        };
        Failure::input(format!(
            "{file}: the probabilities add up to {sum}{place}, not to 1"
        ))
    })?;
    Ok(Named {
        arms,
        contexts,
        policy,
    })
}

fn context_of<'r>(row: &Row<'r>, column: Option<&Column>) -> Result<&'r str, Failure> {
    column.map_or(Ok(""), |column| row.text(column))
}

fn log(file: &Path, columns: &Columns<'_>, named: &Named) -> Result<Log, Failure> {
    let sheet = Sheet::open(file)?;
    let arm = sheet.column(columns.arm)?;
    let propensity = sheet.column(columns.propensity)?;
    let reward = sheet.column(columns.reward)?;
    let context = columns.context.map(|name| sheet.column(name));
    let context = context.transpose()?;
    let mut log = Log::default();
    sheet.each(|row| {
        let choice = choice(row, &arm, context.as_ref(), named)?;
        let given = row.probability(&propensity)?;
        if given <= 0.0 {
            let problem = "is 0: an arm that was given had a probability above it";
            return Err(row.problem(&propensity, problem));
        }
        let y = earned(row, &reward)?.micros();
        log.add(choice, given, Moments::of(Observation { y, x: 0 }));
        Ok(())
    })?;
    Ok(log)
}

fn choice(
    row: &Row<'_>,
    arm: &Column,
    context: Option<&Column>,
    named: &Named,
) -> Result<Choice, Failure> {
    let (name, place) = (row.text(arm)?, context_of(row, context)?);
    let number = named.contexts.0.get(place).copied();
    let number = match (number, context) {
        (None, Some(column)) => {
            let problem = format!("\"{place}\" is no context of the policy");
            return Err(row.problem(column, problem));
        }
        (number, _) => number.unwrap_or_default(),
    };
    let action = named.arms.0.get(name).copied();
    let choice = action.map(|action| Choice {
        context: number,
        action,
    });
    let known = choice.filter(|choice| named.policy.probability(*choice).is_some());
    known.ok_or_else(|| {
        let problem = format!("\"{name}\" is no arm of the policy: give it a probability, be it 0");
        row.problem(arm, problem)
    })
}

/// A number, or yes and no as 1 and 0.
fn earned(row: &Row<'_>, column: &Column) -> Result<Amount, Failure> {
    let text = row.cell(column);
    let number = match text.parse::<f64>() {
        Ok(number) => number,
        Err(_) => analyze::converted(text)
            .map(|yes| f64::from(u8::from(yes)))
            .map_err(|problem| row.problem(column, problem))?,
    };
    Amount::from_f64(number).map_err(|error| row.problem(column, format!("\"{text}\" {error}")))
}
