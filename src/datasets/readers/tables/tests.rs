use std::sync::Arc;

use super::*;
use crate::datasets::readers::session::Details;
use crate::datasets::tables::{Source, Table};

fn channel(name: &str, unit: Unit, times: &[f64], values: &[f64]) -> Channel {
    Channel {
        name: name.to_owned(),
        source: None,
        unit,
        written_unit: None,
        quantity: None,
        times: Arc::from(times),
        values: values.to_vec(),
    }
}

fn session() -> Session {
    let lap = |number, start, seconds: f64, sectors: &[f64]| Lap {
        number,
        start: Some(start),
        seconds,
        sectors: sectors.to_vec(),
        incomplete: number == 0,
        ..Lap::default()
    };
    Session {
        details: Details {
            driver: Some("Ada".to_owned()),
            kart: Some("7".to_owned()),
            date: chrono::NaiveDate::from_ymd_opt(2026, 5, 31),
            ..Details::default()
        },
        channels: vec![
            channel(
                "GPS Speed",
                Unit::MetrePerSecond,
                &[0.0, 1.0, 2.0],
                &[10.0, 20.0, f64::NAN],
            ),
            channel("Gear", Unit::One, &[0.2, 1.2], &[1.0, 2.0]),
            channel(
                "RPM",
                Unit::RevolutionsPerMinute,
                &[0.0, 0.5, 1.0, 1.5, 2.0],
                &[1.0, 2.0, 3.0, 4.0, 5.0],
            ),
            channel("gps  speed!", Unit::MetrePerSecond, &[], &[]),
            channel("Lap", Unit::One, &[], &[]),
        ],
        laps: vec![lap(0, 0.0, 0.5, &[]), lap(1, 0.5, 1.25, &[0.5, 0.75])],
        ..Session::default()
    }
}

fn text(table: Result<Vec<u8>, TableError>) -> String {
    String::from_utf8(table.unwrap()).unwrap()
}

#[test]
fn a_lap_is_a_row() {
    let mut other = session();
    other.laps.truncate(1);
    other.laps[0].driver = Some("Grace".to_owned());
    assert_eq!(
        text(lap_table(&[session(), other], Format::Csv, Vec::new())),
        "session,driver,kart,class,venue,date,lap,lap_time,sector_1,sector_2,incomplete\n\
         1,Ada,7,,,2026-05-31,0,0.5,,,true\n\
         1,Ada,7,,,2026-05-31,1,1.25,0.5,0.75,false\n\
         1,Grace,7,,,2026-05-31,0,0.5,,,true\n"
    );
}

#[test]
fn samples_stand_on_one_clock_with_their_lap() {
    assert_eq!(
        text(sample_table(&session(), 100.0, Format::Csv, Vec::new())),
        "driver,lap,lap_elapsed,time,gps_speed,gear,rpm,gps_speed_2,lap_2\n\
         Ada,0,0,0,10,,1,,\n\
         Ada,1,0,0.5,15,1,2,,\n\
         Ada,1,0.5,1,20,1,3,,\n\
         Ada,1,1,1.5,,2,4,,\n\
         Ada,,,2,,2,5,,\n"
    );
}

#[test]
fn a_lower_rate_leaves_samples_out() {
    let thinned = text(sample_table(&session(), 1.0, Format::Csv, Vec::new()));
    let times: Vec<&str> = thinned
        .lines()
        .skip(1)
        .filter_map(|line| line.split(',').nth(3))
        .collect();
    assert_eq!(times, ["0", "1", "2"]);
}

#[test]
fn a_session_without_channels_or_laps_is_a_table_without_rows() {
    let nothing = Session::default();
    assert_eq!(
        text(sample_table(&nothing, 10.0, Format::Csv, Vec::new())),
        "driver,lap,lap_elapsed,time\n"
    );
    assert_eq!(
        text(lap_table(&[nothing], Format::Csv, Vec::new()))
            .lines()
            .count(),
        1
    );
}

#[test]
fn a_real_session_becomes_tables_that_can_be_read_again() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/kart-adria.xrk");
    let (_, session) = crate::datasets::readers::read(std::path::Path::new(file)).unwrap();
    let sessions = [session];
    let laps = lap_table(&sessions, Format::Parquet, Vec::new()).unwrap();
    let laps = Table::open(Source::Bytes(laps.into())).unwrap();
    let rows: usize = laps
        .batches()
        .unwrap()
        .map(|batch| batch.unwrap().rows())
        .sum();
    assert_eq!(rows, 11);
    let lap_time = &laps.schema().columns()[laps.schema().require("lap_time").unwrap()];
    assert_eq!(lap_time.kind, ColumnType::Number);

    let samples = sample_table(&sessions[0], 10.0, Format::Parquet, Vec::new()).unwrap();
    let samples = Table::open(Source::Bytes(samples.into())).unwrap();
    let schema = samples.schema();
    let [time, elapsed, speed] =
        ["time", "lap_elapsed", "gps_speed"].map(|name| schema.require(name).unwrap());
    let (mut rows, mut last, mut fast) = (0, -1.0, 0);
    for batch in samples.batches().unwrap() {
        let batch = batch.unwrap();
        for row in 0..batch.rows() {
            let number = |column: usize| batch.column(column).cell(row).as_number();
            let now = number(time).unwrap();
            assert!(now - last > 0.099, "{last} {now}");
            last = now;
            assert!(number(elapsed).is_none_or(|elapsed| (0.0..82.3).contains(&elapsed)));
            fast += usize::from(number(speed).is_some_and(|speed| speed > 30.0));
            rows += 1;
        }
    }
    // 598 s at 10 Hz, but for steps of the clock that are a sample longer.
    assert!((5400..=5985).contains(&rows), "{rows}");
    assert!(fast > 300, "{fast}");
}
