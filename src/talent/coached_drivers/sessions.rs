//! What a driver drove in one go.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use diesel::dsl::{count_star, min};
use diesel::prelude::*;

use super::drivers::{self, LONGEST_LABEL, lock};
use super::{CoachingError, invalid, short_text};
use crate::accounts::permissions::Principal;
use crate::platform::database::DatabaseConnection;
use crate::platform::schema::{driven_laps, driving_sessions};

/// The most sessions of a driver.
const MOST_SESSIONS: i64 = 2_000;
/// Clocks of timing loops go wrong, but not by more than this.
const AHEAD: TimeDelta = TimeDelta::days(2);

/// What is said of a session when it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionDraft {
    /// Track and layout, written the same way each time: only laps of one track are compared.
    pub track: String,
    /// What it is called, such as `Training 2`.
    pub name: String,
    /// Whether the track was wet.
    pub wet: bool,
    /// When it began.
    pub started_at: DateTime<Utc>,
}

/// A session in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The row.
    pub id: i64,
    /// Who drove it.
    pub driver_id: i64,
    /// What is said of it.
    pub draft: SessionDraft,
    /// When it ended; none while laps may come.
    pub ended_at: Option<DateTime<Utc>>,
    /// How many laps there are.
    pub laps: i64,
    /// The fastest lap of all, in milliseconds.
    pub fastest: Option<i32>,
}

pub(super) type Row = (
    i64,
    i64,
    String,
    String,
    bool,
    NaiveDateTime,
    Option<NaiveDateTime>,
);

pub(super) const COLUMNS: (
    driving_sessions::id,
    driving_sessions::driver_id,
    driving_sessions::track,
    driving_sessions::name,
    driving_sessions::wet,
    driving_sessions::started_at,
    driving_sessions::ended_at,
) = (
    driving_sessions::id,
    driving_sessions::driver_id,
    driving_sessions::track,
    driving_sessions::name,
    driving_sessions::wet,
    driving_sessions::started_at,
    driving_sessions::ended_at,
);

fn session(row: Row) -> Session {
    let (id, driver_id, track, name, wet, started_at, ended_at) = row;
    Session {
        id,
        driver_id,
        draft: SessionDraft {
            track,
            name,
            wet,
            started_at: started_at.and_utc(),
        },
        ended_at: ended_at.map(|time| time.and_utc()),
        laps: 0,
        fastest: None,
    }
}

/// Counts the laps of sessions.
fn with_laps(
    connection: &mut DatabaseConnection,
    rows: Vec<Row>,
) -> Result<Vec<Session>, CoachingError> {
    let ids: Vec<i64> = rows.iter().map(|row| row.0).collect();
    let counts: Vec<(i64, i64, Option<i32>)> = driven_laps::table
        .filter(driven_laps::session_id.eq_any(ids))
        .group_by(driven_laps::session_id)
        .select((
            driven_laps::session_id,
            count_star(),
            min(driven_laps::milliseconds),
        ))
        .load(connection)?;
    let counted = |row: Row| {
        let found = counts.iter().find(|(id, ..)| *id == row.0);
        let (laps, fastest) = found.map_or((0, None), |(_, laps, fastest)| (*laps, *fastest));
        Session {
            laps,
            fastest,
            ..session(row)
        }
    };
    Ok(rows.into_iter().map(counted).collect())
}

/// Begins a session. Call it in a write transaction.
///
/// # Errors
/// [`CoachingError::NoSuchDriver`], [`CoachingError::Invalid`] and [`CoachingError::TooMany`].
pub fn begin(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    driver_id: i64,
    draft: &SessionDraft,
) -> Result<Session, CoachingError> {
    lock(connection, driver_id)?;
    drivers::find(connection, principal, driver_id)?;
    let track = short_text("track", &draft.track, LONGEST_LABEL)?;
    let name = short_text("name", &draft.name, LONGEST_LABEL)?;
    let earliest = now - TimeDelta::days(365 * 30);
    if draft.started_at > now + AHEAD || draft.started_at < earliest {
        return Err(invalid(
            "started_at",
            "give a time of the last thirty years, such as 2026-05-31T18:00:00Z",
        ));
    }
    let known: i64 = driving_sessions::table
        .filter(driving_sessions::driver_id.eq(driver_id))
        .count()
        .get_result(connection)?;
    if known >= MOST_SESSIONS {
        return Err(CoachingError::TooMany {
            what: "sessions",
            most: MOST_SESSIONS,
        });
    }
    let row: Row = diesel::insert_into(driving_sessions::table)
        .values((
            driving_sessions::driver_id.eq(driver_id),
            driving_sessions::track.eq(track),
            driving_sessions::name.eq(name),
            driving_sessions::wet.eq(draft.wet),
            driving_sessions::started_at.eq(draft.started_at.naive_utc()),
        ))
        .returning(COLUMNS)
        .get_result(connection)?;
    Ok(session(row))
}

