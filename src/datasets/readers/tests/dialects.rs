//! Every format's dialects and traps, in small files.

use chrono::{NaiveDate, NaiveTime};

use super::files;
use crate::datasets::readers::ReadError;
use crate::datasets::readers::positions::metres;
use crate::datasets::readers::session::{Channel, Lap, Quantity, Session};
use crate::datasets::readers::unit::Unit;
use crate::datasets::readers::{
    aim_csv, alfano, apex_timing, dovex, lap_table, racebox_csv, racechrono_csv, trackaddict, vbo,
};
use crate::datasets::tables::{
    Batch, Column, ColumnType, Format, Schema, Source, TableWriter, Values,
};

fn named<'a>(session: &'a Session, name: &str) -> &'a Channel {
    let mut channels = session.channels.iter();
    channels.find(|channel| channel.name == name).unwrap()
}

fn table(text: &str) -> Result<Session, ReadError> {
    lap_table::read(Source::Bytes(text.to_owned().into()))
}

/// Number, milliseconds, and whether it is incomplete.
fn laps(session: &Session) -> Vec<(u32, i64, bool)> {
    let milliseconds = |lap: &Lap| (lap.seconds * 1e3).round() as i64;
    let laps = session.laps.iter();
    laps.map(|lap| (lap.number, milliseconds(lap), lap.incomplete))
        .collect()
}

fn warned(session: &Session, of: &str) {
    let warnings = session.warnings.join("\n");
    assert!(warnings.contains(of), "no \"{of}\" in: {warnings}");
}

fn refused(result: Result<Session, ReadError>, message: &str) {
    assert_eq!(result.unwrap_err().to_string(), message);
}

#[test]
fn aim_quoted_with_semicolons_decimal_commas_and_a_byte_order_mark() {
    let session = aim_csv::read(files::AIM.as_bytes()).unwrap();
    assert_eq!(session.details.venue.as_deref(), Some("Prüfring"));
    assert_eq!(session.details.driver.as_deref(), Some("A; B"));
    assert_eq!(session.details.date, NaiveDate::from_ymd_opt(2024, 3, 2));
    let speed = session.channel(Quantity::Speed).unwrap();
    assert_eq!(
        (speed.name.as_str(), &*speed.values),
        ("GPS_Speed", &[10.0, 20.0, 2.0][..])
    );
    let water = named(&session, "Water Temp");
    assert_eq!(water.unit, Unit::Celsius);
    assert!((water.values[0] - 100.0).abs() < 1e-9 && water.values[1].is_nan());
    assert_eq!(
        laps(&session),
        [(1, 1000, true), (2, 1000, false), (3, 1400, true)]
    );
}

#[test]
fn aim_in_windows_1252_is_read_too() {
    let (ansi, _, _) = encoding_rs::WINDOWS_1252.encode(files::AIM.trim_start_matches('\u{feff}'));
    assert!(str::from_utf8(&ansi).is_err());
    let session = aim_csv::read(ansi.as_ref()).unwrap();
    assert_eq!(session.details.venue.as_deref(), Some("Prüfring"));
    assert_eq!(named(&session, "Water Temp").unit, Unit::Celsius);
}

#[test]
fn aim_takes_an_ambiguous_date_for_none() {
    let file = files::AIM.replace("Saturday, March 2, 2024", "03/02/2024");
    let session = aim_csv::read(file.as_bytes()).unwrap();
    assert_eq!(session.details.date, None);
    warned(&session, "03/02/2024");
}

#[test]
fn aim_of_a_single_lap_is_a_complete_lap() {
    let file = files::AIM
        .replace("\"1,0\";\"2,0\";\"3,4\"", "\"3,4\"")
        .replace("\"Duration\"", "\"Segment\";\"Lap 4\"\r\n\"Duration\"");
    let session = aim_csv::read(file.as_bytes()).unwrap();
    assert_eq!(laps(&session), [(1, 3400, false)]);
}

