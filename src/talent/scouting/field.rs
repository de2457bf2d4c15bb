//! What a driver is compared with, and the columns that come of it.

use std::collections::BTreeMap;

use super::least_squares::least_squares;
use super::passes::{Passing, passing};
use super::{
    Column, FEWEST_PEERS, KILOGRAM, Missing, Physique, Scouted, ScoutedLap, Session,
    TheoreticalBest, session,
};
use crate::talent::consensus::{Consensus, RankInterval};
use crate::talent::pace_model::{DriverPace, Estimate, FEWEST_LAPS_RATED, Fit, Observation};

/// Fewer laps do not tell how a stint scatters.
const FEWEST_LAPS_OF_STINT: usize = 5;
/// Fewer chances to pass or to be passed do not tell how a driver does it.
const FEWEST_DUELS: usize = 30;
/// Fewer sessions do not tell a slope.
const FEWEST_SESSIONS: usize = 4;
/// Of a normal distribution, the standard deviation in median absolute deviations.
const MEDIAN_DEVIATIONS: f64 = 1.482_6;

/// What a driver is compared with.
pub(super) struct Field<'a> {
    physiques: &'a BTreeMap<String, Physique>,
    /// The paces of the rated drivers, ascending.
    paces: Vec<f64>,
    mean_weight: Option<f64>,
    /// Intercept and slope of pace by age.
    by_age: Option<(f64, f64)>,
    /// The mean log lap time of each session and weather, less the paces of who drove it.
    sessions: BTreeMap<Session<'a>, f64>,
    passing: BTreeMap<&'a str, Passing>,
    /// The clean laps of each driver that have sectors.
    sectors: BTreeMap<&'a str, Vec<&'a ScoutedLap<'a>>>,
}

