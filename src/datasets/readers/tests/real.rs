//! Real files; the expected values were read off them by hand.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use chrono::{NaiveDate, NaiveTime};

use crate::datasets::readers::session::{Quantity, Session};
use crate::datasets::readers::unit::Unit;
use crate::datasets::readers::{FileFormat, aim_csv, racechrono_csv, read, vbo};

fn sample(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "../shared/data", name]
        .iter()
        .collect()
}

fn open(name: &str) -> BufReader<File> {
    BufReader::new(File::open(sample(name)).unwrap())
}

/// The first and the last value of a quantity.
fn ends(session: &Session, quantity: Quantity) -> (f64, f64) {
    let values = &session.channel(quantity).unwrap().values;
    (values[0], values[values.len() - 1])
}

fn close(found: (f64, f64), expected: (f64, f64)) {
    let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
    assert!(
        near(found.0, expected.0) && near(found.1, expected.1),
        "{found:?} {expected:?}"
    );
}

/// Lap times in milliseconds.
fn milliseconds(session: &Session) -> Vec<i64> {
    let laps = session.laps.iter();
    laps.map(|lap| (lap.seconds * 1e3).round() as i64).collect()
}

#[test]
fn race_studio_3_of_a_kart() {
    let session = aim_csv::read(open("kart-aim-racestudio3.csv")).unwrap();
    let details = &session.details;
    assert_eq!(details.venue.as_deref(), Some("F.Corta Var6"));
    assert_eq!(details.date, NaiveDate::from_ymd_opt(2024, 12, 15));
    assert_eq!(details.time, NaiveTime::from_hms_opt(13, 34, 0));
    assert_eq!(details.driver.as_deref(), Some("CS"));
    assert_eq!(details.kart.as_deref(), Some("Kosmic Rotax Junior"));
    assert_eq!(details.class.as_deref(), Some("RMC"));

    assert_eq!(session.channels.len(), 17);
    let speed = session.channel(Quantity::Speed).unwrap();
    assert_eq!(
        (speed.name.as_str(), speed.unit),
        ("GPS Speed", Unit::MetrePerSecond)
    );
    assert_eq!(speed.written_unit.as_deref(), Some("km/h"));
    assert_eq!((speed.values.len(), speed.times[502]), (503, 25.1));
    assert!((speed.rate_hz().unwrap() - 20.0).abs() < 1e-6);
    close(
        ends(&session, Quantity::Speed),
        (49.0581 / 3.6, 65.8865 / 3.6),
    );
    close(
        ends(&session, Quantity::Latitude),
        (45.51675493, 45.51605315),
    );
    close(
        ends(&session, Quantity::Longitude),
        (10.00522881, 10.00458417),
    );
    close(ends(&session, Quantity::EngineSpeed), (6121.0, 8142.1499));
    close(ends(&session, Quantity::LateralAcceleration), (0.0, 0.7547));
    let accuracy = session
        .channels
        .iter()
        .find(|channel| channel.name == "GPS PosAccuracy");
    assert_eq!(accuracy.map(|channel| channel.unit), Some(Unit::Metre));

    let expected = [
        62_774, 54_939, 53_337, 53_119, 52_461, 52_433, 52_609, 53_147, 54_706, 46_471,
    ];
    assert_eq!(milliseconds(&session), expected);
    let incomplete: Vec<u32> = (session.laps.iter())
        .filter(|lap| lap.incomplete)
        .map(|lap| lap.number)
        .collect();
    assert_eq!(incomplete, [1, 10]);
    assert_eq!(session.laps[1].start, Some(62.774));
    assert!(
        session.warnings[0].contains("535.996"),
        "{:?}",
        session.warnings
    );
}

