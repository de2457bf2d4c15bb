//! Sorting numbers: ranks and ties.

/// An integer that sorts as the number does, with −0.0 equal to 0.0. The number must not be NaN.
pub fn sort_key(value: f64) -> u64 {
    const SIGN: u64 = 1 << 63;
    // `+ 0.0` turns −0.0 into 0.0, which would otherwise be two values and break ties.
    let bits = (value + 0.0).to_bits();
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

/// For each row, twice its centred mid-rank: the number of smaller values minus the number of larger ones.
///
/// Ranks start at 1, ties share the mean of theirs, and the mean rank (n + 1)/2 is subtracted; doubling
/// keeps the result a whole number. All zero exactly when the values are all equal.
pub fn doubled_centred_ranks(values: &[f64]) -> Vec<i64> {
    let mut sorted: Vec<(u64, usize)> = keys_with_rows(values);
    sorted.sort_unstable_by_key(|&(key, _)| key);
    let rows = values.len() as i64;
    let mut ranks = vec![0; values.len()];
    let mut smaller = 0;
    for ties in sorted.chunk_by(|a, b| a.0 == b.0) {
        let not_larger = smaller + ties.len() as i64;
        for &(_, row) in ties {
            ranks[row] = smaller - (rows - not_larger);
        }
        smaller = not_larger;
    }
    ranks
}

/// For each row, how many distinct values are smaller than its own; and how many distinct values there are.
pub fn dense_ranks(values: &[f64]) -> (Vec<usize>, usize) {
    let mut sorted = keys_with_rows(values);
    sorted.sort_unstable_by_key(|&(key, _)| key);
    let mut ranks = vec![0; values.len()];
    let mut distinct = 0;
    for ties in sorted.chunk_by(|a, b| a.0 == b.0) {
        for &(_, row) in ties {
            ranks[row] = distinct;
        }
        distinct += 1;
    }
    (ranks, distinct)
}

/// Whether all values are equal (true without values).
pub fn is_constant(values: &[f64]) -> bool {
    values.windows(2).all(|pair| pair[0] == pair[1])
}

fn keys_with_rows(values: &[f64]) -> Vec<(u64, usize)> {
    values
        .iter()
        .enumerate()
        .map(|(row, &value)| (sort_key(value), row))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_the_numbers_do() {
        let ascending = [
            f64::MIN,
            -1e300,
            -1.0,
            -1e-300,
            -f64::from_bits(1),
            0.0,
            f64::from_bits(1),
            1e-300,
            1.0,
            f64::MAX,
        ];
        for pair in ascending.windows(2) {
            assert!(sort_key(pair[0]) < sort_key(pair[1]), "{pair:?}");
        }
        assert_eq!(sort_key(-0.0), sort_key(0.0));
    }

    #[test]
    fn ties_share_a_rank() {
        // Mid-ranks 1.5, 4, 1.5, 3, centred on 2.5 and doubled.
        assert_eq!(
            doubled_centred_ranks(&[0.0, 7.0, -0.0, 5.0]),
            [-2, 3, -2, 1]
        );
        assert_eq!(doubled_centred_ranks(&[4.0, 4.0]), [0, 0]);
        assert_eq!(dense_ranks(&[0.0, 7.0, -0.0, 5.0]), (vec![0, 2, 0, 1], 3));
    }
}
