//! The simulator: kart championships whose true talent is known.
//!
//! Real laps never say how good a driver really is, so a challenge about talent needs made ones.
//! [`simulate`] draws drivers and tracks from a seed, finds the fastest lap that physics allows each
//! kart, and lays over it what was measured on 34,498 laps of real endurance races: the kart one
//! happens to get, the form of the day, mistakes, traffic, rain, learning and passing. The same
//! parameters give the same bytes on every platform.
//!
//! Pure: knows neither files, clock nor database. Start reading at [`simulate`], then `event`.

mod class;
mod drivers;
mod event;
mod export;
mod physics;
mod race;
mod random;
mod track;

use std::ops::RangeInclusive;

use chrono::{Days, NaiveDate};
use rand::seq::SliceRandom;

pub use class::KartClass;
pub use drivers::{Driver, DriverTruth};
pub use event::Event;
pub use export::LapRow;
pub use physics::Kart;
pub use race::Lap;
pub use track::Track;

const DRIVERS: RangeInclusive<u32> = 4..=400;
const EVENTS: RangeInclusive<u32> = 1..=100;
const STINTS: RangeInclusive<u32> = 1..=10;
/// Some 1.7 million laps.
const MOST_STINTS: u32 = 40_000;
const DAYS_BETWEEN_EVENTS: u64 = 21;

const VENUES: [&str; 12] = [
    "Adlerring",
    "Birkental",
    "Col di Rovo",
    "Dornach",
    "Estavelle",
    "Fuchsgrund",
    "Granatello",
    "Hohenbruck",
    "Isola Verde",
    "Jorat",
    "Kaltenbach",
    "Les Aubiers",
];

/// What to simulate. The default is a junior championship of 34 drivers and 9 events, two of them
/// wet.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    /// 4 to 400.
    pub drivers: u32,
    /// 1 to 100.
    pub events: u32,
    /// How many of the events are driven in the wet.
    pub wet_events: u32,
    /// Races that a driver starts in at each event, 1 to 10; each is a stint of 25 to 60 laps.
    pub stints: u32,
    pub class: KartClass,
    /// The day of the first event; the others follow every three weeks.
    pub first_event: NaiveDate,
    pub seed: u64,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            drivers: 34,
            events: 9,
            wet_events: 2,
            stints: 2,
            class: KartClass::default(),
            first_event: NaiveDate::from_ymd_opt(2025, 3, 30).unwrap_or_default(),
            seed: 1,
        }
    }
}

/// Why a championship cannot be simulated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SimulatorError {
    #[error("{parameter} is {value}; choose a number from {least} to {most}")]
    OutOfRange {
        parameter: &'static str,
        value: u32,
        least: u32,
        most: u32,
    },
    #[error(
        "drivers × events × stints is {stints}, more than {MOST_STINTS}; lower one of the three"
    )]
    TooManyStints { stints: u32 },
    #[error("first_event is {first_event}, so that the last event lies beyond the calendar")]
    BeyondCalendar { first_event: NaiveDate },
    #[error("no track fit for karts was found with seed {seed}; choose another seed")]
    NoTrack { seed: u64 },
}

/// How far a simulation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub events_done: u32,
    pub events: u32,
}

/// A simulated championship. `drivers` and `truth` are parallel, and a [`Lap`] names its event and
/// driver by their positions here.
#[derive(Clone, Debug, PartialEq)]
pub struct Championship {
    pub class: KartClass,
    pub drivers: Vec<Driver>,
    pub tracks: Vec<Track>,
    pub events: Vec<Event>,
    /// In the order of events, races and laps.
    pub laps: Vec<Lap>,
    /// The hidden solution: never part of the laps.
    pub truth: Vec<DriverTruth>,
}

/// Simulates a championship and reports every event that is done.
///
/// # Errors
/// If a parameter is out of its range; the error says which and what is possible.
pub fn simulate(
    parameters: &Parameters,
    progress: &mut dyn FnMut(Progress),
) -> Result<Championship, SimulatorError> {
    parameters.check()?;
    let seed = parameters.seed;
    let mut rng = random::stream(seed, 0);
    let drivers = drivers::entry_list(parameters.class, parameters.drivers, &mut rng);
    let truth: Vec<DriverTruth> = drivers
        .iter()
        .map(|_| DriverTruth::draw(&mut rng))
        .collect();
    let tracks = VENUES
        .iter()
        .take(parameters.events as usize)
        .map(|venue| Track::draw(venue, &mut rng).ok_or(SimulatorError::NoTrack { seed }))
        .collect::<Result<Vec<_>, _>>()?;
    let mut wet: Vec<bool> = (0..parameters.events)
        .map(|event| event < parameters.wet_events)
        .collect();
    wet.shuffle(&mut rng);

    let mut championship = Championship {
        class: parameters.class,
        drivers,
        tracks,
        events: Vec::new(),
        laps: Vec::new(),
        truth,
    };
    let mut laps_driven = vec![0; championship.drivers.len()];
    for (number, wet) in (1..=parameters.events).zip(wet) {
        let plan = event::Plan {
            number,
            date: parameters.date_of(number)?,
            wet,
            stints: parameters.stints,
        };
        let mut rng = random::stream(seed, u64::from(number));
        plan.drive(&mut championship, &mut laps_driven, &mut rng);
        progress(Progress {
            events_done: number,
            events: parameters.events,
        });
    }
    Ok(championship)
}

impl Parameters {
    fn check(&self) -> Result<(), SimulatorError> {
        let in_range = |parameter, value, range: RangeInclusive<u32>| {
            if range.contains(&value) {
                return Ok(());
            }
            Err(SimulatorError::OutOfRange {
                parameter,
                value,
                least: *range.start(),
                most: *range.end(),
            })
        };
        in_range("drivers", self.drivers, DRIVERS)?;
        in_range("events", self.events, EVENTS)?;
        in_range("wet_events", self.wet_events, 0..=self.events)?;
        in_range("stints", self.stints, STINTS)?;
        let stints = self.drivers * self.events * self.stints;
        if stints > MOST_STINTS {
            return Err(SimulatorError::TooManyStints { stints });
        }
        self.date_of(self.events).map(|_| ())
    }

    fn date_of(&self, event: u32) -> Result<NaiveDate, SimulatorError> {
        let days = Days::new(DAYS_BETWEEN_EVENTS * u64::from(event - 1));
        self.first_event
            .checked_add_days(days)
            .ok_or(SimulatorError::BeyondCalendar {
                first_event: self.first_event,
            })
    }
}

#[cfg(test)]
mod tests;
