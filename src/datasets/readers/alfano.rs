//! Alfano 6, as the ADA app exports it.
//!
//! A header row with semicolons that ends in `UTC time : HHMMSS.ss`, then rows. Numbers have thousands
//! separators (`4,120` or, with decimal commas, `4.120`); the columns of a lap are filled only in the
//! row where it begins, those of a sector (`Strip`) likewise. `Time` begins again with each lap,
//! `Absolute Time` does not. Units are not stated: the positions prove the speed's.

use std::io::BufRead;

use super::ReadError;
use super::clock;
use super::rows;
use super::samples::{Column, Samples};
use super::session::{Details, Lap, Quantity, Session};
use super::text::{
    Decimals, Fields, Line, Lines, Record, decode, excerpt, malformed, number as plain_number,
};
use super::unit::{Conversion, Unit};

const FORMAT: &str = "Alfano 6 CSV";
const SPEED: &str = "Speed GPS";
const HEADING: &str = "Orientation";
/// A lap that the recording ends this much before was not finished, in seconds.
const LAP_TOLERANCE: f64 = 0.5;

/// Whether this is the header row of an Alfano file.
pub fn is_beginning(line: &[u8]) -> bool {
    let text = decode(line).to_lowercase();
    let names: Vec<&str> = text.split(';').map(str::trim).collect();
    names.contains(&"absolute time") && names.contains(&"lat.") && names.contains(&"lon.")
}

/// What a column of the file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    Time,
    Lap,
    LapTime,
    Strip,
    StripTime,
    Channel,
}

/// Reads a file.
///
/// # Errors
/// Any [`ReadError`]; lines and columns are named.
pub fn read(input: impl BufRead) -> Result<Session, ReadError> {
    let mut lines = Lines::new(FORMAT, input);
    let mut fields = Fields::new(b';');
    let line = lines.require("the column names")?;
    if !is_beginning(line.bytes) {
        let expected = "column names with \"Absolute Time\", \"Lat.\" and \"Lon.\"";
        return Err(malformed(
            FORMAT,
            line.number,
            expected,
            excerpt(line.bytes),
        ));
    }
    let record = fields.split(FORMAT, line)?;
    let names: Vec<String> = (0..record.used())
        .map(|index| record.text(index).into_owned())
        .collect();
    let mut session = Session {
        details: Details {
            logger: Some("Alfano".to_owned()),
            time: names.iter().find_map(|name| utc_time(name)),
            ..Details::default()
        },
        ..Session::default()
    };
    let (uses, columns) = columns(&names);
    let temperatures: Vec<&str> = (columns.iter())
        .map(|column| column.name.as_str())
        .filter(|name| is_temperature(name))
        .collect();
    if !temperatures.is_empty() {
        session.warnings.push(format!(
            "the file does not say whether {} are °C or °F; kept as plain numbers",
            temperatures.join(" and ")
        ));
    }

    let mut samples = Samples::new(FORMAT, columns)?;
    let mut decimals = None;
    let mut row = Vec::with_capacity(names.len());
    while let Some(line) = lines.next()? {
        let record = fields.split(FORMAT, line)?;
        if record.is_blank() {
            continue;
        }
        decimals = decimals.or_else(|| decimals_of(record));
        let parsed = rows::check_width(FORMAT, line, record, names.len())
            .and_then(|()| parse_row(line, record, &names, &uses, decimals, &mut row));
        match parsed {
            Ok(found) => {
                samples.push(line.number, found.time, &row)?;
                take_lap(&mut session.laps, &found)?;
            }
            Err(_) if line.last => session.warnings.push(rows::cut_off(line.number)),
            Err(error) => return Err(error),
        }
    }
    let end = samples.times().last().copied().unwrap_or(0.0);
    finish_laps(&mut session.laps, end);
    if !samples.times().is_empty() {
        scale_heading(&mut samples);
        if samples.values(Quantity::Speed).is_some() {
            samples.infer_speed_unit(SPEED, &["Speed rear"])?;
        }
    }
    samples.finish(lines.number(), &mut session)?;
    Ok(session)
}

/// The clock time in the header: `UTC time : 144141.00`.
fn utc_time(name: &str) -> Option<chrono::NaiveTime> {
    let reading = name
        .strip_prefix("UTC time")?
        .trim_start_matches([' ', ':']);
    clock::from_seconds_of_day(clock::hhmmss(reading.trim().parse().ok()?)?)
}

fn is_temperature(name: &str) -> bool {
    matches!(name, "T1" | "T2")
}

