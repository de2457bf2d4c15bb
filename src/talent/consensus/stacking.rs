//! Stacking: how loud each submission speaks, learned from what is known of the truth.
//!
//! Wolpert (*Neural Networks* 5, 1992) and Breiman (*Machine Learning* 24, 1996): weights that are not
//! negative, so that the mixture's squared error on rows that no submission has seen is the least. The
//! mixture may be scaled as it suits the truth: what is mixed are orders, and a cautious mixture of good
//! submissions must not lose to one of many bad ones that merely cancel each other. Divided by their sum
//! the weights are shares of a vote.

use nalgebra::{DMatrix, DVector};

use super::clusters::Cluster;
use super::panel::{Judged, Submission};

/// With fewer drivers whose truth is known, every cluster speaks equally loud.
const FEWEST_DRIVERS: usize = 10;
/// The drivers are cut into so many parts; each is predicted by weights learned from the others.
const FOLDS: usize = 5;
/// How much the weights are drawn towards equal ones: that with the least cross-validated loss of these.
const SHRINKAGES: [f64; 9] = [0.0, 0.01, 0.03, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0];
/// No team has more than half of the vote,
const TEAM_CAP: f64 = 0.5;
/// or more than this many times an equal share, where there are few teams.
const EQUAL_SHARES: f64 = 2.0;
/// The weights are found when a round changes none by more than this.
const PRECISION: f64 = 1e-5;
const MOST_ROUNDS: usize = 10_000;

/// Sums over rows of the products of scores: all that squared errors of mixtures need.
#[derive(Clone)]
pub(super) struct Moments {
    /// Voices by voices.
    gram: DMatrix<f64>,
    /// Voices by truth.
    cross: DVector<f64>,
    /// Truth by truth.
    square: f64,
}

impl Moments {
    fn zero(voices: usize) -> Self {
        Self {
            gram: DMatrix::zeros(voices, voices),
            cross: DVector::zeros(voices),
            square: 0.0,
        }
    }

    /// Of the voices that mix these by the rows of `mixing`.
    fn mixed(&self, mixing: &DMatrix<f64>) -> Self {
        Self {
            gram: mixing * &self.gram * mixing.transpose(),
            cross: mixing * &self.cross,
            square: self.square,
        }
    }

    /// Of the rows that are not in `part`.
    fn without(&self, part: &Self) -> Self {
        Self {
            gram: &self.gram - &part.gram,
            cross: &self.cross - &part.cross,
            square: self.square - part.square,
        }
    }

    /// The sum of squared errors of the mixture.
    fn squared_error(&self, weights: &DVector<f64>) -> f64 {
        weights.dot(&(&self.gram * weights)) - 2.0 * weights.dot(&self.cross) + self.square
    }

    /// The weights, none negative, with the least squared error plus a penalty on how far they are from
    /// equal ones: ridge regression towards them. A shrinkage of 0 means no penalty, 1 equal weights, and
    /// at ½ the penalty weighs as much as the rows. Found by setting one weight after the other to its best
    /// value (coordinate descent), O(voices²) a round.
    fn weights(&self, shrinkage: f64) -> DVector<f64> {
        let voices = self.cross.len();
        let ones = DVector::from_element(voices, 1.0);
        let size = ones.dot(&(&self.gram * &ones));
        // What equal weights have to be for their mixture to have the scale of the truth.
        let equal = if size > 0.0 {
            (self.cross.sum() / size).max(0.0)
        } else {
            0.0
        };
        let mut weights = ones * equal;
        if shrinkage >= 1.0 {
            return weights;
        }
        let penalty = shrinkage / (1.0 - shrinkage) * self.gram.trace() / voices as f64;
        let mut slope = &self.gram * &weights - &self.cross;
        for _ in 0..MOST_ROUNDS {
            let mut largest: f64 = 0.0;
            for voice in 0..voices {
                let curvature = self.gram[(voice, voice)] + penalty;
                // A voice that says nothing keeps its weight, which changes nothing.
                if curvature <= 0.0 {
                    continue;
                }
                let descent = slope[voice] + penalty * (weights[voice] - equal);
                let step = (-descent / curvature).max(-weights[voice]);
                weights[voice] += step;
                slope.axpy(step, &self.gram.column(voice), 1.0);
                largest = largest.max(step.abs());
            }
            if largest < PRECISION {
                break;
            }
        }
        weights
    }
}

