//! One session of one driver: which laps count, the deltas of each, and what they add up to.

use serde::{Deserialize, Serialize};

use crate::talent::pace_model::{FEWEST_LAPS_RATED, Observation, TimedLap, clean_positions};
use crate::talent::scouting::{Column, consistency};

/// A lap as it was timed. All times are milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrivenLap {
    /// From 1, in the order of driving.
    pub number: u32,
    /// The lap time.
    pub milliseconds: u32,
    /// All its sectors; empty where none were timed.
    pub sectors: Vec<u32>,
    /// The first lap out of the pits or from the grid.
    pub out_lap: bool,
    /// Whether it led through the pit lane.
    pub pit: bool,
}

/// A lap beside the session's best.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LapDelta {
    /// The lap.
    pub lap: DrivenLap,
    /// From 1; a lap out of the pits begins a stint.
    pub stint: usize,
    /// Whether it tells something about pace: no lap in or out, no mistake, no traffic.
    pub clean: bool,
    /// What it was slower than the best clean lap; negative for a lap that is not clean and was faster, none where
    /// no lap is clean.
    pub to_best: Option<i64>,
    /// What each sector was slower than the driver's best of the session; empty where the lap's sectors are not
    /// those of the session.
    pub sectors_to_best: Vec<i64>,
}

/// The lap that the best sectors would make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TheoreticalBest {
    /// The sum of the best sectors.
    pub milliseconds: u32,
    /// What the best lap was slower.
    pub left: u32,
    /// For each sector its best time and the lap of it.
    pub sectors: Vec<(u32, u32)>,
}

/// What a session says.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionInsights {
    /// Every lap, in the order of driving.
    pub laps: Vec<LapDelta>,
    /// How many of them are clean.
    pub clean: usize,
    /// Number and time of the best clean lap.
    pub best: Option<(u32, u32)>,
    /// The median of the clean laps.
    pub typical: Option<u32>,
    /// Of the clean laps; none without sectors.
    pub theoretical_best: Option<TheoreticalBest>,
    /// How much clean laps of a stint scatter, as a fraction of lap time (a robust coefficient of variation), or why
    /// that cannot be told.
    pub consistency: Column<f64>,
}

/// What is kept of a session to compare others with. Only of sessions with enough clean laps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The best clean lap.
    pub best: u32,
    /// The median of the clean laps.
    pub typical: u32,
    /// The scatter of the clean laps, as in [`SessionInsights::consistency`].
    pub consistency: Option<f64>,
    /// The best of each sector over the clean laps; empty without sectors.
    pub best_sectors: Vec<u32>,
    /// The median of each.
    pub typical_sectors: Vec<u32>,
}

/// Reads a session's laps, in the order of driving, all driven in one weather.
pub fn insights(laps: &[DrivenLap]) -> SessionInsights {
    let stints = stints(laps);
    let names: Vec<String> = stints.iter().map(ToString::to_string).collect();
    let timed: Vec<TimedLap<'_>> = laps
        .iter()
        .zip(&names)
        .map(|(lap, stint)| TimedLap {
            observation: Observation {
                driver: "",
                event: "",
                session: "",
                kart: "",
                stint,
                seconds: f64::from(lap.milliseconds) / 1000.0,
                wet: false,
            },
            out_lap: lap.out_lap,
            pit: lap.pit,
        })
        .collect();
    let positions = clean_positions(&timed);
    let kept: Vec<Observation<'_>> = positions
        .iter()
        .map(|position| timed[*position].observation)
        .collect();
    let mut is_clean = vec![false; laps.len()];
    for position in positions {
        is_clean[position] = true;
    }
    let clean: Vec<&DrivenLap> = laps
        .iter()
        .zip(&is_clean)
        .filter_map(|(lap, clean)| clean.then_some(lap))
        .collect();
    let best = clean
        .iter()
        .min_by_key(|lap| lap.milliseconds)
        .map(|lap| (lap.number, lap.milliseconds));
    let layout = layout(&clean);
    let sectors = best_sectors(&clean, layout);
    SessionInsights {
        clean: clean.len(),
        typical: median(clean.iter().map(|lap| lap.milliseconds).collect()),
        theoretical_best: theoretical_best(&clean, &sectors, layout),
        consistency: consistency(&kept),
        laps: laps
            .iter()
            .zip(stints)
            .zip(is_clean)
            .map(|((lap, stint), clean)| LapDelta {
                lap: lap.clone(),
                stint,
                clean,
                to_best: best.map(|(_, best)| i64::from(lap.milliseconds) - i64::from(best)),
                sectors_to_best: deltas(lap, &sectors),
            })
            .collect(),
        best,
    }
}

