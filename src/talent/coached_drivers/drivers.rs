//! The drivers whom an organizer coaches.

use chrono::{DateTime, Datelike as _, NaiveDateTime, Utc};
use diesel::prelude::*;

use super::{CoachingError, invalid, short_text};
use crate::accounts::permissions::Principal;
use crate::platform::audit::{self, Act};
use crate::platform::database::DatabaseConnection;
use crate::platform::schema::{coached_drivers, driven_laps, driving_sessions};
use crate::talent::coaching::peers::Build;
use crate::talent::scouting::Physique;

/// The most drivers of an organizer.
const MOST_DRIVERS: i64 = 1_000;
/// Characters of a label or class.
pub const LONGEST_LABEL: usize = 40;
const WEIGHT_KG: std::ops::RangeInclusive<f64> = 15.0..=200.0;
const HEIGHT_CM: std::ops::RangeInclusive<i32> = 80..=230;
const AGE: std::ops::RangeInclusive<i32> = 4..=100;

/// What an organizer writes about a driver.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DriverDraft {
    /// A number or nickname, never a name that others know the driver by.
    pub label: String,
    /// What they drive: only drivers of one class are compared.
    pub class: String,
    /// Without the kart.
    pub weight_kg: Option<f64>,
    /// In centimetres.
    pub height_cm: Option<i32>,
    /// For the age.
    pub birth_year: Option<i32>,
}

/// A coached driver.
#[derive(Debug, Clone, PartialEq)]
pub struct CoachedDriver {
    /// The row.
    pub id: i64,
    /// The organizer.
    pub owner_id: i64,
    /// What is known.
    pub draft: DriverDraft,
    /// When the driver was added.
    pub created_at: DateTime<Utc>,
    /// When the personal link ends; none where there is no link.
    pub link_expires_at: Option<DateTime<Utc>>,
}

impl CoachedDriver {
    /// The build in a year.
    pub fn build(&self, year: i32) -> Build {
        let draft = &self.draft;
        Build {
            physique: Physique {
                weight_kg: draft.weight_kg,
                age: draft.birth_year.map(|born| f64::from(year - born)),
            },
            height_cm: draft.height_cm.map(f64::from),
        }
    }
}

pub(super) type Row = (
    i64,
    i64,
    String,
    String,
    Option<f64>,
    Option<i32>,
    Option<i32>,
    NaiveDateTime,
    Option<NaiveDateTime>,
);

pub(super) const COLUMNS: (
    coached_drivers::id,
    coached_drivers::owner_id,
    coached_drivers::label,
    coached_drivers::class,
    coached_drivers::weight_kg,
    coached_drivers::height_cm,
    coached_drivers::birth_year,
    coached_drivers::created_at,
    coached_drivers::link_expires_at,
) = (
    coached_drivers::id,
    coached_drivers::owner_id,
    coached_drivers::label,
    coached_drivers::class,
    coached_drivers::weight_kg,
    coached_drivers::height_cm,
    coached_drivers::birth_year,
    coached_drivers::created_at,
    coached_drivers::link_expires_at,
);

pub(super) fn driver(row: Row) -> CoachedDriver {
    let (id, owner_id, label, class, weight_kg, height_cm, birth_year, created_at, expires) = row;
    CoachedDriver {
        id,
        owner_id,
        draft: DriverDraft {
            label,
            class,
            weight_kg,
            height_cm,
            birth_year,
        },
        created_at: created_at.and_utc(),
        link_expires_at: expires.map(|time| time.and_utc()),
    }
}

/// The draft as it is kept, or what is wrong with it.
fn checked(draft: &DriverDraft, now: DateTime<Utc>) -> Result<DriverDraft, CoachingError> {
    let between = |field, least: String, most: String, unit| {
        let problem = format!("give a number from {least} to {most}{unit}, or nothing");
        Err(invalid(field, problem))
    };
    if draft.weight_kg.is_some_and(|kg| !WEIGHT_KG.contains(&kg)) {
        let (least, most) = (WEIGHT_KG.start().to_string(), WEIGHT_KG.end().to_string());
        return between("weight_kg", least, most, " kilograms");
    }
    if draft.height_cm.is_some_and(|cm| !HEIGHT_CM.contains(&cm)) {
        let (least, most) = (HEIGHT_CM.start().to_string(), HEIGHT_CM.end().to_string());
        return between("height_cm", least, most, " centimetres");
    }
    let (first, last) = (now.year() - AGE.end(), now.year() - AGE.start());
    if draft
        .birth_year
        .is_some_and(|born| !(first..=last).contains(&born))
    {
        return between("birth_year", first.to_string(), last.to_string(), "");
    }
    Ok(DriverDraft {
        label: short_text("label", &draft.label, LONGEST_LABEL)?,
        class: short_text("class", &draft.class, LONGEST_LABEL)?,
        ..draft.clone()
    })
}

/// Whether another driver of the organizer has this label.
fn is_taken(
    connection: &mut DatabaseConnection,
    owner_id: i64,
    label: &str,
    but: i64,
) -> Result<(), CoachingError> {
    let taken: i64 = coached_drivers::table
        .filter(coached_drivers::owner_id.eq(owner_id))
        .filter(coached_drivers::label.eq(label))
        .filter(coached_drivers::id.ne(but))
        .count()
        .get_result(connection)?;
    match taken {
        0 => Ok(()),
        _ => Err(CoachingError::LabelTaken),
    }
}

