//! Racelogic's VBO, in the dialects of VBOX loggers, RaceBox and RaceChrono.
//!
//! Sections in square brackets, then rows of numbers with spaces between. Positions are in minutes,
//! west positive; times are `HHMMSS.ss` of UTC. The start line stands under `[laptiming]`, latitude
//! first in some dialects and longitude first in others: the recorded positions decide.

use std::io::BufRead;

use chrono::NaiveDate;

use super::ReadError;
use super::clock;
use super::lap_numbers;
use super::positions::{Bounds, is_driven_along, line_across};
use super::rows;
use super::samples::{Column, MAX_CHANNELS, Samples, microseconds, without_unit};
use super::session::{Details, Quantity, Session, TimingLine};
use super::text::{Decimals, Line, Lines, excerpt, malformed, number};
use super::unit::{Conversion, Unit};

const FORMAT: &str = "VBO";
/// How far outside of the recorded positions a start line may lie.
const START_LINE_METRES: f64 = 200.0;
/// A clock that goes back by more than this has passed midnight.
const HALF_A_DAY: f64 = 43_200.0;

/// What stands above the data.
#[derive(Default)]
struct Header {
    details: Details,
    /// `[header]`: channels in words, often with the unit.
    long_names: Vec<String>,
    /// `[channel units]`: one a line, for the last columns where there are fewer units than columns.
    units: Vec<String>,
    /// `[column names]`.
    names: Vec<String>,
    /// The four numbers of the start line under `[laptiming]`, in minutes.
    start: Option<[f64; 4]>,
}

/// Reads a file.
///
/// # Errors
/// Any [`ReadError`]; lines and columns are named.
pub fn read(input: impl BufRead) -> Result<Session, ReadError> {
    let mut lines = Lines::new(FORMAT, input);
    let header = read_header(&mut lines)?;
    let mut session = Session {
        details: header.details.clone(),
        ..Session::default()
    };
    let (time, columns) = columns(&header, lines.number(), &mut session.warnings)?;
    let mut samples = Samples::new(FORMAT, columns)?;
    let mut clock = Clock::default();
    let mut row = Vec::with_capacity(header.names.len());
    while let Some(line) = lines.next()? {
        if line.is_blank() {
            continue;
        }
        if line.bytes.starts_with(b"[") {
            break;
        }
        match parse_row(line, &header.names, time, &mut row) {
            Ok(reading) => {
                let seconds = clock.seconds(reading, line)?;
                samples.push(line.number, seconds, &row)?;
            }
            Err(_) if line.last => session.warnings.push(rows::cut_off(line.number)),
            Err(error) => return Err(error),
        }
    }
    session.details.time = clock.began.and_then(clock::from_seconds_of_day);
    if let Some(numbers) = samples.values(Quantity::LapNumber) {
        session.laps = lap_numbers::laps(samples.times(), numbers, None);
    }
    if let Some(start) = header.start {
        match start_line(start, &samples) {
            Ok(line) => session.start_line = Some(line),
            Err(warning) => session.warnings.push(warning),
        }
    }
    samples.finish(lines.number(), &mut session)?;
    Ok(session)
}

/// The logger's clock, which begins again at midnight.
#[derive(Default)]
struct Clock {
    began: Option<f64>,
    last: f64,
    midnights: f64,
}

impl Clock {
    /// Seconds since the first reading.
    fn seconds(&mut self, reading: f64, line: Line<'_>) -> Result<f64, ReadError> {
        let time = clock::hhmmss(reading).ok_or_else(|| {
            let found = reading.to_string();
            malformed(FORMAT, line.number, "a time of the form HHMMSS.ss", found)
        })?;
        let began = *self.began.get_or_insert(time);
        if time < self.last - HALF_A_DAY {
            self.midnights += 1.0;
        }
        self.last = time;
        Ok(microseconds(
            time + self.midnights * 2.0 * HALF_A_DAY - began,
        ))
    }
}

/// The values of a row without its time, which is returned.
fn parse_row(
    line: Line<'_>,
    names: &[String],
    time: usize,
    row: &mut Vec<f64>,
) -> Result<f64, ReadError> {
    row.clear();
    let mut reading = f64::NAN;
    let mut count = 0;
    let fields = line.bytes.split(u8::is_ascii_whitespace);
    for field in fields.filter(|field| !field.is_empty()) {
        let value = number(field, Decimals::Point);
        let Some(value) = value.filter(|value| !value.is_nan()) else {
            let name = names.get(count).map_or("", String::as_str);
            return Err(rows::not_a_number(FORMAT, line, name, field));
        };
        match count == time {
            true => reading = value,
            false => row.push(value),
        }
        count += 1;
    }
    if count != names.len() {
        let expected = format!("{} values", names.len());
        return Err(malformed(FORMAT, line.number, expected, count.to_string()));
    }
    Ok(reading)
}