/// What the judged rows tell of the submissions, cut by drivers: a submission that errs about a driver
/// errs at all events, so that the same driver must not both teach and test.
pub(super) struct Evidence {
    folds: Vec<Moments>,
    rows: f64,
    /// Submissions.
    voices: usize,
}

impl Evidence {
    /// O(rows · submissions²). `None` where the truth is known of too few drivers.
    pub fn new(judged: &Judged) -> Option<Self> {
        let mut drivers = judged.drivers.clone();
        drivers.sort_unstable();
        drivers.dedup();
        let varies = judged.truth.iter().any(|truth| *truth != 0.0);
        if drivers.len() < FEWEST_DRIVERS || !varies {
            return None;
        }
        let voices = judged.submissions.len();
        let mut folds = vec![Moments::zero(voices); FOLDS];
        for (row, (driver, truth)) in judged.drivers.iter().zip(&judged.truth).enumerate() {
            let position = drivers.binary_search(driver).unwrap_or_default();
            let scores = judged.submissions.iter().map(|scores| scores[row]);
            let scores = DVector::from_iterator(voices, scores);
            let fold = &mut folds[position % FOLDS];
            fold.gram.ger(1.0, &scores, &scores, 1.0);
            fold.cross.axpy(*truth, &scores, 1.0);
            fold.square += truth * truth;
        }
        Some(Self {
            folds,
            rows: judged.truth.len() as f64,
            voices,
        })
    }

    /// As told by clusters instead of submissions.
    pub fn of_clusters(&self, clusters: &[Cluster]) -> Self {
        let mut mixing = DMatrix::zeros(clusters.len(), self.voices);
        for (row, cluster) in clusters.iter().enumerate() {
            for &(member, share) in &cluster.members {
                mixing[(row, member)] = share;
            }
        }
        Self {
            folds: self.folds.iter().map(|fold| fold.mixed(&mixing)).collect(),
            rows: self.rows,
            voices: clusters.len(),
        }
    }

    /// Mean squared error of normal scores of drivers that the weights were not learned from; of a
    /// panel without a voice, which says 0 of everyone, the variance of the truth.
    pub fn cross_validated_loss(&self, shrinkage: f64) -> f64 {
        if self.voices == 0 {
            return self.folds.iter().map(|fold| fold.square).sum::<f64>() / self.rows;
        }
        let all = self.all();
        let sums = self.folds.iter().map(|fold| {
            let weights = all.without(fold).weights(shrinkage);
            fold.squared_error(&weights)
        });
        sums.sum::<f64>() / self.rows
    }

    /// The shrinkage with the least cross-validated loss; of equals the larger one.
    pub fn best_shrinkage(&self) -> f64 {
        let losses = SHRINKAGES.map(|shrinkage| (shrinkage, self.cross_validated_loss(shrinkage)));
        losses
            .into_iter()
            .min_by(|one, other| one.1.total_cmp(&other.1).then(other.0.total_cmp(&one.0)))
            .map_or(1.0, |(shrinkage, _)| shrinkage)
    }

    /// The shares of the vote, learned from all rows; equal ones where every voice is worse than none.
    pub fn shares(&self, shrinkage: f64) -> Vec<f64> {
        let weights = self.all().weights(shrinkage);
        let sum = weights.sum();
        if sum > 0.0 {
            weights.iter().map(|weight| weight / sum).collect()
        } else {
            vec![1.0 / self.voices as f64; self.voices]
        }
    }

    fn all(&self) -> Moments {
        let zero = Moments::zero(self.voices);
        self.folds.iter().fold(zero, |mut sum, fold| {
            sum.gram += &fold.gram;
            sum.cross += &fold.cross;
            sum.square += fold.square;
            sum
        })
    }
}

