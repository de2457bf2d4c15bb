//! One race of one group: laps, mistakes, pit stops, traffic and passing.

use rand::{Rng, RngExt};

use super::drivers::DriverTruth;
use super::physics;
use super::random::{normal, right_skewed};

const FEWEST_LAPS: u32 = 25;
const MOST_LAPS: u32 = 60;
/// How much of a lap's deviation the driver carries into the next one.
const AUTOCORRELATION: f64 = 0.21;
/// Cold tyres: what the first laps of a stint lose, as fractions of lap time.
const COLD_TYRES: [f64; 3] = [0.015, 0.005, 0.003];
const MISTAKE_PROBABILITY: f64 = 0.075;
/// A mistake costs from this fraction of a lap to a whole lap, small ones being more frequent.
const SMALLEST_MISTAKE: f64 = 0.05;
const PIT_PROBABILITY: f64 = 0.027;
const PIT_SECONDS: std::ops::Range<f64> = 18.0..35.0;
/// How well the times of single sectors follow the lap: a fraction of the sector.
const SECTOR_DEVIATION: f64 = 0.003;
/// How a timed lap that sets the grid differs from the pace of the race.
const QUALIFYING_DEVIATION: f64 = 0.004;
/// The distance between two karts on the grid, and of a kart held up behind another.
const GAP_MILLISECONDS: u32 = 200;
/// The log odds that a driver who caught another one passes: for equals, for each per cent that the
/// lap would be faster, and for each standard deviation of racecraft.
const PASS_EQUALS: f64 = 0.5;
const PASS_PER_CENT_FASTER: f64 = 1.0;
const PASS_PER_RACECRAFT: f64 = 0.8;

/// A timed lap, as a timing loop at the line and two on the way record it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lap {
    /// Positions in the championship's events, in the event's sessions and in the drivers.
    pub event: usize,
    pub session: usize,
    pub driver: usize,
    pub kart: u32,
    /// From 1, for each driver and event.
    pub stint: u32,
    /// From 1, for each stint.
    pub number: u32,
    /// The first lap of a stint, on cold tyres.
    pub out_lap: bool,
    /// A lap through the pit lane.
    pub pit: bool,
    /// In the race, at the end of the lap; 1 leads.
    pub position: u32,
    /// Drivers passed on this lap on the track, without those who stopped or made a mistake.
    pub passes: u32,
    pub sector_milliseconds: [u32; 3],
}

impl Lap {
    pub fn milliseconds(&self) -> u32 {
        self.sector_milliseconds.iter().sum()
    }

    pub fn seconds(&self) -> f64 {
        f64::from(self.milliseconds()) / 1_000.0
    }
}

/// A driver in a kart, ready for a race.
#[derive(Clone, Copy)]
pub(super) struct Entrant {
    pub driver: usize,
    pub truth: DriverTruth,
    pub kart: u32,
    pub fastest_lap: physics::Lap,
    /// Everything that stays the same through the race, as a log ratio of the fastest lap.
    pub pace: f64,
}

pub(super) struct Race {
    pub event: usize,
    pub session: usize,
    pub stint: u32,
}

/// A driver in the race, at the end of a lap.
struct Runner {
    entrant: Entrant,
    /// The AR(1) deviation of the last lap.
    deviation: f64,
    /// Milliseconds since the start of the race.
    elapsed: u32,
    lap: Lap,
    /// Whether a pit stop or a mistake left nothing to defend on this lap.
    disturbed: bool,
}

impl Race {
    /// Drives the race and adds its laps, lap by lap in the order on the road.
    pub(super) fn drive(
        &self,
        entrants: Vec<Entrant>,
        laps_driven: &mut [u32],
        laps: &mut Vec<Lap>,
        rng: &mut impl Rng,
    ) {
        let mut order = self.grid(entrants, rng);
        let count = rng.random_range(FEWEST_LAPS..=MOST_LAPS);
        for number in 1..=count {
            let mut standing: Vec<Runner> = Vec::with_capacity(order.len());
            for mut runner in order {
                runner.drive_lap(number, number == count, laps_driven, rng);
                let place = runner.find_place(&standing, rng);
                standing.insert(place, runner);
            }
            for (position, runner) in (1..).zip(&mut standing) {
                runner.lap.position = position;
                laps.push(runner.lap);
            }
            order = standing;
        }
    }