fn read_header(lines: &mut Lines<impl BufRead>) -> Result<Header, ReadError> {
    let mut header = Header::default();
    let mut section = String::new();
    loop {
        let line = lines.require("the section [data]")?;
        let number = line.number;
        if line.is_blank() {
            continue;
        }
        let text = line.text();
        if let Some(name) = text.strip_prefix('[') {
            section = name.trim_end_matches(']').trim().to_lowercase();
            if section == "data" {
                return Ok(header);
            }
            continue;
        }
        match section.as_str() {
            "" => {
                if let Some(rest) = text.strip_prefix("File created on ") {
                    header.details.date = created(rest);
                }
            }
            "header" => header.long_names.push(text.into_owned()),
            "channel units" => header.units.push(text.into_owned()),
            "comments" => take_comment(&mut header.details, &text),
            "laptiming" if header.start.is_none() && is_start(&text) => {
                header.start = Some(four_numbers(line)?);
            }
            "column names" => {
                let names = text.split_whitespace().map(str::to_owned);
                header.names.extend(names);
            }
            _ => {}
        }
        let widest = header.names.len().max(header.units.len());
        // The time is no channel.
        if widest.max(header.long_names.len()) > MAX_CHANNELS + 1 {
            return Err(ReadError::TooLarge {
                format: FORMAT,
                what: format!("the number of channels up to line {number}"),
                allowed: MAX_CHANNELS as u64,
                remedy: "export fewer channels",
            });
        }
    }
}

/// The day of `11/04/2026 @ 11:32`: Racelogic writes the day first.
fn created(text: &str) -> Option<NaiveDate> {
    let day = text.split_whitespace().next()?;
    NaiveDate::parse_from_str(day, "%d/%m/%Y").ok()
}

fn take_comment(details: &mut Details, text: &str) {
    if let Some(program) = text.strip_prefix("Generated by ") {
        details.logger = Some(program.trim().to_owned());
    } else if text.contains("Racelogic") && details.logger.is_none() {
        details.logger = Some("Racelogic VBOX".to_owned());
    }
    let Some((key, value)) = text.split_once(':') else {
        return;
    };
    let value = value.trim();
    if value.is_empty() {
        return;
    }
    match key.trim().to_lowercase().as_str() {
        "venue" | "track" | "circuit" => details.venue = Some(value.to_owned()),
        "driver" => details.driver = Some(value.to_owned()),
        "vehicle" | "kart" => details.kart = Some(value.to_owned()),
        _ => {}
    }
}

fn is_start(text: &str) -> bool {
    text.to_lowercase().starts_with("start")
}

/// `Start +02743.96882 -000784.39721 +02743.95983 -000784.39786 ¬ Start / Finish`
fn four_numbers(line: Line<'_>) -> Result<[f64; 4], ReadError> {
    let fields = line.bytes.split(u8::is_ascii_whitespace);
    let mut numbers = fields
        .filter(|field| !field.is_empty())
        .skip(1)
        .map_while(|field| number(field, Decimals::Point));
    match [(); 4].map(|()| numbers.next()) {
        [Some(a), Some(b), Some(c), Some(d)] => Ok([a, b, c, d]),
        _ => Err(malformed(
            FORMAT,
            line.number,
            "\"Start\" and the four numbers of the start line",
            excerpt(line.bytes),
        )),
    }
}

/// The position of the time and the other columns.
fn columns(
    header: &Header,
    line: u64,
    warnings: &mut Vec<String>,
) -> Result<(usize, Vec<Column>), ReadError> {
    let time = header.names.iter().position(|name| plain(name) == "time");
    let Some(time) = time else {
        let found = match header.names.is_empty() {
            true => "none".to_owned(),
            false => excerpt(header.names.join(" ").as_bytes()),
        };
        let expected = "\"time\" among the [column names] above [data]";
        return Err(malformed(FORMAT, line, expected, found));
    };
    let width = header.names.len();
    let mut columns = Vec::with_capacity(width);
    let mut unstated = Vec::new();
    for (index, name) in header.names.iter().enumerate() {
        if index == time {
            continue;
        }
        let position = (index + header.units.len()).checked_sub(width);
        let unit = position.and_then(|position| header.units.get(position));
        let unit = unit.filter(|unit| !matches!(unit.as_str(), "(null)" | "null"));
        let long_name = (header.long_names.len() == width)
            .then(|| header.long_names.get(index))
            .flatten();
        columns.push(column(name, unit, long_name, &mut unstated)?);
    }
    warnings.extend(without_unit(&unstated));
    Ok((time, columns))
}

