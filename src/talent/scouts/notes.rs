//! What a scout writes about a driver, for their own eyes.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::{ScoutError, invalid, shortlists};
use crate::platform::database::{DatabaseConnection, DatabaseError};
use crate::platform::schema::driver_notes;

/// Characters of a note.
pub const NOTE_LIMIT: usize = 4000;

/// A scout's note on a driver; empty where there is none.
pub fn find(
    connection: &mut DatabaseConnection,
    user_id: i64,
    challenge_id: i64,
    driver: &str,
) -> Result<String, DatabaseError> {
    let found: Option<String> = driver_notes::table
        .find((user_id, challenge_id, driver))
        .select(driver_notes::body)
        .first(connection)
        .optional()?;
    Ok(found.unwrap_or_default())
}

/// Keeps a note; an empty one deletes what there was. Call it in a write transaction.
///
/// # Errors
/// A note that is too long; no such driver on the challenge's board.
pub fn write(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    user_id: i64,
    (slug, driver): (&str, &str),
    body: &str,
) -> Result<(), ScoutError> {
    let body = body.trim().replace("\r\n", "\n");
    if body.chars().count() > NOTE_LIMIT {
        return invalid("note", format!("use at most {NOTE_LIMIT} characters"));
    }
    let challenge_id = shortlists::rated_in(connection, slug, driver)?;
    diesel::delete(driver_notes::table.find((user_id, challenge_id, driver)))
        .execute(connection)?;
    if !body.is_empty() {
        diesel::insert_into(driver_notes::table)
            .values((
                driver_notes::user_id.eq(user_id),
                driver_notes::challenge_id.eq(challenge_id),
                driver_notes::driver.eq(driver),
                driver_notes::body.eq(body),
                driver_notes::updated_at.eq(now.naive_utc()),
            ))
            .execute(connection)?;
    }
    Ok(())
}
