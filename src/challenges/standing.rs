//! What a team's submissions make of its place on the boards: plain rules over plain values.
//!
//! On the public board its best shown score stands; on the private board the best of those that it chose,
//! or what stands on the public one where it chose none. Late and withdrawn submissions never stand.

use chrono::{DateTime, Utc};

use crate::scoring::intervals::Replicates;
use crate::scoring::ladder::{self, Attempt};
use crate::scoring::metrics::Direction;

use super::leaderboard::FiniteScores;

/// How a phase makes a board of scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BoardRules {
    /// Which of two scores is the better one.
    pub direction: Direction,
    /// Whether the public score moves only by improvements that are more than noise.
    pub ladder: bool,
    /// Decimals of public scores; none: all.
    pub public_digits: Option<u8>,
}

/// A submission of a team that has a score and may stand for it.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The submission.
    pub id: i64,
    /// When it was scored first.
    pub scored_at: DateTime<Utc>,
    /// Its scores.
    pub scores: FiniteScores,
    /// Its scores on common resamples, where there are any.
    pub replicates: Option<Replicates>,
    /// What breaks its ties on the public board: a text of [`tie_break`](crate::scoring::tie_break).
    pub public_tie: String,
    /// And on the private one.
    pub private_tie: String,
    /// Whether its team chose it.
    pub is_selected: bool,
    /// Whether the organizer has reproduced it.
    pub is_verified: bool,
    /// Whether its team took it back. It then stands on no board, and the Ladder goes on from it all the
    /// same: else taking one back would tell the raw score of the next.
    pub is_withdrawn: bool,
}

/// What stands on one board.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// The submission.
    pub submission_id: i64,
    /// When it was scored first: of equals the earlier one is shown first.
    pub scored_at: DateTime<Utc>,
    /// The score that is shown.
    pub score: f64,
    /// Orders the board: smaller is better.
    pub key: f64,
    /// Orders those of one key, byte by byte.
    pub tie: String,
}

/// Where a team stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// While the phase runs.
    pub public: Place,
    /// After its end.
    pub private: Place,
    /// Whether the organizer has reproduced what stands on both boards.
    pub is_verified: bool,
}

/// The public score of each of a team's submissions as the board shows it. `candidates` are in the order
/// in which they were received.
pub fn shown_scores(rules: BoardRules, candidates: &[Candidate]) -> Vec<f64> {
    let rounded = |score: f64| match rules.public_digits {
        Some(digits) => ladder::round_public(score, digits),
        None => score,
    };
    if !rules.ladder {
        return candidates
            .iter()
            .map(|candidate| rounded(candidate.scores.public()))
            .collect();
    }
    let attempts: Vec<Attempt<'_>> = candidates
        .iter()
        .map(|candidate| Attempt {
            public: candidate.scores.public(),
            replicates: candidate
                .replicates
                .as_ref()
                .map(|replicates| replicates.public.as_slice()),
        })
        .collect();
    ladder::ladder(&attempts, rules.direction)
        .into_iter()
        .map(|shown| rounded(shown.score))
        .collect()
}

/// The order of a board: smaller is better. A zero is added so that zero has one sign and ties are ties.
pub fn board_key(score: f64, direction: Direction) -> f64 {
    match direction {
        Direction::LowerIsBetter => score + 0.0,
        Direction::HigherIsBetter => 0.0 - score,
    }
}

