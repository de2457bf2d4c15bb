use std::f64::consts::TAU;
use std::sync::Arc;

use super::*;
use crate::datasets::readers::session::{Channel, Quantity};
use crate::datasets::readers::unit::Unit;

const TRACK: (f64, f64) = (45.7, 13.1);

/// A kart that starts half a lap before the line of an ellipse (120 m by 60 m) and drives each lap evenly in its time;
/// `rate` positions a second. A negative time is a lap driven the other way round.
fn session(lap_seconds: &[f64], rate: f64) -> Session {
    let total: f64 = lap_seconds.iter().map(|seconds| seconds.abs()).sum();
    let count = (total * rate) as usize;
    let times: Vec<f64> = (0..=count).map(|step| step as f64 / rate).collect();
    let plane = Plane::at(TRACK.0, TRACK.1);
    let places = times.iter().map(|time| {
        let (mut turns, mut rest) = (-0.5, *time);
        for seconds in lap_seconds {
            let driven = rest.min(seconds.abs());
            turns += driven / seconds;
            rest -= driven;
        }
        let (sin, cos) = (turns * TAU).sin_cos();
        plane.degrees(120.0 * cos, 60.0 * sin)
    });
    let (latitudes, longitudes): (Vec<f64>, Vec<f64>) = places.unzip();
    let times: Arc<[f64]> = times.into();
    let channel = |quantity, values| Channel {
        name: format!("{quantity:?}"),
        source: None,
        unit: Unit::Degree,
        written_unit: None,
        quantity: Some(quantity),
        times: times.clone(),
        values,
    };
    Session {
        channels: vec![
            channel(Quantity::Latitude, latitudes),
            channel(Quantity::Longitude, longitudes),
        ],
        start_line: Some(TimingLine {
            from: plane.degrees(110.0, 0.0),
            to: plane.degrees(130.0, 0.0),
        }),
        ..Session::default()
    }
}

#[test]
fn laps_are_cut_to_five_milliseconds() {
    // Half of the first lap leads to the line, half of the last leads away from it.
    let driven = [48.0, 47.313, 46.9, 47.05, 48.0];
    let mut session = session(&driven, 25.0);
    cut(&mut session);
    assert_eq!(session.warnings, [""; 0]);
    let numbers: Vec<(u32, bool)> = session
        .laps
        .iter()
        .map(|lap| (lap.number, lap.incomplete))
        .collect();
    assert_eq!(
        numbers,
        [
            (0, true),
            (1, false),
            (2, false),
            (3, false),
            (4, false),
            (5, true)
        ]
    );
    // Each lap is half of one drive and half of the next.
    let expected: Vec<f64> = driven
        .windows(2)
        .map(|pair| (pair[0] + pair[1]) / 2.0)
        .collect();
    for (lap, expected) in session.laps[1..5].iter().zip(expected) {
        assert!(
            (lap.seconds - expected).abs() < 0.005,
            "{} {expected}",
            lap.seconds
        );
    }
    let end = session
        .laps
        .last()
        .map(|lap| lap.start.unwrap() + lap.seconds);
    assert!((end.unwrap() - driven.iter().sum::<f64>()).abs() < 0.04);
}

#[test]
fn a_lap_the_other_way_round_is_none() {
    let mut session = session(&[48.0, 47.0, -60.0, 46.0, 45.0], 25.0);
    cut(&mut session);
    // The line is passed forwards at 24, 71.5, and 178 s and then at 223.5 s; backwards at 125 s.
    let starts: Vec<f64> = session.laps.iter().map(|lap| lap.start.unwrap()).collect();
    for (start, expected) in starts.iter().zip([0.0, 24.0, 71.5, 178.0, 223.5]) {
        assert!((start - expected).abs() < 0.01, "{starts:?}");
    }
    assert_eq!(starts.len(), 5);
}

