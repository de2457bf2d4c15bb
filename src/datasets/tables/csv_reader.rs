//! Reads CSV: comma, semicolon or tab between the fields, quoted as RFC 4180 says, one header line.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::NaiveDate;
use csv::{ByteRecord, ErrorKind, Reader, ReaderBuilder};

use super::{BATCH_ROWS, Batch, Column, ColumnType, Schema, TableError, Values};

/// How much of a file is looked at to recognise it.
pub(super) const SNIFF_BYTES: u64 = 64 * 1024;
/// Bounds of the sample from which types are inferred.
const SAMPLE_ROWS: usize = 10_000;
const SAMPLE_BYTES: usize = 8 << 20;
/// A batch ends early at this size, so that long texts do not make it large.
const BATCH_BYTES: usize = 8 << 20;
/// The longest record; without a bound one unclosed quotation mark would swallow the rest of the file.
const MAX_RECORD_BYTES: u64 = 1 << 20;
/// What programs write in a numeric column where there is no value.
const MISSING_WORDS: [&str; 7] = ["NA", "N/A", "NaN", "nan", "null", "NULL", "None"];

/// How the fields of this file are separated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dialect {
    delimiter: u8,
}

impl Dialect {
    /// The separator that stands most often in the header line, outside quotation marks. A file
    /// without any is a table of one column.
    pub(super) fn of(start: &[u8]) -> Dialect {
        let mut counts = [(b',', 0), (b';', 0), (b'\t', 0)];
        let mut quoted = false;
        for &byte in start.iter().skip_while(|byte| b"\r\n".contains(byte)) {
            match byte {
                b'"' => quoted = !quoted,
                b'\n' | b'\r' if !quoted => break,
                _ if quoted => {}
                _ => {
                    for (delimiter, count) in &mut counts {
                        *count += usize::from(*delimiter == byte);
                    }
                }
            }
        }
        // The earlier one wins a tie, so that a comma is what a doubtful file gets.
        let best = counts.iter().rev().max_by_key(|(_, count)| *count);
        Dialect {
            delimiter: best.map_or(b',', |(delimiter, _)| *delimiter),
        }
    }
}

/// Counts the bytes of one record down and fails at zero.
struct RecordBudget<R> {
    inner: R,
    left: Arc<AtomicU64>,
}

#[derive(Debug, thiserror::Error)]
#[error("the record is too long")]
struct BudgetSpent;

impl<R: Read> Read for RecordBudget<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.left.load(Ordering::Relaxed);
        if left == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, BudgetSpent));
        }
        let read = self.inner.read(buffer)?;
        self.left
            .store(left.saturating_sub(read as u64), Ordering::Relaxed);
        Ok(read)
    }
}

/// The records of a file after its header.
struct Records {
    reader: Reader<RecordBudget<Box<dyn Read + Send>>>,
    left: Arc<AtomicU64>,
    record: ByteRecord,
}

impl Records {
    fn new(source: Box<dyn Read + Send>, dialect: Dialect) -> Records {
        let left = Arc::new(AtomicU64::new(MAX_RECORD_BYTES));
        let source = RecordBudget {
            inner: source,
            left: left.clone(),
        };
        Records {
            reader: ReaderBuilder::new()
                .has_headers(false)
                .delimiter(dialect.delimiter)
                .buffer_capacity(64 * 1024)
                .from_reader(source),
            left,
            record: ByteRecord::new(),
        }
    }

    /// The next record and the line it begins on.
    fn next(&mut self) -> Result<Option<(&ByteRecord, u64)>, TableError> {
        self.left.store(MAX_RECORD_BYTES, Ordering::Relaxed);
        let begins = self.reader.position().line();
        match self.reader.read_byte_record(&mut self.record) {
            Ok(false) => Ok(None),
            Ok(true) => {
                let line = self.record.position().map_or(begins, csv::Position::line);
                Ok(Some((&self.record, line)))
            }
            Err(error) => Err(explain(error, begins)),
        }
    }

