//! What of a lap sequence tells who drove it, as distances between two sequences.

use serde::{Deserialize, Serialize};

use crate::datasets::anonymize::quantiles::{ascending, quantile};

/// Laps outside of these shares of the event's median are clipped before sequences are correlated:
/// a pit stop in the same lap would outweigh everything else.
const CLIP: (f64, f64) = (0.9, 1.08);
/// Quantiles from 2 % to 90 %: the slowest laps are traffic and stops.
const QUANTILES: usize = 23;

/// What two sequences are compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// Mean absolute difference of lap times, lap by lap.
    LapTimes,
    /// One minus the correlation of the clipped lap times, lap by lap.
    LapOrder,
    /// Mean absolute difference of the quantiles of the lap times.
    Distribution,
    /// Difference of the numbers of laps.
    LapCount,
    /// Difference of the fastest laps.
    BestLap,
    /// Difference of the median laps.
    MedianLap,
}

impl Feature {
    pub const ALL: [Feature; 6] = [
        Feature::LapTimes,
        Feature::LapOrder,
        Feature::Distribution,
        Feature::LapCount,
        Feature::BestLap,
        Feature::MedianLap,
    ];

    /// The distances between each row of `from` (released sequences) and each of `to` (candidates).
    pub(super) fn distances(self, from: &[Traits], to: &[Traits]) -> Vec<Vec<f64>> {
        let distance: fn(&Traits, &Traits) -> f64 = match self {
            Feature::LapTimes => |a, b| mean_difference(&a.laps, &b.laps),
            Feature::LapOrder => |a, b| 1.0 - correlation(&a.clipped, &b.clipped),
            Feature::Distribution => |a, b| mean_difference(&a.quantiles, &b.quantiles),
            Feature::LapCount => |a, b| (a.laps.len() as f64 - b.laps.len() as f64).abs(),
            Feature::BestLap => |a, b| (a.best - b.best).abs(),
            Feature::MedianLap => |a, b| (a.median - b.median).abs(),
        };
        let row = |a| to.iter().map(|b| distance(a, b)).collect();
        from.iter().map(row).collect()
    }
}

/// A sequence, prepared for all features.
pub(super) struct Traits {
    laps: Vec<f64>,
    clipped: Vec<f64>,
    quantiles: Vec<f64>,
    best: f64,
    median: f64,
}

impl Traits {
    /// Of the sequences of one event on one side, each of at least one finite value. `scaled` divides them
    /// by the event's median, so that two sides in different units can be compared.
    pub(super) fn of_event(sequences: &[&[f64]], scaled: bool) -> Vec<Traits> {
        // The median of medians, so that both sides agree however many laps each shows of a driver.
        let medians = sequences.iter().filter_map(|laps| {
            let ascending = ascending(laps.iter().copied());
            quantile(&ascending, 0.5)
        });
        let event = quantile(&ascending(medians), 0.5).unwrap_or(1.0);
        let unit = if scaled && event != 0.0 { event } else { 1.0 };
        let traits = |sequence: &&[f64]| {
            let laps: Vec<f64> = sequence
                .iter()
                .filter(|lap| lap.is_finite())
                .map(|lap| lap / unit)
                .collect();
            let (low, high) = (CLIP.0 * event / unit, CLIP.1 * event / unit);
            let clip = |lap: &f64| lap.max(low.min(high)).min(low.max(high));
            let ascending = ascending(laps.iter().copied());
            let share = |n: usize| 0.02 + (0.9 - 0.02) * n as f64 / (QUANTILES - 1) as f64;
            let at = |share: f64| quantile(&ascending, share).unwrap_or(0.0);
            Traits {
                clipped: laps.iter().map(clip).collect(),
                quantiles: (0..QUANTILES).map(|n| at(share(n))).collect(),
                best: at(0.0),
                median: at(0.5),
                laps,
            }
        };
        sequences.iter().map(traits).collect()
    }
}

/// Over as many values as both have.
fn mean_difference(a: &[f64], b: &[f64]) -> f64 {
    let pairs = a.len().min(b.len()).max(1) as f64;
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f64>() / pairs
}

/// Pearson's, over as many values as both have; 0 where one of them is constant.
fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let pairs = a.len().min(b.len());
    let (a, b) = (&a[..pairs], &b[..pairs]);
    let mean = |values: &[f64]| values.iter().sum::<f64>() / pairs as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (a - mean_a, b - mean_b);
        ab += a * b;
        aa += a * a;
        bb += b * b;
    }
    let spread = (aa * bb).sqrt();
    if spread > 1e-12 { ab / spread } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distance(feature: Feature, a: &[f64], b: &[f64]) -> f64 {
        let traits = |laps| Traits::of_event(&[laps], false);
        feature.distances(&traits(a), &traits(b))[0][0]
    }

    #[test]
    fn each_feature_is_what_it_says() {
        let (a, b) = ([60.0, 61.0, 62.0, 61.0], [60.5, 61.5, 62.5]);
        let close = |feature, expected: f64| {
            let found = distance(feature, &a, &b);
            assert!((found - expected).abs() < 1e-9, "{feature:?}: {found}");
        };
        close(Feature::LapTimes, 0.5);
        close(Feature::LapOrder, 0.0);
        close(Feature::LapCount, 1.0);
        close(Feature::BestLap, 0.5);
        close(Feature::MedianLap, 0.5);
        // A distribution has no order.
        assert_eq!(
            distance(Feature::Distribution, &[1.0, 2.0, 3.0], &[3.0, 1.0, 2.0]),
            0.0
        );
        assert_eq!(distance(Feature::LapOrder, &a, &[60.0; 4]), 1.0);
    }

    #[test]
    fn a_scaling_attacker_undoes_the_scaling_of_a_venue() {
        let event: [&[f64]; 2] = [&[60.0, 61.0, 62.0], &[64.0, 66.0, 65.0]];
        let shrunk: Vec<Vec<f64>> = event
            .iter()
            .map(|laps| laps.iter().map(|lap| lap * 0.7).collect())
            .collect();
        let shrunk: Vec<&[f64]> = shrunk.iter().map(Vec::as_slice).collect();
        let scaled = Traits::of_event(&shrunk, true);
        let distances = Feature::LapTimes.distances(&scaled, &Traits::of_event(&event, true));
        assert!(distances[0][0] < 1e-12 && distances[1][1] < 1e-12 && distances[0][1] > 0.01);
    }
}
