//! The track frame: positions without the place.
//!
//! Positions become metres east and north of the session's centre (azimuthal equidistant projection of
//! the WGS 84 ellipsoid), then they are rotated, perhaps mirrored, and scaled by parameters that are
//! drawn from the release's key for each venue and never published. What has a length is scaled alike
//! and what has a direction turned alike, so the channels of a lap still agree with each other. Time
//! begins with the session, and samples are thinned. Altitude is not published: a profile of heights
//! survives turning and scaling, and identifies a place.
//!
//! **What protects.** The release of a track is, point for point, also the release of the same track
//! turned, mirrored or resized anywhere on earth under other parameters; nothing in it tells which.
//!
//! **What it does not protect from.** A shape stays a shape. Whoever has the outlines of the candidate
//! tracks can compare them, and then knows scale and rotation too. Physics bounds the scale as well:
//! a kart corners at about 2 g. And driving style names drivers on any track. Where the venue must not
//! be found, publish no positions.

use std::f64::consts::TAU;

use rand::{CryptoRng, RngExt};

use super::quantiles::median;

/// WGS 84: equatorial radius in metres, and first eccentricity squared.
const EQUATOR: f64 = 6_378_137.0;
const ECCENTRICITY_SQUARED: f64 = 0.006_694_379_990_141_317;
/// Lengths are scaled by at most this factor, up or down: tracks of 900 to 1,600 m may all be 1,200 m.
const MOST_SCALE: f64 = 4.0 / 3.0;
/// Published positions are multiples of a centimetre, finer than any logger's fix.
const STEPS_PER_METRE: f64 = 100.0;

/// A place on earth in degrees (WGS 84).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Position {
    pub latitude: f64,
    pub longitude: f64,
}

impl Position {
    /// Whether the numbers are a place; a logger without a fix writes others, or zero and zero.
    pub fn is_valid(self) -> bool {
        let null = self.latitude == 0.0 && self.longitude == 0.0;
        // Close to a pole longitudes lose their meaning, and nobody races there.
        self.latitude.abs() < 89.0 && self.longitude.abs() <= 360.0 && !null
    }
}

/// A place in the frame of a release, in its metres.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FramePoint {
    pub x: f64,
    pub y: f64,
}

/// The middle of a session: the median of its valid positions, which a few wrong fixes cannot move. Give
/// it all sessions of a venue together where they are to share one origin.
pub fn centre(positions: impl IntoIterator<Item = Position>) -> Option<Position> {
    let positions: Vec<_> = positions.into_iter().filter(|p| p.is_valid()).collect();
    let first = positions.first()?.longitude;
    // Longitudes jump at 180°, their differences do not.
    let east = median(positions.iter().map(|p| wrapped(p.longitude - first)))?;
    Some(Position {
        latitude: median(positions.iter().map(|p| p.latitude))?,
        longitude: wrapped(first + east),
    })
}

/// What a channel measures, where the frame changes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// Distances and speeds, and accelerations along the track.
    Length,
    /// Accelerations to the side: scaled, and of opposite sign in a mirrored frame.
    Sideways,
    /// Yaw rate and steering angle, in any unit: of opposite sign in a mirrored frame.
    Turning,
    /// Degrees clockwise from north, published as degrees clockwise from the frame's y.
    Heading,
}

/// The secret parameters of a venue in a release. They can be neither printed nor serialised.
pub struct TrackFrame {
    /// Counter-clockwise, in radians.
    rotation: f64,
    mirrored: bool,
    scale: f64,
}

impl TrackFrame {
    /// Draws the parameters; `rng` must be seeded from the release's key and the venue.
    pub fn draw(rng: &mut impl CryptoRng) -> TrackFrame {
        let most = MOST_SCALE.ln();
        TrackFrame {
            rotation: rng.random_range(0.0..TAU),
            mirrored: rng.random(),
            scale: rng.random_range(-most..most).exp(),
        }
    }

