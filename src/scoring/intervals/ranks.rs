//! Metrics of the order of rows, made linear: each row's influence on the score, whose resamples are sums.
//!
//! Sorting a million rows again for each resample would take minutes. These metrics are (ratios of)
//! U-statistics or smooth functions of the empirical distribution, so that a resample moves them by the mean
//! influence of its rows, up to a remainder of order 1 / rows where the move itself is of order 1 / √rows:
//! the Hájek projection (Hájek, Ann. Math. Stat. 39, 1968; van der Vaart, "Asymptotic Statistics", 1998,
//! chapters 12 and 20), for the area under the ROC curve the placements of DeLong, DeLong & Clarke-Pearson
//! (Biometrics 44, 1988). Numerators, denominators and counts are resampled apart, which keeps most of what
//! a plain linear form would lose. With few rows the metric itself is resampled instead.

use super::resampling::{Buckets, Units};
use super::sums::Sums;
use crate::scoring::metrics::order::{dense_ranks, doubled_centred_ranks, sort_key};
use crate::scoring::metrics::{Metric, RankCounts, Sample};

/// The linear form of a metric of the order of rows; none for any other metric.
pub fn linear_form(
    metric: &Metric,
    sample: &Sample,
    units: &Units,
    buckets: Buckets,
) -> Option<Sums> {
    let target = sample.target;
    let prediction = *sample.predictions.first()?;
    Some(match metric {
        Metric::RocAuc => roc_auc(target, prediction, units, buckets),
        Metric::AveragePrecision => average_precision(target, prediction, units, buckets),
        Metric::Spearman => spearman(target, prediction, units, buckets),
        Metric::Kendall => kendall(target, prediction, units, buckets),
        Metric::ConcordanceIndex => {
            concordance_index(target, sample.event?, prediction, units, buckets)
        }
        _ => return None,
    })
}

/// The rows in the order of their values, cut where values change.
struct Sorted {
    rows: Vec<(u64, u32)>,
}

impl Sorted {
    fn ascending(values: &[f64]) -> Sorted {
        let mut rows: Vec<(u64, u32)> = (values.iter().zip(0..))
            .map(|(&value, row)| (sort_key(value), row))
            .collect();
        rows.sort_unstable();
        Sorted { rows }
    }

    /// The rows of each distinct value, from the smallest to the largest.
    fn ties(&self) -> impl DoubleEndedIterator<Item = &[(u64, u32)]> {
        self.rows.chunk_by(|a, b| a.0 == b.0)
    }
}

fn roc_auc(target: &[f64], score: &[f64], units: &Units, buckets: Buckets) -> Sums {
    let is_positive = |row: usize| target[row] == 1.0;
    let positives = (0..target.len()).filter(|&row| is_positive(row)).count() as f64;
    let negatives = target.len() as f64 - positives;
    // The share of the other class that the row stands on the right side of, ties half.
    let mut placements = vec![0.0; target.len()];
    let (mut positives_below, mut negatives_below) = (0.0, 0.0);
    for ties in Sorted::ascending(score).ties() {
        let tied_positives = (ties.iter().filter(|(_, row)| is_positive(*row as usize))).count();
        let tied_negatives = (ties.len() - tied_positives) as f64;
        let tied_positives = tied_positives as f64;
        for &(_, row) in ties {
            let row = row as usize;
            placements[row] = if is_positive(row) {
                (negatives_below + tied_negatives / 2.0) / negatives
            } else {
                (positives - positives_below - tied_positives / 2.0) / positives
            };
        }
        positives_below += tied_positives;
        negatives_below += tied_negatives;
    }
    let auc = (0..target.len())
        .filter(|&row| is_positive(row))
        .map(|row| placements[row])
        .sum::<f64>()
        / positives;
    let positive: Vec<bool> = (0..target.len()).map(is_positive).collect();
    let terms = move |row: usize| {
        if positive[row] {
            [1.0, placements[row], 0.0, 0.0]
        } else {
            [0.0, 0.0, 1.0, placements[row]]
        }
    };
    Sums::of_rows(
        target.len(),
        units,
        buckets,
        terms,
        move |[positives, of_positives, negatives, of_negatives]| {
            of_positives / positives + of_negatives / negatives - auc
        },
    )
}

