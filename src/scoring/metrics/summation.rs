//! Sums that keep their digits.

/// Rows below which adding one after the other is exact enough and faster.
const BLOCK: usize = 128;

/// The sum of `term(0) + … + term(rows - 1)`, halving the range until blocks are small.
///
/// The rounding error grows with log(rows) instead of rows (Higham, "The accuracy of floating point
/// summation", SIAM J. Sci. Comput. 14, 1993); NumPy sums the same way.
pub fn pairwise_sum(rows: usize, term: impl Fn(usize) -> f64) -> f64 {
    // `+ 0.0` makes a sum of negative zeros a plain zero.
    sum_between(0, rows, &term) + 0.0
}

/// The mean of `term(0) … term(rows - 1)`; NaN when there are no rows.
pub fn pairwise_mean(rows: usize, term: impl Fn(usize) -> f64) -> f64 {
    pairwise_sum(rows, term) / rows as f64
}

fn sum_between(start: usize, end: usize, term: &impl Fn(usize) -> f64) -> f64 {
    if end - start <= BLOCK {
        return sum_block(start, end, term);
    }
    let middle = start + (end - start) / 2;
    sum_between(start, middle, term) + sum_between(middle, end, term)
}

fn sum_block(start: usize, end: usize, term: &impl Fn(usize) -> f64) -> f64 {
    // Four independent sums: the processor adds them at the same time.
    let mut sums = [0.0; 4];
    let mut row = start;
    while row + 4 <= end {
        for (lane, sum) in sums.iter_mut().enumerate() {
            *sum += term(row + lane);
        }
        row += 4;
    }
    let rest: f64 = (row..end).map(term).sum();
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_tenths_make_a_hundred_thousand() {
        let rows = 1_000_000;
        let naive: f64 = (0..rows).map(|_| 0.1).sum();
        assert!((naive - 100_000.0).abs() > 1e-7, "naive summation drifts");
        assert!((pairwise_sum(rows, |_| 0.1) - 100_000.0).abs() < 1e-10);
    }

    #[test]
    fn every_row_is_added_once() {
        for rows in [0usize, 1, 3, 4, 5, 127, 128, 129, 130, 1000, 1025] {
            let expected = (rows * rows.saturating_sub(1) / 2) as f64;
            assert_eq!(
                pairwise_sum(rows, |row| row as f64),
                expected,
                "{rows} rows"
            );
        }
    }
}
