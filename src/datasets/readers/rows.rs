//! Rows of numbers, the same in every comma-separated format.

use super::ReadError;
use super::session::MAX_LAPS;
use super::text::{Decimals, Line, Record, excerpt, malformed, number, shortened};

/// Reads one number for each column into `row`: NaN for an empty cell. Empty cells beyond the last
/// column do not matter.
///
/// # Errors
/// [`ReadError::Malformed`] for a row of another length or a cell that is not a number, with its
/// column.
pub fn numbers(
    format: &'static str,
    line: Line<'_>,
    record: Record<'_>,
    names: &[String],
    decimals: Decimals,
    row: &mut [f64],
) -> Result<(), ReadError> {
    check_width(format, line, record, names.len())?;
    for ((slot, field), name) in row.iter_mut().zip(record.iter()).zip(names) {
        *slot = number(field, decimals).ok_or_else(|| not_a_number(format, line, name, field))?;
    }
    Ok(())
}

/// # Errors
/// [`ReadError::Malformed`] for a row that has fewer fields than `columns`, or more that are filled.
pub fn check_width(
    format: &'static str,
    line: Line<'_>,
    record: Record<'_>,
    columns: usize,
) -> Result<(), ReadError> {
    if record.len() == columns {
        return Ok(());
    }
    let used = record.used();
    if record.len() > columns && used <= columns {
        return Ok(());
    }
    Err(malformed(
        format,
        line.number,
        format!("{columns} fields"),
        used.max(record.len().min(columns)).to_string(),
    ))
}

/// A cell that should be a number.
pub fn not_a_number(format: &'static str, line: Line<'_>, column: &str, cell: &[u8]) -> ReadError {
    malformed(
        format,
        line.number,
        format!("a number in column \"{}\"", shortened(column)),
        excerpt(cell),
    )
}

/// One more lap for a session that has `laps`.
///
/// # Errors
/// [`ReadError::TooLarge`] above [`MAX_LAPS`].
pub fn check_laps(format: &'static str, laps: usize) -> Result<(), ReadError> {
    if laps < MAX_LAPS {
        return Ok(());
    }
    Err(ReadError::TooLarge {
        format,
        what: "the number of laps".to_owned(),
        allowed: MAX_LAPS as u64,
        remedy: "send the sessions in several files",
    })
}

/// What is said of a last row that the file ends in the middle of.
pub fn cut_off(line: u64) -> String {
    format!("the file ends in the middle of line {line}; that row was left out")
}
