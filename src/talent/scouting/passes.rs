//! Passes beyond the expected.
//!
//! Who starts a lap close behind another kart has a chance to pass it. Whether the chance is taken follows
//! the law that simulated races follow as well (log odds, in per cent of lap time):
//!
//! ```text
//! logit P(pass) = level + slope · (rival's pace − own pace) + skill − rival's skill
//! ```
//!
//! The skills are normal random effects. Their variance is found by expectation-maximization around the
//! mode (Laplace's approximation; Stiratelli, Laird & Ware, *Biometrics* 40, 1984), so that a driver with
//! few duels is drawn to the field.

use std::collections::BTreeMap;

use nalgebra::{Cholesky, DMatrix, DVector};

use super::field::median;
use super::{FEWEST_PEERS, ScoutedLap, Session, session};
use crate::talent::pace_model::{Estimate, student_95};

/// Who is so many seconds behind at the line has a chance to pass on the next lap. In simulated seasons the
/// skills follow the truth best with 0.4 to 0.7 s.
const CLOSE: f64 = 0.5;
/// A lap slower than this times the driver's median of the race was lost by a mistake, not in a duel.
const MISTAKE: f64 = 1.03;
const MOST_ITERATIONS: usize = 100;
/// No step of the climb changes log odds by more than this.
const LARGEST_STEP: f64 = 1.0;
/// Log odds that change by less have settled.
const SETTLED: f64 = 1e-4;
const SMALLEST_VARIANCE: f64 = 1e-4;
/// Level and slope.
const FIXED: usize = 2;

/// How a driver passes and is passed.
pub(super) struct Passing {
    /// Of 100 chances to pass the mean driver at equal pace, how many more are taken than the mean driver takes.
    pub above_expected: Estimate,
    /// Chances to pass and to be passed.
    pub duels: usize,
}

/// What the races say of each driver; empty if there are too few drivers or none could pass.
pub(super) fn passing<'a>(laps: &[ScoutedLap<'a>]) -> BTreeMap<&'a str, Passing> {
    let mut races: BTreeMap<Session<'a>, Race<'a, '_>> = BTreeMap::new();
    for lap in laps.iter().filter(|lap| lap.position.is_some()) {
        let of = &lap.lap.observation;
        let race = races.entry(session(of)).or_default();
        race.entry(of.driver).or_default().push(lap);
    }
    let chances: Vec<Chance<'a>> = races.values().flat_map(chances_of).collect();
    let mut duels: BTreeMap<&'a str, usize> = BTreeMap::new();
    for chance in &chances {
        *duels.entry(chance.attacker).or_default() += 1;
        *duels.entry(chance.defender).or_default() += 1;
    }
    let Some(skills) = Skills::fit(&chances, &duels).filter(|_| duels.len() >= FEWEST_PEERS) else {
        return BTreeMap::new();
    };
    let drivers = duels.into_iter().enumerate();
    drivers
        .map(|(number, (driver, duels))| {
            let above_expected = skills.above_expected(number);
            let passing = Passing {
                above_expected,
                duels,
            };
            (driver, passing)
        })
        .collect()
}

/// The laps of each driver, in their order.
type Race<'a, 'l> = BTreeMap<&'a str, Vec<&'l ScoutedLap<'a>>>;

/// A kart close behind another one.
struct Chance<'a> {
    attacker: &'a str,
    defender: &'a str,
    /// By how many per cent of lap time the attacker is faster in this race.
    faster: f64,
    taken: bool,
}

/// The clean chances of a race: both drivers neither stop nor make a mistake.
fn chances_of<'a>(race: &Race<'a, '_>) -> Vec<Chance<'a>> {
    let orders = orders(race);
    let Some(elapsed) = elapsed(race, &orders) else {
        return Vec::new();
    };
    let medians: BTreeMap<&str, f64> = race
        .iter()
        .map(|(driver, laps)| {
            let seconds = laps.iter().map(|lap| lap.lap.observation.seconds);
            (*driver, median(&mut seconds.collect::<Vec<f64>>()))
        })
        .collect();
    let clean_lap = |driver: &str, number: usize| {
        let lap = race[driver].get(number)?;
        let is_clean = !lap.lap.pit && lap.lap.observation.seconds <= MISTAKE * medians[driver];
        is_clean.then_some(lap)
    };
    let mut chances = Vec::new();
    for (number, (before, after)) in (1..).zip(orders.iter().zip(orders.iter().skip(1))) {
        for pair in before.windows(2) {
            let [(place, defender), (next, attacker)] = [pair[0], pair[1]];
            let gap = elapsed[attacker][number - 1] - elapsed[defender][number - 1];
            if after.is_empty() || next != place + 1 || gap > CLOSE {
                continue;
            }
            let laps = clean_lap(defender, number).zip(clean_lap(attacker, number));
            let Some((defended, attacked)) = laps else {
                continue;
            };
            chances.push(Chance {
                attacker,
                defender,
                faster: 100.0 * (medians[defender] / medians[attacker]).ln(),
                taken: attacked.position < defended.position,
            });
        }
    }
    chances
}

/// Who was where at the end of each lap, with the place, the first one first. Empty for a lap at whose end two
/// were in one place: laps are missing from the table.
fn orders<'a>(race: &Race<'a, '_>) -> Vec<Vec<(u32, &'a str)>> {
    let most = race.values().map(Vec::len).max().unwrap_or_default();
    let order_of = |number: usize| {
        let place = |(driver, laps): (&&'a str, &Vec<&ScoutedLap<'a>>)| {
            Some((laps.get(number)?.position?, *driver))
        };
        let mut order: Vec<(u32, &'a str)> = race.iter().filter_map(place).collect();
        order.sort_unstable();
        if order.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            order.clear();
        }
        order
    };
    (0..most).map(order_of).collect()
}

