//! A scout's columns: what the laps and the consensus say about each driver, and how sure it is.
//!
//! Pure: laps, a fit of the pace model and, where there is one, a consensus go in; a line a driver comes
//! out. Each column is a value with its uncertainty, or the reason why there is none: nothing is told of a
//! driver with fewer than ten clean laps. May touch: `pace_model`, `consensus`. Start reading at
//! [`columns`].

mod evidence;
mod field;
mod least_squares;
mod passes;

use std::collections::BTreeMap;

pub use evidence::{BAR, EventPace, Evidence, LOWEST, SectorPace, evidence};

use field::Field;
pub(in crate::talent) use field::consistency;

use super::consensus::{Consensus, RankInterval};
use super::pace_model::{Estimate, Fit, Observation, TimedLap};

/// What a kilogram costs, as a fraction of lap time: 0.057 s of a 50 s lap. That is what the simulator's
/// quasi-steady-state lap of a junior kart says; paddock lore has about 0.05 s.
pub const KILOGRAM: f64 = 0.057 / 50.0;
/// Fewer drivers do not tell what is usual at an age, or how often one passes.
const FEWEST_PEERS: usize = 8;

/// A lap with what else was timed on it.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoutedLap<'a> {
    /// The lap itself. Laps come in the order in which they were driven.
    pub lap: TimedLap<'a>,
    /// All its sectors, in seconds; empty where none were timed.
    pub sectors: Vec<f64>,
    /// The place at the end of the lap, 1 leads; `None` outside of races.
    pub position: Option<u32>,
}

/// What is known of a driver beside the laps.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Physique {
    /// Of the driver without the kart.
    pub weight_kg: Option<f64>,
    /// In years; the middle of an age band.
    pub age: Option<f64>,
}

/// Why a column is empty.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Missing {
    /// Too little was driven.
    #[error("{found} of the {needed} clean {what} that it takes")]
    TooFew {
        /// Laps, laps in the wet, sessions …
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many it takes.
        needed: usize,
    },
    /// Nobody recorded it.
    #[error("{0} not known")]
    NotRecorded(&'static str),
    /// There is no consensus, or it does not say how sure it is.
    #[error("no models that could agree or disagree")]
    NoConsensus,
}

/// A value, or why there is none.
pub type Column<T> = Result<T, Missing>;

/// A driver as a scout sees them. Fractions of lap time are negative where the driver is faster.
#[derive(Clone, Debug, PartialEq)]
pub struct Scouted {
    /// The pseudonym.
    pub driver: String,
    /// Clean laps that all of this rests on.
    pub laps: usize,
    /// The share of the rated drivers who are slower, 0 to 100, with the percentiles that the ends of the
    /// pace's interval would have.
    pub pace_percentile: Column<Estimate>,
    /// The place among all drivers as the models have it, and the chance to be of the best tenth.
    pub place: Column<RankInterval>,
    /// How much clean laps of a stint scatter, as a fraction of lap time: 1.4826 times the median absolute
    /// deviation from the stint's median, in which a spin or traffic does not count.
    pub consistency: Column<f64>,
    /// How much faster the driver gets against the field, as a fraction of lap time for each e-fold number of
    /// sessions: with −0.002 the 20th session was 0.6 % faster than the first.
    pub improvement: Column<Estimate>,
    /// What the wet adds to the pace beyond what it adds for the mean driver.
    pub wet_minus_dry: Column<Estimate>,
    /// The pace if everybody weighed as much as the mean driver; holds where no ballast makes drivers equal.
    pub weight_adjusted_pace: Column<Estimate>,
    /// The pace less what is usual at that age in this field (a straight line by age): negative for who is
    /// ahead of their age.
    pub pace_for_age: Column<Estimate>,
    /// Of 100 chances to pass the mean driver at equal pace, how many more this driver takes than the mean driver
    /// does; not being passed counts alike. A chance is a lap that begins at most half a second behind another
    /// kart. Over 40 simulated seasons the values of a season correlate by 0.65 (0.42 to 0.84) with the
    /// drivers' true skill in passing.
    pub passes_above_expected: Column<Estimate>,
    /// From the best sectors of the latest event with ten clean laps.
    pub theoretical_best: Column<TheoreticalBest>,
    /// How far the models agree about all drivers: Kendall's W, 0 to 1.
    pub agreement: Column<f64>,
}

/// The lap that a driver's best sectors would make.
#[derive(Clone, Debug, PartialEq)]
pub struct TheoreticalBest {
    /// Where they were driven.
    pub event: String,
    /// The sum of the best sectors.
    pub seconds: f64,
    /// What the best clean lap was slower: what is to be won by doing everything right at once.
    pub left: f64,
}

/// Fills a scout's columns for every driver of `fit`, the fastest first.
///
/// `clean` are the positions of the clean ones among `laps`, ascending, as
/// [`clean_positions`](super::pace_model::clean_positions) finds them, and `fit` is of these. O(laps · log laps).
pub fn columns(
    laps: &[ScoutedLap<'_>],
    clean: &[usize],
    fit: &Fit,
    physiques: &BTreeMap<String, Physique>,
    consensus: Option<&Consensus>,
) -> Vec<Scouted> {
    let clean = clean_ones(laps, clean);
    let mut of_driver: BTreeMap<&str, Vec<Observation<'_>>> = BTreeMap::new();
    for lap in &clean {
        let observation = lap.lap.observation;
        of_driver
            .entry(observation.driver)
            .or_default()
            .push(observation);
    }
    let field = Field::new(laps, &clean, fit, physiques);
    fit.drivers
        .iter()
        .map(|pace| {
            let empty = Vec::new();
            let clean = of_driver.get(pace.driver.as_str()).unwrap_or(&empty);
            field.scouted(pace, clean, consensus)
        })
        .collect()
}

/// The laps at these positions.
fn clean_ones<'a>(laps: &'a [ScoutedLap<'a>], clean: &[usize]) -> Vec<&'a ScoutedLap<'a>> {
    clean
        .iter()
        .filter_map(|position| laps.get(*position))
        .collect()
}

/// Event, session, wet.
type Session<'a> = (&'a str, &'a str, bool);

fn session<'a>(lap: &Observation<'a>) -> Session<'a> {
    (lap.event, lap.session, lap.wet)
}

#[cfg(test)]
mod tests;
