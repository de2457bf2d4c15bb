//! Tables: flat files of rows and typed columns, such as one row a lap.
//!
//! [`Table::open`] recognises CSV and Parquet by their bytes, learns the columns, and then hands the
//! rows out in [`Batch`]es, as often as a caller needs to pass over them: no call holds a whole table
//! in memory. [`TableWriter`] writes both formats, the same bytes for the same rows.

mod batch;
mod csv_reader;
mod error;
mod parquet_reader;
mod schema;
mod writer;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

pub use batch::{Batch, Cell, Values};
pub use error::TableError;
pub use schema::{Column, ColumnType, MAX_COLUMNS, Role, Schema};
pub use writer::TableWriter;

use csv_reader::{CsvBatches, Dialect};
use parquet_reader::ParquetBatches;

/// The most rows that a [`Batch`] read from a file holds.
pub const BATCH_ROWS: usize = 8192;

/// A file format of tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Csv,
    Parquet,
}

impl Format {
    /// Recognises the format by the first bytes of a file; a name proves nothing.
    ///
    /// # Errors
    /// [`TableError::Empty`] and [`TableError::NotATable`] for the files that people send instead of
    /// a table, with the way to make one of them.
    pub fn recognise(start: &[u8]) -> Result<Format, TableError> {
        const EXPORT: &str = "export the sheet as CSV with the encoding UTF-8";
        const UNPACK: &str = "unpack it and send the table inside";
        let not = |found, remedy| Err(TableError::NotATable { found, remedy });
        match start {
            [] => Err(TableError::Empty),
            [b'P', b'A', b'R', b'1', ..] => Ok(Format::Parquet),
            [b'P', b'A', b'R', b'E', ..] => {
                not("an encrypted Parquet file", "send it without encryption")
            }
            [b'P', b'K', 3, 4, ..] => not("a ZIP archive or an Excel workbook", EXPORT),
            [0xd0, 0xcf, 0x11, 0xe0, ..] => not("an old Excel workbook", EXPORT),
            [0x1f, 0x8b, ..] => not("a gzip archive", UNPACK),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => not("a Zstandard archive", UNPACK),
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => not("UTF-16 text", EXPORT),
            _ if start.contains(&0) => not("a binary file", "send CSV or Parquet"),
            _ => Ok(Format::Csv),
        }
    }
}

/// Where the bytes of a table are.
#[derive(Debug, Clone)]
pub enum Source {
    /// A file that nobody changes while the table is in use.
    File(PathBuf),
    Bytes(Bytes),
}

impl Source {
    fn reader(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            Source::File(path) => Box::new(File::open(path)?),
            Source::Bytes(bytes) => Box::new(Cursor::new(bytes.clone())),
        })
    }
}

/// A table whose columns are known and whose rows can be passed over again and again.
#[derive(Debug, Clone)]
pub struct Table {
    source: Source,
    schema: Arc<Schema>,
    dialect: FileDialect,
}

#[derive(Debug, Clone)]
enum FileDialect {
    Csv(Dialect),
    Parquet,
}

impl Table {
    /// Recognises the file and learns its columns. CSV carries no types: they are inferred from the
    /// first rows (at most 10,000 of them and 8 MiB) and every later cell must agree.
    ///
    /// # Errors
    /// Any [`TableError`] in the header or the first rows.
    pub fn open(source: Source) -> Result<Table, TableError> {
        Table::open_with_types(source, &BTreeMap::new())
    }

    /// As [`Table::open`], with the types of some columns declared by their publisher instead of
    /// inferred.
    ///
    /// # Errors
    /// As [`Table::open`], and [`TableError::NoSuchColumn`] for a declared column that is missing.
    pub fn open_with_types(
        source: Source,
        declared: &BTreeMap<String, ColumnType>,
    ) -> Result<Table, TableError> {
        let mut start = Vec::new();
        source
            .reader()?
            .take(csv_reader::SNIFF_BYTES)
            .read_to_end(&mut start)?;
        let (schema, dialect) = match Format::recognise(&start)? {
            Format::Csv => {
                let dialect = Dialect::of(&start);
                let schema = csv_reader::infer(source.reader()?, dialect, declared)?;
                (schema, FileDialect::Csv(dialect))
            }
            Format::Parquet => {
                let schema = parquet_reader::schema(&source, declared)?;
                (schema, FileDialect::Parquet)
            }
        };
        Ok(Table {
            source,
            schema: Arc::new(schema),
            dialect,
        })
    }

    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    pub fn format(&self) -> Format {
        match self.dialect {
            FileDialect::Csv(_) => Format::Csv,
            FileDialect::Parquet => Format::Parquet,
        }
    }

    /// Begins a pass over all rows, from the first.
    ///
    /// # Errors
    /// [`TableError`] when the file cannot be opened again; damage further inside is reported by the
    /// iterator, which ends with its first error.
    pub fn batches(&self) -> Result<Batches, TableError> {
        Ok(Batches(match self.dialect {
            FileDialect::Csv(dialect) => Pass::Csv(Box::new(CsvBatches::new(
                self.source.reader()?,
                dialect,
                self.schema.clone(),
            )?)),
            FileDialect::Parquet => {
                Pass::Parquet(ParquetBatches::new(&self.source, self.schema.clone())?)
            }
        }))
    }
}

/// One pass over the rows of a [`Table`].
pub struct Batches(Pass);

enum Pass {
    Csv(Box<CsvBatches>),
    Parquet(ParquetBatches),
    Ended,
}

impl Iterator for Batches {
    type Item = Result<Batch, TableError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = match &mut self.0 {
            Pass::Csv(batches) => batches.next_batch().transpose(),
            Pass::Parquet(batches) => batches.next_batch().transpose(),
            Pass::Ended => None,
        };
        if !matches!(next, Some(Ok(_))) {
            self.0 = Pass::Ended;
        }
        next
    }
}

#[cfg(test)]
mod tests;