/// Up to `limit` sessions of a driver, the newest row first, older than the row `before` where given. Whether the
/// caller may see them is the caller's to ask.
pub fn list(
    connection: &mut DatabaseConnection,
    driver_id: i64,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Session>, CoachingError> {
    let rows: Vec<Row> = driving_sessions::table
        .filter(driving_sessions::driver_id.eq(driver_id))
        .filter(driving_sessions::id.lt(before.unwrap_or(i64::MAX)))
        .order(driving_sessions::id.desc())
        .limit(limit)
        .select(COLUMNS)
        .load(connection)?;
    with_laps(connection, rows)
}

/// The `limit` sessions of a driver that began last, the newest first, whenever they were sent.
pub fn recent(
    connection: &mut DatabaseConnection,
    driver_id: i64,
    limit: i64,
) -> Result<Vec<Session>, CoachingError> {
    let rows: Vec<Row> = driving_sessions::table
        .filter(driving_sessions::driver_id.eq(driver_id))
        .order((
            driving_sessions::started_at.desc(),
            driving_sessions::id.desc(),
        ))
        .limit(limit)
        .select(COLUMNS)
        .load(connection)?;
    with_laps(connection, rows)
}

/// A session of a driver.
///
/// # Errors
/// [`CoachingError::NoSuchSession`] for another driver's as for none.
pub fn find(
    connection: &mut DatabaseConnection,
    driver_id: i64,
    id: i64,
) -> Result<Session, CoachingError> {
    let row: Option<Row> = driving_sessions::table
        .find(id)
        .filter(driving_sessions::driver_id.eq(driver_id))
        .select(COLUMNS)
        .first(connection)
        .optional()?;
    let row = row.ok_or(CoachingError::NoSuchSession(id))?;
    let found = with_laps(connection, vec![row])?;
    found
        .into_iter()
        .next()
        .ok_or(CoachingError::NoSuchSession(id))
}

/// Ends a session: it takes no new laps. Ending it again changes nothing. Call it in a write transaction.
///
/// # Errors
/// [`CoachingError::NoSuchDriver`] and [`CoachingError::NoSuchSession`].
pub fn end(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    driver_id: i64,
    id: i64,
) -> Result<Session, CoachingError> {
    lock(connection, driver_id)?;
    drivers::find(connection, principal, driver_id)?;
    let known = find(connection, driver_id, id)?;
    if known.ended_at.is_some() {
        return Ok(known);
    }
    diesel::update(driving_sessions::table.find(id))
        .set(driving_sessions::ended_at.eq(now.naive_utc()))
        .execute(connection)?;
    Ok(Session {
        ended_at: Some(now),
        ..known
    })
}

/// Deletes a session with its laps. Call it in a write transaction.
///
/// # Errors
/// [`CoachingError::NoSuchDriver`] and [`CoachingError::NoSuchSession`].
pub fn delete(
    connection: &mut DatabaseConnection,
    principal: &Principal,
    driver_id: i64,
    id: i64,
) -> Result<(), CoachingError> {
    lock(connection, driver_id)?;
    drivers::find(connection, principal, driver_id)?;
    find(connection, driver_id, id)?;
    diesel::delete(driven_laps::table.filter(driven_laps::session_id.eq(id)))
        .execute(connection)?;
    diesel::delete(driving_sessions::table.find(id)).execute(connection)?;
    Ok(())
}
