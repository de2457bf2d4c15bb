//! Kart tracks: closed smooth lines drawn from a seed.
//!
//! A track is a periodic uniform cubic B-spline through control points that lie around a centre, so
//! it closes, never crosses itself and has continuous curvature. The spline is the line that the
//! karts drive. Candidates whose corners no kart track has are thrown away and drawn again.

use std::f64::consts::TAU;
use std::ops::{Range, RangeInclusive};

use rand::{Rng, RngExt};

/// Length of a lap in metres.
const LENGTH: RangeInclusive<f64> = 800.0..=1_400.0;
/// How many corners a track has.
const CORNERS: RangeInclusive<usize> = 8..=14;
/// The radius of the tightest corner in metres: a kart turns no tighter, and every kart track has a
/// hairpin.
const TIGHTEST_RADIUS: RangeInclusive<f64> = 7.0..=12.0;
/// A bend wider than this (metres) is driven as a straight and does not count as a corner.
const WIDEST_RADIUS: f64 = 60.0;
const CONTROL_POINTS: RangeInclusive<usize> = 18..=24;
/// About one candidate in three is fit for karts, so that this many do not fail in a row.
const CANDIDATES: usize = 1_000;
/// Points of the spline that measure its length, for each control point.
const SAMPLES_PER_SEGMENT: usize = 32;
const STEP_METRES: f64 = 1.0;

/// A closed driving line, sampled every metre or so.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    pub name: String,
    /// Signed curvature in 1/m (positive turns left) at equidistant points, one lap long.
    pub curvature: Vec<f64>,
    /// The distance between two points in metres, close to 1.
    pub step: f64,
}

impl Track {
    /// Draws a track: 800-1,400 m long, 8-14 corners, with a hairpin of 7-12 m.
    ///
    /// Returns `None` if no candidate was fit, which the number of candidates makes practically
    /// impossible.
    pub(super) fn draw(name: &str, rng: &mut impl Rng) -> Option<Self> {
        (0..CANDIDATES)
            .map(|_| Self::candidate(name, rng))
            .find(Self::is_fit_for_karts)
    }

    /// The length of a lap in metres.
    pub fn length(&self) -> f64 {
        self.step * self.curvature.len() as f64
    }

    /// The radius of the tightest corner in metres.
    pub fn tightest_radius(&self) -> f64 {
        let sharpest = self.curvature.iter().fold(0.0_f64, |k, c| k.max(c.abs()));
        1.0 / sharpest
    }

    /// The number of corners: stretches that turn one way with a radius under 60 m.
    pub fn corners(&self) -> usize {
        let turns: Vec<i8> = self.curvature.iter().map(|&c| turn(c)).collect();
        (0..turns.len())
            .filter(|&i| turns[i] != 0 && turns[i] != turns[(i + turns.len() - 1) % turns.len()])
            .count()
    }

    /// The points of each of the three sectors, which are equally long.
    pub fn sectors(&self) -> [Range<usize>; 3] {
        let points = self.curvature.len();
        [
            0..points / 3,
            points / 3..2 * points / 3,
            2 * points / 3..points,
        ]
    }

    fn is_fit_for_karts(&self) -> bool {
        TIGHTEST_RADIUS.contains(&self.tightest_radius()) && CORNERS.contains(&self.corners())
    }

    fn candidate(name: &str, rng: &mut impl Rng) -> Self {
        let count = rng.random_range(CONTROL_POINTS);
        let control: Vec<[f64; 2]> = (0..count)
            .map(|i| {
                let angle = TAU * (i as f64 + rng.random_range(-0.1..0.1)) / count as f64;
                let radius = rng.random_range(0.45..1.0);
                [radius * libm::cos(angle), radius * libm::sin(angle)]
            })
            .collect();
        Self::along(name, &Spline { control }, rng.random_range(LENGTH))
    }

