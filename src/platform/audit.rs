//! Who did what, and when: written in the same transaction as the act itself.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::database::{DatabaseConnection, DatabaseError};
use super::schema::audit_log;

/// One act of a person with power over others' work.
pub struct Act<'a> {
    /// Who; none where an operator acted on the command line.
    pub actor_id: Option<i64>,
    /// What, as `thing.verb`: `challenge.publish`.
    pub action: &'a str,
    /// To what, as `thing:name`: `challenge:lap-times`.
    pub subject: &'a str,
    /// The challenge that it belongs to, whose organizer may read of it.
    pub challenge_id: Option<i64>,
    /// What else a reader of the log needs; never a secret.
    pub detail: &'a str,
}

/// Writes an act to the log.
pub fn record(
    connection: &mut DatabaseConnection,
    at: DateTime<Utc>,
    act: &Act<'_>,
) -> Result<(), DatabaseError> {
    diesel::insert_into(audit_log::table)
        .values((
            audit_log::at.eq(at.naive_utc()),
            audit_log::actor_id.eq(act.actor_id),
            audit_log::action.eq(act.action),
            audit_log::subject.eq(act.subject),
            audit_log::challenge_id.eq(act.challenge_id),
            audit_log::detail.eq(act.detail),
        ))
        .execute(connection)?;
    Ok(())
}
