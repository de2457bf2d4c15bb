//! The gate: what can be shown to be wrong with a release before anybody else can show it.
//!
//! It reads the written release, not the code's intentions, and knows the original only to search for
//! it. Two gates are measured here; the attacks (linkage, across releases, attribute inference) and
//! the utility are listed as not measured, so that nobody takes silence for safety.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use aho_corasick::AhoCorasick;
use serde::{Deserialize, Serialize};

use super::classes::Classes;
use super::combination;
use super::policy::{Action, Policy, PolicyError, SmallClasses};
use super::pseudonyms::{Pseudonyms, ReleaseKey};
use super::transforms::{SubjectNumber, identity};
use crate::datasets::tables::{Batch, Cell, ColumnType, Schema, Table, TableError};

/// Shorter texts occur everywhere by chance and are not searched for.
const SHORTEST_TOKEN: usize = 3;
/// Numbers of so many digits are licences, phones and loggers rather than counts.
const SHORTEST_NUMBER: usize = 5;
/// Cells whose search is remembered, so that repeated values are searched once.
const REMEMBERED_CELLS: usize = 100_000;

/// All gates of a release.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateReport {
    pub gates: Vec<Gate>,
}

/// One promise, and whether the release keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// `linkage`, `cross_release`, `class_size`, `attribute_inference`, `identity_tokens` or `utility`.
    pub name: String,
    pub outcome: Outcome,
    pub measured: Option<f64>,
    /// The least `class_size` and `utility`, the greatest of the others.
    pub threshold: f64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Passed,
    Failed {
        reason: String,
    },
    /// Nothing was shown, neither way.
    NotMeasured {
        reason: String,
    },
}

impl GateReport {
    /// Whether the release must not be published: some gate failed.
    pub fn refuses(&self) -> bool {
        let failed = |gate: &Gate| matches!(gate.outcome, Outcome::Failed { .. });
        self.gates.iter().any(failed)
    }

    /// The gate of that name.
    pub fn gate(&self, name: &str) -> Option<&Gate> {
        self.gates.iter().find(|gate| gate.name == name)
    }
}

