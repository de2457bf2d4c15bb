//! What lies behind a driver's columns, to look at: how the laps scatter, how the events went, where on the
//! lap the time is won and lost.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::field::{median, session_levels};
use super::{ScoutedLap, Session, clean_ones, session};
use crate::talent::pace_model::{
    FEWEST_LAPS_RATED, Fit, Observation, StandardDeviations, student_95,
};

/// The lowest edge of a distribution, and the width of its bars, as fractions of the field's lap time.
pub const LOWEST: f64 = -0.05;
/// See [`LOWEST`].
pub const BAR: f64 = 0.004;
/// With both ends open.
const BARS: usize = 25;
/// Fewer stints do not tell how a sector scatters.
const FEWEST_STINTS: usize = 3;

/// What the laps of one driver look like.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Evidence {
    /// Clean laps in the dry and in the wet.
    pub dry_laps: usize,
    /// In the wet.
    pub wet_laps: usize,
    /// Stints with a clean lap.
    pub stints: usize,
    /// The driver's clean laps by how far they were behind the field's: bars of 0.4 % of lap time from
    /// −5 % (faster) on; the first and the last bar hold what lies beyond.
    pub distribution: Vec<u32>,
    /// The same of all drivers.
    pub field: Vec<u32>,
    /// In the order in which they were driven.
    pub events: Vec<EventPace>,
    /// The first sector first; empty where sectors were not timed.
    pub sectors: Vec<SectorPace>,
}

/// How a driver was at an event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EventPace {
    /// The event, as the release calls it.
    pub event: String,
    /// Whether most of the laps were driven in the wet.
    pub wet: bool,
    /// Clean laps.
    pub laps: usize,
    /// Behind the field, as a fraction of lap time: less is faster. Kart and form of the day are in it.
    pub pace: f64,
    /// The lower end of a 95 % interval: what the lot of the kart, the stints and the single laps leave open.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// How a driver is in a sector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SectorPace {
    /// From 1.
    pub sector: usize,
    /// Behind the median of the class in the same sessions, as a fraction of the sector's time.
    pub pace: f64,
    /// The ends of a 95 % interval, from how the stints scatter; none with fewer than three stints.
    pub interval: Option<(f64, f64)>,
    /// The same in seconds of an average lap.
    pub seconds: f64,
}

/// What the laps of each driver of `fit` look like. Drivers with fewer than ten clean laps are left out.
///
/// `clean` and `fit` are as for [`columns`](super::columns()); `class_of` says whom a driver's sectors are compared with: those of the same class. O(laps · log laps).
pub fn evidence(
    laps: &[ScoutedLap<'_>],
    clean: &[usize],
    fit: &Fit,
    class_of: impl Fn(&str) -> Option<String>,
) -> BTreeMap<String, Evidence> {
    let clean = clean_ones(laps, clean);
    let paces: BTreeMap<&str, f64> = fit
        .drivers
        .iter()
        .map(|driver| (driver.driver.as_str(), driver.pace.value.ln_1p()))
        .collect();
    let levels = session_levels(&clean, &paces);
    let behind = |lap: &Observation<'_>| {
        let level = levels.get(&session(lap)).copied().unwrap_or_default();
        lap.seconds.ln() - level
    };
    let mut field = vec![0; BARS];
    for lap in &clean {
        field[bar(behind(&lap.lap.observation))] += 1;
    }
    let sectors = SectorMedians::new(&clean, &class_of);
    let mut of_driver: BTreeMap<&str, Vec<&ScoutedLap<'_>>> = BTreeMap::new();
    for lap in &clean {
        of_driver
            .entry(lap.lap.observation.driver)
            .or_default()
            .push(lap);
    }
    of_driver
        .into_iter()
        .filter(|(_, laps)| laps.len() >= FEWEST_LAPS_RATED)
        .map(|(driver, laps)| {
            let mut distribution = vec![0; BARS];
            for lap in &laps {
                distribution[bar(behind(&lap.lap.observation))] += 1;
            }
            let wet_laps = laps.iter().filter(|lap| lap.lap.observation.wet).count();
            let stints: BTreeSet<Stint<'_>> =
                laps.iter().map(|lap| stint(&lap.lap.observation)).collect();
            let evidence = Evidence {
                dry_laps: laps.len() - wet_laps,
                wet_laps,
                stints: stints.len(),
                distribution,
                field: field.clone(),
                events: events(&laps, &fit.standard_deviations, behind),
                sectors: sectors.of_driver(&laps, class_of(driver)),
            };
            (driver.to_owned(), evidence)
        })
        .collect()
}

fn bar(behind: f64) -> usize {
    // As casts saturate, what lies beyond the ends falls into the first and the last bar.
    (((behind - LOWEST) / BAR).floor() as usize).min(BARS - 1)
}

/// Session, kart and stint of a driver.
type Stint<'a> = (Session<'a>, &'a str, &'a str);

fn stint<'a>(lap: &Observation<'a>) -> Stint<'a> {
    (session(lap), lap.kart, lap.stint)
}

