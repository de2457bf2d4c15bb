//! Tie-breakers: several scores as one text that sorts as the board does.
//!
//! A board ranks by its primary score, then by secondary ones. Written as one [`text`], an index of the database
//! ranks entries without knowing any metric. Pure. Start reading at [`RankKey`].

use super::metrics::Direction;
use super::metrics::order::sort_key;

/// A score as a number that is smaller the better the score is. Never made of a NaN, and −0.0 is 0.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RankKey(u64);

impl RankKey {
    /// Of an entry that has no such score: behind every entry that has one.
    pub const MISSING: RankKey = RankKey(u64::MAX);

    /// The key of a score; none for a NaN.
    pub fn new(score: f64, direction: Direction) -> Option<RankKey> {
        if score.is_nan() {
            return None;
        }
        let key = sort_key(score);
        Some(RankKey(match direction {
            Direction::LowerIsBetter => key,
            Direction::HigherIsBetter => !key,
        }))
    }
}

/// Keys as 16 hexadecimal digits each: the better of two boards' rows sorts first, byte by byte, if both have as
/// many keys.
pub fn text(keys: &[RankKey]) -> String {
    keys.iter().map(|key| format!("{:016x}", key.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(score: f64, direction: Direction) -> RankKey {
        RankKey::new(score, direction).unwrap()
    }

    #[test]
    fn texts_sort_as_the_scores_do() {
        let ascending = [
            f64::NEG_INFINITY,
            -1e300,
            -2.5,
            -1e-300,
            0.0,
            1e-300,
            0.1,
            2.5,
            1e300,
            f64::INFINITY,
        ];
        for pair in ascending.windows(2) {
            let [low, high] =
                [Direction::LowerIsBetter, Direction::HigherIsBetter].map(|direction| {
                    [
                        text(&[key(pair[0], direction)]),
                        text(&[key(pair[1], direction)]),
                    ]
                });
            assert!(low[0] < low[1], "{pair:?}");
            assert!(high[0] > high[1], "{pair:?}");
        }
        for direction in [Direction::LowerIsBetter, Direction::HigherIsBetter] {
            assert_eq!(key(-0.0, direction), key(0.0, direction));
            assert!(key(f64::INFINITY, direction) < RankKey::MISSING);
            assert!(key(f64::NEG_INFINITY, direction) < RankKey::MISSING);
            assert_eq!(RankKey::new(f64::NAN, direction), None);
        }
    }

    #[test]
    fn a_second_score_decides_only_where_the_first_is_equal() {
        let row = |rmse, r2: Option<f64>| {
            text(&[
                key(rmse, Direction::LowerIsBetter),
                r2.map_or(RankKey::MISSING, |r2| key(r2, Direction::HigherIsBetter)),
            ])
        };
        let mut board = vec![
            row(0.5, None),
            row(0.5, Some(0.8)),
            row(0.4, Some(0.1)),
            row(0.5, Some(0.9)),
        ];
        let expected = [2, 3, 1, 0].map(|place| board[place].clone());
        board.sort();
        assert_eq!(board, expected);
        assert!(board.iter().all(|text| text.len() == 32));
    }
}
