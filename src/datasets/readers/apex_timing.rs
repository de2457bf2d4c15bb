//! The laps of Apex Timing, as its live timing answers for a kart.
//!
//! One record a line. `D<id>.L<nnnn>#<s1>|<s2>|<s3>|<lap>` is a lap in milliseconds, newest first, with a
//! letter before a time that is a best; `D<id>.P<n>#<n>|<lap>|<in>|<out>|<stop>|<on track>|<laps>|<driver>|…`
//! a stop in the pits at the end of a lap; `D<id>.INF#<driver …>` names the team and its drivers.

use std::collections::BTreeMap;
use std::io::BufRead;

use super::ReadError;
use super::rows;
use super::session::{Details, Lap, Session};
use super::text::{Line, Lines, decode, excerpt, malformed};

const FORMAT: &str = "Apex Timing";

/// What a record is about.
enum Kind {
    Lap(u32),
    Pit,
    Names,
}

/// A team, which is one kart.
#[derive(Default)]
struct Team {
    laps: BTreeMap<u32, (f64, Vec<f64>)>,
    /// The lap that ended in the pits, and the id of the driver who drove up to it.
    stops: BTreeMap<u32, String>,
    kart: Option<String>,
    name: Option<String>,
    /// Names by id.
    drivers: BTreeMap<String, String>,
    current: Option<String>,
}

/// Whether this is a record of such a file.
pub fn is_record(line: &[u8]) -> bool {
    record(&decode(line.trim_ascii())).is_some()
}

/// `D70.L0007#…` in its parts.
fn record(line: &str) -> Option<(&str, Kind, &str)> {
    let (head, body) = line.split_once('#')?;
    let (id, kind) = head.strip_prefix('D')?.split_once('.')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(id) {
        return None;
    }
    let kind = if kind == "INF" {
        Kind::Names
    } else if let Some(number) = kind.strip_prefix('L').filter(|number| digits(number)) {
        Kind::Lap(number.parse().ok()?)
    } else if kind.strip_prefix('P').is_some_and(digits) {
        Kind::Pit
    } else {
        return None;
    };
    Some((id, kind, body))
}

/// Reads a file.
///
/// # Errors
/// Any [`ReadError`]; lines are named.
pub fn read(input: impl BufRead) -> Result<Session, ReadError> {
    let mut lines = Lines::new(FORMAT, input);
    let mut teams: BTreeMap<String, Team> = BTreeMap::new();
    let mut records = 0;
    while let Some(line) = lines.next()? {
        if line.is_blank() {
            continue;
        }
        let text = line.text();
        let Some((id, kind, body)) = record(&text) else {
            let expected = "a record such as D70.L0001#27000|35000|22000|84000";
            return Err(malformed(
                FORMAT,
                line.number,
                expected,
                excerpt(line.bytes),
            ));
        };
        rows::check_laps(FORMAT, records)?;
        let team = teams.entry(id.to_owned()).or_default();
        match kind {
            Kind::Lap(number) => {
                team.laps.insert(number, lap_times(line, body)?);
            }
            Kind::Pit => {
                let (lap, driver) = stop(line, body)?;
                team.stops.insert(lap, driver);
            }
            Kind::Names => team.take_names(id, body),
        }
        records += 1;
    }
    let mut session = Session {
        details: Details {
            logger: Some("Apex Timing".to_owned()),
            ..Details::default()
        },
        ..Session::default()
    };
    for (id, team) in &teams {
        session.laps.extend(team.laps(id));
    }
    if session.laps.is_empty() {
        let expected = "at least one lap record (D<id>.L<number>#…)";
        return Err(malformed(FORMAT, lines.number(), expected, "none"));
    }
    Ok(session)
}

/// Seconds of a lap and of its sectors: `27000|35000|22000|g84000`, sectors may be empty.
fn lap_times(line: Line<'_>, body: &str) -> Result<(f64, Vec<f64>), ReadError> {
    let seconds = |cell: &str| {
        let digits = cell.trim().trim_start_matches(['b', 'g', 'p']);
        let milliseconds = digits.parse::<u32>().ok()?;
        Some(f64::from(milliseconds) / 1e3)
    };
    let cells: Vec<&str> = body.split('|').collect();
    let Some((lap, sectors)) = cells.split_last() else {
        return Err(malformed(FORMAT, line.number, "a lap time", "nothing"));
    };
    let wrong = |cell: &str| {
        let expected = "a time in milliseconds, b, g or p before it";
        malformed(FORMAT, line.number, expected, excerpt(cell.as_bytes()))
    };
    let total = seconds(lap)
        .filter(|seconds| *seconds > 0.0)
        .ok_or_else(|| wrong(lap))?;
    let filled = sectors.iter().filter(|cell| !cell.trim().is_empty());
    let sectors = filled.map(|cell| seconds(cell).ok_or_else(|| wrong(cell)));
    Ok((total, sectors.collect::<Result<_, _>>()?))
}

/// The lap at whose end the kart came in, and the id of who drove it there.
fn stop(line: Line<'_>, body: &str) -> Result<(u32, String), ReadError> {
    let cells: Vec<&str> = body.split('|').collect();
    let lap = cells.get(1).and_then(|cell| cell.trim().parse().ok());
    let lap = lap.ok_or_else(|| {
        let expected = "the number of the stop and of its lap, such as 1|58|…";
        malformed(FORMAT, line.number, expected, excerpt(body.as_bytes()))
    })?;
    let driver = cells.get(7).map_or("", |cell| cell.trim());
    Ok((lap, driver.to_owned()))
}

impl Team {
    /// `<driver id="70" num="7" name="TEAM"><driver id="11" num="2" name="ANA" current="1"/>…</driver>`
    fn take_names(&mut self, team: &str, body: &str) {
        for tag in body.split("<driver").skip(1) {
            let tag = tag.split('>').next().unwrap_or(tag);
            let attribute = |name: &str| {
                let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
                let value = rest.split('"').next()?;
                let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
                (!value.is_empty()).then_some(value)
            };
            let Some(id) = attribute("id") else { continue };
            if id == team {
                self.kart = attribute("num");
                self.name = attribute("name");
            } else if let Some(name) = attribute("name") {
                if attribute("current").as_deref() == Some("1") {
                    self.current = Some(id.clone());
                }
                self.drivers.insert(id, name);
            }
        }
    }

    /// The laps in order. The lap of a stop ends in the pits, the one after it begins there; who drove
    /// is told by the next stop, and after the last one by who is on track.
    fn laps(&self, id: &str) -> Vec<Lap> {
        let name = |driver: &str| self.drivers.get(driver).cloned();
        let laps = self.laps.iter();
        laps.map(|(number, (seconds, sectors))| {
            let next_stop = self.stops.range(number..).next();
            let driver = match next_stop {
                Some((_, driver)) => name(driver),
                None => self.current.as_deref().and_then(name),
            };
            let before = number.checked_sub(1);
            let after_stop = before.is_some_and(|before| self.stops.contains_key(&before));
            Lap {
                number: *number,
                seconds: *seconds,
                sectors: sectors.clone(),
                driver: driver.or_else(|| self.name.clone()),
                kart: self.kart.clone().or_else(|| Some(id.to_owned())),
                incomplete: after_stop || self.stops.contains_key(number),
                ..Lap::default()
            }
        })
        .collect()
    }
}