#[test]
fn broken_aim_is_refused_with_its_line() {
    let read = |from: &str, to: &str| aim_csv::read(files::AIM.replace(from, to).as_bytes());
    refused(
        read("\"72,0\"", "\"fast\""),
        "AiM CSV, line 15: expected a number in column \"GPS_Speed\", found \"fast\"",
    );
    refused(
        read("\"0,100\";", ""),
        "AiM CSV, line 15: expected 5 fields, found 4",
    );
    refused(
        read("\"1,0\";", "\"soon\";"),
        "AiM CSV, line 9: expected beacon markers in seconds, found \"soon\"",
    );
    refused(
        read("\"s\";", "\"km/h\";"),
        "AiM CSV, line 12: expected seconds as the unit of \"Time\", found \"km/h\"",
    );
    let error = read("km/h", "furlong").unwrap_err().to_string();
    assert!(
        error.starts_with("AiM CSV, column \"GPS_Speed\": the unit \"furlong\""),
        "{error}"
    );
    let (head, _) = files::AIM.split_once("\"Time\";\"GPS").unwrap();
    refused(
        aim_csv::read(head.as_bytes()),
        "AiM CSV, line 11: expected a row with the column names, \"Time\" first, found the end of the file",
    );
}

#[test]
fn a_last_row_that_was_cut_off_is_left_out() {
    let file = files::AIM
        .trim_end()
        .trim_end_matches("\"7,2\";\"45,0\";\"10,0\";\"32\"");
    let session = aim_csv::read(file.as_bytes()).unwrap();
    assert_eq!(session.channels[0].values.len(), 2);
    warned(&session, "the file ends in the middle of line 16");
}

#[test]
fn vbo_of_racechrono_with_longitude_first_and_a_line_by_its_middle() {
    let session = vbo::read(files::vbo().as_bytes()).unwrap();
    let longitude = session.channel(Quantity::Longitude).unwrap();
    assert_eq!(longitude.name, "long");
    assert!((longitude.values[0] - 10.0).abs() < 1e-7);
    // 23:59:54 to 00:00:05.8: midnight does not turn the time back.
    assert_eq!(longitude.times.len(), files::STEPS as usize);
    assert_eq!(longitude.times[files::STEPS as usize - 1], 11.8);
    let speed = session.channel(Quantity::Speed).unwrap();
    assert!((speed.values[0] - 20.0).abs() < 0.01, "the header says mph");
    let water = named(&session, "water");
    assert!(
        (water.values[0] - 100.0).abs() < 1e-9,
        "units stand for the last columns"
    );
    assert_eq!(
        laps(&session),
        [(1, 4000, true), (2, 4000, false), (3, 3800, true)]
    );

    let line = session.start_line.unwrap();
    let middle = (45.0, files::at(30).1);
    assert!((metres(line.from, line.to) - 30.0).abs() < 0.1);
    assert!((metres(middle, line.from) - 15.0).abs() < 0.1);
    assert!(
        (line.from.1 - line.to.1).abs() < 1e-7,
        "it lies across a drive to the east"
    );
}

#[test]
fn vbo_with_latitude_first_gives_the_same_line() {
    let file = files::vbo();
    let start = file.lines().find(|line| line.starts_with("Start")).unwrap();
    let words: Vec<&str> = start.split_whitespace().collect();
    let swapped = format!("Start {} {} {} {}", words[2], words[1], words[4], words[3]);
    let first = vbo::read(file.as_bytes()).unwrap().start_line;
    let other = vbo::read(file.replace(start, &swapped).as_bytes())
        .unwrap()
        .start_line;
    assert!(first.is_some());
    assert_eq!(first, other);
}

