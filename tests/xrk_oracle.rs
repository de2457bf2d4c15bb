//! The reader of XRK files against libxrk, channel by channel.

use std::path::Path;
use std::process::Command;

use paddock::datasets::readers::session::{Channel, Session};
use paddock::datasets::readers::unit::Unit;
use paddock::datasets::readers::{aim_xrk, laps};
use serde::Deserialize;

/// libxrk keeps many channels in single precision: the largest difference, relative, for a last bit and a division.
const SINGLE: f64 = 2.5e-7;

/// What libxrk keeps in double precision differs by the order of operations.
const DOUBLE: f64 = 1e-12;

/// An altitude is the difference of two lengths of 6,400 km, m.
const ALTITUDE: f64 = 1e-7;

/// Seconds between two cuts of a lap by the same positions.
const SAME_CUT: f64 = 0.005;

/// Seconds between the logger's own time of a lap, which it takes from its own positions, and a cut by those in the file.
const LOGGER: f64 = 0.05;

#[derive(Deserialize)]
struct Oracle {
    channels: Vec<OracleChannel>,
    laps: Vec<OracleLap>,
    metadata: serde_json::Map<String, serde_json::Value>,
}

#[derive(Deserialize)]
struct OracleChannel {
    name: String,
    units: String,
    #[serde(rename = "type")]
    kind: String,
    times_ms: Vec<i64>,
    values: Vec<Option<f64>>,
}

#[derive(Deserialize)]
struct OracleLap {
    /// Milliseconds.
    start_time: f64,
    end_time: f64,
}

