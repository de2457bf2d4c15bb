//! The replicates against what they must agree with: the metric, the plain bootstrap, theory and simulation.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal};

use super::ranks::linear_form;
use super::replicates::{class_counts, of_classes, replicates_of, sums};
use super::resampling::{Buckets, Units};
use super::*;
use crate::scoring::metrics::{InputShape, Metric, Sample, catalogue};
use crate::scoring::solution::Split;

/// A sample that owns its columns.
#[derive(Clone, Default)]
struct Table {
    target: Vec<f64>,
    group: Option<Vec<u32>>,
    event: Option<Vec<bool>>,
    predictions: Vec<Vec<f64>>,
}

impl Table {
    fn with<T>(&self, look: impl FnOnce(&Sample) -> T) -> T {
        let columns: Vec<&[f64]> = self.predictions.iter().map(Vec::as_slice).collect();
        look(&Sample {
            target: &self.target,
            group: self.group.as_deref(),
            event: self.event.as_deref(),
            predictions: &columns,
        })
    }

    fn score(&self, metric: Metric) -> f64 {
        self.with(|sample| metric.score(sample)).unwrap()
    }

    fn replicates(&self, metric: Metric) -> Option<Vec<f32>> {
        self.with(|sample| replicates_of(sample, &metric, Split::Public))
    }

    fn units(&self) -> Units {
        Units::new(self.target.len(), self.group.as_deref())
    }

    /// Some of the rows; a unit that is drawn twice is two units.
    fn drawn(&self, units: &[Vec<usize>], drawn: &[usize]) -> Table {
        let rows: Vec<usize> = drawn.iter().flat_map(|&unit| units[unit].clone()).collect();
        let column = |values: &Vec<f64>| rows.iter().map(|&row| values[row]).collect();
        let groups = (0..)
            .zip(drawn)
            .flat_map(|(place, &unit)| vec![place; units[unit].len()]);
        Table {
            target: column(&self.target),
            group: self.group.as_ref().map(|_| groups.collect()),
            event: (self.event.as_ref()).map(|event| rows.iter().map(|&row| event[row]).collect()),
            predictions: self.predictions.iter().map(column).collect(),
        }
    }

    /// The plain bootstrap: draws rows (or groups), scores them, over and over.
    fn plain_bootstrap(&self, metric: Metric, times: usize, rng: &mut StdRng) -> Vec<f32> {
        let units = self.units().rows(self.target.len());
        (0..times)
            .map(|_| {
                let drawn: Vec<usize> = (0..units.len())
                    .map(|_| rng.random_range(0..units.len()))
                    .collect();
                self.drawn(&units, &drawn).score(metric) as f32
            })
            .collect()
    }
}

fn metric(text: &str) -> Metric {
    text.parse().unwrap()
}

fn every_metric() -> impl Iterator<Item = Metric> {
    catalogue()
        .iter()
        .map(|definition| metric(&definition.example()))
}

fn standard_error(replicates: &[f32]) -> f64 {
    standard_error_of_difference(replicates, &vec![0.0; replicates.len()])
}

fn normal(rng: &mut StdRng) -> f64 {
    StandardNormal.sample(rng)
}

