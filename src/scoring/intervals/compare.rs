//! What replicates say about scores: intervals, comparisons and tiers.

use crate::scoring::metrics::Direction;

/// The interval in which the score would lie on other rows of the same kind, with the probability `level`
/// (0.95): the percentile interval of the replicates.
///
/// The percentile interval never leaves the metric's range, is the same whatever monotone scale a score is read
/// on, and is as wide to either side as the metric is skewed, which the basic interval turns round (Efron &
/// Tibshirani 1993, chapters 13 and 22). Its ends are order statistics at p (n + 1), interpolated. Where bias
/// leaves the score outside, the interval is drawn out to it: low ≤ score ≤ high always. Without replicates, both
/// ends are the score.
pub fn interval(replicates: &[f32], score: f64, level: f64) -> (f64, f64) {
    let mut sorted = replicates.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    let outside = (1.0 - level.clamp(0.0, 1.0)) / 2.0;
    let low = quantile(&sorted, outside).unwrap_or(score);
    let high = quantile(&sorted, 1.0 - outside).unwrap_or(score);
    (low.min(score), high.max(score))
}

/// The value below which a share of sorted values lies; none without values.
fn quantile(sorted: &[f32], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = (share * (sorted.len() + 1) as f64 - 1.0).clamp(0.0, last as f64);
    let (below, above) = (
        sorted[place.floor() as usize],
        sorted[place.ceil() as usize],
    );
    Some(f64::from(below) + (f64::from(above) - f64::from(below)) * place.fract())
}

/// The share of the resamples in which `a` scores better than `b`, equal scores half: the paired bootstrap (Efron
/// & Tibshirani 1993, chapter 16). ½ without replicates.
///
/// Both must be replicates of the same split of the same solution.
pub fn probability_better(a: &[f32], b: &[f32], direction: Direction) -> f64 {
    let pairs = a.len().min(b.len());
    if pairs == 0 {
        return 0.5;
    }
    let halves: u32 = (a.iter().zip(b))
        .map(|(a, b)| {
            let (a, b) = (f64::from(*a), f64::from(*b));
            2 * u32::from(direction.better(a, b)) + u32::from(a == b)
        })
        .sum();
    f64::from(halves) / (2 * pairs) as f64
}

/// The standard error of the difference between two scores: the standard deviation of the paired differences of
/// their replicates. 0 with fewer than two.
pub fn standard_error_of_difference(a: &[f32], b: &[f32]) -> f64 {
    let pairs = a.len().min(b.len());
    if pairs < 2 {
        return 0.0;
    }
    let differences = || a.iter().zip(b).map(|(a, b)| f64::from(*a) - f64::from(*b));
    let mean = differences().sum::<f64>() / pairs as f64;
    let squares: f64 = differences()
        .map(|difference| (difference - mean).powi(2))
        .sum();
    (squares / (pairs - 1) as f64).sqrt()
}

/// Gives the entries of a board their tiers, from the best to the worst, holding one entry's replicates.
///
/// The first entry of a tier leads it. An entry opens a new tier when its tier's leader is better than it with the
/// probability `confidence` (0.95) or more: entries of one tier cannot be told from its leader. Comparing with
/// the leader, and not with the entry above, keeps a long row of small steps from being one tier. An entry without
/// replicates stays in the tier of the entry above and leads nobody; the first that has some leads instead.
#[derive(Debug, Clone)]
pub struct Tiers {
    direction: Direction,
    confidence: f64,
    leader: Option<Vec<f32>>,
    tier: i32,
}

impl Tiers {
    /// At the top of a board.
    pub fn new(direction: Direction, confidence: f64) -> Self {
        Self {
            direction,
            confidence,
            leader: None,
            tier: 1,
        }
    }

    /// The tier of the next entry: 1 is the best.
    pub fn next(&mut self, replicates: Option<&[f32]>) -> i32 {
        let Some(replicates) = replicates else {
            return self.tier;
        };
        let opens = match &self.leader {
            None => true,
            Some(leader) => {
                let is_told_apart =
                    probability_better(leader, replicates, self.direction) >= self.confidence;
                self.tier += i32::from(is_told_apart);
                is_told_apart
            }
        };
        if opens {
            self.leader = Some(replicates.to_vec());
        }
        self.tier
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_made_of_order_statistics_and_holds_the_score() {
        let replicates: Vec<f32> = (1..=399).map(|value| value as f32).collect();
        let (low, high) = interval(&replicates, 200.0, 0.95);
        assert!((low - 10.0).abs() < 1e-9 && (high - 390.0).abs() < 1e-9);
        assert_eq!(interval(&replicates, 395.0, 0.95), (low, 395.0));
        assert_eq!(interval(&replicates, 200.0, 1.0), (1.0, 399.0));
        assert_eq!(interval(&[], 3.0, 0.95), (3.0, 3.0));
    }

    #[test]
    fn better_is_counted_in_pairs_and_ties_half() {
        let (a, b) = ([1.0, 2.0, 3.0, 4.0], [2.0, 2.0, 1.0, 9.0]);
        let better = |a, b, direction| probability_better(a, b, direction);
        assert_eq!(better(&a, &b, Direction::LowerIsBetter), 0.625);
        assert_eq!(better(&b, &a, Direction::LowerIsBetter), 0.375);
        assert_eq!(better(&a, &b, Direction::HigherIsBetter), 0.375);
        assert_eq!(better(&a, &a, Direction::HigherIsBetter), 0.5);
        assert_eq!(better(&[], &b, Direction::HigherIsBetter), 0.5);
    }

    #[test]
    fn what_is_luck_for_both_cancels_out() {
        let luck: Vec<f32> = (0..400).map(|place| ((place * 37) % 101) as f32).collect();
        let worse: Vec<f32> = luck.iter().map(|score| score + 0.5).collect();
        assert_eq!(standard_error_of_difference(&luck, &worse), 0.0);
        assert_eq!(
            probability_better(&luck, &worse, Direction::LowerIsBetter),
            1.0
        );
        assert!(interval(&luck, 50.0, 0.95).1 > interval(&worse, 50.5, 0.95).0);
    }

    #[test]
    fn a_tier_ends_where_its_leader_is_surely_better() {
        let entry = |wins: usize| -> Vec<f32> {
            // Loses to the leader in all but `wins` of 100 resamples.
            (0..100)
                .map(|place| if place < wins { 0.0 } else { 2.0 })
                .collect()
        };
        let leader = vec![1.0f32; 100];
        let (close, sure) = (entry(6), entry(5));
        let board: Vec<Option<&[f32]>> = vec![
            None,
            Some(&leader),
            Some(&close),
            None,
            Some(&sure),
            None,
            Some(&sure),
        ];
        let mut tiers = Tiers::new(Direction::LowerIsBetter, 0.95);
        let made: Vec<i32> = board.into_iter().map(|entry| tiers.next(entry)).collect();
        assert_eq!(made, [1, 1, 1, 1, 2, 2, 2]);
    }
}
