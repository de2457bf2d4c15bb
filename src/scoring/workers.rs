//! Who carries runs out. Each worker says of itself, every few seconds, what it can do and how busy it
//! is; an organizer reads it on the console. One that said that it is about to stop is handed no more runs;
//! otherwise leases do not depend on it: a worker that is silent here keeps its own until they end.

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::kind::SubmissionKind;
use crate::platform::column_types::{Json, json_text};
use crate::platform::database::{DatabaseConnection, DatabaseError, database_now};
use crate::platform::schema::workers;

/// How often a worker says how it is: one small write, however many runs it carries out meanwhile.
pub const ANNOUNCE_EVERY: Duration = Duration::from_secs(10);

/// A worker that has not been heard for this long is silent: three announcements were missed.
pub const SILENT_AFTER: TimeDelta = TimeDelta::seconds(35);

/// Workers that were last heard longer ago than this are forgotten by the console.
const REMEMBERED: TimeDelta = TimeDelta::days(7);

/// The longest text of an announcement that is kept, in characters.
const LONGEST_TEXT: usize = 500;

/// The kinds of submission that a machine's workers take, as its operator names them: with commas
/// between, or nothing for all.
///
/// # Errors
/// A name that no kind has.
pub fn parse_kinds(names: &str) -> Result<Vec<SubmissionKind>, String> {
    if names.trim().is_empty() {
        return Ok(SubmissionKind::ALL.to_vec());
    }
    let kinds = names.split(',').map(|name| name.trim().parse());
    kinds
        .collect::<Result<_, String>>()
        .map_err(|problem| format!("worker_kinds: {problem}"))
}

/// The most memory in bytes that one run may ask for, as the operator sets it in MiB; 0 for all that the
/// machine has.
pub fn memory_of_a_run(memory_mb: u64) -> u64 {
    match memory_mb {
        0 => machine_memory(),
        memory_mb => memory_mb.saturating_mul(1 << 20),
    }
}

/// The machine's memory in bytes, as Linux tells it.
pub fn machine_memory() -> u64 {
    let told = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    told.lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok())
        .map_or(u64::MAX, |kib| kib * 1024)
}

/// What a worker says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Announcement {
    /// Of Paddock.
    pub version: String,
    /// The kinds of submission that it takes.
    pub kinds: Vec<SubmissionKind>,
    /// How many runs it carries out at once.
    pub concurrency: u32,
    /// How many it carries out now.
    pub running: u32,
    /// The most memory that one run may ask for, in bytes.
    pub memory_bytes: u64,
    /// The version of the built runtime that it has.
    pub runtime: Option<String>,
    /// Why it cannot run models and what to do, where it cannot.
    pub sandbox_problem: Option<String>,
    /// Whether it takes no more runs because it is about to stop.
    pub draining: bool,
    /// Runs that it reported since it started.
    pub runs_done: u64,
    /// Runs that it could not carry out, by its own fault.
    pub runs_failed: u64,
    /// How long ago it started.
    pub seconds_up: u64,
}

crate::text_enum! {
    /// How a worker is.
    pub enum WorkerState {
        /// It takes runs.
        Active = "active",
        /// It finishes what it has begun, and takes no more.
        Draining = "draining",
        /// It finished what it had begun, and said goodbye.
        Stopped = "stopped",
        /// It said nothing for a while, and not goodbye.
        Silent = "silent",
    }
}

/// A worker as it was last heard.
#[derive(Debug, Clone, PartialEq)]
pub struct Worker {
    /// The name of its token; a server's own worker has the server's.
    pub name: String,
    /// How it is, by the database's clock.
    pub state: WorkerState,
    /// What it said.
    pub announced: Announcement,
    /// When it said so.
    pub last_heartbeat_at: DateTime<Utc>,
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = workers, treat_none_as_null = true)]
struct WorkerRow {
    name: String,
    version: String,
    kinds: String,
    concurrency: i32,
    running: i32,
    memory_bytes: i64,
    runtime: Option<String>,
    sandbox_problem: Option<String>,
    draining: bool,
    runs_done: i64,
    runs_failed: i64,
    started_at: NaiveDateTime,
    last_heartbeat_at: NaiveDateTime,
}