/// Average precision is the mean over the positive rows of the precision g = A / B at their score, A the
/// positive rows from there up and B all of them. A row more at a score s moves g at every score t ≤ s by
/// (is positive - g(t)) / B(t): summed over the positive rows, its influence on the others.
fn average_precision(target: &[f64], score: &[f64], units: &Units, buckets: Buckets) -> Sums {
    let rows = target.len();
    let sorted = Sorted::ascending(score);
    let total = target.iter().sum::<f64>();
    let (mut found, mut taken) = (total, rows as f64);
    // Sums over the positive rows at or below the score: of 1 / B and of g / B.
    let (mut inverse, mut weighted) = (0.0, 0.0);
    let (mut precision, mut influence) = (vec![0.0; rows], vec![0.0; rows]);
    for ties in sorted.ties() {
        let positives: f64 = ties.iter().map(|&(_, row)| target[row as usize]).sum();
        let here = found / taken;
        inverse += positives / taken;
        weighted += positives * here / taken;
        for &(_, row) in ties {
            let row = row as usize;
            precision[row] = here;
            influence[row] = target[row] * inverse - weighted;
        }
        found -= positives;
        taken -= ties.len() as f64;
    }
    let terms = |row: usize| [target[row], target[row] * precision[row] + influence[row]];
    Sums::of_rows(rows, units, buckets, terms, |[positives, sum]| {
        sum / positives
    })
}

/// Spearman's correlation is that of mid-distribution ranks F and G, centred: c / √(v w) with c = mean(F G),
/// v = mean(F²), w = mean(G²). A row moves each of the means by itself and by the ranks of all others.
fn spearman(target: &[f64], prediction: &[f64], units: &Units, buckets: Buckets) -> Sums {
    let rows = target.len();
    let share = |rank: i64| rank as f64 / (2.0 * rows as f64);
    let centred = |values: &[f64]| -> Vec<f64> {
        doubled_centred_ranks(values)
            .into_iter()
            .map(share)
            .collect()
    };
    let (f, g) = (centred(target), centred(prediction));
    let mean_product =
        |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / rows as f64;
    let means = [
        mean_product(&f, &g),
        mean_product(&f, &f),
        mean_product(&g, &g),
    ];
    let by_target = Sorted::ascending(target);
    let by_prediction = Sorted::ascending(prediction);
    let g_above = mean_above(&by_target, &g);
    let f_above = mean_above(&by_target, &f);
    let f_above_prediction = mean_above(&by_prediction, &f);
    let g_above_prediction = mean_above(&by_prediction, &g);
    let terms = |row: usize| {
        let (f, g) = (f[row], g[row]);
        [
            1.0,
            f * g + g_above[row] + f_above_prediction[row],
            f * f + 2.0 * f_above[row],
            g * g + 2.0 * g_above_prediction[row],
        ]
    };
    Sums::of_rows(rows, units, buckets, terms, move |[count, c, v, w]| {
        // Each term's mean over all rows is three times the mean that it stands for.
        let [c, v, w] = [(c, means[0]), (v, means[1]), (w, means[2])]
            .map(|(sum, mean)| sum / count - 2.0 * mean);
        c / (v * w).sqrt()
    })
}

/// For each row, the sum of `values` over the rows above it in the order, those that tie half, divided by the
/// number of rows.
fn mean_above(sorted: &Sorted, values: &[f64]) -> Vec<f64> {
    let mut means = vec![0.0; values.len()];
    let mut above = 0.0;
    for ties in sorted.ties().rev() {
        let tied: f64 = ties.iter().map(|&(_, row)| values[row as usize]).sum();
        let mean = (above + tied / 2.0) / values.len() as f64;
        for &(_, row) in ties {
            means[row as usize] = mean;
        }
        above += tied;
    }
    means
}

/// τ-b is s / √(x y): the means over all pairs of concordance (1, 0 or -1), of differing in the truth, and of
/// differing in the prediction. The projection of such a mean is twice the mean over the rows of a row's own
/// pairs, less the mean itself.
fn kendall(target: &[f64], prediction: &[f64], units: &Units, buckets: Buckets) -> Sums {
    let count = target.len();
    let (ranks, distinct) = dense_ranks(prediction);
    let mut of_rank = vec![0i64; distinct];
    for &rank in &ranks {
        of_rank[rank] += 1;
    }
    let mut below_rank = vec![0i64; distinct];
    for rank in 1..distinct {
        below_rank[rank] = below_rank[rank - 1] + of_rank[rank - 1];
    }

    let mut rows: Vec<(u64, usize, usize)> = (0..count)
        .map(|row| (sort_key(target[row]), ranks[row], row))
        .collect();
    rows.sort_unstable();
    let mut concordance = vec![0i64; count];
    let mut tied_in_target = vec![0i64; count];
    let mut before = RankCounts::new(distinct);
    for ties in rows.chunk_by(|a, b| a.0 == b.0) {
        let mut tied_below = 0;
        for tied in ties.chunk_by(|a, b| a.1 == b.1) {
            let rank = tied[0].1;
            let tied_above = ties.len() as i64 - tied_below - tied.len() as i64;
            let before_below = before.count_to(rank) as i64;
            let before_not_above = before.count_to(rank + 1) as i64;
            let before_above = before.total() as i64 - before_not_above;
            let below = below_rank[rank];
            let above = count as i64 - below - of_rank[rank];
            let after_below = below - before_below - tied_below;
            let after_above = above - before_above - tied_above;
            for &(_, _, row) in tied {
                concordance[row] = before_below + after_above - before_above - after_below;
                tied_in_target[row] = ties.len() as i64;
            }
            tied_below += tied.len() as i64;
        }
        for &(_, rank, _) in ties {
            before.add(rank);
        }
    }
    let share = |pairs: i64| pairs as f64 / count as f64;
    let of_row = |row: usize| {
        [
            share(concordance[row]),
            share(count as i64 - tied_in_target[row]),
            share(count as i64 - of_rank[ranks[row]]),
        ]
    };
    of_pairs(count, units, buckets, of_row, |[s, x, y]| {
        s / (x * y).sqrt()
    })
}

