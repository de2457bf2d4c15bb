//! The queue: a table of our own database, so that a run is enqueued in the transaction that accepts
//! its submission.
//!
//! A run is *leased*: one worker has the right to it until a time of the database's clock. Each lease
//! raises the run's attempt, which is the fencing number: a report or heartbeat with an older one is
//! refused (law 2). Claiming is one short transaction; none stays open while a run is carried out.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::dsl::count_star;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Text, Timestamp};
use serde::{Deserialize, Serialize};

use crate::platform::database::{DatabaseConnection, DatabaseError, database_now};
use crate::platform::schema::runs;
use crate::scoring::kind::SubmissionKind;

/// After this many leases that ended without a report the platform gives a run up: something about
/// it kills workers. The competitor is not charged.
pub const MAXIMUM_ATTEMPTS: i32 = 5;

crate::text_enum! {
    /// Where a run is.
    pub enum RunState {
        /// Waiting for a worker.
        Queued = "queued",
        /// A worker has it until its lease ends.
        Leased = "leased",
        /// Reported, or given up.
        Finished = "finished",
    }
}

/// The right to carry a run out: the run and the fencing number of the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Lease {
    /// The run.
    pub run_id: i64,
    /// The fencing number: how often the run was leased, this time included.
    pub attempt: i32,
}

/// A run that was claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName)]
pub struct Claim {
    /// The run.
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    /// What it scores.
    #[diesel(sql_type = BigInt)]
    pub submission_id: i64,
    /// The fencing number.
    #[diesel(sql_type = Integer)]
    pub attempt: i32,
}

impl Claim {
    /// The right that the claim gives.
    pub fn lease(&self) -> Lease {
        Lease {
            run_id: self.id,
            attempt: self.attempt,
        }
    }
}

/// What a run asks of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    /// The kind of submission.
    pub kind: SubmissionKind,
    /// Whether something is run in a sandbox: a model, or the organizer's scoring program.
    pub needs_sandbox: bool,
    /// The memory that it may use, in bytes; 0 where nothing is run.
    pub memory_bytes: u64,
}

/// What a worker can carry out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Abilities {
    /// The kinds of submission that it takes.
    pub kinds: Vec<SubmissionKind>,
    /// Whether it can seal a sandbox.
    pub sandbox: bool,
    /// The most memory that one run may ask for, in bytes.
    pub memory_bytes: u64,
}

impl Abilities {
    /// Those of a worker that runs nobody's code.
    pub fn predictions_alone() -> Self {
        Self {
            kinds: vec![SubmissionKind::Predictions],
            sandbox: false,
            memory_bytes: 0,
        }
    }

    /// The condition on runs that this worker may claim. The names are our own: nothing of it comes
    /// from outside.
    fn condition(&self) -> String {
        let kinds: Vec<_> = self
            .kinds
            .iter()
            .filter(|kind| self.sandbox || !kind.is_model())
            .map(|kind| format!("'{kind}'"))
            .collect();
        let kinds = match kinds.as_slice() {
            [] => "FALSE".to_owned(),
            kinds => format!("kind IN ({})", kinds.join(", ")),
        };
        if self.sandbox {
            format!("{kinds} AND memory_bytes <= {}", whole(self.memory_bytes))
        } else {
            format!("{kinds} AND needs_sandbox = FALSE")
        }
    }
}

/// Enqueues a run of a submission, in the caller's transaction.
pub fn enqueue(
    connection: &mut DatabaseConnection,
    submission_id: i64,
    demand: Demand,
    now: DateTime<Utc>,
) -> Result<(), DatabaseError> {
    diesel::insert_into(runs::table)
        .values((
            runs::submission_id.eq(submission_id),
            runs::kind.eq(demand.kind),
            runs::needs_sandbox.eq(demand.needs_sandbox),
            runs::memory_bytes.eq(whole(demand.memory_bytes)),
            runs::state.eq(RunState::Queued),
            runs::queued_at.eq(now.naive_utc()),
        ))
        .execute(connection)?;
    Ok(())
}

