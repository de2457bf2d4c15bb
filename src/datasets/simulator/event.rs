//! One event: a day at a track, with its weather, its lottery of karts and its races.

use chrono::NaiveDate;
use rand::seq::SliceRandom;
use rand::{Rng, RngExt};

use super::Championship;
use super::drivers::DriverTruth;
use super::race::{Entrant, Race};
use super::random::normal;

/// Standard deviations measured on 34,498 rental endurance laps, as fractions of lap time.
const KART_DEVIATION: f64 = 0.0045;
const DRIVER_EVENT_DEVIATION: f64 = 0.0015;
const STINT_DEVIATION: f64 = 0.0055;
/// Rain makes a lap 35 % longer for the mean driver.
const WET_FACTOR: f64 = 1.35;
/// At most this many drivers share the track.
const LARGEST_GRID: usize = 20;

/// An event of the championship.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// `R01` for the first.
    pub id: String,
    pub date: NaiveDate,
    /// The position of its track in the championship.
    pub track: usize,
    pub wet: bool,
    /// The names of its races, in the order in which they are driven.
    pub sessions: Vec<String>,
}

/// What is known of an event before it is driven.
pub(super) struct Plan {
    /// From 1.
    pub number: u32,
    pub date: NaiveDate,
    pub wet: bool,
    pub stints: u32,
}

impl Plan {
    /// Drives the event and adds it, and its laps, to the championship.
    ///
    /// The field is divided into groups that take turns in the same karts. Every driver draws one
    /// kart for the whole event, as rental championships do, so that a kart's worth shows in the
    /// drivers of different groups who had it.
    pub(super) fn drive(
        &self,
        championship: &mut Championship,
        laps_driven: &mut [u32],
        rng: &mut impl Rng,
    ) {
        let track_index = (self.number as usize - 1) % championship.tracks.len();
        let track = &championship.tracks[track_index];
        let groups = self.draw_groups(championship.drivers.len(), rng);
        let kart_paces: Vec<f64> = groups[0]
            .iter()
            .map(|_| KART_DEVIATION * normal(rng))
            .collect();
        let field: Vec<Vec<Entrant>> = groups
            .into_iter()
            .map(|group| {
                let mut karts: Vec<usize> = (0..kart_paces.len()).collect();
                karts.shuffle(rng);
                group
                    .into_iter()
                    .zip(karts)
                    .map(|(driver, kart)| {
                        let truth = championship.truth[driver];
                        let weight = championship.drivers[driver].weight_kg;
                        Entrant {
                            driver,
                            truth,
                            kart: kart as u32 + 1,
                            fastest_lap: championship.class.kart(weight).lap(track),
                            pace: self.pace_of(&truth)
                                + kart_paces[kart]
                                + DRIVER_EVENT_DEVIATION * normal(rng),
                        }
                    })
                    .collect()
            })
            .collect();

        let races = self.stints as usize * field.len();
        let mut drift = Drift::draw(races, rng);
        let mut sessions = Vec::with_capacity(races);
        for stint in 1..=self.stints {
            for (group, grid) in ('A'..).zip(&field) {
                let race = Race {
                    event: self.number as usize - 1,
                    session: sessions.len(),
                    stint,
                };
                let now = drift.next();
                let entrants = grid
                    .iter()
                    .map(|entrant| Entrant {
                        pace: entrant.pace + now + STINT_DEVIATION * normal(rng),
                        ..*entrant
                    })
                    .collect();
                race.drive(entrants, laps_driven, &mut championship.laps, rng);
                sessions.push(format!("Race {stint}{group}"));
            }
        }
        championship.events.push(Event {
            id: format!("R{:02}", self.number),
            date: self.date,
            track: track_index,
            wet: self.wet,
            sessions,
        });
    }

    fn draw_groups(&self, drivers: usize, rng: &mut impl Rng) -> Vec<Vec<usize>> {
        let mut everyone: Vec<usize> = (0..drivers).collect();
        everyone.shuffle(rng);
        let groups = drivers.div_ceil(LARGEST_GRID).max(2);
        everyone
            .chunks(drivers.div_ceil(groups))
            .map(<[usize]>::to_vec)
            .collect()
    }

    fn pace_of(&self, truth: &DriverTruth) -> f64 {
        if self.wet {
            truth.pace + libm::log(WET_FACTOR) + truth.wet
        } else {
            truth.pace
        }
    }
}

/// The track gains grip or loses it through the day, by 0.1-0.6 % in all.
struct Drift {
    now: f64,
    step: f64,
}

impl Drift {
    fn draw(races: usize, rng: &mut impl Rng) -> Self {
        let size = rng.random_range(0.001..0.006);
        let total = if rng.random_bool(0.5) { size } else { -size };
        Self {
            now: -total / 2.0,
            step: total / (races.max(2) - 1) as f64,
        }
    }

    fn next(&mut self) -> f64 {
        let now = self.now;
        self.now += self.step;
        now
    }
}