/// The weight of each submission when each cluster has the given one: divided among its members, and
/// what a team has above the cap given to the others in proportion to theirs.
pub(super) fn weights_of_submissions(
    clusters: &[Cluster],
    of_clusters: &[f64],
    submissions: &[Submission],
) -> Vec<f64> {
    let mut weights = vec![0.0; submissions.len()];
    for (cluster, weight) in clusters.iter().zip(of_clusters) {
        for &(member, share) in &cluster.members {
            weights[member] = weight * share;
        }
    }
    let mut teams: Vec<&str> = submissions.iter().map(|s| s.team.as_str()).collect();
    teams.sort_unstable();
    teams.dedup();
    let cap = TEAM_CAP.max(EQUAL_SHARES / teams.len() as f64);
    let mut capped: Vec<&str> = Vec::new();
    // Each round caps a team for good, and what is then left for the others is not less than it was.
    while let Some(team) = teams
        .iter()
        .copied()
        .filter(|team| !capped.contains(team))
        .find(|team| weight_of(team, submissions, &weights) > cap + 1e-12)
    {
        capped.push(team);
        let free: Vec<usize> = (0..submissions.len())
            .filter(|&member| !capped.contains(&submissions[member].team.as_str()))
            .collect();
        let left = 1.0 - cap * capped.len() as f64;
        let held: f64 = free.iter().map(|&member| weights[member]).sum();
        let of_team = weight_of(team, submissions, &weights);
        for (member, submission) in submissions.iter().enumerate() {
            if submission.team == team {
                weights[member] *= cap / of_team;
            }
        }
        for &member in &free {
            weights[member] = if held > 0.0 {
                weights[member] * left / held
            } else {
                left / free.len() as f64
            };
        }
    }
    weights
}

fn weight_of(team: &str, submissions: &[Submission], weights: &[f64]) -> f64 {
    let members = submissions.iter().zip(weights);
    members
        .filter(|(s, _)| s.team == team)
        .map(|(_, weight)| weight)
        .sum()
}

#[cfg(test)]
mod tests {
    use rand::rngs::ChaCha8Rng;
    use rand::{RngExt, SeedableRng};
    use rand_distr::StandardNormal;

    use super::super::clusters::clusters;
    use super::*;

    fn draws(rng: &mut ChaCha8Rng, count: usize) -> Vec<f64> {
        (0..count).map(|_| rng.sample(StandardNormal)).collect()
    }

    fn with_noise(truth: &[f64], scale: f64, rng: &mut ChaCha8Rng) -> Vec<f64> {
        let noise = draws(rng, truth.len());
        truth
            .iter()
            .zip(noise)
            .map(|(t, n)| t + scale * n)
            .collect()
    }

    fn submissions(teams: &[&str]) -> Vec<Submission> {
        let submission = |(number, team): (usize, &&str)| Submission {
            id: format!("{number:03}"),
            team: (*team).to_owned(),
            ratings: Vec::new(),
        };
        teams.iter().enumerate().map(submission).collect()
    }

    /// Every voice its own cluster.
    fn evidence(truth: Vec<f64>, voices: Vec<Vec<f64>>) -> Option<Evidence> {
        Evidence::new(&Judged {
            drivers: (0..truth.len()).collect(),
            truth,
            submissions: voices,
        })
    }

