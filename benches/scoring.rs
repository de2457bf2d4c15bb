//! Scoring in this process: a predictions CSV read, checked and scored, the metrics alone, and the bootstrap.
//!
//! The reference of the bootstrap draws rows and scores them, four hundred times over, as textbooks do.
//! The reference of the file reads the same file with the `csv` crate into a hash map, as one would write it in an
//! afternoon; `benches/scoring.sh` compares the whole command with pandas and scikit-learn.
//!
//!     cargo bench --bench scoring

use std::collections::HashMap;
use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use paddock::scoring::intervals::{RESAMPLES, interval, replicates};
use paddock::scoring::metrics::{Metric, Sample};
use paddock::scoring::predictions::{
    ColumnKind, PredictionColumn, PredictionFormat, read_csv, score,
};
use paddock::scoring::solution::{Solution, SolutionFormat, Split};
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _, rngs::ChaCha8Rng};

const SIZES: [usize; 2] = [100_000, 1_000_000];
const SEED: u64 = 20_260_501;

/// A solution and predictions for it that know something, in another order.
struct Files {
    solution: String,
    predictions: String,
}

impl Files {
    fn new(rows: usize) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(SEED);
        let (target, prediction) = truth_and_guess(rows, &mut random);
        let mut solution = String::from("id,target,split\n");
        for (row, target) in target.iter().enumerate() {
            let split = if random.random_bool(0.3) {
                "public"
            } else {
                "private"
            };
            line(&mut solution, format_args!("{},{target},{split}", row + 1));
        }
        let mut order: Vec<usize> = (0..rows).collect();
        order.shuffle(&mut random);
        let mut predictions = String::from("id,prediction\n");
        for row in order {
            line(
                &mut predictions,
                format_args!("{},{}", row + 1, prediction[row]),
            );
        }
        Self {
            solution,
            predictions,
        }
    }
}

fn line(text: &mut String, content: std::fmt::Arguments) {
    writeln!(text, "{content}").expect("a String takes every line");
}

/// Classes, and probabilities of them.
fn truth_and_guess(rows: usize, random: &mut ChaCha8Rng) -> (Vec<f64>, Vec<f64>) {
    (0..rows)
        .map(|_| {
            let target = f64::from(u8::from(random.random_bool(0.5)));
            let logit = 2.0 * target - 1.0 + random.random_range(-3.0..3.0);
            (target, 1.0 / (1.0 + f64::exp(-logit)))
        })
        .unzip()
}

fn metric(name: &str) -> Metric {
    name.parse().expect("a metric of the catalogue")
}

/// The reference: reads and matches by a hash map of texts, checks as much, and takes the RMSE of both
/// splits.
fn score_with_hash_map(rows: &HashMap<String, (f64, bool)>, predictions: &[u8]) -> [f64; 2] {
    let mut seen = HashMap::with_capacity(rows.len());
    let mut reader = csv::Reader::from_reader(predictions);
    let mut record = csv::StringRecord::new();
    let (mut sums, mut counts) = ([0.0_f64; 2], [0.0_f64; 2]);
    while reader.read_record(&mut record).expect("a CSV row") {
        let (target, is_public) = rows[&record[0]];
        let prediction: f64 = record[1].parse().expect("a number");
        assert!(prediction.is_finite() && seen.insert(record[0].to_owned(), ()).is_none());
        let split = usize::from(!is_public);
        sums[split] += (prediction - target).powi(2);
        counts[split] += 1.0;
    }
    assert_eq!(seen.len(), rows.len());
    [0, 1].map(|split| (sums[split] / counts[split]).sqrt())
}

fn predictions_csv(criterion: &mut Criterion) {
    let column = PredictionColumn {
        name: "prediction".into(),
        kind: ColumnKind::Number,
    };
    let format = PredictionFormat::new("id", vec![column]).expect("a prediction format");
    let solution_format = SolutionFormat {
        split_column: Some("split".into()),
        ..SolutionFormat::new("id", "target")
    };
    let rmse = metric("rmse");
    let mut group = criterion.benchmark_group("predictions CSV to RMSE");
    group.sample_size(10);
    for rows in SIZES {
        let files = Files::new(rows);
        let solution =
            Solution::read_csv(files.solution.as_bytes(), &solution_format).expect("a solution");
        let in_hash_map = csv::Reader::from_reader(files.solution.as_bytes())
            .records()
            .map(|record| {
                let record = record.expect("a CSV row");
                let target = record[1].parse().expect("a number");
                (record[0].to_owned(), (target, &record[2] == "public"))
            })
            .collect();
        let ours = || {
            let predictions = read_csv(files.predictions.as_bytes(), &format, &solution);
            score(&solution, &predictions.expect("valid predictions"), &rmse).expect("a score")
        };
        let reference = || score_with_hash_map(&in_hash_map, files.predictions.as_bytes());
        let (scores, [public, private]) = (ours(), reference());
        assert!((scores.public - public).abs() < 1e-9 && (scores.private - private).abs() < 1e-9);

        group.throughput(Throughput::Elements(rows as u64));
        group.bench_function(BenchmarkId::new("paddock", rows), |bencher| {
            bencher.iter(|| black_box(ours()));
        });
        group.bench_function(
            BenchmarkId::new("reference: csv crate and hash map", rows),
            |bencher| bencher.iter(|| black_box(reference())),
        );
    }
    group.finish();
}

