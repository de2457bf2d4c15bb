//! What must hold for every metric of the catalogue, on random samples with many ties.

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use super::{Direction, InputShape, Metric, MetricError, Sample, catalogue};

/// A sample that owns its columns.
#[derive(Clone)]
struct Table {
    target: Vec<f64>,
    group: Vec<u32>,
    event: Vec<bool>,
    predictions: Vec<Vec<f64>>,
}

impl Table {
    fn score(&self, metric: Metric) -> Result<f64, MetricError> {
        let columns: Vec<&[f64]> = self.predictions.iter().map(Vec::as_slice).collect();
        metric.score(&Sample {
            target: &self.target,
            group: Some(&self.group),
            event: Some(&self.event),
            predictions: &columns,
        })
    }

    /// The same rows in another order.
    fn reordered(&self, order: &[usize]) -> Table {
        let numbers = |column: &Vec<f64>| order.iter().map(|&row| column[row]).collect();
        Table {
            target: numbers(&self.target),
            group: order.iter().map(|&row| self.group[row]).collect(),
            event: order.iter().map(|&row| self.event[row]).collect(),
            predictions: self.predictions.iter().map(numbers).collect(),
        }
    }
}

fn every_metric() -> impl Iterator<Item = Metric> {
    catalogue()
        .iter()
        .map(|definition| definition.example().parse().unwrap())
}

/// Forty rows that suit the shape; every group holds relevant items.
fn random_table(shape: InputShape, rng: &mut StdRng) -> Table {
    const ROWS: usize = 40;
    let classes = match shape {
        InputShape::ClassProbabilities
        | InputShape::Label
        | InputShape::OrdinalLabel
        | InputShape::GroupedScore => 4,
        InputShape::Number | InputShape::Survival | InputShape::Ensemble => 15,
        _ => 2,
    };
    // Every class occurs, and the groups of four rows hold them in turn.
    let target: Vec<f64> = (0..ROWS)
        .map(|row| f64::from(((row + row / 15) % classes) as u32))
        .collect();
    let mut number = |levels: u32| f64::from(rng.random_range(0..levels));
    let column =
        |value: &mut dyn FnMut() -> f64| -> Vec<f64> { (0..ROWS).map(|_| value()).collect() };
    let predictions = match shape {
        InputShape::Probability => vec![column(&mut || number(5) / 4.0)],
        InputShape::ClassProbabilities => {
            let first = column(&mut || number(5) / 8.0);
            let rest: Vec<f64> = first.iter().map(|p| (1.0 - p) / 3.0).collect();
            vec![first, rest.clone(), rest.clone(), rest]
        }
        InputShape::Label | InputShape::OrdinalLabel => vec![column(&mut || number(4))],
        InputShape::BinaryLabel => vec![column(&mut || number(2))],
        InputShape::Ensemble => (0..5).map(|_| column(&mut || number(15))).collect(),
        _ => vec![column(&mut || number(6))],
    };
    let event = (0..ROWS).map(|row| row % 3 != 1).collect();
    let group = (0..ROWS as u32).map(|row| 7 * (row / 4)).collect();
    Table {
        target,
        group,
        event,
        predictions,
    }
}

/// The table with the truth for a prediction.
fn perfect(shape: InputShape, table: &Table) -> Table {
    let target = table.target.clone();
    let predictions = match shape {
        InputShape::ClassProbabilities => (0..table.predictions.len())
            .map(|class| {
                target
                    .iter()
                    .map(|&truth| f64::from(truth == class as f64))
                    .collect()
            })
            .collect(),
        InputShape::Ensemble => vec![target.clone(); 3],
        // Among equal times the censored rows last longer; times are whole numbers here.
        InputShape::Survival => vec![
            (target.iter().zip(&table.event))
                .map(|(time, &observed)| if observed { *time } else { time + 0.5 })
                .collect(),
        ],
        _ => vec![target.clone()],
    };
    Table {
        predictions,
        ..table.clone()
    }
}

#[test]
fn the_order_of_the_rows_does_not_matter() {
    let mut rng = StdRng::seed_from_u64(1);
    for metric in every_metric() {
        for _ in 0..20 {
            let table = random_table(metric.definition().shape, &mut rng);
            let mut order: Vec<usize> = (0..table.target.len()).collect();
            order.shuffle(&mut rng);
            let (score, reordered) = (
                table.score(metric).unwrap(),
                table.reordered(&order).score(metric).unwrap(),
            );
            assert!(
                (score - reordered).abs() <= 1e-14 * score.abs().max(1.0),
                "{metric}: {score} {reordered}"
            );
        }
    }
}

#[test]
fn nothing_beats_a_perfect_prediction() {
    let mut rng = StdRng::seed_from_u64(2);
    for metric in every_metric() {
        let definition = metric.definition();
        for _ in 0..20 {
            let table = random_table(definition.shape, &mut rng);
            let best = perfect(definition.shape, &table).score(metric).unwrap();
            // The clipped log loss of a perfect prediction is 2.2e-16.
            assert!(
                (best - definition.best()).abs() < 1e-15,
                "{metric}: perfect scores {best}"
            );
            let score = table.score(metric).unwrap();
            assert!(
                definition.direction.better(best, score),
                "{metric}: {score} beats {best}"
            );
        }
    }
}

#[test]
fn one_wrong_value_is_refused_in_every_column() {
    let mut rng = StdRng::seed_from_u64(3);
    for metric in every_metric() {
        let table = random_table(metric.definition().shape, &mut rng);
        for wrong in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let mut broken = table.clone();
            broken.target[39] = wrong;
            let error = broken.score(metric).unwrap_err();
            assert!(error.is_in_the_truth(), "{metric}: {error}");
            for column in 0..table.predictions.len() {
                let mut broken = table.clone();
                broken.predictions[column][17] = wrong;
                let error = broken.score(metric).unwrap_err();
                let place = format!("row 18 of prediction column {} holds {wrong}", column + 1);
                assert!(error.to_string().starts_with(&place), "{metric}: {error}");
                assert!(!error.is_in_the_truth(), "{metric}: {error}");
            }
        }
    }
}

#[test]
fn without_rows_or_columns_there_is_no_score() {
    let mut rng = StdRng::seed_from_u64(4);
    for metric in every_metric() {
        let mut table = random_table(metric.definition().shape, &mut rng);
        table.predictions.clear();
        let error = table.score(metric).unwrap_err();
        assert!(
            matches!(error, MetricError::ColumnCount { found: 0, .. }),
            "{metric}: {error}"
        );
        assert_eq!(
            table.reordered(&[]).score(metric),
            Err(MetricError::EmptySample),
            "{metric}"
        );
    }
}

#[test]
fn a_score_beats_only_what_is_worse() {
    assert!(Direction::LowerIsBetter.better(1.0, 2.0));
    assert!(!Direction::LowerIsBetter.better(2.0, 1.0));
    assert!(Direction::HigherIsBetter.better(2.0, 1.0));
    assert!(!Direction::HigherIsBetter.better(2.0, 2.0));
}
