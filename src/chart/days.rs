//! Days along a chart, and what happened on them.

use super::axis::Tick;
use super::label::{Isolated, Label};
use super::number::Number;
use super::path::Coord;

/// Hours between two ticks.
const STEPS: [u32; 14] = [
    1, 2, 3, 6, 12, 24, 48, 168, 336, 672, 1_344, 2_688, 5_376, 10_752,
];
/// Ticks at most.
const TICKS: usize = 7;
/// Columns of a label at a mark.
const COLUMNS: usize = 18;
/// Width that is kept for the label of a mark, in percent of the width.
const LABEL: f64 = 22.0;
/// The same in a narrow chart.
const NARROW_LABEL: f64 = 100.0;

/// Something that happened, as a vertical line.
#[derive(Debug, Clone)]
pub struct Mark {
    /// When, in days since the first day of the chart: 1.5 is the noon of the second day.
    pub at: Number,
    /// What it is called in the picture.
    pub label: Label,
    /// The whole sentence.
    pub title: Label,
}

/// Values of all variants together that a chart shows, and times of it at least and at most.
const VALUES: usize = 1_200;
const TIMES: [usize; 2] = [24, 200];

/// Which of many times a picture and its table show: at equal distances, the last among them.
pub(super) fn shown(times: usize, variants: usize) -> Vec<usize> {
    let [least, most] = TIMES;
    let most = (VALUES / variants.max(1)).clamp(least, most);
    let step = times.div_ceil(most).max(1);
    let mut shown: Vec<usize> = (0..times).rev().step_by(step).collect();
    shown.reverse();
    shown
}

/// A time in days since the first of some days: the day where it begins, else its hour.
fn time(days: &[Label], at: f64) -> String {
    let minutes = minutes(at);
    if minutes == 0 {
        return day(days, at).short(12).to_string();
    }
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

/// A time in full: the day, and the time of the day where it does not begin then.
pub(super) fn moment(days: &[Label], at: f64) -> String {
    let minutes = minutes(at);
    let day = day(days, at);
    if minutes == 0 {
        return day.to_string();
    }
    format!("{day} {:02}:{:02}", minutes / 60, minutes % 60)
}

fn minutes(at: f64) -> u32 {
    let minutes = (at.rem_euclid(1.0) * 1_440.0 + 0.5).floor();
    // Of 1,440 minutes at most.
    (0..1_440)
        .rev()
        .find(|minute| f64::from(*minute) <= minutes)
        .unwrap_or(0)
}

fn day(days: &[Label], at: f64) -> Label {
    let place = days
        .iter()
        .enumerate()
        .rfind(|(day, _)| *day as f64 <= at + 1e-9);
    place.map_or_else(Label::default, |(_, label)| label.clone())
}

/// A part of time, in days since the first of some days.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) from: f64,
    pub(super) until: f64,
}

impl Span {
    /// All of some days, each of which is a point.
    pub(super) fn of_points(days: usize) -> Self {
        let last = days.saturating_sub(1);
        Self {
            from: 0.0,
            until: last as f64,
        }
    }

    /// The part of the way, from 0 to 1; a span without length lies in the middle.
    pub(super) fn place(self, at: f64) -> f64 {
        let length = self.until - self.from;
        if length > 0.0 {
            ((at - self.from) / length).clamp(0.0, 1.0)
        } else {
            0.5
        }
    }

    /// Ticks at the beginning of days, or of hours where the days are few.
    pub(super) fn ticks(self, days: &[Label]) -> Vec<Tick> {
        let room = (self.until - self.from) * 24.0 / TICKS as f64;
        let step = STEPS.into_iter().find(|step| f64::from(*step) >= room);
        let step = f64::from(step.unwrap_or(STEPS[STEPS.len() - 1]));
        let first = (self.from * 24.0 / step - 1e-9).ceil();
        let hours = (0..=TICKS).map(|at| (first + at as f64) * step);
        let ticks: Vec<f64> = hours
            .map(|hour| hour / 24.0)
            .take_while(|at| *at <= self.until + 1e-9)
            .collect();
        let is_many = ticks.len() > 3;
        let tick = |(at, day): (usize, f64)| Tick {
            at: Coord(100.0 * self.place(day)),
            text: time(days, day),
            wide: is_many && !at.is_multiple_of(3),
        };
        ticks.into_iter().enumerate().map(tick).collect()
    }

    /// Marks in the span, in order. Those whose labels would lie on the one before are drawn without.
    pub(super) fn marks(self, marks: &[Mark]) -> Vec<Line> {
        let mut inside: Vec<&Mark> = marks
            .iter()
            .filter(|mark| (self.from..=self.until).contains(&mark.at.get()))
            .collect();
        inside.sort_by(|one, other| one.at.get().total_cmp(&other.at.get()));
        let (mut free, mut free_narrow) = (0.0, 0.0);
        let mut lines = Vec::new();
        for mark in inside {
            let at = 100.0 * self.place(mark.at.get());
            let is_free = at >= free;
            let is_wide = at < free_narrow;
            if is_free {
                free = at + LABEL;
            }
            if !is_wide {
                free_narrow = at + NARROW_LABEL;
            }
            lines.push(Line {
                at: Coord(at),
                label: is_free.then(|| mark.label.short(COLUMNS)),
                title: mark.title.clone(),
                is_late: at > 60.0,
                is_wide,
            });
        }
        lines
    }
}

/// A mark at its place.
pub(super) struct Line {
    /// In percent from the left.
    pub(super) at: Coord,
    pub(super) label: Option<Isolated>,
    pub(super) title: Label,
    /// Whether its label stands to its left.
    pub(super) is_late: bool,
    /// Whether a narrow chart leaves its label out.
    pub(super) is_wide: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(from: f64, until: f64) -> Vec<String> {
        let days: Vec<Label> = (1..=60).map(|day| format!("day {day}").into()).collect();
        let ticks = Span { from, until }.ticks(&days);
        ticks.into_iter().map(|tick| tick.text).collect()
    }

    #[test]
    fn ticks_are_days_or_hours() {
        assert_eq!(
            texts(0.0, 3.0),
            [
                "day 1", "12:00", "day 2", "12:00", "day 3", "12:00", "day 4"
            ]
        );
        assert_eq!(
            texts(0.3, 6.0),
            ["day 2", "day 3", "day 4", "day 5", "day 6", "day 7"]
        );
        assert_eq!(texts(0.0, 20.0), ["day 1", "day 8", "day 15"]);
        assert_eq!(texts(1.5, 1.6), ["12:00", "13:00", "14:00"]);
        assert_eq!(texts(0.0, 0.0), ["day 1"]);
    }

    #[test]
    fn of_many_times_the_last_is_shown() {
        assert_eq!(shown(3, 4), [0, 1, 2]);
        assert_eq!(shown(49, 50), (0..49).step_by(3).collect::<Vec<usize>>());
        assert_eq!(shown(365, 1).last(), Some(&364));
        assert_eq!(shown(0, 0), [0; 0]);
    }

    #[test]
    fn a_moment_has_its_day_and_time() {
        let days = [Label::from("2026-11-01"), Label::from("2026-11-02")];
        assert_eq!(moment(&days, 1.0), "2026-11-02");
        assert_eq!(moment(&days, 0.999), "2026-11-01 23:59");
        assert_eq!(moment(&days, 1.25), "2026-11-02 06:00");
    }
}