fn plain(name: &str) -> String {
    name.to_lowercase().replace(['-', '_'], "")
}

fn column<'a>(
    name: &'a str,
    unit: Option<&String>,
    long_name: Option<&String>,
    unstated: &mut Vec<&'a str>,
) -> Result<Column, ReadError> {
    use Quantity as Q;
    let minutes = |factor: f64| Column {
        written_unit: Some("min".to_owned()),
        conversion: Conversion {
            unit: Unit::Degree,
            factor,
            offset: 0.0,
        },
        ..Column::new(name, Unit::Degree)
    };
    let (usual, quantity) = match plain(name).as_str() {
        "lat" | "latitude" => return Ok(minutes(1.0 / 60.0).quantity(Q::Latitude)),
        "long" | "lng" | "lon" | "longitude" => {
            return Ok(minutes(-1.0 / 60.0).quantity(Q::Longitude));
        }
        "velocity" | "speed" => ("km/h", Some(Q::Speed)),
        "heading" => ("deg", Some(Q::Heading)),
        "height" | "altitude" => ("m", Some(Q::Altitude)),
        "latacc" => ("g", Some(Q::LateralAcceleration)),
        "longacc" | "lonacc" => ("g", Some(Q::LongitudinalAcceleration)),
        "vertacc" => ("g", None),
        "xrotationgyroscope" | "yrotationgyroscope" | "zrotationgyroscope" => ("deg/s", None),
        "sats" | "satellites" => ("", None),
        "lap" | "lapnumber" => ("", Some(Q::LapNumber)),
        "rpm" => ("rpm", Some(Q::EngineSpeed)),
        "tsample" | "sampleperiod" => ("s", None),
        _ => ("?", None),
    };
    // `velocity kmh`, `vertical velocity m/s`: the last word, if it is a unit.
    let last_word = || {
        let (_, word) = long_name?.rsplit_once(' ')?;
        Unit::parse(word).map(|_| word)
    };
    let unit = match (unit, last_word(), usual) {
        (Some(unit), _, _) => unit,
        (None, Some(word), _) => word,
        (None, None, "?") => {
            unstated.push(name);
            ""
        }
        (None, None, usual) => usual,
    };
    Ok(Column::in_unit(FORMAT, name, unit)?.quantity(quantity))
}

/// The start line in degrees, from its four numbers in minutes: whichever order of latitude and
/// longitude lies at the recorded positions. RaceChrono gives the line's middle and a point in the
/// direction of travel, others give its ends; how the karts pass it decides.
fn start_line(numbers: [f64; 4], samples: &Samples) -> Result<TimingLine, String> {
    let positions = samples
        .values(Quantity::Latitude)
        .zip(samples.values(Quantity::Longitude));
    let (latitudes, longitudes) =
        positions.ok_or("the start line was left out: the file has no positions")?;
    let bounds = Bounds::of(latitudes, longitudes)
        .ok_or("the start line was left out: the file has no positions")?;
    let [a, b, c, d] = numbers.map(|minutes| minutes / 60.0);
    let line = |from: (f64, f64), to: (f64, f64)| TimingLine { from, to };
    let orders = [line((a, -b), (c, -d)), line((b, -a), (d, -c))];
    let distance = |line: &TimingLine| bounds.distance(line.from).max(bounds.distance(line.to));
    let nearest = orders
        .into_iter()
        .min_by(|one, other| distance(one).total_cmp(&distance(other)));
    let Some(line) = nearest.filter(|line| distance(line) <= START_LINE_METRES) else {
        return Err("the start line was left out: it is not where the kart drove".to_owned());
    };
    if is_driven_along(&line, latitudes, longitudes) {
        return line_across(line.from, line.to)
            .ok_or_else(|| "the start line was left out: its ends are the same".to_owned());
    }
    Ok(line)
}
