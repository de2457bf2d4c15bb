//! TrackAddict's CSV log.
//!
//! Lines that begin with `#` say what was recorded and, between the rows, when a lap ended. The header is
//! quoted and carries units in brackets. The satellite receiver is slower than the phone's sensors, so
//! its columns repeat themselves: they are read only where `GPS_Update` is 1, those of the engine only
//! where `OBD_Update` is.

use std::io::BufRead;

use super::ReadError;
use super::clock;
use super::lap_numbers;
use super::positions::line_across_heading;
use super::rows;
use super::samples::{Column, Samples, without_unit};
use super::session::{Details, Lap, Quantity, Session, TimingLine};
use super::text::{Decimals, Fields, Lines, decode, excerpt, malformed};

const FORMAT: &str = "TrackAddict CSV";
const MARK: &str = "# RaceRender Data:";

/// Whether this is how a TrackAddict log begins.
pub fn is_beginning(line: &[u8]) -> bool {
    decode(line).starts_with(MARK)
}

/// Which device fills a column, and so when it is fresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Device {
    Phone,
    Satellites,
    Engine,
}

/// What the lines that begin with `#` say.
#[derive(Default)]
struct Notes {
    details: Details,
    end_point: Option<TimingLine>,
    /// Number and seconds, in order.
    laps: Vec<(u32, f64)>,
    /// The sectors that were told before the lap of the same position, and after the last one.
    sectors: Vec<Vec<f64>>,
    /// How many laps and sectors were told.
    timed: usize,
}

/// Reads a file.
///
/// # Errors
/// Any [`ReadError`]; lines and columns are named.
pub fn read(input: impl BufRead) -> Result<Session, ReadError> {
    let mut lines = Lines::new(FORMAT, input);
    let mut fields = Fields::new(b',');
    let mut notes = Notes::default();
    let mut session = Session::default();

    let names = loop {
        let line = lines.require("the column names")?;
        if line.number == 1 && !is_beginning(line.bytes) {
            return Err(malformed(
                FORMAT,
                1,
                format!("\"{MARK} …\""),
                excerpt(line.bytes),
            ));
        }
        if line.bytes.starts_with(b"#") {
            notes.take(&line.text())?;
        } else if !line.is_blank() {
            let record = fields.split(FORMAT, line)?;
            let names = (0..record.len()).map(|index| record.text(index).into_owned());
            break names.collect::<Vec<_>>();
        }
    };
    let position = |wanted: &str| names.iter().position(|name| name == wanted);
    let names_line = lines.number();
    let time = position("Time").ok_or_else(|| {
        let found = excerpt(names.join(",").as_bytes());
        malformed(FORMAT, names_line, "a column \"Time\"", found)
    })?;
    let (utc, fresh_position, fresh_engine) = (
        position("UTC Time"),
        position("GPS_Update"),
        position("OBD_Update"),
    );
    let mut devices = Vec::with_capacity(names.len());
    let mut columns = Vec::with_capacity(names.len());
    let mut unstated = Vec::new();
    for (index, name) in names.iter().enumerate() {
        if index != time && Some(index) != utc {
            let (device, column) = column(name, &mut unstated)?;
            devices.push(device);
            columns.push(column);
        }
    }
    session.warnings.extend(without_unit(&unstated));

    let mut samples = Samples::new(FORMAT, columns)?;
    let mut row = vec![f64::NAN; names.len()];
    let mut values = Vec::with_capacity(names.len());
    while let Some(line) = lines.next()? {
        if line.bytes.starts_with(b"#") {
            notes.take(&line.text())?;
            continue;
        }
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
        let at = |index: Option<usize>| index.and_then(|index| row.get(index)).copied();
        if let (None, Some(unix)) = (notes.details.date, at(utc)) {
            clock::date_from_unix(&mut notes.details, unix);
        }
        let stale = |device| match device {
            Device::Phone => false,
            Device::Satellites => at(fresh_position) == Some(0.0),
            Device::Engine => at(fresh_engine) == Some(0.0),
        };
        values.clear();
        let others = row.iter().enumerate();
        let others = others.filter(|(index, _)| *index != time && Some(*index) != utc);
        values.extend(others.zip(&devices).map(
            |((_, value), device)| {
                if stale(*device) { f64::NAN } else { *value }
            },
        ));
        samples.push(line.number, at(Some(time)).unwrap_or(f64::NAN), &values)?;
    }
    session.laps = match notes.laps.is_empty() {
        false => notes.laps(),
        true => {
            let numbers = samples.values(Quantity::LapNumber).unwrap_or_default();
            lap_numbers::laps(samples.times(), numbers, None)
        }
    };
    session.start_line = notes.end_point;
    session.details = notes.details;
    samples.finish(lines.number(), &mut session)?;
    Ok(session)
}

