//! AiM CSV, as Race Studio 2 and 3 write it.
//!
//! Key/value rows, a blank row, names, units, a blank row, data. Everything may be quoted, and the
//! delimiter may be a semicolon with decimal commas. Laps are in the header: `Beacon Markers` are the
//! seconds at which each of them ended.

use std::io::BufRead;

use super::ReadError;
use super::clock;
use super::rows;
use super::samples::{Column, Samples, microseconds};
use super::session::{Details, Lap, Quantity, Session};
use super::text::{Decimals, Fields, Lines, Record, decode, excerpt, malformed, number};
use super::unit::Unit;

const FORMAT: &str = "AiM CSV";
/// The last sample may lie a few before the end of the recording.
const END_SECONDS: f64 = 0.2;

/// Whether this is how an AiM CSV file begins.
pub fn is_beginning(line: &[u8]) -> bool {
    let text = decode(line).replace(['"', ' '], "").to_lowercase();
    let value = text.strip_prefix("format").unwrap_or_default();
    value.starts_with([',', ';', '\t']) && value.contains("aimcsvfile")
}

/// What the rows above the data say.
#[derive(Default)]
struct Header {
    details: Details,
    markers: Vec<f64>,
    segment_times: Vec<f64>,
    duration: Option<f64>,
    /// Whether the export is a single lap instead of a session.
    single_lap: bool,
    warnings: Vec<String>,
}

/// Reads a file.
///
/// # Errors
/// Any [`ReadError`]; lines and columns are named.
pub fn read(input: impl BufRead) -> Result<Session, ReadError> {
    let mut lines = Lines::new(FORMAT, input);
    let first = lines.require("the row \"Format,AiM CSV File\"")?;
    if !is_beginning(first.bytes) {
        let expected = "the row \"Format,AiM CSV File\"";
        return Err(malformed(FORMAT, 1, expected, excerpt(first.bytes)));
    }
    let delimiter = first.bytes.iter().copied().find(|b| b",;\t".contains(b));
    let delimiter = delimiter.unwrap_or(b',');
    let decimals = match delimiter {
        b',' => Decimals::Point,
        _ => Decimals::Comma,
    };
    let mut fields = Fields::new(delimiter);

    let (header, names) = read_header(&mut lines, &mut fields, decimals)?;
    let line = lines.require("a row with the units")?;
    let unit_line = line.number;
    let units = fields.split(FORMAT, line)?;
    let mut columns = Vec::with_capacity(names.len());
    for (index, name) in names.iter().enumerate() {
        let column = Column::in_unit(FORMAT, name, &units.text(index))?;
        columns.push(column.quantity(quantity(name)));
    }
    let time = columns.remove(0).conversion;
    if time.unit != Unit::Second {
        let found = excerpt(units.get(0).unwrap_or_default());
        return Err(malformed(
            FORMAT,
            unit_line,
            "seconds as the unit of \"Time\"",
            found,
        ));
    }

    let mut session = Session {
        details: header.details.clone(),
        warnings: header.warnings.clone(),
        ..Session::default()
    };
    let mut samples = Samples::new(FORMAT, columns)?;
    let mut row = vec![f64::NAN; names.len()];
    while let Some(line) = lines.next()? {
        let record = fields.split(FORMAT, line)?;
        if record.is_blank() {
            continue;
        }
        match rows::numbers(FORMAT, line, record, &names, decimals, &mut row) {
            Ok(()) => {}
            Err(_) if line.last => {
                session.warnings.push(rows::cut_off(line.number));
                break;
            }
            Err(error) => return Err(error),
        }
        if let [seconds, values @ ..] = row.as_slice() {
            samples.push(line.number, time.apply(*seconds), values)?;
        }
    }
    let end = samples.times().last().copied().unwrap_or(0.0);
    let duration = header.duration.filter(|duration| *duration > end);
    session.laps = laps(&header, duration.unwrap_or(end));
    if let Some(duration) = duration.filter(|duration| *duration > end + END_SECONDS) {
        session.warnings.push(format!(
            "the recording took {duration} s, the samples end after {end} s"
        ));
    }
    samples.finish(lines.number(), &mut session)?;
    Ok(session)
}