fn events(
    laps: &[&ScoutedLap<'_>],
    deviations: &StandardDeviations,
    behind: impl Fn(&Observation<'_>) -> f64,
) -> Vec<EventPace> {
    // In the order in which they were driven.
    let mut events: Vec<(&str, Vec<&Observation<'_>>)> = Vec::new();
    for lap in laps {
        let lap = &lap.lap.observation;
        match events.iter_mut().find(|(event, _)| *event == lap.event) {
            Some((_, of_event)) => of_event.push(lap),
            None => events.push((lap.event, vec![lap])),
        }
    }
    let of_event = |(event, laps): (&str, Vec<&Observation<'_>>)| {
        let count = laps.len() as f64;
        let karts: BTreeSet<&str> = laps.iter().map(|lap| lap.kart).collect();
        let stints: BTreeSet<Stint<'_>> = laps.iter().map(|lap| stint(lap)).collect();
        let variance = |deviation: Option<f64>, of: usize| {
            deviation.map_or(0.0, |deviation| deviation.powi(2) / of as f64)
        };
        let error = (variance(deviations.kart, karts.len())
            + variance(deviations.stint, stints.len())
            + variance(Some(deviations.residual), laps.len()))
        .sqrt();
        let mean = laps.iter().map(|lap| behind(lap)).sum::<f64>() / count;
        let width = student_95(f64::INFINITY) * error;
        EventPace {
            event: event.to_owned(),
            wet: 2 * laps.iter().filter(|lap| lap.wet).count() > laps.len(),
            laps: laps.len(),
            pace: mean.exp_m1(),
            low: (mean - width).exp_m1(),
            high: (mean + width).exp_m1(),
        }
    };
    events.into_iter().map(of_event).collect()
}

/// Of each class, session and sector the median time.
struct SectorMedians<'a> {
    medians: BTreeMap<(Option<String>, Session<'a>), Vec<f64>>,
}

impl<'a> SectorMedians<'a> {
    fn new(clean: &[&ScoutedLap<'a>], class_of: &impl Fn(&str) -> Option<String>) -> Self {
        let mut times: BTreeMap<(Option<String>, Session<'a>), Vec<Vec<f64>>> = BTreeMap::new();
        for lap in clean.iter().filter(|lap| !lap.sectors.is_empty()) {
            let observation = &lap.lap.observation;
            let sectors = times
                .entry((class_of(observation.driver), session(observation)))
                .or_insert_with(|| vec![Vec::new(); lap.sectors.len()]);
            // A lap with other sectors was not timed on the same loops.
            if sectors.len() == lap.sectors.len() {
                for (times, sector) in sectors.iter_mut().zip(&lap.sectors) {
                    times.push(*sector);
                }
            }
        }
        let medians = |(key, mut sectors): (_, Vec<Vec<f64>>)| {
            let medians = sectors.iter_mut().map(|times| median(times));
            (key, medians.collect())
        };
        Self {
            medians: times.into_iter().map(medians).collect(),
        }
    }

    fn of_driver(&self, laps: &[&ScoutedLap<'a>], class: Option<String>) -> Vec<SectorPace> {
        let mut class = class;
        // By sector and stint: the sum of the log ratios to the median, and how many.
        let mut ratios: Vec<BTreeMap<Stint<'a>, (f64, f64)>> = Vec::new();
        let mut usual: Vec<(f64, f64)> = Vec::new();
        for lap in laps.iter().filter(|lap| !lap.sectors.is_empty()) {
            let observation = &lap.lap.observation;
            let key = (class.take(), session(observation));
            let medians = self.medians.get(&key);
            class = key.0;
            let Some(medians) = medians.filter(|medians| medians.len() == lap.sectors.len()) else {
                continue;
            };
            if ratios.is_empty() {
                ratios = vec![BTreeMap::new(); medians.len()];
                usual = vec![(0.0, 0.0); medians.len()];
            }
            for (sector, (time, median)) in lap.sectors.iter().zip(medians).enumerate() {
                let (Some(ratios), Some(usual)) = (ratios.get_mut(sector), usual.get_mut(sector))
                else {
                    continue;
                };
                let (sum, count) = ratios.entry(stint(observation)).or_default();
                *sum += (time / median).ln();
                *count += 1.0;
                *usual = (usual.0 + median, usual.1 + 1.0);
            }
        }
        ratios
            .into_iter()
            .zip(usual)
            .enumerate()
            .map(|(index, (stints, (sum, count)))| sector_pace(index + 1, &stints, sum / count))
            .collect()
    }
}

fn sector_pace(sector: usize, stints: &BTreeMap<Stint<'_>, (f64, f64)>, usual: f64) -> SectorPace {
    let laps: f64 = stints.values().map(|(_, count)| count).sum();
    let mean = stints.values().map(|(sum, _)| sum).sum::<f64>() / laps;
    let count = stints.len() as f64;
    let interval = (stints.len() >= FEWEST_STINTS).then(|| {
        // The error of a weighted mean, from how the stints scatter around it.
        let squares = stints
            .values()
            .map(|(sum, of_stint)| (of_stint / laps * (sum / of_stint - mean)).powi(2));
        let error = (squares.sum::<f64>() * count / (count - 1.0)).sqrt();
        let width = student_95(count - 1.0) * error;
        ((mean - width).exp_m1(), (mean + width).exp_m1())
    });
    SectorPace {
        sector,
        pace: mean.exp_m1(),
        interval,
        seconds: mean.exp_m1() * usual,
    }
}
