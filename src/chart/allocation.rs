//! How the traffic was divided over time.

use std::fmt;

use askama::Template;

use super::axis::Axes;
use super::days::{Span, moment};
use super::ends::{End, ends};
use super::figure::{Figure, Key, Table};
use super::label::{Heading, Label};
use super::number::Number;
use super::path::Coord;
use super::scale::Scale;
use super::stack::{Layer, Stack, lines};
use super::unit::Unit;

/// Height of the picture, in pixels.
const HEIGHT: u32 = 220;
/// Shares in the table behind, and their steps at most and at least.
const CELLS: usize = 1_200;
const STEPS: [usize; 2] = [24, 120];
/// Marks at most: a pointer has to hit each.
const MARKS: usize = 24;
/// Columns of the sentence of a mark.
const SENTENCE: usize = 200;

/// A new division of the traffic.
#[derive(Debug, Clone)]
pub struct Step {
    /// When, in days since the first day of the chart.
    pub at: Number,
    /// Its name, such as "epoch 12".
    pub label: Label,
    /// Its receipt in a sentence.
    pub title: Label,
    /// Where it is explained, such as "#epoch-12".
    pub href: Option<Label>,
    /// The share of each variant, in their order. They are drawn as parts of their sum.
    pub shares: Vec<Number>,
}

/// The shares of all variants, from step to step, with a mark at each that leads to its receipt.
///
/// Of many steps those are shown that a picture can tell apart: the last of each short time.
#[derive(Debug, Clone)]
pub struct Allocation {
    /// Id and title.
    pub heading: Heading,
    /// The days from the first to the last, without gaps.
    pub days: Vec<Label>,
    /// The end, in days since the first day.
    pub until: Number,
    /// The variants.
    pub variants: Vec<Label>,
    /// The steps in the order of time.
    pub steps: Vec<Step>,
}

impl fmt::Display for Allocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = self.shown();
        let stack = self.stack(&steps);
        let layers = stack.layers(true);
        let figure = Figure {
            heading: &self.heading,
            kind: "time",
            picture: (!layers.is_empty() && !steps.is_empty())
                .then(|| self.picture(&steps, &layers)),
            legend: Key::of_layers(&layers),
            table: self.table(&steps),
        };
        figure.write(f)
    }
}

impl askama::filters::HtmlSafe for Allocation {}

impl Allocation {
    /// The steps that are shown, with their parts of the traffic.
    fn shown(&self) -> Vec<(&Step, Vec<f64>)> {
        let parts = |step: &Step| {
            let shares = step.shares.iter().map(|share| share.get().max(0.0));
            let shares: Vec<f64> = shares.take(self.variants.len()).collect();
            let sum: f64 = shares.iter().sum();
            (sum > 0.0).then(|| shares.into_iter().map(|share| share / sum).collect())
        };
        let steps = self.steps.iter();
        let known = steps.filter_map(|step| Some((step, parts(step)?)));
        let known: Vec<(&Step, Vec<f64>)> = known.collect();
        let [least, most] = STEPS;
        let most = (CELLS / self.variants.len().max(1)).clamp(least, most);
        let time = self.time();
        thinned(known, most, |(step, _)| time.place(step.at.get()))
    }

    fn time(&self) -> Span {
        Span {
            from: self.steps.first().map_or(0.0, |step| step.at.get()),
            until: self.until.get(),
        }
    }

