//! What the charts look like, as text.

mod sample;

use proptest::prelude::*;
use roxmltree::Document;
use sample::HOSTILE;

use super::*;

/// A chart that is a document, whose ids are unique and whose references lead somewhere.
fn drawn(chart: &impl ToString) -> String {
    let text = chart.to_string();
    let document = Document::parse(&text).unwrap();
    let elements = || document.descendants().filter(roxmltree::Node::is_element);
    let mut ids: Vec<&str> = elements().filter_map(|of| of.attribute("id")).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(all, ids.len(), "{ids:?}");
    for of in elements() {
        let tag = of.tag_name().name();
        assert_ne!(tag, "script");
        if let Some(href) = of.attribute("href").filter(|_| tag == "use") {
            assert!(ids.contains(&&href[1..]), "{href}");
        }
        let names = of.attribute("aria-labelledby").unwrap_or_default();
        assert!(names.split_whitespace().all(|id| ids.contains(&id)));
    }
    for of in elements() {
        for attribute in of
            .attributes()
            .filter(|of| !matches!(of.name(), "aria-label" | "title"))
        {
            let value = attribute.value();
            assert!(!value.contains("NaN") && !value.contains("inf"), "{value}");
        }
    }
    text
}

#[test]
fn a_forest_shows_each_comparison() {
    insta::assert_snapshot!(drawn(&sample::forest()));
}

#[test]
fn a_band_has_gaps_and_marks() {
    insta::assert_snapshot!(drawn(&sample::band()));
}

#[test]
fn an_allocation_leads_to_its_receipts() {
    insta::assert_snapshot!(drawn(&sample::allocation(4, 12)));
}

#[test]
fn lines_go_straight_or_by_steps() {
    insta::assert_snapshot!(drawn(&sample::lines(3, Curve::Linear)));
    insta::assert_snapshot!(drawn(&sample::lines(3, Curve::Steps)));
}

#[test]
fn densities_stand_above_their_intervals() {
    insta::assert_snapshot!(drawn(&sample::densities(3)));
}

#[test]
fn points_of_a_density_are_drawn_as_they_are() {
    let point = |(at, density): (f64, f64)| Density {
        at: sample::number(at),
        density: sample::number(density),
    };
    let points = [(0.02, 0.0), (0.03, 5.0), (0.04, 0.0)].map(point).to_vec();
    let mut densities = sample::densities(1);
    densities.beliefs[0].shape = Shape::Points(points);
    let text = drawn(&densities);
    let curve = text.split("class=\"curve\" d=\"").nth(1).unwrap();
    let points = curve.split('"').next().unwrap().split('L').count();
    assert_eq!(points, 3, "{curve}");
}

#[test]
fn counts_lie_on_each_other() {
    insta::assert_snapshot!(drawn(&sample::counts(3)));
}

#[test]
fn cells_of_tables_have_a_label() {
    let cells = sample::inline().into_iter().map(|cell| drawn(&cell));
    let mut cells: Vec<String> = cells.collect();
    cells.push(drawn(&sample::progress()));
    insta::assert_snapshot!(cells.join("\n"));
}

#[test]
fn hostile_texts_stay_texts() {
    insta::assert_snapshot!(drawn(&sample::hostile_forest()));
    let charts = [
        drawn(&sample::hostile_forest()),
        drawn(&sample::hostile_band()),
        drawn(&sample::hostile_allocation()),
        drawn(&sample::hostile_counts()),
        drawn(&sample::hostile_lines()),
        drawn(&sample::hostile_densities()),
    ];
    for (chart, name) in charts
        .iter()
        .flat_map(|chart| HOSTILE.map(|name| (chart, name)))
    {
        let document = Document::parse(chart).unwrap();
        let cells = document
            .descendants()
            .filter(|of| of.has_tag_name("th") || of.has_tag_name("td"));
        let cells: Vec<&str> = cells.filter_map(|of| of.text()).collect();
        assert!(
            cells.contains(&Label::from(name).as_str()),
            "{name} {chart}"
        );
    }
}

#[test]
fn no_data_is_a_sentence() {
    let charts = [
        drawn(&Forest {
            rows: Vec::new(),
            ..sample::forest()
        }),
        drawn(&Band {
            tracks: Vec::new(),
            ..sample::band()
        }),
        drawn(&sample::allocation(4, 0)),
        drawn(&sample::allocation(0, 3)),
        drawn(&sample::lines(0, Curve::Linear)),
        drawn(&sample::densities(0)),
        drawn(&sample::counts(0)),
    ];
    for chart in charts {
        assert!(chart.contains("No data yet"));
        assert!(!chart.contains("<svg") && !chart.contains("<table"));
    }
}

#[test]
fn fifty_variants_and_a_thousand_epochs_stay_small() {
    let allocation = drawn(&sample::allocation(50, 1_000));
    for (chart, most) in [
        (&allocation, 25_000),
        (&drawn(&sample::many_bands(50)), 25_000),
        (&drawn(&sample::lines(50, Curve::Steps)), 25_000),
        (&drawn(&sample::counts(50)), 25_000),
        (&drawn(&sample::densities(50)), 45_000),
    ] {
        let (picture, _) = chart.split_once("<details").unwrap();
        assert!(picture.len() <= most, "{}", picture.len());
    }
    assert!(allocation.contains("43 others"));
    insta::assert_snapshot!(allocation);
}

proptest! {
    #[test]
    fn any_numbers_make_a_picture(numbers in prop::collection::vec([any::<f64>(), any::<f64>(), any::<f64>()], 1..20)) {
        let effects = || numbers.iter().map(|[at, low, high]| Effect::new(*at, Some([*low, *high])));
        let forest = Forest {
            rows: effects().map(|effect| Comparison { effect, ..sample::forest().rows[0].clone() }).collect(),
            ..sample::forest()
        };
        drawn(&forest);
        let track = Track { label: "B".into(), place: 1, effects: effects().collect() };
        drawn(&Band { tracks: vec![track], ..sample::band() });
        let number = |at: usize| numbers.iter().filter_map(move |of| Number::new(of[at]));
        let mut allocation = sample::allocation(3, 5);
        for (step, at) in allocation.steps.iter_mut().zip(number(0)) {
            step.at = at;
            step.shares = number(1).collect();
        }
        drawn(&allocation);
        let tally = Tally { label: "B".into(), counts: number(2).collect() };
        drawn(&Counts { tallies: vec![tally], ..sample::counts(0) });
        let belief = Belief {
            effect: effects().next().flatten(),
            shape: Shape::Normal { sd: number(0).next().unwrap_or(1_u32.into()) },
            label: "B".into(),
        };
        drawn(&Densities { beliefs: vec![belief], ..sample::densities(0) });
    }
}
