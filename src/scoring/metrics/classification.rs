//! Classification: whether the predicted label is the true one.

use super::definition::{Direction, InputShape, MetricDefinition, Parameter};
use super::error::MetricError;
use super::summation::pairwise_sum;

pub const ACCURACY: MetricDefinition = MetricDefinition {
    key: "accuracy",
    title: "Accuracy",
    direction: Direction::HigherIsBetter,
    range: (0.0, 1.0),
    shape: InputShape::Label,
    parameter: Parameter::None,
    source: "sklearn.metrics.accuracy_score",
    description: "The share of rows whose label is right. Easy to read, but where one class is frequent, always \
                  answering that class scores high.",
};

pub const BALANCED_ACCURACY: MetricDefinition = MetricDefinition {
    key: "balanced_accuracy",
    title: "Balanced accuracy",
    source: "sklearn.metrics.balanced_accuracy_score; Brodersen et al., ICPR 2010",
    description: "The mean over the true classes of the share of the class's rows that are found (recall): every \
                  class weighs the same, however rare. Chance scores 1 / number of classes. Labels that occur \
                  only in the prediction count as errors and are no class of their own.",
    ..ACCURACY
};

pub const F1: MetricDefinition = MetricDefinition {
    key: "f1",
    title: "F1 (binary)",
    shape: InputShape::BinaryLabel,
    source: "sklearn.metrics.f1_score",
    description: "The harmonic mean of precision and recall of class 1: 2 TP / (2 TP + FP + FN). Rows that are \
                  rightly left out do not count. Undefined where neither truth nor prediction holds class 1.",
    ..ACCURACY
};

pub const F1_MACRO: MetricDefinition = MetricDefinition {
    key: "f1_macro",
    title: "F1 (macro average)",
    source: "sklearn.metrics.f1_score with average=\"macro\"",
    description: "The F1 of each class against the rest, averaged over the classes that occur in truth or \
                  prediction: every class weighs the same, so rare classes matter, and a label that never occurs \
                  in the truth adds a class with F1 = 0.",
    ..ACCURACY
};

pub const F1_MICRO: MetricDefinition = MetricDefinition {
    key: "f1_micro",
    title: "F1 (micro average)",
    source: "sklearn.metrics.f1_score with average=\"micro\"",
    description: "The F1 of the true and false positives of all classes taken together. With one label a row, as \
                  here, it equals accuracy.",
    ..ACCURACY
};

pub const MCC: MetricDefinition = MetricDefinition {
    key: "mcc",
    title: "Matthews correlation coefficient",
    range: (-1.0, 1.0),
    source: "sklearn.metrics.matthews_corrcoef; Gorodkin, Comput. Biol. Chem. 28, 2004 (more than two classes)",
    description: "The correlation between true and predicted labels, using all cells of the confusion matrix: 1 is \
                  perfect, 0 is chance. High only where every class is predicted well. As in scikit-learn, a \
                  prediction (or truth) of one label only correlates with nothing and scores 0.",
    ..ACCURACY
};

pub const COHEN_KAPPA: MetricDefinition = MetricDefinition {
    key: "cohen_kappa",
    title: "Cohen's kappa",
    range: (-1.0, 1.0),
    source: "sklearn.metrics.cohen_kappa_score; Cohen, Educ. Psychol. Meas. 20, 1960",
    description: "Agreement beyond chance: 1 - (disagreements / disagreements expected of independent labels with \
                  the same frequencies). 1 is perfect, 0 is chance. Undefined where truth and prediction hold one \
                  and the same label in every row.",
    ..ACCURACY
};

pub const QUADRATIC_WEIGHTED_KAPPA: MetricDefinition = MetricDefinition {
    key: "quadratic_weighted_kappa",
    title: "Quadratic weighted kappa",
    shape: InputShape::OrdinalLabel,
    source: "sklearn.metrics.cohen_kappa_score with weights=\"quadratic\" and labels=range(classes); \
             Cohen, Psychol. Bull. 70, 1968",
    description: "Cohen's kappa for ordered classes: a disagreement weighs the square of the distance between the \
                  two class codes, so two classes off costs four times as much as one. Classes that do not occur \
                  still take their place in the order.",
    ..COHEN_KAPPA
};

