//! χ², and Student's t and the normal and Beta where they live: [`crate::posterior::student`],
//! [`crate::posterior::normal`], [`crate::posterior::beta`].

use statrs::function::gamma::gamma_ur;

pub use crate::posterior::student::{t_critical, t_sf};

/// P(X > x) of χ² with `df` ≥ 1 degrees of freedom, for x ≥ 0.
pub fn chi2_sf(x: f64, df: usize) -> f64 {
    // Half of the smallest float is 0, which the library refuses.
    let half = 0.5 * x;
    if half <= 0.0 {
        1.0
    } else {
        gamma_ur(0.5 * df as f64, half)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;

    #[test]
    fn every_function_matches_boost() {
        let text = include_str!("../../tests/golden/special_functions.json");
        for case in golden::cases(text) {
            match case.input["f"].as_str().unwrap() {
                "chi2_sf" => {
                    let df = usize::try_from(case.input["df"].as_u64().unwrap()).unwrap();
                    case.check("v", &[chi2_sf(case.number("x"), df)]);
                }
                // Tested where they live.
                "beta_cdf" | "beta_quantile" | "norm_sf" | "t_sf" | "t_quantile" => {}
                other => panic!("{other} is tested nowhere"),
            }
        }
    }

    #[test]
    fn a_statistic_next_to_nothing_is_no_surprise() {
        assert!(chi2_sf(f64::from_bits(1), 1) >= 1.0);
    }
}
