//! Plain lap tables, CSV or Parquet: one row a lap, mapped by the names of the columns.
//!
//! All names that are understood stand in [`meaning`]. A table without lap times is none of these.

use std::collections::BTreeMap;

use crate::datasets::tables::{Batch, Cell, ColumnType, Format, Source, Table};

use super::ReadError;
use super::clock;
use super::samples::microseconds;
use super::session::{Lap, MAX_LAPS, Session};
use super::text::{Decimals, Fields, Line, number};
use super::unit::Unit;

/// Above this, in seconds, the median of a kart's lap times was surely meant as milliseconds.
const SUSPICIOUS_SECONDS: f64 = 1_000.0;

/// What a column means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Meaning {
    /// Whose lap it is.
    Driver,
    /// In which kart.
    Kart,
    /// Of the lap, within its driver.
    Number,
    /// Seconds are so many times the value.
    Time(f64),
    /// The number of the sector, and as for the time.
    Sector(u32, f64),
    /// Whether the lap began or ended in the pits.
    Pits,
}

/// What the column called `name` means, if it means anything here. The unit may stand behind the name
/// (`lap_time_ms`) or in brackets (`Lap Time [s]`); seconds without.
pub fn meaning(name: &str) -> Option<Meaning> {
    let lower = name.trim().to_lowercase().replace([' ', '-', '.'], "_");
    let (lower, bracket) = match lower.split_once(['(', '[']) {
        Some((bare, unit)) => (bare.trim_end_matches('_').to_owned(), Some(unit.to_owned())),
        None => (lower, None),
    };
    match lower.as_str() {
        "driver" | "driver_name" | "driver_id" | "racer" | "pilot" | "competitor" | "name" => {
            return Some(Meaning::Driver);
        }
        "kart" | "kart_number" | "kart_no" | "kart_id" | "vehicle" | "car" | "car_number" => {
            return Some(Meaning::Kart);
        }
        "lap" | "lap_number" | "lap_no" | "lap_num" | "lap_count" | "lap_index" => {
            return Some(Meaning::Number);
        }
        "pit" | "pits" | "in_pit" | "is_pit" | "pit_lap" | "pit_stop" => {
            return Some(Meaning::Pits);
        }
        _ => {}
    }
    let suffixes = [("_ms", 1e-3), ("_s", 1.0), ("_sec", 1.0), ("_seconds", 1.0)];
    let mut suffixes = suffixes.iter();
    let suffixed = suffixes.find_map(|(suffix, factor)| {
        let bare = lower.strip_suffix(suffix)?;
        Some((bare, *factor))
    });
    let (bare, factor) = match (suffixed, bracket) {
        (Some(found), _) => found,
        (None, Some(unit)) => {
            let unit = unit.trim_end_matches([')', ']']);
            let conversion = Unit::parse(unit).filter(|c| c.unit == Unit::Second)?;
            (lower.as_str(), conversion.factor)
        }
        (None, None) => (lower.as_str(), 1.0),
    };
    match bare {
        "lap_time" | "laptime" | "lap_duration" => return Some(Meaning::Time(factor)),
        "lap" if suffixed.is_some() => return Some(Meaning::Time(factor)),
        _ => {}
    }
    // s1, s1_time, sector_1, sector_1_time, sector_time_1, split_1 …
    let sector = bare.replace("time", "").replace('_', "");
    let digits = ["sector", "split", "s"]
        .iter()
        .find_map(|word| sector.strip_prefix(word))?;
    let sector = digits
        .parse()
        .ok()
        .filter(|sector| (1..=99).contains(sector))?;
    Some(Meaning::Sector(sector, factor))
}

/// Whether this header line has a column of lap times.
pub fn is_header(line: &[u8]) -> bool {
    let count = |delimiter: u8| line.iter().filter(|byte| **byte == delimiter).count();
    let delimiter = [b'\t', b';', b',']
        .into_iter()
        .max_by_key(|delimiter| count(*delimiter));
    let line = Line {
        bytes: line,
        number: 1,
        last: false,
    };
    let mut fields = Fields::new(delimiter.unwrap_or(b','));
    let Ok(record) = fields.split("CSV", line) else {
        return false;
    };
    (0..record.len()).any(|index| matches!(meaning(&record.text(index)), Some(Meaning::Time(_))))
}

/// Reads a table.
///
/// # Errors
/// [`ReadError::Foreign`] without a column of lap times, [`ReadError::Table`] for a broken table,
/// [`ReadError::Malformed`] for a cell that is no time.
pub fn read(source: Source) -> Result<Session, ReadError> {
    let table = Table::open(source.clone())?;
    let meanings: Vec<Option<Meaning>> = {
        let columns = table.schema().columns().iter();
        columns.map(|column| meaning(&column.name)).collect()
    };
    if !meanings
        .iter()
        .any(|meaning| matches!(meaning, Some(Meaning::Time(_))))
    {
        return Err(without_lap_times());
    }
    let table = match table.format() {
        // Times may be written with a colon further down, and kart 07 is not kart 7.
        Format::Csv => {
            let named = table.schema().columns().iter().zip(&meanings);
            let mapped = named.filter(|(_, meaning)| meaning.is_some());
            let texts = mapped.map(|(column, _)| (column.name.clone(), ColumnType::Text));
            Table::open_with_types(source, &texts.collect::<BTreeMap<_, _>>())?
        }
        Format::Parquet => table,
    };
    let mut session = Session::default();
    let columns = table.schema().columns().iter().zip(&meanings);
    let unread: Vec<&str> = columns
        .filter(|(_, meaning)| meaning.is_none())
        .map(|(column, _)| column.name.as_str())
        .collect();
    if !unread.is_empty() {
        let warning = format!("columns that were not read: {}", unread.join(", "));
        session.warnings.push(warning);
    }
    let mut laps = Laps::default();
    for batch in table.batches()? {
        if !laps.take(&batch?, &meanings)? {
            let warning = format!("only the first {MAX_LAPS} laps were read");
            session.warnings.push(warning);
            break;
        }
    }
    laps.finish(&mut session);
    Ok(session)
}

