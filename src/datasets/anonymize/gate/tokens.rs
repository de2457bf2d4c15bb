//! The search for names and other identifiers in the published bytes.

use std::collections::{BTreeMap, HashSet};

use aho_corasick::AhoCorasick;

use super::super::HIDDEN;
use super::super::policy::{Action, Policy};
use super::hidden::{Hidden, words};
use super::{Gate, Outcome};
use crate::datasets::tables::{Batch, ColumnType, Schema};

/// Cells whose search is remembered, so that repeated values are searched once.
const REMEMBERED_CELLS: usize = 100_000;

/// Searches the published cells for hidden texts.
pub(super) struct Search<'a> {
    hidden: &'a Hidden,
    substrings: Result<AhoCorasick, String>,
    /// The published columns, and whether each holds pseudonyms.
    columns: Vec<(String, bool)>,
    clean: HashSet<String>,
    found: u64,
    /// Published column → where its first find is, what kind of find, and the column it gives away.
    places: BTreeMap<String, (u64, &'static str, String)>,
    rows: u64,
}

impl<'a> Search<'a> {
    pub(super) fn new(hidden: &'a Hidden, release: &Schema, policy: &Policy) -> Search<'a> {
        let has_pseudonyms = |name: &str| {
            let stated = policy.column(name);
            stated.is_some_and(|column| matches!(column.action, Action::Pseudonym { .. }))
        };
        let columns = release.columns().iter();
        let mut search = Search {
            hidden,
            substrings: AhoCorasick::new(hidden.tokens.keys()).map_err(|error| error.to_string()),
            columns: columns
                .map(|column| (column.name.clone(), has_pseudonyms(&column.name)))
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

    pub(super) fn read(&mut self, batch: &Batch) {
        for (position, values) in batch.columns().iter().enumerate() {
            let (name, has_pseudonyms) = self.columns[position].clone();
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
                if has_pseudonyms {
                    if !self.hidden.is_pseudonym(&name, &text) && text != HIDDEN {
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

    pub(super) fn gate(self) -> Gate {
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
