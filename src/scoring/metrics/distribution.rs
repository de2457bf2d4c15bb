//! Distributions: whether predicted quantiles or draws describe what happened, spread included.

use super::definition::{Direction, InputShape, MetricDefinition, Parameter};
use super::metric::Quantile;
use super::summation::{pairwise_mean, pairwise_sum};

pub const PINBALL: MetricDefinition = MetricDefinition {
    key: "pinball",
    title: "Pinball loss at a quantile",
    direction: Direction::LowerIsBetter,
    range: (0.0, f64::INFINITY),
    shape: InputShape::Number,
    parameter: Parameter::Quantile,
    source: "sklearn.metrics.mean_pinball_loss; Koenker & Bassett, Econometrica 46, 1978",
    description: "For a prediction of the q-quantile: the mean of q × (truth - prediction) where the truth lies \
                  above and (1 - q) × (prediction - truth) where it lies below, in the unit of the target. The \
                  best prediction is the true quantile; at q = 0.5 it is half the mean absolute error.",
};

pub const CRPS: MetricDefinition = MetricDefinition {
    key: "crps",
    title: "Continuous ranked probability score (ensemble)",
    shape: InputShape::Ensemble,
    parameter: Parameter::None,
    source: "Gneiting & Raftery, J. Am. Stat. Assoc. 102, 2007, eq. 20-21, for the empirical distribution of the columns",
    description: "Each column is a draw from the predicted distribution. A row costs the area between the draws' \
                  step function and the step at the truth, squared: mean|draw - truth| - ½ mean|draw - draw'| \
                  over all pairs of draws. In the unit of the target; rewards a spread that is honest. With one \
                  column it is the mean absolute error. This is the plain (not the \"fair\") ensemble score: more \
                  draws of the same distribution score a little better.",
    ..PINBALL
};

pub fn pinball(target: &[f64], prediction: &[f64], quantile: Quantile) -> f64 {
    let quantile = quantile.level();
    pairwise_mean(target.len(), |row| {
        let difference = target[row] - prediction[row];
        if difference >= 0.0 {
            quantile * difference
        } else {
            (quantile - 1.0) * difference
        }
    })
}

pub fn crps(target: &[f64], columns: &[&[f64]]) -> f64 {
    let mut draws = vec![0.0; columns.len()];
    let losses: Vec<f64> = (target.iter().enumerate())
        .map(|(row, &truth)| {
            for (draw, column) in draws.iter_mut().zip(columns) {
                *draw = column[row];
            }
            draws.sort_unstable_by(f64::total_cmp);
            area_between(&draws, truth)
        })
        .collect();
    pairwise_mean(losses.len(), |row| losses[row])
}

/// ∫ (F(x) - 1{x ≥ truth})² dx, where F steps up by 1/m at each of the m sorted draws.
///
/// Summed over the gaps between neighbouring draws: every term is positive, so that none of the digits that
/// the textbook difference of two means would cancel are lost.
fn area_between(draws: &[f64], truth: f64) -> f64 {
    let count = draws.len();
    let share = |number: usize| number as f64 / count as f64;
    // The gap before draw `index` lies between it and its predecessor; the outermost gaps end at the truth.
    pairwise_sum(count + 1, |index| {
        let low = if index == 0 {
            truth.min(draws[0])
        } else {
            draws[index - 1]
        };
        let high = if index == count {
            truth.max(draws[count - 1])
        } else {
            draws[index]
        };
        let below = (high.min(truth) - low).max(0.0);
        let above = (high - low.max(truth)).max(0.0);
        below * share(index).powi(2) + above * share(count - index).powi(2)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_draw_costs_its_absolute_error() {
        for (draw, truth) in [(1.0, 4.5), (4.5, 1.0), (2.0, 2.0), (-1e300, 1e300)] {
            assert_eq!(area_between(&[draw], truth), (draw - truth).abs());
        }
    }

    #[test]
    fn an_honest_spread_beats_false_certainty() {
        let target = [-1.0, 1.0];
        let (low, high) = ([-1.0, -1.0], [1.0, 1.0]);
        assert!(crps(&target, &[&low, &high]) < crps(&target, &[&[0.0, 0.0]]));
        // Textbook: mean|x - y| = 1, ½ mean|x - x'| = ½.
        assert_eq!(crps(&target, &[&low, &high]), 0.5);
    }
}
