//! Survival: whether those who last longer are predicted to, when some are still there at the end (censored).

use super::definition::{Direction, InputShape, MetricDefinition, Parameter};
use super::error::MetricError;
use super::order::dense_ranks;

pub const CONCORDANCE_INDEX: MetricDefinition = MetricDefinition {
    key: "concordance_index",
    title: "Concordance index (Harrell's C)",
    direction: Direction::HigherIsBetter,
    range: (0.0, 1.0),
    shape: InputShape::Survival,
    parameter: Parameter::None,
    source: "Harrell et al., JAMA 247, 1982; the pairs of lifelines.utils.concordance_index",
    description: "Among all pairs of rows whose order is known, the share that the prediction orders alike; equal \
                  predictions count one half, 0.5 is chance. The order of a pair is known where the event of the \
                  shorter time was observed; at equal times, where one was observed and the other censored, which \
                  then lasted longer. The prediction is a time, or any score that grows with it: send a risk \
                  with a minus sign. Undefined where no pair can be compared.",
};

pub fn concordance_index(
    time: &[f64],
    event: &[bool],
    prediction: &[f64],
) -> Result<f64, MetricError> {
    let (times, _) = dense_ranks(time);
    let (ranks, distinct) = dense_ranks(prediction);
    let mut rows: Vec<(usize, bool, usize)> = (0..time.len())
        .map(|row| (times[row], event[row], ranks[row]))
        .collect();
    rows.sort_unstable();

    // From the longest time to the shortest: each observed row is compared with those that lasted longer. At
    // equal times the censored ones did.
    let mut longer = RankCounts::new(distinct);
    let (mut doubled_concordant, mut comparable) = (0u128, 0u128);
    for tied_times in rows.chunk_by(|a, b| a.0 == b.0).rev() {
        let censored = tied_times.partition_point(|&(_, observed, _)| !observed);
        let (censored, observed) = tied_times.split_at(censored);
        for &(_, _, rank) in censored {
            longer.add(rank);
        }
        for &(_, _, rank) in observed {
            let not_above = longer.count_to(rank + 1);
            let below = longer.count_to(rank);
            let above = longer.total - not_above;
            doubled_concordant += u128::from(2 * above + (not_above - below));
            comparable += u128::from(longer.total);
        }
        for &(_, _, rank) in observed {
            longer.add(rank);
        }
    }
    if comparable == 0 {
        return Err(MetricError::NoComparablePair);
    }
    Ok(doubled_concordant as f64 / (2 * comparable) as f64)
}

/// How many rows have each rank, with counts of all ranks below one in logarithmic time (Fenwick, Softw. Pract. Exp.
/// 24, 1994).
pub struct RankCounts {
    tree: Vec<u64>,
    total: u64,
}

impl RankCounts {
    /// Counts of ranks below `ranks`, all 0.
    pub fn new(ranks: usize) -> RankCounts {
        RankCounts {
            tree: vec![0; ranks + 1],
            total: 0,
        }
    }

    /// Counts a row of this rank.
    pub fn add(&mut self, rank: usize) {
        self.total += 1;
        let mut node = rank + 1;
        while node < self.tree.len() {
            self.tree[node] += 1;
            node += node & node.wrapping_neg();
        }
    }

    /// How many rows have a rank below `end`.
    pub fn count_to(&self, end: usize) -> u64 {
        let mut count = 0;
        let mut node = end;
        while node > 0 {
            count += self.tree[node];
            node -= node & node.wrapping_neg();
        }
        count
    }

    /// How many rows were counted.
    pub fn total(&self) -> u64 {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_left_early_unobserved_cannot_be_compared_with_who_stayed() {
        let time = [1.0, 2.0, 3.0];
        // The first row left at 1 unobserved: only the pair (2, 3) is known.
        let event = [false, true, true];
        assert_eq!(concordance_index(&time, &event, &[9.0, 2.0, 3.0]), Ok(1.0));
        assert_eq!(concordance_index(&time, &event, &[9.0, 3.0, 2.0]), Ok(0.0));
        assert_eq!(concordance_index(&time, &event, &[9.0, 2.0, 2.0]), Ok(0.5));
    }

    #[test]
    fn without_an_observed_event_nothing_is_known() {
        let (time, event) = ([1.0, 2.0], [false, true]);
        assert_eq!(
            concordance_index(&time, &event, &time),
            Err(MetricError::NoComparablePair)
        );
    }
}
