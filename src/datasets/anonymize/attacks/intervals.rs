//! Confidence intervals of success rates.

use serde::{Deserialize, Serialize};

/// Quantile of the normal distribution for a bound on one side that holds with 95 %.
const ONE_SIDED_95: f64 = 1.644_853_626_951_472_2;
/// Quantile for an interval that holds with 95 % on both sides together.
const TWO_SIDED_95: f64 = 1.959_963_984_540_054;

/// A rate with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// Successes over trials.
    pub rate: f64,
    pub lower95: f64,
    pub upper95: f64,
}

impl Rate {
    /// The score interval of Wilson (1927). Without trials nothing is known: the interval is 0 to 1.
    pub fn wilson(successes: f64, trials: f64) -> Rate {
        let Some((centre, half)) = wilson(successes, trials, TWO_SIDED_95) else {
            return Rate {
                rate: 0.0,
                lower95: 0.0,
                upper95: 1.0,
            };
        };
        Rate {
            rate: successes / trials,
            lower95: (centre - half).max(0.0),
            upper95: (centre + half).min(1.0),
        }
    }
}

/// The risk that an attack adds to what could be said of anybody.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ResidualRisk {
    /// Success against the people of the release.
    pub attack: Rate,
    /// Success against people who are not in it.
    pub control: Rate,
    /// R = (attack − control)/(1 − control), at least 0.
    pub risk: f64,
    pub lower95: f64,
    pub upper95: f64,
}

impl ResidualRisk {
    /// Giomi et al. (2022), "A unified framework for quantifying privacy risk in synthetic data",
    /// section 3: each rate is the centre of its Wilson interval, the half widths are propagated
    /// through R, and all of it is kept within 0 and 1. Counts are successes and trials; control
    /// successes may be a fraction where they were scaled to another number of rows.
    pub fn of(attack: (f64, f64), control: (f64, f64)) -> ResidualRisk {
        let rates = |(successes, trials)| {
            let (centre, half) = wilson(successes, trials, TWO_SIDED_95).unwrap_or((0.5, 0.5));
            (Rate::wilson(successes, trials), centre, half)
        };
        let (attack, attacked, attacked_half) = rates(attack);
        let (control, controlled, controlled_half) = rates(control);
        // A Wilson centre is below 1 for any finite number of trials.
        let room = 1.0 - controlled;
        let risk = (attacked - controlled) / room;
        let by_attack = attacked_half / room;
        let by_control = controlled_half * (attacked - 1.0) / (room * room);
        let half = by_attack.hypot(by_control);
        ResidualRisk {
            attack,
            control,
            risk: risk.clamp(0.0, 1.0),
            lower95: (risk - half).clamp(0.0, 1.0),
            upper95: (risk + half).clamp(0.0, 1.0),
        }
    }
}

/// The upper bound that a rate stays below with 95 % confidence, one-sided.
pub(super) fn upper95(rate: f64, trials: f64) -> f64 {
    match wilson(rate * trials, trials, ONE_SIDED_95) {
        Some((centre, half)) => (centre + half).min(1.0),
        None => 1.0,
    }
}

/// Centre and half width of Wilson's interval at a normal quantile.
fn wilson(successes: f64, trials: f64, quantile: f64) -> Option<(f64, f64)> {
    if trials.is_nan() || trials <= 0.0 {
        return None;
    }
    let square = quantile * quantile;
    let failures = (trials - successes).max(0.0);
    let centre = (successes + square / 2.0) / (trials + square);
    let half = quantile / (trials + square) * (successes * failures / trials + square / 4.0).sqrt();
    Some((centre, half))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_those_of_published_tables() {
        // Newcombe (1998), table I, method 3: 81 of 263 is 0.2553 to 0.3662; 0 of 20 is 0 to 0.1611.
        let rate = Rate::wilson(81.0, 263.0);
        assert!((rate.lower95 - 0.2553).abs() < 5e-5 && (rate.upper95 - 0.3662).abs() < 5e-5);
        let none = Rate::wilson(0.0, 20.0);
        assert!(none.lower95 < 1e-12 && (none.upper95 - 0.1611).abs() < 5e-5);
        let unknown = Rate::wilson(0.0, 0.0);
        assert_eq!((unknown.lower95, unknown.upper95), (0.0, 1.0));
    }

    #[test]
    fn an_attack_that_succeeds_on_anybody_adds_no_risk() {
        let nothing = ResidualRisk::of((400.0, 500.0), (400.0, 500.0));
        assert!(nothing.risk == 0.0 && nothing.upper95 < 0.3);
        // Half of what was left to learn was learnt: 0.9 against 0.8.
        let half = ResidualRisk::of((90_000.0, 100_000.0), (80_000.0, 100_000.0));
        assert!((half.risk - 0.5).abs() < 1e-3 && half.lower95 > 0.48 && half.upper95 < 0.52);
        let more_on_others = ResidualRisk::of((10.0, 100.0), (30.0, 100.0));
        assert_eq!((more_on_others.risk, more_on_others.lower95), (0.0, 0.0));
    }
}