fn columns(names: &[String]) -> (Vec<Use>, Vec<Column>) {
    use Quantity as Q;
    let (mut uses, mut columns) = (Vec::new(), Vec::new());
    for name in names {
        let channel = |unit, quantity: Option<Quantity>| {
            (
                Use::Channel,
                Some(Column::new(name, unit).quantity(quantity)),
            )
        };
        let (used, column) = match name.as_str() {
            "Lap" => (Use::Lap, None),
            "Time Lap" => (Use::LapTime, None),
            "Strip" => (Use::Strip, None),
            "Time Strip" => (Use::StripTime, None),
            "Absolute Time" => (Use::Time, None),
            "Time" => channel(Unit::Second, None),
            "Distance" => channel(Unit::Metre, Some(Q::Distance)),
            "RPM" => channel(Unit::RevolutionsPerMinute, Some(Q::EngineSpeed)),
            SPEED => channel(Unit::One, Some(Q::Speed)),
            "Gf. X" => channel(Unit::Gravity, Some(Q::LateralAcceleration)),
            "Gf. Y" => channel(Unit::Gravity, Some(Q::LongitudinalAcceleration)),
            HEADING => channel(Unit::Degree, Some(Q::Heading)),
            "Lat." => channel(Unit::Degree, Some(Q::Latitude)),
            "Lon." => channel(Unit::Degree, Some(Q::Longitude)),
            "Altitude" => channel(Unit::Metre, Some(Q::Altitude)),
            // The header's clock time stands where an empty cell ends each row.
            name if name.starts_with("UTC time") => continue,
            _ => channel(Unit::One, None),
        };
        uses.push(used);
        columns.extend(column);
    }
    (uses, columns)
}

/// What a row says besides its channels.
#[derive(Default)]
struct Found {
    time: f64,
    lap: Option<f64>,
    lap_time: Option<f64>,
    strip: bool,
    strip_time: Option<f64>,
}

fn parse_row(
    line: Line<'_>,
    record: Record<'_>,
    names: &[String],
    uses: &[Use],
    decimals: Option<Decimals>,
    row: &mut Vec<f64>,
) -> Result<Found, ReadError> {
    row.clear();
    let mut found = Found::default();
    for ((field, name), used) in record.iter().zip(names).zip(uses) {
        let times = matches!(used, Use::LapTime | Use::StripTime) && field.contains(&b':');
        let value = match times {
            true => clock::duration(&decode(field)),
            false => number(field, decimals),
        };
        let value = value.ok_or_else(|| rows::not_a_number(FORMAT, line, name, field))?;
        let filled = (!value.is_nan()).then_some(value);
        match used {
            Use::Time => found.time = value,
            Use::Lap => found.lap = filled,
            Use::LapTime => found.lap_time = filled.filter(|seconds| *seconds > 0.0),
            Use::Strip => found.strip = filled.is_some(),
            Use::StripTime => found.strip_time = filled.filter(|seconds| *seconds > 0.0),
            Use::Channel => row.push(value),
        }
    }
    Ok(found)
}

/// A number with thousands separators. `None` as well for one that means different things with
/// decimal points and with decimal commas, where the file has not shown which it uses.
fn number(field: &[u8], decimals: Option<Decimals>) -> Option<f64> {
    let field = field.trim_ascii();
    if !field.iter().any(|byte| b",.".contains(byte)) {
        return plain_number(field, Decimals::Point);
    }
    let grouping = match decimals? {
        Decimals::Point => b',',
        Decimals::Comma => b'.',
    };
    let digits: Vec<u8> = field
        .iter()
        .copied()
        .filter(|byte| *byte != grouping)
        .collect();
    plain_number(&digits, decimals?)
}

/// Which separator stands before decimals, where a row shows it: the last of two different ones, or
/// one that is not followed by exactly three digits.
fn decimals_of(record: Record<'_>) -> Option<Decimals> {
    record.iter().find_map(|field| {
        let field = field.trim_ascii();
        let last = field.iter().rposition(|byte| b",.".contains(byte))?;
        let separator = *field.get(last)?;
        let decimals = match separator {
            b'.' => Decimals::Point,
            _ => Decimals::Comma,
        };
        let other = if separator == b'.' { b',' } else { b'.' };
        let alone = field.iter().filter(|byte| **byte == separator).count() == 1;
        let thousands = field.len() - last == 4;
        (field.contains(&other) || (alone && !thousands)).then_some(decimals)
    })
}

fn take_lap(laps: &mut Vec<Lap>, found: &Found) -> Result<(), ReadError> {
    if let (Some(number), Some(seconds)) = (found.lap, found.lap_time) {
        rows::check_laps(FORMAT, laps.len())?;
        laps.push(Lap {
            number: number.clamp(0.0, f64::from(u32::MAX)) as u32,
            start: Some(found.time),
            seconds,
            ..Lap::default()
        });
    }
    if let (true, Some(lap), Some(seconds)) = (found.strip, laps.last_mut(), found.strip_time) {
        lap.sectors.push(seconds);
    }
    Ok(())
}

/// The first lap begins with the recording, not at the line; the last one may be unfinished.
fn finish_laps(laps: &mut [Lap], end: f64) {
    if let Some(first) = laps.first_mut() {
        first.incomplete = true;
    }
    if let Some(last) = laps.last_mut() {
        let stop = last.start.unwrap_or(0.0) + last.seconds;
        last.incomplete |= end < stop - LAP_TOLERANCE;
    }
}

/// The heading is in hundredths of a degree where its values are too large for degrees.
fn scale_heading(samples: &mut Samples) {
    let headings = samples.values(Quantity::Heading).unwrap_or_default();
    if headings.iter().any(|heading| heading.abs() > 360.0) {
        let hundredths = Conversion {
            unit: Unit::Degree,
            factor: 0.01,
            offset: 0.0,
        };
        samples.convert(HEADING, hundredths);
    }
}
