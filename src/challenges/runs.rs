//! What an organizer does about runs: stop one, try a failed one again, score one or all of a phase anew.
//!
//! A submission that is scored anew keeps its score, and its team its place, until the new score is
//! there; if it then has a worse one or none, the entry is computed anew from all that the team sent.

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::dsl::min;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Timestamp};

use super::challenge::{self, ChallengeError, current_phase};
use super::submissions::SubmissionState;
use super::teams;
use crate::accounts::permissions::Principal;
use crate::platform::audit::{self, Act};
use crate::platform::database::{DatabaseConnection, DatabaseError};
use crate::platform::schema::{challenges, phases, runs, submissions};
use crate::scoring::queue::{self, RunState};
use crate::scoring::verdict::Verdict;

/// What a team reads of a submission that its organizer stopped.
const CANCELLED: &str =
    "The organizer stopped this submission before it was scored. It does not count.";

/// Why an organizer's act on a run was not done.
#[derive(Debug, thiserror::Error)]
pub enum RunActError {
    /// There is none, or it is to a challenge of somebody else's.
    #[error("There is no submission {0} to a challenge of yours.")]
    NotFound(i64),
    /// It is over.
    #[error("Submission {0} neither waits nor runs, so there is nothing to cancel.")]
    NothingToCancel(i64),
    /// There is no such challenge or phase, or it is somebody else's.
    #[error(transparent)]
    Challenge(#[from] ChallengeError),
    /// The database could not be asked.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<diesel::result::Error> for RunActError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

/// A submission whose organizer acts on it.
#[derive(Queryable)]
struct Managed {
    owner_id: i64,
    challenge_id: i64,
    slug: String,
    state: SubmissionState,
}

fn managed(
    connection: &mut DatabaseConnection,
    principal: &Principal,
    id: i64,
) -> Result<Managed, RunActError> {
    let found: Option<Managed> = submissions::table
        .inner_join(challenges::table)
        .filter(submissions::id.eq(id))
        .select((
            challenges::owner_id,
            challenges::id,
            challenges::slug,
            submissions::state,
        ))
        .first(connection)
        .optional()?;
    found
        .filter(|found| principal.may_manage(found.owner_id))
        .ok_or(RunActError::NotFound(id))
}

fn record(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    action: &str,
    (challenge_id, id): (i64, i64),
) -> Result<(), DatabaseError> {
    let act = Act {
        actor_id: principal.user().map(|user| user.id),
        action,
        subject: &format!("submission:{id}"),
        challenge_id: Some(challenge_id),
        detail: "",
    };
    audit::record(connection, now, &act)
}

/// Stops a submission's run, waiting or under way. The lease is over at once: the worker learns it from
/// its next heartbeat and ends the sandbox, and its report is refused. The submission gives its place
/// back; one that was being scored anew keeps the score that it has. Returns the challenge's address.
/// Call it in a write transaction.
pub fn cancel(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    id: i64,
) -> Result<String, RunActError> {
    let Managed {
        slug, challenge_id, ..
    } = managed(connection, principal, id)?;
    // Runs before teams: in the order of the transaction that stores a report.
    if !queue::end_all(connection, id)? {
        return Err(RunActError::NothingToCancel(id));
    }
    teams::lock_team_of(connection, id)?;
    diesel::update(
        submissions::table
            .find(id)
            .filter(submissions::state.ne(SubmissionState::Scored)),
    )
    .set((
        submissions::state.eq(SubmissionState::Failed),
        submissions::counts.eq(false),
        submissions::verdict.eq(Verdict::Cancelled),
        submissions::reason.eq(CANCELLED),
    ))
    .execute(connection)?;
    let about = (challenge_id, id);
    record(connection, now, principal, "submission.cancel", about)?;
    Ok(slug)
}

/// What came of asking for a submission to be scored again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Again {
    /// The challenge's address.
    pub challenge: String,
    /// Whether it waits for a worker from now on; false where it waited or ran already, and nothing was
    /// changed.
    pub queued: bool,
}

/// Lets a submission be judged again: a failed one waits as if it had just been received, with its place
/// among the limits; a scored one keeps its score until it has another. Call it in a write transaction.
pub fn score_again(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    id: i64,
) -> Result<Again, RunActError> {
    managed(connection, principal, id)?;
    teams::lock_team_of(connection, id)?;
    // Asked again under the lock.
    let Managed {
        slug,
        state,
        challenge_id,
        ..
    } = managed(connection, principal, id)?;
    let queued = enqueue_again(connection, now, Chosen::One(id))? > 0;
    if queued {
        let action = match state {
            SubmissionState::Scored => "submission.rescore",
            _ => "submission.retry",
        };
        record(connection, now, principal, action, (challenge_id, id))?;
    }
    Ok(Again {
        challenge: slug,
        queued,
    })
}

/// How far the scoring anew of a phase is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rescoring {
    /// How many submissions were asked for.
    pub total: i64,
    /// How many of them have been judged again.
    pub done: i64,
    /// When it was asked for.
    pub since: DateTime<Utc>,
}

