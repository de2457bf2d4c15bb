//! The gates that attack a release as a table of people: can one be singled out, and does it tell what
//! was not known of them?
//!
//! A person is a published subject, in each event where the pseudonyms are scoped to it. What the attacker
//! knows are the quasi-identifiers; what there is to find out are the other columns: words that are the
//! same in all rows of a person, and the median of a person's numbers. To guess those, a fifth of the
//! people is taken out of the release at random and serves as the control; that is repeated until enough
//! were attacked. To single people out, everybody else is the control.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;

use super::super::attacks::AttackColumn;
use super::super::attacks::attribute_inference::{InferenceSettings, SecretTable, infer};
use super::super::attacks::intervals::ResidualRisk;
use super::super::attacks::singling_out::{SinglingOutSettings, single_out_among};
use super::super::policy::{Action, Policy};
use super::super::quantiles::median;
use super::super::transforms::SubjectNumber;
use super::hidden::Hidden;
use super::sequences::Sequences;
use super::{Attacks, AttributeAttack, Gate, Outcome};
use crate::datasets::tables::{Batch, ColumnType, Table, TableError};

/// The most people that are attacked.
const MOST_PEOPLE: usize = 20_000;
/// Attacks that make a rate steady.
const ENOUGH_ATTACKS: usize = 2_000;
/// The greatest residual risk: how much more is found out about people in the release than about others.
const MOST_RISK: f64 = 0.1;

/// The people of a release, as it shows them and as they are.
pub(super) struct People {
    count: usize,
    /// Quasi-identifiers, as the release shows them.
    known: Vec<AttackColumn>,
    /// Columns to be found out: name, as released, and as it really is.
    secrets: Vec<(String, AttackColumn, AttackColumn)>,
}

/// Gathers the people of a release; nobody where it names no subjects.
pub(super) fn gather(
    release: &Table,
    policy: &Policy,
    hidden: &Hidden,
    sequences: &Sequences,
) -> Result<People, TableError> {
    let columns = release.schema().columns();
    let Some(unit) = release.schema().position(&policy.subject) else {
        return Ok(People {
            count: 0,
            known: Vec::new(),
            secrets: Vec::new(),
        });
    };
    let is_known = |name: &str| {
        policy
            .column(name)
            .is_some_and(|column| column.quasi_identifier)
    };
    let is_pseudonym = |name: &str| {
        let stated = policy.column(name);
        stated.is_some_and(|column| matches!(column.action, Action::Pseudonym { .. }))
    };
    // Numbers come with the sequences; what is left are words.
    let words: Vec<usize> = (0..columns.len())
        .filter(|&position| {
            let column = &columns[position];
            let is_word = matches!(column.kind, ColumnType::Text | ColumnType::Boolean);
            is_known(&column.name) || is_word && position != unit && !is_pseudonym(&column.name)
        })
        .collect();
    let mut people: BTreeMap<(u32, SubjectNumber), Vec<Option<String>>> = BTreeMap::new();
    for batch in release.batches()? {
        note(&batch?, unit, &words, hidden, &mut people);
    }
    let mut known = Vec::new();
    let mut secrets = Vec::new();
    for (index, &position) in words.iter().enumerate() {
        let values: Vec<Option<&str>> = people
            .values()
            .map(|words| words[index].as_deref())
            .collect();
        let name = &columns[position].name;
        // A column that varies within a person is no attribute of theirs.
        let varies = values.iter().filter(|value| value.is_none()).count();
        let column = AttackColumn::Categories(codes(&values));
        if is_known(name) {
            known.push(column);
        } else if varies * 10 <= values.len() {
            secrets.push((name.clone(), column.clone(), column));
        }
    }
    for column in &sequences.columns {
        let mut released = vec![f64::NAN; people.len()];
        let mut real = released.clone();
        let positions: HashMap<(u32, SubjectNumber), usize> =
            people.keys().copied().zip(0..).collect();
        for (number, event) in &column.events {
            let is_scaled = policy
                .laps
                .as_ref()
                .is_some_and(|laps| laps.time == column.column);
            let all = event
                .original
                .iter()
                .flat_map(|(_, values)| values.iter().copied());
            let scale = match is_scaled {
                true => median(all).unwrap_or(1.0),
                false => 1.0,
            };
            let sides = [
                (&event.released, &mut released, 1.0),
                (&event.original, &mut real, scale),
            ];
            for (sequences, column, scale) in sides {
                for (subject, values) in sequences {
                    if let Some(&position) = positions.get(&(*number, *subject)) {
                        column[position] = median(values.iter().copied())
                            .map_or(f64::NAN, |middle| middle / scale);
                    }
                }
            }
        }
        if released.iter().any(|number| number.is_finite()) {
            let name = column.column.clone();
            secrets.push((
                name,
                AttackColumn::Numbers(released),
                AttackColumn::Numbers(real),
            ));
        }
    }
    Ok(People {
        count: people.len(),
        known,
        secrets,
    })
}