#[test]
fn a_kart_that_waits_on_the_line_drives_no_laps() {
    let mut session = session(&[48.0, 48.0, 48.0], 10.0);
    // The receiver's noise carries it over the line and back while it stands there.
    for (quantity, shift) in [(Quantity::Latitude, 1e-5), (Quantity::Longitude, 0.0)] {
        let channel = session
            .channels
            .iter_mut()
            .find(|channel| channel.quantity == Some(quantity))
            .unwrap();
        let still = channel.values[240];
        for step in 241..260 {
            channel.values[step] = still + if step % 2 == 0 { -shift } else { shift };
        }
    }
    cut(&mut session);
    assert_eq!(session.laps.len(), 4);
}

#[test]
fn a_crossing_in_a_gap_leaves_its_laps_incomplete() {
    let mut session = session(&[40.0, 40.0, 40.0, 40.0], 10.0);
    for channel in &mut session.channels {
        // Four seconds around the second crossing, at 60 s.
        for value in &mut channel.values[580..620] {
            *value = f64::NAN;
        }
    }
    cut(&mut session);
    let incomplete: Vec<bool> = session.laps.iter().map(|lap| lap.incomplete).collect();
    assert_eq!(incomplete, [true, true, true, false, true]);
}

#[test]
fn what_is_missing_is_said_once_and_how_to_get_it() {
    let mut lineless = session(&[48.0, 48.0], 5.0);
    lineless.start_line = None;
    cut(&mut lineless);
    cut(&mut lineless);
    assert_eq!((lineless.laps.len(), lineless.warnings.len()), (0, 1));
    assert!(lineless.warnings[0].contains("set the start line"));

    let mut elsewhere = session(&[48.0, 48.0], 5.0);
    elsewhere.start_line = Some(TimingLine {
        from: (46.0, 13.0),
        to: (46.0, 13.001),
    });
    cut(&mut elsewhere);
    assert!(elsewhere.warnings[0].contains("never cross"));

    let mut blind = session(&[48.0, 48.0], 5.0);
    blind.channels.clear();
    cut(&mut blind);
    assert!(blind.warnings[0].contains("no positions"));
}

#[test]
fn laps_that_a_file_has_are_kept() {
    let mut session = session(&[48.0, 48.0], 5.0);
    let timed = Lap {
        number: 7,
        seconds: 47.9,
        ..Lap::default()
    };
    session.laps = vec![timed.clone()];
    cut(&mut session);
    assert_eq!(session.laps, [timed]);
}

#[test]
fn a_point_becomes_the_line_across_the_way() {
    let session = session(&[48.0, 48.0, 48.0], 25.0);
    let plane = Plane::at(TRACK.0, TRACK.1);
    let (latitude, longitude) = plane.degrees(121.0, 0.5);
    let line = line_across(&session, latitude, longitude).unwrap();
    // The ellipse goes north there.
    let (from, to) = (
        plane.metres(line.from.0, line.from.1),
        plane.metres(line.to.0, line.to.1),
    );
    assert!(
        ((from.0 - to.0).abs() - 2.0 * HALF_WIDTH).abs() < 0.1,
        "{from:?} {to:?}"
    );
    assert!((from.1 - to.1).abs() < 1.0, "{from:?} {to:?}");
}

#[test]
fn a_real_recording_is_cut_at_its_start_line() {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../shared/data/kart-racebox-lignano.vbo"
    );
    let (_, session) = crate::datasets::readers::read(std::path::Path::new(file)).unwrap();
    // As a separate program of a few lines cuts it.
    let expected = [
        78.951, 68.124, 66.812, 65.726, 67.368, 189.098, 71.046, 71.464, 68.478, 178.888, 70.87,
        67.936, 66.077,
    ];
    assert_eq!(session.laps.len(), expected.len() + 1);
    for (lap, expected) in session.laps.iter().zip(expected) {
        assert!(
            (lap.seconds - expected).abs() < 0.002,
            "{} {expected}",
            lap.seconds
        );
    }
    assert!(session.laps[0].incomplete && session.laps[13].incomplete);
    assert!(session.laps[1..13].iter().all(|lap| !lap.incomplete));
}
