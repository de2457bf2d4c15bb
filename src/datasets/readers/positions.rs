//! What positions on the ground tell: distances, the unit of a speed, and which way a line lies.

use super::session::TimingLine;
use super::unit::{Conversion, Unit};

/// Metres of a degree of latitude, on a sphere as large as the Earth.
const METRES_PER_DEGREE: f64 = 111_194.926_644_558_73;
/// Slower than this, the noise of positions is larger than the way between them.
const MOVING_METRES_PER_SECOND: f64 = 3.0;
/// How far, as a ratio, measured and stated speed may differ; knots and miles an hour are 15 % apart.
const SPEED_TOLERANCE: f64 = 1.07;
/// Half of the width that a line gets where a file gives its middle and a direction.
const HALF_WIDTH_METRES: f64 = 15.0;

/// East and north of `to` as seen from `from`, in metres; both are (latitude, longitude) in degrees.
/// Flat, which is exact enough within a track.
pub fn east_north(from: (f64, f64), to: (f64, f64)) -> (f64, f64) {
    let shrink = (from.0 + to.0).to_radians() / 2.0;
    (
        (to.1 - from.1) * METRES_PER_DEGREE * shrink.cos(),
        (to.0 - from.0) * METRES_PER_DEGREE,
    )
}

/// Metres between two positions within a track.
pub fn metres(from: (f64, f64), to: (f64, f64)) -> f64 {
    let (east, north) = east_north(from, to);
    east.hypot(north)
}

/// The unit that a file's speeds must have, from the positions: the way driven in each second is
/// compared with the speed stated there. `None` when nothing moved or no unit fits.
pub fn speed_unit(
    times: &[f64],
    latitudes: &[f64],
    longitudes: &[f64],
    speeds: &[f64],
) -> Option<(&'static str, Conversion)> {
    let positions = latitudes.iter().copied().zip(longitudes.iter().copied());
    let rows = times.iter().zip(positions).zip(speeds);
    let known = rows.filter(|((_, position), speed)| {
        position.0.is_finite() && position.1.is_finite() && speed.is_finite()
    });
    let mut ratios = Vec::new();
    let (mut way, mut stated, mut elapsed) = (0.0, 0.0, 0.0);
    let mut before: Option<(f64, (f64, f64), f64)> = None;
    for ((&time, position), &speed) in known {
        if let Some((then, there, speed_then)) = before {
            let step = time - then;
            if step > 2.0 {
                (way, stated, elapsed) = (0.0, 0.0, 0.0);
            } else {
                way += metres(there, position);
                stated += step * (speed + speed_then) / 2.0;
                elapsed += step;
            }
            if elapsed >= 1.0 {
                if way / elapsed >= MOVING_METRES_PER_SECOND && stated > 0.0 {
                    ratios.push(way / stated);
                }
                (way, stated, elapsed) = (0.0, 0.0, 0.0);
            }
        }
        before = Some((time, position, speed));
    }
    let middle = ratios.len() / 2;
    let (_, median, _) =
        (!ratios.is_empty()).then(|| ratios.select_nth_unstable_by(middle, f64::total_cmp))?;
    let units = ["m/s", "km/h", "mph", "kn"];
    units.into_iter().find_map(|unit| {
        let conversion = Unit::parse(unit)?;
        let off = (*median / conversion.factor).ln().abs();
        (off < SPEED_TOLERANCE.ln()).then_some((unit, conversion))
    })
}

/// The smallest rectangle around positions.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    south: f64,
    north: f64,
    west: f64,
    east: f64,
}

impl Bounds {
    /// `None` without a position.
    pub fn of(latitudes: &[f64], longitudes: &[f64]) -> Option<Bounds> {
        let range = |values: &[f64]| {
            let known = values.iter().copied().filter(|value| value.is_finite());
            known.fold(None, |range: Option<(f64, f64)>, value| {
                let (least, most) = range.unwrap_or((value, value));
                Some((least.min(value), most.max(value)))
            })
        };
        let ((south, north), (west, east)) = (range(latitudes)?, range(longitudes)?);
        Some(Bounds {
            south,
            north,
            west,
            east,
        })
    }

    /// Metres from a position to the rectangle; 0 inside.
    pub fn distance(&self, position: (f64, f64)) -> f64 {
        let nearest = (
            position.0.clamp(self.south, self.north),
            position.1.clamp(self.west, self.east),
        );
        metres(position, nearest)
    }
}

