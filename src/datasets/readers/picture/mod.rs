//! Pictures of a session as small SVG documents: for pages, and for files.
//!
//! Lines and letters take the colour of the text around them, so a picture fits a light page and a dark one; the
//! colours of the speeds are presentation attributes, which a page's own style sheet overrides by their classes. No
//! picture names the driver, the venue or the place: a release may show them.

mod track_map;

use std::fmt::{self, Write};

use crate::datasets::readers::session::{Lap, Quantity, Session};
pub use track_map::track_map;
pub(super) use track_map::{Frame, route};

/// How many points a line has at most.
const POINTS: usize = 400;

/// How many laps are drawn at most.
const LAPS: usize = 1000;

/// Metres a second to what people read.
const KM_H: f64 = 3.6;

/// A picture: a whole `<svg>` element.
#[derive(Debug, Clone, PartialEq)]
pub struct Svg {
    markup: String,
    width: f64,
    height: f64,
}

impl fmt::Display for Svg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.markup)
    }
}

impl Svg {
    /// `title` and `description` are for people who do not see the picture.
    fn new(
        class: &str,
        width: f64,
        height: f64,
        title: &str,
        description: &str,
        content: &str,
    ) -> Svg {
        let markup = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"{class}\" role=\"img\" viewBox=\"0 0 {} {}\" \
             font-family=\"sans-serif\" font-size=\"12\" fill=\"none\" stroke=\"currentColor\">\
             <title>{title}</title><desc>{description}</desc>{content}</svg>",
            Short(width),
            Short(height)
        );
        Svg {
            markup,
            width,
            height,
        }
    }
}

/// All pictures of a session below each other; `None` where there is nothing to draw.
pub fn sheet(session: &Session) -> Option<Svg> {
    let trace = fastest_lap(&session.laps).and_then(|lap| speed_trace(session, lap));
    let pictures = [track_map(session), lap_times(&session.laps), trace];
    let (mut content, mut width, mut height) = (String::new(), 0.0_f64, 0.0);
    for picture in pictures.into_iter().flatten() {
        push(
            &mut content,
            format_args!(
                "<svg y=\"{}\" width=\"{}\" height=\"{}\">{picture}</svg>",
                Short(height),
                Short(picture.width),
                Short(picture.height)
            ),
        );
        width = width.max(picture.width);
        height += picture.height;
    }
    let description = "The track map, the lap times and the speed over the fastest lap, as far as the file has them.";
    (height > 0.0).then(|| Svg::new("session", width, height, "Session", description, &content))
}

/// A number with at most one decimal.
struct Short(f64);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = (self.0 * 10.0).round() / 10.0;
        // -0 would be written with its sign.
        write!(f, "{}", if tenths == 0.0 { 0.0 } else { tenths })
    }
}

/// The fastest lap from line to line whose time in the recording is known.
pub fn fastest_lap(laps: &[Lap]) -> Option<&Lap> {
    laps.iter()
        .filter(|lap| !lap.incomplete && lap.start.is_some() && lap.seconds > 0.0)
        .min_by(|one, other| one.seconds.total_cmp(&other.seconds))
}

/// Each lap's time as a dot: full from line to line, hollow where a lap is incomplete. Laps that took more than 15 %
/// longer than the fastest, and incomplete ones that took longer than all others, lie on the upper edge. `None` without laps.
pub fn lap_times(laps: &[Lap]) -> Option<Svg> {
    const WIDTH: f64 = 600.0;
    const HEIGHT: f64 = 180.0;
    const LEFT: f64 = 64.0;
    const TOP: f64 = 14.0;
    const BOTTOM: f64 = HEIGHT - 24.0;
    let drawn: Vec<&Lap> = laps
        .iter()
        .filter(|lap| lap.seconds.is_finite())
        .take(LAPS)
        .collect();
    let complete = || drawn.iter().filter(|lap| !lap.incomplete);
    let least = |laps: &mut dyn Iterator<Item = f64>| laps.fold(f64::INFINITY, f64::min);
    let mut best = least(&mut complete().map(|lap| lap.seconds));
    if !best.is_finite() {
        best = least(&mut drawn.iter().map(|lap| lap.seconds));
    }
    if !best.is_finite() {
        return None;
    }
    let slowest = complete().map(|lap| lap.seconds).fold(best, f64::max);
    let upper = slowest.min(best * 1.15).max(best + 0.1);
    let first = drawn.iter().map(|lap| lap.number).min().unwrap_or(0);
    let last = drawn.iter().map(|lap| lap.number).max().unwrap_or(0);
    let span = f64::from(last - first).max(1.0);
    let x = |number: u32| LEFT + 8.0 + f64::from(number - first) / span * (WIDTH - LEFT - 20.0);
    let y = |seconds: f64| {
        BOTTOM - (seconds.clamp(best, upper) - best) / (upper - best) * (BOTTOM - TOP)
    };

    let mut content = axes(LEFT, TOP, WIDTH - 4.0, BOTTOM);
    label(
        &mut content,
        "end",
        LEFT - 6.0,
        y(best) + 4.0,
        &format!("{best:.3} s"),
    );
    label(
        &mut content,
        "end",
        LEFT - 6.0,
        y(upper) + 4.0,
        &format!("{upper:.3} s"),
    );
    label(
        &mut content,
        "start",
        x(first),
        HEIGHT - 8.0,
        &format!("lap {first}"),
    );
    if last > first {
        label(
            &mut content,
            "end",
            x(last),
            HEIGHT - 8.0,
            &format!("lap {last}"),
        );
    }
    for lap in &drawn {
        let kind = if lap.incomplete {
            "class=\"lap incomplete\""
        } else {
            "class=\"lap\" fill=\"currentColor\""
        };
        push(
            &mut content,
            format_args!(
                "<circle {kind} cx=\"{}\" cy=\"{}\" r=\"3\"/>",
                Short(x(lap.number)),
                Short(y(lap.seconds))
            ),
        );
    }
    let description = format!(
        "{} laps, {} of them from line to line; the fastest took {best:.3} s.{}",
        laps.len(),
        complete().count(),
        if laps.len() > drawn.len() {
            " Not all are drawn."
        } else {
            ""
        }
    );
    Some(Svg::new(
        "lap-times",
        WIDTH,
        HEIGHT,
        "Lap times",
        &description,
        &content,
    ))
}

