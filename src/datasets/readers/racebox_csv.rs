//! RaceBox's CSV.
//!
//! Key/value rows, a blank row, then `Record,Time,Latitude,Longitude,…`. The file does not state the
//! unit of its speeds, so the positions decide. A lap number of 0 means "in no lap"; the header has the
//! exact times of the laps.

use std::io::BufRead;

use chrono::DateTime;

use super::ReadError;
use super::clock;
use super::lap_numbers;
use super::rows;
use super::samples::{Column, Samples, microseconds, without_unit};
use super::session::{Details, Lap, Quantity, Session};
use super::text::{Decimals, Fields, Line, Lines, Record, decode, excerpt, malformed, number};
use super::unit::Unit;

const FORMAT: &str = "RaceBox CSV";

/// Whether this row names the columns.
pub fn is_column_row(line: &[u8]) -> bool {
    let text = decode(line).to_lowercase();
    let names: Vec<&str> = text
        .split(',')
        .map(|name| name.trim().trim_matches('"'))
        .collect();
    let wanted = ["record", "time", "latitude", "longitude"];
    wanted.iter().all(|name| names.contains(name))
}

/// Whether this is how a RaceBox CSV file with a header begins.
pub fn is_beginning(line: &[u8]) -> bool {
    decode(line)
        .trim()
        .replace('"', "")
        .starts_with("Format,RaceBox CSV")
        || is_column_row(line)
}

/// What stands above the samples.
#[derive(Default)]
struct Header {
    details: Details,
    /// Number, seconds and sectors.
    laps: Vec<(u32, f64, Vec<f64>)>,
}

/// What a column of the file is for.
enum Use {
    Record,
    Time,
    Channel,
}

/// Reads a file.
///
/// # Errors
/// Any [`ReadError`]; lines and columns are named.
pub fn read(input: impl BufRead) -> Result<Session, ReadError> {
    let mut lines = Lines::new(FORMAT, input);
    let mut fields = Fields::new(b',');
    let (header, names) = read_header(&mut lines, &mut fields)?;
    let mut session = Session {
        details: header.details.clone(),
        ..Session::default()
    };
    let (uses, columns) = columns(&names, &mut session.warnings)?;
    let speed_unknown = columns.iter().find(|column| {
        column.quantity == Some(Quantity::Speed) && column.conversion.unit == Unit::One
    });
    let speed_unknown = speed_unknown.map(|column| column.name.clone());
    let mut samples = Samples::new(FORMAT, columns)?;
    let mut row = Vec::with_capacity(names.len());
    let mut began = None;
    while let Some(line) = lines.next()? {
        if line.is_blank() {
            continue;
        }
        let record = fields.split(FORMAT, line)?;
        let parsed = rows::check_width(FORMAT, line, record, names.len())
            .and_then(|()| parse_row(line, record, &names, &uses, &mut row));
        let time = match parsed {
            Ok(time) => time,
            Err(_) if line.last => {
                session.warnings.push(rows::cut_off(line.number));
                break;
            }
            Err(error) => return Err(error),
        };
        let seconds = microseconds(time - *began.get_or_insert(time));
        samples.push(line.number, seconds, &row)?;
    }
    if let Some(began) = began {
        clock::date_from_unix(&mut session.details, began);
    }
    if let Some(column) = speed_unknown {
        samples.infer_speed_unit(&column, &[])?;
    }
    session.laps = laps(&header, &samples);
    samples.finish(lines.number(), &mut session)?;
    Ok(session)
}

fn parse_row(
    line: Line<'_>,
    record: Record<'_>,
    names: &[String],
    uses: &[Use],
    row: &mut Vec<f64>,
) -> Result<f64, ReadError> {
    row.clear();
    let mut time = f64::NAN;
    for ((field, name), column) in record.iter().zip(names).zip(uses) {
        match column {
            Use::Record => {}
            Use::Time => {
                time = moment(field).ok_or_else(|| {
                    let expected = "a time such as 2026-03-28T15:29:05.916Z or seconds";
                    malformed(FORMAT, line.number, expected, excerpt(field))
                })?;
            }
            Use::Channel => {
                let value = number(field, Decimals::Point);
                row.push(value.ok_or_else(|| rows::not_a_number(FORMAT, line, name, field))?);
            }
        }
    }
    Ok(time)
}

/// Seconds, of Unix time where the file says the day.
fn moment(field: &[u8]) -> Option<f64> {
    let text = str::from_utf8(field.trim_ascii()).ok()?;
    if text.contains('T') {
        let moment = DateTime::parse_from_rfc3339(text).ok()?;
        return Some(moment.timestamp_micros() as f64 / 1e6);
    }
    number(field, Decimals::Point).filter(|seconds| !seconds.is_nan())
}

