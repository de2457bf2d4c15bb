//! The levels of generalised quasi-identifiers: a table's subjects as the
//! [search](super::k_anonymity) wants them, one row each, and what it found for the columns.
//!
//! The row of a subject is the first that is published. Rows of one subject that differ are published
//! at the columns' levels, and the classes that come of it are judged afterwards, as those of any policy.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::AnonymizationError;
use super::k_anonymity::hierarchy::Hierarchy;
use super::k_anonymity::models::{Criterion, SensitiveColumn};
use super::k_anonymity::{Input, KAnonymityError, QuasiIdentifier, Requirements, search};
use super::policy::{Generalisation, Policy, Recoding};
use super::transforms::{SubjectNumber, Transform};
use crate::datasets::tables::{Batch, Cell, ColumnType, Schema};

/// What the search for levels found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GeneralisationReport {
    pub columns: Vec<GeneralisedColumn>,
    pub recoding: Recoding,
    /// The normalised certainty penalty of what the search publishes, from 0 (nothing lost) to 1.
    pub ncp: f64,
    /// Subjects that were searched with: those whose first row lacks none of the values.
    pub searched_subjects: u64,
    /// Those of them whom the search left to `small_classes`.
    pub suppressed_subjects: u64,
}

/// The level of a column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GeneralisedColumn {
    pub name: String,
    /// From 0, the values themselves. Local recoding publishes finer ones too.
    pub level: u64,
    /// Levels of the hierarchy, the values and `*` among them.
    pub levels: u64,
}

/// What is published of a generalised column.
#[derive(Default)]
pub(super) struct Recoded {
    column: Option<(Hierarchy, usize)>,
    /// Where it is another level than the column's: the subject, the value searched with and its label.
    local: HashMap<String, (String, String)>,
}

impl Recoded {
    /// What stands for the value of a subject; nothing for a value that was not there before.
    pub(super) fn label(&self, subject: &str, value: &str) -> Option<&str> {
        match self.local.get(subject) {
            Some((searched, label)) if searched == value => Some(label),
            _ => {
                let (hierarchy, level) = self.column.as_ref()?;
                hierarchy.label(hierarchy.leaf(value)?, *level)
            }
        }
    }
}

/// What must not be learned of the subjects, and how their classes are judged by it.
#[derive(Default)]
pub(super) struct Sensitive {
    columns: Vec<(SensitiveColumn, Vec<Criterion>)>,
    rows: HashMap<SubjectNumber, usize>,
}

impl Sensitive {
    /// Whether a class of these subjects fulfils all criteria.
    pub(super) fn fulfils(&self, subjects: &HashSet<SubjectNumber>) -> bool {
        let rows: Vec<usize> = subjects
            .iter()
            .filter_map(|subject| self.rows.get(subject).copied())
            .collect();
        let fulfils = |(column, criteria): &(SensitiveColumn, Vec<Criterion>)| {
            let mut criteria = criteria.iter();
            criteria.all(|criterion| column.fulfils(&rows, *criterion))
        };
        self.columns.iter().all(fulfils)
    }
}

/// The rows that are searched with, as they are gathered.
pub(super) struct SearchedRows {
    quasi_identifiers: Vec<SearchedColumn>,
    sensitive: Vec<SensitiveValues>,
    seen: HashSet<SubjectNumber>,
    /// By row of the search.
    subjects: Vec<(SubjectNumber, String)>,
}

struct SearchedColumn {
    position: usize,
    name: String,
    hierarchy: Hierarchy,
    values: Vec<String>,
}

struct SensitiveValues {
    position: usize,
    name: String,
    criteria: Vec<Criterion>,
    values: WordsOrNumbers,
}

enum WordsOrNumbers {
    Words(Vec<String>),
    Numbers(Vec<f64>),
}

impl SearchedRows {
    /// Nothing gathered yet; `None` where the policy generalises nothing. The transforms have seen the
    /// whole table.
    ///
    /// # Errors
    /// [`AnonymizationError::Hierarchy`] for whole numbers that span too much.
    pub(super) fn new(
        policy: &Policy,
        schema: &Schema,
        transforms: &[Transform],
    ) -> Result<Option<SearchedRows>, AnonymizationError> {
        let mut quasi_identifiers = Vec::new();
        let mut sensitive = Vec::new();
        for (position, column) in schema.columns().iter().enumerate() {
            let name = column.name.clone();
            if let Some(Transform::Generalise {
                generalisation,
                range,
                ..
            }) = transforms.get(position)
            {
                let hierarchy = match generalisation {
                    Generalisation::Hierarchy(hierarchy) => hierarchy.clone(),
                    Generalisation::Widths(widths) => {
                        // A column without a value has no subject to search with either.
                        let (least, greatest) = range.unwrap_or((0, 0));
                        Hierarchy::intervals(least, greatest, widths).map_err(|error| {
                            AnonymizationError::Hierarchy {
                                column: name.clone(),
                                error,
                            }
                        })?
                    }
                };
                quasi_identifiers.push(SearchedColumn {
                    position,
                    name,
                    hierarchy,
                    values: Vec::new(),
                });
            } else if let Some(stated) = policy.column(&name)
                && !stated.criteria.is_empty()
            {
                sensitive.push(SensitiveValues {
                    position,
                    name,
                    criteria: stated.criteria.clone(),
                    values: match column.kind {
                        ColumnType::Integer | ColumnType::Number => {
                            WordsOrNumbers::Numbers(Vec::new())
                        }
                        _ => WordsOrNumbers::Words(Vec::new()),
                    },
                });
            }
        }
        if quasi_identifiers.is_empty() {
            return Ok(None);
        }
        Ok(Some(SearchedRows {
            quasi_identifiers,
            sensitive,
            seen: HashSet::new(),
            subjects: Vec::new(),
        }))
    }

