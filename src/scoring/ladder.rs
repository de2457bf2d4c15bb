//! The Ladder: a public score that moves only for a real improvement.
//!
//! A public board answers every submission with a number about hidden rows, and a thousand such answers are
//! enough to fit the rows without learning anything (Whitehill, "Climbing the Kaggle leaderboard by exploiting
//! the log-loss oracle", 2017). The Ladder (Blum & Hardt, "The Ladder: a reliable leaderboard for machine
//! learning competitions", ICML 2015) shows a team a new score only where it beats the team's best so far by more
//! than chance explains, and repeats the best so far otherwise, which takes the answers away. Pure: a fold over
//! a team's submissions. Start reading at [`ladder`].

use super::intervals::standard_error_of_difference;
use super::metrics::Direction;

/// The step in shares of the best score, where replicates are missing: a hundredth, the fixed step that Blum &
/// Hardt found right for losses of boards of some thousand rows.
const FALLBACK_STEP: f64 = 0.01;

/// A submission of a team that was scored.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// Its score on the public split.
    pub public: f64,
    /// Its replicates on the public split.
    pub replicates: Option<&'a [f32]>,
}

/// What the public board shows of an attempt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shown {
    /// The score to show: its own where it improved, else the best shown before.
    pub score: f64,
    /// Whether it beat the best shown before by more than a step; true of the first.
    pub improved: bool,
}

/// What the public board shows after each attempt of one team, in the order in which they were received.
///
/// The step is the parameter-free one: the standard error of the difference between the attempt and the best one
/// shown, on the same rows. Blum & Hardt take it from the losses of single rows; the spread of the paired
/// replicates is the same number for any metric, ranks included. Where either attempt has no replicates the
/// step is a hundredth of the best score shown.
pub fn ladder(attempts: &[Attempt], direction: Direction) -> Vec<Shown> {
    let mut best: Option<&Attempt> = None;
    (attempts.iter())
        .map(|attempt| {
            let improved = best.is_none_or(|best| {
                let step = step(attempt, best);
                let bar = match direction {
                    Direction::LowerIsBetter => best.public - step,
                    Direction::HigherIsBetter => best.public + step,
                };
                direction.better(attempt.public, bar)
            });
            if improved {
                best = Some(attempt);
            }
            Shown {
                score: best.map_or(attempt.public, |best| best.public),
                improved,
            }
        })
        .collect()
}

fn step(attempt: &Attempt, best: &Attempt) -> f64 {
    match (attempt.replicates, best.replicates) {
        (Some(ours), Some(theirs)) => standard_error_of_difference(ours, theirs),
        _ => FALLBACK_STEP * best.public.abs(),
    }
}

