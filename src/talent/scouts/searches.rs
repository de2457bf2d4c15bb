//! Searches that a scout comes back to.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::{ScoutError, invalid, name};
use crate::platform::database::{DatabaseConnection, DatabaseError};
use crate::platform::schema::{challenges, saved_searches};
use crate::talent::board::{self, BoardSearch};

/// Searches of one scout.
pub const MOST_SEARCHES: i64 = 100;

/// A search that was kept.
#[derive(Debug, Clone, PartialEq)]
pub struct SavedSearch {
    /// The row.
    pub id: i64,
    /// What its scout calls it.
    pub name: String,
    /// The challenge's address.
    pub challenge_slug: String,
    /// Its name.
    pub challenge_title: String,
    /// What is looked for.
    pub search: BoardSearch,
    /// Whether a new board that changes what is found is told.
    pub alerts: bool,
}

/// A scout's searches, by name; `MOST_SEARCHES` at the most.
pub fn list(
    connection: &mut DatabaseConnection,
    user_id: i64,
) -> Result<Vec<SavedSearch>, DatabaseError> {
    type Row = (i64, String, String, String, String, bool);
    let rows: Vec<Row> = saved_searches::table
        .inner_join(challenges::table)
        .filter(saved_searches::user_id.eq(user_id))
        .order((saved_searches::name, saved_searches::id))
        .select((
            saved_searches::id,
            saved_searches::name,
            challenges::slug,
            challenges::title,
            saved_searches::query,
            saved_searches::alerts,
        ))
        .load(connection)?;
    let search = |(id, name, challenge_slug, challenge_title, query, alerts): Row| SavedSearch {
        id,
        name,
        challenge_slug,
        challenge_title,
        search: read(&query),
        alerts,
    };
    Ok(rows.into_iter().map(search).collect())
}

/// A search as it was written; what an older version wrote and this one does not know filters nothing.
pub(super) fn read(query: &str) -> BoardSearch {
    serde_urlencoded::from_str(query).unwrap_or_default()
}

/// Keeps a search of a challenge's board; one of the same name is replaced. Call it in a write transaction.
///
/// # Errors
/// A name that cannot be kept, a challenge without a board, too many searches.
pub fn save(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    user_id: i64,
    slug: &str,
    (wanted, search, alerts): (&str, &BoardSearch, bool),
) -> Result<i64, ScoutError> {
    let wanted = name(wanted)?;
    let line = board::find(connection, slug)?.ok_or(ScoutError::NotFound("talent board"))?;
    let count: i64 = saved_searches::table
        .filter(saved_searches::user_id.eq(user_id))
        .count()
        .get_result(connection)?;
    if count >= MOST_SEARCHES {
        let problem = format!("you have {MOST_SEARCHES} searches; delete one first");
        return invalid("name", problem);
    }
    diesel::delete(
        saved_searches::table
            .filter(saved_searches::user_id.eq(user_id))
            .filter(saved_searches::challenge_id.eq(line.challenge_id))
            .filter(saved_searches::name.eq(&wanted)),
    )
    .execute(connection)?;
    Ok(diesel::insert_into(saved_searches::table)
        .values((
            saved_searches::user_id.eq(user_id),
            saved_searches::challenge_id.eq(line.challenge_id),
            saved_searches::name.eq(wanted),
            saved_searches::query.eq(search.query()),
            saved_searches::alerts.eq(alerts),
            saved_searches::created_at.eq(now.naive_utc()),
        ))
        .returning(saved_searches::id)
        .get_result(connection)?)
}

/// Deletes a search. Call it in a write transaction.
///
/// # Errors
/// No such search of this scout's.
pub fn delete(
    connection: &mut DatabaseConnection,
    user_id: i64,
    id: i64,
) -> Result<(), ScoutError> {
    let deleted = diesel::delete(
        saved_searches::table
            .filter(saved_searches::id.eq(id))
            .filter(saved_searches::user_id.eq(user_id)),
    )
    .execute(connection)?;
    match deleted {
        0 => Err(ScoutError::NotFound("saved search")),
        _ => Ok(()),
    }
}
