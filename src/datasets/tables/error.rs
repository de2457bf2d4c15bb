//! Why a file is not a table, in words that let its owner repair it.

use super::ColumnType;

/// A table that cannot be read or written. Lines count from 1, as an editor shows them; in a Parquet
/// file, which has no lines, the row stands in their place.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    #[error("the table cannot be read or written: {0}")]
    Io(#[from] std::io::Error),

    #[error("the file is empty; a table needs a header line with the column names")]
    Empty,

    #[error("this is {found}, not a table; {remedy}")]
    NotATable {
        found: &'static str,
        remedy: &'static str,
    },

    #[error(
        "line {line}, column {column}: the text is not UTF-8; save the file with the encoding UTF-8"
    )]
    NotUtf8 { line: u64, column: String },

    #[error(
        "line {line} has {found} fields, the header has {expected}; look for a missing or an extra \
         separator, or quote the text that contains one"
    )]
    Ragged {
        line: u64,
        found: u64,
        expected: u64,
    },

    #[error(
        "line {line}: the record is longer than {allowed} bytes; look for a quotation mark that is \
         never closed"
    )]
    RecordTooLong { line: u64, allowed: u64 },

    #[error("columns {first} and {second} are both called \"{name}\"; rename one of them")]
    DuplicateColumn {
        name: String,
        first: usize,
        second: usize,
    },

    #[error("column {position} has no name; give it one in the header line")]
    UnnamedColumn { position: usize },

    #[error("the table has {found} columns, at most {allowed} are read; publish fewer columns")]
    TooManyColumns { found: usize, allowed: usize },

    #[error("there is no column \"{name}\"; the table has {present}")]
    NoSuchColumn { name: String, present: String },

    #[error("line {line}, column \"{column}\": \"{value}\" is not {expected}; {remedy}")]
    Cell {
        line: u64,
        column: String,
        value: String,
        expected: ColumnType,
        remedy: String,
    },

    #[error("column \"{column}\" has the Parquet type {found}; cast it to {remedy}")]
    UnsupportedType {
        column: String,
        found: String,
        remedy: &'static str,
    },

    #[error("the Parquet file is damaged or uses an unsupported feature: {0}")]
    Parquet(String),

    #[error("the rows do not fit the columns that were announced: {0}")]
    Shape(String),
}