#[test]
fn vbo_in_ansi_with_lng_and_a_far_line() {
    let file = files::vbo().replace(" long ", " lng ");
    let start = file.lines().find(|line| line.starts_with("Start")).unwrap();
    let mut far = file
        .replace(start, "Start +1.0 +2.0 +1.1 +2.0 XX finish")
        .into_bytes();
    let mark = far.windows(2).position(|pair| pair == b"XX").unwrap();
    far[mark] = 0xac;
    let session = vbo::read(far.as_slice()).unwrap();
    assert!(session.channel(Quantity::Longitude).is_some());
    assert_eq!(session.start_line, None);
    warned(&session, "not where the kart drove");
}

#[test]
fn broken_vbo_is_refused_with_its_line() {
    let file = files::vbo();
    let row = file
        .lines()
        .position(|line| line.starts_with("012"))
        .unwrap() as u64
        + 1;
    let read = |from: &str, to: &str| vbo::read(file.replacen(from, to, 1).as_bytes());
    refused(
        read("012 235954.00", "012 236154.00"),
        &format!("VBO, line {row}: expected a time of the form HHMMSS.ss, found 236154"),
    );
    refused(
        read("012 235954.00", "235954.00"),
        &format!("VBO, line {row}: expected 7 values, found 6"),
    );
    refused(
        read("044.74", "fast"),
        &format!("VBO, line {row}: expected a number in column \"velocity\", found \"fast\""),
    );
    refused(
        read(
            " +2700.000000 -600.000000 044.74",
            " +9700.000000 -600.000000 044.74",
        ),
        &format!("VBO, line {row}: expected at most 90 degrees in column \"lat\", found 9700"),
    );
    let error = read("sats time", "sats clock").unwrap_err().to_string();
    assert!(
        error.contains("expected \"time\" among the [column names]"),
        "{error}"
    );
    let error = read("degF", "furlong").unwrap_err().to_string();
    assert!(
        error.contains("column \"water\": the unit \"furlong\""),
        "{error}"
    );
    refused(
        vbo::read(&b"[header]\ntime\n[column names]\ntime\n"[..]),
        "VBO, line 5: expected the section [data], found the end of the file",
    );
}

#[test]
fn racechrono_names_repeat_and_cells_are_sparse() {
    let session = racechrono_csv::read(files::RACECHRONO.as_bytes()).unwrap();
    assert_eq!(session.details.venue.as_deref(), Some("Prüfring"));
    assert_eq!(session.details.driver.as_deref(), Some("Ada"));
    let speeds: Vec<_> = (session.channels.iter())
        .filter(|channel| channel.name.starts_with("speed"))
        .map(|channel| {
            (
                channel.name.as_str(),
                channel.source.as_deref(),
                channel.quantity,
            )
        })
        .collect();
    // A name that repeats within one source gets a number.
    let expected = [
        ("speed", Some("100: gps"), Some(Quantity::Speed)),
        ("speed", Some("200: obd"), None),
        ("speed (2)", Some("200: obd"), None),
    ];
    assert_eq!(speeds, expected);
    let wheel = &session.channels[4];
    assert!(
        wheel.values[0].is_nan() && wheel.values[1] == 10.0,
        "km/h became m/s"
    );
    assert_eq!(named(&session, "heart_rate").values[1], 2.0);
    assert_eq!(*wheel.times, [0.0, 0.2, 1.2, 61.525, 102.56]);
    // The numbers begin at a line: lap 1 is complete.
    assert_eq!(laps(&session), [(1, 61_325, false), (2, 41_035, true)]);
}

#[test]
fn broken_racechrono_is_refused_with_its_line() {
    let read = |from: &str, to: &str| {
        racechrono_csv::read(files::RACECHRONO.replacen(from, to, 1).as_bytes())
    };
    refused(
        read("Format,3", "Format,2"),
        "RaceChrono CSV, line 2: expected format version 3 (export the session as \"CSV v3\"), found \"2\"",
    );
    refused(
        read("1767150797.640", ""),
        "RaceChrono CSV, line 13: expected a time, found an empty cell",
    );
    refused(
        read(",36.0,9.0", ",36.0,9.0,9.0,9.0"),
        "RaceChrono CSV, line 13: expected 8 fields, found 10",
    );
    refused(
        read("timestamp,", "time,"),
        "RaceChrono CSV, line 9: expected a column \"timestamp\", \
         found \"time,lap_number,latitude,longitude,speed\"…",
    );
    let (head, _) = files::RACECHRONO.split_once("1767150797.440").unwrap();
    refused(
        racechrono_csv::read(head.as_bytes()),
        "RaceChrono CSV, line 11: expected samples after the column names, found the end of the file",
    );
}