    fn header(&mut self) -> Result<Vec<String>, TableError> {
        let Some((record, line)) = self.next()? else {
            return Err(TableError::Empty);
        };
        let name = |(index, field): (usize, &[u8])| match str::from_utf8(field) {
            Ok(name) => Ok(name.trim().to_owned()),
            Err(_) => Err(TableError::NotUtf8 {
                line,
                column: (index + 1).to_string(),
            }),
        };
        record.iter().enumerate().map(name).collect()
    }
}

fn explain(error: csv::Error, begins: u64) -> TableError {
    let line = error.position().map_or(begins, csv::Position::line);
    match error.into_kind() {
        ErrorKind::Io(error) => match error.get_ref() {
            Some(inner) if inner.is::<BudgetSpent>() => TableError::RecordTooLong {
                line: begins,
                allowed: MAX_RECORD_BYTES,
            },
            _ => TableError::Io(error),
        },
        ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => TableError::Ragged {
            line,
            found: len,
            expected: expected_len,
        },
        // The remaining kinds belong to decoding into structs, which is not done here.
        other => TableError::Io(io::Error::other(format!("{other:?}"))),
    }
}

/// Which types all cells of a column seen so far agree with.
#[derive(Clone, Copy)]
struct Candidates {
    seen: bool,
    integer: bool,
    number: bool,
    boolean: bool,
    date: bool,
}

impl Candidates {
    fn narrow(&mut self, field: &str) {
        let field = field.trim();
        if field.is_empty() || MISSING_WORDS.contains(&field) {
            return;
        }
        self.seen = true;
        self.integer &= parse_integer(field).is_some();
        self.number &= parse_number(field).is_some();
        self.boolean &= parse_boolean(field).is_some();
        self.date &= parse_date(field).is_some();
    }

    fn kind(self) -> ColumnType {
        match self {
            _ if !self.seen => ColumnType::Text,
            _ if self.integer => ColumnType::Integer,
            _ if self.number => ColumnType::Number,
            _ if self.boolean => ColumnType::Boolean,
            _ if self.date => ColumnType::Date,
            _ => ColumnType::Text,
        }
    }
}

/// Names and types of the columns, from the header and a bounded sample of rows.
pub(super) fn infer(
    source: Box<dyn Read + Send>,
    dialect: Dialect,
    declared: &BTreeMap<String, ColumnType>,
) -> Result<Schema, TableError> {
    let mut records = Records::new(source, dialect);
    let names = records.header()?;
    // Checked before the sample: a damaged header would explain every later error.
    let mut schema = Schema::new(
        names
            .iter()
            .map(|name| Column::new(name, ColumnType::Text))
            .collect(),
    )?;
    for name in declared.keys() {
        schema.require(name)?;
    }
    let mut candidates = vec![
        Candidates {
            seen: false,
            integer: true,
            number: true,
            boolean: true,
            date: true,
        };
        names.len()
    ];
    let (mut rows, mut bytes) = (0, 0);
    while rows < SAMPLE_ROWS && bytes < SAMPLE_BYTES {
        let Some((record, line)) = records.next()? else {
            break;
        };
        for (index, field) in record.iter().enumerate() {
            candidates[index].narrow(utf8(field, line, &names[index])?);
        }
        rows += 1;
        bytes += record.as_slice().len();
    }
    let typed = names.into_iter().zip(candidates).map(|(name, candidates)| {
        let kind = declared.get(&name).copied();
        Column::new(name, kind.unwrap_or_else(|| candidates.kind()))
    });
    schema = Schema::new(typed.collect())?;
    Ok(schema)
}

fn utf8<'a>(field: &'a [u8], line: u64, column: &str) -> Result<&'a str, TableError> {
    str::from_utf8(field).map_err(|_| TableError::NotUtf8 {
        line,
        column: format!("\"{column}\""),
    })
}

/// One pass over the rows of a CSV file.
pub(super) struct CsvBatches {
    records: Records,
    schema: Arc<Schema>,
}

impl CsvBatches {
    pub(super) fn new(
        source: Box<dyn Read + Send>,
        dialect: Dialect,
        schema: Arc<Schema>,
    ) -> Result<CsvBatches, TableError> {
        let mut records = Records::new(source, dialect);
        let names = records.header()?;
        if !names
            .iter()
            .eq(schema.columns().iter().map(|column| &column.name))
        {
            return Err(TableError::Shape(
                "the file's header changed while it was read".to_owned(),
            ));
        }
        Ok(CsvBatches { records, schema })
    }