/// Where the team stands; none without candidates. `candidates` are in the order in which they were
/// received, `shown` are their [`shown_scores`].
pub fn standing(rules: BoardRules, candidates: &[Candidate], shown: &[f64]) -> Option<Standing> {
    let public_place = |(candidate, shown): (&Candidate, &f64)| Place {
        submission_id: candidate.id,
        scored_at: candidate.scored_at,
        score: *shown,
        key: board_key(*shown, rules.direction),
        tie: candidate.public_tie.clone(),
    };
    let private_place = |candidate: &Candidate| Place {
        submission_id: candidate.id,
        scored_at: candidate.scored_at,
        score: candidate.scores.private(),
        key: board_key(candidate.scores.private(), rules.direction),
        tie: candidate.private_tie.clone(),
    };
    let stands = |candidate: &Candidate| !candidate.is_withdrawn;
    let standing = candidates.iter().zip(shown);
    let public = best(
        standing
            .filter(|(candidate, _)| stands(candidate))
            .map(public_place),
    )?;
    let of_id = |id: i64| candidates.iter().find(|candidate| candidate.id == id);
    let selected = candidates
        .iter()
        .filter(|candidate| candidate.is_selected && stands(candidate));
    let private = best(selected.map(private_place))
        .or_else(|| of_id(public.submission_id).map(private_place))?;
    let is_verified =
        |place: &Place| of_id(place.submission_id).is_some_and(|candidate| candidate.is_verified);
    Some(Standing {
        is_verified: is_verified(&public) && is_verified(&private),
        public,
        private,
    })
}

/// The first of a board. Keys are finite: they come of [`FiniteScores`].
fn best(places: impl Iterator<Item = Place>) -> Option<Place> {
    places.min_by(|one, other| {
        one.key
            .total_cmp(&other.key)
            .then_with(|| one.tie.cmp(&other.tie))
            .then_with(|| one.scored_at.cmp(&other.scored_at))
            .then_with(|| one.submission_id.cmp(&other.submission_id))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    const RULES: BoardRules = BoardRules {
        direction: Direction::LowerIsBetter,
        ladder: false,
        public_digits: None,
    };

    fn candidate(id: i64, public: f64, private: f64) -> Candidate {
        Candidate {
            id,
            scored_at: DateTime::UNIX_EPOCH + TimeDelta::seconds(id),
            scores: FiniteScores::new(public, private).unwrap(),
            replicates: None,
            public_tie: String::new(),
            private_tie: String::new(),
            is_selected: false,
            is_verified: false,
            is_withdrawn: false,
        }
    }

    fn stands(rules: BoardRules, candidates: &[Candidate]) -> Option<(i64, i64)> {
        let shown = shown_scores(rules, candidates);
        standing(rules, candidates, &shown).map(|standing| {
            (
                standing.public.submission_id,
                standing.private.submission_id,
            )
        })
    }

    #[test]
    fn the_best_public_score_stands_on_both_boards_unless_the_team_chose() {
        let mut sent = vec![
            candidate(1, 0.5, 0.1),
            candidate(2, 0.3, 0.9),
            candidate(3, 0.4, 0.2),
        ];
        assert_eq!(stands(RULES, &sent), Some((2, 2)));
        sent[2].is_selected = true;
        assert_eq!(stands(RULES, &sent), Some((2, 3)));
        // Of two that were chosen the better private one stands, not the best that was sent.
        sent[1].is_selected = true;
        assert_eq!(stands(RULES, &sent), Some((2, 3)));
        assert_eq!(stands(RULES, &[]), None);
    }

    #[test]
    fn of_equal_scores_the_earlier_stands_whatever_the_direction() {
        let sent = [candidate(4, 0.25, 0.3), candidate(2, 0.25, 0.4)];
        for direction in [Direction::LowerIsBetter, Direction::HigherIsBetter] {
            let rules = BoardRules { direction, ..RULES };
            assert_eq!(stands(rules, &sent), Some((2, 2)));
        }
    }

    #[test]
    fn rounded_scores_are_ties() {
        let rules = BoardRules {
            public_digits: Some(2),
            ..RULES
        };
        let sent = [candidate(1, 0.2511, 0.5), candidate(2, 0.2489, 0.4)];
        assert_eq!(shown_scores(rules, &sent), [0.25, 0.25]);
        assert_eq!(stands(rules, &sent), Some((1, 1)));
    }

    #[test]
    fn both_zeros_are_one_key() {
        for direction in [Direction::LowerIsBetter, Direction::HigherIsBetter] {
            for zero in [0.0, -0.0] {
                assert!(board_key(zero, direction).is_sign_positive());
            }
        }
    }
}