/// Keeps what a worker says of itself in the place of what it said before. Call it in a write
/// transaction.
pub fn announce(
    connection: &mut DatabaseConnection,
    name: &str,
    announcement: &Announcement,
) -> Result<(), DatabaseError> {
    let now = database_now(connection)?;
    let text = |text: &String| text.chars().take(LONGEST_TEXT).collect::<String>();
    let up = TimeDelta::try_seconds(whole(announcement.seconds_up)).unwrap_or_default();
    let row = WorkerRow {
        name: name.to_owned(),
        version: text(&announcement.version),
        kinds: json_text(&announcement.kinds)?,
        concurrency: i32::try_from(announcement.concurrency).unwrap_or(i32::MAX),
        running: i32::try_from(announcement.running).unwrap_or(i32::MAX),
        memory_bytes: whole(announcement.memory_bytes),
        runtime: announcement.runtime.as_ref().map(text),
        sandbox_problem: announcement.sandbox_problem.as_ref().map(text),
        draining: announcement.draining,
        runs_done: whole(announcement.runs_done),
        runs_failed: whole(announcement.runs_failed),
        started_at: now.checked_sub_signed(up).unwrap_or(now).naive_utc(),
        last_heartbeat_at: now.naive_utc(),
    };
    crate::each_backend!(connection, |inner| diesel::insert_into(workers::table)
        .values(&row)
        .on_conflict(workers::name)
        .do_update()
        .set(&row)
        .execute(inner))?;
    Ok(())
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Whether the worker of this name said that it takes no more.
pub fn is_draining(connection: &mut DatabaseConnection, name: &str) -> Result<bool, DatabaseError> {
    let said: Option<bool> = workers::table
        .find(name)
        .select(workers::draining)
        .first(connection)
        .optional()?;
    Ok(said.unwrap_or(false))
}

/// The workers of the last days in the order of their names.
pub fn list(connection: &mut DatabaseConnection) -> Result<Vec<Worker>, DatabaseError> {
    let now = database_now(connection)?;
    let rows: Vec<(WorkerRow, Json<Vec<SubmissionKind>>)> = workers::table
        .filter(workers::last_heartbeat_at.gt((now - REMEMBERED).naive_utc()))
        .order(workers::name)
        .limit(500)
        .select((WorkerRow::as_select(), workers::kinds))
        .load(connection)?;
    Ok(rows
        .into_iter()
        .map(|(row, kinds)| {
            let last_heartbeat_at = row.last_heartbeat_at.and_utc();
            let state = match () {
                () if row.draining && row.running == 0 => WorkerState::Stopped,
                () if now - last_heartbeat_at > SILENT_AFTER => WorkerState::Silent,
                () if row.draining => WorkerState::Draining,
                () => WorkerState::Active,
            };
            let up = last_heartbeat_at - row.started_at.and_utc();
            Worker {
                name: row.name,
                state,
                last_heartbeat_at,
                announced: Announcement {
                    version: row.version,
                    kinds: kinds.0,
                    concurrency: row.concurrency.unsigned_abs(),
                    running: row.running.unsigned_abs(),
                    memory_bytes: row.memory_bytes.unsigned_abs(),
                    runtime: row.runtime,
                    sandbox_problem: row.sandbox_problem,
                    draining: row.draining,
                    runs_done: row.runs_done.unsigned_abs(),
                    runs_failed: row.runs_failed.unsigned_abs(),
                    seconds_up: up.num_seconds().unsigned_abs(),
                },
            }
        })
        .collect())
}

impl Worker {
    /// Whether it can carry out runs of this kind.
    pub fn takes(&self, kind: SubmissionKind) -> bool {
        let able = self.announced.sandbox_problem.is_none() || !kind.is_model();
        able && self.announced.kinds.contains(&kind)
    }
}
