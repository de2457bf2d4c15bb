//! Contributivity: what the consensus owes to each submission.
//!
//! A submission can be valued in a second way than by its own score: by what is lost without it. A
//! mediocre one that errs where the others do not is worth much; the tenth copy of the best is worth
//! nothing. After the data economy's use of Shapley's value (Ghorbani & Zou, *ICML* 2019).

use super::clusters::{Cluster, clusters};
use super::stacking::Evidence;
use super::{Consensus, Panel};

/// With more clusters there are no fair shares: every one more doubles the work.
pub const MOST_CLUSTERS_SHARED: usize = 12;

/// What the consensus owes to a submission, in cross-validated mean squared error of normal scores: 0.01
/// is about 1 % of what there is to know.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contribution {
    /// By how much the loss rises when the submission is left out, everything learned anew. Negative
    /// where the consensus is better off without it. Near 0 for one that others could replace.
    pub leave_one_out: f64,
    /// Its fair share (Shapley 1953) of all that the consensus gains over saying nothing: the mean gain
    /// over all orders in which the clusters could have come, each divided among its members as its vote
    /// is. The shares of all submissions sum up to the whole gain. `None` with more than
    /// [`MOST_CLUSTERS_SHARED`] clusters.
    pub fair_share: Option<f64>,
}

/// What the consensus owes to each submission, in the order of the panel; `None` where the consensus could
/// learn nothing from the truth. How much weights are drawn towards equal ones stays as it was for all, and
/// the cap on teams is left aside. Takes O(submissions · clusters²) and, for the fair shares of
/// c ≤ [`MOST_CLUSTERS_SHARED`] clusters, O(2ᶜ · c²), times the rounds of learning the weights, some tens.
pub fn contributions(panel: &Panel, consensus: &Consensus) -> Option<Vec<Contribution>> {
    let stacking = consensus.stacking?;
    let submissions = panel.submissions();
    let evidence = Evidence::new(&panel.judged())?;
    let clusters = clusters(submissions, &panel.scores());
    let loss = |clusters: &[Cluster]| {
        let of_clusters = evidence.of_clusters(clusters);
        of_clusters.cross_validated_loss(stacking.shrinkage)
    };
    let leave_one_out = |submission: usize| {
        let others: Vec<Cluster> = clusters
            .iter()
            .filter_map(|cluster| cluster.without(submission, submissions))
            .collect();
        loss(&others) - stacking.cross_validated_loss
    };
    let mut fair_shares = vec![None; submissions.len()];
    if clusters.len() <= MOST_CLUSTERS_SHARED {
        let subset = |subset: usize| -> Vec<Cluster> {
            let members = clusters.iter().enumerate();
            let members = members.filter(|(number, _)| subset >> number & 1 == 1);
            members.map(|(_, cluster)| cluster.clone()).collect()
        };
        let losses: Vec<f64> = (0..1 << clusters.len()).map(|s| loss(&subset(s))).collect();
        for (number, cluster) in clusters.iter().enumerate() {
            let value = shapley(number, clusters.len(), &losses);
            for &(member, share) in &cluster.members {
                fair_shares[member] = Some(share * value);
            }
        }
    }
    let contributions = fair_shares
        .into_iter()
        .enumerate()
        .map(|(submission, fair_share)| Contribution {
            leave_one_out: leave_one_out(submission),
            fair_share,
        });
    Some(contributions.collect())
}

/// Shapley's value of a player: how much less is lost with them, averaged over all orders in which the
/// players could have come. `losses` are by the set of players, a bit each.
fn shapley(player: usize, players: usize, losses: &[f64]) -> f64 {
    // The chance that exactly a given set of `size` others came before: size! (players − 1 − size)! / players!
    let mut chances = vec![1.0 / players as f64];
    for size in 1..players {
        let before = chances[size - 1];
        chances.push(before * size as f64 / (players - size) as f64);
    }
    let bit = 1 << player;
    (0..losses.len())
        .filter(|set| set & bit == 0)
        .map(|set| chances[set.count_ones() as usize] * (losses[set] - losses[set | bit]))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The textbook's game of gloves: one has a left glove, two have a right one each; a pair is worth 1.
    #[test]
    fn gloves_are_shared_as_in_the_textbook() {
        let losses: Vec<f64> = (0..8_u32)
            .map(|set| {
                if set & 1 == 1 && set & 0b110 != 0 {
                    -1.0
                } else {
                    0.0
                }
            })
            .collect();
        let values = [0, 1, 2].map(|player| shapley(player, 3, &losses));
        for (value, expected) in values.iter().zip([2.0 / 3.0, 1.0 / 6.0, 1.0 / 6.0]) {
            assert!((value - expected).abs() < 1e-12, "{values:?}");
        }
    }

    #[test]
    fn a_lone_player_gets_everything() {
        assert_eq!(shapley(0, 1, &[1.0, 0.25]), 0.75);
    }
}
