//! Attacks: what somebody who wants to know could find out from a release, tried before they do.
//!
//! Each attack knows the truth only to count its hits, and reports a success rate beside what guessing
//! reaches: [`linkage`] with public results, [`cross_release`] between two releases or sessions,
//! [`singling_out`] and [`attribute_inference`] of a table's rows; [`utility`] is what the protection
//! cost. All are deterministic under a seed and bounded in time: of large releases a sample is attacked.
//!
//! Pure: values in, values out. Start reading at [`linkage`].

use serde::{Deserialize, Serialize};

pub mod attribute_inference;
pub mod cross_release;
mod features;
pub mod intervals;
pub mod linkage;
#[cfg(test)]
mod real_laps;
pub mod singling_out;
pub mod utility;

pub use features::Feature;

/// What one person drove in an event: the subject, known to us alone, and lap times (or another
/// sequence of numbers) in the order of the table. Values that are not finite are ignored.
pub type Sequence = (u32, Vec<f64>);

/// One event on both sides of the anonymization, at most one sequence of a subject on each.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EventSequences {
    /// What the attacker has with names: the public results.
    pub original: Vec<Sequence>,
    /// What the release shows under pseudonyms.
    pub released: Vec<Sequence>,
}

/// A column of a table with one row for each person, as the attacks on tables take it.
#[derive(Debug, Clone, PartialEq)]
pub enum AttackColumn {
    /// Codes of a dictionary. Tables that are compared share it; a missing cell has a code of its own.
    Categories(Vec<u32>),
    /// Numbers; NaN where the cell is missing.
    Numbers(Vec<f64>),
}

impl AttackColumn {
    pub fn rows(&self) -> usize {
        match self {
            AttackColumn::Categories(codes) => codes.len(),
            AttackColumn::Numbers(numbers) => numbers.len(),
        }
    }

    /// Those rows, which must be in the column, in that order.
    pub(super) fn choose(&self, rows: &[usize]) -> AttackColumn {
        match self {
            AttackColumn::Categories(codes) => {
                AttackColumn::Categories(rows.iter().map(|row| codes[*row]).collect())
            }
            AttackColumn::Numbers(numbers) => {
                AttackColumn::Numbers(rows.iter().map(|row| numbers[*row]).collect())
            }
        }
    }
}

/// Checks that a table has those columns, all of so many rows.
fn check_columns<'a>(
    table: &'static str,
    columns: impl Iterator<Item = &'a AttackColumn>,
    expected: impl Iterator<Item = &'a AttackColumn>,
    rows: usize,
) -> Result<(), AttackError> {
    if rows == 0 {
        return Err(AttackError::NoRows { table });
    }
    let kind = |column: Option<&AttackColumn>| match column {
        Some(AttackColumn::Categories(_)) => "categories",
        Some(AttackColumn::Numbers(_)) => "numbers",
        None => "no column",
    };
    let (mut columns, mut expected) = (columns, expected);
    for column in 0.. {
        let refuse = |found: String, expected: String| AttackError::Columns {
            table,
            column,
            found,
            expected,
        };
        let (found, expected) = (columns.next(), expected.next());
        if kind(found) != kind(expected) {
            return Err(refuse(kind(found).into(), kind(expected).into()));
        }
        match found {
            None => break,
            Some(found) if found.rows() != rows => {
                let counted = |rows: usize| format!("{rows} rows");
                return Err(refuse(counted(found.rows()), counted(rows)));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// How a distance between all pairs becomes links.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// One to one, with the least total distance (Kuhn 1955, Munkres 1957).
    Assignment,
    /// Each released sequence to the candidate nearest to it.
    NearestNeighbour,
}

/// How well one attack did.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AttackFigure {
    pub feature: Feature,
    pub method: Method,
    /// Share of right links, averaged over events.
    pub success: f64,
}

/// What the attacks that link sequences found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LinkageResult {
    /// Events attacked; of the attack across releases, pairs of them.
    pub events: u64,
    /// Released sequences that were linked, right or wrong, over all events.
    pub links: u64,
    /// Whether this is a sample because the release is too large to attack whole.
    pub sampled: bool,
    /// Every feature with every method.
    pub attacks: Vec<AttackFigure>,
    /// Success of the best of them.
    pub best: f64,
    /// Success of guessing: one over the number of candidates, averaged over events.
    pub chance: f64,
    /// Upper 95 % confidence bound of `best` (see [`linkage`]).
    pub upper95: f64,
}

/// Why an attack could not be tried. Nothing was shown, neither way.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AttackError {
    #[error("no event has a released sequence whose subject drove at least {minimum_laps} laps")]
    NoCandidates { minimum_laps: usize },

    #[error("no subject is in both of two releases or events, so there is nothing to link")]
    NothingInCommon,

    #[error("the {table} has no rows to attack")]
    NoRows { table: &'static str },

    #[error(
        "column {column} (from 0) of the {table} does not fit: it has {found}, {expected} were expected; give \
         all tables the same columns in the same order, with equally many rows in each"
    )]
    Columns {
        table: &'static str,
        column: usize,
        found: String,
        expected: String,
    },
}
