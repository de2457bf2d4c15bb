//! Reading a solution from the organizer's CSV file.

use std::borrow::Cow;
use std::io::Read;

use memchr::memchr_iter;
use rustc_hash::FxHashMap;

use super::ids::{Ids, IdsBuilder, Texts};
use super::{Groups, Solution, SolutionError, SolutionFormat, SolutionRowError, Split, TargetKind};
use crate::scoring::csv_rows::{
    CHUNK_BYTES, Lines, ReadError, excerpt, read_rows, split_cells, threads, trim_line_end,
};

/// The header is line 1, the first row line 2.
const FIRST_ROW_LINE: usize = 2;

impl Solution {
    /// Reads a solution from CSV.
    ///
    /// # Errors
    ///
    /// The first problem in the order of the file; repeated ids and empty splits after all others.
    pub fn read_csv(
        input: impl Read + Send,
        format: &SolutionFormat,
    ) -> Result<Solution, SolutionError> {
        read(input, format, CHUNK_BYTES)
    }
}

/// Where the columns stand in the file.
struct Layout<'a> {
    format: &'a SolutionFormat,
    cells: usize,
    id: usize,
    target: usize,
    split: Option<usize>,
    group: Option<usize>,
    event: Option<usize>,
}

/// What one chunk of lines holds, column by column.
#[derive(Default)]
struct Chunk {
    ids: Texts,
    targets: Vec<f64>,
    splits: Vec<Split>,
    groups: Texts,
    events: Vec<bool>,
    /// What ended the chunk early: the column's cell, if it is in one.
    error: Option<(Option<usize>, SolutionRowError)>,
}

fn read(
    input: impl Read + Send,
    format: &SolutionFormat,
    chunk_bytes: usize,
) -> Result<Solution, SolutionError> {
    let mut lines = Lines::new(input, chunk_bytes);
    let header = lines.header().map_err(|error| match error {
        ReadError::Io(error) => SolutionError::Read(error),
        ReadError::LineTooLong => row_error(1, None, SolutionRowError::LineTooLong),
    })?;
    let header = header.ok_or(SolutionError::Empty)?;
    let mut names = Vec::new();
    split_cells(&header, &mut names).map_err(SolutionError::HeaderLine)?;
    let layout = Layout::new(&names, format)?;

    let mut ids = IdsBuilder::new();
    let mut target = Vec::new();
    let mut splits = Vec::new();
    let mut events = Vec::new();
    let mut groups = Groups {
        of_row: Vec::new(),
        names: Texts::default(),
    };
    let mut group_numbers: FxHashMap<Box<str>, u32> = FxHashMap::default();
    read_rows(
        lines,
        threads(),
        |bytes, chunk: &mut Chunk| layout.parse(bytes, chunk),
        |chunk| {
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(ReadError::Io(error)) => return Err(SolutionError::Read(error)),
                Err(ReadError::LineTooLong) => {
                    let line = target.len() + FIRST_ROW_LINE;
                    return Err(row_error(line, None, SolutionRowError::LineTooLong));
                }
            };
            for id in chunk.ids.iter() {
                if !ids.push(id) {
                    let line = ids.len() + FIRST_ROW_LINE;
                    return Err(row_error(line, None, SolutionRowError::TooManyRows));
                }
            }
            target.append(&mut chunk.targets);
            splits.append(&mut chunk.splits);
            events.append(&mut chunk.events);
            for name in chunk.groups.iter() {
                let number = match group_numbers.get(name) {
                    Some(number) => *number,
                    None => {
                        // No more groups than rows, and those are counted in 32 bits.
                        let number = groups.names.len() as u32;
                        group_numbers.insert(name.into(), number);
                        groups.names.push(name);
                        number
                    }
                };
                groups.of_row.push(number);
            }
            match chunk.error.take() {
                None => Ok(()),
                Some((cell, problem)) => {
                    let column = cell.map(|cell| names[cell].to_string());
                    Err(row_error(target.len() + FIRST_ROW_LINE, column, problem))
                }
            }
        },
    )?;

    if target.is_empty() {
        return Err(SolutionError::NoRows);
    }
    let solution = Solution {
        id_column: format.id_column.clone(),
        ids: index(ids, &format.id_column)?,
        target,
        splits: layout.split.map(|_| splits),
        groups: layout.group.map(|_| groups),
        events: layout.event.map(|_| events),
    };
    if let Some(column) = &format.split_column {
        for split in [Split::Public, Split::Private] {
            if solution.split_rows(split) == 0 {
                let column = column.clone();
                return Err(SolutionError::EmptySplit { column, split });
            }
        }
    }
    Ok(solution)
}

fn row_error(line: usize, column: Option<String>, problem: SolutionRowError) -> SolutionError {
    SolutionError::Row {
        line,
        column,
        problem,
    }
}