/// Notes the words of each person; nothing stays of those that differ from row to row.
fn note(
    batch: &Batch,
    unit: usize,
    words: &[usize],
    hidden: &Hidden,
    people: &mut BTreeMap<(u32, SubjectNumber), Vec<Option<String>>>,
) {
    for row in 0..batch.rows() {
        let unit = batch.column(unit).cell(row).to_string();
        let Some(place) = hidden.events.of_released(batch, row, &unit) else {
            continue;
        };
        let cell = |position: &usize| batch.column(*position).cell(row);
        let is_full = people.len() == MOST_PEOPLE;
        match people.entry(place) {
            Entry::Occupied(mut person) => {
                for (word, position) in person.get_mut().iter_mut().zip(words) {
                    let cell = cell(position).to_string();
                    if word.as_ref().is_some_and(|word| *word != cell) {
                        *word = None;
                    }
                }
            }
            Entry::Vacant(_) if is_full => {}
            Entry::Vacant(free) => {
                let person = words
                    .iter()
                    .map(|position| Some(cell(position).to_string()));
                free.insert(person.collect());
            }
        }
    }
}

fn codes(values: &[Option<&str>]) -> Vec<u32> {
    let mut dictionary: HashMap<Option<&str>, u32> = HashMap::new();
    let mut code = |value| {
        let next = dictionary.len() as u32; // no more than people
        *dictionary.entry(value).or_insert(next)
    };
    values.iter().map(|value| code(*value)).collect()
}

/// The gates, with the figures behind them.
pub(super) fn gates(people: &People, attacks: &mut Attacks) -> [Gate; 2] {
    let rounds = ENOUGH_ATTACKS.div_ceil(people.count.max(1)).clamp(1, 40) as u64;
    let splits: Vec<Split> = (0..rounds)
        .map(|seed| Split::draw(people.count, seed))
        .collect();
    for (name, released, real) in &people.secrets {
        if let Some(residual) = infer_over(people, released, real, &splits) {
            attacks.inference.push(AttributeAttack {
                column: name.clone(),
                residual,
            });
        }
    }
    attacks.singling_out = single_out_people(people);
    [
        gate(
            "singling_out",
            attacks.singling_out.map(|risk| (risk, String::new())),
        ),
        gate(
            "attribute_inference",
            attacks
                .inference
                .iter()
                .max_by(|a, b| a.residual.risk.total_cmp(&b.residual.risk))
                .map(|attack| (attack.residual, attack.column.clone())),
        ),
    ]
}

/// Who stays in the release, and who is the control.
struct Split {
    inside: Vec<usize>,
    control: Vec<usize>,
}

impl Split {
    fn draw(people: usize, seed: u64) -> Split {
        let mut order: Vec<usize> = (0..people).collect();
        order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        let control = order.split_off(people - people / 5);
        Split {
            inside: order,
            control,
        }
    }
}

