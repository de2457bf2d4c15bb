//! Ranking: whether the items that matter stand at the top of their group.

use std::num::NonZeroU32;

use super::definition::{Direction, InputShape, MetricDefinition, Parameter};
use super::error::MetricError;
use super::order::sort_key;
use super::summation::{pairwise_mean, pairwise_sum};

pub const NDCG: MetricDefinition = MetricDefinition {
    key: "ndcg",
    title: "Normalized discounted cumulative gain at k (NDCG@k)",
    direction: Direction::HigherIsBetter,
    range: (0.0, 1.0),
    shape: InputShape::GroupedScore,
    parameter: Parameter::Cutoff,
    source: "sklearn.metrics.ndcg_score for each group; Järvelin & Kekäläinen, ACM TOIS 20, 2002; \
             ties: McSherry & Najork, ECIR 2008",
    description: "Each group is ordered by the prediction, highest first. The gain of an item is its relevance \
                  (linear), divided by log2(1 + position), summed over the first k and divided by the sum of the \
                  best order. Items with equal predictions share the mean of their gains, so that neither luck \
                  nor file order pays. The score is the mean over the groups; a group without a relevant item \
                  scores 0, and a solution without any is refused.",
};

pub const MAP: MetricDefinition = MetricDefinition {
    key: "map",
    title: "Mean average precision at k (MAP@k)",
    shape: InputShape::GroupedRelevance,
    source: "standard (TREC); ties: McSherry & Najork, ECIR 2008; without ties and cutoff \
             sklearn.metrics.label_ranking_average_precision_score for each group",
    description: "Each group is ordered by the prediction, highest first. Average precision at k is the sum, over \
                  the relevant items among the first k, of the share of relevant items down to that position, \
                  divided by min(k, relevant items of the group). Among equal predictions it is the mean over \
                  all their orders, so that neither luck nor file order pays. The score is the mean over the \
                  groups; a group without a relevant item scores 0, and a solution without any is refused.",
    ..NDCG
};

pub fn ndcg(
    relevance: &[f64],
    group: &[u32],
    prediction: &[f64],
    cutoff: NonZeroU32,
) -> Result<f64, MetricError> {
    check_relevance(relevance)?;
    let cutoff = cutoff.get() as usize;
    let predicted = Rankings::by(relevance, group, prediction);
    let ideal = Rankings::by(relevance, group, relevance);
    let scores: Vec<f64> = predicted
        .groups()
        .zip(ideal.groups())
        .map(|(predicted, ideal)| {
            let best = discounted_gain(ideal, cutoff);
            if best.is_infinite() {
                Err(MetricError::NotRepresentable)
            } else if best == 0.0 {
                Ok(0.0)
            } else {
                Ok(discounted_gain(predicted, cutoff) / best)
            }
        })
        .collect::<Result<_, _>>()?;
    Ok(pairwise_mean(scores.len(), |index| scores[index]))
}

pub fn mean_average_precision(
    relevance: &[f64],
    group: &[u32],
    prediction: &[f64],
    cutoff: NonZeroU32,
) -> Result<f64, MetricError> {
    check_relevance(relevance)?;
    let rankings = Rankings::by(relevance, group, prediction);
    let scores: Vec<f64> = rankings
        .groups()
        .map(|items| average_precision(items, cutoff.get() as usize))
        .collect();
    Ok(pairwise_mean(scores.len(), |index| scores[index]))
}

/// Refuses a truth in which nothing is relevant: every ranking would score 0.
fn check_relevance(relevance: &[f64]) -> Result<(), MetricError> {
    if relevance.iter().any(|&relevance| relevance > 0.0) {
        Ok(())
    } else {
        Err(MetricError::NothingRelevant)
    }
}

/// The discounted gain of the first `cutoff` items, each worth the mean relevance of the items that it ties with.
fn discounted_gain(items: &[Item], cutoff: usize) -> f64 {
    let mut gain = 0.0;
    let mut position = 0;
    for ties in items.chunk_by(Item::ties_with) {
        if position >= cutoff {
            break;
        }
        let counted = ties.len().min(cutoff - position);
        let discounts = pairwise_sum(counted, |index| {
            1.0 / ((position + index + 2) as f64).log2()
        });
        gain += pairwise_mean(ties.len(), |index| ties[index].relevance) * discounts;
        position += ties.len();
    }
    gain
}

