//! How a scout's columns are written: with their unit, their interval and, where there is none, the reason.

use crate::talent::board::{Measure, Measures};

/// A measure on a page.
pub struct Written {
    /// What it is called.
    pub title: &'static str,
    /// What it says, in a sentence.
    pub meaning: &'static str,
    /// The value with its unit; a dash where there is none.
    pub value: String,
    /// The interval, or why there is no value; empty where neither is known.
    pub range: String,
    /// The measure.
    pub measure: Measure,
    /// Whether less is better, where one is better at all.
    pub less_is_better: bool,
}

/// How numbers of a measure are written.
#[derive(Clone, Copy)]
enum Unit {
    /// A fraction of lap time, with its sign.
    SignedPercent,
    /// A fraction.
    Percent,
    /// 0 to 100.
    Percentile,
    /// A plain number with its sign.
    Signed,
    /// Seconds.
    Seconds,
}

impl Unit {
    fn write(self, value: f64) -> String {
        // −0.00 would read as a difference.
        let value = if value == 0.0 { 0.0 } else { value };
        let text = match self {
            Self::SignedPercent => format!("{:+.2} %", 100.0 * value),
            Self::Percent => format!("{:.2} %", 100.0 * value),
            Self::Percentile => format!("{value:.0}"),
            Self::Signed => format!("{value:+.1}"),
            Self::Seconds => format!("{value:.2} s"),
        };
        text.replace('-', "−")
    }
}

/// The share of a hundred, for chances.
pub fn chance(measure: &Measure) -> String {
    match measure.value {
        Some(value) => format!("{:.0} %", 100.0 * value),
        None => "–".to_owned(),
    }
}

fn written(
    title: &'static str,
    meaning: &'static str,
    unit: Unit,
    measure: &Measure,
    less_is_better: bool,
) -> Written {
    let range = match (&measure.missing, measure.low, measure.high) {
        (Some(reason), ..) => reason.clone(),
        (None, Some(low), Some(high)) => format!("{} to {}", unit.write(low), unit.write(high)),
        _ => String::new(),
    };
    Written {
        title,
        meaning,
        value: measure
            .value
            .map_or_else(|| "–".to_owned(), |value| unit.write(value)),
        range,
        measure: measure.clone(),
        less_is_better,
    }
}

/// A driver's columns, in the order in which pages show them.
pub fn all(measures: &Measures) -> Vec<Written> {
    let chance = Measure {
        value: measures.top_tenth.value.map(|chance| 100.0 * chance),
        ..measures.top_tenth.clone()
    };
    vec![
        written(
            "Pace percentile",
            "The share of the drivers who are slower, by lap times alone.",
            Unit::Percentile,
            &measures.pace_percentile,
            false,
        ),
        written(
            "Chance of the best tenth",
            "How often the models, drawn anew, have the driver among the best tenth; in per cent.",
            Unit::Percentile,
            &chance,
            false,
        ),
        written(
            "Pace",
            "Against the mean driver, as a share of lap time, kart and day taken out. Less is faster.",
            Unit::SignedPercent,
            &measures.pace,
            true,
        ),
        written(
            "Consistency",
            "How much clean laps of a stint scatter. Less is steadier.",
            Unit::Percent,
            &measures.consistency,
            true,
        ),
        written(
            "Improvement",
            "Against the field, for each time that the number of sessions grows 2.7-fold. Less is faster.",
            Unit::SignedPercent,
            &measures.improvement,
            true,
        ),
        written(
            "Wet minus dry",
            "What the wet adds beyond what it adds for the mean driver. Less is better in the wet.",
            Unit::SignedPercent,
            &measures.wet_minus_dry,
            true,
        ),
        written(
            "Weight-adjusted pace",
            "The pace if everybody weighed as much as the mean driver.",
            Unit::SignedPercent,
            &measures.weight_adjusted_pace,
            true,
        ),
        written(
            "Pace for age",
            "The pace less what is usual at that age here. Less is ahead of their age.",
            Unit::SignedPercent,
            &measures.pace_for_age,
            true,
        ),
        written(
            "Passes above expected",
            "Of 100 chances to pass at equal pace, how many more are taken than usual; not being passed counts too.",
            Unit::Signed,
            &measures.passes_above_expected,
            false,
        ),
        written(
            "Left in the sectors",
            "Between the best clean lap and the best sectors put together, at the latest event.",
            Unit::Seconds,
            &measures.theoretical_gain,
            true,
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_written_with_its_interval_and_a_gap_with_its_reason() {
        let known = Measure {
            value: Some(-0.0042),
            low: Some(-0.009),
            high: Some(0.001),
            missing: None,
        };
        let shown = written("Pace", "", Unit::SignedPercent, &known, true);
        assert_eq!(shown.value, "−0.42 %");
        assert_eq!(shown.range, "−0.90 % to +0.10 %");
        let gap = Measure {
            missing: Some("3 of the 10 clean laps in the wet that it takes".into()),
            ..Measure::default()
        };
        let shown = written("Wet", "", Unit::SignedPercent, &gap, true);
        assert_eq!(shown.value, "–");
        assert!(shown.range.starts_with("3 of the 10"));
        assert_eq!(Unit::SignedPercent.write(-0.0), "+0.00 %");
    }
}