/// The speed over the distance of a lap. `None` where the lap has no speed.
pub fn speed_trace(session: &Session, lap: &Lap) -> Option<Svg> {
    const WIDTH: f64 = 600.0;
    const HEIGHT: f64 = 200.0;
    const LEFT: f64 = 64.0;
    const TOP: f64 = 14.0;
    const BOTTOM: f64 = HEIGHT - 24.0;
    let start = lap.start?;
    let channel = session.channel(Quantity::Speed)?;
    let samples = channel
        .times
        .iter()
        .copied()
        .zip(channel.values.iter().copied());
    let in_lap = samples
        .filter(|(time, speed)| (start..=start + lap.seconds).contains(time) && speed.is_finite());
    let mut distance = 0.0;
    let mut before: Option<(f64, f64)> = None;
    let trace: Vec<(f64, f64)> = in_lap
        .map(|(time, speed)| {
            if let Some((last, last_speed)) = before {
                distance += (time - last) * (speed + last_speed) / 2.0;
            }
            before = Some((time, speed));
            (distance, speed)
        })
        .collect();
    let fastest = trace.iter().map(|(_, speed)| *speed).fold(0.0, f64::max);
    if !(distance > 1.0 && fastest > 0.0) {
        return None;
    }
    let x = |distance_so_far: f64| LEFT + distance_so_far / distance * (WIDTH - LEFT - 8.0);
    let y = |speed: f64| BOTTOM - speed.max(0.0) / fastest * (BOTTOM - TOP);
    let mut content = axes(LEFT, TOP, WIDTH - 4.0, BOTTOM);
    label(
        &mut content,
        "end",
        LEFT - 6.0,
        y(fastest) + 4.0,
        &format!("{:.0} km/h", fastest * KM_H),
    );
    label(&mut content, "end", LEFT - 6.0, BOTTOM, "0");
    label(
        &mut content,
        "end",
        WIDTH - 8.0,
        HEIGHT - 8.0,
        &format!("{distance:.0} m"),
    );
    let mut path = String::new();
    let stride = trace.len().div_ceil(POINTS).max(1);
    for (distance, speed) in trace.iter().step_by(stride) {
        path.push(if path.is_empty() { 'M' } else { 'L' });
        push_point(&mut path, (x(*distance), y(*speed)));
    }
    push(
        &mut content,
        format_args!(
            "<path class=\"speed\" stroke-width=\"2\" stroke-linejoin=\"round\" d=\"{path}\"/>"
        ),
    );
    let slowest = trace
        .iter()
        .map(|(_, speed)| *speed)
        .fold(f64::INFINITY, f64::min);
    let description = format!(
        "Lap {} of {:.3} s over {distance:.0} m, at {:.0} to {:.0} km/h.",
        lap.number,
        lap.seconds,
        slowest * KM_H,
        fastest * KM_H
    );
    Some(Svg::new(
        "speed-trace",
        WIDTH,
        HEIGHT,
        "Speed over a lap",
        &description,
        &content,
    ))
}

fn axes(left: f64, top: f64, right: f64, bottom: f64) -> String {
    format!(
        "<path class=\"axes\" stroke-opacity=\"0.4\" d=\"M{0} {1}V{3}H{2}\"/>",
        Short(left),
        Short(top),
        Short(right),
        Short(bottom)
    )
}

/// `anchor` is what of the text lies at `x`: its start or its end.
fn label(content: &mut String, anchor: &str, x: f64, y: f64, text: &str) {
    push(
        content,
        format_args!(
            "<text x=\"{}\" y=\"{}\" text-anchor=\"{anchor}\" fill=\"currentColor\" stroke=\"none\">{text}</text>",
            Short(x),
            Short(y)
        ),
    );
}

fn push_point(path: &mut String, (x, y): (f64, f64)) {
    push(path, format_args!("{} {}", Short(x), Short(y)));
}

fn push(text: &mut String, arguments: fmt::Arguments<'_>) {
    // Writing to a String does not fail.
    let _ = text.write_fmt(arguments);
}

#[cfg(test)]
mod tests;
