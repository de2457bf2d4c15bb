//! The replicates of a submission: its score on every resample of either split.

use std::borrow::Cow;
use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use super::classes::Counts;
use super::ranks::linear_form;
use super::resampling::{Buckets, Units, for_each_resample};
use super::sums::Sums;
use crate::scoring::metrics::{
    ClassCount, Metric, Sample, balanced_accuracy_of, cohen_kappa_of, f1_macro_of, mcc_of,
};
use crate::scoring::predictions::Predictions;
use crate::scoring::solution::{Solution, Split};

/// How many resamples there are of each split.
///
/// With 400 the standard error of a score is known to 1 / √800 = 3.5 %, either end of a 95 % interval is the
/// tenth value from its side, and a probability near 0.95 is known to 0.011; the replicates of a submission take
/// 4.3 kB. (Efron & Tibshirani, "An Introduction to the Bootstrap", 1993, section 6.4: 200 are enough for a
/// standard error.) Changing it makes stored replicates unreadable: they are computed again with the scores.
pub const RESAMPLES: usize = 400;

/// Fewer rows (or groups) than this say too little about others of their kind for a bootstrap.
const FEWEST_UNITS: usize = 10;

/// Up to so many rows a metric of the order of rows is resampled itself; beyond, in its linear form.
const FEW_ROWS: usize = 2048;

/// A truth of more classes than this is resampled in fewer buckets, which then hold most of the classes.
const MANY_CLASSES: usize = 64;
const BUCKETS_OF_MANY_CLASSES: usize = 512;

/// The share of resamples in which a metric may have no value. Such a one takes the score itself, so that all
/// others keep their places and pair.
const MOST_UNDEFINED: f64 = 0.05;

/// What a submission scores on each resample of either split, in the order of the resamples.
///
/// Single precision: its 24 bits are finer than a thousandth of the standard error of any score that could be
/// told from another. Written, and serialized, as one line of text.
#[derive(Debug, Clone, PartialEq)]
pub struct Replicates {
    /// On resamples of the public split.
    pub public: Vec<f32>,
    /// On resamples of the private split.
    pub private: Vec<f32>,
}

/// Why a text holds no replicates.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DamagedReplicates {
    /// It was written by another version, whose resamples were others.
    #[error("the replicates are of another version; score the submission again")]
    Version,
    /// It is cut off or altered.
    #[error("the replicates are damaged; score the submission again")]
    Damaged,
}

/// Stands before the text; another one when the resamples change.
const VERSION: &str = "bootstrap1:";

impl Replicates {
    /// One line: the version, and the numbers of the public and then the private split, 32-bit little-endian, in
    /// Base64.
    pub fn to_text(&self) -> String {
        let numbers = self.public.iter().chain(&self.private);
        let bytes: Vec<u8> = numbers.flat_map(|number| number.to_le_bytes()).collect();
        format!("{VERSION}{}", STANDARD_NO_PAD.encode(bytes))
    }

    /// Reads what [`to_text`](Replicates::to_text) wrote.
    ///
    /// # Errors
    /// Text of another version, of another length, or with a number that is not finite.
    pub fn from_text(text: &str) -> Result<Replicates, DamagedReplicates> {
        let encoded = text.strip_prefix(VERSION).ok_or_else(|| {
            if text.starts_with("bootstrap") {
                DamagedReplicates::Version
            } else {
                DamagedReplicates::Damaged
            }
        })?;
        let bytes = STANDARD_NO_PAD
            .decode(encoded)
            .map_err(|_| DamagedReplicates::Damaged)?;
        let (numbers, rest) = bytes.as_chunks::<4>();
        let numbers: Vec<f32> = numbers
            .iter()
            .map(|bytes| f32::from_le_bytes(*bytes))
            .collect();
        let is_whole = rest.is_empty() && numbers.len() == 2 * RESAMPLES;
        if !is_whole || numbers.iter().any(|number| !number.is_finite()) {
            return Err(DamagedReplicates::Damaged);
        }
        let (public, private) = numbers.split_at(RESAMPLES);
        Ok(Replicates {
            public: public.to_vec(),
            private: private.to_vec(),
        })
    }
}

impl Serialize for Replicates {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_text())
    }
}

impl<'de> Deserialize<'de> for Replicates {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        Replicates::from_text(&text).map_err(serde::de::Error::custom)
    }
}

