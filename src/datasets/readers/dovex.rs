//! Dovex, the log of DovesDataLogger.
//!
//! Four lines about the session (names and values, a label and the lap times in milliseconds), padding
//! up to a fixed size, then a table whose column names carry their units: `speed_mph`. The four lines
//! are written last, so a logger that lost power leaves only padding there.

use std::io::BufRead;

use chrono::NaiveDateTime;
use memchr::memmem;

use super::ReadError;
use super::clock;
use super::rows;
use super::samples::{Column, Samples, microseconds, without_unit};
use super::session::{Details, Lap, Quantity, Session};
use super::text::{Decimals, Fields, Line, Lines};
use super::unit::Unit;

const FORMAT: &str = "Dovex";
/// How the column names of the samples begin.
const TABLE: &[u8] = b"timestamp,sats,";

/// Whether this is the beginning of such a file: its own first line, or padding and then the table.
pub fn is_beginning(start: &[u8]) -> bool {
    let blank = start.iter().position(|byte| !b"\0\r\n".contains(byte));
    let text = start
        .get(blank.unwrap_or(start.len())..)
        .unwrap_or_default();
    text.starts_with(b"datetime,driver") || text.starts_with(TABLE)
}

/// Reads a file.
///
/// # Errors
/// Any [`ReadError`]; lines and columns are named.
pub fn read(input: impl BufRead) -> Result<Session, ReadError> {
    let mut lines = Lines::new(FORMAT, input);
    let mut fields = Fields::new(b',');
    let mut session = Session::default();
    let names = read_header(&mut lines, &mut fields, &mut session)?;
    let mut columns = Vec::with_capacity(names.len());
    let mut unstated = Vec::new();
    for name in names.iter().skip(1) {
        columns.push(column(name, &mut unstated)?);
    }
    session.warnings.extend(without_unit(&unstated));
    let mut samples = Samples::new(FORMAT, columns)?;
    let mut row = vec![f64::NAN; names.len()];
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
        if let [milliseconds, values @ ..] = row.as_slice() {
            let first = *began.get_or_insert(*milliseconds);
            let seconds = microseconds((milliseconds - first) / 1e3);
            samples.push(line.number, seconds, values)?;
        }
    }
    if let Some(began) = began {
        clock::date_from_unix(&mut session.details, began / 1e3);
    }
    samples.finish(lines.number(), &mut session)?;
    Ok(session)
}

/// The lines above the table; returns its column names.
fn read_header(
    lines: &mut Lines<impl BufRead>,
    fields: &mut Fields,
    session: &mut Session,
) -> Result<Vec<String>, ReadError> {
    session.details.logger = Some("DovesDataLogger".to_owned());
    let mut keys: Vec<String> = Vec::new();
    let mut told = false;
    loop {
        let line = lines.require("the column names \"timestamp,sats,…\"")?;
        // Padding without line breaks stands in front of the names.
        if let Some(begin) = memmem::find(line.bytes, TABLE) {
            let table = Line {
                bytes: line.bytes.get(begin..).unwrap_or_default(),
                ..line
            };
            let record = fields.split(FORMAT, table)?;
            if !told {
                session.warnings.push(
                    "the header is empty: the logger lost power before the session was ended"
                        .to_owned(),
                );
            }
            let names = (0..record.len()).map(|index| record.text(index).into_owned());
            return Ok(names.collect());
        }
        let record = fields.split(FORMAT, line)?;
        let first = record.text(0);
        if first.is_empty() && record.len() <= 1 {
            continue;
        }
        let values = (0..record.len()).map(|index| record.text(index).into_owned());
        if first == "datetime" {
            keys = values.collect();
        } else if !keys.is_empty() && !told {
            take_details(&mut session.details, &keys, &values.collect::<Vec<_>>());
            told = true;
        } else if told && session.laps.is_empty() {
            // The label line in between has no number.
            let times = values.filter_map(|text| text.parse::<u32>().ok());
            session.laps = (1..)
                .zip(times.filter(|milliseconds| *milliseconds > 0))
                .map(|(number, milliseconds)| Lap {
                    number,
                    seconds: f64::from(milliseconds) / 1e3,
                    ..Lap::default()
                })
                .collect();
        }
    }
}

fn take_details(details: &mut Details, keys: &[String], values: &[String]) {
    let value = |wanted: &str| {
        let index = keys.iter().position(|key| key == wanted)?;
        let value = values.get(index)?;
        (!value.is_empty()).then(|| value.clone())
    };
    details.driver = value("driver");
    let places: Vec<String> = (value("short_name").into_iter())
        .chain(value("course"))
        .collect();
    details.venue = (!places.is_empty()).then(|| places.join(" "));
    let moment = value("datetime");
    let moment =
        moment.and_then(|text| NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S").ok());
    details.date = moment.map(|moment| moment.date());
    details.time = moment.map(|moment| moment.time());
}

fn column<'a>(name: &'a str, unstated: &mut Vec<&'a str>) -> Result<Column, ReadError> {
    use Quantity as Q;
    let known = match name {
        "lat" => Some((Unit::Degree, Some(Q::Latitude))),
        "lng" => Some((Unit::Degree, Some(Q::Longitude))),
        "rpm" => Some((Unit::RevolutionsPerMinute, Some(Q::EngineSpeed))),
        "sats" | "hdop" => Some((Unit::One, None)),
        "accel_x" | "accel_y" | "accel_z" => Some((Unit::Gravity, None)),
        _ => None,
    };
    if let Some((unit, quantity)) = known {
        return Ok(Column::new(name, unit).quantity(quantity));
    }
    let quantity = match name.split('_').next() {
        Some("speed") => Some(Q::Speed),
        Some("heading") => Some(Q::Heading),
        Some("altitude") => Some(Q::Altitude),
        _ => None,
    };
    match name.rsplit_once('_') {
        Some((_, unit)) if !unit.is_empty() => {
            Ok(Column::in_unit(FORMAT, name, unit)?.quantity(quantity))
        }
        _ => {
            unstated.push(name);
            Ok(Column::new(name, Unit::One))
        }
    }
}