/// Attacks a secret over all splits; nothing where there is nothing known to begin from.
fn infer_over(
    people: &People,
    released: &AttackColumn,
    real: &AttackColumn,
    splits: &[Split],
) -> Option<ResidualRisk> {
    if people.known.is_empty() {
        return None;
    }
    let mut counts = Counts::default();
    for (seed, split) in (0..).zip(splits) {
        let known = |rows: &[usize]| -> Vec<AttackColumn> {
            people
                .known
                .iter()
                .map(|column| column.choose(rows))
                .collect()
        };
        let (inside, control) = (known(&split.inside), known(&split.control));
        let shown = released.choose(&split.inside);
        let (real_inside, real_control) = (real.choose(&split.inside), real.choose(&split.control));
        let table = |known, secret| SecretTable { known, secret };
        let settings = InferenceSettings {
            seed,
            ..InferenceSettings::default()
        };
        let result = infer(
            table(&inside, &shown),
            table(&inside, &real_inside),
            table(&control, &real_control),
            &settings,
        );
        // A split without a control has nothing to say.
        let Ok(result) = result else { continue };
        counts.add(&result.residual, result.targets, result.controls);
    }
    counts.residual()
}

fn single_out_people(people: &People) -> Option<ResidualRisk> {
    let shown = people.secrets.iter().map(|(_, released, _)| released);
    let shown: Vec<AttackColumn> = people.known.iter().chain(shown).cloned().collect();
    let real = people.secrets.iter().map(|(_, _, real)| real);
    let real: Vec<AttackColumn> = people.known.iter().chain(real).cloned().collect();
    let result = single_out_among(&shown, &real, &SinglingOutSettings::default()).ok()?;
    let mut counts = Counts::default();
    for attack in [result.univariate, result.multivariate] {
        if let Some(residual) = attack.residual {
            counts.add(&residual, attack.predicates, attack.predicates);
        }
    }
    counts.residual()
}

/// Hits and tries of both groups, over all splits.
#[derive(Default)]
struct Counts {
    attack: (f64, f64),
    control: (f64, f64),
}

impl Counts {
    fn add(&mut self, residual: &ResidualRisk, targets: u64, controls: u64) {
        let (targets, controls) = (targets as f64, controls as f64);
        self.attack.0 += residual.attack.rate * targets;
        self.attack.1 += targets;
        self.control.0 += residual.control.rate * controls;
        self.control.1 += controls;
    }

    fn residual(&self) -> Option<ResidualRisk> {
        if self.attack.1 == 0.0 || self.control.1 == 0.0 {
            return None;
        }
        let mut residual = ResidualRisk::of(self.attack, self.control);
        // From the rates as they are: where nearly all is guessed right in both groups, the centres of
        // their intervals differ by their sizes alone.
        let (attack, control) = (residual.attack.rate, residual.control.rate);
        residual.risk = match 1.0 - control {
            room if room > 0.0 => ((attack - control) / room).clamp(0.0, 1.0),
            _ => 0.0,
        };
        Some(residual)
    }
}

fn gate(name: &str, worst: Option<(ResidualRisk, String)>) -> Gate {
    let measured = worst.as_ref().map(|(residual, _)| residual.risk);
    let outcome = match worst {
        None => Outcome::NotApplicable {
            reason: match name {
                "singling_out" => "no published row stands out, so there is no sentence to try",
                _ => "the release shows no quasi-identifiers to begin from, or nothing beside them",
            }
            .to_owned(),
        },
        Some((residual, _)) if residual.risk <= MOST_RISK => Outcome::Passed,
        Some((residual, column)) if column.is_empty() => Outcome::Failed {
            reason: format!(
                "of sentences made from the release, {:.0} % are true of exactly one person, {:.0} % of \
                 exactly one of the others; use wider bands or drop a column",
                residual.attack.rate * 100.0,
                residual.control.rate * 100.0,
            ),
        },
        Some((residual, column)) => Outcome::Failed {
            reason: format!(
                "\"{column}\" of people in the release is guessed from their quasi-identifiers in {:.0} % of \
                 cases, of others in {:.0} %; use larger classes, or drop the column",
                residual.attack.rate * 100.0,
                residual.control.rate * 100.0,
            ),
        },
    };
    Gate {
        name: name.to_owned(),
        outcome,
        measured,
        threshold: MOST_RISK,
    }
}