/// When each driver ended each lap, in seconds; `None` if no start of the race makes clocks and places agree.
///
/// Lap times do not tell who started how far behind whom. These are the smallest head starts with which
/// whoever is ahead has driven the shorter time, found as longest paths (Bellman 1958).
fn elapsed<'a>(
    race: &Race<'a, '_>,
    orders: &[Vec<(u32, &'a str)>],
) -> Option<BTreeMap<&'a str, Vec<f64>>> {
    let mut elapsed: BTreeMap<&'a str, Vec<f64>> = race
        .iter()
        .map(|(driver, laps)| {
            let add = |sum: &mut f64, lap: &&ScoutedLap<'a>| {
                *sum += lap.lap.observation.seconds;
                Some(*sum)
            };
            (*driver, laps.iter().scan(0.0, add).collect())
        })
        .collect();
    let mut leads: BTreeMap<(&'a str, &'a str), f64> = BTreeMap::new();
    for (number, order) in orders.iter().enumerate() {
        for pair in order.windows(2) {
            let [(_, ahead), (_, behind)] = [pair[0], pair[1]];
            let lead = elapsed[ahead][number] - elapsed[behind][number];
            let least = leads.entry((ahead, behind)).or_insert(lead);
            *least = least.max(lead);
        }
    }
    let mut starts: BTreeMap<&'a str, f64> = race.keys().map(|driver| (*driver, 0.0)).collect();
    let mut has_changed = true;
    for _ in 0..=race.len() {
        has_changed = false;
        for ((ahead, behind), lead) in &leads {
            let least = starts[ahead] + lead;
            // A millionth of a second more is rounding.
            if least > starts[behind] + 1e-6 {
                starts.insert(behind, least);
                has_changed = true;
            }
        }
        if !has_changed {
            break;
        }
    }
    if has_changed {
        return None;
    }
    for (driver, ends) in &mut elapsed {
        ends.iter_mut().for_each(|end| *end += starts[driver]);
    }
    Some(elapsed)
}

/// Level, slope and the drivers' skills, with their covariances.
struct Skills {
    coefficients: DVector<f64>,
    covariance: DMatrix<f64>,
}

impl Skills {
    /// `None` if nobody passed, or everybody did, so that the law has no level.
    fn fit<'a>(chances: &[Chance<'a>], drivers: &BTreeMap<&'a str, usize>) -> Option<Self> {
        let columns: BTreeMap<&str, usize> = drivers.keys().copied().zip(FIXED..).collect();
        let taken = chances.iter().filter(|chance| chance.taken).count();
        if taken == 0 || taken == chances.len() {
            return None;
        }
        let size = FIXED + drivers.len();
        let mut coefficients = DVector::<f64>::zeros(size);
        let mut variance = 0.25;
        let mut covariance = DMatrix::<f64>::zeros(size, size);
        for _ in 0..MOST_ITERATIONS {
            let mut gradient = DVector::<f64>::zeros(size);
            let mut information = DMatrix::<f64>::zeros(size, size);
            // Level and slope have a prior so wide that it says nothing but that they are finite.
            for column in 0..size {
                let prior = if column < FIXED { 100.0 } else { variance };
                information[(column, column)] = 1.0 / prior;
                gradient[column] = -coefficients[column] / prior;
            }
            for chance in chances {
                let row = [
                    (0, 1.0),
                    (1, chance.faster),
                    (*columns.get(chance.attacker)?, 1.0),
                    (*columns.get(chance.defender)?, -1.0),
                ];
                let log_odds: f64 = row.iter().map(|(i, value)| coefficients[*i] * value).sum();
                let probability = logistic(log_odds);
                let surprise = f64::from(u8::from(chance.taken)) - probability;
                let weight = probability * (1.0 - probability);
                for (i, value) in row {
                    gradient[i] += value * surprise;
                    for (j, other) in row {
                        information[(i, j)] += value * other * weight;
                    }
                }
            }
            let factor = Cholesky::new(information)?;
            let step: DVector<f64> = factor.solve(&gradient);
            let shortened = (LARGEST_STEP / step.amax()).min(1.0);
            coefficients += &step * shortened;
            covariance = factor.inverse();
            let squares = (FIXED..size).map(|i| coefficients[i].powi(2) + covariance[(i, i)]);
            let next = (squares.sum::<f64>() / drivers.len() as f64).max(SMALLEST_VARIANCE);
            let has_settled = step.amax() < SETTLED && (next / variance - 1.0).abs() < SETTLED;
            variance = next;
            if has_settled {
                break;
            }
        }
        Some(Self {
            coefficients,
            covariance,
        })
    }

    /// Of the driver with that number.
    fn above_expected(&self, driver: usize) -> Estimate {
        let column = FIXED + driver;
        let drivers = self.coefficients.len() - FIXED;
        let skill = self.coefficients[column];
        let width =
            student_95(drivers as f64 - 1.0) * self.covariance[(column, column)].max(0.0).sqrt();
        let level = self.coefficients[0];
        let above = |skill: f64| 100.0 * (logistic(level + skill) - logistic(level));
        Estimate {
            value: above(skill),
            low: above(skill - width),
            high: above(skill + width),
        }
    }
}

fn logistic(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}
