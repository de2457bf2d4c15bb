//! What was understood of a file and what was not, in a shape for programs: the command line and the API show it.

use chrono::{NaiveDate, NaiveTime};
use serde::Serialize;
use utoipa::ToSchema;

use super::FileFormat;
use super::session::{Channel, Lap, Session};

/// A file as it was understood. All numbers are finite.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Inspection {
    /// The format's key, such as `aim_xrk`.
    pub format: &'static str,
    pub session: InspectedSession,
    pub channels: Vec<InspectedChannel>,
    pub laps: Vec<InspectedLap>,
    /// What was not understood or had to be left out.
    pub warnings: Vec<String>,
}

/// Who drove where and when.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct InspectedSession {
    pub venue: Option<String>,
    pub date: Option<NaiveDate>,
    /// When the recording began, on the logger's clock.
    pub time: Option<NaiveTime>,
    pub driver: Option<String>,
    pub kart: Option<String>,
    /// The class or championship.
    pub class: Option<String>,
    /// The logger or the program that wrote the file.
    pub logger: Option<String>,
    /// From the first sample to the last, or to the end of the last lap.
    pub seconds: Option<f64>,
}

/// One recorded quantity.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct InspectedChannel {
    pub name: String,
    /// The sensor or device, where the file names it.
    pub source: Option<String>,
    /// The unit of the values; empty for plain numbers.
    pub unit: &'static str,
    /// What the file called its unit, before the conversion.
    pub written_unit: Option<String>,
    /// What it measures, such as `speed` or `latitude`, where the reader knows.
    #[schema(value_type = Option<String>)]
    pub quantity: Option<super::session::Quantity>,
    /// Samples a second; missing with fewer than two.
    pub rate_hz: Option<f64>,
    /// How many values were recorded.
    pub samples: usize,
    pub minimum: Option<f64>,
    pub maximum: Option<f64>,
}

/// One lap.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct InspectedLap {
    pub number: u32,
    pub seconds: f64,
    /// Seconds from the beginning of the recording.
    pub start: Option<f64>,
    /// Sector times in seconds.
    pub sectors: Vec<f64>,
    /// In a file of several drivers.
    pub driver: Option<String>,
    pub kart: Option<String>,
    /// Whether it was not driven from line to line.
    pub incomplete: bool,
}

impl Inspection {
    pub fn of(format: FileFormat, session: &Session) -> Inspection {
        let details = &session.details;
        let laps: Vec<InspectedLap> = session.laps.iter().filter_map(InspectedLap::of).collect();
        Inspection {
            format: format.key(),
            session: InspectedSession {
                venue: details.venue.clone(),
                date: details.date,
                time: details.time,
                driver: details.driver.clone(),
                kart: details.kart.clone(),
                class: details.class.clone(),
                logger: details.logger.clone(),
                seconds: seconds(session),
            },
            channels: session.channels.iter().map(InspectedChannel::of).collect(),
            laps,
            warnings: session.warnings.clone(),
        }
    }
}

/// How long the recording is.
fn seconds(session: &Session) -> Option<f64> {
    let channels = session.channels.iter();
    let firsts = channels.clone().filter_map(|channel| channel.times.first());
    let lasts = channels.filter_map(|channel| channel.times.last());
    let ends = session
        .laps
        .iter()
        .filter_map(|lap| Some(lap.start? + lap.seconds));
    let begin = firsts.copied().fold(0.0, f64::min);
    let end = lasts.copied().chain(ends).fold(f64::NEG_INFINITY, f64::max);
    finite(end - begin)
}

impl InspectedChannel {
    fn of(channel: &Channel) -> InspectedChannel {
        let recorded = || {
            channel
                .values
                .iter()
                .copied()
                .filter(|value| !value.is_nan())
        };
        InspectedChannel {
            name: channel.name.clone(),
            source: channel.source.clone(),
            unit: channel.unit.symbol(),
            written_unit: channel.written_unit.clone(),
            quantity: channel.quantity,
            rate_hz: channel.rate_hz().and_then(finite),
            samples: recorded().count(),
            minimum: finite(recorded().fold(f64::INFINITY, f64::min)),
            maximum: finite(recorded().fold(f64::NEG_INFINITY, f64::max)),
        }
    }
}

impl InspectedLap {
    /// `None` for a lap without a time.
    fn of(lap: &Lap) -> Option<InspectedLap> {
        Some(InspectedLap {
            number: lap.number,
            seconds: finite(lap.seconds)?,
            start: lap.start.and_then(finite),
            sectors: lap.sectors.iter().copied().map_while(finite).collect(),
            driver: lap.driver.clone(),
            kart: lap.kart.clone(),
            incomplete: lap.incomplete,
        })
    }
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::readers::session::Quantity;
    use crate::datasets::readers::unit::Unit;

    #[test]
    fn an_inspection_says_what_was_understood_in_finite_numbers() {
        let session = Session {
            channels: vec![Channel {
                name: "GPS Speed".to_owned(),
                source: Some("GPS".to_owned()),
                unit: Unit::MetrePerSecond,
                written_unit: Some("km/h".to_owned()),
                quantity: Some(Quantity::Speed),
                times: [0.0, 0.04, 0.08, 0.12].into(),
                values: vec![10.0, f64::NAN, 12.0, f64::INFINITY],
            }],
            laps: vec![
                Lap {
                    number: 1,
                    start: Some(0.0),
                    seconds: 50.5,
                    sectors: vec![20.5, 30.0],
                    ..Lap::default()
                },
                Lap {
                    number: 2,
                    seconds: f64::NAN,
                    ..Lap::default()
                },
            ],
            warnings: vec!["a warning".to_owned()],
            ..Session::default()
        };
        let inspection =
            serde_json::to_value(Inspection::of(FileFormat::AimXrk, &session)).unwrap();
        let expected = serde_json::json!({
            "format": "aim_xrk",
            "session": {
                "venue": null, "date": null, "time": null, "driver": null, "kart": null, "class": null,
                "logger": null, "seconds": 50.5
            },
            "channels": [{
                "name": "GPS Speed", "source": "GPS", "unit": "m/s", "written_unit": "km/h", "quantity": "speed",
                "rate_hz": inspection["channels"][0]["rate_hz"], "samples": 3, "minimum": 10.0, "maximum": null
            }],
            "laps": [{
                "number": 1, "seconds": 50.5, "start": 0.0, "sectors": [20.5, 30.0], "driver": null, "kart": null,
                "incomplete": false
            }],
            "warnings": ["a warning"]
        });
        assert_eq!(inspection, expected);
        assert!((inspection["channels"][0]["rate_hz"].as_f64().unwrap() - 12.5).abs() < 1e-9);
    }
}
