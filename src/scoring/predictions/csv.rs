//! Reading predictions from CSV.
//!
//! A row is read in one of two ways: plain rows by a scan that goes over each byte once; rows with
//! quotes, white space or anything unexpected by [`Layout::parse_row`], which also finds the words for
//! whatever is wrong. The first only ever accepts what the second accepts, with the same values.

use std::borrow::Cow;
use std::io::Read;

use memchr::memchr;

use super::error::{HeaderProblem, Position, PredictionsError, RowProblem};
use super::format::{ColumnKind, PredictionColumn, PredictionFormat};
use super::{Assembly, Predictions};
use crate::scoring::csv_rows::{Lines, ReadError, excerpt, read_rows, split_cells, trim_line_end};
use crate::scoring::solution::Solution;

/// The position of a row, counted from 0: the header is line 1.
fn position(row: usize) -> Position {
    Position::Line(row + 2)
}

/// Reads predictions in chunks of about `chunk_bytes` on `threads` threads; neither changes the result.
pub(super) fn read(
    input: impl Read + Send,
    format: &PredictionFormat,
    solution: &Solution,
    chunk_bytes: usize,
    threads: usize,
) -> Result<Predictions, PredictionsError> {
    let mut lines = Lines::new(input, chunk_bytes);
    let header = match lines.header() {
        Ok(header) => header.ok_or(PredictionsError::Empty)?,
        Err(error) => return Err(read_error(error, Position::Line(1))),
    };
    let layout = Layout::new(&header, format, solution)?;
    let mut assembly = Assembly::new(format, solution);
    read_rows(
        lines,
        threads,
        |bytes, chunk: &mut Chunk| layout.parse(bytes, chunk),
        |chunk| {
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(error) => return Err(read_error(error, position(assembly.count))),
            };
            assembly.place(&chunk.rows, &chunk.values, position)?;
            match chunk.error.take() {
                None => Ok(()),
                Some((column, problem)) => Err(PredictionsError::Row {
                    at: position(assembly.count),
                    column,
                    problem,
                }),
            }
        },
    )?;
    assembly.finish()
}

fn read_error(error: ReadError, at: Position) -> PredictionsError {
    match error {
        ReadError::Io(error) => PredictionsError::Read(error),
        ReadError::LineTooLong => PredictionsError::Row {
            at,
            column: None,
            problem: RowProblem::LineTooLong,
        },
    }
}

/// What a cell of the file is.
enum Cell<'a> {
    Id,
    /// The value for a column of the format.
    Value {
        column: usize,
        kind: &'a ColumnKind,
    },
}

/// The cells of each line, in the file's order.
struct Layout<'a> {
    format: &'a PredictionFormat,
    solution: &'a Solution,
    cells: Vec<Cell<'a>>,
}

/// The rows of one chunk.
#[derive(Default)]
struct Chunk {
    /// The solution's row of each line.
    rows: Vec<u32>,
    /// The values, one row after another, each in the order of the format's columns.
    values: Vec<f64>,
    /// What ended the chunk early, and in which column.
    error: Option<(Option<String>, RowProblem)>,
}