    /// Where a position lies in the frame around `centre`; nothing for a position that is none.
    pub fn point(&self, position: Position, centre: Position) -> Option<FramePoint> {
        if !position.is_valid() || !centre.is_valid() {
            return None;
        }
        let (east, north) = azimuthal_equidistant(position, centre);
        let east = if self.mirrored { -east } else { east };
        let (sin, cos) = self.rotation.sin_cos();
        let publish =
            |metres: f64| (metres * self.scale * STEPS_PER_METRE).round() / STEPS_PER_METRE;
        Some(FramePoint {
            x: publish(east * cos - north * sin),
            y: publish(east * sin + north * cos),
        })
    }

    /// A value of a channel as the frame shows it.
    pub fn value(&self, quantity: Quantity, value: f64) -> f64 {
        let side = if self.mirrored { -1.0 } else { 1.0 };
        match quantity {
            Quantity::Length => value * self.scale,
            Quantity::Sideways => value * self.scale * side,
            Quantity::Turning => value * side,
            Quantity::Heading => (value * side - self.rotation.to_degrees()).rem_euclid(360.0),
        }
    }
}

/// Chooses samples of a session, as they come, such that no two are closer than 1/`hertz` seconds: the
/// first, and each that comes late enough after the one before it. Times that are not finite or run
/// backwards are left out.
pub struct Thinning {
    gap: f64,
    last: f64,
}

impl Thinning {
    pub fn new(hertz: f64) -> Thinning {
        Thinning {
            // Loggers write milliseconds: 0.3 − 0.2 must count as a tenth.
            gap: 1.0 / hertz - 1e-6,
            last: f64::NEG_INFINITY,
        }
    }

    /// Whether the next sample is published.
    pub fn keeps(&mut self, seconds: f64) -> bool {
        let keeps = seconds.is_finite() && seconds - self.last >= self.gap;
        if keeps {
            self.last = seconds;
        }
        keeps
    }
}

/// Metres east and north of the centre, such that distance and direction from it are the ellipsoid's.
/// Gauss's mid-latitude formulas (Rapp, Geometric Geodesy, part I, 1991): within millimetres at
/// the size of any circuit.
fn azimuthal_equidistant(position: Position, centre: Position) -> (f64, f64) {
    let north = (position.latitude - centre.latitude).to_radians();
    let east = wrapped(position.longitude - centre.longitude).to_radians();
    let (sin, cos) = (centre.latitude.to_radians() + north / 2.0).sin_cos();
    let flattened = 1.0 - ECCENTRICITY_SQUARED * sin * sin;
    // Radii of curvature along the parallel's normal and along the meridian.
    let across = EQUATOR / flattened.sqrt();
    let along = across * (1.0 - ECCENTRICITY_SQUARED) / flattened;
    let east_metres = across * cos * east;
    let north_metres = along * north * (east / 2.0).cos();
    // The direction half way, turned back to the direction at the centre.
    let (turn_sin, turn_cos) = (east * sin / 2.0).sin_cos();
    (
        east_metres * turn_cos - north_metres * turn_sin,
        east_metres * turn_sin + north_metres * turn_cos,
    )
}