    pub(super) fn next_batch(&mut self) -> Result<Option<Batch>, TableError> {
        let columns = self.schema.columns();
        let mut values: Vec<Values> = columns
            .iter()
            .map(|column| Values::empty(column.kind))
            .collect();
        let (mut rows, mut bytes) = (0, 0);
        while rows < BATCH_ROWS && bytes < BATCH_BYTES {
            let Some((record, line)) = self.records.next()? else {
                break;
            };
            for ((field, column), values) in record.iter().zip(columns).zip(&mut values) {
                let field = utf8(field, line, &column.name)?;
                push(values, field).map_err(|()| disagreement(column, field, line))?;
            }
            rows += 1;
            bytes += record.as_slice().len();
        }
        if rows == 0 {
            return Ok(None);
        }
        Batch::new(self.schema.clone(), values).map(Some)
    }
}

/// Appends the field as a cell, or fails when it is none of the column's type.
fn push(values: &mut Values, field: &str) -> Result<(), ()> {
    fn parsed<T>(
        cells: &mut Vec<Option<T>>,
        field: &str,
        parse: fn(&str) -> Option<T>,
    ) -> Result<(), ()> {
        let field = field.trim();
        let cell = if field.is_empty() || MISSING_WORDS.contains(&field) {
            None
        } else {
            Some(parse(field).ok_or(())?)
        };
        cells.push(cell);
        Ok(())
    }
    match values {
        Values::Integer(cells) => parsed(cells, field, parse_integer),
        Values::Number(cells) => parsed(cells, field, parse_number),
        Values::Boolean(cells) => parsed(cells, field, parse_boolean),
        Values::Date(cells) => parsed(cells, field, parse_date),
        Values::Text(cells) => {
            cells.push((!field.is_empty()).then(|| field.to_owned()));
            Ok(())
        }
    }
}

fn disagreement(column: &Column, field: &str, line: u64) -> TableError {
    let wider = match column.kind {
        ColumnType::Integer if parse_number(field.trim()).is_some() => ColumnType::Number,
        _ => ColumnType::Text,
    };
    TableError::Cell {
        line,
        column: column.name.clone(),
        value: field.chars().take(40).collect(),
        expected: column.kind,
        remedy: format!(
            "the column's first rows are; correct the cell, or declare the column as {wider}"
        ),
    }
}

/// Plain decimal notation. A leading zero or plus makes a text: `007` and `+49 30` are names, and
/// their digits must survive.
fn parse_integer(field: &str) -> Option<i64> {
    let digits = field.strip_prefix('-').unwrap_or(field);
    if digits.is_empty()
        || !digits.bytes().all(|byte| byte.is_ascii_digit())
        || (digits.len() > 1 && digits.starts_with('0'))
    {
        return None;
    }
    field.parse().ok()
}

fn parse_number(field: &str) -> Option<f64> {
    let digits = field.strip_prefix('-').unwrap_or(field).as_bytes();
    let named = matches!(digits, [b'0', b'0'..=b'9', ..]);
    let plain = |byte: &u8| byte.is_ascii_digit() || b".eE+-".contains(byte);
    if named || !digits.first()?.is_ascii_digit() && digits[0] != b'.' || !digits.iter().all(plain)
    {
        return None;
    }
    // Digits alone that do not fit 64 bits are an identifier; a float would change them.
    if digits.iter().all(u8::is_ascii_digit) && parse_integer(field).is_none() {
        return None;
    }
    let number: f64 = field.parse().ok()?;
    number.is_finite().then_some(number)
}

fn parse_boolean(field: &str) -> Option<bool> {
    match field {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

/// `2026-05-31`, and nothing looser: `1/2/26` means two days.
fn parse_date(field: &str) -> Option<NaiveDate> {
    if field.len() != 10 {
        return None;
    }
    NaiveDate::parse_from_str(field, "%Y-%m-%d").ok()
}