/// Indexes the ids and says in the file's terms when one is repeated.
fn index(ids: IdsBuilder, id_column: &str) -> Result<Ids, SolutionError> {
    ids.build().map_err(|duplicate| {
        row_error(
            duplicate.row + FIRST_ROW_LINE,
            Some(id_column.to_owned()),
            SolutionRowError::DuplicateId {
                id: excerpt(&duplicate.id),
                first_line: duplicate.first_row + FIRST_ROW_LINE,
            },
        )
    })
}

impl<'a> Layout<'a> {
    fn new(names: &[Cow<'_, str>], format: &'a SolutionFormat) -> Result<Self, SolutionError> {
        let find = |column: &String| {
            let mut places = (0..names.len()).filter(|place| names[*place] == *column);
            match (places.next(), places.count()) {
                (Some(place), 0) => Ok(place),
                (first, others) => Err(SolutionError::Header {
                    column: column.clone(),
                    times: usize::from(first.is_some()) + others,
                    found: names
                        .iter()
                        .map(|name| excerpt(name))
                        .collect::<Vec<_>>()
                        .join(", "),
                }),
            }
        };
        Ok(Layout {
            format,
            cells: names.len(),
            id: find(&format.id_column)?,
            target: find(&format.target_column)?,
            split: format.split_column.as_ref().map(find).transpose()?,
            group: format.group_column.as_ref().map(find).transpose()?,
            event: format.event_column.as_ref().map(find).transpose()?,
        })
    }

    /// Reads the rows of `bytes` up to the first problem.
    fn parse(&self, bytes: &[u8], chunk: &mut Chunk) {
        chunk.ids.clear();
        chunk.targets.clear();
        chunk.splits.clear();
        chunk.groups.clear();
        chunk.events.clear();
        chunk.error = None;
        let mut cells = Vec::with_capacity(self.cells);
        let mut start = 0;
        for end in memchr_iter(b'\n', bytes) {
            let line = trim_line_end(&bytes[start..=end]);
            start = end + 1;
            if let Err(error) = self.parse_row(line, &mut cells, chunk) {
                chunk.error = Some(error);
                return;
            }
        }
    }

    /// Adds a row to every column of `chunk`, or to none.
    fn parse_row<'l>(
        &self,
        line: &'l [u8],
        cells: &mut Vec<Cow<'l, str>>,
        chunk: &mut Chunk,
    ) -> Result<(), (Option<usize>, SolutionRowError)> {
        split_cells(line, cells).map_err(|error| (None, error.into()))?;
        if cells.len() != self.cells {
            let (expected, found) = (self.cells, cells.len());
            return Err((None, SolutionRowError::CellCount { expected, found }));
        }
        let filled = |cell: usize| match &*cells[cell] {
            "" => Err((Some(cell), SolutionRowError::Empty)),
            text => Ok(text),
        };
        let in_cell = |cell: usize| move |problem| (Some(cell), problem);

        let id = filled(self.id)?;
        let target = parse_target(filled(self.target)?, &self.format.target)
            .map_err(in_cell(self.target))?;
        let split = match self.split {
            Some(cell) => Some(parse_split(filled(cell)?).map_err(in_cell(cell))?),
            None => None,
        };
        let event = match self.event {
            Some(cell) => Some(parse_event(filled(cell)?).map_err(in_cell(cell))?),
            None => None,
        };
        if let Some(cell) = self.group {
            chunk.groups.push(filled(cell)?);
        }
        chunk.ids.push(id);
        chunk.targets.push(target);
        chunk.splits.extend(split);
        chunk.events.extend(event);
        Ok(())
    }
}

fn parse_target(text: &str, kind: &TargetKind) -> Result<f64, SolutionRowError> {
    let found = || excerpt(text);
    match kind {
        TargetKind::Number => match fast_float2::parse::<f64, _>(text) {
            Ok(number) if number.is_finite() => Ok(number),
            _ => Err(SolutionRowError::NotANumber { found: found() }),
        },
        TargetKind::Label(classes) => match classes.iter().position(|class| class == text) {
            Some(place) => Ok(place as f64),
            None => Err(SolutionRowError::UnknownLabel {
                found: found(),
                classes: classes.join(", "),
            }),
        },
    }
}

fn parse_split(text: &str) -> Result<Split, SolutionRowError> {
    if text.eq_ignore_ascii_case("public") {
        Ok(Split::Public)
    } else if text.eq_ignore_ascii_case("private") {
        Ok(Split::Private)
    } else {
        let found = excerpt(text);
        Err(SolutionRowError::UnknownSplit { found })
    }
}

fn parse_event(text: &str) -> Result<bool, SolutionRowError> {
    if text == "1" || text.eq_ignore_ascii_case("true") {
        Ok(true)
    } else if text == "0" || text.eq_ignore_ascii_case("false") {
        Ok(false)
    } else {
        let found = excerpt(text);
        Err(SolutionRowError::UnknownEvent { found })
    }
}
