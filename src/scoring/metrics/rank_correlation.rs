//! Rank correlation: whether the prediction puts the rows into the true order.

use super::definition::{Direction, InputShape, MetricDefinition, Parameter};
use super::error::MetricError;
use super::order::{doubled_centred_ranks, is_constant, sort_key};

pub const SPEARMAN: MetricDefinition = MetricDefinition {
    key: "spearman",
    title: "Spearman's rank correlation",
    direction: Direction::HigherIsBetter,
    range: (-1.0, 1.0),
    shape: InputShape::Number,
    parameter: Parameter::None,
    source: "scipy.stats.spearmanr",
    description: "The correlation of the ranks of prediction and truth, where ties share the mean of their ranks: 1 \
                  is the same order, -1 the reverse. The scale of the prediction does not matter. Undefined where \
                  truth or prediction is constant.",
};

pub const KENDALL: MetricDefinition = MetricDefinition {
    key: "kendall",
    title: "Kendall's τ-b",
    source: "scipy.stats.kendalltau (variant b); Knight, J. Am. Stat. Assoc. 61, 1966",
    description: "Concordant minus discordant pairs of rows, divided by the geometric mean of the pairs that are not \
                  tied in the truth and not tied in the prediction: 1 is the same order, -1 the reverse. Less \
                  moved by single rows than Spearman's. Undefined where truth or prediction is constant.",
    ..SPEARMAN
};

pub fn spearman(target: &[f64], prediction: &[f64]) -> Result<f64, MetricError> {
    check_varies(target, prediction)?;
    let target = doubled_centred_ranks(target);
    let prediction = doubled_centred_ranks(prediction);
    // The doubled ranks are whole numbers, so that covariance and variances are exact.
    let covariance = dot(&target, &prediction);
    let variances = dot(&target, &target) as f64 * dot(&prediction, &prediction) as f64;
    Ok(covariance as f64 / variances.sqrt())
}

pub fn kendall(target: &[f64], prediction: &[f64]) -> Result<f64, MetricError> {
    check_varies(target, prediction)?;
    let mut rows: Vec<(u64, u64)> = target
        .iter()
        .zip(prediction)
        .map(|(&truth, &prediction)| (sort_key(truth), sort_key(prediction)))
        .collect();
    rows.sort_unstable();

    let tied_in_target = tied_pairs(rows.chunk_by(|a, b| a.0 == b.0).map(<[_]>::len));
    let tied_in_both = tied_pairs(rows.chunk_by(|a, b| a == b).map(<[_]>::len));
    let mut predictions: Vec<u64> = rows.into_iter().map(|(_, prediction)| prediction).collect();
    let discordant = sort_counting_inversions(&mut predictions);
    let tied_in_prediction = tied_pairs(predictions.chunk_by(|a, b| a == b).map(<[_]>::len));

    let pairs = pairs(target.len());
    let concordant = pairs - tied_in_target - tied_in_prediction + tied_in_both - discordant;
    let untied = (pairs - tied_in_target) as f64 * (pairs - tied_in_prediction) as f64;
    Ok((concordant - discordant) as f64 / untied.sqrt())
}

fn check_varies(target: &[f64], prediction: &[f64]) -> Result<(), MetricError> {
    if target.len() < 2 {
        return Err(MetricError::TooFewRows {
            needed: 2,
            found: target.len(),
        });
    }
    if is_constant(target) {
        return Err(MetricError::ConstantTarget);
    }
    if is_constant(prediction) {
        return Err(MetricError::ConstantPrediction);
    }
    Ok(())
}

fn dot(a: &[i64], b: &[i64]) -> i128 {
    a.iter().zip(b).map(|(&a, &b)| i128::from(a * b)).sum()
}

/// The number of pairs among so many rows.
fn pairs(rows: usize) -> i128 {
    let rows = rows as i128;
    rows * (rows - 1) / 2
}

fn tied_pairs(tie_lengths: impl Iterator<Item = usize>) -> i128 {
    tie_lengths.map(pairs).sum()
}

/// Sorts by merging and returns how many pairs stood in the wrong order; equal keys are not.
fn sort_counting_inversions(keys: &mut Vec<u64>) -> i128 {
    /// Runs of this length are sorted by insertion, which is faster than merging the shortest runs.
    const RUN: usize = 16;

    let mut inversions = 0;
    for run in keys.chunks_mut(RUN) {
        for end in 1..run.len() {
            let key = run[end];
            let mut place = end;
            while place > 0 && run[place - 1] > key {
                run[place] = run[place - 1];
                place -= 1;
            }
            run[place] = key;
            inversions += (end - place) as i128;
        }
    }
    let mut merged = Vec::with_capacity(keys.len());
    let mut width = RUN;
    while width < keys.len() {
        merged.clear();
        for pair in keys.chunks(2 * width) {
            let (left, right) = pair.split_at(width.min(pair.len()));
            inversions += merge(left, right, &mut merged);
        }
        std::mem::swap(keys, &mut merged);
        width *= 2;
    }
    inversions
}

/// Appends two sorted lists in order and returns how many keys of `left` are larger than one of `right`, in pairs.
fn merge(mut left: &[u64], mut right: &[u64], merged: &mut Vec<u64>) -> i128 {
    let mut inversions = 0;
    while let (Some(&first_left), Some(&first_right)) = (left.first(), right.first()) {
        if first_left <= first_right {
            merged.push(first_left);
            left = &left[1..];
        } else {
            inversions += left.len() as i128;
            merged.push(first_right);
            right = &right[1..];
        }
    }
    merged.extend_from_slice(left);
    merged.extend_from_slice(right);
    inversions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inversions_are_those_of_the_definition() {
        let mut state = 7u64;
        for length in [0, 1, 2, 15, 16, 17, 33, 100, 257] {
            let mut keys: Vec<u64> = (0..length)
                .map(|_| {
                    state = state
                        .wrapping_mul(6364136223846793005)
                        .wrapping_add(1442695040888963407);
                    (state >> 33) % 20
                })
                .collect();
            let by_definition = (0..keys.len())
                .flat_map(|i| (0..i).map(move |j| (j, i)))
                .filter(|&(j, i)| keys[j] > keys[i])
                .count();
            assert_eq!(sort_counting_inversions(&mut keys), by_definition as i128);
            assert!(keys.is_sorted());
        }
    }

    #[test]
    fn a_constant_prediction_has_no_rank_correlation() {
        for metric in [spearman, kendall] {
            assert_eq!(
                metric(&[1.0, 2.0], &[0.0, -0.0]),
                Err(MetricError::ConstantPrediction)
            );
            assert_eq!(
                metric(&[3.0, 3.0], &[1.0, 2.0]),
                Err(MetricError::ConstantTarget)
            );
        }
    }
}
