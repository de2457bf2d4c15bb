//! RaceChrono's CSV, version 3.
//!
//! A banner, key/value rows, a blank row, three header rows (names, units, sources), data. Names
//! repeat from source to source, cells are empty where a source had nothing to say.

use std::io::BufRead;

use super::ReadError;
use super::clock;
use super::lap_numbers;
use super::rows;
use super::samples::{Column, Samples, microseconds};
use super::session::{Details, Quantity, Session};
use super::text::{Decimals, Fields, Lines, decode, excerpt, malformed};

const FORMAT: &str = "RaceChrono CSV";
const BANNER: &str = "This file is created using RaceChrono";

/// Whether this is how a RaceChrono CSV file begins.
pub fn is_beginning(line: &[u8]) -> bool {
    let text = decode(line);
    text.trim_start_matches('"').starts_with(BANNER)
}

/// Reads a file.
///
/// # Errors
/// Any [`ReadError`]; lines and columns are named.
pub fn read(input: impl BufRead) -> Result<Session, ReadError> {
    let mut lines = Lines::new(FORMAT, input);
    let mut fields = Fields::new(b',');
    let mut session = Session {
        details: read_details(&mut lines, &mut fields)?,
        ..Session::default()
    };
    let names = read_row(&mut lines, &mut fields, "the names of the columns")?;
    let names_line = lines.number();
    let time = names.iter().position(|name| name == "timestamp");
    let time = time.ok_or_else(|| {
        let found = excerpt(names.join(",").as_bytes());
        malformed(FORMAT, names_line, "a column \"timestamp\"", found)
    })?;
    let units = read_row(&mut lines, &mut fields, "the units of the columns")?;
    let sources = read_row(&mut lines, &mut fields, "the sources of the columns")?;
    let none = String::new();
    let mut columns = Vec::with_capacity(names.len());
    for (index, name) in names.iter().enumerate().filter(|(index, _)| *index != time) {
        let unit = units.get(index).unwrap_or(&none);
        let source = sources.get(index).filter(|source| !source.is_empty());
        columns.push(Column {
            source: source.cloned(),
            ..Column::in_unit(FORMAT, name, unit)?.quantity(quantity(name))
        });
    }

    let mut samples = Samples::new(FORMAT, columns)?;
    let mut row = vec![f64::NAN; names.len()];
    let mut others = Vec::with_capacity(names.len());
    let mut began = None;
    while let Some(line) = lines.next()? {
        if line.is_blank() {
            continue;
        }
        let record = fields.split(FORMAT, line)?;
        match rows::numbers(FORMAT, line, record, &names, Decimals::Point, &mut row) {
            Ok(()) => {}
            Err(_) if line.last => {
                session.warnings.push(rows::cut_off(line.number));
                break;
            }
            Err(error) => return Err(error),
        }
        let unix = row.get(time).copied().unwrap_or(f64::NAN);
        let seconds = microseconds(unix - *began.get_or_insert(unix));
        others.clear();
        let values = row.iter().enumerate().filter(|(index, _)| *index != time);
        others.extend(values.map(|(_, value)| *value));
        samples.push(line.number, seconds, &others)?;
    }
    if let Some(began) = began {
        clock::date_from_unix(&mut session.details, began);
    }
    if let Some(numbers) = samples.values(Quantity::LapNumber) {
        session.laps = lap_numbers::laps(samples.times(), numbers, None);
    }
    samples.finish(lines.number(), &mut session)?;
    Ok(session)
}

/// The banner and the key/value rows, up to the blank one.
fn read_details(
    lines: &mut Lines<impl BufRead>,
    fields: &mut Fields,
) -> Result<Details, ReadError> {
    let banner = lines.require("RaceChrono's banner")?;
    if !is_beginning(banner.bytes) {
        let found = excerpt(banner.bytes);
        return Err(malformed(
            FORMAT,
            banner.number,
            format!("\"{BANNER} …\""),
            found,
        ));
    }
    let mut details = Details::default();
    let text = banner.text();
    let program = text
        .split_once("using ")
        .map_or("RaceChrono", |(_, rest)| rest);
    let program = program.split(" (").next().unwrap_or(program);
    details.logger = Some(program.trim().to_owned());
    loop {
        let line = lines.require("a blank line above the names of the columns")?;
        let record = fields.split(FORMAT, line)?;
        if record.is_blank() {
            return Ok(details);
        }
        let value = record.text(1);
        let some = (!value.is_empty()).then(|| value.clone().into_owned());
        match record.text(0).as_ref() {
            "Format" if value != "3" => {
                return Err(malformed(
                    FORMAT,
                    line.number,
                    "format version 3 (export the session as \"CSV v3\")",
                    excerpt(value.as_bytes()),
                ));
            }
            "Track name" => details.venue = some,
            "Driver name" => details.driver = some,
            "Vehicle name" => details.kart = some,
            _ => {}
        }
    }
}

fn read_row(
    lines: &mut Lines<impl BufRead>,
    fields: &mut Fields,
    expected: &str,
) -> Result<Vec<String>, ReadError> {
    let line = lines.require(expected)?;
    let record = fields.split(FORMAT, line)?;
    if record.is_blank() {
        return Err(malformed(FORMAT, line.number, expected, "a blank line"));
    }
    Ok((0..record.len())
        .map(|index| record.text(index).into_owned())
        .collect())
}

fn quantity(name: &str) -> Option<Quantity> {
    Some(match name {
        "latitude" => Quantity::Latitude,
        "longitude" => Quantity::Longitude,
        "altitude" => Quantity::Altitude,
        "speed" => Quantity::Speed,
        "bearing" => Quantity::Heading,
        "lateral_acc" => Quantity::LateralAcceleration,
        "longitudinal_acc" => Quantity::LongitudinalAcceleration,
        "rpm" => Quantity::EngineSpeed,
        "distance_traveled" => Quantity::Distance,
        "lap_number" => Quantity::LapNumber,
        _ => return None,
    })
}
