//! What may be told of scores, to whom and when: one rule for pages, API and exports.
//!
//! A number about hidden rows is an answer that can be learned from. Where a phase lets through less than
//! the raw public score (the Ladder, rounding), competitors see the shown score alone until the phase is
//! over. A submission that was taken back stays what it was on the Ladder, so that taking it back tells
//! nothing. A late one tells nothing before the challenge's last phase is over: it costs no rank, and the
//! phases still running may use the same rows.

use chrono::{DateTime, Utc};

use super::challenge::Phase;
use super::leaderboard::{Board, Entry};
use super::submissions::Submission;
use crate::scoring::ladder::round_public;

/// What a viewer may know of a phase's scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disclosure {
    /// Whether the phase's public scores are told as the board shows them alone.
    pub restricts: bool,
    /// Whether that is by the Ladder.
    pub ladder: bool,
    /// Decimals of public scores; none: all.
    pub digits: Option<u8>,
    /// Whether the phase is over.
    pub is_over: bool,
    /// Whether the challenge's last phase is.
    pub all_over: bool,
    /// Whether the viewer runs the challenge.
    pub is_manager: bool,
}

impl Disclosure {
    /// For a phase among all phases of its challenge.
    pub fn new(phase: &Phase, phases: &[Phase], now: DateTime<Utc>, is_manager: bool) -> Self {
        let digits = phase
            .public_digits
            .and_then(|digits| u8::try_from(digits).ok());
        Self {
            restricts: phase.ladder || digits.is_some(),
            ladder: phase.ladder,
            digits,
            is_over: phase.is_over(now),
            all_over: phases.iter().all(|phase| phase.is_over(now)),
            is_manager,
        }
    }

    /// Whether this viewer sees shown scores alone.
    pub fn hides_raw(&self) -> bool {
        self.restricts && !self.is_over && !self.is_manager
    }

    /// Whether everything of a submission may be told to its team: its receipt then opens.
    pub fn opens(&self, submission: &Submission) -> bool {
        self.is_over && !self.hides_late(submission)
    }

    fn hides_late(&self, submission: &Submission) -> bool {
        submission.is_late && !self.all_over
    }

    /// A submission's public score, as far as it may be told.
    pub fn public_score(&self, submission: &Submission) -> Option<f64> {
        if self.is_manager {
            submission.public_score
        } else if self.hides_late(submission) {
            None
        } else if self.hides_raw() {
            submission.shown_score
        } else {
            submission.public_score
        }
    }

    /// A submission's private score: nobody's to see before the phase is over.
    pub fn private_score(&self, submission: &Submission) -> Option<f64> {
        submission.private_score.filter(|_| self.opens(submission))
    }

    /// Whether intervals and comparisons of public scores may be told: they say more than a shown score.
    pub fn tells_public_spread(&self, submission: &Submission) -> bool {
        self.is_manager || !(self.hides_late(submission) || self.hides_raw())
    }

    /// An entry of a board as it may be told. The public board's intervals are rounded as its scores are,
    /// and missing where the Ladder did not let the score through: see `entries`.
    pub fn entry(&self, board: Board, mut entry: Entry) -> Entry {
        if board == Board::Private || !self.hides_raw() {
            return entry;
        }
        // A probability tells of differences that the shown scores hide.
        entry.lead = None;
        if self.ladder && entry.interval.is_none() {
            entry.secondary.clear();
        }
        if let Some(digits) = self.digits {
            for score in &mut entry.secondary {
                *score = round_public(*score, digits);
            }
        }
        entry
    }
}