    /// The fastest in qualifying start first.
    fn grid(&self, entrants: Vec<Entrant>, rng: &mut impl Rng) -> Vec<Runner> {
        let mut qualified: Vec<(f64, Entrant)> = entrants
            .into_iter()
            .map(|entrant| (entrant.pace + QUALIFYING_DEVIATION * normal(rng), entrant))
            .collect();
        qualified.sort_by(|a, b| a.0.total_cmp(&b.0));
        (0..)
            .zip(qualified)
            .map(|(slot, (_, entrant))| Runner {
                // Drawn from the stationary distribution, so that no lap is special.
                deviation: entrant.truth.variation * normal(rng),
                elapsed: slot * GAP_MILLISECONDS,
                disturbed: false,
                lap: Lap {
                    event: self.event,
                    session: self.session,
                    driver: entrant.driver,
                    kart: entrant.kart,
                    stint: self.stint,
                    number: 0,
                    out_lap: false,
                    pit: false,
                    position: slot + 1,
                    passes: 0,
                    sector_milliseconds: [0; 3],
                },
                entrant,
            })
            .collect()
    }
}

impl Runner {
    /// Drives a lap on a free track.
    fn drive_lap(
        &mut self,
        number: u32,
        is_last: bool,
        laps_driven: &mut [u32],
        rng: &mut impl Rng,
    ) {
        let Entrant { truth, driver, .. } = self.entrant;
        let fresh = (1.0 - AUTOCORRELATION * AUTOCORRELATION).sqrt();
        self.deviation =
            AUTOCORRELATION * self.deviation + fresh * truth.variation * right_skewed(rng);
        let cold = COLD_TYRES.get(number as usize - 1).unwrap_or(&0.0);
        let pace = self.entrant.pace + truth.unlearned(laps_driven[driver]) + cold + self.deviation;
        laps_driven[driver] += 1;

        let ideal = self.entrant.fastest_lap;
        let seconds = ideal.seconds * libm::exp(pace);
        let lap = milliseconds(seconds);
        let [first, second] = [ideal.sectors[0], ideal.sectors[1]].map(|sector| {
            milliseconds(seconds * sector / ideal.seconds * (1.0 + SECTOR_DEVIATION * normal(rng)))
        });
        let mut sectors = [first, second, lap - first - second];

        let mistake = rng.random_bool(MISTAKE_PROBABILITY);
        if mistake {
            let size = SMALLEST_MISTAKE * libm::pow(SMALLEST_MISTAKE, -rng.random::<f64>());
            sectors[rng.random_range(0..3)] += milliseconds(size * seconds);
        }
        // The pit lane leaves the track in the last sector.
        let pit = number > 1 && !is_last && rng.random_bool(PIT_PROBABILITY);
        if pit {
            sectors[2] += milliseconds(rng.random_range(PIT_SECONDS));
        }
        self.disturbed = mistake || pit;
        self.lap.number = number;
        self.lap.out_lap = number == 1;
        self.lap.pit = pit;
        self.lap.sector_milliseconds = sectors;
        self.elapsed += self.lap.milliseconds();
    }

    /// Where the lap leaves this runner among those who were ahead, sorted by time: a runner who
    /// would have been faster has to pass, and who fails to is held up.
    fn find_place(&mut self, ahead: &[Runner], rng: &mut impl Rng) -> usize {
        for rival in ahead.iter().rev() {
            if rival.elapsed < self.elapsed {
                break;
            }
            if !rival.disturbed && !rng.random_bool(self.pass_probability(rival)) {
                let held_up = rival.elapsed + GAP_MILLISECONDS - self.elapsed;
                self.lap.sector_milliseconds[rng.random_range(0..3)] += held_up;
                self.elapsed += held_up;
                break;
            }
        }
        let place = ahead.partition_point(|rival| rival.elapsed <= self.elapsed);
        let passed = ahead[place..].iter().filter(|rival| !rival.disturbed);
        self.lap.passes = passed.count() as u32;
        place
    }

