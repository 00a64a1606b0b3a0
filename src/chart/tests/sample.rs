//! Charts to look at.

use crate::chart::{
    Allocation, Band, Belief, Comparison, Counts, Curve, Densities, Effect, Forest, Heading,
    Inline, Label, Lines, Mark, Number, Progress, Reach, Series, Shape, Status, Step, Tally, Track,
    Unit,
};

pub(super) fn number(value: f64) -> Number {
    Number::new(value).unwrap()
}

fn comparison(label: &str, of: [f64; 3], status: Option<Status>) -> Comparison {
    Comparison {
        label: label.into(),
        note: "vs A".into(),
        effect: Effect::new(of[0], Some([of[1], of[2]])),
        status,
    }
}

pub(super) fn forest() -> Forest {
    Forest {
        heading: Heading::new("lift-revenue", "Revenue per visitor: lift against A"),
        unit: Unit::Percent,
        rows: vec![
            comparison("B", [0.031, 0.004, 0.059], Some(Status::Good)),
            comparison("Free shipping", [-0.042, -0.071, -0.013], Some(Status::Bad)),
            comparison("Countdown", [0.008, -0.021, 0.038], Some(Status::Unclear)),
            comparison("Newcomer", [0.05, -0.9, f64::INFINITY], None),
            Comparison {
                label: "Dark checkout".into(),
                note: Label::default(),
                effect: None,
                status: None,
            },
        ],
    }
}

/// Texts that people write, and worse.
pub(super) const HOSTILE: [&str; 5] = [
    "<script>alert(\"1\") & 'x'</script>",
    "تجربة الشحن المجاني",
    "👩‍👩‍👧‍👦🎉 Sale 🇩🇪",
    "\u{0}\u{1b}[31m\u{ffff}]]>",
    "A name of two hundred characters that goes on and on and on, since somebody had a lot to say about it and nobody \
     told them that a name is a name and not a novel, so that it does not fit in any place",
];

pub(super) fn hostile_forest() -> Forest {
    let row = |text: &&str| Comparison {
        note: (*text).into(),
        ..comparison(text, [0.01, -0.02, 0.04], Some(Status::Unclear))
    };
    Forest {
        heading: Heading::new("a \"b\" <c>", HOSTILE[0]),
        unit: Unit::Money(HOSTILE[0].into()),
        rows: HOSTILE.iter().map(row).collect(),
    }
}

pub(super) fn days(count: i32) -> Vec<Label> {
    let day = |at| format!("2026-{:02}-{:02}", 10 + at / 30, at % 30 + 1).into();
    (0..count).map(day).collect()
}

/// A wave that looks like chance and is the same each time.
pub(super) fn wave(place: usize, at: usize) -> f64 {
    let (place, at) = (place as f64, at as f64);
    f64::midpoint(
        (at * 0.7 + place * 1.9).sin(),
        (at * 1.3 + place * 0.6).cos(),
    )
}

pub(super) fn band() -> Band {
    let track = |place: usize, label: &str, lift: f64, missing: &[usize]| Track {
        label: label.into(),
        place: place + 1,
        effects: (0..40_usize)
            .map(|day| {
                let wide = 0.16 / ((day + 1) as f64).sqrt();
                let at = lift + wide * 0.6 * wave(place, day);
                let is_missing = missing.contains(&day);
                Effect::new(at, Some([at - wide, at + wide])).filter(|_| !is_missing)
            })
            .collect(),
    };
    let mark = |at: f64, label: &str| Mark {
        at: number(at),
        label: label.into(),
        title: format!("{label}, by shop-key").into(),
    };
    Band {
        heading: Heading::new(
            "band-revenue",
            "Revenue per visitor: cumulative lift against A",
        ),
        unit: Unit::Percent,
        days: days(40),
        tracks: vec![
            track(0, "B", 0.05, &[11, 12, 14, 15]),
            track(1, "Free shipping", -0.03, &[]),
            track(2, "Countdown", 0.04, &[38, 39]),
        ],
        marks: vec![
            mark(9.0, "split 50/50"),
            mark(10.0, "floor 2 %"),
            mark(33.0, "ramp to 100 %"),
        ],
    }
}

/// Variants by name, more of them by number.
pub(super) fn variants(count: usize) -> Vec<Label> {
    const NAMED: [&str; 4] = ["A", "B", "Free shipping", "Countdown"];
    let name = |place: usize| match NAMED.get(place) {
        Some(name) => (*name).into(),
        None => format!("Variant {place}").into(),
    };
    (0..count).map(name).collect()
}

/// Shares that move from equal ones to those of the best.
fn shares(variants: usize, at: usize, part: f64) -> Vec<Number> {
    let pull = |place: usize| {
        let merit = wave(place, 3) + 0.3 * wave(place, at);
        number((5.0 * part * merit).exp())
    };
    (0..variants).map(pull).collect()
}

