//! The drivers' order, and how it changes when submissions and events are drawn anew.

use rand::{Rng, RngExt};

use super::Panel;
use super::clusters::Cluster;
use super::plackett_luce::{Ranking, Worths};
use super::rankings;
use super::ranks::places;

/// Precision of the worths, as a fraction of them,
const TOLERANCE: f64 = 1e-6;
/// and of those whose places alone count.
const ROUGH_TOLERANCE: f64 = 1e-4;
/// Half of what a 95 % interval leaves out.
const TAIL: f64 = 0.025;
/// Of all drivers.
const TOP_SHARE: f64 = 0.1;

/// A driver as the consensus has them.
#[derive(Clone, Debug, PartialEq)]
pub struct ConsensusRating {
    /// The pseudonym.
    pub driver: String,
    /// The logarithm of the Plackett-Luce worth: of two drivers whose strengths differ by 1, the better one
    /// is ahead with a chance of about 73 %. A mean driver has about 0.
    pub strength: f64,
    /// The place from 1, the best; equal drivers share the mean of theirs.
    pub place: f64,
    /// How sure the place is. `None` where there is one event and all submissions say the same: there is
    /// then nothing that could tell.
    pub interval: Option<RankInterval>,
    /// Drivers of one tier cannot be told apart: their intervals overlap with that of the tier's first. 1 is
    /// the best.
    pub tier: u32,
}

/// How sure a place is, when submissions and events are drawn anew.
///
/// It tells how far the submissions and the events disagree. What all of them get wrong alike it cannot
/// know.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RankInterval {
    /// The best place that is not unlikely: 95 % of the places lie between the two.
    pub best: f64,
    /// The worst place that is not unlikely.
    pub worst: f64,
    /// How often the driver is among the best tenth, 0 to 1.
    pub top_tenth: f64,
}

/// What a cluster says with how much weight.
pub(super) struct ClusterVoice {
    pub weight: f64,
    /// A score for each row.
    pub scores: Vec<f64>,
}

/// The clusters with what their members say on average.
pub(super) fn voices_of_clusters(
    clusters: &[Cluster],
    weights: &[f64],
    scores: &[Vec<f64>],
) -> Vec<ClusterVoice> {
    let voice = |cluster: &Cluster| {
        let rows = scores.first().map_or(0, Vec::len);
        let mut mean = vec![0.0; rows];
        for &(member, share) in &cluster.members {
            for (mean, score) in mean.iter_mut().zip(&scores[member]) {
                *mean += share * score;
            }
        }
        ClusterVoice {
            weight: cluster
                .members
                .iter()
                .map(|(member, _)| weights[*member])
                .sum(),
            scores: mean,
        }
    };
    clusters.iter().map(voice).collect()
}

/// Rates the drivers, the best first.
pub(super) fn rate(
    panel: &Panel,
    clusters: &[ClusterVoice],
    resamples: usize,
    rng: &mut impl Rng,
) -> Vec<ConsensusRating> {
    let heard: Vec<(f64, Vec<Ranking>)> = clusters
        .iter()
        .filter(|cluster| cluster.weight > 0.0)
        .map(|cluster| (cluster.weight, rankings(panel, &cluster.scores)))
        .collect();
    let all: Vec<(f64, &Ranking)> = heard
        .iter()
        .flat_map(|(weight, rankings)| rankings.iter().map(move |ranking| (*weight, ranking)))
        .collect();
    let worths = Worths::equal(panel.drivers().len()).fit(&all, TOLERANCE);
    let strengths = worths.strengths();
    let place = places_of(&strengths);
    let could_differ = heard.len() > 1 || panel.events().len() > 1;
    let intervals = if could_differ && resamples > 0 {
        let drawn: Vec<Vec<f64>> = (0..resamples)
            .map(|_| places_of(&resample(&heard, &worths, rng)))
            .collect();
        let of_driver = |driver: usize| Some(interval(driver, place[driver], &drawn));
        (0..strengths.len()).map(of_driver).collect()
    } else {
        vec![None; strengths.len()]
    };

    let mut rated: Vec<ConsensusRating> = panel
        .drivers()
        .iter()
        .zip(strengths.iter().zip(&place))
        .zip(intervals)
        .map(
            |((driver, (&strength, &place)), interval)| ConsensusRating {
                driver: driver.clone(),
                strength,
                place,
                interval,
                tier: 1,
            },
        )
        .collect();
    rated.sort_by(|one, other| {
        let by_place = one.place.total_cmp(&other.place);
        by_place.then_with(|| one.driver.cmp(&other.driver))
    });
    number_tiers(&mut rated);
    rated
}

/// Places by strength. What differs by less than the precision is equal.
fn places_of(strengths: &[f64]) -> Vec<f64> {
    let rounded: Vec<f64> = strengths.iter().map(|s| (s / TOLERANCE).round()).collect();
    places(&rounded)
}

/// The strengths when as many submissions and events as there are were drawn with replacement.
fn resample(heard: &[(f64, Vec<Ranking>)], worths: &Worths, rng: &mut impl Rng) -> Vec<f64> {
    let events = heard.first().map_or(0, |(_, rankings)| rankings.len());
    let voice_draws = draws(heard.len(), rng);
    let event_draws = draws(events, rng);
    let drawn = || heard.iter().zip(&voice_draws);
    let total: f64 = drawn().map(|((weight, _), times)| weight * times).sum();
    let sample: Vec<(f64, &Ranking)> = drawn()
        .filter(|(_, times)| **times > 0.0)
        .flat_map(|((weight, rankings), times)| {
            let rankings = rankings.iter().zip(&event_draws);
            rankings.map(move |(ranking, again)| (weight * times * again / total, ranking))
        })
        .filter(|(weight, _)| *weight > 0.0)
        .collect();
    worths.fit(&sample, ROUGH_TOLERANCE).strengths()
}

/// How often each of `count` was drawn in `count` draws with replacement.
fn draws(count: usize, rng: &mut impl Rng) -> Vec<f64> {
    let mut times = vec![0.0; count];
    for _ in 0..count {
        times[rng.random_range(0..count)] += 1.0;
    }
    times
}

fn interval(driver: usize, place: f64, drawn: &[Vec<f64>]) -> RankInterval {
    let mut places: Vec<f64> = drawn.iter().map(|places| places[driver]).collect();
    places.sort_unstable_by(f64::total_cmp);
    let outside = (TAIL * places.len() as f64).floor() as usize;
    let best = places.get(outside).copied().unwrap_or(place);
    let worst = places.iter().rev().nth(outside).copied().unwrap_or(place);
    let drivers = drawn.first().map_or(0, Vec::len);
    let last_of_top = (TOP_SHARE * drivers as f64).ceil();
    let top = places.partition_point(|place| *place <= last_of_top);
    RankInterval {
        best: best.min(place),
        worst: worst.max(place),
        top_tenth: top as f64 / places.len().max(1) as f64,
    }
}

/// A driver opens a new tier if even their best place lies behind the worst place of the tier's first.
/// Drivers without an interval cannot be told apart.
fn number_tiers(rated: &mut [ConsensusRating]) {
    let mut tier = 1;
    let mut floor = rated
        .first()
        .and_then(|first| first.interval)
        .map(|i| i.worst);
    for driver in rated {
        if let (Some(interval), Some(worst)) = (driver.interval, floor)
            && interval.best > worst
        {
            tier += 1;
            floor = Some(interval.worst);
        }
        driver.tier = tier;
    }
}