    fn pass_probability(&self, rival: &Runner) -> f64 {
        let own = f64::from(self.lap.milliseconds());
        let per_cent_faster = 100.0 * (f64::from(rival.lap.milliseconds()) / own - 1.0);
        let racecraft = self.entrant.truth.racecraft - rival.entrant.truth.racecraft;
        let log_odds =
            PASS_EQUALS + PASS_PER_CENT_FASTER * per_cent_faster + PASS_PER_RACECRAFT * racecraft;
        1.0 / (1.0 + libm::exp(-log_odds))
    }
}

fn milliseconds(seconds: f64) -> u32 {
    (seconds * 1_000.0).round() as u32
}

#[cfg(test)]
mod tests {
    use super::super::random::stream;
    use super::*;

    fn entrant(driver: usize, pace: f64, racecraft: f64) -> Entrant {
        Entrant {
            driver,
            truth: DriverTruth {
                pace,
                wet: 0.0,
                racecraft,
                learning_amplitude: 0.0,
                learning_exponent: 0.5,
                laps_before: 1_000.0,
                variation: 0.007,
            },
            kart: 1,
            fastest_lap: physics::Lap {
                seconds: 50.0,
                sectors: [15.0, 20.0, 15.0],
            },
            pace,
        }
    }

    fn drive(entrants: Vec<Entrant>, seed: u64) -> Vec<Lap> {
        let mut laps_driven = vec![0; entrants.len()];
        let mut laps = Vec::new();
        let race = Race {
            event: 0,
            session: 0,
            stint: 1,
        };
        race.drive(entrants, &mut laps_driven, &mut laps, &mut stream(seed, 0));
        laps
    }

    /// The mean clean lap of a fast driver in a field of slower ones.
    fn lap_in_traffic(racecraft: f64) -> f64 {
        let laps: Vec<f64> = (0..60)
            .flat_map(|seed| {
                let field = (1..10).map(|driver| entrant(driver, 0.001, 0.0));
                drive(field.chain([entrant(0, 0.0, racecraft)]).collect(), seed)
            })
            .filter(|lap| lap.driver == 0 && !lap.pit && lap.seconds() < 52.0)
            .map(|lap| lap.seconds())
            .collect();
        laps.iter().sum::<f64>() / laps.len() as f64
    }

    #[test]
    fn racecraft_loses_less_time_in_traffic() {
        let (clumsy, skilled) = (lap_in_traffic(-3.0), lap_in_traffic(3.0));
        assert!(clumsy > skilled + 0.02, "{clumsy} s, {skilled} s");
    }

    #[test]
    fn a_runner_on_the_road_follows_the_clock() {
        let field = (0..12).map(|driver| entrant(driver, 0.001 * driver as f64, 0.0));
        let laps = drive(field.collect(), 7);
        let mut elapsed = [0; 12];
        for (of_lap, number) in laps.chunks(12).zip(1..) {
            for lap in of_lap {
                assert_eq!(lap.number, number);
                elapsed[lap.driver] += lap.milliseconds();
            }
            // The places on the grid are at most 11 gaps apart.
            for pair in of_lap.windows(2) {
                let [ahead, behind] = [pair[0].driver, pair[1].driver];
                assert!(elapsed[ahead] <= elapsed[behind] + 11 * GAP_MILLISECONDS);
            }
        }
    }

    #[test]
    fn a_lone_driver_has_nobody_to_pass() {
        let laps = drive(vec![entrant(0, 0.0, 0.0)], 3);
        assert!(laps.iter().all(|lap| lap.position == 1 && lap.passes == 0));
        assert!(laps[0].out_lap && laps[1..].iter().all(|lap| !lap.out_lap));
        assert!(!laps[0].pit && !laps[laps.len() - 1].pit);
    }
}
