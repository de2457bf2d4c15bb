use std::f64::consts::TAU;
use std::sync::Arc;

use super::*;
use crate::datasets::readers::plane::Plane;
use crate::datasets::readers::session::{Channel, Details, TimingLine};
use crate::datasets::readers::unit::Unit;

/// Three laps of 40 s around a circle of 50 m, twice as fast in the south as in the north.
fn session() -> Session {
    let plane = Plane::at(45.0, 9.0);
    let times: Arc<[f64]> = (0..1200).map(|step| f64::from(step) / 10.0).collect();
    let turns = |time: f64| (time / 40.0 * TAU).sin_cos();
    let channel = |quantity, unit, value: &dyn Fn(f64) -> f64| Channel {
        name: format!("{quantity:?}"),
        source: None,
        unit,
        written_unit: None,
        quantity: Some(quantity),
        times: times.clone(),
        values: times.iter().map(|time| value(*time)).collect(),
    };
    let place = |time| {
        let (sin, cos) = turns(time);
        plane.degrees(50.0 * cos, 50.0 * sin)
    };
    let lap = |number, start, seconds| Lap {
        number,
        start: Some(start),
        seconds,
        incomplete: number == 3,
        ..Lap::default()
    };
    Session {
        details: Details {
            venue: Some("<b>Lignano".to_owned()),
            driver: Some("Ada".to_owned()),
            ..Details::default()
        },
        channels: vec![
            channel(Quantity::Latitude, Unit::Degree, &|time| place(time).0),
            channel(Quantity::Longitude, Unit::Degree, &|time| place(time).1),
            channel(Quantity::Speed, Unit::MetrePerSecond, &|time| {
                7.5 - 2.5 * turns(time).0
            }),
        ],
        laps: vec![lap(1, 0.0, 40.0), lap(2, 40.0, 39.9), lap(3, 80.0, 12.0)],
        start_line: Some(TimingLine {
            from: plane.degrees(45.0, 0.0),
            to: plane.degrees(55.0, 0.0),
        }),
        ..Session::default()
    }
}

fn count(svg: &Svg, what: &str) -> usize {
    svg.to_string().matches(what).count()
}

#[test]
fn a_map_shows_the_fastest_lap_in_five_speeds_and_names_nobody() {
    let map = track_map(&session()).unwrap();
    assert_eq!(count(&map, "<path class=\"speed-"), 5);
    assert_eq!(count(&map, "class=\"start-line\""), 1);
    assert_eq!(count(&map, "Lignano") + count(&map, "Ada"), 0);
    assert!(
        map.to_string()
            .contains("<desc>Lap 2 of 39.900 s, at 18 to 36 km/h"),
        "{map}"
    );
    // The line reaches 5 m over the circle of 50 m, and lies 50 m below its northern end.
    let scale = 576.0 / 105.0;
    let line = format!(
        "d=\"M{:.1} {:.1}L588 {:.1}\"",
        588.0 - 10.0 * scale,
        12.0 + 50.0 * scale,
        12.0 + 50.0 * scale
    );
    assert!(map.to_string().contains(&line), "{line} {map}");
    assert!(map.to_string().len() < 8_000);
}

#[test]
fn a_standing_kart_has_no_map() {
    let mut session = session();
    for channel in &mut session.channels {
        let still = channel.values[0];
        channel.values.fill(still);
    }
    assert_eq!(track_map(&session), None);
    assert_eq!(track_map(&Session::default()), None);
}

#[test]
fn each_lap_is_a_dot_and_incomplete_ones_are_hollow() {
    let dots = lap_times(&session().laps).unwrap();
    assert_eq!(
        (
            count(&dots, "<circle"),
            count(&dots, "class=\"lap incomplete\"")
        ),
        (3, 1)
    );
    assert!(
        dots.to_string()
            .contains("3 laps, 2 of them from line to line; the fastest took 39.900 s.")
    );
    assert_eq!(lap_times(&[]), None);
    let many = vec![session().laps[0].clone(); 3 * LAPS];
    assert_eq!(count(&lap_times(&many).unwrap(), "<circle"), LAPS);
}

#[test]
fn a_trace_goes_over_the_laps_distance() {
    let session = session();
    let trace = speed_trace(&session, &session.laps[0]).unwrap();
    // 40 s at 7.5 m/s on average.
    assert!(trace.to_string().contains(">300 m<"), "{trace}");
    assert!(trace.to_string().contains(">36 km/h<"), "{trace}");
    assert!(trace.to_string().len() < 8_000);
    let elsewhere = Lap {
        start: Some(1e6),
        seconds: 40.0,
        ..Lap::default()
    };
    assert_eq!(speed_trace(&session, &elsewhere), None);
}

#[test]
fn a_sheet_has_all_pictures() {
    let sheet = sheet(&session()).unwrap();
    assert_eq!(count(&sheet, "<title>"), 4);
    assert_eq!(count(&sheet, "<svg"), 7);
    assert!(
        sheet.to_string().contains("viewBox=\"0 0 600 952.6\""),
        "{sheet}"
    );
    assert_eq!(super::sheet(&Session::default()), None);
}
