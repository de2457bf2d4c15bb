//! The way around a track, seen from above.

use crate::datasets::readers::plane::{Position, positions};
use crate::datasets::readers::sampling::Sampler;
use crate::datasets::readers::session::{Lap, Quantity, Session};

use super::{KM_H, POINTS, Svg, fastest_lap, push, push_point};

/// Colours from slow to fast, each readable on white and on black.
const SPEED_COLOURS: [&str; 5] = ["#5b6fd6", "#1f8fae", "#3a9a55", "#b98a00", "#dd5a3c"];

/// A lap's positions, or all of them without a lap: at most [`POINTS`] for a lap.
pub(in crate::datasets::readers) fn route(session: &Session, lap: Option<&Lap>) -> Vec<Position> {
    let Some((_, mut route)) = positions(session) else {
        return Vec::new();
    };
    let mut most = 4 * POINTS;
    if let Some((lap, start)) = lap.and_then(|lap| Some((lap, lap.start?))) {
        route.retain(|position| (start..=start + lap.seconds).contains(&position.time));
        most = POINTS;
    }
    let stride = route.len().div_ceil(most).max(1);
    let last = route.last().copied();
    let mut route: Vec<Position> = route.into_iter().step_by(stride).collect();
    if route.last() != last.as_ref() {
        route.extend(last);
    }
    route
}

/// The way around the track on its fastest lap (the whole recording without a lap), coloured by speed in five steps, with
/// the start line. `None` for a session without positions.
pub fn track_map(session: &Session) -> Option<Svg> {
    const WIDTH: f64 = 600.0;
    const MARGIN: f64 = 12.0;
    let lap = fastest_lap(&session.laps);
    let route = route(session, lap);
    let mut frame = Frame::around(&route)?;
    let line = start_line(session).filter(|ends| ends.iter().all(|end| frame.is_near(*end)));
    for end in line.iter().flatten() {
        frame.include(*end);
    }
    let scale = (WIDTH - 2.0 * MARGIN) / frame.east.max(frame.north);
    let place = |east: f64, north: f64| {
        (
            MARGIN + (east - frame.west) * scale,
            MARGIN + (frame.south + frame.north - north) * scale,
        )
    };
    let speeds = speeds(session, &route);
    let known = || speeds.iter().copied().flatten();
    let slowest = known().fold(f64::INFINITY, f64::min);
    let fastest = known().fold(f64::NEG_INFINITY, f64::max);
    let step = |speed: f64| {
        let share = (speed - slowest) / (fastest - slowest);
        // From 0 to 5, and NaN, which becomes 0, where all speeds are the same.
        ((share * SPEED_COLOURS.len() as f64) as usize).min(SPEED_COLOURS.len() - 1)
    };

    let mut paths: [String; SPEED_COLOURS.len()] = Default::default();
    let mut plain = String::new();
    let mut last_step = None;
    let points = route.iter().zip(&speeds);
    for ((from, speed), (to, _)) in points.clone().zip(points.skip(1)) {
        let this_step = speed.map(step);
        let path = match this_step {
            Some(step) => paths.get_mut(step).unwrap_or(&mut plain),
            None => &mut plain,
        };
        if path.is_empty() || last_step != Some(this_step) {
            path.push('M');
            push_point(path, place(from.east, from.north));
        }
        path.push('L');
        push_point(path, place(to.east, to.north));
        last_step = Some(this_step);
    }
    let mut content =
        String::from("<g stroke-width=\"4\" stroke-linecap=\"round\" stroke-linejoin=\"round\">");
    let classes = paths.iter().zip(SPEED_COLOURS).zip(1..);
    for ((path, colour), number) in classes.filter(|((path, _), _)| !path.is_empty()) {
        push(
            &mut content,
            format_args!("<path class=\"speed-{number}\" stroke=\"{colour}\" d=\"{path}\"/>"),
        );
    }
    if !plain.is_empty() {
        push(&mut content, format_args!("<path d=\"{plain}\"/>"));
    }
    content.push_str("</g>");
    if let Some([from, to]) = line {
        let mut path = String::from("M");
        push_point(&mut path, place(from.0, from.1));
        path.push('L');
        push_point(&mut path, place(to.0, to.1));
        push(
            &mut content,
            format_args!("<path class=\"start-line\" stroke-width=\"3\" d=\"{path}\"/>"),
        );
    }
    let mut description = match lap {
        Some(lap) => format!("Lap {} of {:.3} s", lap.number, lap.seconds),
        None => "The whole recording".to_owned(),
    };
    if slowest.is_finite() {
        push(
            &mut description,
            format_args!(
                ", at {:.0} to {:.0} km/h, in five colours from slow to fast",
                slowest * KM_H,
                fastest * KM_H
            ),
        );
    }
    description.push('.');
    Some(Svg::new(
        "track-map",
        2.0 * MARGIN + frame.east * scale,
        2.0 * MARGIN + frame.north * scale,
        "Track map",
        &description,
        &content,
    ))
}

/// The ends of the start line, metres east and north on the plane of the positions.
fn start_line(session: &Session) -> Option<[(f64, f64); 2]> {
    let line = session.start_line?;
    let (plane, _) = positions(session)?;
    Some([line.from, line.to].map(|end| plane.metres(end.0, end.1)))
}

/// The speed at each position, m/s.
fn speeds(session: &Session, route: &[Position]) -> Vec<Option<f64>> {
    let mut sampler = session.channel(Quantity::Speed).map(Sampler::new);
    route
        .iter()
        .map(|position| {
            let speed = sampler.as_mut()?.linear(position.time);
            speed.filter(|speed| speed.is_finite())
        })
        .collect()
}

/// What a route covers: its south-western corner and how far it reaches from there, m.
pub(in crate::datasets::readers) struct Frame {
    pub(in crate::datasets::readers) west: f64,
    pub(in crate::datasets::readers) south: f64,
    pub(in crate::datasets::readers) east: f64,
    pub(in crate::datasets::readers) north: f64,
}

impl Frame {
    /// `None` for a route that goes nowhere.
    pub(in crate::datasets::readers) fn around(route: &[Position]) -> Option<Frame> {
        let bounds = |value: fn(&Position) -> f64| {
            let values = route.iter().map(value);
            values.fold(
                (f64::INFINITY, f64::NEG_INFINITY),
                |(least, most), value| (least.min(value), most.max(value)),
            )
        };
        let (west, east) = bounds(|position| position.east);
        let (south, north) = bounds(|position| position.north);
        let frame = Frame {
            west,
            south,
            east: east - west,
            north: north - south,
        };
        (frame.east.max(frame.north) > 1.0).then_some(frame)
    }

    /// Whether a place lies in the frame or not far from it; a start line of another track does not.
    fn is_near(&self, (east, north): (f64, f64)) -> bool {
        const NEAR: f64 = 50.0;
        (-NEAR..=self.east + NEAR).contains(&(east - self.west))
            && (-NEAR..=self.north + NEAR).contains(&(north - self.south))
    }

    /// Widens the frame to hold a place.
    fn include(&mut self, (east, north): (f64, f64)) {
        let (right, top) = (
            (self.west + self.east).max(east),
            (self.south + self.north).max(north),
        );
        self.west = self.west.min(east);
        self.south = self.south.min(north);
        self.east = right - self.west;
        self.north = top - self.south;
    }
}