#[test]
fn racebox_speeds_get_the_unit_that_the_positions_prove() {
    for (factor, unit) in [(1.0, "m/s"), (3.6, "km/h"), (1.0 / 0.44704, "mph")] {
        let session = racebox_csv::read(files::racebox(factor).as_bytes()).unwrap();
        let speed = session.channel(Quantity::Speed).unwrap();
        assert_eq!(speed.unit, Unit::MetrePerSecond);
        assert!(
            (speed.values[7] - 20.0).abs() < 0.01,
            "{unit}: {}",
            speed.values[7]
        );
        warned(
            &session,
            &format!("the unit of \"Speed\"; the positions show that it is {unit}"),
        );
    }
    let error = racebox_csv::read(files::racebox(9.0).as_bytes())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("column \"Speed\"") && error.contains("not stated"),
        "{error}"
    );
}

#[test]
fn racebox_header_has_the_exact_laps_and_zero_is_no_lap() {
    let session = racebox_csv::read(files::racebox(3.6).as_bytes()).unwrap();
    assert_eq!(session.details.venue.as_deref(), Some("Talkurs"));
    assert_eq!(session.details.driver.as_deref(), Some("Ada"));
    assert_eq!(session.details.date, NaiveDate::from_ymd_opt(2026, 8, 10));
    assert_eq!(session.details.time, NaiveTime::from_hms_opt(17, 16, 45));
    assert_eq!(laps(&session), [(1, 4012, false), (2, 3991, false)]);
    assert_eq!(session.laps[0].sectors, [1.5, 2.512]);
    assert_eq!(session.laps[0].start, Some(2.0));
    // `Record` only numbers the rows.
    assert_eq!(session.channels.len(), 11);
}

#[test]
fn racebox_without_a_header_and_with_stated_units() {
    let file = files::racebox(1.0);
    let (_, samples) = file.split_once("\n\n").unwrap();
    let stated = samples.replacen("Altitude,Speed", "Altitude (ft),Speed (m/s)", 1);
    let session = racebox_csv::read(stated.as_bytes()).unwrap();
    assert_eq!(session.channel(Quantity::Speed).unwrap().values[0], 20.0);
    assert!((session.channel(Quantity::Altitude).unwrap().values[0] - 79.98).abs() < 0.01);
    assert!(session.warnings.is_empty(), "{:?}", session.warnings);
    let named = samples.replacen("Speed", "KPH", 1);
    let session = racebox_csv::read(named.as_bytes()).unwrap();
    assert!((session.channel(Quantity::Speed).unwrap().values[0] - 20.0 / 3.6).abs() < 1e-9);
    refused(
        racebox_csv::read(
            samples
                .replacen("2026-08-10T17", "yesterdayT17", 1)
                .as_bytes(),
        ),
        "RaceBox CSV, line 2: expected a time such as 2026-03-28T15:29:05.916Z or seconds, \
         found \"yesterdayT17:16:45.000Z\"",
    );
}