pub(super) fn allocation(count: usize, epochs: usize) -> Allocation {
    let step = |at: usize| {
        let part = at as f64 / epochs as f64;
        Step {
            at: number(0.25 + 39.0 * part * (0.4 + 0.6 * part)),
            label: format!("epoch {}", at + 1).into(),
            title: format!(
                "Epoch {}: 12,345 visitors seen; B got more since it is better by 3 %.",
                at + 1
            )
            .into(),
            href: Some(format!("#epoch-{}", at + 1).into()),
            shares: shares(count, at, part),
        }
    };
    Allocation {
        heading: Heading::new(&format!("allocation-{count}"), "Traffic over time"),
        days: days(40),
        until: number(39.5),
        variants: variants(count),
        steps: (0..epochs).map(step).collect(),
    }
}

pub(super) fn lines(count: usize, curve: Curve) -> Lines {
    let series = |(place, label): (usize, Label)| Series {
        label,
        values: (0..40_usize)
            .map(|at| {
                let parts = shares(count, at / 4, at as f64 / 40.0);
                let sum: f64 = parts.iter().map(|part| part.get()).sum();
                Number::new(parts[place].get() / sum)
                    .filter(|_| !(place == 1 && (20..24).contains(&at)))
            })
            .collect(),
    };
    Lines {
        heading: Heading::new(
            &format!("best-{count}-{curve:?}"),
            "Probability to be the best",
        ),
        days: days(40),
        times: (0..40_u32).map(Number::from).collect(),
        series: variants(count)
            .into_iter()
            .enumerate()
            .map(series)
            .collect(),
        curve,
        marks: band().marks,
    }
}

pub(super) fn densities(count: usize) -> Densities {
    let belief = |(place, label): (usize, Label)| {
        let mean = 0.03 + 0.006 * wave(place, 3);
        let sd = 0.0012 * (1.5 + wave(place, 5));
        Belief {
            label,
            effect: Effect::new(mean, Some([mean - 1.96 * sd, mean + 1.96 * sd])),
            shape: Shape::Normal { sd: number(sd) },
        }
    };
    Densities {
        heading: Heading::new(
            &format!("belief-{count}"),
            "Conversion rate: what is believed",
        ),
        unit: Unit::Percent,
        beliefs: variants(count)
            .into_iter()
            .enumerate()
            .map(belief)
            .collect(),
    }
}

pub(super) fn counts(count: usize) -> Counts {
    let tally = |(place, label): (usize, Label)| {
        let mut sum = 0.0;
        let day = |at: usize| {
            sum += (400.0 + 100.0 * wave(place, at)).round();
            number(sum)
        };
        Tally {
            label,
            counts: (0..40).map(day).collect(),
        }
    };
    Counts {
        heading: Heading::new(&format!("visitors-{count}"), "Visitors"),
        days: days(40),
        tallies: variants(count).into_iter().enumerate().map(tally).collect(),
        marks: band().marks,
    }
}

pub(super) fn inline() -> Vec<Inline> {
    let rows = forest().rows;
    let reach = Reach::of(rows.iter().filter_map(|row| row.effect));
    let cell = |row: Comparison| Inline {
        label: row.label,
        unit: Unit::Percent,
        reach,
        effect: row.effect,
        status: row.status,
    };
    rows.into_iter().map(cell).collect()
}

pub(super) fn progress() -> Progress {
    Progress {
        label: "Visitors: 12,000 of 40,000".into(),
        part: number(0.3),
        notches: [0.25, 0.5, 0.75].map(number).to_vec(),
    }
}

fn hostile() -> impl Iterator<Item = (usize, Label)> {
    HOSTILE.iter().map(Label::from).enumerate()
}

pub(super) fn hostile_band() -> Band {
    let effects = band().tracks[0].effects.clone();
    Band {
        heading: Heading::new("band", HOSTILE[0]),
        tracks: hostile()
            .map(|(place, label)| Track {
                label,
                place,
                effects: effects.clone(),
            })
            .collect(),
        marks: hostile()
            .map(|(place, label)| Mark {
                at: number(7.0 * place as f64),
                title: label.clone(),
                label,
            })
            .collect(),
        ..band()
    }
}

pub(super) fn hostile_allocation() -> Allocation {
    let mut chart = allocation(HOSTILE.len(), 8);
    chart.variants = hostile().map(|(_, label)| label).collect();
    for (step, (_, label)) in chart.steps.iter_mut().zip(hostile()) {
        step.title = label.clone();
        step.href = Some(label.clone());
        step.label = label;
    }
    chart
}

pub(super) fn hostile_counts() -> Counts {
    let mut chart = counts(HOSTILE.len());
    for (tally, (_, label)) in chart.tallies.iter_mut().zip(hostile()) {
        tally.label = label;
    }
    chart
}

pub(super) fn hostile_lines() -> Lines {
    let mut chart = lines(HOSTILE.len(), Curve::Steps);
    for (series, (_, label)) in chart.series.iter_mut().zip(hostile()) {
        series.label = label;
    }
    chart
}

pub(super) fn hostile_densities() -> Densities {
    let mut chart = densities(HOSTILE.len());
    for (belief, (_, label)) in chart.beliefs.iter_mut().zip(hostile()) {
        belief.label = label;
    }
    chart
}

/// A band of many variants.
pub(super) fn many_bands(count: usize) -> Band {
    let effects = band().tracks[1].effects.clone();
    let track = |(place, label): (usize, Label)| Track {
        label,
        place,
        effects: effects.clone(),
    };
    Band {
        tracks: variants(count).into_iter().enumerate().map(track).collect(),
        ..band()
    }
}