impl<'a> Layout<'a> {
    fn new(
        header: &[u8],
        format: &'a PredictionFormat,
        solution: &'a Solution,
    ) -> Result<Self, PredictionsError> {
        recognize(header)?;
        let mut names = Vec::new();
        split_cells(header, &mut names).map_err(PredictionsError::HeaderLine)?;
        check_columns(&names, format, likely_cause(header, &names))?;
        let cell = |name: &Cow<'_, str>| {
            let columns = format.columns().iter().enumerate();
            match columns.clone().find(|(_, column)| column.name == *name) {
                Some((column, PredictionColumn { kind, .. })) => Cell::Value { column, kind },
                None => Cell::Id,
            }
        };
        Ok(Layout {
            format,
            solution,
            cells: names.iter().map(cell).collect(),
        })
    }

    /// Reads the rows of `bytes`, which end with a line feed each, up to the first problem.
    fn parse(&self, bytes: &[u8], chunk: &mut Chunk) {
        self.parse_lines(bytes, chunk);
        if let Err((place, id)) = self.solution.resolve(&mut chunk.rows) {
            chunk.rows.truncate(place);
            chunk.values.truncate(place * self.format.columns().len());
            let column = Some(self.format.id_column().to_owned());
            chunk.error = find_row(&id, self.solution)
                .err()
                .map(|problem| (column, problem));
        }
    }

    /// As [`Layout::parse`], with the ids' keys in place of their rows.
    fn parse_lines(&self, bytes: &[u8], chunk: &mut Chunk) {
        chunk.rows.clear();
        chunk.values.clear();
        chunk.error = None;
        let width = self.format.columns().len();
        let mut cells = Vec::with_capacity(self.cells.len());
        let mut rest = bytes;
        while !rest.is_empty() {
            let start = chunk.values.len();
            chunk.values.resize(start + width, 0.0);
            let values = &mut chunk.values[start..];
            let key = match self.parse_plain_row(rest, values) {
                Some((key, length)) => {
                    rest = &rest[length..];
                    key
                }
                None => {
                    let (line, after) = match memchr(b'\n', rest) {
                        Some(end) => rest.split_at(end + 1),
                        None => (rest, &[][..]),
                    };
                    rest = after;
                    match self.parse_row(trim_line_end(line), &mut cells, values) {
                        Ok(key) => key,
                        Err(error) => {
                            chunk.values.truncate(start);
                            chunk.error = Some(error);
                            return;
                        }
                    }
                }
            };
            chunk.rows.push(key);
        }
    }

    /// Reads the row at the start of `bytes` if nothing about it is special: its id's key, and how long its
    /// line is.
    #[inline]
    fn parse_plain_row(&self, bytes: &[u8], values: &mut [f64]) -> Option<(u32, usize)> {
        let mut at = 0;
        let mut key = 0;
        let last = self.cells.len() - 1;
        for (place, cell) in self.cells.iter().enumerate() {
            let rest = &bytes[at..];
            let length = match cell {
                Cell::Value {
                    column,
                    kind: kind @ (ColumnKind::Number | ColumnKind::Probability),
                } => {
                    let (value, length) = fast_float2::parse_partial::<f64, _>(rest).ok()?;
                    values[*column] = check_number(value, kind).ok()?;
                    length
                }
                Cell::Value {
                    column,
                    kind: ColumnKind::Label(classes),
                } => {
                    let text = plain_text(rest)?;
                    values[*column] = class_of(text, classes)?;
                    text.len()
                }
                Cell::Id => {
                    let text = plain_text(rest)?;
                    key = self.solution.key(text)?;
                    text.len()
                }
            };
            at += length;
            match bytes.get(at)? {
                b',' if place < last => at += 1,
                b'\n' if place == last => at += 1,
                b'\r' if place == last && bytes.get(at + 1) == Some(&b'\n') => at += 2,
                _ => return None,
            }
        }
        Some((key, at))
    }

    /// Reads one line, whatever it holds: its id's key, with the values set, or what is wrong and where.
    fn parse_row<'l>(
        &self,
        line: &'l [u8],
        texts: &mut Vec<Cow<'l, str>>,
        values: &mut [f64],
    ) -> Result<u32, (Option<String>, RowProblem)> {
        split_cells(line, texts).map_err(|error| (None, error.into()))?;
        if texts.len() != self.cells.len() {
            let (expected, found) = (self.cells.len(), texts.len());
            return Err((None, RowProblem::CellCount { expected, found }));
        }
        let mut key = 0;
        for (text, cell) in texts.iter().zip(&self.cells) {
            match cell {
                Cell::Id => {
                    key = find_key(text, self.solution)
                        .map_err(|problem| (Some(self.format.id_column().to_owned()), problem))?;
                }
                Cell::Value { column, kind } => {
                    values[*column] = parse_value(text, kind).map_err(|problem| {
                        (Some(self.format.columns()[*column].name.clone()), problem)
                    })?;
                }
            }
        }
        Ok(key)
    }
}

/// The text up to the next comma or line end, if it has neither quotes nor white space nor anything else
/// that asks for a closer look.
#[inline]
fn plain_text(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.iter().position(|byte| {
        matches!(
            byte,
            b',' | b'\n' | b'\r' | b'"' | b' ' | b'\t' | 0x0c | 0x80..
        )
    })?;
    (matches!(bytes[end], b',' | b'\n' | b'\r') && end > 0).then(|| &bytes[..end])
}

fn class_of(text: &[u8], classes: &[String]) -> Option<f64> {
    let place = classes.iter().position(|class| class.as_bytes() == text)?;
    Some(place as f64)
}

/// The solution's row that an id names, or words about an id that is not there.
pub(super) fn find_row(id: &str, solution: &Solution) -> Result<u32, RowProblem> {
    solution
        .row(id.as_bytes())
        .ok_or_else(|| unknown_id(id, solution))
}