#[test]
fn alfano_thousands_laps_on_their_first_rows_and_hundredths_of_degrees() {
    for file in [files::alfano(), files::alfano_with_commas()] {
        let session = alfano::read(file.as_bytes()).unwrap();
        assert_eq!(session.details.time, NaiveTime::from_hms_opt(14, 41, 41));
        assert_eq!(
            session.channel(Quantity::EngineSpeed).unwrap().values[0],
            14_120.0
        );
        assert_eq!(
            session.channel(Quantity::Distance).unwrap().values[0],
            1_234.5
        );
        assert_eq!(session.channel(Quantity::Heading).unwrap().values[0], 90.0);
        let speed = session.channel(Quantity::Speed).unwrap();
        assert!((speed.values[0] - 20.0).abs() < 1e-9);
        assert!((named(&session, "Speed rear").values[0] - 10.0).abs() < 1e-9);
        // `Time` begins again with the lap, the samples' times do not.
        assert_eq!((speed.times.len(), speed.times[59]), (60, 11.8));
        assert_eq!(named(&session, "Time").values[30], 0.0);
        assert_eq!(laps(&session), [(1, 6000, true), (2, 58_910, true)]);
        assert_eq!(session.laps[0].sectors, [2.5, 3.5]);
        warned(
            &session,
            "\"Speed GPS\"; the positions show that it is km/h",
        );
        warned(&session, "T1 and T2 are °C or °F");
    }
}

#[test]
fn broken_alfano_is_refused_with_its_line() {
    let read =
        |from: &str, to: &str| alfano::read(files::alfano().replacen(from, to, 1).as_bytes());
    refused(
        read("14,120", "many"),
        "Alfano 6 CSV, line 2: expected a number in column \"RPM\", found \"many\"",
    );
    refused(
        read("1;6.00;1;2.50;", "1;6.00;"),
        "Alfano 6 CSV, line 2: expected 19 fields, found 17",
    );
    // Without any other number, 4,120 may be four or four thousand.
    let names = "Lap;Absolute Time;Lat.;Lon.\n";
    refused(
        alfano::read(format!("{names}1;4,120;45;10\n2;5;45;10\n").as_bytes()),
        "Alfano 6 CSV, line 2: expected a number in column \"Absolute Time\", found \"4,120\"",
    );
}

#[test]
fn trackaddict_repeats_are_no_samples() {
    let session = trackaddict::read(files::TRACKADDICT.as_bytes()).unwrap();
    assert_eq!(session.details.logger.as_deref(), Some("TrackAddict 4.8.2"));
    assert_eq!(session.details.kart.as_deref(), Some("Kart 7"));
    assert_eq!(session.details.date, NaiveDate::from_ymd_opt(2024, 9, 29));
    let speed = session.channel(Quantity::Speed).unwrap();
    assert!((speed.values[0] - 4.4704).abs() < 1e-9, "MPH");
    assert!(speed.values[1].is_nan(), "GPS_Update is 0");
    let latitude = session.channel(Quantity::Latitude).unwrap();
    assert!(latitude.values[1].is_nan());
    let engine = session.channel(Quantity::EngineSpeed).unwrap();
    assert_eq!(
        (engine.values[0], engine.source.as_deref()),
        (4162.0, Some("OBD"))
    );
    assert!(engine.values[2].is_nan(), "OBD_Update is 0");
    let coolant = named(&session, "Engine Coolant Temp (F) *OBD");
    assert!((coolant.values[0] - 100.0).abs() < 1e-9);
    let acceleration = session.channel(Quantity::LateralAcceleration).unwrap();
    assert_eq!(acceleration.values, [-0.30, -0.32, -0.32, -0.32]);
    assert_eq!(laps(&session), [(0, 123_202, true), (1, 58_910, false)]);
    assert_eq!(session.laps[1].sectors, [20.11, 38.8]);
    assert_eq!(session.laps[1].start, Some(123.202));
    let line = session.start_line.unwrap();
    assert!(
        (line.from.1 - line.to.1).abs() < 1e-9,
        "across a heading of 90 degrees"
    );
    let unknown = files::TRACKADDICT.replace("@ 90.00", "@ -1.00");
    assert_eq!(
        trackaddict::read(unknown.as_bytes()).unwrap().start_line,
        None
    );
}