/// Degrees within −180 and 180.
fn wrapped(degrees: f64) -> f64 {
    (degrees + 180.0).rem_euclid(360.0) - 180.0
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::ChaCha20Rng;

    use super::*;

    const CENTRE: Position = Position {
        latitude: 45.05,
        longitude: 12.05,
    };

    fn frame(seed: u64) -> TrackFrame {
        TrackFrame::draw(&mut ChaCha20Rng::seed_from_u64(seed))
    }

    /// A lopsided lap of 36 positions around the centre, about 400 m wide.
    fn lap() -> Vec<Position> {
        let position = |step: u32| {
            let angle = f64::from(step) / 36.0 * TAU;
            let radius = 0.002 + 0.0007 * (2.0 * angle).sin() + 0.0003 * (3.0 * angle).cos();
            Position {
                latitude: CENTRE.latitude + radius * angle.sin(),
                longitude: CENTRE.longitude + radius * angle.cos(),
            }
        };
        (0..36).map(position).collect()
    }

    fn shown(frame: &TrackFrame, positions: &[Position]) -> Vec<FramePoint> {
        let point = |position: &Position| frame.point(*position, CENTRE).unwrap();
        positions.iter().map(point).collect()
    }

    fn distance(a: FramePoint, b: FramePoint) -> f64 {
        (a.x - b.x).hypot(a.y - b.y)
    }

    #[test]
    fn the_projection_is_proj_s() {
        // PROJ 9: +proj=aeqd +ellps=WGS84 around each centre.
        let expected = [
            (45.05, 12.05, 0.003, 0.004, 315.0964, 333.4061),
            (45.05, 12.05, -0.01, 0.02, 1575.8391, -1111.1319),
            (45.05, 12.05, 0.02, -0.03, -2362.5231, 2223.0968),
            (-33.4, 151.2, 0.003, 0.004, 372.1298, 332.7276),
            (-33.4, 151.2, 0.02, -0.03, -2791.5166, 2217.8261),
            (64.1, -21.9, -0.01, 0.02, 975.4859, -1114.635),
        ];
        for (latitude, longitude, north, east, x, y) in expected {
            let centre = Position {
                latitude,
                longitude,
            };
            let position = Position {
                latitude: latitude + north,
                longitude: longitude + east,
            };
            let found = azimuthal_equidistant(position, centre);
            let error = (found.0 - x).hypot(found.1 - y);
            assert!(error < 0.005, "{position:?}: {found:?} is {error} m off");
        }
    }

    #[test]
    fn a_lap_keeps_its_shape() {
        let plain = TrackFrame {
            rotation: 0.0,
            mirrored: false,
            scale: 1.0,
        };
        let (true_lap, frame) = (shown(&plain, &lap()), frame(1));
        let lap = shown(&frame, &lap());
        for a in 0..lap.len() {
            for b in 0..a {
                let ratio = distance(lap[a], lap[b]) / distance(true_lap[a], true_lap[b]);
                assert!((ratio - frame.scale).abs() < 1e-3, "{a} {b}: {ratio}");
            }
        }
    }

    #[test]
    fn channels_agree_with_the_positions() {
        for seed in 0..8 {
            let frame = frame(seed);
            let to = Position {
                latitude: CENTRE.latitude + 0.002,
                longitude: CENTRE.longitude + 0.001,
            };
            let (east, north) = azimuthal_equidistant(to, CENTRE);
            let point = frame.point(to, CENTRE).unwrap();
            let heading = frame.value(Quantity::Heading, east.atan2(north).to_degrees());
            let seen = point.x.atan2(point.y).to_degrees().rem_euclid(360.0);
            assert!((heading - seen).abs() < 0.01, "{heading} and {seen}");
            let length = frame.value(Quantity::Length, east.hypot(north));
            assert!((length - point.x.hypot(point.y)).abs() < 0.02);
            let side = if frame.mirrored { -1.0 } else { 1.0 };
            assert_eq!(frame.value(Quantity::Turning, 3.0), 3.0 * side);
            assert_eq!(
                frame.value(Quantity::Sideways, 3.0),
                3.0 * frame.scale * side
            );
        }
        let mirrored = (0..8).filter(|seed| frame(*seed).mirrored).count();
        assert!((1..8).contains(&mirrored));
    }

    #[test]
    fn a_release_fits_every_frame() {
        // The same track turned by 0.5 rad under a frame turned by 0.5 rad less is the same release: so
        // nothing in the release tells the rotation.
        let (one, other) = (
            TrackFrame {
                rotation: 2.0,
                mirrored: false,
                scale: 1.2,
            },
            TrackFrame {
                rotation: 1.5,
                mirrored: false,
                scale: 1.2,
            },
        );
        let (sin, cos) = 0.5_f64.sin_cos();
        let narrow = CENTRE.latitude.to_radians().cos();
        let turned = |position: &Position| {
            let north = position.latitude - CENTRE.latitude;
            let east = (position.longitude - CENTRE.longitude) * narrow;
            Position {
                latitude: CENTRE.latitude + east * sin + north * cos,
                longitude: CENTRE.longitude + (east * cos - north * sin) / narrow,
            }
        };
        let turned_lap: Vec<_> = lap().iter().map(turned).collect();
        let pairs = shown(&one, &lap())
            .into_iter()
            .zip(shown(&other, &turned_lap));
        for (a, b) in pairs {
            assert!(distance(a, b) < 2.0, "{a:?} and {b:?} of a 500 m track");
        }
        // And the centre, which all frames share, tells none of them.
        let origin = FramePoint { x: 0.0, y: 0.0 };
        assert!((0..20).all(|seed| frame(seed).point(CENTRE, CENTRE) == Some(origin)));
    }

    #[test]
    fn two_releases_differ_and_one_key_repeats() {
        let (first, again, second) = (frame(1), frame(1), frame(2));
        assert_eq!(shown(&first, &lap()), shown(&again, &lap()));
        let pairs = shown(&first, &lap())
            .into_iter()
            .zip(shown(&second, &lap()));
        let apart = pairs.filter(|(a, b)| distance(*a, *b) > 10.0).count();
        assert!(apart > 30, "{apart} of 36");
        assert!((first.scale - second.scale).abs() > 1e-3);
        assert!((0..1000).all(|seed| (0.75..=MOST_SCALE).contains(&frame(seed).scale)));
    }

    #[test]
    fn wrong_fixes_are_no_places_and_do_not_move_the_centre() {
        let null = Position {
            latitude: 0.0,
            longitude: 0.0,
        };
        let unknown = Position {
            latitude: f64::NAN,
            longitude: 12.0,
        };
        assert_eq!(frame(1).point(null, CENTRE), None);
        assert_eq!(frame(1).point(unknown, CENTRE), None);
        let found = centre(lap().into_iter().chain([null, unknown])).unwrap();
        assert!((found.latitude - CENTRE.latitude).abs() < 1e-3);
        assert_eq!(centre([null, unknown]), None);

        // Fiji lies on both sides of the 180th meridian.
        let fiji = |longitude| Position {
            latitude: -17.0,
            longitude,
        };
        let found = centre([179.999, -179.999, 179.998].map(fiji)).unwrap();
        assert!((found.longitude - 179.999).abs() < 1e-9, "{found:?}");
        let point = frame(1).point(fiji(-179.999), found).unwrap();
        assert!(point.x.hypot(point.y) < 300.0);
    }

    #[test]
    fn samples_are_thinned_to_the_rate() {
        let at =
            |hertz: f64| -> Vec<f64> { (0..100).map(|n| 1e9 + f64::from(n) / hertz).collect() };
        let thinned = |seconds: &[f64], hertz: f64| -> Vec<usize> {
            let mut thinning = Thinning::new(hertz);
            let rows = 0..seconds.len();
            rows.filter(|row| thinning.keeps(seconds[*row])).collect()
        };
        assert_eq!(thinned(&at(10.0), 10.0).len(), 100);
        assert_eq!(
            thinned(&at(100.0), 10.0),
            [0, 10, 20, 30, 40, 50, 60, 70, 80, 90]
        );
        assert_eq!(thinned(&at(25.0), 10.0)[..4], [0, 3, 6, 9]);
        assert_eq!(
            thinned(&[0.0, f64::NAN, 5.0, 1.0, 5.05, 5.2], 10.0),
            [0, 2, 5]
        );
    }
}