/// Adds a driver to an organizer's. Call it in a write transaction.
///
/// # Errors
/// [`CoachingError::Invalid`] and [`CoachingError::TooMany`].
pub fn add(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    owner_id: i64,
    draft: &DriverDraft,
) -> Result<CoachedDriver, CoachingError> {
    let draft = checked(draft, now)?;
    let known: i64 = coached_drivers::table
        .filter(coached_drivers::owner_id.eq(owner_id))
        .count()
        .get_result(connection)?;
    if known >= MOST_DRIVERS {
        return Err(CoachingError::TooMany {
            what: "drivers",
            most: MOST_DRIVERS,
        });
    }
    is_taken(connection, owner_id, &draft.label, 0)?;
    let id: i64 = diesel::insert_into(coached_drivers::table)
        .values((
            coached_drivers::owner_id.eq(owner_id),
            coached_drivers::label.eq(&draft.label),
            coached_drivers::class.eq(&draft.class),
            coached_drivers::weight_kg.eq(draft.weight_kg),
            coached_drivers::height_cm.eq(draft.height_cm),
            coached_drivers::birth_year.eq(draft.birth_year),
            coached_drivers::created_at.eq(now.naive_utc()),
        ))
        .returning(coached_drivers::id)
        .get_result(connection)?;
    Ok(CoachedDriver {
        id,
        owner_id,
        draft,
        created_at: now,
        link_expires_at: None,
    })
}

/// Up to `limit` drivers of an organizer, newest first, older than the driver `before` where given.
pub fn list(
    connection: &mut DatabaseConnection,
    owner_id: i64,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<CoachedDriver>, CoachingError> {
    let rows: Vec<Row> = coached_drivers::table
        .filter(coached_drivers::owner_id.eq(owner_id))
        .filter(coached_drivers::id.lt(before.unwrap_or(i64::MAX)))
        .order(coached_drivers::id.desc())
        .limit(limit)
        .select(COLUMNS)
        .load(connection)?;
    Ok(rows.into_iter().map(driver).collect())
}

/// A driver, if the caller coaches them.
///
/// # Errors
/// [`CoachingError::NoSuchDriver`] for another's as for none.
pub fn find(
    connection: &mut DatabaseConnection,
    principal: &Principal,
    id: i64,
) -> Result<CoachedDriver, CoachingError> {
    let row: Option<Row> = coached_drivers::table
        .find(id)
        .select(COLUMNS)
        .first(connection)
        .optional()?;
    row.map(driver)
        .filter(|driver| principal.may_manage(driver.owner_id))
        .ok_or(CoachingError::NoSuchDriver(id))
}

/// Writes a driver anew. Call it in a write transaction.
///
/// # Errors
/// [`CoachingError::NoSuchDriver`] and [`CoachingError::Invalid`].
pub fn change(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    id: i64,
    draft: &DriverDraft,
) -> Result<CoachedDriver, CoachingError> {
    let known = find(connection, principal, id)?;
    let draft = checked(draft, now)?;
    is_taken(connection, known.owner_id, &draft.label, id)?;
    diesel::update(coached_drivers::table.find(id))
        .set((
            coached_drivers::label.eq(&draft.label),
            coached_drivers::class.eq(&draft.class),
            coached_drivers::weight_kg.eq(draft.weight_kg),
            coached_drivers::height_cm.eq(draft.height_cm),
            coached_drivers::birth_year.eq(draft.birth_year),
        ))
        .execute(connection)?;
    Ok(CoachedDriver { draft, ..known })
}

/// Deletes a driver with all sessions and laps; the link opens nothing any more. Call it in a write transaction.
///
/// # Errors
/// [`CoachingError::NoSuchDriver`].
pub fn delete(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    id: i64,
) -> Result<(), CoachingError> {
    lock(connection, id)?;
    find(connection, principal, id)?;
    diesel::delete(driven_laps::table.filter(driven_laps::driver_id.eq(id))).execute(connection)?;
    diesel::delete(driving_sessions::table.filter(driving_sessions::driver_id.eq(id)))
        .execute(connection)?;
    diesel::delete(coached_drivers::table.find(id)).execute(connection)?;
    record(connection, now, principal, id, "coached_driver.delete")
}

/// Takes a driver's row until the transaction ends, so that what is driven is written by one after the other: the
/// ids of a driver's laps rise in the order in which they can be seen.
pub(super) fn lock(connection: &mut DatabaseConnection, id: i64) -> Result<(), CoachingError> {
    diesel::update(coached_drivers::table.find(id))
        .set(coached_drivers::class.eq(coached_drivers::class))
        .execute(connection)?;
    Ok(())
}

pub(super) fn record(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    id: i64,
    action: &str,
) -> Result<(), CoachingError> {
    let act = Act {
        actor_id: principal.user().map(|user| user.id),
        action,
        subject: &format!("coached-driver:{id}"),
        challenge_id: None,
        detail: "",
    };
    Ok(audit::record(connection, now, &act)?)
}