#[test]
fn trackaddict_without_notes_of_laps_has_their_numbers() {
    let file: Vec<&str> = (files::TRACKADDICT.lines())
        .filter(|line| !line.starts_with("# Lap"))
        .collect();
    let session = trackaddict::read(file.join("\n").as_bytes()).unwrap();
    let expected = [(0, 123_202, true), (1, 58_910, false), (2, 0, true)];
    assert_eq!(laps(&session), expected);
    let broken = files::TRACKADDICT.replace("0.100,", "x,");
    refused(
        trackaddict::read(broken.as_bytes()),
        "TrackAddict CSV, line 7: expected a number in column \"Time\", found \"x\"",
    );
}

#[test]
fn dovex_with_either_padding() {
    for padding in ['\n', '\0'] {
        let session = dovex::read(files::dovex(padding).as_bytes()).unwrap();
        assert_eq!(session.details.driver.as_deref(), Some("Ada"));
        assert_eq!(session.details.venue.as_deref(), Some("OKC Normal"));
        assert_eq!(session.details.date, NaiveDate::from_ymd_opt(2024, 3, 15));
        assert_eq!(session.details.time, NaiveTime::from_hms_opt(14, 30, 0));
        assert_eq!(
            laps(&session),
            [(1, 65_432, false), (2, 64_321, false), (3, 62_345, false)]
        );
        let speed = session.channel(Quantity::Speed).unwrap();
        assert_eq!(
            (speed.unit, speed.values[0]),
            (Unit::MetrePerSecond, 4.4704)
        );
        assert_eq!(*speed.times, [0.0, 0.04]);
        assert_eq!(named(&session, "egt_c").unit, Unit::Celsius);
        assert_eq!(
            session.channel(Quantity::Longitude).unwrap().values[0],
            -81.37973266
        );
        assert!(session.warnings.is_empty(), "{:?}", session.warnings);
    }
}

#[test]
fn dovex_of_a_logger_that_lost_power() {
    let padded = format!("{}{}", "\n".repeat(1024), files::DOVEX_TABLE);
    let session = dovex::read(padded.as_bytes()).unwrap();
    assert!(session.laps.is_empty() && session.details.driver.is_none());
    // The samples' own clock tells the day.
    assert_eq!(session.details.date, NaiveDate::from_ymd_opt(2024, 3, 15));
    warned(&session, "lost power");
    refused(
        dovex::read(files::dovex('\n').replace("8475", "fast").as_bytes()),
        "Dovex, line 868: expected a number in column \"rpm\", found \"fast\"",
    );
    let error = dovex::read(
        files::dovex('\n')
            .replace("egt_c", "egt_furlong")
            .as_bytes(),
    );
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("column \"egt_furlong\": the unit \"furlong\""),
        "{error}"
    );
}

#[test]
fn apex_laps_stops_and_drivers() {
    let session = apex_timing::read(files::APEX.as_bytes()).unwrap();
    let seen: Vec<_> = (session.laps.iter())
        .map(|lap| {
            (
                lap.number,
                lap.seconds,
                lap.driver.as_deref(),
                lap.incomplete,
            )
        })
        .collect();
    let expected = [
        (1, 85.0, Some("LOU P"), true),
        (2, 231.0, Some("ADA L"), true),
        (3, 83.9, Some("ADA L"), false),
        (4, 84.2, Some("ADA L"), true),
        (5, 230.0, Some("LOU P"), true),
        (6, 83.5, Some("LOU P"), false),
        (7, 84.0, Some("LOU P"), false),
        (12, 61.5, None, false),
    ];
    assert_eq!(seen, expected);
    assert_eq!(session.laps[2].sectors, [27.0, 35.0, 22.0]);
    assert!(session.laps[1].sectors.is_empty());
    assert_eq!(session.laps[0].kart.as_deref(), Some("7"));
    assert_eq!(session.laps[7].kart.as_deref(), Some("9"));
    let read = |from: &str, to: &str| apex_timing::read(files::APEX.replace(from, to).as_bytes());
    refused(
        read("|p83500", "|x83500"),
        "Apex Timing, line 2: expected a time in milliseconds, b, g or p before it, found \"x83500\"",
    );
    refused(
        read("D70.L0005#", "error "),
        "Apex Timing, line 3: expected a record such as D70.L0001#27000|35000|22000|84000, \
         found \"error |||230000\"",
    );
    refused(
        apex_timing::read(&b"D70.P01#1|1|2|3|4|5|6|7|8\n"[..]),
        "Apex Timing, line 1: expected at least one lap record (D<id>.L<number>#…), found none",
    );
}

