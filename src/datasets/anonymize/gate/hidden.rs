//! What the original holds and the release must not: names and other identifiers, and who is behind
//! each pseudonym.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::super::policy::{Action, Policy};
use super::super::pseudonyms::{Pseudonyms, ReleaseKey};
use super::super::transforms::{SubjectNumber, identity};
use super::events::Events;
use crate::datasets::tables::{Batch, Cell, Table, TableError};

/// Shorter texts occur everywhere by chance and are not searched for.
const SHORTEST_TOKEN: usize = 3;
/// Numbers of so many digits are licences, phones and loggers rather than counts.
const SHORTEST_NUMBER: usize = 5;

/// What the original holds and the release must not.
pub(super) struct Hidden {
    /// Lower-case text → the column it identifies.
    pub(super) tokens: BTreeMap<String, String>,
    /// Words of the subjects' names and how many subjects bear them, searched for as whole words.
    pub(super) words: HashMap<String, u64>,
    pub(super) subjects: HashMap<String, SubjectNumber>,
    /// Column → its pseudonyms. Those of the subjects are with the events.
    pseudonyms: HashMap<String, HashSet<String>>,
    /// The column of the subjects, where they have pseudonyms.
    pseudonymous_subject: Option<String>,
    pub(super) events: Events,
}

impl Hidden {
    pub(super) fn collect(
        original: &Table,
        policy: &Policy,
        key: &ReleaseKey,
    ) -> Result<Hidden, TableError> {
        let schema = original.schema();
        let subject = schema.require(&policy.subject)?;
        let mut hidden = Hidden {
            tokens: BTreeMap::new(),
            words: HashMap::new(),
            subjects: HashMap::new(),
            pseudonyms: HashMap::new(),
            pseudonymous_subject: None,
            events: Events::new(policy, schema),
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
        if pseudonymised.iter().any(|column| column.0 == subject) {
            hidden.pseudonymous_subject = Some(policy.subject.clone());
        }
        let searched: Vec<usize> = (0..schema.columns().len())
            .filter(|position| {
                let action = policy.column(&schema.columns()[*position].name);
                let hides = action.is_some_and(|column| {
                    matches!(
                        column.action,
                        Action::Drop
                            | Action::Statistics(_)
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
                let name_of = |position: usize, prefix: &str, scope: &[usize]| {
                    let cell = batch.column(position).cell(row);
                    pseudonyms.of(prefix, &identity(&batch, row, scope, Some(cell)))
                };
                let name_of_column = |position: usize| {
                    let (_, prefix, scope) =
                        pseudonymised.iter().find(|column| column.0 == position)?;
                    name_of(position, prefix, scope)
                };
                let unit = name_of_column(subject).unwrap_or(person);
                let events = &mut hidden.events;
                events.note(&batch, row, number, unit, name_of_column);
                let others = pseudonymised.iter().filter(|column| column.0 != subject);
                for (position, prefix, scope) in others {
                    let Some(name) = name_of(*position, prefix, scope) else {
                        continue;
                    };
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
        hidden.events.settle();
        Ok(hidden)
    }

    /// The subject whom the release calls so.
    pub(super) fn subject_of(&self, unit: &str) -> Option<SubjectNumber> {
        let known = self.events.subject_of(unit);
        known.or_else(|| self.subjects.get(unit).copied())
    }

    /// Whether a text is a pseudonym of that column.
    pub(super) fn is_pseudonym(&self, column: &str, text: &str) -> bool {
        if self.pseudonymous_subject.as_deref() == Some(column) {
            return self.events.subject_of(text).is_some();
        }
        let names = self.pseudonyms.get(column);
        names.is_some_and(|names| names.contains(text))
    }

    fn note_tokens(&mut self, batch: &Batch, position: usize, is_subject: bool) {
        let column = &batch.schema().columns()[position].name;
        let cells = batch.column(position);
        for row in 0..batch.rows() {
            let cell = cells.cell(row);
            // The laps of a driver stand together in most tables.
            if row > 0 && cell == cells.cell(row - 1) {
                continue;
            }
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
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.chars().count() >= SHORTEST_TOKEN)
        .filter(|word| word.chars().any(char::is_alphabetic))
}
