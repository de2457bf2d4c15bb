//! Metrics: what a prediction is worth, given the truth.
//!
//! A [`Metric`] (written `rmse`, `ndcg@10`, `pinball@0.9`) scores a [`Sample`]: the hidden truth and the
//! predictions for the same rows in the same order. Each metric is described once by a
//! [`MetricDefinition`], and [`catalogue`] lists them all for organizers and data experts.
//!
//! What holds for every metric:
//! - A score is a finite number or a [`MetricError`] that says in words what is undefined. It is never NaN or
//!   infinite, and never a stand-in such as 0 where the formula has no value.
//! - Where scikit-learn or SciPy has the metric, ours has the same value; `tests/metrics_oracle.rs`
//!   compares the two. The few conventions that are ours are stated in the metric's description.
//! - The order of the rows does not matter, ties included, and −0.0 equals 0.0.
//! - Sums are pairwise, so that a million rows lose no digits.
//!
//! Pure: may touch nothing outside this folder. Start reading at [`Metric`]; then one family file, such as
//! `regression`, shows how a definition and its formula stand together.

mod definition;
mod error;
mod metric;
mod sample;

mod classification;
mod discrimination;
mod distribution;
mod probability;
mod rank_correlation;
mod ranking;
mod regression;
mod survival;

#[cfg(test)]
mod properties;

pub(super) mod order;
mod summation;

pub(super) use classification::{
    ClassCount, balanced_accuracy_of, cohen_kappa_of, f1_macro_of, mcc_of,
};
pub use definition::{Direction, InputShape, MetricDefinition, Parameter};
pub use error::{Column, MetricError};
pub use metric::{Metric, ParseMetricError, Quantile};
pub use sample::{Domain, Sample};
pub(super) use survival::RankCounts;

static CATALOGUE: [MetricDefinition; 25] = [
    regression::RMSE,
    regression::MAE,
    regression::MAPE,
    regression::RMSLE,
    regression::R2,
    probability::LOG_LOSS,
    probability::MULTICLASS_LOG_LOSS,
    probability::BRIER,
    discrimination::ROC_AUC,
    discrimination::AVERAGE_PRECISION,
    classification::ACCURACY,
    classification::BALANCED_ACCURACY,
    classification::F1,
    classification::F1_MACRO,
    classification::F1_MICRO,
    classification::MCC,
    classification::COHEN_KAPPA,
    classification::QUADRATIC_WEIGHTED_KAPPA,
    rank_correlation::SPEARMAN,
    rank_correlation::KENDALL,
    ranking::NDCG,
    ranking::MAP,
    survival::CONCORDANCE_INDEX,
    distribution::PINBALL,
    distribution::CRPS,
];

/// Every metric that a challenge can use, grouped by family, in the order in which pages show them.
pub fn catalogue() -> &'static [MetricDefinition] {
    &CATALOGUE
}
