//! Shortlists: drivers whom a scout wants to come back to.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::prelude::*;

use super::{ScoutError, invalid, name};
use crate::each_backend;
use crate::platform::database::{DatabaseConnection, DatabaseError};
use crate::platform::schema::{
    challenges, driver_notes, rated_drivers, shortlisted_drivers, shortlists, talent_boards,
};

/// Lists of one scout.
pub const MOST_LISTS: i64 = 50;
/// Drivers of one list.
pub const MOST_DRIVERS: i64 = 500;

/// A list in the list of lists.
#[derive(Debug, Clone, PartialEq)]
pub struct Shortlist {
    /// The row.
    pub id: i64,
    /// What its scout calls it.
    pub name: String,
    /// When it was begun.
    pub created_at: DateTime<Utc>,
    /// How many drivers are on it.
    pub drivers: i64,
}

/// A driver on a list, with where they stand now.
#[derive(Debug, Clone, PartialEq)]
pub struct ShortlistedDriver {
    /// The challenge's address.
    pub challenge_slug: String,
    /// Its name.
    pub challenge_title: String,
    /// The pseudonym.
    pub driver: String,
    /// Since when.
    pub added_at: DateTime<Utc>,
    /// The tier on the newest board; none if they are not on it.
    pub tier: Option<i32>,
    /// The pace percentile there.
    pub pace_percentile: Option<f64>,
    /// What the scout noted.
    pub note: String,
}

/// A scout's lists, by name; `MOST_LISTS` at the most.
pub fn list(
    connection: &mut DatabaseConnection,
    user_id: i64,
) -> Result<Vec<Shortlist>, DatabaseError> {
    let rows: Vec<(i64, String, NaiveDateTime, i64)> = shortlists::table
        .left_join(shortlisted_drivers::table)
        .filter(shortlists::user_id.eq(user_id))
        .group_by((shortlists::id, shortlists::name, shortlists::created_at))
        .order((shortlists::name, shortlists::id))
        .select((
            shortlists::id,
            shortlists::name,
            shortlists::created_at,
            diesel::dsl::count(shortlisted_drivers::driver.nullable()),
        ))
        .load(connection)?;
    let list = |(id, name, created_at, drivers): (_, _, NaiveDateTime, _)| Shortlist {
        id,
        name,
        created_at: created_at.and_utc(),
        drivers,
    };
    Ok(rows.into_iter().map(list).collect())
}

/// Begins a list; one of that name that is there already is taken. Call it in a write transaction.
///
/// # Errors
/// A name that cannot be kept; too many lists.
pub fn create(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    user_id: i64,
    wanted: &str,
) -> Result<i64, ScoutError> {
    let wanted = name(wanted)?;
    let known: Vec<(i64, String)> = shortlists::table
        .filter(shortlists::user_id.eq(user_id))
        .select((shortlists::id, shortlists::name))
        .load(connection)?;
    if let Some((id, _)) = known.iter().find(|(_, name)| *name == wanted) {
        return Ok(*id);
    }
    if known.len() as i64 >= MOST_LISTS {
        let problem = format!("you have {MOST_LISTS} lists; delete one first");
        return invalid("name", problem);
    }
    Ok(diesel::insert_into(shortlists::table)
        .values((
            shortlists::user_id.eq(user_id),
            shortlists::name.eq(wanted),
            shortlists::created_at.eq(now.naive_utc()),
        ))
        .returning(shortlists::id)
        .get_result(connection)?)
}

/// Deletes a list; the notes on its drivers stay. Call it in a write transaction.
///
/// # Errors
/// No such list of this scout's.
pub fn delete(
    connection: &mut DatabaseConnection,
    user_id: i64,
    id: i64,
) -> Result<(), ScoutError> {
    own(connection, user_id, id)?;
    diesel::delete(shortlisted_drivers::table.filter(shortlisted_drivers::shortlist_id.eq(id)))
        .execute(connection)?;
    diesel::delete(shortlists::table.find(id)).execute(connection)?;
    Ok(())
}

/// The name of a scout's list.
///
/// # Errors
/// No such list of this scout's.
pub fn own(
    connection: &mut DatabaseConnection,
    user_id: i64,
    id: i64,
) -> Result<String, ScoutError> {
    shortlists::table
        .filter(shortlists::id.eq(id))
        .filter(shortlists::user_id.eq(user_id))
        .select(shortlists::name)
        .first(connection)
        .optional()?
        .ok_or(ScoutError::NotFound("shortlist"))
}

/// Puts a driver on a list, once. Call it in a write transaction.
///
/// # Errors
/// No such list of this scout's, no such driver on the challenge's board, a list that is full.
pub fn add(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    user_id: i64,
    id: i64,
    (slug, driver): (&str, &str),
) -> Result<(), ScoutError> {
    own(connection, user_id, id)?;
    let challenge_id = rated_in(connection, slug, driver)?;
    let known: i64 = shortlisted_drivers::table
        .filter(shortlisted_drivers::shortlist_id.eq(id))
        .count()
        .get_result(connection)?;
    if known >= MOST_DRIVERS {
        let problem = format!("this list has {MOST_DRIVERS} drivers; begin another");
        return invalid("shortlist", problem);
    }
    each_backend!(connection, |inner| {
        diesel::insert_into(shortlisted_drivers::table)
            .values((
                shortlisted_drivers::shortlist_id.eq(id),
                shortlisted_drivers::challenge_id.eq(challenge_id),
                shortlisted_drivers::driver.eq(driver),
                shortlisted_drivers::added_at.eq(now.naive_utc()),
            ))
            .on_conflict_do_nothing()
            .execute(inner)
    })?;
    Ok(())
}

