//! What the protection cost: is the pace ranking of the drivers still there?

use serde::{Deserialize, Serialize};

use super::{AttackError, EventSequences};
use crate::datasets::anonymize::quantiles::{ascending, median};

/// How much of the pace ranking a release keeps.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PaceRanking {
    /// Events with at least two drivers on both sides whose medians differ.
    pub events: u64,
    /// Spearman's ρ between the drivers' median laps in the original and in the release, averaged over
    /// those events. An event whose release shows the same median for all counts as 0.
    pub rho: f64,
    /// ρ of the worst event.
    pub worst: f64,
}

/// Compares the drivers' median laps of the original and of the release.
///
/// # Errors
/// [`AttackError::NothingInCommon`] where no event has two drivers on both sides to rank.
pub fn pace_ranking(events: &[EventSequences]) -> Result<PaceRanking, AttackError> {
    let rhos: Vec<f64> = events.iter().filter_map(event_rho).collect();
    let Some(worst) = rhos.iter().copied().reduce(f64::min) else {
        return Err(AttackError::NothingInCommon);
    };
    Ok(PaceRanking {
        events: rhos.len() as u64,
        rho: rhos.iter().sum::<f64>() / rhos.len() as f64,
        worst,
    })
}

fn event_rho(event: &EventSequences) -> Option<f64> {
    let original: std::collections::HashMap<u32, f64> = event
        .original
        .iter()
        .filter_map(|(subject, laps)| Some((*subject, median(laps.iter().copied())?)))
        .collect();
    let (before, after): (Vec<f64>, Vec<f64>) = event
        .released
        .iter()
        .filter_map(|(subject, laps)| {
            Some((*original.get(subject)?, median(laps.iter().copied())?))
        })
        .unzip();
    let first = before.first()?;
    // Drivers of one pace have no ranking that could be lost.
    if before.iter().all(|pace| pace == first) {
        return None;
    }
    Some(spearman(&before, &after))
}

/// Spearman's rank correlation of aligned finite values, ties at the mean of their ranks; 0 where a
/// side is constant.
fn spearman(a: &[f64], b: &[f64]) -> f64 {
    let (a, b) = (ranks(a), ranks(b));
    // The mean of all ranks, with or without ties.
    let mean = (a.len() as f64 + 1.0) / 2.0;
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(&b) {
        ab += (a - mean) * (b - mean);
        aa += (a - mean) * (a - mean);
        bb += (b - mean) * (b - mean);
    }
    let spread = (aa * bb).sqrt();
    if spread > 0.0 { ab / spread } else { 0.0 }
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let ordered = ascending(values.iter().copied());
    let rank = |value: &f64| {
        let below = ordered.partition_point(|other| other < value);
        let up_to = ordered.partition_point(|other| other <= value);
        (below + up_to + 1) as f64 / 2.0
    };
    values.iter().map(rank).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(original: [f64; 5], released: [f64; 5]) -> EventSequences {
        let side = |medians: [f64; 5]| {
            let driver =
                |(subject, median): (u32, f64)| (subject, vec![median - 1.0, median, median + 2.0]);
            (0..).zip(medians).map(driver).collect()
        };
        EventSequences {
            original: side(original),
            released: side(released),
        }
    }

    #[test]
    fn rank_correlations_are_those_of_the_textbook() {
        // Ranks 1 2 3 4 5 against 2 1 4 3 5: 1 − 6·4/(5·24) = 0.8.
        assert!(
            (spearman(&[1.0, 2.0, 3.0, 4.0, 5.0], &[20.0, 10.0, 40.0, 30.0, 50.0]) - 0.8).abs()
                < 1e-12
        );
        assert_eq!(ranks(&[7.0, 3.0, 7.0, 1.0]), [3.5, 2.0, 3.5, 1.0]);
        // Ties: R's cor(1:4, c(1, 1, 2, 2), method = "spearman") is 0.8944272.
        assert!(
            (spearman(&[1.0, 2.0, 3.0, 4.0], &[1.0, 1.0, 2.0, 2.0]) - 0.894_427_2).abs() < 1e-7
        );
    }

    #[test]
    fn events_are_averaged_and_those_without_a_ranking_left_out() {
        let kept = event(
            [60.0, 61.0, 62.0, 63.0, 64.0],
            [1.0, 1.01, 1.02, 1.03, 1.04],
        );
        let lost = event([60.0, 61.0, 62.0, 63.0, 64.0], [60.0; 5]);
        let level = event([60.0; 5], [60.0, 61.0, 62.0, 63.0, 64.0]);
        let ranking = pace_ranking(&[kept, lost, level.clone()]).unwrap();
        assert_eq!((ranking.events, ranking.rho, ranking.worst), (2, 0.5, 0.0));
        assert_eq!(
            pace_ranking(&[level]).unwrap_err(),
            AttackError::NothingInCommon
        );
    }

    #[test]
    fn drivers_on_one_side_alone_are_not_ranked() {
        let mut event = event(
            [60.0, 61.0, 62.0, 63.0, 64.0],
            [60.0, 61.0, 62.0, 63.0, 64.0],
        );
        event.original.remove(0);
        event.released.push((9, vec![1.0]));
        assert_eq!(pace_ranking(&[event]).unwrap().rho, 1.0);
    }
}