/// A skilful model's predictions of so many rows.
fn table(metric: Metric, rows: usize, rng: &mut StdRng) -> Table {
    use InputShape::*;
    let shape = metric.definition().shape;
    let logistic = |logit: f64| 1.0 / (1.0 + (-logit).exp());
    let mut table = Table::default();
    match shape {
        Number | Survival | Ensemble => {
            let columns = if shape == Ensemble { 5 } else { 1 };
            table.predictions = vec![Vec::new(); columns];
            for _ in 0..rows {
                // Whole numbers, so that there are ties; above 0 for logarithms and percentages.
                let truth = (20.0 + 5.0 * normal(rng)).round().max(1.0);
                table.target.push(truth);
                for column in &mut table.predictions {
                    column.push((truth + 4.0 * normal(rng)).round().max(0.0));
                }
            }
            if shape == Survival {
                table.event = Some((0..rows).map(|_| rng.random_bool(0.7)).collect());
            }
        }
        BinaryScore | Probability | BinaryLabel => {
            table.predictions = vec![Vec::new()];
            for _ in 0..rows {
                let truth = f64::from(u8::from(rng.random_bool(0.1)));
                let logit = 2.0 * truth - 1.0 + normal(rng);
                let value = if shape == BinaryLabel {
                    f64::from(u8::from(logit > 0.0))
                } else {
                    (98.0 * logistic(logit)).round() / 100.0 + 0.01
                };
                table.target.push(truth);
                table.predictions[0].push(value);
            }
        }
        ClassProbabilities => {
            table.predictions = vec![Vec::new(); 3];
            for _ in 0..rows {
                let class = rng.random_range(0..3usize);
                let sure = logistic(1.0 + normal(rng));
                table.target.push(class as f64);
                for (code, column) in table.predictions.iter_mut().enumerate() {
                    column.push(if code == class {
                        sure
                    } else {
                        (1.0 - sure) / 2.0
                    });
                }
            }
        }
        Label | OrdinalLabel => {
            table.predictions = vec![Vec::new()];
            for _ in 0..rows {
                let class = rng.random_range(0..4u32).min(rng.random_range(0..4));
                let label = if rng.random_bool(0.7) {
                    class
                } else {
                    rng.random_range(0..5)
                };
                table.target.push(f64::from(class));
                table.predictions[0].push(f64::from(label));
            }
        }
        GroupedScore | GroupedRelevance => {
            table.predictions = vec![Vec::new()];
            table.group = Some((0..rows as u32).map(|row| 3 * (row / 6)).collect());
            for _ in 0..rows {
                let relevance = f64::from(u8::from(rng.random_bool(0.4)));
                table.target.push(relevance);
                table.predictions[0].push((3.0 * relevance + 3.0 * normal(rng)).round());
            }
        }
    }
    table
}

#[test]
fn with_every_row_once_the_statistic_is_the_score() {
    let mut rng = StdRng::seed_from_u64(1);
    for metric in every_metric() {
        let table = table(metric, 300, &mut rng);
        let score = table.score(metric);
        let units = table.units();
        let statistic = table.with(|sample| match of_classes(&metric) {
            Some(value) => class_counts(sample, &units).unwrap().of_all(value),
            None => sums(sample, &metric, &units).unwrap().of_all(),
        });
        assert!(
            (score - statistic).abs() <= 1e-12 * score.abs().max(1.0),
            "{metric}: {score} {statistic}"
        );
    }
}

#[test]
fn standard_errors_are_those_of_the_plain_bootstrap() {
    let mut rng = StdRng::seed_from_u64(2);
    for metric in every_metric() {
        let groups = metric.definition().shape == InputShape::GroupedScore
            || metric.definition().shape == InputShape::GroupedRelevance;
        let table = table(metric, if groups { 900 } else { 150 }, &mut rng);
        let ours = standard_error(&table.replicates(metric).unwrap());
        let plain = standard_error(&table.plain_bootstrap(metric, 400, &mut rng));
        assert!(
            (ours / plain - 1.0).abs() < 0.15,
            "{metric}: {ours} {plain}"
        );
    }
}

#[test]
fn linear_forms_move_as_the_metric_does() {
    let mut rng = StdRng::seed_from_u64(3);
    for metric in every_metric() {
        let mut table = table(metric, 1_000, &mut rng);
        for clustered in [false, true] {
            if clustered {
                table.group = Some((0..1_000).map(|row| row / 4).collect());
            }
            let units = table.units();
            let buckets = Buckets::new(units.count, None);
            let linear = table
                .with(|sample| Some(linear_form(&metric, sample, &units, buckets)?.resampled(0)));
            let Some(linear) = linear else { break };
            let linear: Vec<f32> = linear.into_iter().map(|value| value as f32).collect();
            let exact = table.replicates(metric).unwrap();
            // The same resamples: they agree one by one, not only in their spread.
            let (error, apart) = (
                standard_error(&exact),
                standard_error_of_difference(&linear, &exact),
            );
            assert!(apart < 0.15 * error, "{metric}: {apart} of {error}");
            assert!(
                (standard_error(&linear) / error - 1.0).abs() < 0.05,
                "{metric}"
            );
        }
    }
}

