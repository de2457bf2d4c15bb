//! What a team does with what it has sent: choose it for the private board, take it back, describe it; and
//! what an organizer says of it: that the score was reproduced.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use diesel::prelude::*;

use super::entries::recompute_entry;
use super::membership;
use super::submissions::{DESCRIPTION_LIMIT, SubmissionState};
use crate::accounts::permissions::Principal;
use crate::platform::audit::{self, Act};
use crate::platform::database::{DatabaseConnection, DatabaseError};
use crate::platform::schema::{challenges, phases, submissions};
use crate::scoring::queue;

/// Why an act on a submission was not done.
#[derive(Debug, thiserror::Error)]
pub enum SelectionError {
    /// There is none, or it is another team's.
    #[error("There is no submission {0} of yours.")]
    NotFound(i64),
    /// The boards are final.
    #[error("The phase ended at {0}; its submissions stay as they are.")]
    PhaseOver(DateTime<Utc>),
    /// It has no score that could count.
    #[error("Submission {0} cannot be chosen: {1}.")]
    CannotCount(i64, &'static str),
    /// Enough are chosen.
    #[error("Your team may choose {most} submissions; take the choice from another one first.")]
    Enough {
        /// How many.
        most: i32,
    },
    /// It was taken back already.
    #[error("Submission {0} was withdrawn already.")]
    Withdrawn(i64),
    /// The description is too long.
    #[error("description: write at most {DESCRIPTION_LIMIT} characters")]
    LongDescription,
    /// The database could not be asked.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<diesel::result::Error> for SelectionError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

#[derive(Queryable)]
struct Subject {
    id: i64,
    phase_id: i64,
    team_id: i64,
    state: SubmissionState,
    late: bool,
    withdrawn_at: Option<NaiveDateTime>,
    selected: bool,
    ends_at: NaiveDateTime,
    grace_minutes: i32,
    challenge_id: i64,
    owner_id: i64,
    final_selections: i32,
}

impl Subject {
    fn find(connection: &mut DatabaseConnection, id: i64) -> Result<Self, SelectionError> {
        submissions::table
            .inner_join(phases::table)
            .inner_join(challenges::table)
            .filter(submissions::id.eq(id))
            .select((
                submissions::id,
                submissions::phase_id,
                submissions::team_id,
                submissions::state,
                submissions::late,
                submissions::withdrawn_at,
                submissions::selected,
                phases::ends_at,
                phases::grace_minutes,
                challenges::id,
                challenges::owner_id,
                challenges::final_selections,
            ))
            .first(connection)
            .optional()?
            .ok_or(SelectionError::NotFound(id))
    }

    /// The submission, if the caller is of its team; its team's row is taken first, so that two members do
    /// not choose one too many.
    fn own(
        connection: &mut DatabaseConnection,
        principal: &Principal,
        id: i64,
    ) -> Result<Self, SelectionError> {
        let not_found = || SelectionError::NotFound(id);
        let found = Self::find(connection, id)?;
        let user = principal.user().ok_or_else(not_found)?;
        let place = membership::of(connection, found.challenge_id, user.id)?;
        if place.is_none_or(|place| place.team_id != found.team_id) {
            return Err(not_found());
        }
        found.take_team(connection)?;
        Self::find(connection, id)
    }

    fn take_team(&self, connection: &mut DatabaseConnection) -> Result<(), DatabaseError> {
        super::teams::lock_team_of(connection, self.id)?;
        Ok(())
    }

    fn check_running(&self, now: DateTime<Utc>) -> Result<(), SelectionError> {
        let end = self.ends_at.and_utc() + TimeDelta::minutes(self.grace_minutes.into());
        if now < end {
            Ok(())
        } else {
            Err(SelectionError::PhaseOver(end))
        }
    }

    fn recompute(
        &self,
        connection: &mut DatabaseConnection,
        now: DateTime<Utc>,
    ) -> Result<(), DatabaseError> {
        recompute_entry(connection, now, self.phase_id, self.team_id)
    }
}

/// Chooses a submission for the private board, or takes the choice back. Until the phase ends a team may
/// change its mind. Call it in a write transaction.
pub fn select(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    id: i64,
    chosen: bool,
) -> Result<(), SelectionError> {
    let subject = Subject::own(connection, principal, id)?;
    subject.check_running(now)?;
    if chosen == subject.selected {
        return Ok(());
    }
    if chosen {
        let problem = if subject.withdrawn_at.is_some() {
            Some("it was withdrawn")
        } else if subject.late {
            Some("it came after the end")
        } else if subject.state != SubmissionState::Scored {
            Some("it has no score")
        } else {
            None
        };
        if let Some(problem) = problem {
            return Err(SelectionError::CannotCount(id, problem));
        }
        let most = subject.final_selections;
        let before: i64 = submissions::table
            .filter(submissions::phase_id.eq(subject.phase_id))
            .filter(submissions::team_id.eq(subject.team_id))
            .filter(submissions::selected)
            .count()
            .get_result(connection)?;
        if before >= i64::from(most) {
            return Err(SelectionError::Enough { most });
        }
    }
    diesel::update(submissions::table.find(id))
        .set(submissions::selected.eq(chosen))
        .execute(connection)?;
    Ok(subject.recompute(connection, now)?)
}

/// Takes a submission back: it stands on no board any more. It keeps its place of the limits, or boards
/// could be probed for nothing, unless no worker had begun with it. Call it in a write transaction.
pub fn withdraw(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    id: i64,
) -> Result<(), SelectionError> {
    let seen = Subject::find(connection, id)?;
    // Runs before teams: in the order of the transaction that stores a report. A refusal below undoes it.
    let is_ended = seen.state == SubmissionState::Queued && queue::end_all(connection, id)?;
    let subject = Subject::own(connection, principal, id)?;
    subject.check_running(now)?;
    if subject.withdrawn_at.is_some() {
        return Err(SelectionError::Withdrawn(id));
    }
    diesel::update(submissions::table.find(id))
        .set((
            submissions::withdrawn_at.eq(now.naive_utc()),
            submissions::selected.eq(false),
        ))
        .execute(connection)?;
    if is_ended {
        diesel::update(submissions::table.find(id))
            .set((
                submissions::state.eq(SubmissionState::Failed),
                submissions::counts.eq(false),
                submissions::reason.eq("It was withdrawn before it was scored."),
            ))
            .execute(connection)?;
    }
    Ok(subject.recompute(connection, now)?)
}

/// Changes what a team wrote about its submission.
pub fn describe(
    connection: &mut DatabaseConnection,
    principal: &Principal,
    id: i64,
    description: &str,
) -> Result<(), SelectionError> {
    if description.chars().count() > DESCRIPTION_LIMIT {
        return Err(SelectionError::LongDescription);
    }
    Subject::own(connection, principal, id)?;
    diesel::update(submissions::table.find(id))
        .set(submissions::description.eq(description.trim()))
        .execute(connection)?;
    Ok(())
}

/// Says that the organizer has reproduced a score, or takes that back. Call it in a write transaction.
pub fn verify(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    id: i64,
    is_verified: bool,
) -> Result<(), SelectionError> {
    let subject = Subject::find(connection, id)?;
    if !principal.may_manage(subject.owner_id) {
        return Err(SelectionError::NotFound(id));
    }
    subject.take_team(connection)?;
    if is_verified && subject.state != SubmissionState::Scored {
        return Err(SelectionError::CannotCount(id, "it has no score"));
    }
    diesel::update(submissions::table.find(id))
        .set(submissions::verified_at.eq(is_verified.then(|| now.naive_utc())))
        .execute(connection)?;
    subject.recompute(connection, now)?;
    let act = Act {
        actor_id: principal.user().map(|user| user.id),
        action: if is_verified {
            "submission.verify"
        } else {
            "submission.unverify"
        },
        subject: &format!("submission:{}", subject.id),
        challenge_id: Some(subject.challenge_id),
        detail: "",
    };
    Ok(audit::record(connection, now, &act)?)
}