#[test]
fn racebox_vbo_of_a_kart_in_lignano() {
    let session = vbo::read(open("kart-racebox-lignano.vbo")).unwrap();
    let details = &session.details;
    assert_eq!(details.venue.as_deref(), Some("Lignano"));
    assert_eq!(details.date, NaiveDate::from_ymd_opt(2026, 4, 11));
    assert_eq!(details.time, NaiveTime::from_hms_opt(11, 32, 21));
    assert_eq!(details.logger.as_deref(), Some("RaceBox"));

    assert_eq!(session.channels.len(), 12);
    let latitude = session.channel(Quantity::Latitude).unwrap();
    assert_eq!(latitude.values.len(), 31_527);
    // 11:32:21.00 to 11:53:22.11.
    assert_eq!(latitude.times[31_526], 1261.11);
    assert!((latitude.rate_hz().unwrap() - 25.0).abs() < 1e-6);
    close(
        ends(&session, Quantity::Latitude),
        (2743.97317 / 60.0, 2743.97180 / 60.0),
    );
    // West is positive in the file, east in the project.
    close(
        ends(&session, Quantity::Longitude),
        (784.38007 / 60.0, 784.34692 / 60.0),
    );
    close(ends(&session, Quantity::Speed), (5.036 / 3.6, 0.479 / 3.6));
    close(
        ends(&session, Quantity::LongitudinalAcceleration),
        (-0.93, -0.161),
    );
    close(ends(&session, Quantity::Altitude), (4.37, 3.4));
    assert!(session.warnings.is_empty(), "{:?}", session.warnings);

    let line = session.start_line.unwrap();
    close(line.from, (2743.96882 / 60.0, 784.39721 / 60.0));
    close(line.to, (2743.95983 / 60.0, 784.39786 / 60.0));
    assert!(session.laps.is_empty(), "the file numbers no laps");
}

#[test]
fn racechrono_v3_of_a_car() {
    let session = racechrono_csv::read(open("car-racechrono-v3.csv")).unwrap();
    let details = &session.details;
    assert_eq!(details.venue.as_deref(), Some("Tianma"));
    assert_eq!(details.driver, None);
    assert_eq!(details.logger.as_deref(), Some("RaceChrono Pro v9.1.3"));
    // The first sample, 1767150797.44 in Unix time.
    assert_eq!(details.date, NaiveDate::from_ymd_opt(2025, 12, 31));
    assert_eq!(details.time, NaiveTime::from_hms_milli_opt(3, 13, 17, 440));

    assert_eq!(session.channels.len(), 25);
    let speeds: Vec<_> = (session.channels.iter())
        .filter(|channel| channel.name == "speed")
        .map(|channel| (channel.source.as_deref().unwrap(), channel.values[0]))
        .collect();
    assert_eq!(
        speeds,
        [
            ("100: gps", 33.453),
            ("calc", 33.411),
            ("200: obd", 18.82739)
        ]
    );
    let speed = session.channel(Quantity::Speed).unwrap();
    assert_eq!(speed.source.as_deref(), Some("100: gps"));
    assert_eq!(
        (speed.values.len(), speed.times[1], speed.times[3849]),
        (3850, 0.02, 84.28)
    );
    close(ends(&session, Quantity::Latitude), (31.0781678, 31.0793187));
    close(
        ends(&session, Quantity::Longitude),
        (121.1164132, 121.1138547),
    );

    let laps: Vec<_> = (session.laps.iter())
        .map(|lap| (lap.number, lap.incomplete))
        .collect();
    assert_eq!(laps, [(8, true), (9, false), (10, true)]);
    assert_eq!(milliseconds(&session), [3_985, 76_329, 3_966]);
    assert!(session.warnings.is_empty(), "{:?}", session.warnings);
}

#[test]
fn a_lap_table_of_nine_rental_races() {
    let (format, session) = read(&sample("rental-endurance-laps.csv")).unwrap();
    assert_eq!(format, FileFormat::LapTableCsv);
    assert_eq!(session.laps.len(), 34_498);
    let first = &session.laps[0];
    assert_eq!((first.number, first.seconds), (1, 58.91));
    assert_eq!(first.sectors, [32.49, 26.41]);
    assert_eq!(first.driver.as_deref(), Some("db837c00947"));
    assert_eq!(first.kart.as_deref(), Some("2"));
    assert_eq!(
        session.warnings,
        ["columns that were not read: event, team_number, team_segment, true_name, true_kart"]
    );
    let drivers: std::collections::BTreeSet<_> =
        session.laps.iter().map(|lap| &lap.driver).collect();
    assert_eq!(drivers.len(), 116);
}

#[test]
fn a_table_of_something_else_is_foreign() {
    let error = read(&sample("adult.csv")).unwrap_err().to_string();
    assert!(error.contains("a table without lap times"), "{error}");
}
