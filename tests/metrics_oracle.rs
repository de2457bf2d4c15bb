//! Every metric against scikit-learn, SciPy or its definition, case by case.
//!
//! `tests/oracle/make_metrics_oracle.py` makes the cases. Set `PADDOCK_METRICS_ORACLE` to the path of a fresh
//! file; without it the checked-in `tests/oracle/metrics.json` is read.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;

use paddock::scoring::metrics::{Metric, MetricError, Sample, catalogue};
use serde::Deserialize;

/// The largest difference from the expected score, relative to it.
const RELATIVE_TOLERANCE: f64 = 1e-12;

/// The largest difference from a score that is 0 but for rounding, such as a rank correlation of 1e-17.
const ABSOLUTE_TOLERANCE: f64 = 1e-14;

/// How many cases each metric must have at least.
const CASES_PER_METRIC: usize = 10;

#[derive(Deserialize)]
struct Oracle {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    metric: Metric,
    name: String,
    source: String,
    target: Values<f64>,
    group: Option<Values<u32>>,
    event: Option<Values<bool>>,
    predictions: Vec<Values<f64>>,
    /// The score, or "undefined".
    expected: String,
}

/// A column, in the file a text of values between spaces: `serde_json` may be one bit off when it reads a number,
/// and ties hang on the last bit.
#[derive(Deserialize)]
#[serde(try_from = "String", bound = "T: FromStr<Err: Display>")]
struct Values<T>(Vec<T>);

impl<T: FromStr> TryFrom<String> for Values<T> {
    type Error = T::Err;

    fn try_from(text: String) -> Result<Values<T>, T::Err> {
        text.split_whitespace()
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map(Values)
    }
}

fn oracle() -> Oracle {
    let path = match std::env::var_os("PADDOCK_METRICS_ORACLE") {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/metrics.json"),
    };
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("cannot read the oracle {}: {error}", path.display()));
    serde_json::from_str(&text).expect("the oracle is written by make_metrics_oracle.py")
}

impl Case {
    /// The expected score; None where it is undefined.
    fn expected(&self) -> Option<f64> {
        match self.expected.as_str() {
            "undefined" => None,
            number => Some(number.parse().expect("a score is a number")),
        }
    }

    fn score(&self) -> Result<f64, MetricError> {
        let columns: Vec<&[f64]> = self
            .predictions
            .iter()
            .map(|column| &column.0[..])
            .collect();
        self.metric.score(&Sample {
            predictions: &columns,
            ..self.truth()
        })
    }

    fn truth(&self) -> Sample<'_> {
        Sample {
            target: &self.target.0,
            group: self.group.as_ref().map(|group| &group.0[..]),
            event: self.event.as_ref().map(|event| &event.0[..]),
            predictions: &[],
        }
    }
}

fn agree(score: f64, expected: f64) -> bool {
    let difference = (score - expected).abs();
    // Errors of data around 1e-300 are that small themselves: 0 would not be near enough.
    let tiny_data = expected != 0.0 && expected.abs() < 1e-100;
    difference <= RELATIVE_TOLERANCE * expected.abs()
        || (!tiny_data && difference <= ABSOLUTE_TOLERANCE)
}

#[test]
fn every_score_is_the_oracles() {
    let mut failures = Vec::new();
    let mut worst: f64 = 0.0;
    for case in oracle().cases {
        let score = case.score();
        let agrees = match (case.expected(), &score) {
            (Some(expected), &Ok(score)) => {
                worst = worst.max((score - expected).abs() / expected.abs().max(1.0));
                agree(score, expected)
            }
            (None, Err(_)) => true,
            _ => false,
        };
        if !agrees {
            failures.push(format!(
                "{} on {:?}: {score:?}, expected {} by {}",
                case.metric, case.name, case.expected, case.source
            ));
        }
    }
    println!("largest difference {worst:e}");
    assert!(
        failures.is_empty(),
        "{} cases differ:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

#[test]
fn every_metric_of_the_catalogue_has_enough_cases_of_both_kinds() {
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for case in oracle().cases {
        let (defined, undefined) = counts.entry(case.metric.definition().key).or_default();
        match case.expected() {
            Some(_) => *defined += 1,
            None => *undefined += 1,
        }
    }
    for definition in catalogue() {
        let &(defined, undefined) = counts.get(definition.key).unwrap_or(&(0, 0));
        assert!(
            defined >= CASES_PER_METRIC && undefined >= 1,
            "{}: {defined} defined and {undefined} undefined cases",
            definition.key
        );
    }
}

#[test]
fn every_score_lies_in_the_range_of_its_metric() {
    for case in oracle().cases {
        if let Ok(score) = case.score() {
            let (lowest, highest) = case.metric.definition().range;
            assert!(
                (lowest..=highest).contains(&score),
                "{} on {:?} is {score}, outside of {lowest} to {highest}",
                case.metric,
                case.name
            );
        }
    }
}

#[test]
fn a_truth_that_is_accepted_is_never_the_cause_of_an_error() {
    let mut accepted = 0;
    for case in oracle().cases {
        let suits = case.metric.check_target(&case.truth());
        accepted += usize::from(suits.is_ok());
        if let Err(error) = case.score() {
            assert!(
                suits.is_err() || !error.is_in_the_truth(),
                "{} on {:?}: the truth was accepted, but {error}",
                case.metric,
                case.name
            );
        }
    }
    assert!(
        accepted > 100,
        "only {accepted} cases have a truth that suits their metric"
    );
}