fn column<'a>(name: &'a str, unstated: &mut Vec<&'a str>) -> Result<(Device, Column), ReadError> {
    use Quantity as Q;
    let (text, engine) = match name.strip_suffix("*OBD") {
        Some(text) => (text.trim_end(), true),
        None => (name, false),
    };
    let (bare, unit) = match text.split_once(" (") {
        Some((bare, unit)) => (bare, Some(unit.trim_end_matches(')'))),
        None => (text, None),
    };
    let (device, usual, quantity) = match (bare, engine) {
        ("Latitude", _) => (Device::Satellites, Some("deg"), Some(Q::Latitude)),
        ("Longitude", _) => (Device::Satellites, Some("deg"), Some(Q::Longitude)),
        ("Heading", _) => (Device::Satellites, Some("deg"), Some(Q::Heading)),
        ("Altitude", _) => (Device::Satellites, None, Some(Q::Altitude)),
        ("Speed", false) => (Device::Satellites, None, Some(Q::Speed)),
        ("Accuracy", _) => (Device::Satellites, None, None),
        ("Engine Speed", _) => (Device::Engine, None, Some(Q::EngineSpeed)),
        ("Accel X", _) => (Device::Phone, Some("g"), Some(Q::LateralAcceleration)),
        ("Accel Y", _) => (Device::Phone, Some("g"), Some(Q::LongitudinalAcceleration)),
        ("Accel Z", _) => (Device::Phone, Some("g"), None),
        ("Lap", _) => (Device::Phone, Some(""), Some(Q::LapNumber)),
        ("GPS_Update" | "OBD_Update" | "Brake", _) => (Device::Phone, Some(""), None),
        ("GPS_Delay" | "Predicted Lap Time" | "Predicted vs Best Lap", _) => {
            (Device::Phone, Some("s"), None)
        }
        (_, true) => (Device::Engine, None, None),
        (_, false) => (Device::Phone, None, None),
    };
    // `Brake (calculated)` is the one bracket that is no unit.
    let unit = unit.filter(|unit| *unit != "calculated").or(usual);
    if unit.is_none() {
        unstated.push(name);
    }
    let column = Column {
        name: name.to_owned(),
        source: engine.then(|| "OBD".to_owned()),
        ..Column::in_unit(FORMAT, name, unit.unwrap_or_default())?.quantity(quantity)
    };
    Ok((device, column))
}

impl Notes {
    fn take(&mut self, line: &str) -> Result<(), ReadError> {
        let line = line.trim_start_matches('#').trim();
        let Some((key, value)) = line.split_once(':') else {
            return Ok(());
        };
        let value = value.trim();
        let numbered = |word: &str| key.strip_prefix(word)?.trim().parse::<u32>().ok();
        match key {
            "RaceRender Data" => {
                let program = value.split(" on ").next().unwrap_or(value);
                self.details.logger = Some(program.to_owned());
            }
            "Vehicle" if !value.is_empty() => self.details.kart = Some(value.to_owned()),
            "Driver" if !value.is_empty() => self.details.driver = Some(value.to_owned()),
            "Track" if !value.is_empty() => self.details.venue = Some(value.to_owned()),
            "End Point" => self.end_point = end_point(value),
            _ => {}
        }
        let Some(seconds) = clock::duration(value) else {
            return Ok(());
        };
        self.timed += 1;
        rows::check_laps(FORMAT, self.timed)?;
        if let Some(number) = numbered("Lap ") {
            self.laps.push((number, seconds));
        } else if numbered("Sector ").is_some() {
            self.sectors.resize_with(self.laps.len() + 1, Vec::new);
            if let Some(sectors) = self.sectors.last_mut() {
                sectors.push(seconds);
            }
        }
        Ok(())
    }

    /// The laps that the log tells of; its first begins with the recording. Sectors stand before or after
    /// their lap, so those that add up to it are its own.
    fn laps(&self) -> Vec<Lap> {
        let mut start = 0.0;
        let mut laps = Vec::with_capacity(self.laps.len());
        for (index, &(number, seconds)) in self.laps.iter().enumerate() {
            let around = self.sectors.get(index..).unwrap_or_default().iter().take(2);
            let mut own = around.filter(|sectors| {
                let sum: f64 = sectors.iter().sum();
                (sum - seconds).abs() < 0.02
            });
            laps.push(Lap {
                number,
                start: Some(start),
                seconds,
                sectors: own.next().cloned().unwrap_or_default(),
                incomplete: index == 0,
                ..Lap::default()
            });
            start += seconds;
        }
        laps
    }
}

/// `34.871512, -118.263719  @ -1.00 deg`: a place and the heading across the line, -1 where it is not
/// known, and then there is no line.
fn end_point(text: &str) -> Option<TimingLine> {
    let (place, heading) = text.split_once('@')?;
    let (latitude, longitude) = place.split_once(',')?;
    let heading: f64 = heading.trim().trim_end_matches("deg").trim().parse().ok()?;
    let latitude: f64 = latitude.trim().parse().ok()?;
    let longitude: f64 = longitude.trim().parse().ok()?;
    let known = latitude.abs() < 90.0 && longitude.abs() <= 180.0;
    if !known || !(0.0..=360.0).contains(&heading) {
        return None;
    }
    line_across_heading((latitude, longitude), heading)
}
