//! Comparing predictions with the truth.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{FileFormat, PredictionFormat, Predictions, PredictionsError, read_predictions};
use crate::scoring::metrics::{Metric, MetricError, Sample};
use crate::scoring::solution::{Solution, SolutionError, SolutionFormat, Split};

/// What predictions are worth on either split.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Scores {
    /// Shown while the phase runs.
    pub public: f64,
    /// Shown after its end.
    pub private: f64,
}

/// Why there is no score.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ScoreError {
    /// The solution's rows belong to no split.
    #[error(
        "the solution has no public and private split; name its split column or divide its rows"
    )]
    NoSplits,
    /// The metric has no value on a split. Row numbers count the rows of that split.
    #[error("on the {split} split: {error}")]
    Metric {
        /// The split.
        split: Split,
        /// What the metric says.
        error: MetricError,
    },
}

impl ScoreError {
    /// Whether it is the solution's fault: then the text may tell of the truth, and is its
    /// organizer's alone.
    pub fn is_in_the_truth(&self) -> bool {
        match self {
            Self::NoSplits => true,
            Self::Metric { error, .. } => error.is_in_the_truth(),
        }
    }

    /// Whether the challenge's prediction columns can never suit its metric.
    pub fn is_in_the_shape(&self) -> bool {
        match self {
            Self::NoSplits => false,
            Self::Metric { error, .. } => error.is_in_the_shape(),
        }
    }
}

/// Scores predictions on both splits.
///
/// # Errors
///
/// A solution without splits, or a metric without a value on one of them.
pub fn score(
    solution: &Solution,
    predictions: &Predictions,
    metric: &Metric,
) -> Result<Scores, ScoreError> {
    if !solution.has_splits() {
        return Err(ScoreError::NoSplits);
    }
    let on = |split| {
        score_rows(solution, predictions, metric, Some(split))
            .map_err(|error| ScoreError::Metric { split, error })
    };
    Ok(Scores {
        public: on(Split::Public)?,
        private: on(Split::Private)?,
    })
}

/// Scores predictions on the rows of one split, or on all rows.
fn score_rows(
    solution: &Solution,
    predictions: &Predictions,
    metric: &Metric,
    split: Option<Split>,
) -> Result<f64, MetricError> {
    let truth = solution.truth(split);
    let gathered: Vec<_> = predictions
        .columns()
        .iter()
        .map(|column| solution.gather(column, split))
        .collect();
    let columns: Vec<&[f64]> = gathered.iter().map(|column| &**column).collect();
    metric.score(&Sample {
        target: &truth.target,
        group: truth.group.as_deref(),
        event: truth.event.as_deref(),
        predictions: &columns,
    })
}

/// The scores of one metric on files.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
pub enum FileScore {
    /// On both splits of a divided solution.
    Splits(Scores),
    /// On all rows of a solution without splits.
    All {
        /// The score.
        score: f64,
    },
}

/// Why files could not be scored.
#[derive(Debug, Error)]
pub enum ScoreFilesError {
    /// A file that cannot be opened.
    #[error("{} cannot be opened: {error}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The solution is not valid.
    #[error("the solution is not valid: {0}")]
    Solution(#[from] SolutionError),
    /// The predictions are not valid.
    #[error("the predictions are not valid: {0}")]
    Predictions(#[from] PredictionsError),
    /// A metric has no value on a split.
    #[error("{metric}: {error}")]
    Split {
        /// The metric.
        metric: String,
        /// Why.
        error: ScoreError,
    },
    /// A metric has no value on all rows.
    #[error("{metric}: {error}")]
    Metric {
        /// The metric.
        metric: String,
        /// Why.
        error: MetricError,
    },
}

/// Scores a predictions file against a solution file: one score for each metric, in their order.
///
/// # Errors
///
/// The first of: a file that cannot be opened, a solution or predictions that are not valid, a metric that
/// has no value.
pub fn score_files(
    solution: &Path,
    solution_format: &SolutionFormat,
    predictions: &Path,
    file_format: FileFormat,
    format: &PredictionFormat,
    metrics: &[Metric],
) -> Result<Vec<FileScore>, ScoreFilesError> {
    let open = |path: &Path| {
        File::open(path).map_err(|error| ScoreFilesError::Open {
            path: path.to_owned(),
            error,
        })
    };
    let (solution, predictions) = (open(solution)?, open(predictions)?);
    let solution = Solution::read_csv(solution, solution_format)?;
    let predictions = read_predictions(predictions, file_format, format, &solution)?;
    let scores = metrics.iter().map(|metric| {
        let name = || metric.to_string();
        if solution.has_splits() {
            let scores = score(&solution, &predictions, metric);
            scores
                .map(FileScore::Splits)
                .map_err(|error| ScoreFilesError::Split {
                    metric: name(),
                    error,
                })
        } else {
            let score = score_rows(&solution, &predictions, metric, None);
            let score = score.map_err(|error| ScoreFilesError::Metric {
                metric: name(),
                error,
            })?;
            Ok(FileScore::All { score })
        }
    });
    scores.collect()
}