#[test]
fn standard_errors_are_those_of_theory() {
    const ROWS: usize = 20_000;
    let mut rng = StdRng::seed_from_u64(4);
    let close = |replicates: Option<Vec<f32>>, theory: f64| {
        let ratio = standard_error(&replicates.unwrap()) / theory;
        assert!((ratio - 1.0).abs() < 0.1, "{ratio}");
    };
    let errors = Table {
        target: vec![0.0; ROWS],
        predictions: vec![(0..ROWS).map(|_| normal(&mut rng)).collect()],
        ..Table::default()
    };
    // The mean square has the variance 2 / n, its root a quarter of it.
    close(errors.replicates(Metric::Rmse), (0.5 / ROWS as f64).sqrt());

    let hits = Table {
        target: (0..ROWS)
            .map(|_| f64::from(u8::from(rng.random_bool(0.8))))
            .collect(),
        predictions: vec![vec![1.0; ROWS]],
        ..Table::default()
    };
    close(
        hits.replicates(Metric::Accuracy),
        (0.8 * 0.2 / ROWS as f64).sqrt(),
    );

    // One row of twenty is positive; of exponential scores with rates 1 and 3 the area is A = 3/4, and Q1 =
    // A / (2 - A), Q2 = 2 A² / (1 + A) (Hanley & McNeil, Radiology 143, 1982).
    let mut scores = Table {
        predictions: vec![Vec::new()],
        ..Table::default()
    };
    for row in 0..ROWS {
        let positive = row % 20 == 0;
        let wait = -(1.0 - rng.random::<f64>()).ln() / if positive { 1.0 } else { 3.0 };
        scores.target.push(f64::from(u8::from(positive)));
        scores.predictions[0].push(wait);
    }
    let (positives, negatives) = (ROWS as f64 / 20.0, ROWS as f64 * 0.95);
    let area: f64 = 0.75;
    let (q1, q2) = (area / (2.0 - area), 2.0 * area * area / (1.0 + area));
    let variance = (area * (1.0 - area)
        + (positives - 1.0) * (q1 - area * area)
        + (negatives - 1.0) * (q2 - area * area))
        / (positives * negatives);
    close(scores.replicates(Metric::RocAuc), variance.sqrt());
}

/// In how many simulations of a hundred the 95 % interval holds the true value.
fn coverage(metric: Metric, truth: f64, mut simulate: impl FnMut() -> Table) -> f64 {
    const SIMULATIONS: usize = 320;
    let covered = (0..SIMULATIONS)
        .filter(|_| {
            let table = simulate();
            let replicates = table.replicates(metric).unwrap();
            let (low, high) = interval(&replicates, table.score(metric), 0.95);
            (low..=high).contains(&truth)
        })
        .count();
    100.0 * covered as f64 / SIMULATIONS as f64
}

#[test]
fn intervals_hold_the_true_score_as_often_as_they_say() {
    let mut rng = StdRng::seed_from_u64(5);
    let rows = 120;
    let absolute = coverage(Metric::Mae, (2.0 / std::f64::consts::PI).sqrt(), || Table {
        target: vec![0.0; rows],
        predictions: vec![(0..rows).map(|_| normal(&mut rng)).collect()],
        ..Table::default()
    });
    // Three rows of ten are positive; four of five are found, one of ten others is taken for one.
    let mut labels = || {
        let mut table = Table {
            predictions: vec![Vec::new()],
            ..Table::default()
        };
        for _ in 0..rows {
            let truth = rng.random_bool(0.3);
            let label = rng.random_bool(if truth { 0.8 } else { 0.1 });
            table.target.push(f64::from(u8::from(truth)));
            table.predictions[0].push(f64::from(u8::from(label)));
        }
        table
    };
    let f1 = coverage(Metric::F1, 0.48 / (0.48 + 0.07 + 0.06), &mut labels);
    let mut rng = StdRng::seed_from_u64(6);
    let area = coverage(Metric::RocAuc, 0.75, || {
        let mut table = Table {
            predictions: vec![Vec::new()],
            ..Table::default()
        };
        for _ in 0..60 {
            let positive = rng.random_bool(0.5);
            let wait = -(1.0 - rng.random::<f64>()).ln() / if positive { 1.0 } else { 3.0 };
            table.target.push(f64::from(u8::from(positive)));
            table.predictions[0].push(wait);
        }
        table
    });
    for (name, covered) in [("mae", absolute), ("f1", f1), ("roc_auc", area)] {
        assert!((92.0..=98.0).contains(&covered), "{name}: {covered} %");
    }
}