/// The mean, over all orders of tied items, of the average precision of the first `cutoff` items; 0 when none is
/// relevant.
fn average_precision(items: &[Item], cutoff: usize) -> f64 {
    let relevant_in = |items: &[Item]| items.iter().filter(|item| item.relevance > 0.0).count();
    let relevant = relevant_in(items);
    if relevant == 0 {
        return 0.0;
    }
    let mut sum = 0.0;
    let (mut position, mut above) = (0, 0);
    for ties in items.chunk_by(Item::ties_with) {
        if position >= cutoff {
            break;
        }
        let tied = ties.len();
        let relevant_tied = relevant_in(ties);
        if relevant_tied > 0 {
            let share = relevant_tied as f64 / tied as f64;
            // Given that one of them stands at `index`, each tied item before it is another relevant one with
            // this probability.
            let others = if tied > 1 {
                (relevant_tied - 1) as f64 / (tied - 1) as f64
            } else {
                0.0
            };
            sum += share
                * pairwise_sum(tied.min(cutoff - position), |index| {
                    (above as f64 + index as f64 * others + 1.0) / (position + index + 1) as f64
                });
        }
        position += tied;
        above += relevant_tied;
    }
    sum / relevant.min(cutoff) as f64
}

/// The items of all groups, each group from its highest score to its lowest.
struct Rankings {
    items: Vec<Item>,
}

struct Item {
    group: u32,
    descending_score: u64,
    relevance: f64,
}

impl Rankings {
    fn by(relevance: &[f64], group: &[u32], score: &[f64]) -> Rankings {
        let mut items: Vec<Item> = (0..relevance.len())
            .map(|row| Item {
                group: group[row],
                descending_score: !sort_key(score[row]),
                relevance: relevance[row],
            })
            .collect();
        // The relevance comes last only so that sums over ties do not depend on the order of the rows.
        items.sort_unstable_by_key(|item| {
            (item.group, item.descending_score, sort_key(item.relevance))
        });
        Rankings { items }
    }

    fn groups(&self) -> impl Iterator<Item = &[Item]> {
        self.items.chunk_by(|a, b| a.group == b.group)
    }
}

impl Item {
    fn ties_with(&self, other: &Item) -> bool {
        self.descending_score == other.descending_score
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cutoff(k: u32) -> NonZeroU32 {
        NonZeroU32::new(k).unwrap()
    }

    #[test]
    fn a_tie_scores_the_mean_of_its_orders() {
        let (relevance, group) = ([1.0, 0.0, 0.0, 1.0], [3; 4]);
        for k in 1..=4 {
            let map = |prediction: &[f64]| {
                mean_average_precision(&relevance, &group, prediction, cutoff(k)).unwrap()
            };
            let gain =
                |prediction: &[f64]| ndcg(&relevance, &group, prediction, cutoff(k)).unwrap();
            let (first, second) = ([9.0, 5.0, 4.0, 5.0], [9.0, 5.0, 4.0, 6.0]);
            let third = [9.0, 6.0, 4.0, 5.0];
            assert!((map(&first) - (map(&second) + map(&third)) / 2.0).abs() < 1e-15);
            assert!((gain(&first) - (gain(&second) + gain(&third)) / 2.0).abs() < 1e-15);
        }
    }

    #[test]
    fn every_group_weighs_the_same() {
        let relevance = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0];
        let group = [0, 0, 0, 0, 8, 8];
        let prediction = [4.0, 3.0, 2.0, 1.0, 1.0, 2.0];
        let map = mean_average_precision(&relevance, &group, &prediction, cutoff(5)).unwrap();
        assert_eq!(map, (1.0 + 0.5) / 2.0);
    }

    #[test]
    fn gains_that_overflow_are_refused_instead_of_scoring_zero() {
        let score = ndcg(&[1e308, 1e308, 1.0], &[0; 3], &[1.0, 2.0, 3.0], cutoff(1));
        assert_eq!(score, Err(MetricError::NotRepresentable));
    }

    #[test]
    fn a_solution_without_relevant_items_is_refused() {
        assert_eq!(
            ndcg(&[0.0], &[0], &[1.0], cutoff(1)),
            Err(MetricError::NothingRelevant)
        );
    }
}