/// Why the gates could not be measured at all.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    #[error(transparent)]
    Table(#[from] TableError),
    #[error(transparent)]
    Policy(#[from] PolicyError),
}

/// Measures the gates on `release`, which was written from `original` under the policy and key.
///
/// # Errors
/// [`GateError`] when a table cannot be read or the policy does not fit the original.
pub fn measure(
    original: &Table,
    release: &Table,
    policy: &Policy,
    key: &ReleaseKey,
) -> Result<GateReport, GateError> {
    policy.check(original.schema())?;
    let hidden = Hidden::collect(original, policy, key)?;
    let mut search = Search::new(&hidden, release.schema(), policy);
    let mut counter = ClassCounter::new(&hidden, release.schema(), policy);
    for batch in release.batches()? {
        let batch = batch?;
        search.read(&batch);
        counter.read(&batch);
    }
    let k = policy.minimum_class_size as f64;
    let not_measured = |name: &str, threshold: f64, reason: &str| Gate {
        name: name.to_owned(),
        outcome: Outcome::NotMeasured {
            reason: reason.to_owned(),
        },
        measured: None,
        threshold,
    };
    let chance = 1.0 / hidden.subjects.len().max(1) as f64;
    Ok(GateReport {
        gates: vec![
            not_measured(
                "linkage",
                1.0 / k + 0.05,
                "no attack with public race results was run",
            ),
            not_measured(
                "cross_release",
                chance + 0.05,
                "no attack across releases was run",
            ),
            counter.gate(k),
            not_measured("attribute_inference", 0.1, "no inference attack was run"),
            search.gate(),
            not_measured(
                "utility",
                0.9,
                "the pace ranking was not compared with the original",
            ),
        ],
    })
}

/// What the original holds and the release must not.
struct Hidden {
    /// Lower-case text → the column it identifies.
    tokens: BTreeMap<String, String>,
    /// Words of the subjects' names and how many subjects bear them, searched for as whole words.
    words: HashMap<String, u64>,
    subjects: HashMap<String, SubjectNumber>,
    /// Published subject → subject.
    published: HashMap<String, SubjectNumber>,
    /// Column → its pseudonyms.
    pseudonyms: HashMap<String, HashSet<String>>,
}

impl Hidden {
    fn collect(original: &Table, policy: &Policy, key: &ReleaseKey) -> Result<Hidden, TableError> {
        let schema = original.schema();
        let subject = schema.require(&policy.subject)?;
        let mut hidden = Hidden {
            tokens: BTreeMap::new(),
            words: HashMap::new(),
            subjects: HashMap::new(),
            published: HashMap::new(),
            pseudonyms: HashMap::new(),
        };
        let pseudonymised: Vec<(usize, &str, Vec<usize>)> = policy
            .columns
            .iter()
            .filter_map(|column| match &column.action {
                Action::Pseudonym { prefix, scope } => Some((
                    schema.position(&column.name)?,
                    prefix.as_str(),
                    scope
                        .iter()
                        .filter_map(|name| schema.position(name))
                        .collect(),
                )),
                _ => None,
            })
            .collect();
        let searched: Vec<usize> = (0..schema.columns().len())
            .filter(|position| {
                let action = policy.column(&schema.columns()[*position].name);
                let hides = action.is_some_and(|column| {
                    matches!(
                        column.action,
                        Action::Drop
                            | Action::Pseudonym { .. }
                            | Action::Shift { .. }
                            | Action::Ordinal
                    )
                });
                *position == subject || hides
            })
            .collect();

        // The names depend on all identities, so the rows that carry them are read twice.
        let mut pseudonyms = Pseudonyms::new(key);
        for batch in original.batches()? {
            let batch = batch?;
            for row in 0..batch.rows() {
                let cell = batch.column(subject).cell(row);
                if cell.is_missing() {
                    continue;
                }
                let next = hidden.subjects.len() as SubjectNumber;
                hidden.subjects.entry(cell.to_string()).or_insert(next);
                for (position, prefix, scope) in &pseudonymised {
                    let cell = batch.column(*position).cell(row);
                    if !cell.is_missing() {
                        pseudonyms.note(prefix, &identity(&batch, row, scope, Some(cell)));
                    }
                }
            }
            for &position in &searched {
                hidden.note_tokens(&batch, position, position == subject);
            }
        }
        // A word that k subjects bear singles none of them out: a first name, "driver" in "driver 7".
        let common = policy.minimum_class_size;
        hidden.words.retain(|_, subjects| *subjects < common);
        pseudonyms.settle();
        for batch in original.batches()? {
            let batch = batch?;
            for row in 0..batch.rows() {
                let person = batch.column(subject).cell(row).to_string();
                let Some(number) = hidden.subjects.get(&person).copied() else {
                    continue;
                };
                hidden.published.entry(person).or_insert(number);
                for (position, prefix, scope) in &pseudonymised {
                    let cell = batch.column(*position).cell(row);
                    let identity = identity(&batch, row, scope, Some(cell));
                    let Some(name) = pseudonyms.of(prefix, &identity) else {
                        continue;
                    };
                    if *position == subject {
                        hidden.published.insert(name.clone(), number);
                    }
                    let column = &schema.columns()[*position].name;
                    if let Some(names) = hidden.pseudonyms.get_mut(column) {
                        names.insert(name);
                    } else {
                        let names = HashSet::from([name]);
                        hidden.pseudonyms.insert(column.clone(), names);
                    }
                }
            }
        }
        Ok(hidden)
    }

    fn note_tokens(&mut self, batch: &Batch, position: usize, is_subject: bool) {
        let column = &batch.schema().columns()[position].name;
        for row in 0..batch.rows() {
            let cell = batch.column(position).cell(row);
            let shortest = match cell {
                Cell::Text(_) | Cell::Date(_) => SHORTEST_TOKEN,
                Cell::Integer(_) => SHORTEST_NUMBER,
                Cell::Missing | Cell::Number(_) | Cell::Boolean(_) => continue,
            };
            let token = cell.to_string().trim().to_lowercase();
            if token.chars().count() < shortest || self.tokens.contains_key(&token) {
                continue;
            }
            if is_subject {
                for word in words(&token).collect::<BTreeSet<_>>() {
                    *self.words.entry(word.to_owned()).or_default() += 1;
                }
            }
            self.tokens.insert(token, column.clone());
        }
    }
}

/// The parts of a name that are long enough to be searched for.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.chars().count() >= SHORTEST_TOKEN)
        .filter(|word| word.chars().any(char::is_alphabetic))
}

