//! What can be wrong with a predictions file, in words for the data scientist who wrote it.

use std::fmt;

use thiserror::Error;

use crate::scoring::csv_rows::{LineError, ReadError};

/// Why a predictions file was refused.
#[derive(Debug, Error)]
pub enum PredictionsError {
    /// The input failed while it was read.
    #[error("the file could not be read: {0}; send it again")]
    Read(std::io::Error),
    /// Not a byte, or only blank lines.
    #[error("the file is empty; write a header line and one row for each id")]
    Empty,
    /// Bytes of another kind of file where CSV was expected.
    #[error("the file is {found}, not CSV; {remedy}")]
    NotCsv {
        /// What it looks like.
        found: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// The first line cannot be read.
    #[error("line 1, the header, is {0}")]
    HeaderLine(LineError),
    /// The first line, or the Parquet schema, does not name the format's columns.
    #[error(
        "the header is wrong: {problem}. Expected the columns {}, in any order; found {}{}",
        list(.expected), list(.found), .cause.map_or(String::new(), |cause| format!(". {cause}"))
    )]
    Header {
        /// The format's columns, the id first.
        expected: Vec<String>,
        /// The columns of the file.
        found: Vec<String>,
        /// What does not fit.
        problem: HeaderProblem,
        /// What the cause seems to be.
        cause: Option<&'static str>,
    },
    /// One row is wrong.
    #[error("{at}{}: {problem}", .column.as_ref().map_or(String::new(), |column| format!(", column \"{column}\"")))]
    Row {
        /// Where.
        at: Position,
        /// The column, where the problem is in one.
        column: Option<String>,
        /// What is wrong with it.
        problem: RowProblem,
    },
    /// Rows that the solution has and the file has not.
    #[error(
        "{missing} of {expected} ids have no row, the first in order of ids: {}; predict every id of the sample submission",
        list(.first)
    )]
    MissingIds {
        /// The id column.
        column: String,
        /// How many are missing.
        missing: usize,
        /// How many there must be.
        expected: usize,
        /// A few of them.
        first: Vec<String>,
    },
    /// A Parquet file cannot be used as a whole.
    #[error("{0}")]
    Parquet(#[from] ParquetProblem),
}

/// What does not fit between a header and a format.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HeaderProblem {
    /// Columns of the format that the file does not have.
    #[error("missing {}", list(.0))]
    Missing(Vec<String>),
    /// Columns that the format does not have. They are refused and not ignored, because a misplaced
    /// feature or a second prediction most often means that the wrong file was sent.
    #[error("{} not asked for; remove them", list(.0))]
    Extra(Vec<String>),
    /// The same name twice.
    #[error("{} stands there twice; keep one of them", list(std::slice::from_ref(.0)))]
    Repeated(String),
}

/// A place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// A line of a CSV file; the header is line 1.
    Line(usize),
    /// A row of a Parquet file, counted from 1.
    Row(usize),
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Position::Line(line) => write!(f, "line {line}"),
            Position::Row(row) => write!(f, "row {row}"),
        }
    }
}

/// What is wrong with one row. Texts from the file are shortened if they are long.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum RowProblem {
    /// The line is not one of CSV.
    #[error("the line is no row of CSV: {0}")]
    Line(#[from] LineError),
    /// The line does not end.
    #[error("the line is {}", ReadError::LineTooLong)]
    LineTooLong,
    /// Too few or too many cells.
    #[error(
        "the row has {found} cells, the header has {expected}; {}",
        if found > expected {
            "use a point for decimals, and quote a text that holds a comma"
        } else {
            "give every column a value; if this is the last line, the file may be cut off"
        }
    )]
    CellCount {
        /// Cells in the header.
        expected: usize,
        /// Cells in this line.
        found: usize,
    },
    /// An empty cell of CSV or a null of Parquet.
    #[error("the value is missing; predict every row, also where you are not sure")]
    Missing,
    /// NaN, in any spelling.
    #[error(
        "the value is NaN (not a number); replace it, for example by the mean of the training targets"
    )]
    NotANumber,
    /// An infinity, or a number beyond the range of a 64-bit float.
    #[error("{found} is infinite or too large; write a finite number")]
    Infinite {
        /// The value.
        found: String,
    },
    /// Anything else where a number belongs.
    #[error("\"{found}\" is not a number; write digits with a decimal point, such as 0.25 or 1e-3")]
    Text {
        /// The value.
        found: String,
    },
    /// A probability below 0 or above 1.
    #[error("{found} is not a probability; write a number from 0 to 1")]
    OutOfRange {
        /// The value.
        found: f64,
    },
    /// None of the classes.
    #[error("\"{found}\" is none of the classes ({classes}); write one of them exactly so")]
    UnknownLabel {
        /// The value.
        found: String,
        /// The classes, in words.
        classes: String,
    },
    /// An id that is not to be predicted.
    #[error(
        "the id \"{id}\" is not one to predict; {}",
        .written.as_ref().map_or(
            "use the ids of the sample submission exactly as they are written there, one row each".to_owned(),
            |written| format!("it is written \"{written}\": read and write ids as text or as integers"),
        )
    )]
    UnknownId {
        /// The id.
        id: String,
        /// How the solution writes what seems to be meant.
        written: Option<String>,
    },
    /// The id of an earlier row.
    #[error("the id \"{id}\" stands in {first} as well; keep one row for each id")]
    DuplicateId {
        /// The id.
        id: String,
        /// Where it stands first.
        first: Position,
    },
}

