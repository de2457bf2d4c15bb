//! What every reader yields, whatever the file: a session on track.

use std::sync::Arc;

use chrono::{NaiveDate, NaiveTime};
use serde::Serialize;

use super::unit::Unit;

/// A session on track: who drove where and when, what was recorded, and the laps.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Session {
    pub details: Details,
    pub channels: Vec<Channel>,
    /// In the order in which they were driven; a file of a whole race has every driver's.
    pub laps: Vec<Lap>,
    /// Where laps begin and end, where the file says so or the laps were cut by it.
    pub start_line: Option<TimingLine>,
    /// What was not understood or had to be left out, in words for the file's owner.
    pub warnings: Vec<String>,
}

/// What a file's header says. These are the facts that anonymization strips.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Details {
    pub venue: Option<String>,
    /// The day, as the logger's clock had it.
    pub date: Option<NaiveDate>,
    /// When the recording began, on the same clock.
    pub time: Option<NaiveTime>,
    pub driver: Option<String>,
    pub kart: Option<String>,
    /// The class or championship.
    pub class: Option<String>,
    /// The logger or the program that wrote the file.
    pub logger: Option<String>,
}

/// One recorded quantity. A file may repeat a name from several sources, so a channel is told by both.
#[derive(Debug, Clone, PartialEq)]
pub struct Channel {
    /// As the file calls it.
    pub name: String,
    /// The sensor or device, where the file names it.
    pub source: Option<String>,
    /// The unit of `values`.
    pub unit: Unit,
    /// What the file called its unit, before the conversion.
    pub written_unit: Option<String>,
    /// What the channel is, where the reader knows.
    pub quantity: Option<Quantity>,
    /// Seconds from the beginning of the recording, not decreasing; shared by the channels of one clock.
    pub times: Arc<[f64]>,
    /// One value for each time; NaN where nothing was recorded.
    pub values: Vec<f64>,
}

/// Quantities that the laps, the pictures and the transforms look for, whatever a file calls them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// Degrees north, WGS 84.
    Latitude,
    /// Degrees east, WGS 84, whatever sign the file uses.
    Longitude,
    /// Metres above the sea.
    Altitude,
    /// Speed over ground, m/s.
    Speed,
    /// Degrees clockwise from north.
    Heading,
    /// To the driver's side, g.
    LateralAcceleration,
    /// Forwards, g.
    LongitudinalAcceleration,
    /// Engine revolutions a minute.
    EngineSpeed,
    /// Metres along the track or since the beginning.
    Distance,
    /// The number of the lap that each sample belongs to.
    LapNumber,
}

/// One lap, or one row of a lap table.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lap {
    /// From 1 within its driver (or the file's own numbers); 0 is the way to the start line, where a
    /// file counts it.
    pub number: u32,
    /// Seconds from the beginning of the recording to the beginning of the lap, where known.
    pub start: Option<f64>,
    /// How long it took.
    pub seconds: f64,
    /// Sector times in seconds; empty where the file has none.
    pub sectors: Vec<f64>,
    /// Whose lap it is, in a file of several drivers.
    pub driver: Option<String>,
    /// In which kart, in a file of several.
    pub kart: Option<String>,
    /// Whether it began or ended in the pits, or was not driven from line to line.
    pub incomplete: bool,
}

/// A line across the track.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimingLine {
    /// (latitude, longitude) of its ends, in degrees north and east.
    pub from: (f64, f64),
    pub to: (f64, f64),
}

impl Channel {
    /// Samples a second: the inverse of the median distance of neighbouring times that hold a value; `None` with
    /// fewer than two.
    pub fn rate_hz(&self) -> Option<f64> {
        let recorded = self.times.iter().zip(&self.values);
        let mut times = recorded
            .filter(|(_, value)| !value.is_nan())
            .map(|(time, _)| *time);
        let mut last = times.next()?;
        let mut steps: Vec<f64> = times
            .map(|time| {
                let step = time - last;
                last = time;
                step
            })
            .filter(|step| *step > 0.0)
            .collect();
        if steps.is_empty() {
            return None;
        }
        let middle = steps.len() / 2;
        let (_, median, _) = steps.select_nth_unstable_by(middle, f64::total_cmp);
        Some(1.0 / *median)
    }
}

/// The most laps of a session: a week of a hundred karts.
pub const MAX_LAPS: usize = 1_000_000;

impl Session {
    /// The first channel of a quantity.
    pub fn channel(&self, quantity: Quantity) -> Option<&Channel> {
        let mut channels = self.channels.iter();
        channels.find(|channel| channel.quantity == Some(quantity))
    }
}