    /// Of independent unbiased voices the best weights are inverse to their variances.
    #[test]
    fn independent_voices_speak_as_loud_as_they_are_precise() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let truth = draws(&mut rng, 40_000);
        let voices = [0.5, 1.0, 2.0].map(|scale| with_noise(&truth, scale, &mut rng));
        let weights = evidence(truth, voices.to_vec()).unwrap().shares(0.0);
        for (weight, expected) in weights.iter().zip([4.0, 1.0, 0.25]) {
            assert!((weight - expected / 5.25).abs() < 0.02, "{weights:?}");
        }
    }

    /// The conditions of Karush, Kuhn and Tucker: the slope is 0 where there is a weight, and not below 0 where
    /// there is none.
    #[test]
    fn no_other_weights_have_a_smaller_error() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let truth = draws(&mut rng, 60);
        let common = draws(&mut rng, 60);
        let voices: Vec<Vec<f64>> = (0..12)
            .map(|number| {
                let own = with_noise(&truth, 0.2 + 0.1 * f64::from(number), &mut rng);
                own.iter().zip(&common).map(|(o, c)| o + 0.5 * c).collect()
            })
            .collect();
        let moments = evidence(truth, voices).unwrap().all();
        let weights = moments.weights(0.0);
        let slope = &moments.gram * &weights - &moments.cross;
        assert!(weights.iter().any(|weight| *weight == 0.0));
        for (weight, slope) in weights.iter().zip(slope.iter()) {
            assert!(*weight >= 0.0 && *slope > -1e-2, "{weight} {slope}");
            assert!(*weight == 0.0 || slope.abs() < 1e-2, "{weight} {slope}");
        }
    }

    #[test]
    fn shrinkage_leads_from_the_best_weights_to_equal_ones() {
        let mut rng = ChaCha8Rng::seed_from_u64(8);
        let truth = draws(&mut rng, 100);
        let voices = [0.3, 1.0, 3.0].map(|scale| with_noise(&truth, scale, &mut rng));
        let evidence = evidence(truth, voices.to_vec()).unwrap();
        let largest = SHRINKAGES.map(|shrinkage| evidence.shares(shrinkage)[0]);
        assert!(
            largest.is_sorted_by(|one, other| one > other),
            "{largest:?}"
        );
        assert!((largest[8] - 1.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn equal_voices_are_treated_alike_and_unequal_ones_are_not() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut mean_shrinkage = |scales: [f64; 6]| {
            let mut sum = 0.0;
            for _ in 0..20 {
                let truth = draws(&mut rng, 40);
                let voices = scales.map(|scale| with_noise(&truth, scale, &mut rng));
                sum += evidence(truth, voices.to_vec()).unwrap().best_shrinkage() / 20.0;
            }
            sum
        };
        let equal = mean_shrinkage([1.0; 6]);
        let unequal = mean_shrinkage([0.3, 3.0, 3.0, 3.0, 3.0, 3.0]);
        assert!(equal > 0.7, "{equal}");
        assert!(unequal < 0.2, "{unequal}");
    }

    #[test]
    fn voices_that_are_worse_than_none_are_treated_alike() {
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        let truth = draws(&mut rng, 50);
        let opposite: Vec<f64> = truth.iter().map(|t| -t).collect();
        let worse = with_noise(&opposite, 0.1, &mut rng);
        let evidence = evidence(truth, vec![opposite, worse]).unwrap();
        assert_eq!(evidence.shares(0.0), [0.5, 0.5]);
    }

    #[test]
    fn nine_drivers_or_a_truth_that_does_not_vary_teach_nothing() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let nine = draws(&mut rng, 9);
        assert!(evidence(nine.clone(), vec![nine]).is_none());
        assert!(evidence(vec![0.0; 30], vec![draws(&mut rng, 30)]).is_none());
    }

    #[test]
    fn a_mixture_of_a_cluster_is_what_its_members_say_together() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let truth = draws(&mut rng, 50);
        let one = with_noise(&truth, 0.5, &mut rng);
        let twin: Vec<f64> = one.iter().map(|score| score + 1e-6).collect();
        let other = with_noise(&truth, 0.7, &mut rng);
        let of = submissions(&["a", "b", "c"]);
        let voices = vec![one.clone(), twin, other.clone()];
        let found = clusters(&of, &voices);
        let mixed = evidence(truth.clone(), voices).unwrap().of_clusters(&found);
        let alone = evidence(truth, vec![one, other]).unwrap();
        let difference = mixed.cross_validated_loss(0.3) - alone.cross_validated_loss(0.3);
        assert!(difference.abs() < 1e-5, "{difference}");
    }

    #[test]
    fn a_team_with_all_the_best_submissions_is_capped() {
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        let of = submissions(&["a", "a", "b", "c", "d"]);
        let scores: Vec<Vec<f64>> = (0..5).map(|_| draws(&mut rng, 30)).collect();
        let found = clusters(&of, &scores);
        let weights = weights_of_submissions(&found, &[0.5, 0.3, 0.1, 0.1, 0.0], &of);
        let expected = [0.3125, 0.1875, 0.25, 0.25, 0.0];
        for (weight, expected) in weights.iter().zip(expected) {
            assert!((weight - expected).abs() < 1e-9, "{weights:?}");
        }
    }

    #[test]
    fn what_a_team_has_too_much_goes_to_all_where_the_others_have_nothing() {
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        let of = submissions(&["a", "b", "c", "d", "e"]);
        let scores: Vec<Vec<f64>> = (0..5).map(|_| draws(&mut rng, 30)).collect();
        let weights =
            weights_of_submissions(&clusters(&of, &scores), &[1.0, 0.0, 0.0, 0.0, 0.0], &of);
        assert_eq!(weights, [0.5, 0.125, 0.125, 0.125, 0.125]);
    }

    #[test]
    fn two_teams_are_not_capped() {
        let of = submissions(&["a", "b"]);
        let found = clusters(&of, &[vec![1.0, -1.0], vec![-1.0, 1.0]]);
        assert_eq!(weights_of_submissions(&found, &[1.0, 0.0], &of), [1.0, 0.0]);
    }
}
