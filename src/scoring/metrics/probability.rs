//! Probabilities: proper scores, which honest probabilities minimize.

use super::definition::{Direction, InputShape, MetricDefinition, Parameter};
use super::error::MetricError;
use super::summation::{pairwise_mean, pairwise_sum};

/// Log loss of a row that gave the true class no probability: -ln(ε), ε = 2^-52.
const WORST_LOG_LOSS: f64 = 52.0 * std::f64::consts::LN_2;

/// How far the class probabilities of a row may be from adding up to 1: enough for numbers written with few
/// digits, too little for scores that are no probabilities.
const SUM_TOLERANCE: f64 = 0.01;

pub const LOG_LOSS: MetricDefinition = MetricDefinition {
    key: "log_loss",
    title: "Log loss (binary)",
    direction: Direction::LowerIsBetter,
    range: (0.0, WORST_LOG_LOSS),
    shape: InputShape::Probability,
    parameter: Parameter::None,
    source: "sklearn.metrics.log_loss",
    description: "The mean of -ln(probability given to what happened), from one column with the probability of \
                  class 1. Confident errors cost most. Probabilities are clipped to [ε, 1 - ε] with the \
                  double-precision ε = 2.2e-16, so a row costs 36.04 at most.",
};

pub const MULTICLASS_LOG_LOSS: MetricDefinition = MetricDefinition {
    key: "multiclass_log_loss",
    title: "Log loss (multiclass)",
    shape: InputShape::ClassProbabilities,
    description: "The mean of -ln(probability given to the true class), from one probability column a class. A row \
                  must add up to 1 within 0.01 and is divided by its sum, which undoes the rounding of a file \
                  with few digits; then probabilities are clipped to [ε, 1 - ε] with ε = 2.2e-16, so a row costs \
                  36.04 at most.",
    ..LOG_LOSS
};

pub const BRIER: MetricDefinition = MetricDefinition {
    key: "brier",
    title: "Brier score",
    range: (0.0, 1.0),
    source: "sklearn.metrics.brier_score_loss; Brier, Monthly Weather Review 78, 1950",
    description: "The mean squared difference between the probability of class 1 and what happened (0 or 1). As \
                  proper as log loss, but no single row can cost more than 1; always answering 0.5 scores 0.25.",
    ..LOG_LOSS
};

pub fn log_loss(target: &[f64], probability: &[f64]) -> f64 {
    pairwise_mean(target.len(), |row| {
        let given = if target[row] == 1.0 {
            probability[row]
        } else {
            1.0 - probability[row]
        };
        surprise(given)
    })
}

pub fn multiclass_log_loss(target: &[f64], columns: &[&[f64]]) -> Result<f64, MetricError> {
    let largest = target.iter().fold(0.0, |a: f64, &b| a.max(b));
    let classes = largest as usize + 1;
    if classes > columns.len() {
        return Err(MetricError::ClassWithoutColumn {
            classes,
            columns: columns.len(),
        });
    }
    let mut losses = Vec::with_capacity(target.len());
    for (row, &class) in target.iter().enumerate() {
        let given = columns[class as usize][row];
        let sum = pairwise_sum(columns.len(), |column| columns[column][row]);
        if (sum - 1.0).abs() > SUM_TOLERANCE {
            return Err(MetricError::ProbabilitiesDoNotSumToOne { row, sum });
        }
        losses.push(surprise(given / sum));
    }
    Ok(pairwise_mean(losses.len(), |row| losses[row]))
}

pub fn brier(target: &[f64], probability: &[f64]) -> f64 {
    pairwise_mean(target.len(), |row| (target[row] - probability[row]).powi(2))
}

/// The logarithmic loss of having given this probability to what happened.
fn surprise(probability: f64) -> f64 {
    -probability.clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claiming_every_class_for_certain_is_refused() {
        let error = multiclass_log_loss(&[0.0, 1.0], &[&[0.5, 1.0], &[0.5, 1.0]]).unwrap_err();
        assert_eq!(
            error,
            MetricError::ProbabilitiesDoNotSumToOne { row: 1, sum: 2.0 }
        );
    }

    #[test]
    fn rounding_in_the_file_neither_hurts_nor_pays() {
        let written = multiclass_log_loss(&[0.0], &[&[0.333], &[0.333], &[0.333]]).unwrap();
        assert!((written - 3f64.ln()).abs() < 1e-15);
    }

    #[test]
    fn a_missing_column_is_told_without_telling_the_truth_of_a_row() {
        let error = multiclass_log_loss(&[0.0, 2.0], &[&[0.5; 2], &[0.5; 2]]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "there are 3 classes, but only 2 prediction columns: give one column a class"
        );
    }
}