#[test]
fn a_small_but_steady_lead_is_seen_through_the_noise() {
    let mut rng = StdRng::seed_from_u64(7);
    let mut ahead = table(Metric::Rmse, 500, &mut rng);
    let mut behind = ahead.clone();
    for (row, truth) in ahead.target.iter().enumerate() {
        let error = ahead.predictions[0][row] - truth;
        ahead.predictions[0][row] = truth + 0.99 * error;
        behind.predictions[0][row] = truth + error;
    }
    let [ours, theirs] = [&ahead, &behind].map(|table| table.replicates(Metric::Rmse).unwrap());
    let direction = Metric::Rmse.definition().direction;
    let (_, high) = interval(&ours, ahead.score(Metric::Rmse), 0.95);
    assert!(high > behind.score(Metric::Rmse), "the intervals overlap");
    assert_eq!(probability_better(&ours, &theirs, direction), 1.0);
    assert!(standard_error_of_difference(&ours, &theirs) < 0.05 * standard_error(&ours));
}

#[test]
fn rows_of_one_group_are_one_piece_of_evidence() {
    let mut rng = StdRng::seed_from_u64(8);
    for name in ["mae", "accuracy", "cohen_kappa", "spearman"] {
        let metric = metric(name);
        let single = table(metric, 200, &mut rng);
        let nine_times: Vec<usize> = (0..200).flat_map(|row| [row; 9]).collect();
        let rows: Vec<Vec<usize>> = (0..200).map(|row| vec![row]).collect();
        let mut copied = single.drawn(&rows, &nine_times);
        let apart = standard_error(&copied.replicates(metric).unwrap());
        copied.group = Some(nine_times.iter().map(|&row| row as u32).collect());
        let together = standard_error(&copied.replicates(metric).unwrap());
        assert!(
            (together / apart / 3.0 - 1.0).abs() < 0.15,
            "{name}: {together} {apart}"
        );
    }
}

#[test]
fn what_cannot_be_resampled_has_no_replicates() {
    let mut rng = StdRng::seed_from_u64(9);
    let nine = table(Metric::Mae, 9, &mut rng);
    assert_eq!(nine.replicates(Metric::Mae), None);
    // One positive row of fifty is missing from a third of all resamples.
    let lonely = Table {
        target: (0..50).map(|row| f64::from(u8::from(row == 3))).collect(),
        predictions: vec![(0..50).map(f64::from).collect()],
        ..Table::default()
    };
    assert_eq!(lonely.replicates(Metric::RocAuc), None);
    assert_eq!(lonely.replicates(metric("r2")).map(|all| all.len()), None);
    let perfect = Table {
        predictions: vec![nine.target.iter().cycle().take(90).copied().collect()],
        target: nine.target.iter().cycle().take(90).copied().collect(),
        ..Table::default()
    };
    assert_eq!(perfect.replicates(Metric::Rmse), Some(vec![0.0; RESAMPLES]));
}

#[test]
fn class_codes_far_apart_cost_no_more_than_their_rows() {
    let table = Table {
        target: (0..5_000).map(|row| f64::from(row % 7)).collect(),
        predictions: vec![(0..5_000).map(|row| f64::from(row * 200)).collect()],
        ..Table::default()
    };
    for metric in [Metric::Mcc, Metric::F1Macro, Metric::CohenKappa] {
        let replicates = table.replicates(metric).unwrap();
        assert!(
            replicates.iter().all(|value| value.abs() < 0.01),
            "{metric}"
        );
    }
}

#[test]
fn replicates_survive_their_text_and_damage_is_noticed() {
    let mut rng = StdRng::seed_from_u64(10);
    let numbers = |rng: &mut StdRng| (0..RESAMPLES).map(|_| normal(rng) as f32).collect();
    let replicates = Replicates {
        public: numbers(&mut rng),
        private: numbers(&mut rng),
    };
    let text = replicates.to_text();
    assert!(text.len() < 4_400, "{} bytes", text.len());
    assert_eq!(Replicates::from_text(&text), Ok(replicates.clone()));
    let json = serde_json::to_string(&replicates).unwrap();
    assert_eq!(
        serde_json::from_str::<Replicates>(&json).unwrap(),
        replicates
    );

    let damaged = Err(DamagedReplicates::Damaged);
    assert_eq!(Replicates::from_text(&text[..text.len() - 4]), damaged);
    assert_eq!(
        Replicates::from_text(&text.replace(&text[20..21], "*")),
        damaged
    );
    assert_eq!(Replicates::from_text(""), damaged);
    let infinite = Replicates {
        public: vec![f32::INFINITY; RESAMPLES],
        ..replicates
    };
    assert_eq!(Replicates::from_text(&infinite.to_text()), damaged);
    let other = text.replace("bootstrap1", "bootstrap2");
    assert_eq!(
        Replicates::from_text(&other),
        Err(DamagedReplicates::Version)
    );
}