/// Searches the published cells for hidden texts.
struct Search<'a> {
    hidden: &'a Hidden,
    substrings: Result<AhoCorasick, String>,
    /// For each published column, the pseudonyms that it may hold.
    columns: Vec<(String, Option<&'a HashSet<String>>)>,
    clean: HashSet<String>,
    found: u64,
    /// Published column → where its first find is, what kind of find, and the column it gives away.
    places: BTreeMap<String, (u64, &'static str, String)>,
    rows: u64,
}

impl<'a> Search<'a> {
    fn new(hidden: &'a Hidden, release: &Schema, policy: &Policy) -> Search<'a> {
        let pseudonyms = |name: &String| match policy.column(name)?.action {
            Action::Pseudonym { .. } => hidden.pseudonyms.get(name),
            _ => None,
        };
        let columns = release.columns().iter();
        let mut search = Search {
            hidden,
            substrings: AhoCorasick::new(hidden.tokens.keys()).map_err(|error| error.to_string()),
            columns: columns
                .map(|column| (column.name.clone(), pseudonyms(&column.name)))
                .collect(),
            clean: HashSet::new(),
            found: 0,
            places: BTreeMap::new(),
            rows: 0,
        };
        // A name can stand in the header too: one column a driver.
        for column in release.columns() {
            if let Some((kind, source)) = search.find(&column.name) {
                search.note(&column.name, 0, kind, source);
            }
        }
        search
    }

    fn read(&mut self, batch: &Batch) {
        for (position, values) in batch.columns().iter().enumerate() {
            let (name, pseudonyms) = self.columns[position].clone();
            if !matches!(values.kind(), ColumnType::Text | ColumnType::Date) {
                continue;
            }
            for row in 0..values.len() {
                let cell = values.cell(row);
                if cell.is_missing() {
                    continue;
                }
                let line = self.rows + row as u64 + 1;
                let text = cell.to_string();
                // A pseudonym is random, so it may contain a short text by chance; it is judged whole.
                if let Some(pseudonyms) = pseudonyms {
                    if !pseudonyms.contains(&text) && text != super::HIDDEN {
                        self.note(&name, line, "not a pseudonym", &name);
                    }
                } else if !self.clean.contains(&text) {
                    match self.find(&text) {
                        Some((kind, source)) => self.note(&name, line, kind, source),
                        None if self.clean.len() < REMEMBERED_CELLS => {
                            self.clean.insert(text);
                        }
                        None => {}
                    }
                }
            }
        }
        self.rows += batch.rows() as u64;
    }

    /// What a text gives away, and of which original column.
    fn find(&self, text: &str) -> Option<(&'static str, &'a str)> {
        let text = text.to_lowercase();
        if let Some(source) = self.hidden.tokens.get(text.trim()) {
            return Some(("the value itself", source));
        }
        if let Ok(substrings) = &self.substrings
            && let Some(found) = substrings.find(&text)
        {
            let source = self.hidden.tokens.get(&text[found.range()]);
            return Some((
                "a text that contains a value",
                source.map_or("", String::as_str),
            ));
        }
        if words(&text).any(|word| self.hidden.words.contains_key(word)) {
            return Some(("a word of a subject's name", ""));
        }
        None
    }

    fn note(&mut self, column: &str, row: u64, kind: &'static str, source: &str) {
        self.found += 1;
        if !self.places.contains_key(column) {
            let place = (row, kind, source.to_owned());
            self.places.insert(column.to_owned(), place);
        }
    }

    fn gate(self) -> Gate {
        // The report is published with the release, so it never repeats what it found.
        let places: Vec<_> = self
            .places
            .iter()
            .map(|(column, (row, kind, source))| {
                let place = match row {
                    0 => format!("the name of column \"{column}\""),
                    row => format!("row {row} of column \"{column}\""),
                };
                match source.as_str() {
                    "" => format!("{place} is {kind}"),
                    source => format!("{place} is {kind} (original column \"{source}\")"),
                }
            })
            .collect();
        let outcome = match (&self.substrings, self.found) {
            (Err(error), 0) => Outcome::NotMeasured {
                reason: format!("the original has too many texts to search for: {error}"),
            },
            (_, 0) => Outcome::Passed,
            (_, found) => Outcome::Failed {
                reason: format!(
                    "{found} published texts give an identity away; first in each column: {}; drop \
                     or pseudonymise these columns",
                    places.join("; ")
                ),
            },
        };
        Gate {
            name: "identity_tokens".to_owned(),
            measured: match outcome {
                Outcome::NotMeasured { .. } => None,
                _ => Some(self.found as f64),
            },
            outcome,
            threshold: 0.0,
        }
    }
}

/// Counts the subjects of every published class.
struct ClassCounter<'a> {
    hidden: &'a Hidden,
    subject: Option<usize>,
    quasi_identifiers: Vec<usize>,
    classes: Classes,
    unknown: u64,
    rows: u64,
}

impl<'a> ClassCounter<'a> {
    fn new(hidden: &'a Hidden, release: &Schema, policy: &Policy) -> ClassCounter<'a> {
        let columns = policy.columns.iter();
        ClassCounter {
            hidden,
            subject: release.position(&policy.subject),
            quasi_identifiers: columns
                .filter(|column| column.quasi_identifier)
                .filter_map(|column| release.position(&column.name))
                .collect(),
            classes: Classes::default(),
            unknown: 0,
            rows: 0,
        }
    }

    fn read(&mut self, batch: &Batch) {
        self.rows += batch.rows() as u64;
        let Some(subject) = self.subject else {
            return;
        };
        for row in 0..batch.rows() {
            let unit = batch.column(subject).cell(row).to_string();
            let Some(number) = self.hidden.published.get(&unit) else {
                self.unknown += 1;
                continue;
            };
            let quasi_identifiers = self.quasi_identifiers.iter();
            let columns = quasi_identifiers.map(|position| batch.column(*position));
            self.classes
                .add(*number, Some(unit), combination(columns, row));
        }
    }

    fn gate(self, k: f64) -> Gate {
        let gate = |outcome, measured| Gate {
            name: "class_size".to_owned(),
            outcome,
            measured,
            threshold: k,
        };
        if self.subject.is_none() {
            let reason = "the release names no subjects, so those of a class cannot be counted in it; \
                          they were counted when it was written";
            return gate(
                Outcome::NotMeasured {
                    reason: reason.to_owned(),
                },
                None,
            );
        }
        if self.unknown > 0 || self.rows == 0 {
            let reason = match self.rows {
                0 => "the release has no rows".to_owned(),
                _ => format!("{} rows name no subject of the original", self.unknown),
            };
            return gate(Outcome::Failed { reason }, None);
        }
        // With k = 1 no class is hidden, and the smallest is the smallest that was published.
        let smallest = self.classes.resolve(1, SmallClasses::Drop).smallest;
        let smallest = smallest.unwrap_or(0) as f64;
        let outcome = if smallest >= k {
            Outcome::Passed
        } else {
            Outcome::Failed {
                reason: format!(
                    "the smallest class of quasi-identifiers has {smallest} subjects, {k} are \
                     wanted; use wider bands or drop a column"
                ),
            }
        };
        gate(outcome, Some(smallest))
    }
}
