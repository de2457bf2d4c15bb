//! What a person was told, newest first.

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;

use super::notifications::NotificationKind;
use crate::platform::database::{DatabaseConnection, DatabaseError, MultiBackend};
use crate::platform::schema::notifications;

/// One message.
#[derive(Debug, Clone)]
pub struct Message {
    /// The row, for paging.
    pub id: i64,
    /// What it is about.
    pub kind: NotificationKind,
    /// What it says, in a line.
    pub title: String,
    /// The beginning of the rest, as plain text.
    pub body: String,
    /// The page that it leads to.
    pub href: String,
    /// When it came.
    pub at: DateTime<Utc>,
    /// When its reader marked it as read.
    pub read_at: Option<DateTime<Utc>>,
}

type Row = (
    i64,
    NotificationKind,
    String,
    String,
    String,
    NaiveDateTime,
    Option<NaiveDateTime>,
);

/// Up to `limit` messages of a person, newest first, older than the message `before` where given.
pub fn page(
    connection: &mut DatabaseConnection,
    user_id: i64,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Message>, DatabaseError> {
    let mut query = notifications::table
        .filter(notifications::user_id.eq(user_id))
        .order(notifications::id.desc())
        .limit(limit)
        .select((
            notifications::id,
            notifications::kind,
            notifications::title,
            notifications::body,
            notifications::href,
            notifications::at,
            notifications::read_at,
        ))
        .into_boxed::<MultiBackend>();
    if let Some(before) = before {
        query = query.filter(notifications::id.lt(before));
    }
    let rows: Vec<Row> = query.load(connection)?;
    Ok(rows
        .into_iter()
        .map(|(id, kind, title, body, href, at, read_at)| Message {
            id,
            kind,
            title,
            body,
            href,
            at: at.and_utc(),
            read_at: read_at.map(|at| at.and_utc()),
        })
        .collect())
}

/// More unread messages than this are not counted: every page asks.
pub const COUNTED: i64 = 100;

/// How many messages a person has not read, up to [`COUNTED`].
pub fn unread(connection: &mut DatabaseConnection, user_id: i64) -> Result<i64, DatabaseError> {
    let found: Vec<i64> = notifications::table
        .filter(notifications::user_id.eq(user_id))
        .filter(notifications::read_at.is_null())
        .select(notifications::id)
        .limit(COUNTED)
        .load(connection)?;
    Ok(i64::try_from(found.len()).unwrap_or(COUNTED))
}

/// Marks one message of a person as read and returns where it leads; none where there is no such one.
pub fn mark_read(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    user_id: i64,
    id: i64,
) -> Result<Option<String>, DatabaseError> {
    let own = notifications::table
        .filter(notifications::user_id.eq(user_id))
        .filter(notifications::id.eq(id));
    diesel::update(own.filter(notifications::read_at.is_null()))
        .set(notifications::read_at.eq(now.naive_utc()))
        .execute(connection)?;
    Ok(own
        .select(notifications::href)
        .first(connection)
        .optional()?)
}

/// Marks all messages of a person as read, up to the newest that they saw: what came since stays.
pub fn mark_all_read(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    user_id: i64,
    newest_seen: i64,
) -> Result<(), DatabaseError> {
    diesel::update(
        notifications::table
            .filter(notifications::user_id.eq(user_id))
            .filter(notifications::id.le(newest_seen))
            .filter(notifications::read_at.is_null()),
    )
    .set(notifications::read_at.eq(now.naive_utc()))
    .execute(connection)?;
    Ok(())
}