fn libxrk(command: &str, file: &Path) -> Vec<u8> {
    let python = std::env::var("PADDOCK_TEST_PYTHON")
        .expect("PADDOCK_TEST_PYTHON names a python with tests/oracle/requirements.txt installed");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/xrk_oracle.py");
    let output = Command::new(python)
        .arg(script)
        .arg(command)
        .arg(file)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// Both readings of a file.
fn read_both(file: &Path) -> (Session, Oracle) {
    let ours = aim_xrk::read(&std::fs::read(file).unwrap()).unwrap();
    (ours, serde_json::from_slice(&libxrk("read", file)).unwrap())
}

fn assert_same_channels(ours: &Session, oracle: &Oracle) {
    let names = |names: Vec<&str>| {
        let mut names = names;
        names.sort_unstable();
        names.join(", ")
    };
    assert_eq!(
        names(
            ours.channels
                .iter()
                .map(|channel| channel.name.as_str())
                .collect()
        ),
        names(
            oracle
                .channels
                .iter()
                .map(|channel| channel.name.as_str())
                .collect()
        )
    );
    for expected in &oracle.channels {
        let channel = ours
            .channels
            .iter()
            .find(|channel| channel.name == expected.name)
            .unwrap();
        assert_same_samples(channel, expected);
    }
}

fn assert_same_samples(channel: &Channel, expected: &OracleChannel) {
    let name = &channel.name;
    assert_eq!(channel.values.len(), expected.values.len(), "{name}");
    assert_eq!(channel.times.len(), expected.times_ms.len(), "{name}");
    // libxrk has a name of its own for some units without a symbol.
    let conversion = match expected.units.as_str() {
        "lambda" => Unit::parse("").unwrap(),
        units => Unit::parse(units).unwrap_or_else(|| panic!("{name}: {units}")),
    };
    assert_eq!(channel.unit, conversion.unit, "{name}");
    // libxrk leaves a receiver's record where the logger's broken clock put it, before the one that it follows; what
    // is derived there and in the next one differs as well.
    let runs_back = |at: usize| at > 0 && expected.times_ms[at] < expected.times_ms[at - 1];
    for (at, (value, expected_value)) in channel.values.iter().zip(&expected.values).enumerate() {
        let is_broken = runs_back(at);
        if !is_broken {
            assert_eq!(
                channel.times[at],
                expected.times_ms[at] as f64 / 1000.0,
                "{name}, sample {at}"
            );
        }
        let is_derived = matches!(
            name.as_str(),
            "GPS_InlineAcc" | "GPS_LateralAcc" | "GPS_Yaw_Rate"
        );
        if is_derived && (is_broken || at > 0 && runs_back(at - 1)) {
            continue;
        }
        // What is no number is not recorded.
        let Some(expected_value) = expected_value else {
            assert!(value.is_nan(), "{name}, sample {at}: {value}");
            continue;
        };
        let expected_value = conversion.apply(*expected_value);
        let tolerance = match (expected.kind.as_str(), name.as_str()) {
            (_, "GPS Altitude") => ALTITUDE,
            // Accelerations and rates are differences of nearly equal numbers.
            ("float", _) if is_derived => SINGLE * expected_value.abs().max(1.0),
            ("float", _) => SINGLE * expected_value.abs(),
            ("double", _) => DOUBLE * expected_value.abs(),
            _ => 0.0,
        };
        assert!(
            (value - expected_value).abs() <= tolerance,
            "{name}, sample {at}: {value}, libxrk reads {expected_value}"
        );
    }
}

#[test]
#[ignore = "needs PADDOCK_TEST_PYTHON"]
fn a_real_session_is_what_libxrk_reads() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/kart-adria.xrk");
    let (mut ours, oracle) = read_both(Path::new(file));
    assert_eq!(oracle.channels.len(), 33);
    assert_same_channels(&ours, &oracle);

    let metadata = |name: &str| oracle.metadata[name].as_str().unwrap();
    let details = &ours.details;
    assert_eq!(details.driver.as_deref(), Some(metadata("Driver")));
    assert_eq!(details.venue.as_deref(), Some(metadata("Venue")));
    assert_eq!(details.kart.as_deref().unwrap_or(""), metadata("Vehicle"));
    assert_eq!(details.class.as_deref().unwrap_or(""), metadata("Series"));
    assert_eq!(
        details.date.unwrap().format("%m/%d/%Y").to_string(),
        metadata("Log Date")
    );
    // The header was written four times in the first seconds; libxrk takes the last clock time, we the first.
    let last_header = chrono::NaiveTime::parse_from_str(metadata("Log Time"), "%H:%M:%S").unwrap();
    let after = last_header
        .signed_duration_since(details.time.unwrap())
        .num_seconds();
    assert!((0..20).contains(&after), "{after}");

    // libxrk passes over this logger's form of LAP messages and cuts by positions. So the logger's own laps agree with
    // it as far as two cuts do, but for the first, which began with the recording, and the last, which ended with it.
    assert_eq!((ours.laps.len(), oracle.laps.len()), (11, 11));
    let ends = |session: &Session| -> Vec<f64> {
        session
            .laps
            .iter()
            .map(|lap| lap.start.unwrap() + lap.seconds)
            .collect()
    };
    for (end, lap) in ends(&ours).iter().zip(&oracle.laps).take(10) {
        assert!(
            (end - lap.end_time / 1000.0).abs() < LOGGER,
            "{end} {}",
            lap.end_time
        );
    }
    // Cut by positions, they are libxrk's to a few milliseconds, with the way to the line before them.
    ours.laps.clear();
    laps::cut(&mut ours);
    assert_eq!(ours.laps.len(), 12);
    for (lap, expected) in ours.laps[1..].iter().zip(&oracle.laps) {
        let start = lap.start.unwrap();
        assert!(
            (start - expected.start_time / 1000.0).abs() < SAME_CUT,
            "{start}"
        );
        assert!(
            (start + lap.seconds - expected.end_time / 1000.0).abs() < SAME_CUT,
            "{lap:?}"
        );
    }
}

#[test]
#[ignore = "needs PADDOCK_TEST_PYTHON"]
fn every_kind_of_record_is_what_libxrk_reads() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all-records.xrk");
    libxrk("make", &file);
    let (ours, oracle) = read_both(&file);
    assert_eq!(oracle.channels.len(), 20);
    assert_same_channels(&ours, &oracle);
    assert_eq!(ours.warnings, [""; 0]);
}
