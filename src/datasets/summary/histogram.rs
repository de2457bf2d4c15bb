//! A small histogram with edges that a person would have chosen.

use serde::{Deserialize, Serialize};

use super::quantiles::quantile;

/// The most bins of a histogram.
pub const MAX_BINS: usize = 24;

/// Counts of values between equally spaced edges on multiples of 1, 2, 2.5 or 5 times a power of ten.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// One more than there are bins. A bin holds its lower edge and not its upper one; the last bin
    /// holds both.
    pub edges: Vec<f64>,
    pub counts: Vec<u64>,
    /// Values below the first edge: where a few outliers stretch the range, the bins cover the
    /// middle 98 % only.
    pub below: u64,
    /// Values above the last edge.
    pub above: u64,
}

impl Histogram {
    /// `weighted` holds ascending values with how many rows each stands for.
    pub(super) fn of(weighted: &[(f64, u64)], range: (f64, f64), integers: bool) -> Histogram {
        let middle = (quantile(weighted, 0.01), quantile(weighted, 0.99));
        let stretched = (range.1 - range.0) > 4.0 * (middle.1 - middle.0) && middle.0 < middle.1;
        let (low, high) = if stretched { middle } else { range };
        let edges = edges(low, high, integers);
        let mut histogram = Histogram {
            counts: vec![0; edges.len() - 1],
            edges,
            below: 0,
            above: 0,
        };
        let last = histogram.counts.len() - 1;
        for (value, weight) in weighted {
            let bin = histogram.edges.partition_point(|edge| edge <= value);
            match bin {
                0 => histogram.below += weight,
                bin if bin <= last + 1 => histogram.counts[bin - 1] += weight,
                _ if *value == histogram.edges[last + 1] => histogram.counts[last] += weight,
                _ => histogram.above += weight,
            }
        }
        histogram
    }
}

/// At least two edges that enclose `low` to `high`, at most [`MAX_BINS`] + 1.
fn edges(low: f64, high: f64, integers: bool) -> Vec<f64> {
    let width = (high - low).max(high.abs() * 1e-12);
    let mut exponent = (width / MAX_BINS as f64).log10().floor();
    if !exponent.is_finite() {
        // The range is a single zero, or wider than a float can hold.
        return vec![low.min(-1.0), high.max(1.0)];
    }
    loop {
        for factor in [1.0, 2.0, 2.5, 5.0] {
            // Dividing by an exact power of ten keeps 0.1 from becoming 0.1000…01.
            let step_of = |n: f64| match exponent {
                e if e < 0.0 => n * factor / 10f64.powf(-e),
                e => n * factor * 10f64.powf(e),
            };
            let step = step_of(1.0);
            if integers && (step < 1.0 || step.fract() != 0.0) {
                continue;
            }
            let first = (low / step).floor();
            let last = (high / step).ceil().max(first + 1.0);
            if last - first <= MAX_BINS as f64 {
                let bins = (last - first) as usize;
                let mut edges: Vec<f64> = (0..=bins).map(|n| step_of(first + n as f64)).collect();
                // At the far ends of the float range a multiple of the step may round inwards.
                edges[0] = edges[0].min(low);
                edges[bins] = edges[bins].max(high);
                return edges;
            }
        }
        exponent += 1.0;
    }
}