/// The concordance index is a ratio of means over all pairs: half the doubled concordant ones to the
/// comparable ones.
fn concordance_index(
    time: &[f64],
    event: &[bool],
    prediction: &[f64],
    units: &Units,
    buckets: Buckets,
) -> Sums {
    let count = time.len();
    let (ranks, distinct) = dense_ranks(prediction);
    let mut rows: Vec<(u64, bool, usize)> = (0..count)
        .map(|row| (sort_key(time[row]), event[row], row))
        .collect();
    rows.sort_unstable();
    // Of each row's pairs: those that can be compared, and twice those that are concordant.
    let mut pairs = vec![(0u64, 0u64); count];
    let is_censored = |row: &(u64, bool, usize)| !row.1;

    let mut longer = RankCounts::new(distinct);
    for ties in rows.chunk_by(|a, b| a.0 == b.0).rev() {
        let (censored, observed) = ties.split_at(ties.partition_point(is_censored));
        for &(_, _, row) in censored {
            longer.add(ranks[row]);
        }
        for &(_, _, row) in observed {
            let not_above = longer.count_to(ranks[row] + 1);
            let above = longer.total() - not_above;
            let tied = not_above - longer.count_to(ranks[row]);
            pairs[row] = (longer.total(), 2 * above + tied);
        }
        for &(_, _, row) in observed {
            longer.add(ranks[row]);
        }
    }
    let mut shorter = RankCounts::new(distinct);
    for ties in rows.chunk_by(|a, b| a.0 == b.0) {
        let (censored, observed) = ties.split_at(ties.partition_point(is_censored));
        let mut compare = |row: usize, shorter: &RankCounts| {
            let below = shorter.count_to(ranks[row]);
            let tied = shorter.count_to(ranks[row] + 1) - below;
            pairs[row].0 += shorter.total();
            pairs[row].1 += 2 * below + tied;
        };
        for &(_, _, row) in observed {
            compare(row, &shorter);
        }
        for &(_, _, row) in observed {
            shorter.add(ranks[row]);
        }
        for &(_, _, row) in censored {
            compare(row, &shorter);
        }
    }
    let share = |pairs: u64| pairs as f64 / count as f64;
    let of_row = |row: usize| [share(pairs[row].0), share(pairs[row].1)];
    of_pairs(count, units, buckets, of_row, |[comparable, doubled]| {
        doubled / (2.0 * comparable)
    })
}

/// A function of means over all pairs of rows, given the means over each row's own pairs.
fn of_pairs<const WIDTH: usize>(
    rows: usize,
    units: &Units,
    buckets: Buckets,
    of_row: impl Fn(usize) -> [f64; WIDTH],
    value: impl Fn([f64; WIDTH]) -> f64 + 'static,
) -> Sums {
    let mut means = [0.0; WIDTH];
    for row in 0..rows {
        for (mean, term) in means.iter_mut().zip(of_row(row)) {
            *mean += term / rows as f64;
        }
    }
    // A fourth place for the count, which stands first; three means are the most that is needed.
    let terms = |row: usize| {
        let mut terms = [0.0; 4];
        terms[0] = 1.0;
        for (term, own) in terms[1..].iter_mut().zip(of_row(row)) {
            *term = own;
        }
        terms
    };
    Sums::of_rows(rows, units, buckets, terms, move |sums| {
        let mut projected = means;
        for (mean, sum) in projected.iter_mut().zip(&sums[1..]) {
            *mean = 2.0 * sum / sums[0] - *mean;
        }
        value(projected)
    })
}