/// Scores predictions on [`RESAMPLES`] resamples of either split.
///
/// Rows are drawn with replacement, as many as there are; where the solution has groups, whole groups are, for
/// rows of one race or session are no independent evidence. Many rows are put into 4,096 random buckets first,
/// and buckets are drawn. Metrics of the order of many rows are resampled in a linear form (see `ranks`).
///
/// None where there are fewer than ten rows (or groups) in a split, where the metric has no value in more than one
/// resample of twenty, and where it has none on the split itself.
pub fn replicates(
    solution: &Solution,
    predictions: &Predictions,
    metric: &Metric,
) -> Option<Replicates> {
    let of_split = |split| {
        let truth = solution.truth(Some(split));
        let gathered: Vec<_> = (predictions.columns().iter())
            .map(|column| solution.gather(column, Some(split)))
            .collect();
        let columns: Vec<&[f64]> = gathered.iter().map(|column| &**column).collect();
        let sample = Sample {
            target: &truth.target,
            group: truth.group.as_deref(),
            event: truth.event.as_deref(),
            predictions: &columns,
        };
        replicates_of(&sample, metric, split)
    };
    Some(Replicates {
        public: of_split(Split::Public)?,
        private: of_split(Split::Private)?,
    })
}

/// The replicates of one split.
pub(super) fn replicates_of(sample: &Sample, metric: &Metric, split: Split) -> Option<Vec<f32>> {
    let score = metric.score(sample).ok()?;
    let units = Units::new(sample.target.len(), sample.group);
    if units.count < FEWEST_UNITS {
        return None;
    }
    let stream = match split {
        Split::Public => 0,
        Split::Private => 1,
    };
    let replicates = resample(sample, metric, &units, stream)?;
    let undefined = replicates.iter().filter(|value| !value.is_finite()).count();
    if undefined as f64 > MOST_UNDEFINED * RESAMPLES as f64 {
        return None;
    }
    // A linear form may pass the end of the range by a little.
    let (lowest, highest) = metric.definition().range;
    let replicates: Vec<f32> = (replicates.into_iter())
        .map(|value| if value.is_finite() { value } else { score })
        .map(|value| value.clamp(lowest, highest) as f32)
        .collect();
    replicates
        .iter()
        .all(|value| value.is_finite())
        .then_some(replicates)
}

fn resample(sample: &Sample, metric: &Metric, units: &Units, stream: u64) -> Option<Vec<f64>> {
    use Metric::*;
    match metric {
        RocAuc | AveragePrecision | Spearman | Kendall | ConcordanceIndex
            if sample.target.len() <= FEW_ROWS =>
        {
            Some(resample_rows(sample, metric, units, stream))
        }
        BalancedAccuracy | F1Macro | Mcc | CohenKappa => {
            let value = of_classes(metric)?;
            let counts = class_counts(sample, units)?;
            Some(counts.resampled(stream, value))
        }
        _ => Some(sums(sample, metric, units)?.resampled(stream)),
    }
}

/// The metric itself on the rows of every resample.
fn resample_rows(sample: &Sample, metric: &Metric, units: &Units, stream: u64) -> Vec<f64> {
    let rows_of_unit = units.rows(sample.target.len());
    let mut rows = Vec::new();
    let mut replicates = Vec::with_capacity(RESAMPLES);
    for_each_resample(units.count, RESAMPLES, stream, |drawn| {
        rows.clear();
        for (unit, &times) in rows_of_unit.iter().zip(drawn) {
            for _ in 0..times {
                rows.extend_from_slice(unit);
            }
        }
        replicates.push(score_of_rows(sample, metric, &rows).unwrap_or(f64::NAN));
    });
    replicates
}

/// The score of some rows, each as often as it is named.
fn score_of_rows(sample: &Sample, metric: &Metric, rows: &[usize]) -> Option<f64> {
    let gather = |values: &[f64]| -> Vec<f64> { rows.iter().map(|&row| values[row]).collect() };
    let target = gather(sample.target);
    let group: Option<Vec<u32>> =
        (sample.group).map(|group| rows.iter().map(|&row| group[row]).collect());
    let event: Option<Vec<bool>> =
        (sample.event).map(|event| rows.iter().map(|&row| event[row]).collect());
    let columns: Vec<Vec<f64>> = (sample.predictions.iter())
        .map(|column| gather(column))
        .collect();
    let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
    let sample = Sample {
        target: &target,
        group: group.as_deref(),
        event: event.as_deref(),
        predictions: &columns,
    };
    metric.score(&sample).ok()
}

/// The metrics that are functions of the counts of classes.
pub(super) fn of_classes(metric: &Metric) -> Option<fn(&[ClassCount]) -> f64> {
    Some(match metric {
        Metric::BalancedAccuracy => balanced_accuracy_of,
        Metric::F1Macro => f1_macro_of,
        Metric::Mcc => mcc_of,
        Metric::CohenKappa => |classes| cohen_kappa_of(classes).unwrap_or(f64::NAN),
        _ => return None,
    })
}

