//! A championship as CSV: the raw lap table, and its solution apart from it.

use std::io::Write;

use chrono::NaiveDate;
use serde::Serialize;

use super::Championship;
use super::drivers::{Driver, DriverTruth};
use super::race::Lap;

/// A row of the raw lap table, as a timing office would keep it: with the driver's identity, which
/// anonymization has to remove, and without the truth.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LapRow<'a> {
    pub event: &'a str,
    /// The day of the event.
    pub date: NaiveDate,
    pub venue: &'a str,
    pub session: &'a str,
    pub wet: bool,
    pub driver_id: &'a str,
    pub driver_name: &'a str,
    pub club: &'a str,
    pub region: &'a str,
    /// In years, on the day of the first event.
    pub age: u32,
    pub weight_kg: f64,
    pub height_cm: u32,
    pub kart: u32,
    /// From 1, for each driver and event.
    pub stint: u32,
    /// From 1, for each stint.
    pub lap: u32,
    pub out_lap: bool,
    pub pit: bool,
    /// At the end of the lap; 1 leads.
    pub position: u32,
    /// Drivers passed on this lap.
    pub passes: u32,
    /// Seconds; the three sectors add up to `lap_time`.
    pub sector_1: f64,
    pub sector_2: f64,
    pub sector_3: f64,
    /// Seconds, to a thousandth.
    pub lap_time: f64,
}

#[derive(Serialize)]
struct TruthRow<'a> {
    driver_id: &'a str,
    pace: f64,
    wet: f64,
    racecraft: f64,
    learning_amplitude: f64,
    learning_exponent: f64,
    laps_before: f64,
    variation: f64,
}

impl Championship {
    /// The raw lap table, row by row.
    pub fn rows(&self) -> impl Iterator<Item = LapRow<'_>> {
        self.laps.iter().map(|lap| self.row(lap))
    }

    /// Writes the raw lap table with a header.
    ///
    /// # Errors
    /// If `output` cannot be written to.
    pub fn write_laps_csv(&self, output: impl Write) -> Result<(), csv::Error> {
        let mut writer = csv::Writer::from_writer(output);
        for row in self.rows() {
            writer.serialize(row)?;
        }
        Ok(writer.flush()?)
    }

    /// Writes the hidden solution, one row a driver, with the columns of [`DriverTruth`] to nine
    /// decimals.
    ///
    /// # Errors
    /// If `output` cannot be written to.
    pub fn write_truth_csv(&self, output: impl Write) -> Result<(), csv::Error> {
        let mut writer = csv::Writer::from_writer(output);
        for (driver, truth) in self.drivers.iter().zip(&self.truth) {
            writer.serialize(truth_row(driver, truth))?;
        }
        Ok(writer.flush()?)
    }

    fn row(&self, lap: &Lap) -> LapRow<'_> {
        let event = &self.events[lap.event];
        let driver = &self.drivers[lap.driver];
        let [sector_1, sector_2, sector_3] = lap
            .sector_milliseconds
            .map(|milliseconds| f64::from(milliseconds) / 1_000.0);
        LapRow {
            event: &event.id,
            date: event.date,
            venue: &self.tracks[event.track].name,
            session: &event.sessions[lap.session],
            wet: event.wet,
            driver_id: &driver.id,
            driver_name: &driver.name,
            club: driver.club,
            region: driver.region,
            age: driver.age,
            weight_kg: driver.weight_kg,
            height_cm: driver.height_cm,
            kart: lap.kart,
            stint: lap.stint,
            lap: lap.number,
            out_lap: lap.out_lap,
            pit: lap.pit,
            position: lap.position,
            passes: lap.passes,
            sector_1,
            sector_2,
            sector_3,
            lap_time: lap.seconds(),
        }
    }
}

fn truth_row<'a>(driver: &'a Driver, truth: &DriverTruth) -> TruthRow<'a> {
    let rounded = |value: f64| (value * 1e9).round() / 1e9;
    TruthRow {
        driver_id: &driver.id,
        pace: rounded(truth.pace),
        wet: rounded(truth.wet),
        racecraft: rounded(truth.racecraft),
        learning_amplitude: rounded(truth.learning_amplitude),
        learning_exponent: rounded(truth.learning_exponent),
        laps_before: truth.laps_before,
        variation: rounded(truth.variation),
    }
}
