//! Why there is no score.

use std::fmt;

use super::sample::Domain;

/// A column of a [`Sample`](super::Sample).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// The truth.
    Target,
    /// The group of each row.
    Group,
    /// Whether the event was observed.
    Event,
    /// A prediction column, counted from 0.
    Prediction(usize),
}

impl fmt::Display for Column {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Column::Target => formatter.write_str("the target column"),
            Column::Group => formatter.write_str("the group column"),
            Column::Event => formatter.write_str("the event column"),
            Column::Prediction(index) => write!(formatter, "prediction column {}", index + 1),
        }
    }
}

/// Why a sample has no score. Row numbers count data rows from 0 in the fields and from 1 in the text.
///
/// [`is_in_the_truth`](MetricError::is_in_the_truth) tells whether the organizer's solution or the competitor's
/// predictions are the cause. The text of an error that is in the truth can hold hidden values: show it to
/// the organizer only. Any other error tells nothing of the truth of a single row.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum MetricError {
    #[error("there are no rows to score")]
    EmptySample,
    #[error("{column} has {found} rows, the target column has {expected}")]
    LengthsDiffer {
        column: Column,
        expected: usize,
        found: usize,
    },
    #[error("this metric needs {0}, which the solution does not have")]
    MissingColumn(Column),
    #[error("{found} prediction columns were given where {expected} needed")]
    ColumnCount {
        expected: &'static str,
        found: usize,
    },
    #[error("row {} of {column} holds {value}: it must be {domain}", row + 1)]
    OutsideDomain {
        column: Column,
        row: usize,
        value: f64,
        domain: Domain,
    },
    #[error(
        "there are {classes} classes, but only {columns} prediction columns: give one column a class"
    )]
    ClassWithoutColumn { classes: usize, columns: usize },
    #[error("the class probabilities of row {} add up to {sum}: they must add up to 1", row + 1)]
    ProbabilitiesDoNotSumToOne { row: usize, sum: f64 },
    #[error("the target column holds one class only: this metric needs rows of two classes")]
    OneClass,
    #[error(
        "the target column holds no positive row (class 1): this metric is undefined without one"
    )]
    NoPositive,
    #[error(
        "neither the target nor the prediction holds a positive row (class 1): F1 is undefined"
    )]
    NoPositiveAnywhere,
    #[error(
        "the target and the prediction hold one and the same class in every row: kappa is undefined"
    )]
    AgreementByChanceIsCertain,
    #[error("the target column holds the same value in every row: this metric is undefined")]
    ConstantTarget,
    #[error("the prediction is the same in every row: a rank correlation is undefined")]
    ConstantPrediction,
    #[error("this metric needs at least {needed} rows, there are {found}")]
    TooFewRows { needed: usize, found: usize },
    #[error(
        "no row of the target column is relevant (above 0): every ranking would score the same"
    )]
    NothingRelevant,
    #[error(
        "no two rows can be compared: the concordance index needs an observed event and a row that lasted longer"
    )]
    NoComparablePair,
    #[error(
        "the values are too large or too small: the score cannot be represented as a finite number"
    )]
    NotRepresentable,
}

impl MetricError {
    /// Whether a challenge's prediction columns can never suit the metric, whatever they hold.
    pub fn is_in_the_shape(&self) -> bool {
        use MetricError::*;
        matches!(
            self,
            MissingColumn(_) | ColumnCount { .. } | ClassWithoutColumn { .. }
        )
    }

    /// Whether the hidden truth alone causes the error, so that no prediction could have been scored. All
    /// such errors of a challenge are found by [`Metric::check_target`](super::Metric::check_target) when the
    /// organizer uploads the solution.
    pub fn is_in_the_truth(&self) -> bool {
        use MetricError::*;
        match self {
            EmptySample
            | MissingColumn(_)
            | OneClass
            | NoPositive
            | ConstantTarget
            | TooFewRows { .. }
            | NothingRelevant
            | NoComparablePair => true,
            LengthsDiffer { column, .. } | OutsideDomain { column, .. } => {
                !matches!(column, Column::Prediction(_))
            }
            ColumnCount { .. }
            | ClassWithoutColumn { .. }
            | ProbabilitiesDoNotSumToOne { .. }
            | NoPositiveAnywhere
            | AgreementByChanceIsCertain
            | ConstantPrediction
            | NotRepresentable => false,
        }
    }
}
