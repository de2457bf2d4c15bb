//! How fast a kart can go round a track: the quasi-steady-state lap.
//!
//! At every metre a kart is limited by its grip in corners, by its engine when it accelerates and by
//! its brakes before a corner. One pass forward and one pass backward find the fastest speed that
//! meets all three (Milliken & Milliken, *Race Car Vehicle Dynamics*, 1995).

use super::track::Track;

const GRAVITY: f64 = 9.81;
const AIR_DENSITY: f64 = 1.2;
/// The share of the grip that the driven rear axle can use to accelerate.
const DRIVEN_SHARE: f64 = 0.6;
/// The share of the grip that the rear brake can use.
const BRAKED_SHARE: f64 = 0.45;
/// Tyres grip relatively less under load: a kart 10 % heavier than 160 kg loses 3 % of μ.
const GRIP_LOSS_PER_LOAD: f64 = 0.3;
const REFERENCE_MASS: f64 = 160.0;

/// What a kart with its driver can do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kart {
    /// Power at the wheels, in watts.
    pub power: f64,
    /// Mass with driver and ballast, in kilograms.
    pub mass: f64,
    /// Friction coefficient μ₀ of the tyres at 160 kg.
    pub grip: f64,
    /// Drag area C_d·A in square metres.
    pub drag_area: f64,
    /// Rolling resistance coefficient.
    pub rolling_resistance: f64,
}

/// The fastest lap that physics allows, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lap {
    pub seconds: f64,
    /// The time spent in each of the track's three sectors; they add up to `seconds`.
    pub sectors: [f64; 3],
}

impl Kart {
    /// The fastest lap of this kart on `track`.
    pub fn lap(&self, track: &Track) -> Lap {
        let speed = self.speeds(track);
        let sectors = track.sectors().map(|points| {
            points
                .map(|i| 2.0 * track.step / (speed[i] + speed[(i + 1) % speed.len()]))
                .sum()
        });
        Lap {
            seconds: sectors.iter().sum(),
            sectors,
        }
    }

    /// The speed in m/s at every point of the track.
    fn speeds(&self, track: &Track) -> Vec<f64> {
        let points = track.curvature.len();
        let lateral = self.grip_under_load() * GRAVITY;
        let mut speed: Vec<f64> = track
            .curvature
            .iter()
            .map(|curvature| (lateral / curvature.abs().max(1e-4)).sqrt())
            .collect();
        // Both passes begin in the slowest corner, where the speed is certain: no lap is needed to
        // settle.
        let slowest = (0..points).fold(0, |s, i| if speed[i] < speed[s] { i } else { s });
        for offset in 0..points {
            let here = (slowest + offset) % points;
            let next = (here + 1) % points;
            let gained = 2.0 * track.step * self.acceleration(speed[here], track.curvature[here]);
            let reachable = (speed[here] * speed[here] + gained).max(0.0).sqrt();
            speed[next] = speed[next].min(reachable);
        }
        for offset in 0..points {
            let here = (slowest + points - offset) % points;
            let before = (here + points - 1) % points;
            let lost = 2.0 * track.step * self.deceleration(speed[here], track.curvature[here]);
            speed[before] = speed[before].min((speed[here] * speed[here] + lost).sqrt());
        }
        speed
    }

    fn acceleration(&self, speed: f64, curvature: f64) -> f64 {
        let traction =
            DRIVEN_SHARE * self.grip_under_load() * GRAVITY * self.grip_left(speed, curvature);
        traction.min(self.power / speed / self.mass) - self.resistance(speed)
    }

    fn deceleration(&self, speed: f64, curvature: f64) -> f64 {
        BRAKED_SHARE * self.grip_under_load() * GRAVITY * self.grip_left(speed, curvature)
            + self.resistance(speed)
    }

    /// Drag and rolling resistance, in m/s².
    fn resistance(&self, speed: f64) -> f64 {
        0.5 * AIR_DENSITY * self.drag_area * speed * speed / self.mass
            + self.rolling_resistance * GRAVITY
    }

    /// The friction circle: the share of the grip that cornering leaves.
    fn grip_left(&self, speed: f64, curvature: f64) -> f64 {
        let used = speed * speed * curvature / (self.grip_under_load() * GRAVITY);
        (1.0 - used * used).max(0.0).sqrt()
    }

    /// μ(m) = μ₀·(1 − 0.3·(m/160 kg − 1)).
    fn grip_under_load(&self) -> f64 {
        self.grip * (1.0 - GRIP_LOSS_PER_LOAD * (self.mass / REFERENCE_MASS - 1.0))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::ChaCha8Rng;

    use super::*;

    /// The kart whose parameters were fitted to a real lap: 1,220 m in 50.63 s.
    const FITTED: Kart = Kart {
        power: 16_000.0,
        mass: 165.0,
        grip: 2.1,
        drag_area: 0.4,
        rolling_resistance: 0.03,
    };

    fn tracks_as_long_as_the_real_one() -> Vec<Track> {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut tracks = Vec::new();
        while tracks.len() < 8 {
            let track = Track::draw("any", &mut rng).unwrap();
            if (1_170.0..1_270.0).contains(&track.length()) {
                tracks.push(track);
            }
        }
        tracks
    }

    #[test]
    fn the_fitted_kart_is_about_as_fast_as_the_real_one() {
        let seconds: Vec<f64> = tracks_as_long_as_the_real_one()
            .iter()
            .map(|track| FITTED.lap(track).seconds)
            .collect();
        let mean = seconds.iter().sum::<f64>() / seconds.len() as f64;
        assert!((44.0..54.0).contains(&mean), "{seconds:?}");
        assert!(
            seconds.iter().all(|s| (40.0..58.0).contains(s)),
            "{seconds:?}"
        );
    }

    #[test]
    fn a_kilogram_costs_six_hundredths_of_a_second() {
        for track in tracks_as_long_as_the_real_one() {
            let heavier = Kart {
                mass: FITTED.mass + 10.0,
                ..FITTED
            };
            let lap = FITTED.lap(&track).seconds;
            let per_kilogram = (heavier.lap(&track).seconds - lap) / 10.0 * 50.0 / lap;
            assert!((per_kilogram - 0.057).abs() < 0.015, "{per_kilogram} s/kg");
        }
    }

    #[test]
    fn speed_never_outruns_grip_engine_or_brakes() {
        let track = &tracks_as_long_as_the_real_one()[0];
        let speed = FITTED.speeds(track);
        let grip = FITTED.grip_under_load() * GRAVITY;
        for (i, &v) in speed.iter().enumerate() {
            assert!(v * v * track.curvature[i].abs() <= grip * 1.000_001);
            let next = speed[(i + 1) % speed.len()];
            let acceleration = (next * next - v * v) / (2.0 * track.step);
            assert!(acceleration <= FITTED.acceleration(v, track.curvature[i]) + 1e-9);
            let braking = FITTED.deceleration(next, track.curvature[(i + 1) % speed.len()]);
            assert!(-acceleration <= braking + 1e-9, "point {i}");
        }
    }

    #[test]
    fn sectors_add_up_to_the_lap() {
        for track in tracks_as_long_as_the_real_one() {
            let lap = FITTED.lap(&track);
            assert!((lap.sectors.iter().sum::<f64>() - lap.seconds).abs() < 1e-9);
            assert!(lap.sectors.iter().all(|&s| s > 0.1 * lap.seconds));
        }
    }
}