/// A line across the direction from `centre` to `towards`, through `centre`.
pub fn line_across(centre: (f64, f64), towards: (f64, f64)) -> Option<TimingLine> {
    let (east, north) = east_north(centre, towards);
    let length = east.hypot(north);
    if length.is_nan() || length <= 0.0 {
        return None;
    }
    let scale = HALF_WIDTH_METRES / length;
    let degrees = METRES_PER_DEGREE * centre.0.to_radians().cos();
    let (up, right) = (east * scale / METRES_PER_DEGREE, -north * scale / degrees);
    right.is_finite().then_some(TimingLine {
        from: (centre.0 + up, centre.1 + right),
        to: (centre.0 - up, centre.1 - right),
    })
}

/// A line across the heading (degrees clockwise from north) at a place.
pub fn line_across_heading(centre: (f64, f64), heading: f64) -> Option<TimingLine> {
    let (sin, cos) = heading.to_radians().sin_cos();
    let ahead = (
        centre.0 + cos * 1e-4,
        centre.1 + sin * 1e-4 / centre.0.to_radians().cos(),
    );
    line_across(centre, ahead)
}

/// Whether karts drive along the segment rather than across it, where they pass its beginning.
pub fn is_driven_along(line: &TimingLine, latitudes: &[f64], longitudes: &[f64]) -> bool {
    let along = east_north(line.from, line.to);
    let length = along.0.hypot(along.1);
    let positions: Vec<(f64, f64)> = (latitudes.iter().copied())
        .zip(longitudes.iter().copied())
        .filter(|position| position.0.is_finite() && position.1.is_finite())
        .collect();
    let (mut parallel, mut passes) = (0.0, 0.0);
    for pair in positions.windows(2) {
        let [here, next] = pair else { continue };
        let step = east_north(*here, *next);
        let way = step.0.hypot(step.1);
        // Two metres a second at 25 Hz; who stands has no direction.
        if way < 0.08 || metres(line.from, *here) > HALF_WIDTH_METRES {
            continue;
        }
        parallel += (step.0 * along.0 + step.1 * along.1).abs() / (way * length);
        passes += 1.0;
    }
    passes > 0.0 && parallel / passes > 0.8
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten seconds at 20 m/s to the east at 45° north, in 0.1 s steps; speeds times `factor`.
    fn drive(factor: f64) -> (Vec<f64>, Vec<f64>, Vec<f64>, Vec<f64>) {
        let times: Vec<f64> = (0..100).map(|step| f64::from(step) * 0.1).collect();
        let degree = METRES_PER_DEGREE * 45_f64.to_radians().cos();
        let longitudes = times
            .iter()
            .map(|time| 10.0 + time * 20.0 / degree)
            .collect();
        (times, vec![45.0; 100], longitudes, vec![20.0 * factor; 100])
    }

    #[test]
    fn the_unit_of_a_speed_is_told_by_the_way() {
        for (factor, unit) in [
            (1.0, "m/s"),
            (3.6, "km/h"),
            (1.0 / 0.44704, "mph"),
            (3.6 / 1.852, "kn"),
        ] {
            let (times, latitudes, longitudes, speeds) = drive(factor);
            let found = speed_unit(&times, &latitudes, &longitudes, &speeds).unwrap();
            assert_eq!(found.0, unit);
        }
        let (times, latitudes, longitudes, _) = drive(1.0);
        assert_eq!(
            speed_unit(&times, &latitudes, &longitudes, &[200.0; 100]),
            None
        );
        assert_eq!(
            speed_unit(&times, &latitudes, &[10.0; 100], &[20.0; 100]),
            None
        );
    }

    #[test]
    fn a_line_lies_across_the_direction() {
        let line = line_across_heading((45.0, 10.0), 90.0).unwrap();
        assert!((metres(line.from, line.to) - 30.0).abs() < 0.01);
        let (east, north) = east_north(line.from, line.to);
        assert!(east.abs() < 0.01 && (north.abs() - 30.0).abs() < 0.01);
        assert_eq!(line_across((45.0, 10.0), (45.0, 10.0)), None);
    }

    #[test]
    fn driving_along_a_segment_is_not_crossing_it() {
        let (_, latitudes, longitudes, _) = drive(1.0);
        let middle = (45.0, longitudes[50]);
        let across = line_across_heading(middle, 90.0).unwrap();
        assert!(!is_driven_along(&across, &latitudes, &longitudes));
        let along = TimingLine {
            from: middle,
            to: (45.0, longitudes[60]),
        };
        assert!(is_driven_along(&along, &latitudes, &longitudes));
    }

    #[test]
    fn bounds_measure_the_way_to_themselves() {
        let bounds = Bounds::of(&[45.0, 45.01, f64::NAN], &[10.0, 10.02, 10.0]).unwrap();
        assert_eq!(bounds.distance((45.005, 10.01)), 0.0);
        assert!((bounds.distance((45.02, 10.01)) - 1111.9).abs() < 0.1);
        assert!(Bounds::of(&[f64::NAN], &[1.0]).is_none());
    }
}
