//! What an organizer's console shows of a challenge at a glance: what needs attention, and what came in day
//! by day. A few indexed queries, however many rows there are.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::challenge::readable;
use super::flags;
use super::workload::{self, Workload};
use crate::platform::database::{DatabaseConnection, DatabaseError};
use crate::platform::schema::{corrections, join_requests, members, phases, post_reports};

/// What of a challenge waits for its organizer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attention {
    /// Its submissions by what became of them.
    pub workload: Workload,
    /// Pairs of submissions that are alike, which nobody has looked at.
    pub open_flags: i64,
    /// People who ask to be let in.
    pub join_requests: i64,
    /// Posts of the discussion that somebody reported.
    pub reported_posts: i64,
    /// When the correction began that is under way, if one is.
    pub correcting_since: Option<DateTime<Utc>>,
}

impl Attention {
    /// Whether there is nothing to do.
    pub fn is_calm(&self, now: DateTime<Utc>) -> bool {
        !self.workload.is_late(now)
            && self.workload.platform_faults == 0
            && self.open_flags == 0
            && self.join_requests == 0
            && self.reported_posts == 0
            && self.correcting_since.is_none()
    }
}

/// What of a challenge waits for its organizer.
pub fn of_challenge(
    connection: &mut DatabaseConnection,
    challenge_id: i64,
) -> Result<Attention, DatabaseError> {
    let workload = workload::of_challenges(connection, &[challenge_id])?;
    let correcting_since = corrections::table
        .inner_join(phases::table)
        .filter(phases::challenge_id.eq(challenge_id))
        .filter(corrections::finished_at.is_null())
        .filter(corrections::cancelled_at.is_null())
        .order(corrections::id.desc())
        .select(corrections::started_at)
        .first::<chrono::NaiveDateTime>(connection)
        .optional()?;
    Ok(Attention {
        workload: workload.get(&challenge_id).copied().unwrap_or_default(),
        open_flags: flags::open_count(connection, challenge_id)?,
        join_requests: join_requests::table
            .filter(join_requests::challenge_id.eq(challenge_id))
            .filter(join_requests::decided_at.is_null())
            .count()
            .get_result(connection)?,
        reported_posts: post_reports::table
            .filter(post_reports::challenge_id.eq(challenge_id))
            .filter(post_reports::resolved_at.is_null())
            .count()
            .get_result(connection)?,
        correcting_since: correcting_since.map(|since| since.and_utc()),
    })
}

/// How many people take part.
pub fn members_of(
    connection: &mut DatabaseConnection,
    challenge_id: i64,
) -> Result<i64, DatabaseError> {
    Ok(members::table
        .filter(members::challenge_id.eq(challenge_id))
        .count()
        .get_result(connection)?)
}

/// How many there were on a day, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayCount {
    /// The day.
    pub day: NaiveDate,
    /// How many; never 0: days on which nothing happened are not in the list.
    pub count: i64,
}

#[derive(QueryableByName)]
struct DayRow {
    #[diesel(sql_type = Text)]
    day: String,
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// The submissions of a challenge by the day on which they were received, oldest first.
pub fn submissions_by_day(
    connection: &mut DatabaseConnection,
    challenge_id: i64,
) -> Result<Vec<DayCount>, DatabaseError> {
    by_day(connection, "submissions", "received_at", challenge_id)
}

/// The teams of a challenge by the day on which they joined, oldest first; baselines are not among them.
pub fn teams_by_day(
    connection: &mut DatabaseConnection,
    challenge_id: i64,
) -> Result<Vec<DayCount>, DatabaseError> {
    by_day(connection, "teams", "created_at", challenge_id)
}

fn by_day(
    connection: &mut DatabaseConnection,
    table: &str,
    time: &str,
    challenge_id: i64,
) -> Result<Vec<DayCount>, DatabaseError> {
    let condition = match table {
        "teams" => "AND NOT is_baseline",
        _ => "",
    };
    let rows: Vec<DayRow> = diesel::sql_query(format!(
        "SELECT CAST(DATE({time}) AS TEXT) AS day, COUNT(*) AS number FROM {table} \
         WHERE challenge_id = $1 {condition} GROUP BY DATE({time}) ORDER BY DATE({time})"
    ))
    .bind::<BigInt, _>(challenge_id)
    .load(connection)?;
    rows.into_iter()
        .map(|row| {
            Ok(DayCount {
                day: readable(row.day.parse())?,
                count: row.number,
            })
        })
        .collect()
}