/// A table, but of something else.
pub fn without_lap_times() -> ReadError {
    ReadError::Foreign {
        found: "a table without lap times".to_owned(),
        remedy: "give it a column \"lap_time\" in seconds (or \"lap_time_ms\"), one row a lap",
    }
}

#[derive(Default)]
struct Laps {
    laps: Vec<Lap>,
    /// How many laps of each driver there were, for tables that do not number them.
    counts: BTreeMap<Option<String>, u32>,
    rows: u64,
    without_time: u64,
}

impl Laps {
    /// The laps of some rows; whether there was room for all.
    fn take(&mut self, batch: &Batch, meanings: &[Option<Meaning>]) -> Result<bool, ReadError> {
        for row in 0..batch.rows() {
            self.rows += 1;
            let mut lap = Lap::default();
            let (mut seconds, mut number) = (f64::NAN, None);
            let columns = batch.columns().iter().zip(batch.schema().columns());
            for ((values, column), meaning) in columns.zip(meanings) {
                let cell = values.cell(row);
                let time = |factor| lap_time(cell, factor, self.rows, &column.name);
                match meaning {
                    None => {}
                    Some(Meaning::Driver) => lap.driver = text(cell),
                    Some(Meaning::Kart) => lap.kart = text(cell),
                    Some(Meaning::Number) => number = count(cell),
                    Some(Meaning::Time(factor)) => seconds = time(*factor)?,
                    Some(Meaning::Sector(_, factor)) => lap.sectors.push(time(*factor)?),
                    Some(Meaning::Pits) => lap.incomplete = is_true(cell),
                }
            }
            if !seconds.is_finite() || seconds <= 0.0 {
                self.without_time += 1;
                continue;
            }
            if self.laps.len() >= MAX_LAPS {
                return Ok(false);
            }
            lap.seconds = seconds;
            if !lap
                .sectors
                .iter()
                .all(|sector| sector.is_finite() && *sector > 0.0)
            {
                lap.sectors.clear();
            }
            lap.number = match number {
                Some(number) => number,
                None => {
                    let count = self.counts.entry(lap.driver.clone()).or_default();
                    *count = count.saturating_add(1);
                    *count
                }
            };
            self.laps.push(lap);
        }
        Ok(true)
    }

    fn finish(self, session: &mut Session) {
        if self.without_time > 0 {
            session.warnings.push(format!(
                "{} rows have no lap time above zero and were left out",
                self.without_time
            ));
        }
        let mut times: Vec<f64> = self.laps.iter().map(|lap| lap.seconds).collect();
        let middle = times.len() / 2;
        if !times.is_empty() {
            let (_, median, _) = times.select_nth_unstable_by(middle, f64::total_cmp);
            if *median > SUSPICIOUS_SECONDS {
                session.warnings.push(
                    "the lap times look like milliseconds but were read as seconds; call the column \
                     \"lap_time_ms\""
                        .to_owned(),
                );
            }
        }
        session.laps = self.laps;
    }
}

/// Seconds, of a cell in the column called `name`; NaN for an empty one.
///
/// # Errors
/// [`ReadError::Malformed`] for what is no time, with the line of row `row` (from 1).
pub fn lap_time(cell: Cell<'_>, factor: f64, row: u64, name: &str) -> Result<f64, ReadError> {
    time(cell, factor).ok_or_else(|| ReadError::Malformed {
        format: "lap table",
        place: super::Place::Line(row + 1),
        expected: format!("a time such as 58.91 or 0:58.910 in column \"{name}\""),
        found: super::text::excerpt(cell.to_string().as_bytes()),
    })
}

/// Seconds; NaN for an empty cell, `None` for what is no time.
fn time(cell: Cell<'_>, factor: f64) -> Option<f64> {
    match cell {
        Cell::Missing => Some(f64::NAN),
        Cell::Text(text) if text.contains(':') => clock::duration(text),
        Cell::Text(text) => Some(microseconds(
            number(text.as_bytes(), Decimals::Comma)? * factor,
        )),
        cell => Some(microseconds(cell.as_number()? * factor)),
    }
}

/// What stands in a cell, without spaces around it; `None` if that is nothing.
pub fn text(cell: Cell<'_>) -> Option<String> {
    let text = cell.to_string();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// A number of something; `None` if it is none.
pub fn count(cell: Cell<'_>) -> Option<u32> {
    let value = match cell {
        Cell::Text(text) => number(text.as_bytes(), Decimals::Point)?,
        cell => cell.as_number()?,
    };
    (0.0..=f64::from(u32::MAX))
        .contains(&value)
        .then_some(value as u32)
}

/// Whether a cell says yes.
pub fn is_true(cell: Cell<'_>) -> bool {
    match cell {
        Cell::Boolean(value) => value,
        Cell::Text(text) => {
            let text = text.trim().to_lowercase();
            !matches!(text.as_str(), "" | "0" | "false" | "no" | "n" | "f")
        }
        cell => cell.as_number().is_some_and(|value| value != 0.0),
    }
}