fn read_header(
    lines: &mut Lines<impl BufRead>,
    fields: &mut Fields,
    decimals: Decimals,
) -> Result<(Header, Vec<String>), ReadError> {
    let mut header = Header::default();
    header.details.logger = Some("AiM".to_owned());
    let mut after_blank = false;
    loop {
        let line = lines.require("a row with the column names, \"Time\" first")?;
        let record = fields.split(FORMAT, line)?;
        if record.is_blank() {
            after_blank = true;
            continue;
        }
        let key = record.text(0);
        // A key/value row is called "Time" too.
        if key.eq_ignore_ascii_case("time") && (after_blank || record.used() > 2) {
            let names = (0..record.used()).map(|index| record.text(index).into_owned());
            return Ok((header, names.collect()));
        }
        if after_blank {
            let expected = "a row with the column names, \"Time\" first";
            return Err(malformed(
                FORMAT,
                line.number,
                expected,
                excerpt(line.bytes),
            ));
        }
        take_pair(&mut header, &key, record, line.number, decimals)?;
    }
}

fn take_pair(
    header: &mut Header,
    key: &str,
    record: Record<'_>,
    line: u64,
    decimals: Decimals,
) -> Result<(), ReadError> {
    let value = record.text(1);
    let some = || (!value.is_empty()).then(|| value.clone().into_owned());
    match key.to_lowercase().as_str() {
        "venue" => header.details.venue = some().or(header.details.venue.take()),
        "session" => header.details.venue = header.details.venue.take().or(some()),
        "vehicle" => header.details.kart = some(),
        "racer" | "driver" => header.details.driver = some(),
        "championship" => header.details.class = some(),
        "date" => {
            header.details.date = clock::date(&value);
            if header.details.date.is_none() && !value.is_empty() {
                header.warnings.push(format!(
                    "the date \"{value}\" can be understood in two ways or in none and was left out"
                ));
            }
        }
        "time" => {
            header.details.time = clock::time_of_day(&value);
            if header.details.time.is_none() && !value.is_empty() {
                let warning = format!("the time \"{value}\" was not understood");
                header.warnings.push(warning);
            }
        }
        "duration" => header.duration = number(value.as_bytes(), decimals),
        "segment" => header.single_lap = value.to_lowercase().starts_with("lap"),
        "beacon markers" => {
            let markers = record.iter().skip(1);
            for field in markers.filter(|field| !field.trim_ascii().is_empty()) {
                let seconds = number(field, decimals).filter(|seconds| *seconds >= 0.0);
                let seconds = seconds.ok_or_else(|| {
                    malformed(FORMAT, line, "beacon markers in seconds", excerpt(field))
                })?;
                header.markers.push(seconds);
            }
        }
        "segment times" => {
            let times = (1..record.used()).map(|index| clock::duration(&record.text(index)));
            header.segment_times = times.map_while(|time| time).collect();
        }
        _ => {}
    }
    Ok(())
}

/// Markers are when laps ended. The first lap of a session began wherever the kart was, and the last
/// one ends with the recording.
fn laps(header: &Header, end: f64) -> Vec<Lap> {
    let ends: Vec<f64> = if header.markers.is_empty() {
        let mut sum = 0.0;
        let times = header.segment_times.iter();
        times
            .map(|time| {
                sum += time;
                sum
            })
            .collect()
    } else {
        header.markers.clone()
    };
    let mut start = 0.0;
    let mut laps: Vec<Lap> = Vec::new();
    for marker in ends {
        // The same beacon seen twice.
        if marker <= start {
            continue;
        }
        laps.push(Lap {
            number: laps.len() as u32 + 1,
            start: Some(start),
            seconds: microseconds(marker - start),
            incomplete: laps.is_empty() && !header.single_lap,
            ..Lap::default()
        });
        start = marker;
    }
    if let Some(last) = laps.last_mut()
        && !header.single_lap
    {
        last.incomplete |= start >= end - END_SECONDS;
    }
    laps
}

/// What a channel of this name is: `GPS Speed` in Race Studio 3, `GPS_Speed` in 2.
fn quantity(name: &str) -> Option<Quantity> {
    Some(match name.replace('_', " ").to_lowercase().as_str() {
        "gps speed" => Quantity::Speed,
        "gps latitude" => Quantity::Latitude,
        "gps longitude" => Quantity::Longitude,
        "gps altitude" => Quantity::Altitude,
        "gps heading" => Quantity::Heading,
        "gps latacc" | "lateralacc" | "lateral acc" => Quantity::LateralAcceleration,
        "gps lonacc" | "inlineacc" | "inline acc" => Quantity::LongitudinalAcceleration,
        "engine rpm" | "rpm" | "engine" => Quantity::EngineSpeed,
        "distance on gps speed" | "distance on vehicle speed" | "distance" => Quantity::Distance,
        _ => return None,
    })
}