/// As [`find_row`], for an id whose row is found later; an id between the solution's may pass.
fn find_key(id: &str, solution: &Solution) -> Result<u32, RowProblem> {
    solution
        .key(id.as_bytes())
        .ok_or_else(|| unknown_id(id, solution))
}

fn unknown_id(id: &str, solution: &Solution) -> RowProblem {
    if id.is_empty() {
        return RowProblem::Missing;
    }
    // What programs make of ids that they take for numbers: 7.0 of 7, 7 of 007, 007 of 7.
    let integer = match id.split_once('.') {
        Some((integer, zeros)) if zeros.bytes().all(|digit| digit == b'0') => integer,
        _ => id,
    };
    let digits = integer.trim_start_matches('0');
    let padded = (1..=12).map(|width| format!("{integer:0>width$}"));
    let written = [integer.to_owned(), digits.to_owned()]
        .into_iter()
        .chain(padded)
        .find(|guess| solution.row(guess.as_bytes()).is_some());
    RowProblem::UnknownId {
        id: excerpt(id),
        written,
    }
}

/// The value that a cell writes.
fn parse_value(text: &str, kind: &ColumnKind) -> Result<f64, RowProblem> {
    if text.is_empty() {
        return Err(RowProblem::Missing);
    }
    match kind {
        ColumnKind::Label(classes) => find_class(text, classes),
        ColumnKind::Number | ColumnKind::Probability => match fast_float2::parse::<f64, _>(text) {
            Ok(value) if value.is_infinite() => {
                let found = excerpt(text);
                Err(RowProblem::Infinite { found })
            }
            Ok(value) => check_number(value, kind),
            // The spellings of a missing value in pandas, R and SQL.
            Err(_)
                if ["na", "n/a", "<na>", "null", "none"].contains(&&*text.to_ascii_lowercase()) =>
            {
                Err(RowProblem::Missing)
            }
            Err(_) => {
                let found = excerpt(text);
                Err(RowProblem::Text { found })
            }
        },
    }
}

/// The place of a class, or words about a text that is none.
pub(super) fn find_class(text: &str, classes: &[String]) -> Result<f64, RowProblem> {
    class_of(text.as_bytes(), classes).ok_or_else(|| RowProblem::UnknownLabel {
        found: excerpt(text),
        classes: excerpt_of_list(classes),
    })
}

fn excerpt_of_list(classes: &[String]) -> String {
    const NAMED: usize = 20;
    let mut text = classes[..classes.len().min(NAMED)].join(", ");
    if classes.len() > NAMED {
        text.push_str(", …");
    }
    text
}

/// The number itself, if a column of this kind can hold it.
#[inline]
pub(super) fn check_number(value: f64, kind: &ColumnKind) -> Result<f64, RowProblem> {
    if value.is_nan() {
        Err(RowProblem::NotANumber)
    } else if value.is_infinite() {
        let found = value.to_string();
        Err(RowProblem::Infinite { found })
    } else if matches!(kind, ColumnKind::Probability) && !(0.0..=1.0).contains(&value) {
        Err(RowProblem::OutOfRange { found: value })
    } else {
        Ok(value)
    }
}

/// Checks that these are the format's columns, in any order.
pub(super) fn check_columns<S: AsRef<str>>(
    names: &[S],
    format: &PredictionFormat,
    cause: Option<&'static str>,
) -> Result<(), PredictionsError> {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    let missing: Vec<String> = format
        .names()
        .filter(|name| !names.contains(name))
        .map(excerpt)
        .collect();
    let known = |name: &str| format.names().any(|known| known == name);
    let extra: Vec<String> = names
        .iter()
        .filter(|name| !known(name))
        .map(|name| excerpt(name))
        .collect();
    let repeated = || (1..names.len()).find(|place| names[..*place].contains(&names[*place]));
    let problem = if !missing.is_empty() {
        HeaderProblem::Missing(missing)
    } else if !extra.is_empty() {
        HeaderProblem::Extra(extra)
    } else if let Some(place) = repeated() {
        HeaderProblem::Repeated(excerpt(names[place]))
    } else {
        return Ok(());
    };
    Err(PredictionsError::Header {
        expected: format.names().map(String::from).collect(),
        found: names.iter().map(|name| excerpt(name)).collect(),
        problem,
        cause,
    })
}

