//! Charts to look at.

use crate::chart::*;

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
