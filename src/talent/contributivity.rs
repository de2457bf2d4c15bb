//! What the consensus of a talent board owes to a submission, for its author: a second way to be valued
//! than by one's own score.
//!
//! Weights and shares are learned from the private split, so they are told when that is: of a submission
//! when its phase is over, of a person's results when the challenge's final standings stand. Only the newest
//! board of a challenge counts.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::dsl::{exists, not};
use diesel::prelude::*;

use crate::challenges::submissions::SubmissionDetail;
use crate::platform::database::{DatabaseConnection, DatabaseError};
use crate::platform::schema::{board_models, final_standings, members, talent_boards};

/// Changes of what the consensus knows that are smaller than this are called none: a tenth of a percent of
/// what there is to know.
const NOTHING: f64 = 0.001;

/// What a consensus owes to a submission, or to all of a team's together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contributivity {
    /// When the board was made.
    pub published_at: DateTime<Utc>,
    /// The share of the vote, from 0 to 1.
    pub weight: f64,
    /// By how much the consensus's error rises without it, where 1 is all that there is to know; negative
    /// where it would fall. None where the consensus learned nothing from the truth.
    pub leave_one_out: Option<f64>,
    /// Its fair share (Shapley 1953) of all that the consensus knows, in the same unit; none also where there
    /// are too many models to say.
    pub fair_share: Option<f64>,
}

impl Contributivity {
    /// What the consensus loses without it, in words.
    pub fn in_words(&self) -> String {
        match self.leave_one_out {
            None => {
                "The consensus could learn nothing from the truth here, so nobody can say what it \
                     would lose."
                    .into()
            }
            Some(loss) if loss > NOTHING => format!(
                "Without it the consensus would know {} less of what there is to know.",
                percent(loss)
            ),
            Some(loss) if loss < -NOTHING => format!(
                "Without it the consensus would err less, by {} of what there is to know.",
                percent(-loss)
            ),
            Some(_) => {
                "Without it the consensus would know just as much: others say the same.".into()
            }
        }
    }
}

/// A share as a percentage with one decimal.
pub fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

type Row = (NaiveDateTime, f64, Option<f64>, Option<f64>);

fn contributivity((published_at, weight, leave_one_out, fair_share): Row) -> Contributivity {
    Contributivity {
        published_at: published_at.and_utc(),
        weight,
        leave_one_out,
        fair_share,
    }
}

/// What the newest board of its challenge owes to a submission, for those who may see the submission. None
/// before its phase is over, and where the board does not listen to it.
pub fn of_submission(
    connection: &mut DatabaseConnection,
    detail: &SubmissionDetail,
) -> Result<Option<Contributivity>, DatabaseError> {
    if !detail.disclosure.opens(&detail.submission) {
        return Ok(None);
    }
    let newer = diesel::alias!(talent_boards as newer);
    let is_old = newer
        .filter(
            newer
                .field(talent_boards::challenge_id)
                .eq(talent_boards::challenge_id),
        )
        .filter(newer.field(talent_boards::id).gt(talent_boards::id));
    let row: Option<Row> = board_models::table
        .inner_join(talent_boards::table)
        .filter(board_models::submission_id.eq(detail.submission.id))
        .filter(not(exists(is_old)))
        .select((
            talent_boards::published_at,
            board_models::weight,
            board_models::leave_one_out,
            board_models::fair_share,
        ))
        .first(connection)
        .optional()?;
    Ok(row.map(contributivity))
}

/// What the newest boards owe to the teams of a person, by challenge: of a team's several models the sum.
/// Only of challenges that have their final standings; which of them the asker may know of, the caller
/// decides.
pub fn of_user(
    connection: &mut DatabaseConnection,
    user_id: i64,
) -> Result<HashMap<i64, Contributivity>, DatabaseError> {
    let newer = diesel::alias!(talent_boards as newer);
    let is_old = newer
        .filter(
            newer
                .field(talent_boards::challenge_id)
                .eq(talent_boards::challenge_id),
        )
        .filter(newer.field(talent_boards::id).gt(talent_boards::id));
    let is_over = final_standings::table
        .filter(final_standings::challenge_id.eq(talent_boards::challenge_id))
        .filter(final_standings::team_id.eq(board_models::team_id));
    let rows: Vec<(i64, Row)> = board_models::table
        .inner_join(talent_boards::table)
        .inner_join(members::table.on(members::team_id.eq(board_models::team_id)))
        .filter(members::user_id.eq(user_id))
        .filter(not(exists(is_old)))
        .filter(exists(is_over))
        .select((
            talent_boards::challenge_id,
            (
                talent_boards::published_at,
                board_models::weight,
                board_models::leave_one_out,
                board_models::fair_share,
            ),
        ))
        .load(connection)?;
    let mut found = HashMap::<i64, Contributivity>::new();
    for (challenge_id, row) in rows {
        let more = contributivity(row);
        found
            .entry(challenge_id)
            .and_modify(|sum| *sum = together(*sum, more))
            .or_insert(more);
    }
    Ok(found)
}

fn together(one: Contributivity, other: Contributivity) -> Contributivity {
    let sum = |one: Option<f64>, other: Option<f64>| Some(one? + other?);
    Contributivity {
        published_at: one.published_at,
        weight: one.weight + other.weight,
        leave_one_out: sum(one.leave_one_out, other.leave_one_out),
        fair_share: sum(one.fair_share, other.fair_share),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(leave_one_out: Option<f64>, fair_share: Option<f64>) -> Contributivity {
        Contributivity {
            published_at: DateTime::UNIX_EPOCH,
            weight: 0.25,
            leave_one_out,
            fair_share,
        }
    }

    #[test]
    fn what_is_lost_is_told_with_its_sign() {
        assert!(of(Some(0.0123), None).in_words().contains("1.2 % less"));
        assert!(
            of(Some(-0.02), None)
                .in_words()
                .contains("err less, by 2.0 %")
        );
        assert!(of(Some(0.0005), None).in_words().contains("just as much"));
        assert!(of(None, None).in_words().contains("nobody can say"));
    }

    #[test]
    fn a_team_has_what_its_models_have_together() {
        let both = together(of(Some(0.5), Some(0.25)), of(Some(0.25), None));
        assert_eq!(both.weight, 0.5);
        assert_eq!(both.leave_one_out, Some(0.75));
        assert_eq!(both.fair_share, None);
    }
}