pub fn accuracy(target: &[f64], prediction: &[f64]) -> f64 {
    let right = target
        .iter()
        .zip(prediction)
        .filter(|(truth, label)| truth == label)
        .count();
    right as f64 / target.len() as f64
}

pub fn balanced_accuracy(target: &[f64], prediction: &[f64]) -> f64 {
    balanced_accuracy_of(&count_classes(target, prediction))
}

/// Balanced accuracy of the counts of the classes, in any order.
pub fn balanced_accuracy_of(classes: &[ClassCount]) -> f64 {
    let recalls: Vec<f64> = classes
        .iter()
        .filter(|class| class.actual > 0)
        .map(|class| class.agreed as f64 / class.actual as f64)
        .collect();
    pairwise_sum(recalls.len(), |class| recalls[class]) / recalls.len() as f64
}

pub fn f1(target: &[f64], prediction: &[f64]) -> Result<f64, MetricError> {
    count_classes(target, prediction)
        .get(1)
        .and_then(ClassCount::f1)
        .ok_or(MetricError::NoPositiveAnywhere)
}

pub fn f1_macro(target: &[f64], prediction: &[f64]) -> f64 {
    f1_macro_of(&count_classes(target, prediction))
}

/// Macro F1 of the counts of the classes, in any order.
pub fn f1_macro_of(classes: &[ClassCount]) -> f64 {
    let scores: Vec<f64> = classes.iter().filter_map(ClassCount::f1).collect();
    pairwise_sum(scores.len(), |class| scores[class]) / scores.len() as f64
}

pub fn f1_micro(target: &[f64], prediction: &[f64]) -> f64 {
    // Every row is one actual and one predicted label: 2 TP / (2 TP + FP + FN) = right / rows.
    accuracy(target, prediction)
}

pub fn mcc(target: &[f64], prediction: &[f64]) -> f64 {
    mcc_of(&count_classes(target, prediction))
}

/// Matthews' correlation of the counts of the classes, in any order.
pub fn mcc_of(classes: &[ClassCount]) -> f64 {
    let rows = rows_of(classes);
    let mut covariance = 0;
    let (mut target_variance, mut prediction_variance) = (rows * rows, rows * rows);
    for class in classes {
        let (actual, predicted) = (class.actual as i128, class.predicted as i128);
        covariance += class.agreed as i128 * rows - actual * predicted;
        target_variance -= actual * actual;
        prediction_variance -= predicted * predicted;
    }
    if target_variance == 0 || prediction_variance == 0 {
        return 0.0;
    }
    covariance as f64 / (target_variance as f64 * prediction_variance as f64).sqrt()
}

pub fn cohen_kappa(target: &[f64], prediction: &[f64]) -> Result<f64, MetricError> {
    cohen_kappa_of(&count_classes(target, prediction))
}

/// Cohen's kappa of the counts of the classes, in any order.
pub fn cohen_kappa_of(classes: &[ClassCount]) -> Result<f64, MetricError> {
    let rows = rows_of(classes);
    let mut disagreements = rows;
    let mut expected_times_rows = rows * rows;
    for class in classes {
        disagreements -= class.agreed as i128;
        expected_times_rows -= class.actual as i128 * class.predicted as i128;
    }
    kappa(disagreements * rows, expected_times_rows)
}