#[test]
fn a_lap_table_is_mapped_by_its_names() {
    let session = table(files::LAP_TABLE).unwrap();
    assert_eq!(
        laps(&session),
        [(1, 58_910, false), (1, 59_500, false), (2, 62_300, true)]
    );
    assert_eq!(session.laps[0].kart.as_deref(), Some("07"), "not 7");
    assert_eq!(session.laps[0].sectors, [32.49, 26.42]);
    assert!(session.laps[2].sectors.is_empty(), "one of them is missing");
    warned(&session, "columns that were not read: weather");
    warned(&session, "1 rows have no lap time");
}

#[test]
fn units_of_lap_times_stand_in_the_name() {
    let seconds = |names: &str, row: &str| {
        let session = table(&format!("{names}\n{row}\n")).unwrap();
        (session.laps[0].seconds, session.laps[0].sectors.clone())
    };
    for name in [
        "lap_time",
        "Lap Time",
        "LapTime_s",
        "lap_time_sec",
        "lap_seconds",
        "lap duration",
    ] {
        assert_eq!(
            seconds(&format!("driver,{name}"), "a,58.91").0,
            58.91,
            "{name}"
        );
    }
    for name in ["lap_time_ms", "lap_ms", "Lap Time (ms)", "laptime_ms"] {
        assert_eq!(
            seconds(&format!("driver,{name}"), "a,58910").0,
            58.91,
            "{name}"
        );
    }
    for name in [
        "s1",
        "s1_time",
        "sector_1",
        "Sector 1",
        "sector1_time",
        "split_1",
        "sector_time_1",
    ] {
        let found = seconds(&format!("lap_time,{name}"), "58.91,20.5");
        assert_eq!(found.1, [20.5], "{name}");
    }
    let suspicious = table("lap,laptime\n1,58910\n2,59000\n").unwrap();
    warned(&suspicious, "look like milliseconds");
    let error = table("driver,best\na,58.91\n").unwrap_err().to_string();
    assert!(error.contains("a table without lap times"), "{error}");
    refused(
        table("driver,lap_time\na,58.91\nb,DNF\n"),
        "lap table, line 3: expected a time such as 58.91 or 0:58.910 in column \"lap_time\", found \"DNF\"",
    );
}

/// A lap table in Parquet of two laps, one of them without a time.
pub fn parquet() -> Vec<u8> {
    let columns = vec![
        Column::new("driver", ColumnType::Text),
        Column::new("lap_time_ms", ColumnType::Integer),
        Column::new("pit", ColumnType::Boolean),
    ];
    let schema = std::sync::Arc::new(Schema::new(columns).unwrap());
    let batch = Batch::new(
        schema.clone(),
        vec![
            Values::Text(vec![Some("Ada".to_owned()), Some("Lou".to_owned())]),
            Values::Integer(vec![Some(58_910), None]),
            Values::Boolean(vec![Some(true), None]),
        ],
    );
    let mut writer = TableWriter::new(Format::Parquet, Vec::new(), schema).unwrap();
    writer.write(&batch.unwrap()).unwrap();
    writer.finish().unwrap()
}

#[test]
fn a_lap_table_in_parquet() {
    let session = lap_table::read(Source::Bytes(parquet().into())).unwrap();
    assert_eq!(laps(&session), [(1, 58_910, true)]);
    assert_eq!(session.laps[0].driver.as_deref(), Some("Ada"));
    warned(&session, "1 rows have no lap time");
}