/// What people's programs do to a header.
fn likely_cause(header: &[u8], names: &[Cow<'_, str>]) -> Option<&'static str> {
    let has = |byte| memchr(byte, header).is_some();
    if names.len() == 1 && has(b';') {
        Some(
            "The cells seem to be separated by semicolons: separate them with commas and use a point for decimals",
        )
    } else if names.len() == 1 && has(b'\t') {
        Some("The cells seem to be separated by tabs: separate them with commas")
    } else if has(b'\r') {
        Some("The lines seem to end with carriage returns alone: end them with line feeds (\\n)")
    } else if names
        .iter()
        .any(|name| name.is_empty() || name.starts_with("Unnamed"))
    {
        Some(
            "An unnamed column is most often the index of a data frame: write the file with index=False",
        )
    } else if names
        .iter()
        .any(|name| fast_float2::parse::<f64, _>(&**name).is_ok())
    {
        Some("The first line seems to be a row: write the column names above it")
    } else {
        None
    }
}

/// Refuses what is another kind of file by its first bytes.
fn recognize(header: &[u8]) -> Result<(), PredictionsError> {
    let kinds: [(&[u8], &str, &str); 5] = [
        (b"PAR1", "a Parquet file", "send it as Parquet (.parquet)"),
        (
            b"PK\x03\x04",
            "a spreadsheet or a ZIP archive",
            "save the table as CSV (UTF-8) and send that",
        ),
        (b"\x1f\x8b", "compressed with gzip", "send it uncompressed"),
        (b"\xff\xfe", "text in UTF-16", "save it with UTF-8 encoding"),
        (b"\xfe\xff", "text in UTF-16", "save it with UTF-8 encoding"),
    ];
    for (magic, found, remedy) in kinds {
        if header.starts_with(magic) {
            return Err(PredictionsError::NotCsv { found, remedy });
        }
    }
    if memchr(0, header).is_some() {
        let (found, remedy) = ("binary data", "write it as UTF-8 text");
        return Err(PredictionsError::NotCsv { found, remedy });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::solution::SolutionFormat;

    /// The predictions, or the message about what is wrong with them.
    fn read_in_chunks(
        csv: &[u8],
        chunk_bytes: usize,
        threads: usize,
    ) -> Result<Predictions, String> {
        let solution = "id,y\n1,0\nlap 2,0\n\"3,\"\"b\"\"\",1\n4,1\n5,0\n";
        let solution =
            Solution::read_csv(solution.as_bytes(), &SolutionFormat::new("id", "y")).unwrap();
        let column = |name: &str, kind| PredictionColumn {
            name: name.to_owned(),
            kind,
        };
        let classes = vec!["dry".to_owned(), "very wet".to_owned()];
        let columns = vec![
            column("p", ColumnKind::Probability),
            column("track", ColumnKind::Label(classes)),
        ];
        let format = PredictionFormat::new("id", columns).unwrap();
        read(csv, &format, &solution, chunk_bytes, threads).map_err(|error| error.to_string())
    }

    #[test]
    fn neither_chunks_nor_threads_change_what_is_read_or_what_is_wrong() {
        let rows = "track,id,p\r\ndry,5,0.5\r\n\"very wet\",lap 2,1e-3\n dry , 1 ,\"1\"\ndry,\"3,\"\"b\"\"\",0\n";
        let last_rows = [
            "very wet,4,0.25",
            "very wet,4,0.25\n\n \r\n",
            "very wet,4,1.5\n",
            "very wet,5,0.5\n",
            "very wet,6,0.5\n",
            "very wet,4\n",
            "very wet,4,\"0.5\n",
            "\nvery wet,4,0.5\n",
            "\u{e9},4,0.5\n",
            "",
        ];
        for last in last_rows {
            let csv = [rows, last].concat();
            let whole = read_in_chunks(csv.as_bytes(), 1 << 20, 1);
            if last.starts_with("very wet,4,0.25") {
                let predictions = whole.as_ref().unwrap();
                assert_eq!(predictions.columns()[0], [1.0, 1e-3, 0.0, 0.25, 0.5]);
                assert_eq!(predictions.columns()[1], [0.0, 1.0, 0.0, 1.0, 0.0]);
            } else {
                assert!(whole.is_err(), "{last}");
            }
            for chunk_bytes in 1..=64 {
                for threads in [1, 2, 3] {
                    assert_eq!(
                        read_in_chunks(csv.as_bytes(), chunk_bytes, threads),
                        whole,
                        "{last}: {chunk_bytes}"
                    );
                }
            }
        }
    }
}
