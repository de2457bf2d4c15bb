//! Attribute inference: does the release tell a secret of a person whose other attributes are known?
//!
//! The attacker of Giomi et al. (2022), "A unified framework for quantifying privacy risk in synthetic
//! data" (Anonymeter): knows some columns of a person, finds the nearest published rows by Gower's
//! distance, and takes their secret for the person's. The same is tried on people who are not in the
//! release. What it also finds out about them it learnt from the population, not from their data; only
//! the rest counts: R = (attack − control)/(1 − control).
//!
//! One difference: where several published rows are equally near, as in every class of an anonymized
//! table, the attacker takes the most frequent of their secrets (of numbers the median) instead of
//! whichever row stands first, which is stronger and depends on no order.

use std::collections::BTreeMap;

use rand::rngs::ChaCha8Rng;
use rand::seq::index::sample;
use rand::{Rng, RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

use super::intervals::{Rate, ResidualRisk};
use super::{AttackColumn, AttackError};
use crate::datasets::anonymize::quantiles::median;

/// A guessed number is right within this share of itself, as in Anonymeter.
const TOLERANCE: f64 = 0.05;

/// A table with one row for each person: what the attacker knows of them, and what is to be found out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SecretTable<'a> {
    /// Quasi-identifiers.
    pub known: &'a [AttackColumn],
    pub secret: &'a AttackColumn,
}

/// How the attack is run.
#[derive(Debug, Clone, PartialEq)]
pub struct InferenceSettings {
    /// The most people that are attacked in each of the two groups.
    pub most_targets: usize,
    /// The most published rows that are searched.
    pub most_rows: usize,
    pub seed: u64,
}

impl Default for InferenceSettings {
    fn default() -> InferenceSettings {
        InferenceSettings {
            most_targets: 1000,
            most_rows: 20_000,
            seed: 1,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct InferenceResult {
    /// People of the release that were attacked, and people who are not in it.
    pub targets: u64,
    pub controls: u64,
    /// Whether people or published rows were sampled.
    pub sampled: bool,
    pub residual: ResidualRisk,
    /// Success against the people of the release by guessing the secret of any published row. An attack
    /// that does no better found nothing, whatever its residual risk.
    pub guessing: Rate,
}

/// Attacks the secret column of `released`. `people` are the originals of those in the release, `control`
/// originals of others from the same population; both with the values that the release would show
/// of them (bands, generalised categories), so that columns can be compared.
///
/// # Errors
/// [`AttackError::NoRows`] for an empty table, [`AttackError::Columns`] for tables that differ in their
/// columns.
pub fn infer(
    released: SecretTable<'_>,
    people: SecretTable<'_>,
    control: SecretTable<'_>,
    settings: &InferenceSettings,
) -> Result<InferenceResult, AttackError> {
    let tables = [
        ("release", released),
        ("original", people),
        ("control", control),
    ];
    for (name, table) in tables {
        table.check(name, released)?;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(settings.seed);
    let rng = &mut rng;
    let rows = choose(released.rows(), settings.most_rows, rng);
    let known: Vec<_> = released
        .known
        .iter()
        .map(|column| column.choose(&rows))
        .collect();
    let secret = released.secret.choose(&rows);
    let targets = choose(people.rows(), settings.most_targets, rng);
    let controls = choose(control.rows(), settings.most_targets, rng);
    let guessed = targets.iter().filter(|target| {
        let row = rng.random_range(0..rows.len());
        right(&secret, &[row], people.secret, **target)
    });
    let guessed = guessed.count() as f64;
    let attack = |table: SecretTable<'_>, targets: &[usize]| {
        let search = Search::new(&known, table.known, rows.len());
        let right =
            |target: &&usize| right(&secret, &search.nearest(**target), table.secret, **target);
        let hits = targets.iter().filter(right).count();
        (hits as f64, targets.len() as f64)
    };
    Ok(InferenceResult {
        targets: targets.len() as u64,
        controls: controls.len() as u64,
        sampled: rows.len() < released.rows()
            || targets.len() < people.rows()
            || controls.len() < control.rows(),
        residual: ResidualRisk::of(attack(people, &targets), attack(control, &controls)),
        guessing: Rate::wilson(guessed, targets.len() as f64),
    })
}

/// Rows in random order, so many at most.
fn choose(rows: usize, most: usize, rng: &mut impl Rng) -> Vec<usize> {
    sample(rng, rows, rows.min(most.max(1))).into_vec()
}

impl SecretTable<'_> {
    fn rows(&self) -> usize {
        self.secret.rows()
    }

    fn columns(&self) -> impl Iterator<Item = &AttackColumn> {
        self.known.iter().chain([self.secret])
    }

    fn check(&self, table: &'static str, released: SecretTable<'_>) -> Result<(), AttackError> {
        super::check_columns(table, self.columns(), released.columns(), self.rows())
    }
}

/// Whether the attacker's guess from published rows is the secret of the target.
fn right(
    released: &AttackColumn,
    nearest: &[usize],
    secrets: &AttackColumn,
    target: usize,
) -> bool {
    match (released, secrets) {
        (AttackColumn::Categories(released), AttackColumn::Categories(secrets)) => {
            let mut votes: BTreeMap<u32, usize> = BTreeMap::new();
            for row in nearest {
                *votes.entry(released[*row]).or_default() += 1;
            }
            let most = votes.iter().max_by_key(|(_, votes)| **votes);
            most.is_some_and(|(guess, _)| *guess == secrets[target])
        }
        (AttackColumn::Numbers(released), AttackColumn::Numbers(secrets)) => {
            let secret = secrets[target];
            match median(nearest.iter().map(|row| released[*row])) {
                Some(guess) => (guess - secret).abs() <= TOLERANCE * guess.abs(),
                None => secret.is_nan(),
            }
        }
        _ => false,
    }
}

/// The published rows next to a row of another table.
struct Search<'a> {
    rows: usize,
    columns: Vec<Comparison<'a>>,
}

/// A column of both tables.
enum Comparison<'a> {
    Categories(&'a [u32], &'a [u32]),
    /// With one over the range of both together.
    Numbers(&'a [f64], &'a [f64], f64),
}