impl SessionInsights {
    /// The clean laps with their stints.
    pub fn clean_laps(&self) -> impl Iterator<Item = &LapDelta> {
        self.laps.iter().filter(|lap| lap.clean)
    }

    /// How many clean laps it takes before more than deltas is told.
    pub fn missing(&self) -> usize {
        FEWEST_LAPS_RATED.saturating_sub(self.clean)
    }

    /// The times of a sector over the clean laps that were timed on the session's loops.
    pub(super) fn sector(&self, index: usize) -> Vec<u32> {
        let laps = self
            .clean_laps()
            .filter(|lap| !lap.sectors_to_best.is_empty());
        laps.filter_map(|lap| lap.lap.sectors.get(index).copied())
            .collect()
    }

    /// How many sectors the session's laps have; 0 where none were timed.
    pub fn sector_count(&self) -> usize {
        self.theoretical_best
            .as_ref()
            .map_or(0, |best| best.sectors.len())
    }

    /// What others may be compared with; none below ten clean laps.
    pub fn summary(&self) -> Option<Summary> {
        if self.missing() > 0 {
            return None;
        }
        let sectors = 0..self.sector_count();
        let best = self.theoretical_best.iter().flat_map(|best| &best.sectors);
        Some(Summary {
            best: self.best?.1,
            typical: self.typical?,
            consistency: self.consistency.as_ref().ok().copied(),
            best_sectors: best.map(|(_, milliseconds)| *milliseconds).collect(),
            typical_sectors: sectors
                .map(|sector| median(self.sector(sector)))
                .collect::<Option<_>>()?,
        })
    }
}

/// The number of each lap's stint. A lap out of the pits begins one, and so does the lap after one through them.
fn stints(laps: &[DrivenLap]) -> Vec<usize> {
    let mut stint = 1;
    let mut begins = false;
    laps.iter()
        .enumerate()
        .map(|(index, lap)| {
            if index > 0 && (begins || lap.out_lap) {
                stint += 1;
            }
            begins = lap.pit;
            stint
        })
        .collect()
}

/// How many sectors most clean laps have: a lap with others missed a loop, and is not compared by sector.
fn layout(clean: &[&DrivenLap]) -> usize {
    let count = |sectors: usize| {
        clean
            .iter()
            .filter(|lap| lap.sectors.len() == sectors)
            .count()
    };
    clean
        .iter()
        .map(|lap| lap.sectors.len())
        .filter(|sectors| *sectors > 0)
        .max_by_key(|sectors| (count(*sectors), *sectors))
        .unwrap_or_default()
}

/// For each sector the lap of its best time, and that.
fn best_sectors(clean: &[&DrivenLap], layout: usize) -> Vec<(u32, u32)> {
    let laps = || clean.iter().filter(|lap| lap.sectors.len() == layout);
    (0..layout)
        .filter_map(|index| {
            laps()
                .filter_map(|lap| Some((lap.number, *lap.sectors.get(index)?)))
                .min_by_key(|(_, milliseconds)| *milliseconds)
        })
        .collect()
}

fn theoretical_best(
    clean: &[&DrivenLap],
    sectors: &[(u32, u32)],
    layout: usize,
) -> Option<TheoreticalBest> {
    if sectors.is_empty() {
        return None;
    }
    let milliseconds = sectors.iter().map(|(_, sector)| sector).sum();
    let best = clean
        .iter()
        .filter(|lap| lap.sectors.len() == layout)
        .map(|lap| lap.milliseconds)
        .min()?;
    Some(TheoreticalBest {
        milliseconds,
        left: best.saturating_sub(milliseconds),
        sectors: sectors.to_vec(),
    })
}

fn deltas(lap: &DrivenLap, best: &[(u32, u32)]) -> Vec<i64> {
    if lap.sectors.len() != best.len() {
        return Vec::new();
    }
    let sectors = lap.sectors.iter().zip(best);
    sectors
        .map(|(sector, (_, best))| i64::from(*sector) - i64::from(*best))
        .collect()
}

/// The median, between the middle two where there are two; none of nothing.
pub(super) fn median(values: Vec<u32>) -> Option<u32> {
    quantile(values, 0.5)
}

/// The value below which a share of the values lies, between neighbours (Hyndman & Fan's type 7), rounded to a
/// millisecond; none of nothing.
pub(super) fn quantile(mut values: Vec<u32>, share: f64) -> Option<u32> {
    values.sort_unstable();
    let last = values.len().checked_sub(1)?;
    let place = share.clamp(0.0, 1.0) * last as f64;
    let below = place.floor() as usize;
    let low = f64::from(*values.get(below)?);
    let high = f64::from(*values.get((below + 1).min(last))?);
    Some((low + (high - low) * (place - place.floor())).round() as u32)
}