fn metrics(criterion: &mut Criterion) {
    const ROWS: usize = 1_000_000;
    let (target, prediction) = truth_and_guess(ROWS, &mut ChaCha8Rng::seed_from_u64(SEED));
    let sample = Sample {
        target: &target,
        group: None,
        event: None,
        predictions: &[&prediction],
    };
    let mut group = criterion.benchmark_group("metric of a million rows");
    group.sample_size(10);
    group.throughput(Throughput::Elements(ROWS as u64));
    for name in [
        "rmse",
        "mae",
        "log_loss",
        "roc_auc",
        "average_precision",
        "spearman",
    ] {
        let metric = metric(name);
        group.bench_function(name, |bencher| {
            bencher.iter(|| black_box(metric.score(&sample).expect("a score")));
        });
    }
    group.finish();
}

/// Scores rows that are drawn with replacement, over and over.
fn plain_bootstrap(
    target: &[f64],
    prediction: &[f64],
    metric: &Metric,
    random: &mut ChaCha8Rng,
) -> Vec<f32> {
    let rows = target.len();
    (0..RESAMPLES)
        .map(|_| {
            let drawn: Vec<usize> = (0..rows).map(|_| random.random_range(0..rows)).collect();
            let gather =
                |values: &[f64]| -> Vec<f64> { drawn.iter().map(|&row| values[row]).collect() };
            let sample = Sample {
                target: &gather(target),
                group: None,
                event: None,
                predictions: &[&gather(prediction)],
            };
            metric.score(&sample).expect("a score") as f32
        })
        .collect()
}

fn bootstrap(criterion: &mut Criterion) {
    const ROWS_OF_REFERENCE: usize = 10_000;
    let column = PredictionColumn {
        name: "prediction".into(),
        kind: ColumnKind::Number,
    };
    let format = PredictionFormat::new("id", vec![column]).expect("a prediction format");
    let solution_format = SolutionFormat {
        split_column: Some("split".into()),
        ..SolutionFormat::new("id", "target")
    };
    let mut group = criterion.benchmark_group("four hundred bootstrap replicates");
    group.sample_size(10);
    for rows in [ROWS_OF_REFERENCE, 1_000_000] {
        let files = Files::new(rows);
        let solution =
            Solution::read_csv(files.solution.as_bytes(), &solution_format).expect("a solution");
        let predictions =
            read_csv(files.predictions.as_bytes(), &format, &solution).expect("predictions");
        let [public, private] = [Split::Public, Split::Private].map(|split| {
            let target = solution.truth(Some(split)).target.into_owned();
            let prediction = solution.gather(&predictions.columns()[0], Some(split));
            (target, prediction.into_owned())
        });
        for name in ["rmse", "log_loss", "roc_auc", "spearman", "kendall"] {
            let metric = metric(name);
            let ours = || replicates(&solution, &predictions, &metric).expect("replicates");
            group.bench_function(
                BenchmarkId::new(format!("{name}: paddock"), rows),
                |bencher| {
                    bencher.iter(|| black_box(ours()));
                },
            );
            if rows > ROWS_OF_REFERENCE {
                continue;
            }
            let mut random = ChaCha8Rng::seed_from_u64(SEED);
            let mut plain = |(target, prediction): &(Vec<f64>, Vec<f64>)| {
                plain_bootstrap(target, prediction, &metric, &mut random)
            };
            let width = |replicates: &[f32]| {
                let (low, high) = interval(replicates, f64::from(replicates[0]), 0.7);
                high - low
            };
            let ratio = width(&ours().private) / width(&plain(&private));
            assert!((0.75..1.33).contains(&ratio), "{name}: {ratio}");
            group.bench_function(
                BenchmarkId::new(format!("{name}: plain bootstrap"), rows),
                |bencher| bencher.iter(|| black_box([plain(&public), plain(&private)])),
            );
        }
    }
    group.finish();
}

criterion_group!(benches, predictions_csv, metrics, bootstrap);
criterion_main!(benches);