    /// Takes in a row that has a subject, and searches with it where it is the subject's first that is
    /// published and lacks nothing.
    ///
    /// # Errors
    /// [`AnonymizationError::UnknownValue`] for one that its hierarchy lacks.
    pub(super) fn add(
        &mut self,
        batch: &Batch,
        first_row: u64,
        row: usize,
        (number, subject): (SubjectNumber, Cell<'_>),
        is_published: bool,
    ) -> Result<(), AnonymizationError> {
        for column in &self.quasi_identifiers {
            let cell = batch.column(column.position).cell(row);
            let value = cell.to_string();
            if !cell.is_missing() && column.hierarchy.leaf(&value).is_none() {
                return Err(AnonymizationError::UnknownValue {
                    row: first_row + row as u64 + 1,
                    column: column.name.clone(),
                    value,
                });
            }
        }
        if !is_published || !self.seen.insert(number) {
            return Ok(());
        }
        let quasi_identifiers = self.quasi_identifiers.iter().map(|column| column.position);
        let sensitive = self.sensitive.iter().map(|column| column.position);
        let mut positions = quasi_identifiers.chain(sensitive);
        if positions.any(|position| batch.column(position).cell(row).is_missing()) {
            return Ok(());
        }
        self.subjects.push((number, subject.to_string()));
        for column in &mut self.quasi_identifiers {
            let cell = batch.column(column.position).cell(row);
            column.values.push(cell.to_string());
        }
        for column in &mut self.sensitive {
            let cell = batch.column(column.position).cell(row);
            match &mut column.values {
                WordsOrNumbers::Words(words) => words.push(cell.to_string()),
                WordsOrNumbers::Numbers(numbers) => {
                    numbers.push(cell.as_number().unwrap_or_default());
                }
            }
        }
        Ok(())
    }

    /// Searches, and tells the transforms what they publish.
    ///
    /// # Errors
    /// [`KAnonymityError`] where the search has no answer or is too large.
    pub(super) fn search(
        self,
        policy: &Policy,
        transforms: &mut [Transform],
    ) -> Result<(GeneralisationReport, Sensitive), KAnonymityError> {
        let mut requirements =
            Requirements::k(policy.minimum_class_size).suppressing(policy.suppression_limit);
        let mut sensitive = Sensitive::default();
        for column in self.sensitive {
            for criterion in &column.criteria {
                requirements = requirements.with(&column.name, *criterion);
            }
            let values = match &column.values {
                WordsOrNumbers::Words(words) => SensitiveColumn::words(&column.name, words),
                WordsOrNumbers::Numbers(numbers) => SensitiveColumn::numbers(&column.name, numbers),
            };
            sensitive.columns.push((values, column.criteria));
        }
        let numbers = self.subjects.iter().map(|(number, _)| *number);
        sensitive.rows = numbers.zip(0..).collect();

        let columns = self.quasi_identifiers.iter().map(|column| {
            QuasiIdentifier::encode(&column.name, column.hierarchy.clone(), &column.values)
        });
        let columns = columns.collect::<Result<_, _>>()?;
        let values = sensitive.columns.iter();
        let values = values.map(|(column, _)| column.clone()).collect();
        let input = Input::new(columns, values)?;
        let mut solution = search(&input, &requirements)?;
        if policy.recoding == Recoding::Local {
            solution = solution.recode_locally();
        }
        let mut report = GeneralisationReport {
            columns: Vec::new(),
            recoding: policy.recoding,
            ncp: solution.ncp(),
            searched_subjects: self.subjects.len() as u64,
            suppressed_subjects: solution.suppressed_rows(),
        };
        let levels = solution.levels().iter().copied();
        for (place, (column, level)) in self.quasi_identifiers.into_iter().zip(levels).enumerate() {
            report.columns.push(GeneralisedColumn {
                name: column.name,
                level: level as u64,
                levels: column.hierarchy.levels() as u64,
            });
            let mut local = HashMap::new();
            for (row, (_, subject)) in self.subjects.iter().enumerate() {
                // Those whom the search leaves out stay at the column's level: their class is too small.
                let finer = solution
                    .row_levels(row)
                    .and_then(|levels| levels.get(place));
                if finer.is_some_and(|finer| *finer != level) {
                    let label = solution.published(row, place).to_owned();
                    local.insert(subject.clone(), (column.values[row].clone(), label));
                }
            }
            if let Some(Transform::Generalise { recoded, .. }) = transforms.get_mut(column.position)
            {
                *recoded = Recoded {
                    column: Some((column.hierarchy, level)),
                    local,
                };
            }
        }
        Ok((report, sensitive))
    }
}
