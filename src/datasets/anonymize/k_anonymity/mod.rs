//! Optimal k-anonymity: how little must be blurred so that every row looks like k − 1 others.
//!
//! What for: of all ways to publish quasi-identifiers at coarser levels of their hierarchies, find
//! the one that loses least. Pure: takes numbers, returns numbers; knows neither tables nor policies.
//! [`hierarchy`] says what may stand for a value, [`models`] what a class must fulfil beyond k,
//! [`search()`] finds the optimum, [`Solution::recode_locally`] improves on it row by row.
//! Start reading at [`Input`], then [`search()`].

mod cells;
pub mod hierarchy;
mod local;
pub mod models;
mod search;
mod solution;

#[cfg(test)]
mod tests;

use hierarchy::Hierarchy;
use models::{Criterion, SensitiveColumn};

pub use search::search;
pub use solution::Solution;

/// What is searched over. **One row is one subject**: k, the suppression limit and the loss count rows.
/// Where subjects have several rows in a table, hand in one row of each subject's values. Values that
/// differ between the rows of one subject do not fit in: such a release must be judged by what is
/// seen of each subject together, as the parent module does when it counts its classes.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    quasi_identifiers: Vec<QuasiIdentifier>,
    sensitive: Vec<SensitiveColumn>,
    rows: usize,
}

/// A column that an attacker may know, with what may stand for its values.
#[derive(Debug, Clone, PartialEq)]
pub struct QuasiIdentifier {
    name: String,
    hierarchy: Hierarchy,
    /// The leaf of each row.
    leaves: Vec<u32>,
}

/// What a release must fulfil.
#[derive(Debug, Clone, PartialEq)]
pub struct Requirements {
    /// Rows that must look alike, at least.
    pub k: u64,
    /// The share of rows that may be left out, from 0 to 1.
    pub suppression_limit: f64,
    /// What every class must fulfil besides: column by name, criterion.
    pub criteria: Vec<(String, Criterion)>,
}

impl Requirements {
    /// k alone, with nothing left out.
    pub fn k(k: u64) -> Requirements {
        Requirements {
            k,
            suppression_limit: 0.0,
            criteria: Vec::new(),
        }
    }

    /// Allows a share of the rows to be left out.
    pub fn suppressing(mut self, limit: f64) -> Requirements {
        self.suppression_limit = limit;
        self
    }

    /// Adds a criterion for a sensitive column.
    pub fn with(mut self, column: &str, criterion: Criterion) -> Requirements {
        self.criteria.push((column.to_owned(), criterion));
        self
    }
}

/// A search that cannot be made, or has no answer.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum KAnonymityError {
    #[error(
        "column \"{column}\", row {row}: the hierarchy does not know \"{value}\"; add a row for it"
    )]
    UnknownValue {
        column: String,
        /// Counted from 1.
        row: usize,
        value: String,
    },

    #[error("there are no rows to anonymize")]
    NoRows,

    #[error("there are no quasi-identifiers; name the columns that an attacker may know")]
    NoQuasiIdentifiers,

    #[error("column \"{column}\" has {found} rows and the others have {expected}")]
    Rows {
        column: String,
        found: usize,
        expected: usize,
    },

    #[error("{found} rows are more than the search can number (2^32 − 1); split the table")]
    TooManyRows { found: usize },

    #[error(
        "the hierarchies span {levels} combinations of levels and the search takes at most {most}; \
         use fewer quasi-identifiers or hierarchies with fewer levels"
    )]
    TooManyCombinations { levels: u128, most: usize },

    #[error(
        "the columns' distinct values need {bits} bits a row and the search has 128; use fewer \
         quasi-identifiers, or coarser values to begin with"
    )]
    TooManyValues { bits: u32 },

    #[error("{name} is {value}; it must be {expected}")]
    Requirement {
        name: &'static str,
        value: String,
        expected: &'static str,
    },

    #[error("a criterion names column \"{0}\", which is not among the sensitive ones")]
    UnknownColumn(String),

    #[error(
        "even with everything hidden the requirements do not hold; there are {rows} rows: lower k, \
         or the criteria for sensitive columns"
    )]
    Unattainable { rows: usize },
}

impl QuasiIdentifier {
    /// Looks up every row's value in the hierarchy. A missing cell is a value like any other: it needs
    /// a row there, and something that stands for it.
    ///
    /// # Errors
    /// [`KAnonymityError::UnknownValue`] for the first that it lacks.
    pub fn encode<S: AsRef<str>>(
        name: &str,
        hierarchy: Hierarchy,
        values: impl IntoIterator<Item = S>,
    ) -> Result<QuasiIdentifier, KAnonymityError> {
        let leaf = |(row, value): (usize, S)| {
            let value = value.as_ref();
            let unknown = || KAnonymityError::UnknownValue {
                column: name.to_owned(),
                row: row + 1,
                value: value.to_owned(),
            };
            hierarchy.leaf(value).ok_or_else(unknown)
        };
        let leaves = values.into_iter().enumerate().map(leaf);
        let leaves = leaves.collect::<Result<_, _>>()?;
        Ok(QuasiIdentifier {
            name: name.to_owned(),
            hierarchy,
            leaves,
        })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn hierarchy(&self) -> &Hierarchy {
        &self.hierarchy
    }
}

impl Input {
    /// Puts columns of one table together.
    ///
    /// # Errors
    /// [`KAnonymityError`] where there is nothing, or the columns differ in length.
    pub fn new(
        quasi_identifiers: Vec<QuasiIdentifier>,
        sensitive: Vec<SensitiveColumn>,
    ) -> Result<Input, KAnonymityError> {
        let first = quasi_identifiers.first();
        let rows = first
            .ok_or(KAnonymityError::NoQuasiIdentifiers)?
            .leaves
            .len();
        let lengths = quasi_identifiers
            .iter()
            .map(|column| (&column.name, column.leaves.len()))
            .chain(
                sensitive
                    .iter()
                    .map(|column| (&column.name, column.values.len())),
            );
        for (column, found) in lengths {
            if found != rows {
                return Err(KAnonymityError::Rows {
                    column: column.clone(),
                    found,
                    expected: rows,
                });
            }
        }
        if rows == 0 {
            return Err(KAnonymityError::NoRows);
        }
        if u32::try_from(rows).is_err() {
            return Err(KAnonymityError::TooManyRows { found: rows });
        }
        Ok(Input {
            quasi_identifiers,
            sensitive,
            rows,
        })
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn quasi_identifiers(&self) -> &[QuasiIdentifier] {
        &self.quasi_identifiers
    }

    pub fn sensitive(&self) -> &[SensitiveColumn] {
        &self.sensitive
    }
}