/// Takes a driver off a list. Call it in a write transaction.
///
/// # Errors
/// No such list of this scout's, or not that driver on it.
pub fn remove(
    connection: &mut DatabaseConnection,
    user_id: i64,
    id: i64,
    (slug, driver): (&str, &str),
) -> Result<(), ScoutError> {
    own(connection, user_id, id)?;
    let challenge_id: Option<i64> = challenges::table
        .filter(challenges::slug.eq(slug))
        .select(challenges::id)
        .first(connection)
        .optional()?;
    let removed = diesel::delete(
        shortlisted_drivers::table
            .filter(shortlisted_drivers::shortlist_id.eq(id))
            .filter(shortlisted_drivers::challenge_id.eq(challenge_id.unwrap_or_default()))
            .filter(shortlisted_drivers::driver.eq(driver)),
    )
    .execute(connection)?;
    match removed {
        0 => Err(ScoutError::NotFound("driver on this shortlist")),
        _ => Ok(()),
    }
}

/// The challenge whose newest board a driver is on.
pub(super) fn rated_in(
    connection: &mut DatabaseConnection,
    slug: &str,
    driver: &str,
) -> Result<i64, ScoutError> {
    let found = crate::talent::board::identify(connection, slug, driver)?;
    let (line, _) = found.ok_or_else(|| ScoutError::NotRated {
        driver: driver.to_owned(),
        slug: slug.to_owned(),
    })?;
    Ok(line.challenge_id)
}

/// A list's drivers, the newest first, with where they stand now and the scout's notes: three queries.
///
/// # Errors
/// No such list of this scout's.
pub fn drivers(
    connection: &mut DatabaseConnection,
    user_id: i64,
    id: i64,
) -> Result<Vec<ShortlistedDriver>, ScoutError> {
    own(connection, user_id, id)?;
    let listed: Vec<(i64, String, String, String, NaiveDateTime)> = shortlisted_drivers::table
        .inner_join(challenges::table)
        .filter(shortlisted_drivers::shortlist_id.eq(id))
        .order((
            shortlisted_drivers::added_at.desc(),
            shortlisted_drivers::challenge_id,
            shortlisted_drivers::driver,
        ))
        .select((
            challenges::id,
            challenges::slug,
            challenges::title,
            shortlisted_drivers::driver,
            shortlisted_drivers::added_at,
        ))
        .load(connection)?;
    let challenge_ids: Vec<i64> = listed.iter().map(|row| row.0).collect();
    let names: Vec<&String> = listed.iter().map(|row| &row.3).collect();
    let newest = talent_boards::table
        .filter(talent_boards::challenge_id.eq_any(&challenge_ids))
        .group_by(talent_boards::challenge_id)
        .select(diesel::dsl::max(talent_boards::id));
    let newest: Vec<Option<i64>> = newest.load(connection)?;
    let newest: Vec<i64> = newest.into_iter().flatten().collect();
    let standing: Vec<(i64, String, i32, Option<f64>)> = rated_drivers::table
        .inner_join(talent_boards::table)
        .filter(rated_drivers::board_id.eq_any(newest))
        .filter(rated_drivers::driver.eq_any(&names))
        .select((
            talent_boards::challenge_id,
            rated_drivers::driver,
            rated_drivers::tier,
            rated_drivers::pace_percentile,
        ))
        .load(connection)?;
    let standing: BTreeMap<(i64, String), (i32, Option<f64>)> = standing
        .into_iter()
        .map(|(challenge_id, driver, tier, pace)| ((challenge_id, driver), (tier, pace)))
        .collect();
    let notes: Vec<(i64, String, String)> = driver_notes::table
        .filter(driver_notes::user_id.eq(user_id))
        .filter(driver_notes::challenge_id.eq_any(&challenge_ids))
        .filter(driver_notes::driver.eq_any(&names))
        .select((
            driver_notes::challenge_id,
            driver_notes::driver,
            driver_notes::body,
        ))
        .load(connection)?;
    let mut notes: BTreeMap<(i64, String), String> = notes
        .into_iter()
        .map(|(challenge_id, driver, body)| ((challenge_id, driver), body))
        .collect();
    let shown = listed
        .into_iter()
        .map(|(challenge_id, slug, title, driver, added_at)| {
            let key = (challenge_id, driver);
            let standing = standing.get(&key);
            ShortlistedDriver {
                challenge_slug: slug,
                challenge_title: title,
                added_at: added_at.and_utc(),
                tier: standing.map(|(tier, _)| *tier),
                pace_percentile: standing.and_then(|(_, pace)| *pace),
                note: notes.remove(&key).unwrap_or_default(),
                driver: key.1,
            }
        });
    Ok(shown.collect())
}

/// Which of a scout's lists a driver is on.
pub fn with_driver(
    connection: &mut DatabaseConnection,
    user_id: i64,
    challenge_id: i64,
    driver: &str,
) -> Result<Vec<i64>, DatabaseError> {
    Ok(shortlisted_drivers::table
        .inner_join(shortlists::table)
        .filter(shortlists::user_id.eq(user_id))
        .filter(shortlisted_drivers::challenge_id.eq(challenge_id))
        .filter(shortlisted_drivers::driver.eq(driver))
        .select(shortlists::id)
        .load(connection)?)
}
