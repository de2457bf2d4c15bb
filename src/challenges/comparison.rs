//! Two submissions of a team beside each other: which one is better, and how sure that is.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::challenge::readable;
use super::entries::INTERVAL_LEVEL;
use super::submissions::{self, SubmissionDetail};
use crate::accounts::permissions::Principal;
use crate::platform::database::{DatabaseConnection, DatabaseError};
use crate::platform::schema::submission_evidence;
use crate::scoring::intervals::{self, Replicates};
use crate::scoring::rule::ScoringRule;

/// Why two submissions are not compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// There is none, or it is another team's.
    #[error("There is no submission {0} of yours.")]
    NotFound(i64),
    /// They were scored on different rows.
    #[error(
        "Submissions {0} and {1} were scored on different phases, so their scores say nothing of each other; \
         choose two of one phase."
    )]
    OtherPhase(i64, i64),
    /// The database could not be asked.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// The scores of two submissions on one split.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SplitComparison {
    /// The scores.
    pub scores: (f64, f64),
    /// Their 95 % bootstrap intervals, where the metric gives any and they may be told.
    pub intervals: Option<[(f64, f64); 2]>,
    /// How probable it is that the first is truly better (paired bootstrap), under the same conditions.
    pub first_is_better: Option<f64>,
}

/// Two submissions of one phase.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// The first.
    pub one: SubmissionDetail,
    /// The second.
    pub other: SubmissionDetail,
    /// On the public split; none where one of them has no score that may be told.
    pub public: Option<SplitComparison>,
    /// On the private split; none before the phase is over.
    pub private: Option<SplitComparison>,
}

/// Compares two submissions that the caller may see.
pub fn compare(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    (one, other): (i64, i64),
) -> Result<Comparison, CompareError> {
    let mut find =
        |id| submissions::detail(connection, now, principal, id)?.ok_or(CompareError::NotFound(id));
    let (first, second) = (find(one)?, find(other)?);
    if first.submission.phase_id != second.submission.phase_id {
        return Err(CompareError::OtherPhase(one, other));
    }
    let pair = replicates(connection, one)?.zip(replicates(connection, other)?);
    let split = |scores: (Option<f64>, Option<f64>), of: fn(&Replicates) -> &[f32], tells| {
        let scores = scores.0.zip(scores.1)?;
        let pair = pair.as_ref().filter(|_| tells);
        Some(of_split(scores, pair, of, &first.metric))
    };
    let (a, b) = (&first.submission, &second.submission);
    let public = split(
        (
            first.disclosure.public_score(a),
            second.disclosure.public_score(b),
        ),
        |both| &both.public,
        first.disclosure.tells_public_spread(a) && second.disclosure.tells_public_spread(b),
    );
    let private = split(
        (
            first.disclosure.private_score(a),
            second.disclosure.private_score(b),
        ),
        |both| &both.private,
        true,
    );
    Ok(Comparison {
        public,
        private,
        one: first,
        other: second,
    })
}

fn of_split(
    scores: (f64, f64),
    pair: Option<&(Replicates, Replicates)>,
    of: fn(&Replicates) -> &[f32],
    metric: &ScoringRule,
) -> SplitComparison {
    SplitComparison {
        scores,
        intervals: pair.map(|(one, other)| {
            [
                intervals::interval(of(one), scores.0, INTERVAL_LEVEL),
                intervals::interval(of(other), scores.1, INTERVAL_LEVEL),
            ]
        }),
        first_is_better: pair.map(|(one, other)| {
            intervals::probability_better(of(one), of(other), metric.direction())
        }),
    }
}

fn replicates(
    connection: &mut DatabaseConnection,
    submission_id: i64,
) -> Result<Option<Replicates>, DatabaseError> {
    let text: Option<Option<String>> = submission_evidence::table
        .find(submission_id)
        .select(submission_evidence::replicates)
        .first(connection)
        .optional()?;
    text.flatten()
        .map(|text| readable(Replicates::from_text(&text)))
        .transpose()
}