impl<'a> Search<'a> {
    fn new(released: &'a [AttackColumn], targets: &'a [AttackColumn], rows: usize) -> Search<'a> {
        let pairs = released.iter().zip(targets);
        let comparison = |pair: (&'a AttackColumn, &'a AttackColumn)| match pair {
            (AttackColumn::Categories(released), AttackColumn::Categories(targets)) => {
                Some(Comparison::Categories(released, targets))
            }
            (AttackColumn::Numbers(released), AttackColumn::Numbers(targets)) => {
                let finite = released.iter().chain(targets).filter(|x| x.is_finite());
                let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |range, x| {
                    (range.0.min(*x), range.1.max(*x))
                });
                let scale = if high > low { 1.0 / (high - low) } else { 1.0 };
                Some(Comparison::Numbers(released, targets, scale))
            }
            _ => None,
        };
        Search {
            rows,
            columns: pairs.filter_map(comparison).collect(),
        }
    }

    /// All rows at the least distance.
    fn nearest(&self, target: usize) -> Vec<usize> {
        let mut distances = vec![0.0; self.rows];
        for column in &self.columns {
            match column {
                Comparison::Categories(released, targets) => {
                    let target = targets[target];
                    for (distance, code) in distances.iter_mut().zip(*released) {
                        *distance += f64::from(u8::from(*code != target));
                    }
                }
                Comparison::Numbers(released, targets, scale) => {
                    let target = targets[target];
                    for (distance, number) in distances.iter_mut().zip(*released) {
                        let apart = (number - target).abs() * scale;
                        // A missing number is as far as can be from any, and next to a missing one.
                        *distance += match apart.is_nan() {
                            true => f64::from(u8::from(number.is_nan() != target.is_nan())),
                            false => apart,
                        };
                    }
                }
            }
        }
        let least = distances.iter().copied().fold(f64::INFINITY, f64::min);
        // Sums of the same parts in floating point may differ in their last digit.
        let near = |row: &usize| distances[*row] <= least + 1e-12;
        (0..self.rows).filter(near).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// People of an age and a class; the secret weight follows the class in everybody (`law`), or is
    /// each one's own.
    fn people(rows: usize, seed: u64, law: bool) -> (Vec<AttackColumn>, AttackColumn) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let classes: Vec<u32> = (0..rows).map(|_| rng.random_range(0..10)).collect();
        let ages = (0..rows).map(|_| rng.random_range(8.0..60.0)).collect();
        let weight = |class: &u32| if law { *class } else { rng.random_range(0..10) };
        let weights = classes.iter().map(weight).collect();
        let known = vec![
            AttackColumn::Categories(classes.clone()),
            AttackColumn::Numbers(ages),
        ];
        (known, AttackColumn::Categories(weights))
    }

    fn view((known, secret): &(Vec<AttackColumn>, AttackColumn)) -> SecretTable<'_> {
        SecretTable { known, secret }
    }

    fn attack(law: bool, released: Option<&(Vec<AttackColumn>, AttackColumn)>) -> InferenceResult {
        let (inside, outside) = (people(600, 1, law), people(600, 2, law));
        let released = released.unwrap_or(&inside);
        let settings = InferenceSettings::default();
        infer(view(released), view(&inside), view(&outside), &settings).unwrap()
    }

    #[test]
    fn a_table_published_as_it_is_tells_every_secret() {
        let result = attack(false, None);
        assert_eq!(result.residual.attack.rate, 1.0);
        assert!(result.residual.control.rate < 0.2 && result.guessing.rate < 0.2);
        assert!(result.residual.lower95 > 0.95, "{result:?}");
        assert_eq!(
            (result.targets, result.controls, result.sampled),
            (600, 600, false)
        );
    }

    #[test]
    fn what_is_true_of_everybody_is_no_one_s_secret() {
        let result = attack(true, None);
        assert_eq!(
            (result.residual.attack.rate, result.residual.control.rate),
            (1.0, 1.0)
        );
        assert!(result.residual.risk < 0.1, "{result:?}");
    }

    #[test]
    fn other_people_s_rows_tell_nothing_of_these() {
        let strangers = people(600, 3, false);
        let result = attack(false, Some(&strangers));
        assert!(result.residual.risk < 0.05 && result.residual.attack.rate < 0.2);
    }

    #[test]
    fn of_equally_near_rows_the_majority_is_believed() {
        let released = (
            vec![AttackColumn::Categories(vec![1, 1, 1, 2])],
            AttackColumn::Categories(vec![7, 8, 8, 9]),
        );
        let table = SecretTable {
            known: &released.0,
            secret: &released.1,
        };
        let (known, secret) = (
            [AttackColumn::Categories(vec![1, 1, 2, 3])],
            AttackColumn::Categories(vec![8, 7, 9, 8]),
        );
        let targets = SecretTable {
            known: &known,
            secret: &secret,
        };
        let result = infer(table, targets, targets, &InferenceSettings::default()).unwrap();
        // Class 1 is guessed 8, class 2 is guessed 9; nobody else has class 3, so all are as near: 8.
        assert_eq!(result.residual.attack.rate, 0.75);
    }

    #[test]
    fn numbers_are_compared_by_their_range_and_guessed_within_five_percent() {
        let known = [AttackColumn::Numbers(vec![10.0, 20.0, f64::NAN])];
        let secret = AttackColumn::Numbers(vec![60.0, 80.0, f64::NAN]);
        let released = SecretTable {
            known: &known,
            secret: &secret,
        };
        let known = [AttackColumn::Numbers(vec![13.0, 17.0, f64::NAN, 12.0])];
        let secret = AttackColumn::Numbers(vec![62.9, 84.1, f64::NAN, 60.0]);
        let targets = SecretTable {
            known: &known,
            secret: &secret,
        };
        let result = infer(released, targets, targets, &InferenceSettings::default()).unwrap();
        // 62.9 is within 5 % of 60; 84.1 is not of 80; a missing secret was known to be missing.
        assert_eq!(result.residual.attack.rate, 0.75);
    }

    #[test]
    fn large_tables_are_sampled_and_others_refused() {
        let (known, secret) = people(600, 1, false);
        let table = SecretTable {
            known: &known,
            secret: &secret,
        };
        let settings = InferenceSettings {
            most_targets: 50,
            most_rows: 100,
            seed: 1,
        };
        let result = infer(table, table, table, &settings).unwrap();
        assert_eq!((result.targets, result.sampled), (50, true));
        assert_eq!(infer(table, table, table, &settings).unwrap(), result);

        let narrow = SecretTable {
            known: &known[..1],
            secret: &secret,
        };
        let refused = infer(table, table, narrow, &settings).unwrap_err();
        assert!(
            refused.to_string().contains("of the control does not fit"),
            "{refused}"
        );
        let empty = SecretTable {
            known: &[],
            secret: &AttackColumn::Numbers(Vec::new()),
        };
        let refused = infer(empty, table, table, &settings).unwrap_err();
        assert_eq!(refused, AttackError::NoRows { table: "release" });
    }

    /// What Anonymeter found, written by tests/oracle/make_anonymeter_oracle.py.
    #[derive(Deserialize)]
    struct Oracle {
        cases: Vec<OracleCase>,
        tables: BTreeMap<String, OracleTable>,
    }

    #[derive(Deserialize)]
    struct OracleCase {
        secret: String,
        attack: u32,
        control: u32,
        risk: f64,
        interval: (f64, f64),
    }

    #[derive(Deserialize)]
    struct OracleTable {
        age: Vec<f64>,
        weight: Vec<f64>,
        class: Vec<u32>,
        engine: Vec<u32>,
        pace: Vec<f64>,
    }

    #[test]
    fn anonymeter_finds_the_same() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/anonymeter.json");
        let oracle: Oracle = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        for case in oracle.cases {
            let columns = |name: &str| {
                let table = &oracle.tables[name];
                let known = vec![
                    AttackColumn::Numbers(table.age.clone()),
                    AttackColumn::Numbers(table.weight.clone()),
                    AttackColumn::Categories(table.class.clone()),
                ];
                let secret = match case.secret.as_str() {
                    "engine" => AttackColumn::Categories(table.engine.clone()),
                    _ => AttackColumn::Numbers(table.pace.clone()),
                };
                (known, secret)
            };
            let (released, original, control) =
                (columns("released"), columns("original"), columns("control"));
            let settings = InferenceSettings::default();
            let result = infer(view(&released), view(&original), view(&control), &settings);
            let residual = result.unwrap().residual;
            let hits = |rate: Rate| (rate.rate * 150.0).round() as u32;
            let found = (hits(residual.attack), hits(residual.control));
            assert_eq!(found, (case.attack, case.control), "{}", case.secret);
            for (ours, theirs) in [
                (residual.risk, case.risk),
                (residual.lower95, case.interval.0),
                (residual.upper95, case.interval.1),
            ] {
                assert!(
                    (ours - theirs).abs() < 1e-6,
                    "{}: {ours}, not {theirs}",
                    case.secret
                );
            }
        }
    }
}