fn read_header(
    lines: &mut Lines<impl BufRead>,
    fields: &mut Fields,
) -> Result<(Header, Vec<String>), ReadError> {
    let mut header = Header::default();
    header.details.logger = Some("RaceBox".to_owned());
    loop {
        let line = lines.require("the column names \"Record,Time,Latitude,Longitude,…\"")?;
        if is_column_row(line.bytes) {
            let record = fields.split(FORMAT, line)?;
            let names = (0..record.used()).map(|index| record.text(index).into_owned());
            return Ok((header, names.collect()));
        }
        let record = fields.split(FORMAT, line)?;
        let (key, value) = (record.text(0), record.text(1));
        let some = (!value.is_empty()).then(|| value.clone().into_owned());
        if let Some(number) = key.strip_prefix("Lap ").and_then(|n| n.parse().ok()) {
            let sectors =
                (0..record.len()).filter_map(|index| clock::duration(&record.text(index)));
            // The key has no number and the word "sectors" none either: the first is the lap time.
            let mut times = sectors;
            if let Some(seconds) = times.next() {
                // An unused sector is written as 0.
                let sectors = times.filter(|seconds| *seconds > 0.0).collect();
                header.laps.push((number, seconds, sectors));
            }
            continue;
        }
        match key.to_lowercase().as_str() {
            "track" | "track name" => header.details.venue = some,
            "driver" | "driver name" => header.details.driver = some,
            "class" => header.details.class = some,
            _ => {}
        }
    }
}

fn columns(
    names: &[String],
    warnings: &mut Vec<String>,
) -> Result<(Vec<Use>, Vec<Column>), ReadError> {
    use Quantity as Q;
    let (mut uses, mut columns, mut unstated) = (Vec::new(), Vec::new(), Vec::new());
    for name in names {
        // `Speed (m/s)` in exports that state their units.
        let (bare, unit) = match name.split_once('(') {
            Some((bare, unit)) => (bare.trim(), unit.trim_end_matches(')').trim()),
            None => (name.as_str(), "?"),
        };
        let (usual, quantity) = match bare.to_lowercase().as_str() {
            "record" => {
                uses.push(Use::Record);
                continue;
            }
            "time" => {
                uses.push(Use::Time);
                continue;
            }
            "latitude" => ("deg", Some(Q::Latitude)),
            "longitude" => ("deg", Some(Q::Longitude)),
            "altitude" if unit == "?" => {
                warnings.push(
                    "the file does not state the unit of \"Altitude\"; taken as metres".to_owned(),
                );
                ("m", Some(Q::Altitude))
            }
            "altitude" => ("m", Some(Q::Altitude)),
            "speed" => ("", Some(Q::Speed)),
            "kph" => ("km/h", Some(Q::Speed)),
            "mph" => ("mph", Some(Q::Speed)),
            "gforcex" | "x" => ("g", Some(Q::LongitudinalAcceleration)),
            "gforcey" | "y" => ("g", Some(Q::LateralAcceleration)),
            "gforcez" | "z" => ("g", None),
            "gyrox" | "gyroy" | "gyroz" => ("deg/s", None),
            "heading" => ("deg", Some(Q::Heading)),
            "leanangle" => ("deg", None),
            "lap" => ("", Some(Q::LapNumber)),
            _ => {
                if unit == "?" {
                    unstated.push(name.as_str());
                }
                ("", None)
            }
        };
        let unit = if unit == "?" { usual } else { unit };
        uses.push(Use::Channel);
        columns.push(Column {
            name: name.clone(),
            ..Column::in_unit(FORMAT, bare, unit)?.quantity(quantity)
        });
    }
    warnings.extend(without_unit(&unstated));
    Ok((uses, columns))
}

/// Laps by the samples' numbers, with the exact times and sectors of the header. Without numbers
/// the header's laps stand alone.
fn laps(header: &Header, samples: &Samples) -> Vec<Lap> {
    let numbers = samples.values(Quantity::LapNumber).unwrap_or_default();
    let mut laps = lap_numbers::laps(samples.times(), numbers, Some(0.0));
    if laps.is_empty() {
        let stated = header.laps.iter();
        return stated
            .map(|(number, seconds, sectors)| Lap {
                number: *number,
                seconds: *seconds,
                sectors: sectors.clone(),
                ..Lap::default()
            })
            .collect();
    }
    for lap in &mut laps {
        let stated = header
            .laps
            .iter()
            .find(|(number, ..)| *number == lap.number);
        // The samples' grid is coarser than the header; a lap that differs by more is another one.
        if let Some((_, seconds, sectors)) = stated
            && (seconds - lap.seconds).abs() < 0.5
        {
            lap.seconds = *seconds;
            lap.sectors = sectors.clone();
        }
    }
    laps
}
