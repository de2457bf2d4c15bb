//! Singling out: can a sentence be made from the release that is true of exactly one person?
//!
//! The attackers of Giomi et al. (2022), "A unified framework for quantifying privacy risk in synthetic
//! data" (Anonymeter), after Cohen and Nissim (2020): they look for predicates that hold for one
//! published row, of one column (a value that occurs once, the least and the greatest number) or of
//! several columns of one row (categories equal to its own, numbers at least or at most its own,
//! whichever side of the median it lies on). A predicate succeeds when it holds for exactly one of
//! the original people. As many people who are not in the release are the control: a predicate so
//! narrow that it holds for one of *them* as often says nothing about the release.
//!
//! Two differences: rows are people, so equal rows are several people and not one; and all three
//! tables are cut to one size before the attack instead of correcting the control's successes for
//! its size by a fitted curve.

use std::collections::{HashMap, HashSet};

use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;
use rand::seq::index::sample;
use rand::{Rng, RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

use super::intervals::ResidualRisk;
use super::{AttackColumn, AttackError};
use crate::datasets::anonymize::quantiles::median;

/// How the attack is run.
#[derive(Debug, Clone, PartialEq)]
pub struct SinglingOutSettings {
    /// Columns of a multivariate predicate, or all where there are fewer.
    pub columns: usize,
    /// The most predicates of each kind.
    pub most_predicates: usize,
    /// How many multivariate predicates are looked at, most of which hold for nobody alone.
    pub attempts: usize,
    /// The most people that are attacked.
    pub most_rows: usize,
    pub seed: u64,
}

impl Default for SinglingOutSettings {
    fn default() -> SinglingOutSettings {
        SinglingOutSettings {
            columns: 3,
            most_predicates: 500,
            attempts: 20_000,
            most_rows: 5_000,
            seed: 1,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SinglingOutResult {
    /// People attacked, and as many of the control.
    pub people: u64,
    /// Whether people were left out, because they are too many or the control too few.
    pub sampled: bool,
    pub univariate: SinglingOut,
    pub multivariate: SinglingOut,
}

/// One kind of predicates.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SinglingOut {
    /// Predicates found that hold for one published row.
    pub predicates: u64,
    /// How they did; nothing where there was none to try.
    pub residual: Option<ResidualRisk>,
}

/// Attacks a release of people. Row n of `released` and of `original` is the same person; `control` are
/// other people of the same population. `original` and `control` hold the values that the release would
/// show of them (bands, generalised categories), so that columns can be compared.
///
/// # Errors
/// [`AttackError::NoRows`] for an empty table, [`AttackError::Columns`] for tables that differ in their
/// columns.
pub fn single_out(
    released: &[AttackColumn],
    original: &[AttackColumn],
    control: &[AttackColumn],
    settings: &SinglingOutSettings,
) -> Result<SinglingOutResult, AttackError> {
    let rows = |table: &[AttackColumn]| table.first().map_or(0, AttackColumn::rows);
    super::check_columns("release", released.iter(), released.iter(), rows(released))?;
    super::check_columns("original", original.iter(), released.iter(), rows(released))?;
    super::check_columns("control", control.iter(), released.iter(), rows(control))?;
    let mut rng = ChaCha8Rng::seed_from_u64(settings.seed);
    let rng = &mut rng;
    let people = rows(released)
        .min(rows(control))
        .min(settings.most_rows.max(1));
    let sampled = people < rows(released).max(rows(control));
    let attacked = sample(rng, rows(released), people).into_vec();
    let others = sample(rng, rows(control), people).into_vec();
    let (released, original) = (choose(released, &attacked), choose(original, &attacked));
    let others = choose(control, &others);
    let evaluate = |predicates: Vec<Predicate>| {
        let tried = predicates.len() as f64;
        let successes = |table: &[AttackColumn]| {
            let singles_out = |predicate: &&Predicate| singles_out(predicate, table);
            (predicates.iter().filter(singles_out).count() as f64, tried)
        };
        SinglingOut {
            predicates: predicates.len() as u64,
            residual: (!predicates.is_empty())
                .then(|| ResidualRisk::of(successes(&original), successes(&others))),
        }
    };
    Ok(SinglingOutResult {
        people: people as u64,
        sampled,
        univariate: evaluate(univariate(&released, settings, rng)),
        multivariate: evaluate(multivariate(&released, settings, rng)),
    })
}

/// As [`single_out`], where nobody is known who is not in the release: the control is everybody else. A
/// predicate made from one person's row succeeds when it holds for exactly one of the original people,
/// and its control when it holds for exactly one of the *others*, whose rows it was not made from.
///
/// The release is attacked whole, or as much of it as `most_rows`: a part of a class of k would be
/// smaller than k.
///
/// # Errors
/// As [`single_out`].
pub fn single_out_among(
    released: &[AttackColumn],
    original: &[AttackColumn],
    settings: &SinglingOutSettings,
) -> Result<SinglingOutResult, AttackError> {
    let rows = released.first().map_or(0, AttackColumn::rows);
    super::check_columns("release", released.iter(), released.iter(), rows)?;
    super::check_columns("original", original.iter(), released.iter(), rows)?;
    let mut rng = ChaCha8Rng::seed_from_u64(settings.seed);
    let rng = &mut rng;
    let people = rows.min(settings.most_rows.max(1));
    let attacked = sample(rng, rows, people).into_vec();
    let (released, original) = (choose(released, &attacked), choose(original, &attacked));
    let evaluate = |predicates: Vec<Predicate>| {
        let (mut attack, mut control) = (0.0, 0.0);
        for predicate in &predicates {
            let source = holding(predicate, &released).next();
            let mut others = holding(predicate, &original).filter(|row| Some(*row) != source);
            control += f64::from(others.next().is_some() && others.next().is_none());
            attack += f64::from(singles_out(predicate, &original));
        }
        let tried = predicates.len() as f64;
        SinglingOut {
            predicates: predicates.len() as u64,
            residual: (!predicates.is_empty())
                .then(|| ResidualRisk::of((attack, tried), (control, tried))),
        }
    };
    Ok(SinglingOutResult {
        people: people as u64,
        sampled: people < rows,
        univariate: evaluate(univariate(&released, settings, rng)),
        multivariate: evaluate(multivariate(&released, settings, rng)),
    })
}

fn choose(table: &[AttackColumn], rows: &[usize]) -> Vec<AttackColumn> {
    table.iter().map(|column| column.choose(rows)).collect()
}

/// Conditions on columns that all hold, ordered by column.
type Predicate = Vec<(usize, Condition)>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Condition {
    Category(u32),
    /// Numbers by their bits, so that predicates can be told apart.
    Number(u64),
    AtMost(u64),
    AtLeast(u64),
    Missing,
}

impl Condition {
    fn holds(self, column: &AttackColumn, row: usize) -> bool {
        match (self, column) {
            (Condition::Category(code), AttackColumn::Categories(codes)) => codes[row] == code,
            (Condition::Number(bits), AttackColumn::Numbers(numbers)) => {
                numbers[row] == f64::from_bits(bits)
            }
            (Condition::AtMost(bits), AttackColumn::Numbers(numbers)) => {
                numbers[row] <= f64::from_bits(bits)
            }
            (Condition::AtLeast(bits), AttackColumn::Numbers(numbers)) => {
                numbers[row] >= f64::from_bits(bits)
            }
            (Condition::Missing, AttackColumn::Numbers(numbers)) => numbers[row].is_nan(),
            _ => false,
        }
    }
}

/// The rows that a predicate is true of.
fn holding<'a>(
    predicate: &'a [(usize, Condition)],
    table: &'a [AttackColumn],
) -> impl Iterator<Item = usize> + 'a {
    let rows = table.first().map_or(0, AttackColumn::rows);
    let holds = |row: &usize| {
        let mut conditions = predicate.iter();
        conditions.all(|(column, condition)| condition.holds(&table[*column], *row))
    };
    (0..rows).filter(holds)
}

fn singles_out(predicate: &[(usize, Condition)], table: &[AttackColumn]) -> bool {
    holding(predicate, table).take(2).count() == 1
}

fn univariate(
    released: &[AttackColumn],
    settings: &SinglingOutSettings,
    rng: &mut impl Rng,
) -> Vec<Predicate> {
    let mut predicates = Vec::new();
    for (position, column) in released.iter().enumerate() {
        let mut conditions = Vec::new();
        match column {
            AttackColumn::Categories(codes) => {
                conditions.extend(codes.iter().map(|code| Condition::Category(*code)));
            }
            AttackColumn::Numbers(numbers) => {
                conditions.extend(numbers.iter().map(|number| match number {
                    number if number.is_nan() => Condition::Missing,
                    number => Condition::Number(number.to_bits()),
                }));
                let numbers = || numbers.iter().copied().filter(|number| !number.is_nan());
                if let (Some(least), Some(most)) =
                    (numbers().reduce(f64::min), numbers().reduce(f64::max))
                {
                    conditions.push(Condition::AtMost(least.to_bits()));
                    conditions.push(Condition::AtLeast(most.to_bits()));
                }
            }
        }
        // Of values only those that occur once: the others cannot hold for one row alone.
        let mut counts: HashMap<Condition, usize> = HashMap::new();
        for condition in &conditions {
            *counts.entry(*condition).or_default() += 1;
        }
        conditions.retain(|condition| counts[condition] == 1);
        predicates.extend(
            conditions
                .into_iter()
                .map(|condition| vec![(position, condition)]),
        );
    }
    predicates.shuffle(rng);
    let singles_out = |predicate: &Predicate| singles_out(predicate, released);
    let singling_out = predicates.into_iter().filter(singles_out);
    singling_out.take(settings.most_predicates).collect()
}

fn multivariate(
    released: &[AttackColumn],
    settings: &SinglingOutSettings,
    rng: &mut impl Rng,
) -> Vec<Predicate> {
    let median = |column: &AttackColumn| match column {
        AttackColumn::Numbers(numbers) => median(numbers.iter().copied()).unwrap_or(f64::NAN),
        AttackColumn::Categories(_) => f64::NAN,
    };
    let medians: Vec<f64> = released.iter().map(median).collect();
    let rows = released.first().map_or(0, AttackColumn::rows);
    let width = settings.columns.clamp(1, released.len());
    let mut seen = HashSet::new();
    let mut predicates = Vec::new();
    for _ in 0..settings.attempts {
        if predicates.len() >= settings.most_predicates {
            break;
        }
        let row = rng.random_range(0..rows);
        let mut columns = sample(rng, released.len(), width).into_vec();
        columns.sort_unstable();
        let condition = |position: usize| match &released[position] {
            AttackColumn::Categories(codes) => Condition::Category(codes[row]),
            AttackColumn::Numbers(numbers) => match numbers[row] {
                number if number.is_nan() => Condition::Missing,
                number if number > medians[position] => Condition::AtLeast(number.to_bits()),
                number => Condition::AtMost(number.to_bits()),
            },
        };
        let predicate: Predicate = columns.into_iter().map(|n| (n, condition(n))).collect();
        if seen.insert(predicate.clone()) && singles_out(&predicate, released) {
            predicates.push(predicate);
        }
    }
    predicates
}

#[cfg(test)]
mod tests {
    use super::*;

    /// People of an age, a weight, a class and a licence number that is each one's own.
    fn people(rows: u32, seed: u64) -> Vec<AttackColumn> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut number = |low: f64, high: f64| {
            let number = |_| (rng.random_range(low..high) * 10.0_f64).round() / 10.0;
            AttackColumn::Numbers((0..rows).map(number).collect())
        };
        let (age, weight) = (number(8.0, 60.0), number(30.0, 110.0));
        let classes = (0..rows).map(|_| rng.random_range(0..8)).collect();
        let licences = (0..rows).map(|row| row + 1000 * seed as u32).collect();
        let categories = AttackColumn::Categories;
        vec![age, weight, categories(classes), categories(licences)]
    }

    fn attack(released: &[AttackColumn], width: usize) -> SinglingOutResult {
        let (original, control) = (people(400, 1), people(500, 2));
        let settings = SinglingOutSettings::default();
        single_out(released, &original[..width], &control[..width], &settings).unwrap()
    }

    #[test]
    fn nobody_is_singled_out_of_classes_however_few_there_are() {
        // Twenty people in four classes of five; then the same with a number that each has alone.
        let class = AttackColumn::Categories((0..20).map(|person| person % 4).collect());
        let settings = SinglingOutSettings::default();
        let classes = [class.clone()];
        let safe = single_out_among(&classes, &classes, &settings).unwrap();
        assert_eq!(
            (safe.univariate.predicates, safe.multivariate.predicates),
            (0, 0)
        );
        let telling = [
            class,
            AttackColumn::Numbers((0..20).map(f64::from).collect()),
        ];
        let told = single_out_among(&telling, &telling, &settings).unwrap();
        let residual = told.univariate.residual.unwrap();
        assert_eq!((residual.attack.rate, told.people), (1.0, 20));
        assert!(residual.risk > 0.5, "{residual:?}");
    }

    #[test]
    fn unique_values_single_out_the_people_they_belong_to() {
        let result = attack(&people(400, 1), 4);
        let univariate = result.univariate.residual.unwrap();
        assert!(result.univariate.predicates > 400, "{result:?}");
        assert!(univariate.attack.rate == 1.0 && univariate.risk > 0.5);
        let multivariate = result.multivariate.residual.unwrap();
        assert_eq!(result.multivariate.predicates, 500);
        assert!(multivariate.attack.rate == 1.0 && multivariate.risk > 0.9);
        assert!(result.sampled && result.people == 400);
    }

    #[test]
    fn strangers_rows_single_nobody_out_beyond_the_control() {
        let strangers = people(400, 3);
        let result = attack(&strangers[..3], 3);
        let residual = result.multivariate.residual.unwrap();
        assert!(
            residual.attack.rate > 0.1,
            "narrow predicates hit by chance: {residual:?}"
        );
        assert!(residual.risk < 0.1, "{residual:?}");
    }

    #[test]
    fn classes_of_people_who_look_alike_leave_nothing_to_say() {
        let band = |column: AttackColumn| match column {
            AttackColumn::Numbers(_) => {
                AttackColumn::Numbers((0..400).map(|n| f64::from(n / 10)).collect())
            }
            _ => AttackColumn::Categories((0..400).map(|n| n / 10).collect()),
        };
        let released: Vec<_> = people(400, 1).into_iter().map(band).collect();
        let result = attack(&released, 4);
        let nothing = SinglingOut {
            predicates: 0,
            residual: None,
        };
        assert_eq!((result.univariate, result.multivariate), (nothing, nothing));
    }

    #[test]
    fn one_column_gives_its_ends_and_its_rare_values() {
        let released = [
            AttackColumn::Numbers(vec![5.0, 1.0, 9.0, 5.0, f64::NAN]),
            AttackColumn::Categories(vec![1, 1, 2, 2, 3]),
        ];
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let settings = SinglingOutSettings::default();
        let found: HashSet<_> = univariate(&released, &settings, &mut rng)
            .into_iter()
            .collect();
        let expected = [
            (0, Condition::Number(1f64.to_bits())),
            (0, Condition::Number(9f64.to_bits())),
            (0, Condition::AtMost(1f64.to_bits())),
            (0, Condition::AtLeast(9f64.to_bits())),
            (0, Condition::Missing),
            (1, Condition::Category(3)),
        ];
        assert_eq!(
            found,
            expected
                .into_iter()
                .map(|condition| vec![condition])
                .collect()
        );
    }

    #[test]
    fn tables_that_differ_are_refused() {
        let (four, three) = (people(10, 1), people(10, 2)[..3].to_vec());
        let settings = SinglingOutSettings::default();
        let refused = single_out(&four, &four, &three, &settings).unwrap_err();
        assert!(
            refused.to_string().contains("of the control does not fit"),
            "{refused}"
        );
        let refused = single_out(&four, &people(9, 1), &four, &settings).unwrap_err();
        assert!(
            refused.to_string().contains("it has 9 rows, 10 rows"),
            "{refused}"
        );
        let refused = single_out(&[], &[], &[], &settings).unwrap_err();
        assert_eq!(refused, AttackError::NoRows { table: "release" });
    }
}
