//! Runs that are small enough for a test, and scenarios with mistakes.

use super::*;
use crate::catalog::mistake::Code;

const EXPERIMENT: &str = r#"
[experiment]
key = "shop"
variants = [{ key = "old" }, { key = "new" }]
[experiment.allocation]
policy = "thompson"
metric = "purchase"
burn_in = 0
[[experiment.metrics]]
key = "purchase"
event = "Order"
kind = "conversion"
role = "goal"
"#;

fn scenario(truth: &str) -> Scenario {
    let traffic = "[traffic]\nvisitors = 4000\nper_day = 1000\nbatch = 250\nlooks = 4";
    let policies = "[[policies]]\nname = \"bandit\"\n[[policies]]\nname = \"even\"\nallocation = { policy = \"fixed\" }";
    let text = format!("{traffic}\n[truth]\n{truth}\n{policies}\n{EXPERIMENT}");
    read(&text).unwrap()
}

fn better() -> Scenario {
    scenario(r#"variants = [{ key = "old", rate = 0.1 }, { key = "new", rate = 0.2 }]"#)
}

fn delayed() -> Scenario {
    scenario(
        r#"variants = [{ key = "old", rate = 0.1, delay = "6h" }, { key = "new", rate = 0.2, delay = "6h" }]"#,
    )
}

#[test]
fn a_seed_is_a_run() {
    let scenario = better();
    assert_eq!(play(&scenario, 7), play(&scenario, 7));
    assert_ne!(play(&scenario, 7), play(&scenario, 8));
}

#[test]
fn a_policy_does_the_same_whoever_runs_beside_it() {
    let both = better();
    let mut alone = both.clone();
    assert!(alone.keep("even"));
    let (together, single) = (play(&both, 3), play(&alone, 3));
    assert_eq!(together.policies[1], single.policies[0]);
    assert_eq!(together.references, single.references);
}

#[test]
fn visitors_convert_alike_whatever_policies_do() {
    let scenario = delayed();
    let mut batch = Batch::default();
    let mut arrivals = Arrivals::new(&scenario, 5);
    let (mut rates, mut upward) = ([0.0; 2], true);
    while arrivals.fill(&mut batch) {
        for (visitor, rewards) in batch.iter() {
            assert!(rewards[0] < rewards[1]);
            for (variant, rate) in rates.iter_mut().enumerate() {
                *rate += f64::from(u8::from(visitor.order_on(variant).is_some())) / 4000.0;
            }
            upward &= visitor.order_on(0).is_none() || visitor.order_on(1).is_some();
        }
    }
    assert!(
        upward,
        "who converts on the worse variant converts on the better one"
    );
    assert!(
        (rates[0] - 0.1).abs() < 0.02 && (rates[1] - 0.2).abs() < 0.02,
        "{rates:?}"
    );
}

#[test]
fn an_even_split_loses_half_of_the_difference() {
    let runs: Vec<Run> = (0..3).map(|seed| play(&better(), seed)).collect();
    let summary = summary(&better(), &runs);
    let of = |name: &str| {
        let mut all = summary.policies.iter();
        all.find(|policy| policy.policy == name).unwrap()
    };
    for name in ["uniform", "even"] {
        assert!(
            (of(name).regret.value - 200.0).abs() < 12.0,
            "{:?}",
            of(name).regret
        );
    }
    let bandit = of("bandit");
    assert!(
        bandit.to_uniform.unwrap().value < 0.6,
        "{:?}",
        bandit.to_uniform
    );
    assert!((bandit.right.value - 1.0).abs() < 1e-9);
    let last = bandit.curve.last().unwrap();
    assert_eq!(last.visitors, 4000);
    assert!((last.regret - bandit.regret.value).abs() < 1e-9);
    let [moving, even] = ["bandit", "even"].map(|name| of(name).report.as_ref().unwrap());
    assert!(moving.epochs > 2.0 && (even.epochs - 1.0).abs() < 1e-9);
    let shown = even.coverage.is_some() && (even.shown - 1.0).abs() < 1e-9;
    assert!(shown && even.excluded.is_some(), "{even:?}");
}

#[test]
fn conversions_come_when_they_are_due() {
    let scenario = delayed();
    let run = play(&scenario, 1);
    let at_once = play(&better(), 1);
    assert_eq!(
        run.references[0].curve, at_once.references[0].curve,
        "regret is about choices"
    );
    let (slow, fast) = (&run.policies[0].course, &at_once.policies[0].course);
    assert!(slow.regret > fast.regret, "{} {}", slow.regret, fast.regret);
}

#[test]
fn a_report_that_is_watched_waits_for_those_who_convert_slowly() {
    let looks = |delays: [&str; 2], seed: u64| {
        let mut scenario = scenario(&format!(
            "variants = [{{ key = \"old\", rate = 0.2, delay = \"{}\" }}, {{ key = \"new\", rate = 0.2, delay = \"{}\" }}]",
            delays[0], delays[1],
        ));
        scenario.traffic.looks = 8;
        let run = play(&scenario, seed);
        // The bandit's: under the even split what came so far is compared.
        let bandit: &Outcome = &run.policies[0];
        (bandit.excluded, bandit.decided.is_some())
    };
    let found: Vec<_> = (0..8).map(|seed| looks(["2h", "5d"], seed)).collect();
    let is_quiet = |(excluded, decided): &(Option<bool>, bool)| *excluded != Some(true) && !decided;
    assert!(found.iter().all(is_quiet), "{found:?}");
    let alike: Vec<_> = (0..8).map(|seed| looks(["12h", "12h"], seed)).collect();
    let shown = alike.iter().filter(|of| of.0.is_some()).count();
    assert!(shown >= 7, "{alike:?}");
}

#[test]
fn a_change_is_found_by_its_visitors() {
    let changed = scenario(
        "variants = [{ key = \"old\", rate = 0.1 }, { key = \"new\", rate = 0.2 }]\n\
         changes = [{ at = 1000, variant = \"old\", rate = 0.5 }]",
    );
    let runs: Vec<Run> = (0..2).map(|seed| play(&changed, seed)).collect();
    let summary = summary(&changed, &runs);
    let bandit = summary.policies.iter().find(|of| of.policy == "bandit");
    let bandit = bandit.unwrap();
    let (half, most) = (bandit.half_after.unwrap(), bandit.most_after.unwrap());
    assert!(half <= most && most < 3000, "{half} {most}");
    assert!(
        bandit.report.as_ref().unwrap().coverage.is_none(),
        "there is no one lift"
    );
}

#[test]
fn a_policy_is_set_against_another() {
    let text = |other: &str| {
        format!(
            "[traffic]\nvisitors = 2000\nper_day = 1000\nbatch = 500\n\
             [truth]\nvariants = [{{ key = \"old\", rate = 0.1 }}, {{ key = \"new\", rate = 0.2 }}]\n\
             [[policies]]\nname = \"bandit\"\nagainst = \"{other}\"\n\
             [[policies]]\nname = \"even\"\nallocation = {{ policy = \"fixed\" }}\n{EXPERIMENT}"
        )
    };
    let scenario = read(&text("even")).unwrap();
    let runs: Vec<Run> = (0..4).map(|seed| play(&scenario, seed)).collect();
    let summary = summary(&scenario, &runs);
    let [.., bandit, even] = summary.policies.as_slice() else {
        panic!("{summary:?}")
    };
    let against = bandit.against.as_ref().unwrap();
    assert_eq!(against.policy, "even");
    let ratio = bandit.regret.value / even.regret.value;
    assert!((against.ratio.value - ratio).abs() < 1e-12 && ratio < 0.7);
    assert!(against.ratio.std_error.unwrap() > 0.0 && even.against.is_none());
    assert!(read(&text("exact TS")).is_ok(), "a reference will do");
    let mistakes = read(&text("odd")).unwrap_err();
    assert_eq!(
        (mistakes[0].key.as_str(), mistakes[0].code),
        ("policies[0].against", Code::UnknownReference)
    );
}

#[test]
fn segments_convert_each_in_their_own_way() {
    let scenario = scenario(
        "variants = [{ key = \"old\", rate = 0.1 }, { key = \"new\", rate = 0.2 }]\n\
         [truth.segments]\nattribute = \"kind\"\n\
         values = [{ value = \"a\", share = 3 }, { value = \"b\", rates = { old = 0.6 } }]",
    );
    let mut batch = Batch::default();
    let mut arrivals = Arrivals::new(&scenario, 5);
    let (mut seen, mut converted) = ([0.0_f64; 2], [0.0_f64; 2]);
    while arrivals.fill(&mut batch) {
        for (visitor, rewards) in batch.iter() {
            let segment = visitor.segment.unwrap();
            assert!((rewards[0] - [0.1, 0.6][segment]).abs() < 1e-12);
            seen[segment] += 1.0;
            converted[segment] += f64::from(u8::from(visitor.order_on(0).is_some()));
        }
    }
    assert!((seen[1] / 4000.0 - 0.25).abs() < 0.03, "{seen:?}");
    assert!((converted[1] / seen[1] - 0.6).abs() < 0.06, "{converted:?}");
    // On average the old variant is the better one, but for most visitors the new one is.
    assert!((scenario.truth.mean_rate(0, 0) - 0.225).abs() < 1e-12);
    let runs: Vec<Run> = (0..2).map(|seed| play(&scenario, seed)).collect();
    let summary = summary(&scenario, &runs);
    let [uniform, pooled, own, batches] = [0, 1, 2, 3].map(|at| &summary.policies[at]);
    assert_eq!(batches.policy, "TS by segment, in batches");
    assert!((own.right.value - 1.0).abs() < 1e-9, "{:?}", own.right);
    assert!(pooled.right.value < 0.8, "it has one choice for all");
    assert!(own.regret.value < batches.regret.value);
    assert!(batches.regret.value < 0.5 * pooled.regret.value.min(uniform.regret.value));
}

#[test]
fn a_search_ends_when_little_is_left_to_find() {
    let mut scenario = better();
    assert!(scenario.keep("bandit"));
    let going_on = play(&scenario, 1);
    assert_eq!(going_on.policies[0].stopped, None);
    let text = format!(
        "[traffic]\nvisitors = 4000\nper_day = 200\nbatch = 100\n\
         [truth]\nvariants = [{{ key = \"old\", rate = 0.1 }}, {{ key = \"new\", rate = 0.3 }}]\n\
         [[policies]]\nname = \"bandit\"\nallocation = {{ stop = {{ min_days = 2 }} }}\n{EXPERIMENT}"
    );
    let scenario = read(&text).unwrap();
    let run = play(&scenario, 1);
    let outcome = &run.policies[0];
    let stopped = outcome.stopped.unwrap();
    assert!((2.0..6.0).contains(&stopped.days), "{stopped:?}");
    assert_eq!(stopped.variant, Some(1));
    assert_eq!(outcome.course.choices, [1]);
    let after = |point: &&Point| point.visitors as f64 > 200.0 * stopped.days + 100.0;
    let mut later = outcome.course.curve.iter().filter(after);
    assert!(later.all(|point| (point.best - 1.0).abs() < 1e-12));
    let summary = summary(&scenario, &[run]);
    let stop = summary.policies.last().unwrap().stop.as_ref().unwrap();
    assert!((stop.stopped.value - 1.0).abs() < 1e-12 && (stop.right.value - 1.0).abs() < 1e-12);
}

#[test]
fn order_values_have_their_means() {
    let laws = [
        Law::Constant,
        Law::Lognormal(1.0),
        Law::Weibull(0.7),
        Law::Weibull(3.0),
    ];
    for law in laws {
        let value = OrderValue {
            law,
            mean: 60.0,
            wholesale: 0.25,
            wholesale_factor: 3.0,
        };
        let n = 200_000;
        let uniform = |i: u32| (f64::from(i) + 0.5) / f64::from(n);
        let drawn = |i: u32| value.at(uniform(i), f64::from(i % 4) / 4.0);
        let mean = (0..n).map(drawn).sum::<f64>() / f64::from(n);
        assert!((value.mean() - 90.0).abs() < 1e-9);
        assert!((mean / 90.0 - 1.0).abs() < 5e-3, "{law:?}: {mean}");
    }
}

#[test]
fn all_mistakes_are_told_with_their_keys() {
    let text = format!(
        "[traffic]\nvisitors = 0\nper_day = 10\n\
         [truth]\nvariants = [{{ key = \"old\", rate = 1.5 }}, {{ key = \"nwe\", rate = 0.1 }}]\nseason = 3\n\
         [truth.segments]\nattribute = \"kind\"\nvalues = [{{ value = \"a\", rates = {{ odd = 0.1 }} }}, {{ value = \"a\" }}]\n\
         [[policies]]\nname = \"a\"\nallocation = {{ floor_totl = 0.1 }}\n\
         [[policies]]\nname = \"a\"\n{EXPERIMENT}"
    );
    let mistakes = read(&text).unwrap_err();
    let found: Vec<(&str, Code)> = mistakes
        .iter()
        .map(|of| (of.key.as_str(), of.code))
        .collect();
    for expected in [
        ("traffic.visitors", Code::Invalid),
        ("traffic.batch", Code::Missing),
        ("truth.variants[0].rate", Code::Invalid),
        ("truth.variants[1].key", Code::UnknownReference),
        ("truth.season", Code::UnknownKey),
        ("truth.segments.values[0].rates.odd", Code::UnknownReference),
        ("truth.segments.values[1].value", Code::Duplicate),
        ("policies[0].allocation.floor_totl", Code::UnknownKey),
        ("policies[1].name", Code::Duplicate),
    ] {
        assert!(found.contains(&expected), "{expected:?} in {found:?}");
    }
    assert!(mistakes.iter().all(|of| of.line.is_some()), "{mistakes:?}");
}

#[test]
fn a_mistake_of_the_experiment_is_told_once() {
    let text = format!(
        "[traffic]\nvisitors = 10\nper_day = 10\nbatch = 5\n\
         [truth]\nvariants = [{{ key = \"old\", rate = 0.1 }}, {{ key = \"new\", rate = 0.1 }}]\n\
         [[policies]]\nname = \"a\"\n[[policies]]\nname = \"b\"\n{}",
        EXPERIMENT.replace("role = \"goal\"", "roel = \"goal\"")
    );
    let mistakes = read(&text).unwrap_err();
    let keys: Vec<&str> = mistakes.iter().map(|of| of.key.as_str()).collect();
    let unknown = keys
        .iter()
        .filter(|key| **key == "experiment.metrics[0].roel");
    assert_eq!(unknown.count(), 1, "{keys:?}");
}