/// Why a Parquet file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ParquetProblem {
    /// No magic bytes.
    #[error("the file is not Parquet; write it with to_parquet, or send it as CSV")]
    NotParquet,
    /// The reader gave up.
    #[error("the Parquet file is cut off or damaged ({0}); write and send it again")]
    Damaged(String),
    /// More rows than ids, known before any is read.
    #[error(
        "the file has {found} rows where {expected} ids are to be predicted; keep one row for each id"
    )]
    TooManyRows {
        /// Rows in the file.
        found: u64,
        /// Ids in the solution.
        expected: usize,
    },
    /// A column type without a sensible reading.
    #[error("the column \"{column}\" has the type {found}; write {wanted}")]
    Type {
        /// The column.
        column: String,
        /// Its type.
        found: String,
        /// What can be read.
        wanted: &'static str,
    },
    /// A compression that is not built in or cannot be bounded.
    #[error(
        "the Parquet file is compressed with {0}; write it with snappy, zstd or lz4_raw, or without compression"
    )]
    Compression(String),
    /// A page that would need too much memory.
    #[error(
        "a page of the Parquet file holds more than {0} bytes; write smaller pages or row groups"
    )]
    PageTooLarge(u64),
    /// An encoding whose size cannot be bounded.
    #[error(
        "the Parquet file uses the encoding DELTA_BYTE_ARRAY; write text with plain or dictionary encoding"
    )]
    Encoding,
}

impl PredictionsError {
    /// The 1-based line of the problem, if it is in one: the header is line 1. In Parquet, which has no
    /// lines, the 1-based row.
    pub fn line(&self) -> Option<usize> {
        match self {
            PredictionsError::HeaderLine(_) | PredictionsError::Header { .. } => Some(1),
            PredictionsError::Row { at, .. } => match at {
                Position::Line(place) | Position::Row(place) => Some(*place),
            },
            PredictionsError::Read(_)
            | PredictionsError::Empty
            | PredictionsError::NotCsv { .. }
            | PredictionsError::MissingIds { .. }
            | PredictionsError::Parquet(_) => None,
        }
    }

    /// The name of the column of the problem, if it is in one.
    pub fn column(&self) -> Option<&str> {
        match self {
            PredictionsError::Row { column, .. } => column.as_deref(),
            PredictionsError::MissingIds { column, .. } => Some(column),
            PredictionsError::Parquet(ParquetProblem::Type { column, .. }) => Some(column),
            PredictionsError::Header { problem, .. } => match problem {
                HeaderProblem::Missing(names) | HeaderProblem::Extra(names) => {
                    names.first().map(String::as_str)
                }
                HeaderProblem::Repeated(name) => Some(name),
            },
            PredictionsError::Read(_)
            | PredictionsError::Empty
            | PredictionsError::NotCsv { .. }
            | PredictionsError::HeaderLine(_)
            | PredictionsError::Parquet(_) => None,
        }
    }
}

/// Names in quotes, the first ten of them.
fn list(names: &[String]) -> String {
    const NAMED: usize = 10;
    let mut text = names
        .iter()
        .take(NAMED)
        .map(|name| format!("\"{name}\""))
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > NAMED {
        text.push_str(&format!(" and {} more", names.len() - NAMED));
    }
    text
}