    /// The spline, scaled to `length` metres and sampled at equal distances.
    fn along(name: &str, spline: &Spline, length: f64) -> Self {
        let samples = spline.control.len() * SAMPLES_PER_SEGMENT;
        let parameter = |i: usize| i as f64 / SAMPLES_PER_SEGMENT as f64;
        let mut distance = vec![0.0; samples + 1];
        for i in 0..samples {
            let (a, b) = (spline.at(parameter(i)), spline.at(parameter(i + 1)));
            let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
            distance[i + 1] = distance[i] + (dx * dx + dy * dy).sqrt();
        }
        let scale = length / distance[samples];
        let points = (length / STEP_METRES).round() as usize;
        let mut before = 0;
        let curvature = (0..points)
            .map(|point| {
                let wanted = distance[samples] * point as f64 / points as f64;
                while distance[before + 1] < wanted {
                    before += 1;
                }
                let share = (wanted - distance[before]) / (distance[before + 1] - distance[before]);
                spline.curvature((before as f64 + share) / SAMPLES_PER_SEGMENT as f64) / scale
            })
            .collect();
        Self {
            name: name.to_owned(),
            curvature,
            step: length / points as f64,
        }
    }
}

/// 1 in a left-hand corner, −1 in a right-hand one, 0 on a straight.
fn turn(curvature: f64) -> i8 {
    if curvature.abs() * WIDEST_RADIUS < 1.0 {
        0
    } else if curvature > 0.0 {
        1
    } else {
        -1
    }
}

/// A periodic uniform cubic B-spline; its parameter runs from 0 to the number of control points.
struct Spline {
    control: Vec<[f64; 2]>,
}

impl Spline {
    fn at(&self, parameter: f64) -> [f64; 2] {
        self.blend(parameter, |t| {
            let u = 1.0 - t;
            [
                u * u * u / 6.0,
                (3.0 * t * t * t - 6.0 * t * t + 4.0) / 6.0,
                (3.0 * u * u * u - 6.0 * u * u + 4.0) / 6.0,
                t * t * t / 6.0,
            ]
        })
    }

    /// κ = (x′y″ − y′x″) / |r′|³.
    fn curvature(&self, parameter: f64) -> f64 {
        let [dx, dy] = self.blend(parameter, |t| {
            let u = 1.0 - t;
            [
                -u * u / 2.0,
                (3.0 * t * t - 4.0 * t) / 2.0,
                (4.0 * u - 3.0 * u * u) / 2.0,
                t * t / 2.0,
            ]
        });
        let [ddx, ddy] = self.blend(parameter, |t| [1.0 - t, 3.0 * t - 2.0, 1.0 - 3.0 * t, t]);
        let speed = (dx * dx + dy * dy).sqrt();
        (dx * ddy - dy * ddx) / (speed * speed * speed)
    }

    /// The four control points around `parameter`, weighted.
    fn blend(&self, parameter: f64, weights: impl Fn(f64) -> [f64; 4]) -> [f64; 2] {
        let segment = parameter.floor();
        let weights = weights(parameter - segment);
        let mut sum = [0.0; 2];
        for (i, weight) in weights.into_iter().enumerate() {
            let [x, y] = self.control[(segment as usize + i) % self.control.len()];
            sum[0] += weight * x;
            sum[1] += weight * y;
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::ChaCha8Rng;

    use super::*;

    #[test]
    fn a_circle_has_the_curvature_of_its_radius() {
        let control = (0..60)
            .map(|i| {
                let angle = TAU * f64::from(i) / 60.0;
                [angle.cos(), angle.sin()]
            })
            .collect();
        let circle = Track::along("circle", &Spline { control }, 1_000.0);
        let radius = 1_000.0 / TAU;
        for curvature in &circle.curvature {
            assert!((curvature * radius - 1.0).abs() < 0.01, "{curvature}");
        }
        assert!((circle.length() - 1_000.0).abs() < 1e-9);
    }

    #[test]
    fn a_closed_track_turns_once_around() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for _ in 0..10 {
            let track = Track::draw("any", &mut rng).unwrap();
            let turned: f64 = track.curvature.iter().sum::<f64>() * track.step;
            assert!((turned - TAU).abs() < 0.05, "turned {turned}");
        }
    }

    #[test]
    fn every_drawn_track_could_be_a_kart_track() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        for _ in 0..20 {
            let track = Track::draw("any", &mut rng).unwrap();
            assert!(LENGTH.contains(&track.length()), "{} m", track.length());
            assert!(CORNERS.contains(&track.corners()));
            assert!(TIGHTEST_RADIUS.contains(&track.tightest_radius()));
            assert!((0.99..1.01).contains(&track.step));
            assert_eq!(
                track
                    .sectors()
                    .map(|sector| sector.len())
                    .iter()
                    .sum::<usize>(),
                track.curvature.len()
            );
        }
    }
}