pub fn quadratic_weighted_kappa(target: &[f64], prediction: &[f64]) -> Result<f64, MetricError> {
    // Σ (i - j)² over all pairs of a row's truth and a row's prediction expands into sums over single rows:
    // no matrix of classes × classes is needed.
    let rows = target.len() as i128;
    let (mut observed, mut truths, mut labels, mut squares) = (0i128, 0i128, 0i128, 0i128);
    for (&truth, &label) in target.iter().zip(prediction) {
        let (truth, label) = (truth as i64, label as i64);
        observed += i128::from((truth - label) * (truth - label));
        squares += i128::from(truth * truth + label * label);
        truths += i128::from(truth);
        labels += i128::from(label);
    }
    kappa(observed * rows, squares * rows - 2 * truths * labels)
}

/// 1 - observed / expected disagreement, both in the same whole units.
fn kappa(observed: i128, expected: i128) -> Result<f64, MetricError> {
    if expected == 0 {
        return Err(MetricError::AgreementByChanceIsCertain);
    }
    Ok(1.0 - observed as f64 / expected as f64)
}

/// One class of the confusion matrix: its diagonal cell, its row sum and its column sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassCount {
    /// Rows of the class that are predicted as such (true positives).
    pub agreed: u64,
    /// Rows of the class.
    pub actual: u64,
    /// Rows that are predicted as the class.
    pub predicted: u64,
}

impl ClassCount {
    /// 2 TP / (2 TP + FP + FN); None for a class that does not occur.
    fn f1(&self) -> Option<f64> {
        let occurrences = self.actual + self.predicted;
        (occurrences > 0).then(|| 2.0 * self.agreed as f64 / occurrences as f64)
    }
}

/// How many rows were counted: each is of one class.
fn rows_of(classes: &[ClassCount]) -> i128 {
    classes.iter().map(|class| i128::from(class.actual)).sum()
}

/// Counts each class, by code. No metric needs the other cells of the confusion matrix, so that many
/// classes cost little.
fn count_classes(target: &[f64], prediction: &[f64]) -> Vec<ClassCount> {
    let largest = target
        .iter()
        .chain(prediction)
        .fold(0.0, |a: f64, &b| a.max(b));
    let mut classes = vec![ClassCount::default(); largest as usize + 1];
    for (&truth, &label) in target.iter().zip(prediction) {
        classes[truth as usize].actual += 1;
        classes[label as usize].predicted += 1;
        classes[truth as usize].agreed += u64::from(truth == label);
    }
    classes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_classes_off_costs_four_times_one_class_off() {
        let target = [0.0, 1.0, 2.0, 0.0, 1.0, 2.0];
        let one_off = quadratic_weighted_kappa(&target, &[0.0, 1.0, 2.0, 1.0, 1.0, 2.0]).unwrap();
        let two_off = quadratic_weighted_kappa(&target, &[0.0, 1.0, 2.0, 2.0, 1.0, 2.0]).unwrap();
        assert!(two_off < one_off && one_off < 1.0);
    }

    #[test]
    fn f1_without_any_positive_is_undefined_but_missing_them_all_scores_zero() {
        assert_eq!(
            f1(&[0.0, 0.0], &[0.0, 0.0]),
            Err(MetricError::NoPositiveAnywhere)
        );
        assert_eq!(f1(&[0.0, 1.0], &[0.0, 0.0]), Ok(0.0));
    }

    #[test]
    fn kappa_is_undefined_where_chance_alone_would_agree_everywhere() {
        for metric in [cohen_kappa, quadratic_weighted_kappa] {
            let undefined = Err(MetricError::AgreementByChanceIsCertain);
            assert_eq!(metric(&[2.0, 2.0], &[2.0, 2.0]), undefined);
            assert_eq!(metric(&[2.0, 2.0], &[2.0, 1.0]), Ok(0.0));
        }
    }

    #[test]
    fn a_label_that_the_truth_never_holds_lowers_macro_f1() {
        let target = [0.0, 0.0, 1.0, 1.0];
        let within = f1_macro(&target, &[0.0, 1.0, 1.0, 1.0]);
        let outside = f1_macro(&target, &[0.0, 9.0, 1.0, 1.0]);
        assert!(outside < within);
    }
}