pub(super) fn class_counts(sample: &Sample, units: &Units) -> Option<Counts> {
    // By the truth alone: buckets that depended on the submission would not pair.
    let truths: HashSet<u64> = sample.target.iter().map(|code| code.to_bits()).collect();
    let most = (truths.len() > MANY_CLASSES).then_some(BUCKETS_OF_MANY_CLASSES);
    let buckets = Buckets::new(units.count, most);
    let prediction = sample.predictions.first()?;
    Some(Counts::new(sample.target, prediction, units, buckets))
}

/// The metric as a function of sums, on a sample that it has scored; none for metrics of the counts of classes.
pub(super) fn sums(sample: &Sample, metric: &Metric, units: &Units) -> Option<Sums> {
    let target = sample.target;
    let prediction = *sample.predictions.first()?;
    let rows = target.len();
    let buckets = Buckets::new(units.count, None);
    let mean = |loss: &dyn Fn(usize) -> f64, value: fn(f64) -> f64| {
        Sums::mean(rows, units, buckets, loss, value)
    };
    let error = |row: usize| target[row] - prediction[row];
    let as_it_is = |mean: f64| mean;
    Some(match *metric {
        Metric::Rmse => mean(&|row| error(row).powi(2), f64::sqrt),
        Metric::Brier => mean(&|row| error(row).powi(2), as_it_is),
        Metric::Mae => mean(&|row| error(row).abs(), as_it_is),
        Metric::Rmsle => mean(&|row| score_of_row(sample, metric, row).powi(2), f64::sqrt),
        Metric::Accuracy | Metric::F1Micro => {
            mean(&|row| f64::from(target[row] == prediction[row]), as_it_is)
        }
        // The loss of a row is what the metric says of that row alone.
        Metric::Mape
        | Metric::LogLoss
        | Metric::MulticlassLogLoss
        | Metric::Pinball(_)
        | Metric::Crps => mean(&|row| score_of_row(sample, metric, row), as_it_is),
        Metric::R2 => {
            let centre = target.iter().sum::<f64>() / rows as f64;
            let terms = |row: usize| {
                let deviation = target[row] - centre;
                [1.0, deviation, deviation * deviation, error(row).powi(2)]
            };
            Sums::of_rows(
                rows,
                units,
                buckets,
                terms,
                |[count, sum, squares, residual]| {
                    let total = squares - sum * sum / count;
                    // A resample of equal targets leaves the rounding error of the sums.
                    if total <= 1e-12 * squares {
                        return f64::NAN;
                    }
                    1.0 - residual / total
                },
            )
        }
        Metric::F1 => {
            let terms = |row: usize| {
                let (truth, label) = (target[row], prediction[row]);
                [truth * label, truth + label]
            };
            Sums::of_rows(rows, units, buckets, terms, |[both, either]| {
                2.0 * both / either
            })
        }
        Metric::QuadraticWeightedKappa => {
            let terms = |row: usize| {
                let (truth, label) = (target[row], prediction[row]);
                let squares = truth * truth + label * label;
                [1.0, error(row).powi(2), squares, truth, label]
            };
            let value = |[count, observed, squares, truths, labels]: &[f64; 5]| {
                1.0 - observed * count / (squares * count - 2.0 * truths * labels)
            };
            Sums::of_rows(rows, units, buckets, terms, value)
        }
        // The score is the mean of what each group scores alone.
        Metric::Ndcg(_) | Metric::Map(_) => {
            let of_groups: Vec<f64> = (units.rows(rows).iter())
                // A group without a relevant item has no score alone, and counts as 0.
                .map(|rows| score_of_rows(sample, metric, rows).unwrap_or(0.0))
                .collect();
            let groups = Units::new(units.count, None);
            Sums::mean(
                units.count,
                &groups,
                buckets,
                |group| of_groups[group],
                as_it_is,
            )
        }
        Metric::RocAuc
        | Metric::AveragePrecision
        | Metric::Spearman
        | Metric::Kendall
        | Metric::ConcordanceIndex => linear_form(metric, sample, units, buckets)?,
        Metric::BalancedAccuracy | Metric::F1Macro | Metric::Mcc | Metric::CohenKappa => {
            return None;
        }
    })
}

/// What the metric says of one row alone; NaN where it has nothing to say.
fn score_of_row(sample: &Sample, metric: &Metric, row: usize) -> f64 {
    let score = |predictions: &[&[f64]]| {
        let alone = Sample {
            target: &sample.target[row..=row],
            group: None,
            event: None,
            predictions,
        };
        metric.score(&alone).unwrap_or(f64::NAN)
    };
    match sample.predictions {
        [column] => score(&[&column[row..=row]]),
        columns => {
            let columns: Vec<&[f64]> = columns.iter().map(|column| &column[row..=row]).collect();
            score(&columns)
        }
    }
}