fn whole(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// Claims the run that waits longest among those that the worker can carry out: first those whose
/// lease ended without a report, then new ones, then those that an organizer wants scored anew, so that
/// nobody waits for these. Call it in a write transaction.
pub fn claim(
    connection: &mut DatabaseConnection,
    worker: &str,
    abilities: &Abilities,
    lease_seconds: u32,
) -> Result<Option<Claim>, DatabaseError> {
    let now = database_now(connection)?;
    let expires_at = now + TimeDelta::seconds(lease_seconds.into());
    let skip_locked = match connection {
        DatabaseConnection::Postgres(_) => "FOR UPDATE SKIP LOCKED",
        // The transaction holds SQLite's only write lock.
        DatabaseConnection::Sqlite(_) => "",
    };
    let able = abilities.condition();
    for (waiting, order) in [
        (
            "state = 'leased' AND lease_expires_at < $2",
            "lease_expires_at, id",
        ),
        ("state = 'queued' AND rescore = FALSE", "queued_at, id"),
        ("state = 'queued'", "queued_at, id"),
    ] {
        let claimed = diesel::sql_query(format!(
            "UPDATE runs SET worker = $1, leased_at = $2, lease_expires_at = $3, \
             state = 'leased', attempt = attempt + 1 \
             WHERE id = (SELECT id FROM runs WHERE {waiting} AND {able} \
             ORDER BY {order} LIMIT 1 {skip_locked}) \
             RETURNING id, submission_id, attempt"
        ))
        .bind::<Text, _>(worker)
        .bind::<Timestamp, _>(now.naive_utc())
        .bind::<Timestamp, _>(expires_at.naive_utc())
        .get_result(connection)
        .optional()?;
        if claimed.is_some() {
            return Ok(claimed);
        }
    }
    Ok(None)
}

/// Extends a lease; false when another worker has the run by now.
pub fn heartbeat(
    connection: &mut DatabaseConnection,
    lease: Lease,
    lease_seconds: u32,
) -> Result<bool, DatabaseError> {
    let expires_at = database_now(connection)? + TimeDelta::seconds(lease_seconds.into());
    let extended = diesel::update(held(lease))
        .set(runs::lease_expires_at.eq(expires_at.naive_utc()))
        .execute(connection)?;
    Ok(extended == 1)
}

/// Ends a run, in the transaction that stores what came of it; false when the lease is not the
/// newest, and then nothing may be stored.
pub fn finish(connection: &mut DatabaseConnection, lease: Lease) -> Result<bool, DatabaseError> {
    let now = database_now(connection)?;
    let finished = diesel::update(held(lease))
        .set((
            runs::state.eq(RunState::Finished),
            runs::finished_at.eq(now.naive_utc()),
        ))
        .execute(connection)?;
    Ok(finished == 1)
}

/// Ends every run of a submission that waits or is under way, whoever has it: from then on its lease
/// is refused. False where there was none.
pub fn end_all(
    connection: &mut DatabaseConnection,
    submission_id: i64,
) -> Result<bool, DatabaseError> {
    let now = database_now(connection)?;
    let ended = diesel::update(
        runs::table
            .filter(runs::submission_id.eq(submission_id))
            .filter(runs::state.ne(RunState::Finished)),
    )
    .set((
        runs::state.eq(RunState::Finished),
        runs::finished_at.eq(now.naive_utc()),
    ))
    .execute(connection)?;
    Ok(ended > 0)
}

/// The submission of a run, if the lease is the newest.
pub fn submission_of(
    connection: &mut DatabaseConnection,
    lease: Lease,
) -> Result<Option<i64>, DatabaseError> {
    Ok(held(lease)
        .select(runs::submission_id)
        .first(connection)
        .optional()?)
}

/// The correction that a run is for, whatever became of the lease; none where it scores by the phase's own
/// task.
pub fn correction_of(
    connection: &mut DatabaseConnection,
    lease: Lease,
) -> Result<Option<i64>, DatabaseError> {
    let found: Option<Option<i64>> = runs::table
        .find(lease.run_id)
        .select(runs::correction_id)
        .first(connection)
        .optional()?;
    Ok(found.flatten())
}

#[diesel::dsl::auto_type(no_type_alias)]
fn held(lease: Lease) -> _ {
    let id: i64 = lease.run_id;
    let attempt: i32 = lease.attempt;
    let state: RunState = RunState::Leased;
    runs::table
        .filter(runs::id.eq(id))
        .filter(runs::attempt.eq(attempt))
        .filter(runs::state.eq(state))
}

/// How many runs wait for a worker: counted in the index, for the operator's graphs.
pub fn waiting(connection: &mut DatabaseConnection) -> Result<i64, DatabaseError> {
    Ok(runs::table
        .filter(runs::state.eq(RunState::Queued))
        .count()
        .get_result(connection)?)
}

/// How many runs of each kind wait for a worker.
pub fn waiting_by_kind(
    connection: &mut DatabaseConnection,
) -> Result<Vec<(SubmissionKind, i64)>, DatabaseError> {
    let counted: Vec<(SubmissionKind, i64)> = runs::table
        .filter(runs::state.eq(RunState::Queued))
        .group_by(runs::kind)
        .select((runs::kind, count_star()))
        .load(connection)?;
    let waiting = |kind: SubmissionKind| {
        let found = counted.iter().find(|(known, _)| *known == kind);
        (kind, found.map_or(0, |(_, count)| *count))
    };
    Ok(SubmissionKind::ALL.iter().copied().map(waiting).collect())
}

/// Whether there is anything for a worker to claim: a look that takes no lock.
pub fn is_any_waiting(
    connection: &mut DatabaseConnection,
    abilities: &Abilities,
) -> Result<bool, DatabaseError> {
    #[derive(QueryableByName)]
    struct Waiting {
        #[diesel(sql_type = BigInt)]
        #[expect(dead_code, reason = "a row is all that is asked for")]
        id: i64,
    }
    let now = database_now(connection)?;
    let able = abilities.condition();
    let found: Option<Waiting> = diesel::sql_query(format!(
        "SELECT id FROM runs WHERE (state = 'queued' OR (state = 'leased' AND lease_expires_at < $1)) \
         AND {able} LIMIT 1"
    ))
    .bind::<Timestamp, _>(now.naive_utc())
    .get_result(connection)
    .optional()?;
    Ok(found.is_some())
}
