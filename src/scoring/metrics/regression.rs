//! Regression: how far the predicted numbers are from the true ones.

use super::definition::{Direction, InputShape, MetricDefinition, Parameter};
use super::error::{Column, MetricError};
use super::order;
use super::sample::Domain;
use super::summation::{pairwise_mean, pairwise_sum};

/// An error measure from 0 upwards on one column of numbers.
const ERROR: MetricDefinition = MetricDefinition {
    key: "",
    title: "",
    direction: Direction::LowerIsBetter,
    range: (0.0, f64::INFINITY),
    shape: InputShape::Number,
    parameter: Parameter::None,
    source: "",
    description: "",
};

pub const RMSE: MetricDefinition = MetricDefinition {
    key: "rmse",
    title: "Root mean squared error",
    source: "sklearn.metrics.root_mean_squared_error",
    description: "The square root of the mean squared difference between prediction and truth, in the unit of the \
                  target. Large errors weigh more than in the mean absolute error; the best constant prediction \
                  is the mean.",
    ..ERROR
};

pub const MAE: MetricDefinition = MetricDefinition {
    key: "mae",
    title: "Mean absolute error",
    source: "sklearn.metrics.mean_absolute_error",
    description: "The mean absolute difference between prediction and truth, in the unit of the target. Robust \
                  against a few large errors; the best constant prediction is the median.",
    ..ERROR
};

pub const MAPE: MetricDefinition = MetricDefinition {
    key: "mape",
    title: "Mean absolute percentage error",
    source: "sklearn.metrics.mean_absolute_percentage_error",
    description: "The mean of |prediction - truth| / |truth|, as a fraction: 0.05 is five per cent. Rewards \
                  predicting too little rather than too much. The denominator is at least the double-precision \
                  epsilon (2.2e-16), so a truth of 0 would outweigh all other rows; a solution that holds one \
                  is refused.",
    ..ERROR
};

pub const RMSLE: MetricDefinition = MetricDefinition {
    key: "rmsle",
    title: "Root mean squared logarithmic error",
    source: "sklearn.metrics.root_mean_squared_log_error",
    description: "The RMSE of log(1 + prediction) against log(1 + truth): about the relative error, for targets \
                  over several orders of magnitude. Predicting too little costs more than too much. Truth and \
                  predictions must be above -1.",
    ..ERROR
};

pub const R2: MetricDefinition = MetricDefinition {
    key: "r2",
    title: "R² (coefficient of determination)",
    direction: Direction::HigherIsBetter,
    range: (f64::NEG_INFINITY, 1.0),
    source: "sklearn.metrics.r2_score",
    description: "The share of the target's variance that the prediction explains: 1 is perfect, 0 is as good as \
                  predicting the mean of the scored rows, and worse predictions are negative without bound. Where \
                  the truth is constant, a perfect prediction scores 1 and any other 0; at least two rows are \
                  needed.",
    ..ERROR
};

pub fn rmse(target: &[f64], prediction: &[f64]) -> f64 {
    pairwise_mean(target.len(), |row| (target[row] - prediction[row]).powi(2)).sqrt()
}

pub fn mae(target: &[f64], prediction: &[f64]) -> f64 {
    pairwise_mean(target.len(), |row| (target[row] - prediction[row]).abs())
}

pub fn mape(target: &[f64], prediction: &[f64]) -> f64 {
    pairwise_mean(target.len(), |row| {
        (target[row] - prediction[row]).abs() / target[row].abs().max(f64::EPSILON)
    })
}

pub fn rmsle(target: &[f64], prediction: &[f64]) -> Result<f64, MetricError> {
    Domain::AboveMinusOne.check(Column::Target, target)?;
    Domain::AboveMinusOne.check(Column::Prediction(0), prediction)?;
    let mean = pairwise_mean(target.len(), |row| {
        (target[row].ln_1p() - prediction[row].ln_1p()).powi(2)
    });
    Ok(mean.sqrt())
}

pub fn r2(target: &[f64], prediction: &[f64]) -> Result<f64, MetricError> {
    let rows = target.len();
    if rows < 2 {
        return Err(MetricError::TooFewRows {
            needed: 2,
            found: rows,
        });
    }
    // Compared, not computed: the mean of equal values need not be that value, and the rounding error
    // would be taken for variance.
    if order::is_constant(target) {
        return Ok(if target == prediction { 1.0 } else { 0.0 });
    }
    let mean = pairwise_mean(rows, |row| target[row]);
    let residual = pairwise_sum(rows, |row| (target[row] - prediction[row]).powi(2));
    let total = pairwise_sum(rows, |row| (target[row] - mean).powi(2));
    // A total of 0 here is an underflow, an infinite one an overflow that would let any residual look small.
    if total == 0.0 || total.is_infinite() {
        return Err(MetricError::NotRepresentable);
    }
    Ok(1.0 - residual / total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r2_of_a_constant_truth_is_one_or_zero() {
        // 0.1 + 0.1 + 0.1 is not 0.3: a computed variance would not be 0.
        assert_eq!(r2(&[0.1; 3], &[0.1; 3]), Ok(1.0));
        assert_eq!(r2(&[0.1; 3], &[0.1, 0.1, 0.2]), Ok(0.0));
    }

    #[test]
    fn r2_does_not_call_a_prediction_perfect_because_the_variance_overflows() {
        let target = [1e154, -1e154, 0.0];
        let prediction = [0.0, -1e154, 0.0];
        assert_eq!(r2(&target, &prediction), Err(MetricError::NotRepresentable));
    }

    #[test]
    fn rmsle_names_the_row_below_minus_one() {
        let error = rmsle(&[1.0, 2.0], &[0.5, -1.0]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "row 2 of prediction column 1 holds -1: it must be a finite number above -1"
        );
        assert!(!error.is_in_the_truth());
    }
}