/// Lets all of a phase's submissions that have a score be scored anew, and those that failed by the
/// platform be tried again. While that is under way nothing is added: the answer says how far it is. `who`
/// is none for an operator on the command line; `phase` is a phase's name, or none for the one that matters
/// now. Call it in a write transaction.
pub fn rescore(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    who: Option<&Principal>,
    slug: &str,
    phase: Option<&str>,
) -> Result<Rescoring, RunActError> {
    if let Some(principal) = who {
        challenge::find_managed(connection, principal, slug)?;
    }
    let (challenge, phases) = challenge::find_whoever_asks(connection, slug)?;
    let chosen = match phase {
        Some(name) => phases.iter().find(|phase| phase.name == name),
        None => current_phase(&phases, now),
    };
    let Some(phase) = chosen else {
        let names: Vec<_> = phases.iter().map(|phase| phase.name.as_str()).collect();
        return Err(ChallengeError::Invalid {
            field: "phase".into(),
            problem: format!(
                "the challenge has no such phase, only: {}",
                names.join(", ")
            ),
        }
        .into());
    };
    // Taken, so that two who ask at once do not both find that nothing is under way.
    diesel::update(phases::table.find(phase.id))
        .set(phases::entry_count.eq(phases::entry_count))
        .execute(connection)?;
    if let Some(under_way) = rescoring(connection, phase.id)? {
        return Ok(under_way);
    }
    let total = enqueue_again(connection, now, Chosen::Phase(phase.id))?;
    let act = Act {
        actor_id: who.and_then(Principal::user).map(|user| user.id),
        action: "phase.rescore",
        subject: &format!("challenge:{slug}"),
        challenge_id: Some(challenge.id),
        detail: &format!("phase {}: {total} submissions", phase.name),
    };
    audit::record(connection, now, &act)?;
    Ok(Rescoring {
        total,
        done: 0,
        since: now,
    })
}

/// How far the scoring anew of a phase is; none where none is under way.
pub fn rescoring(
    connection: &mut DatabaseConnection,
    phase_id: i64,
) -> Result<Option<Rescoring>, DatabaseError> {
    let asked = || {
        runs::table
            .inner_join(submissions::table)
            .filter(submissions::phase_id.eq(phase_id))
            .filter(runs::rescore)
            .filter(runs::correction_id.is_null())
    };
    let since: Option<NaiveDateTime> = asked()
        .filter(runs::state.ne(RunState::Finished))
        .select(min(runs::queued_at))
        .first(connection)?;
    let Some(since) = since else {
        return Ok(None);
    };
    let total: i64 = asked()
        .filter(runs::queued_at.ge(since))
        .count()
        .get_result(connection)?;
    let done: i64 = asked()
        .filter(runs::queued_at.ge(since))
        .filter(runs::state.eq(RunState::Finished))
        .count()
        .get_result(connection)?;
    Ok(Some(Rescoring {
        total,
        done,
        since: since.and_utc(),
    }))
}

/// Which submissions are judged again.
#[derive(Clone, Copy)]
enum Chosen {
    /// This one, whatever came of it.
    One(i64),
    /// Those of this phase that have a score, or failed by the platform.
    Phase(i64),
}

/// Enqueues runs of those that neither wait nor run; how many.
fn enqueue_again(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    chosen: Chosen,
) -> Result<i64, DatabaseError> {
    let (condition, id) = match chosen {
        Chosen::One(id) => (
            "submissions.id = $1 AND submissions.state IN ('scored', 'failed')",
            id,
        ),
        Chosen::Phase(id) => (
            "submissions.phase_id = $1 AND (submissions.state = 'scored' OR \
             (submissions.state = 'failed' AND submissions.verdict IN ('platform_fault', 'refused')))",
            id,
        ),
    };
    // Runs of a correction do not give it another score by this task.
    let idle = "NOT EXISTS (SELECT 1 FROM runs WHERE runs.submission_id = submissions.id \
                AND runs.state <> 'finished' AND runs.correction_id IS NULL)";
    // SQLite numbers parameters in the order in which they appear.
    let added = diesel::sql_query(format!(
        "WITH chosen AS (SELECT submissions.id, submissions.state FROM submissions \
                         WHERE {condition} AND {idle}) \
         INSERT INTO runs (submission_id, state, queued_at, kind, needs_sandbox, memory_bytes, rescore) \
         SELECT chosen.id, 'queued', $2, before.kind, before.needs_sandbox, before.memory_bytes, \
                chosen.state = 'scored' \
         FROM chosen JOIN runs AS before ON before.id = \
              (SELECT MAX(runs.id) FROM runs WHERE runs.submission_id = chosen.id \
               AND runs.correction_id IS NULL)"
    ))
    .bind::<BigInt, _>(id)
    .bind::<Timestamp, _>(now.naive_utc())
    .execute(connection)?;
    // Those that have no score wait for one, and take their place again.
    diesel::sql_query(format!(
        "UPDATE submissions SET state = 'queued', counts = TRUE, verdict = NULL, reason = NULL, \
                error_line = NULL, error_column = NULL \
         WHERE {condition} AND state = 'failed' AND NOT ({idle})"
    ))
    .bind::<BigInt, _>(id)
    .execute(connection)?;
    Ok(i64::try_from(added).unwrap_or(i64::MAX))
}
