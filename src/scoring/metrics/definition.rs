//! What there is to know about a metric before anything is scored.

use serde::{Deserialize, Serialize};

/// Everything that pages, the API and the checks need to know about a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricDefinition {
    /// The stable name in challenge files, the API and the database, such as `rmse`. A metric with a parameter
    /// is written `key@parameter`; see [`Parameter`].
    pub key: &'static str,
    /// The name that people read, such as "Root mean squared error".
    pub title: &'static str,
    /// Which of two scores is the better one.
    pub direction: Direction,
    /// The lowest and the highest score that can occur; either may be infinite.
    pub range: (f64, f64),
    /// What the solution and the prediction columns must hold.
    pub shape: InputShape,
    /// The parameter that stands behind the `@`.
    pub parameter: Parameter,
    /// Where the formula is defined: a function of scikit-learn or SciPy, or a paper.
    pub source: &'static str,
    /// One paragraph for data scientists: the formula in words and every convention that changes a score.
    pub description: &'static str,
}

impl MetricDefinition {
    /// The score that no prediction can beat: the end of the range that the direction points to.
    pub fn best(&self) -> f64 {
        match self.direction {
            Direction::LowerIsBetter => self.range.0,
            Direction::HigherIsBetter => self.range.1,
        }
    }

    /// An example of how the metric is written, such as `rmse` or `ndcg@10`.
    pub fn example(&self) -> String {
        match self.parameter {
            Parameter::None => self.key.to_owned(),
            Parameter::Cutoff => format!("{}@10", self.key),
            Parameter::Quantile => format!("{}@0.9", self.key),
        }
    }
}

/// Which of two scores ranks first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    LowerIsBetter,
    HigherIsBetter,
}

impl Direction {
    /// Whether `candidate` is strictly better than `incumbent`. A NaN is better than nothing and nothing is better
    /// than a NaN, but no [`Metric`](super::Metric) returns one.
    pub fn better(self, candidate: f64, incumbent: f64) -> bool {
        match self {
            Direction::LowerIsBetter => candidate < incumbent,
            Direction::HigherIsBetter => candidate > incumbent,
        }
    }
}

/// The parameter that a metric takes behind the `@`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Parameter {
    /// No parameter: `rmse`.
    None,
    /// How many items at the top of each ranking count, a whole number from 1: `ndcg@10`.
    Cutoff,
    /// The quantile that is predicted, strictly between 0 and 1: `pinball@0.9`.
    Quantile,
}

/// What the solution (truth) and the prediction columns of a metric hold, row by row.
///
/// Text labels are dictionary-encoded before scoring: the codes are 0.0, 1.0, 2.0 …, the same for the
/// solution and the predictions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InputShape {
    /// Truth: a number. Prediction: one column of numbers.
    Number,
    /// Truth: 0 or 1. Prediction: one column of scores of any scale, higher for the more likely 1.
    BinaryScore,
    /// Truth: 0 or 1. Prediction: one column, the probability of 1.
    Probability,
    /// Truth: a class code. Predictions: one column of probabilities a class, in the order of the codes.
    ClassProbabilities,
    /// Truth: a class code. Prediction: one column of class codes.
    Label,
    /// Truth: 0 or 1, where 1 is the positive class. Prediction: one column of 0 and 1.
    BinaryLabel,
    /// Truth: a class code, where codes stand in the order of the classes (0 < 1 < 2 …).
    /// Prediction: one column of such codes.
    OrdinalLabel,
    /// Truth: a relevance (0 or more) and the group (query, race) that the row belongs to.
    /// Prediction: one column of scores, higher for what should stand further up in its group.
    GroupedScore,
    /// Truth: relevant (1) or not (0), and the group that the row belongs to. Prediction: as for `GroupedScore`.
    GroupedRelevance,
    /// Truth: a time (0 or more) and whether the event was observed then; if not, the row is censored.
    /// Prediction: one column, the predicted time or any score that grows with it.
    Survival,
    /// Truth: a number. Predictions: one or more columns, each a draw from the predicted distribution.
    Ensemble,
}