/// A public score with so many digits behind the point, halves away from 0; unchanged beyond 15 digits.
///
/// Fewer digits make a board calmer to read. They are no defence against probing, see [`ladder`].
pub fn round_public(score: f64, digits: u8) -> f64 {
    if digits > 15 {
        return score;
    }
    let scale = 10f64.powi(i32::from(digits));
    let rounded = (score * scale).round() / scale;
    // Too large to have digits behind the point.
    if rounded.is_finite() {
        rounded + 0.0
    } else {
        score
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::intervals::SplitMix64;

    const ROWS: usize = 4_000;
    const TRIES: usize = 1_000;

    /// Replicates of an accuracy, from a hundred resamples of two hundred buckets: enough for a standard error.
    fn replicates(hits: &[bool]) -> Vec<f32> {
        const BUCKETS: usize = 200;
        let mut sums = [0u32; BUCKETS];
        for (row, hit) in hits.iter().enumerate() {
            sums[row % BUCKETS] += u32::from(*hit);
        }
        (0..100)
            .map(|resample| {
                let mut random = SplitMix64::of_stream(resample);
                let hits: u32 = (0..BUCKETS).map(|_| sums[random.below(BUCKETS)]).sum();
                hits as f32 / ROWS as f32
            })
            .collect()
    }

    fn accuracy(hits: &[bool]) -> f64 {
        hits.iter().filter(|hit| **hit).count() as f64 / hits.len() as f64
    }

    fn random_labels(stream: u64) -> Vec<bool> {
        let mut random = SplitMix64::of_stream(stream);
        (0..ROWS.div_ceil(64))
            .flat_map(|_| {
                let bits = random.next();
                (0..64).map(move |bit| bits >> bit & 1 == 1)
            })
            .take(ROWS)
            .collect()
    }

    /// What the majority of some random labellings gains over chance.
    fn gain_of_majority(truth: &[bool], kept: &[Vec<bool>]) -> f64 {
        let hits: Vec<bool> = (0..ROWS)
            .map(|row| {
                let ayes = kept.iter().filter(|labels| labels[row]).count();
                (2 * ayes > kept.len()) == truth[row]
            })
            .collect();
        accuracy(&hits) - 0.5
    }

    #[test]
    fn boosting_random_guesses_pays_on_a_rounded_board_and_not_on_the_ladder() {
        let truth = random_labels(1_000_000);
        let tries: Vec<Vec<bool>> = (0..TRIES as u64).map(random_labels).collect();
        let hits: Vec<Vec<bool>> = (tries.iter())
            .map(|labels| labels.iter().zip(&truth).map(|(a, b)| a == b).collect())
            .collect();

        // Keeps each guess that the board says is better than chance.
        let kept_by = |is_kept: &dyn Fn(usize) -> bool| -> Vec<Vec<bool>> {
            (0..TRIES)
                .filter(|&place| is_kept(place))
                .map(|place| tries[place].clone())
                .collect()
        };
        let rounded = |place: usize| round_public(accuracy(&hits[place]), 2) > 0.5;
        let gain_rounded = gain_of_majority(&truth, &kept_by(&rounded));

        let replicates: Vec<Vec<f32>> = hits.iter().map(|hits| replicates(hits)).collect();
        let attempts: Vec<Attempt> = (hits.iter().zip(&replicates))
            .map(|(hits, replicates)| Attempt {
                public: accuracy(hits),
                replicates: Some(replicates),
            })
            .collect();
        let shown = ladder(&attempts, Direction::HigherIsBetter);
        let improved = |place: usize| shown[place].improved && shown[place].score > 0.5;
        let gain_on_ladder = gain_of_majority(&truth, &kept_by(&improved));

        assert!(gain_rounded >= 0.1, "{gain_rounded}");
        assert!(gain_on_ladder <= 0.03, "{gain_on_ladder}");
    }

    #[test]
    fn every_real_improvement_is_shown() {
        // A model that gets better by three percent of the rows at a time, where it was wrong.
        let difficulty: Vec<usize> = {
            let mut random = SplitMix64::of_stream(7);
            (0..ROWS).map(|_| random.below(100)).collect()
        };
        let models: Vec<Vec<bool>> = (0..12)
            .map(|step| {
                difficulty
                    .iter()
                    .map(|hard| *hard < 55 + 3 * step)
                    .collect()
            })
            .collect();
        let replicates: Vec<Vec<f32>> = models.iter().map(|hits| replicates(hits)).collect();
        let attempts: Vec<Attempt> = (models.iter().zip(&replicates))
            .map(|(hits, replicates)| Attempt {
                public: accuracy(hits),
                replicates: Some(replicates),
            })
            .collect();
        let shown = ladder(&attempts, Direction::HigherIsBetter);
        for (attempt, shown) in attempts.iter().zip(&shown) {
            assert!(shown.improved);
            assert_eq!(shown.score, attempt.public);
        }
        // Sending the last but one again changes nothing.
        let again = ladder(&[attempts[11], attempts[10]], Direction::HigherIsBetter);
        assert_eq!(again[1].score, attempts[11].public);
        assert!(!again[1].improved);
    }

    #[test]
    fn without_replicates_an_improvement_is_a_hundredth() {
        let of = |public| Attempt {
            public,
            replicates: None,
        };
        let shown = ladder(
            &[of(2.0), of(1.99), of(1.97), of(3.0)],
            Direction::LowerIsBetter,
        );
        let scores: Vec<(f64, bool)> = shown.iter().map(|at| (at.score, at.improved)).collect();
        assert_eq!(
            scores,
            [(2.0, true), (2.0, false), (1.97, true), (1.97, false)]
        );
        assert!(ladder(&[], Direction::LowerIsBetter).is_empty());
    }

    #[test]
    fn rounding_keeps_what_has_no_digits_to_lose() {
        assert_eq!(round_public(0.123_456, 3), 0.123);
        assert_eq!(round_public(-0.0004, 3).to_bits(), 0.0f64.to_bits());
        assert_eq!(round_public(1e300, 10), 1e300);
        assert_eq!(round_public(0.1, 200), 0.1);
    }
}
