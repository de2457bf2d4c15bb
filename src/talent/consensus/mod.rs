//! The crowd's consensus: one rating of the drivers out of many submissions, and how sure it is.
//!
//! Pure: a [`Panel`] of submissions and a random number generator go in, a [`Consensus`] comes out; the
//! same seed gives the same one. It knows nothing but its own folder. Submissions that say the same
//! share one vote (`clusters`), weights are learned from the private truth (`stacking`), the weighted
//! orders of all events become one (`plackett_luce`), and drawing submissions and events anew tells how
//! far it can be trusted (`bootstrap`). Start reading at [`Panel`], then at [`consensus`].

mod bootstrap;
mod clusters;
mod comparison;
mod contributivity;
mod panel;
mod plackett_luce;
mod ranks;
mod stacking;

pub use bootstrap::{ConsensusRating, RankInterval};
pub use comparison::{Comparison, ComparisonError, compare_with_truth};
pub use contributivity::{Contribution, MOST_CLUSTERS_SHARED, contributions};
pub use panel::{MOST_ROWS, MOST_SUBMISSIONS, Panel, PanelError, Row, Submission};

use rand::Rng;

use plackett_luce::Ranking;
use stacking::Evidence;

/// What the submissions say together.
#[derive(Clone, Debug, PartialEq)]
pub struct Consensus {
    /// The best first.
    pub drivers: Vec<ConsensusRating>,
    /// What became of each submission, in the order of the panel.
    pub voices: Vec<Voice>,
    /// Kendall's W of the clusters' orders, averaged over the events: 0 where they have nothing in common,
    /// 1 where they agree (Kendall & Babington Smith, 1939). `None` where there is one cluster or one
    /// driver.
    pub agreement: Option<f64>,
    /// How the weights were learned; `None` where the truth is known of fewer than ten drivers or does
    /// not vary, and every cluster has the same weight.
    pub stacking: Option<Stacking>,
}

/// How the weights were learned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stacking {
    /// How much the weights were drawn towards equal ones, 0 (not at all) to 1 (equal): as much as had the
    /// least cross-validated loss.
    pub shrinkage: f64,
    /// Mean squared error of normal scores, of drivers that the weights were not learned from. To say
    /// nothing has a loss of somewhat less than 1.
    pub cross_validated_loss: f64,
}

/// What became of a submission.
#[derive(Clone, Debug, PartialEq)]
pub struct Voice {
    /// The submission.
    pub submission: String,
    /// Its share of the vote; all shares sum up to 1.
    pub weight: f64,
    /// Submissions with the same number say the same (their scores correlate by more than 0.98) and share
    /// one vote. From 0.
    pub cluster: usize,
}

/// Asks the panel.
///
/// `resamples` is how often submissions and events are drawn anew for the intervals: 400 place the ends
/// of a 95 % interval well. Takes O(submissions² · rows) for the weights and O(resamples · clusters · rows)
/// for the intervals, times the iterations that each needs, some tens. What it owes to each submission,
/// [`contributions`] tells.
pub fn consensus(panel: &Panel, resamples: usize, rng: &mut impl Rng) -> Consensus {
    let submissions = panel.submissions();
    let scores = panel.scores();
    let clusters = clusters::clusters(submissions, &scores);
    let evidence = Evidence::new(&panel.judged());
    let of_clusters = evidence
        .as_ref()
        .map(|evidence| evidence.of_clusters(&clusters));
    let stacking = of_clusters.as_ref().map(|evidence| {
        let shrinkage = evidence.best_shrinkage();
        Stacking {
            shrinkage,
            cross_validated_loss: evidence.cross_validated_loss(shrinkage),
        }
    });
    let weights = match (&of_clusters, &stacking) {
        (Some(evidence), Some(stacking)) => evidence.shares(stacking.shrinkage),
        _ => vec![1.0 / clusters.len() as f64; clusters.len()],
    };
    let weights = stacking::weights_of_submissions(&clusters, &weights, submissions);
    let mut cluster_of = vec![0; submissions.len()];
    for (number, cluster) in clusters.iter().enumerate() {
        for &(member, _) in &cluster.members {
            cluster_of[member] = number;
        }
    }
    let of_clusters = bootstrap::voices_of_clusters(&clusters, &weights, &scores);
    Consensus {
        agreement: agreement(panel, &of_clusters),
        drivers: bootstrap::rate(panel, &of_clusters, resamples, rng),
        voices: submissions
            .iter()
            .zip(&weights)
            .zip(cluster_of)
            .map(|((submission, &weight), cluster)| Voice {
                submission: submission.id.clone(),
                weight,
                cluster,
            })
            .collect(),
        stacking,
    }
}

/// Kendall's W with ties by mean places, averaged over the events of two drivers or more.
fn agreement(panel: &Panel, clusters: &[bootstrap::ClusterVoice]) -> Option<f64> {
    if clusters.len() < 2 {
        return None;
    }
    let spread = |values: &[f64]| {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        values
            .iter()
            .map(|value| (value - mean).powi(2))
            .sum::<f64>()
    };
    let of_event = |rows: &Vec<usize>| {
        let places: Vec<Vec<f64>> = clusters
            .iter()
            .map(|cluster| {
                let scores: Vec<f64> = rows.iter().map(|&row| cluster.scores[row]).collect();
                ranks::places(&scores)
            })
            .collect();
        let sums: Vec<f64> = (0..rows.len())
            .map(|row| places.iter().map(|places| places[row]).sum())
            .collect();
        // Where all agree each sum is a place times the clusters, so that the ratio to that spread is W.
        let most = places.iter().map(|places| spread(places)).sum::<f64>() * clusters.len() as f64;
        (most > 0.0).then(|| spread(&sums) / most)
    };
    let found: Vec<f64> = panel.events().iter().filter_map(of_event).collect();
    (!found.is_empty()).then(|| found.iter().sum::<f64>() / found.len() as f64)
}

/// The order of each event by scores of its rows.
fn rankings(panel: &Panel, scores: &[f64]) -> Vec<Ranking> {
    let of_event = |rows: &Vec<usize>| {
        Ranking::by(
            rows.iter()
                .map(|&row| (panel.driver_of()[row], scores[row])),
        )
    };
    panel.events().iter().map(of_event).collect()
}

#[cfg(test)]
mod championships;
#[cfg(test)]
mod tests;
