//! A plan as plain text for a terminal of 110 columns.

use super::words::{change, time};
use super::{Horizon, Origin, Plan, whole};
use crate::report::table::cells::{Aligned, decimal, grouped, percent, probability, wrapped};

/// Renders a plan.
pub fn render(plan: &Plan) -> String {
    let origin = |from| match from {
        Origin::Given => "given",
        Origin::Measured => "measured",
    };
    let baseline = match plan.sd {
        None => percent(Some(plan.baseline), 2),
        Some(sd) => format!("{} (sd {})", decimal(plan.baseline), decimal(sd)),
    };
    let assumed = format!(
        "{} {baseline} ({}), {} visitors a day ({}); {} at a probability of {}, false alarms {}.",
        plan.metric,
        origin(plan.baseline_from),
        grouped(whole(plan.visitors_per_day)),
        origin(plan.traffic_from),
        change(plan.lift),
        percent(Some(plan.power), 0),
        percent(Some(plan.alpha), 2),
    );
    let mut out = wrapped(&format!("{}:", plan.experiment), &plan.sentence);
    out.push('\n');
    out += &wrapped("Plan:", &assumed);
    out.push('\n');
    out += &variants(plan);
    out.push('\n');
    out += &horizons(plan);
    out.push('\n');
    for note in &plan.notes {
        out += &wrapped("  !", note);
    }
    out
}

fn variants(plan: &Plan) -> String {
    let mut table = Aligned::new(&["Variant", "Share", "Visitors", "Needed"]);
    for of in &plan.variants {
        table.row(vec![
            of.variant.clone(),
            percent(Some(of.share), 1),
            grouped(of.visitors),
            grouped(of.needed),
        ]);
    }
    let all = plan.variants.iter().map(|of| of.visitors).sum();
    table.row(vec![
        "all".to_owned(),
        String::new(),
        grouped(all),
        grouped(plan.visitors),
    ]);
    table.render()
}

fn horizons(plan: &Plan) -> String {
    let target = format!("P(sees {})", change(plan.lift));
    let mut table = Aligned::new(&["After", "Visitors", &target, "Sees at least"]);
    let ahead = plan.horizons.iter().map(|of| (time(Some(of.days)), of));
    let mut rows: Vec<(String, &Horizon)> = ahead.collect();
    let end = |of: &Horizon| format!("{} (the end)", time(Some(of.days)));
    rows.extend(plan.deadline.iter().map(|of| (end(of), of)));
    rows.push(("now".to_owned(), &plan.now));
    rows.sort_by_key(|(_, of)| of.days);
    for (name, of) in rows {
        table.row(vec![
            name,
            grouped(of.visitors),
            probability(of.power),
            of.detectable.map_or_else(String::new, change),
        ]);
    }
    table.render()
}