impl<'a> Field<'a> {
    pub fn new(
        laps: &'a [ScoutedLap<'a>],
        clean: &[&'a ScoutedLap<'a>],
        fit: &Fit,
        physiques: &'a BTreeMap<String, Physique>,
    ) -> Self {
        let rated: Vec<&DriverPace> = fit.drivers.iter().filter(|d| d.is_rated()).collect();
        let mut paces: Vec<f64> = rated.iter().map(|d| d.pace.value).collect();
        paces.sort_unstable_by(f64::total_cmp);
        let physique = |driver: &DriverPace| physiques.get(&driver.driver);
        let weights: Vec<f64> = rated
            .iter()
            .filter_map(|driver| physique(driver)?.weight_kg)
            .collect();
        let ages: Vec<(f64, f64)> = rated
            .iter()
            .filter_map(|driver| Some((physique(driver)?.age?, driver.pace.value)))
            .collect();
        let of_driver: BTreeMap<&str, f64> = fit
            .drivers
            .iter()
            .map(|driver| (driver.driver.as_str(), driver.pace.value.ln_1p()))
            .collect();
        Self {
            physiques,
            mean_weight: mean_of(&weights),
            by_age: line_by_age(&ages),
            sessions: session_levels(clean, &of_driver),
            passing: passing(laps),
            sectors: with_sectors(clean),
            paces,
        }
    }

    /// The line of a driver, whose clean laps are `clean`.
    pub fn scouted(
        &self,
        pace: &DriverPace,
        clean: &[Observation<'a>],
        consensus: Option<&Consensus>,
    ) -> Scouted {
        let enough = at_least("laps", clean.len().min(pace.laps), FEWEST_LAPS_RATED);
        let physique = self
            .physiques
            .get(&pace.driver)
            .copied()
            .unwrap_or_default();
        let rated = || enough.clone();
        Scouted {
            driver: pace.driver.clone(),
            laps: pace.laps,
            pace_percentile: rated().map(|()| self.percentile(&pace.pace)),
            place: rated().and_then(|()| place(&pace.driver, consensus)),
            consistency: rated().and_then(|()| consistency(clean)),
            improvement: rated().and_then(|()| self.improvement(clean, pace)),
            wet_minus_dry: rated().and_then(|()| wet_minus_dry(clean, pace)),
            weight_adjusted_pace: rated().and_then(|()| self.weight_adjusted(pace, physique)),
            pace_for_age: rated().and_then(|()| self.for_age(pace, physique)),
            passes_above_expected: rated().and_then(|()| self.passes(&pace.driver)),
            theoretical_best: rated().and_then(|()| self.theoretical_best(&pace.driver, clean)),
            agreement: rated().and_then(|()| {
                let agreement = consensus.and_then(|consensus| consensus.agreement);
                agreement.ok_or(Missing::NoConsensus)
            }),
        }
    }

    fn percentile(&self, pace: &Estimate) -> Estimate {
        let others = self.paces.len().saturating_sub(1).max(1) as f64;
        let slower = |value: f64| {
            let slower = self.paces.len() - self.paces.partition_point(|pace| *pace <= value);
            (100.0 * slower as f64 / others).min(100.0)
        };
        Estimate {
            value: slower(pace.value),
            // The slow end of the pace is the low end of the percentile.
            low: slower(pace.high),
            high: slower(pace.low),
        }
    }

    fn improvement(&self, clean: &[Observation<'a>], pace: &DriverPace) -> Column<Estimate> {
        // In the order in which they were driven.
        let mut sessions: Vec<(Session<'a>, f64, f64)> = Vec::new();
        for lap in clean {
            let of_field = self
                .sessions
                .get(&session(lap))
                .copied()
                .unwrap_or_default();
            let behind = lap.seconds.ln() - of_field;
            match sessions.iter_mut().find(|(key, ..)| *key == session(lap)) {
                Some((_, sum, count)) => (*sum, *count) = (*sum + behind, *count + 1.0),
                None => sessions.push((session(lap), behind, 1.0)),
            }
        }
        at_least("sessions", sessions.len(), FEWEST_SESSIONS)?;
        let wet = pace.wet.map_or(0.0, |wet| wet.value.ln_1p());
        let numbers = sessions
            .iter()
            .zip(1..)
            .map(|(_, number)| f64::from(number).ln());
        let paces: Vec<f64> = sessions
            .iter()
            .map(|((.., is_wet), sum, count)| sum / count - if *is_wet { wet } else { 0.0 })
            .collect();
        let columns = [vec![1.0; paces.len()], numbers.collect()];
        least_squares(&columns, &paces)
            .map(|fit| fit.estimate(1))
            .ok_or(Missing::NotRecorded("how sessions differ is"))
    }

    fn weight_adjusted(&self, pace: &DriverPace, physique: Physique) -> Column<Estimate> {
        let weight = physique.weight_kg.zip(self.mean_weight);
        let (weight, mean) = weight.ok_or(Missing::NotRecorded("the driver's weight is"))?;
        Ok(shifted(&pace.pace, -KILOGRAM * (weight - mean)))
    }

    fn for_age(&self, pace: &DriverPace, physique: Physique) -> Column<Estimate> {
        let age = physique
            .age
            .ok_or(Missing::NotRecorded("the driver's age is"))?;
        let (level, slope) = self
            .by_age
            .ok_or(Missing::NotRecorded("the age of enough other drivers is"))?;
        Ok(shifted(&pace.pace, -(level + slope * age)))
    }

    fn passes(&self, driver: &str) -> Column<Estimate> {
        let passing = self
            .passing
            .get(driver)
            .ok_or(Missing::NotRecorded("who passed whom is"))?;
        at_least("duels", passing.duels, FEWEST_DUELS)?;
        Ok(passing.above_expected)
    }

    fn theoretical_best(&self, driver: &str, clean: &[Observation<'a>]) -> Column<TheoreticalBest> {
        if self.sectors.is_empty() {
            return Err(Missing::NotRecorded("sector times are"));
        }
        let mut events: BTreeMap<&str, usize> = BTreeMap::new();
        for lap in clean {
            *events.entry(lap.event).or_default() += 1;
        }
        let most = events.values().copied().max().unwrap_or_default();
        at_least("laps at one event", most, FEWEST_LAPS_RATED)?;
        let mut latest = clean.iter().rev().map(|lap| lap.event);
        let event = latest
            .find(|event| events.get(event).copied().unwrap_or_default() >= FEWEST_LAPS_RATED)
            .ok_or(Missing::NotRecorded("the event is"))?;
        let driven = self.sectors.get(driver).into_iter().flatten();
        let driven = driven.filter(|lap| lap.lap.observation.event == event);
        let mut best: Vec<f64> = Vec::new();
        let mut fastest = f64::INFINITY;
        for lap in driven {
            if best.is_empty() {
                best.clone_from(&lap.sectors);
            }
            // A lap with other sectors was not timed on the same loops.
            if best.len() == lap.sectors.len() {
                for (best, sector) in best.iter_mut().zip(&lap.sectors) {
                    *best = best.min(*sector);
                }
                fastest = fastest.min(lap.lap.observation.seconds);
            }
        }
        let seconds: f64 = best.iter().sum();
        if !fastest.is_finite() || !seconds.is_finite() {
            return Err(Missing::NotRecorded("sector times are"));
        }
        Ok(TheoreticalBest {
            event: event.to_owned(),
            seconds,
            left: (fastest - seconds).max(0.0),
        })
    }
}

/// The mean log lap time of each session and weather, less the paces of who drove it.
pub(super) fn session_levels<'a>(
    clean: &[&ScoutedLap<'a>],
    paces: &BTreeMap<&str, f64>,
) -> BTreeMap<Session<'a>, f64> {
    let mut sums: BTreeMap<Session<'a>, (f64, f64)> = BTreeMap::new();
    for lap in clean.iter().map(|lap| &lap.lap.observation) {
        let pace = paces.get(lap.driver).copied().unwrap_or_default();
        let (sum, count) = sums.entry(session(lap)).or_default();
        *sum += lap.seconds.ln() - pace;
        *count += 1.0;
    }
    let mean = |(session, (sum, count))| (session, sum / count);
    sums.into_iter().map(mean).collect()
}

/// The clean laps of each driver whose sectors were timed.
fn with_sectors<'a>(clean: &[&'a ScoutedLap<'a>]) -> BTreeMap<&'a str, Vec<&'a ScoutedLap<'a>>> {
    let mut found: BTreeMap<&'a str, Vec<&'a ScoutedLap<'a>>> = BTreeMap::new();
    for lap in clean.iter().filter(|lap| !lap.sectors.is_empty()) {
        let driver = lap.lap.observation.driver;
        found.entry(driver).or_default().push(lap);
    }
    found
}

fn at_least(what: &'static str, found: usize, needed: usize) -> Column<()> {
    if found >= needed {
        return Ok(());
    }
    Err(Missing::TooFew {
        what,
        found,
        needed,
    })
}

fn place(driver: &str, consensus: Option<&Consensus>) -> Column<RankInterval> {
    let rated = consensus.and_then(|c| c.drivers.iter().find(|rated| rated.driver == driver));
    rated
        .and_then(|rated| rated.interval)
        .ok_or(Missing::NoConsensus)
}

/// How much clean laps scatter around the median of their stint, as a fraction of lap time.
pub(in crate::talent) fn consistency(clean: &[Observation<'_>]) -> Column<f64> {
    let mut stints: BTreeMap<_, Vec<f64>> = BTreeMap::new();
    for lap in clean {
        let stint = (session(lap), lap.kart, lap.stint);
        stints.entry(stint).or_default().push(lap.seconds);
    }
    let mut deviations: Vec<f64> = stints
        .into_values()
        .filter(|stint| stint.len() >= FEWEST_LAPS_OF_STINT)
        .flat_map(|mut stint| {
            let middle = median(&mut stint);
            stint
                .into_iter()
                .map(move |seconds| (seconds / middle - 1.0).abs())
        })
        .collect();
    at_least(
        "laps in stints of five",
        deviations.len(),
        FEWEST_LAPS_RATED,
    )?;
    Ok(MEDIAN_DEVIATIONS * median(&mut deviations))
}

fn wet_minus_dry(clean: &[Observation<'_>], pace: &DriverPace) -> Column<Estimate> {
    let wet = clean.iter().filter(|lap| lap.wet).count();
    at_least("laps in the wet", wet, FEWEST_LAPS_RATED)?;
    at_least("laps in the dry", clean.len() - wet, FEWEST_LAPS_RATED)?;
    pace.wet
        .ok_or(Missing::NotRecorded("what the wet does to others is"))
}

/// Level at age 0 and slope by year, where enough drivers of different ages are known.
pub(super) fn line_by_age(ages: &[(f64, f64)]) -> Option<(f64, f64)> {
    if ages.len() < FEWEST_PEERS {
        return None;
    }
    let columns = [
        vec![1.0; ages.len()],
        ages.iter().map(|(age, _)| *age).collect(),
    ];
    let paces: Vec<f64> = ages.iter().map(|(_, pace)| *pace).collect();
    let line = least_squares(&columns, &paces)?;
    Some((line.coefficients[0], line.coefficients[1]))
}

fn shifted(estimate: &Estimate, by: f64) -> Estimate {
    Estimate {
        value: estimate.value + by,
        low: estimate.low + by,
        high: estimate.high + by,
    }
}

fn mean_of(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The upper median; NaN of nothing.
pub(super) fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
