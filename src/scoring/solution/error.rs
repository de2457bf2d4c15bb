//! What can be wrong with an organizer's solution file, in words for the organizer.

use thiserror::Error;

use super::Split;
use crate::scoring::csv_rows::{LineError, ReadError};

/// Why a solution file was refused.
#[derive(Debug, Error)]
pub enum SolutionError {
    /// The input failed while it was read.
    #[error("the solution could not be read: {0}; send it again")]
    Read(std::io::Error),
    /// Nothing in the file.
    #[error("the solution file is empty; write a header line and one row for each id")]
    Empty,
    /// The first line cannot be read.
    #[error("line 1, the header, is {0}")]
    HeaderLine(LineError),
    /// A column that the format names stands nowhere in the header, or more than once.
    #[error(
        "line 1: the column \"{column}\" stands {times} times in the header ({found}); it must stand there once: \
         rename the column or name another one in the challenge"
    )]
    Header {
        /// The column that was looked for.
        column: String,
        /// How often it stands in the header.
        times: usize,
        /// The header as it is.
        found: String,
    },
    /// It has no split column and cannot be divided.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// One row is wrong.
    #[error("line {line}{}: {problem}", in_column(.column))]
    Row {
        /// The 1-based line; the header is line 1.
        line: usize,
        /// The column, where the problem is in one.
        column: Option<String>,
        /// What is wrong with it.
        problem: SolutionRowError,
    },
    /// A header and nothing else.
    #[error("the solution has a header but no rows; write one row for each id")]
    NoRows,
    /// The split column leaves one split without a row.
    #[error(
        "the column \"{column}\" puts no row into the {split} split; both splits need rows, or leave the column out and \
         let the platform divide the rows"
    )]
    EmptySplit {
        /// The split column.
        column: String,
        /// The split without rows.
        split: Split,
    },
}

fn in_column(column: &Option<String>) -> String {
    column
        .as_ref()
        .map_or(String::new(), |column| format!(", column \"{column}\""))
}

/// What is wrong with one row of a solution.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SolutionRowError {
    /// The line is not one of CSV.
    #[error("{0}")]
    Line(#[from] LineError),
    /// The line does not end.
    #[error("the line is {}", ReadError::LineTooLong)]
    LineTooLong,
    /// Too few or too many cells.
    #[error(
        "the row has {found} cells, the header has {expected}; quote a text that holds a comma, and use a point for decimals"
    )]
    CellCount {
        /// Cells in the header.
        expected: usize,
        /// Cells in this line.
        found: usize,
    },
    /// A cell without a value.
    #[error("the cell is empty; every row needs a value here")]
    Empty,
    /// The id of an earlier row.
    #[error("the id \"{id}\" stands in line {first_line} as well; keep one row for each id")]
    DuplicateId {
        /// The id, shortened if it is long.
        id: String,
        /// Where it stands first.
        first_line: usize,
    },
    /// A target that is no finite number.
    #[error(
        "\"{found}\" is not a finite number; write one with a decimal point, or leave rows without a known target out"
    )]
    NotANumber {
        /// The cell, shortened if it is long.
        found: String,
    },
    /// A target that is none of the classes.
    #[error(
        "\"{found}\" is none of the challenge's classes ({classes}); correct it or add the class"
    )]
    UnknownLabel {
        /// The cell, shortened if it is long.
        found: String,
        /// The classes, in words.
        classes: String,
    },
    /// Neither split.
    #[error("\"{found}\" is no split; write public or private")]
    UnknownSplit {
        /// The cell, shortened if it is long.
        found: String,
    },
    /// Neither yes nor no.
    #[error("\"{found}\" does not say whether the event happened; write 1 or true, or 0 or false")]
    UnknownEvent {
        /// The cell, shortened if it is long.
        found: String,
    },
    /// More rows than can be counted in 32 bits.
    #[error("there are too many rows; a solution may have 4294967295")]
    TooManyRows,
}

impl SolutionError {
    /// The 1-based line of the problem, if it is in one; the header is line 1.
    pub fn line(&self) -> Option<usize> {
        match self {
            SolutionError::HeaderLine(_) | SolutionError::Header { .. } => Some(1),
            SolutionError::Row { line, .. } => Some(*line),
            SolutionError::Read(_)
            | SolutionError::Empty
            | SolutionError::NoRows
            | SolutionError::Split(_)
            | SolutionError::EmptySplit { .. } => None,
        }
    }

    /// The name of the column of the problem, if it is in one.
    pub fn column(&self) -> Option<&str> {
        match self {
            SolutionError::Header { column, .. } | SolutionError::EmptySplit { column, .. } => {
                Some(column)
            }
            SolutionError::Row { column, .. } => column.as_deref(),
            SolutionError::Read(_)
            | SolutionError::Empty
            | SolutionError::HeaderLine(_)
            | SolutionError::Split(_)
            | SolutionError::NoRows => None,
        }
    }
}

/// Why the rows of a solution cannot be divided.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum SplitError {
    /// Not a part of a whole.
    #[error("the public fraction is {0}; choose one above 0 and below 1, such as 0.3")]
    Fraction(f64),
    /// One row, or one group: no two parts.
    #[error("{0} cannot be divided into a public and a private split; there must be at least two")]
    Indivisible(&'static str),
}
