//! What the charts look like, as text.

mod sample;

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
    assert!(!text.contains("NaN") && !text.contains("inf"));
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
fn hostile_texts_stay_texts() {
    let text = drawn(&sample::hostile_forest());
    for name in HOSTILE {
        let shown = Document::parse(&text).unwrap();
        let cells = shown.descendants().filter(|of| of.has_tag_name("th"));
        let cells: Vec<&str> = cells.filter_map(|of| of.text()).collect();
        assert!(cells.contains(&Label::from(name).as_str()), "{name}");
    }
    insta::assert_snapshot!(text);
}

#[test]
fn no_data_is_a_sentence() {
    let forest = Forest {
        rows: Vec::new(),
        ..sample::forest()
    };
    let band = Band {
        tracks: Vec::new(),
        ..sample::band()
    };
    for chart in [drawn(&forest), drawn(&band)] {
        assert!(chart.contains("No data yet"));
        assert!(!chart.contains("<svg") && !chart.contains("<table"));
    }
}