    fn stack(&self, steps: &[(&Step, Vec<f64>)]) -> Stack<'_> {
        let time = self.time();
        let places = steps.iter().map(|(step, _)| time.place(step.at.get()));
        Stack {
            labels: &self.variants,
            places: places.collect(),
            values: steps.iter().map(|(_, parts)| parts.clone()).collect(),
            height: f64::from(HEIGHT),
            most: 1.0,
        }
    }

    fn picture<'a>(&'a self, steps: &[(&'a Step, Vec<f64>)], layers: &'a [Layer]) -> Picture<'a> {
        let time = self.time();
        let scale = Scale::around(0.0, 1.0, 5);
        let place = |step: &Step| time.place(step.at.get());
        let marks: Vec<&Step> = steps.iter().map(|(step, _)| *step).collect();
        let marks = thinned(marks, MARKS, |step| place(step));
        let numbered = marks.into_iter().enumerate();
        Picture {
            heading: &self.heading,
            description: self.description(steps),
            ends: ends(lines(layers), f64::from(HEIGHT)),
            epochs: numbered
                .map(|(at, step)| Epoch {
                    at: Coord(100.0 * place(step)),
                    step,
                    title: step.title.short(SENTENCE).to_string(),
                    wide: !at.is_multiple_of(2),
                })
                .collect(),
            layers,
            axes: Axes {
                height: HEIGHT,
                down: Axes::down(&scale, &Unit::Percent, "", HEIGHT),
                across: time.ticks(&self.days),
                marks: Vec::new(),
            },
        }
    }

    fn description(&self, steps: &[(&Step, Vec<f64>)]) -> String {
        let Some((step, parts)) = steps.last() else {
            return String::new();
        };
        let mut shares: Vec<(&Label, f64)> =
            self.variants.iter().zip(parts.iter().copied()).collect();
        shares.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        let told = shares
            .iter()
            .take(8)
            .map(|(label, part)| format!("{label} {}", Unit::Percent.text(*part)));
        let told: Vec<String> = told.collect();
        format!("As of {}: {}.", step.label, told.join(", "))
    }

    fn table(&self, steps: &[(&Step, Vec<f64>)]) -> Table {
        let head = ["From", "Step"].map(str::to_owned).into_iter();
        let row = |(step, parts): &(&Step, Vec<f64>)| {
            let day = moment(&self.days, step.at.get());
            let cells = [day, step.label.to_string()].into_iter();
            let parts = parts.iter().map(|part| Unit::Percent.text(*part));
            cells.chain(parts).collect()
        };
        Table {
            head: head
                .chain(self.variants.iter().map(Label::to_string))
                .collect(),
            texts: 2,
            rows: steps.iter().map(row).collect(),
        }
    }
}

/// At most so many, by places from 0 to 1: the first, and the last within each equal part of the way.
fn thinned<T>(all: Vec<T>, most: usize, place: impl Fn(&T) -> f64) -> Vec<T> {
    if all.len() <= most {
        return all;
    }
    let parts = (most - 1) as f64;
    let part = |of: &T| (place(of) * parts).floor().min(parts - 1.0);
    let mut kept: Vec<T> = Vec::new();
    for next in all {
        let is_same = kept.len() > 1 && kept.last().is_some_and(|last| part(last) >= part(&next));
        if is_same {
            kept.pop();
        }
        kept.push(next);
    }
    kept
}

/// The mark of a step.
struct Epoch<'a> {
    at: Coord,
    step: &'a Step,
    title: String,
    /// Whether a narrow chart leaves it out.
    wide: bool,
}

#[derive(Template)]
#[template(path = "chart/allocation.svg", config = "src/askama.toml")]
struct Picture<'a> {
    heading: &'a Heading,
    description: String,
    layers: &'a [Layer],
    epochs: Vec<Epoch<'a>>,
    ends: Vec<End>,
    axes: Axes,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn of_many_steps_the_last_of_each_time_is_kept(mut places in prop::collection::vec(0.0..=1.0_f64, 1..300), most in 2..50_usize) {
            places.sort_by(f64::total_cmp);
            let kept = thinned(places.clone(), most, |place| *place);
            prop_assert!(kept.len() <= most.max(1), "{}", kept.len());
            prop_assert_eq!(kept.first(), places.first());
            prop_assert_eq!(kept.last(), places.last());
            prop_assert!(kept.windows(2).all(|pair| pair[0] <= pair[1]));
        }
    }
}
