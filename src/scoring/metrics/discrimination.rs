//! Discrimination: whether the rows of class 1 stand above those of class 0, whatever the scale of the score.

use super::definition::{Direction, InputShape, MetricDefinition, Parameter};
use super::error::MetricError;
use super::order::sort_key;
use super::summation::pairwise_sum;

pub const ROC_AUC: MetricDefinition = MetricDefinition {
    key: "roc_auc",
    title: "ROC AUC (area under the ROC curve)",
    direction: Direction::HigherIsBetter,
    range: (0.0, 1.0),
    shape: InputShape::BinaryScore,
    parameter: Parameter::None,
    source: "sklearn.metrics.roc_auc_score; Hanley & McNeil, Radiology 143, 1982",
    description: "The probability that a random row of class 1 has a higher score than a random row of class 0; ties \
                  count one half. 0.5 is chance. Only the order of the scores matters, not their calibration. \
                  Undefined unless the truth holds both classes.",
};

pub const AVERAGE_PRECISION: MetricDefinition = MetricDefinition {
    key: "average_precision",
    title: "Average precision (area under the precision-recall curve)",
    source: "sklearn.metrics.average_precision_score",
    description: "The mean precision over the rows of class 1, each taken at the threshold that just includes the \
                  row: sum of (R_i - R_{i-1}) P_i over the distinct scores, without interpolation. Says more \
                  than ROC AUC where class 1 is rare; chance scores the share of class 1. Undefined without a \
                  row of class 1.",
    ..ROC_AUC
};

pub fn roc_auc(target: &[f64], score: &[f64]) -> Result<f64, MetricError> {
    let sorted = SortedByClass::new(target, score);
    let pairs = sorted.positives.len() as u128 * sorted.negatives.len() as u128;
    if pairs == 0 {
        return Err(MetricError::OneClass);
    }
    // Twice the Mann-Whitney U: a won pair counts 2, a tied pair 1. Whole numbers, so nothing is rounded.
    let mut doubled_wins: u128 = 0;
    let mut above = 0;
    for ties in sorted.thresholds() {
        doubled_wins += ties.negatives as u128 * (2 * above + ties.positives) as u128;
        above += ties.positives;
    }
    Ok(doubled_wins as f64 / (2 * pairs) as f64)
}

pub fn average_precision(target: &[f64], score: &[f64]) -> Result<f64, MetricError> {
    let sorted = SortedByClass::new(target, score);
    if sorted.positives.is_empty() {
        return Err(MetricError::NoPositive);
    }
    let (mut found, mut taken) = (0, 0);
    let terms: Vec<f64> = sorted
        .thresholds()
        .map(|ties| {
            found += ties.positives;
            taken += ties.positives + ties.negatives;
            ties.positives as f64 * (found as f64 / taken as f64)
        })
        .collect();
    Ok(pairwise_sum(terms.len(), |index| terms[index]) / found as f64)
}

/// The sort keys of the scores of either class, descending. Two plain lists sort faster than one list of pairs.
struct SortedByClass {
    positives: Vec<u64>,
    negatives: Vec<u64>,
}

/// How many rows of either class share a score.
struct Ties {
    positives: usize,
    negatives: usize,
}

impl SortedByClass {
    fn new(target: &[f64], score: &[f64]) -> SortedByClass {
        let (mut positives, mut negatives) = (Vec::new(), Vec::new());
        for (&class, &score) in target.iter().zip(score) {
            let list = if class == 1.0 {
                &mut positives
            } else {
                &mut negatives
            };
            list.push(!sort_key(score)); // the complement sorts descending
        }
        positives.sort_unstable();
        negatives.sort_unstable();
        SortedByClass {
            positives,
            negatives,
        }
    }

    /// The distinct scores from the highest to the lowest.
    fn thresholds(&self) -> impl Iterator<Item = Ties> {
        let (mut positives, mut negatives) = (&self.positives[..], &self.negatives[..]);
        std::iter::from_fn(move || {
            let key = match (positives.first(), negatives.first()) {
                (None, None) => return None,
                (Some(&key), None) | (None, Some(&key)) => key,
                (Some(&positive), Some(&negative)) => positive.min(negative),
            };
            Some(Ties {
                positives: take_equal(&mut positives, key),
                negatives: take_equal(&mut negatives, key),
            })
        })
    }
}

/// Takes the keys equal to `key` from the front of a sorted list and counts them.
fn take_equal(sorted: &mut &[u64], key: u64) -> usize {
    let count = sorted.iter().take_while(|&&other| other == key).count();
    *sorted = &sorted[count..];
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tie_across_the_classes_is_worth_half() {
        assert_eq!(roc_auc(&[1.0, 0.0], &[0.0, -0.0]), Ok(0.5));
        assert_eq!(average_precision(&[1.0, 0.0], &[0.0, -0.0]), Ok(0.5));
    }

    #[test]
    fn one_class_is_refused_in_words() {
        let error = roc_auc(&[1.0, 1.0], &[0.2, 0.3]).unwrap_err();
        assert!(error.to_string().contains("one class only"), "{error}");
    }
}
