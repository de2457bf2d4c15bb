//! The laps of a session: sent one by one while it is driven, or many at once.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::drivers::{self, lock};
use super::sessions::{self, Session, SessionDraft};
use super::{CoachingError, invalid};
use crate::accounts::permissions::Principal;
use crate::platform::column_types::{Json, json_text};
use crate::platform::database::DatabaseConnection;
use crate::platform::schema::{driven_laps, driving_sessions};
use crate::talent::coaching::recording::{self, TOLERANCE};
use crate::talent::coaching::session::{DrivenLap, insights};

/// The most laps of one call.
pub const MOST_SENT: usize = 500;
/// The highest number of a lap, and so the most laps of a session.
pub const MOST_LAPS: u32 = 2_000;
/// What a lap can take, in milliseconds.
pub const LAP_MILLISECONDS: std::ops::RangeInclusive<u32> = 5_000..=1_200_000;
/// The most sectors of a lap.
pub const MOST_SECTORS: usize = 20;

/// What became of laps that were sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sent {
    /// How many are new.
    pub added: usize,
    /// How many were there already, just like that.
    pub unchanged: usize,
}

/// A lap as a live page is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveLap {
    /// The row, which rises within a driver.
    pub id: i64,
    /// The session.
    pub session_id: i64,
    /// The lap.
    pub lap: DrivenLap,
}

type Row = (i64, i64, i32, i32, Json<Vec<u32>>, bool, bool);

const COLUMNS: (
    driven_laps::id,
    driven_laps::session_id,
    driven_laps::number,
    driven_laps::milliseconds,
    driven_laps::sectors,
    driven_laps::out_lap,
    driven_laps::pit,
) = (
    driven_laps::id,
    driven_laps::session_id,
    driven_laps::number,
    driven_laps::milliseconds,
    driven_laps::sectors,
    driven_laps::out_lap,
    driven_laps::pit,
);

fn live_lap((id, session_id, number, milliseconds, sectors, out_lap, pit): Row) -> LiveLap {
    LiveLap {
        id,
        session_id,
        lap: DrivenLap {
            // Both were checked to be positive when they came.
            number: number.unsigned_abs(),
            milliseconds: milliseconds.unsigned_abs(),
            sectors: sectors.0,
            out_lap,
            pit,
        },
    }
}

/// What is wrong with a lap, and in which field.
fn problem(lap: &DrivenLap) -> Option<(&'static str, String)> {
    let sum: u64 = lap.sectors.iter().map(|sector| u64::from(*sector)).sum();
    if !(1..=MOST_LAPS).contains(&lap.number) {
        Some(("number", format!("number laps from 1 to {MOST_LAPS}")))
    } else if !LAP_MILLISECONDS.contains(&lap.milliseconds) {
        let problem = format!(
            "a lap takes {} to {} milliseconds; leave out what is no lap",
            LAP_MILLISECONDS.start(),
            LAP_MILLISECONDS.end()
        );
        Some(("milliseconds", problem))
    } else if lap.sectors.len() > MOST_SECTORS {
        Some(("sectors", format!("send at most {MOST_SECTORS} sectors")))
    } else if lap.sectors.contains(&0) {
        Some((
            "sectors",
            "a sector takes at least 1 millisecond; leave all of them out where one was missed"
                .to_owned(),
        ))
    } else if !lap.sectors.is_empty() && sum.abs_diff(lap.milliseconds.into()) > TOLERANCE.into() {
        let problem = format!(
            "the sectors add up to {sum} milliseconds and the lap took {}; send all sectors of the lap, or none",
            lap.milliseconds
        );
        Some(("sectors", problem))
    } else {
        None
    }
}

/// Adds laps to a session: all of them or, where one cannot be, none. One that is there already, just like that,
/// stays as it is, so that a program may send again what it is not sure of. Call it in a write transaction.
///
/// # Errors
/// [`CoachingError::Invalid`], naming the field, and among several laps the place of the lap;
/// [`CoachingError::OtherLap`], [`CoachingError::Over`] and those of finding driver and session.
pub fn add(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    driver_id: i64,
    session_id: i64,
    laps: &[DrivenLap],
) -> Result<Sent, CoachingError> {
    lock(connection, driver_id)?;
    drivers::find(connection, principal, driver_id)?;
    let session = sessions::find(connection, driver_id, session_id)?;
    if laps.is_empty() || laps.len() > MOST_SENT {
        let problem = format!("send 1 to {MOST_SENT} laps at once");
        return Err(invalid("laps", problem));
    }
    for (index, lap) in laps.iter().enumerate() {
        if let Some((field, problem)) = problem(lap) {
            let place = match laps.len() {
                1 => field.to_owned(),
                _ => format!("[{index}].{field}"),
            };
            return Err(invalid(place, problem));
        }
    }
    let mut known: BTreeMap<u32, DrivenLap> = of_session(connection, session_id)?
        .into_iter()
        .map(|lap| (lap.number, lap))
        .collect();
    let mut sent = Sent::default();
    for lap in laps {
        match known.get(&lap.number) {
            Some(before) if before == lap => sent.unchanged += 1,
            Some(_) => return Err(CoachingError::OtherLap(lap.number)),
            None if session.ended_at.is_some() => return Err(CoachingError::Over),
            None => {
                insert(connection, now, driver_id, session_id, lap)?;
                known.insert(lap.number, lap.clone());
                sent.added += 1;
            }
        }
    }
    if sent.added > 0 {
        let all: Vec<DrivenLap> = known.into_values().collect();
        let summary = insights(&all).summary();
        let summary = summary.as_ref().map(json_text).transpose()?;
        diesel::update(driving_sessions::table.find(session_id))
            .set(driving_sessions::summary.eq(summary))
            .execute(connection)?;
    }
    Ok(sent)
}

/// Adds a whole session that is over, of the laps of a file. Call it in a write transaction.
///
/// # Errors
/// [`CoachingError::Invalid`] for the field `file`, and those of [`sessions::begin`] and [`add`].
pub fn add_recording(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    principal: &Principal,
    driver_id: i64,
    draft: &SessionDraft,
    recording: &crate::datasets::readers::Session,
) -> Result<Session, CoachingError> {
    let laps = recording::laps(recording, &LAP_MILLISECONDS)
        .map_err(|problem| invalid("file", problem.to_string()))?;
    if laps.len() > MOST_LAPS as usize {
        let problem = format!(
            "this file has {} laps; send at most {MOST_LAPS}",
            laps.len()
        );
        return Err(invalid("file", problem));
    }
    let session = sessions::begin(connection, now, principal, driver_id, draft)?;
    for laps in laps.chunks(MOST_SENT) {
        add(connection, now, principal, driver_id, session.id, laps)?;
    }
    sessions::end(connection, now, principal, driver_id, session.id)
}

fn insert(
    connection: &mut DatabaseConnection,
    now: DateTime<Utc>,
    driver_id: i64,
    session_id: i64,
    lap: &DrivenLap,
) -> Result<(), CoachingError> {
    diesel::insert_into(driven_laps::table)
        .values((
            driven_laps::driver_id.eq(driver_id),
            driven_laps::session_id.eq(session_id),
            // Both were checked, and are far below what a column holds.
            driven_laps::number.eq(i32::try_from(lap.number).unwrap_or(i32::MAX)),
            driven_laps::milliseconds.eq(i32::try_from(lap.milliseconds).unwrap_or(i32::MAX)),
            driven_laps::sectors.eq(json_text(&lap.sectors)?),
            driven_laps::out_lap.eq(lap.out_lap),
            driven_laps::pit.eq(lap.pit),
            driven_laps::received_at.eq(now.naive_utc()),
        ))
        .execute(connection)?;
    Ok(())
}

/// All laps of a session, in the order of driving.
pub fn of_session(
    connection: &mut DatabaseConnection,
    session_id: i64,
) -> Result<Vec<DrivenLap>, CoachingError> {
    let rows: Vec<Row> = driven_laps::table
        .filter(driven_laps::session_id.eq(session_id))
        .order(driven_laps::number.asc())
        .select(COLUMNS)
        .load(connection)?;
    Ok(rows.into_iter().map(|row| live_lap(row).lap).collect())
}

/// Up to `limit` laps of a driver that came after the row `after`, in the order in which they came.
pub fn after(
    connection: &mut DatabaseConnection,
    driver_id: i64,
    after: i64,
    limit: i64,
) -> Result<Vec<LiveLap>, CoachingError> {
    let rows: Vec<Row> = driven_laps::table
        .filter(driven_laps::driver_id.eq(driver_id))
        .filter(driven_laps::id.gt(after))
        .order(driven_laps::id.asc())
        .limit(limit)
        .select(COLUMNS)
        .load(connection)?;
    Ok(rows.into_iter().map(live_lap).collect())
}

/// The row of the lap that came last; 0 where none came.
pub fn newest(connection: &mut DatabaseConnection, driver_id: i64) -> Result<i64, CoachingError> {
    let newest: Option<i64> = driven_laps::table
        .filter(driven_laps::driver_id.eq(driver_id))
        .select(diesel::dsl::max(driven_laps::id))
        .first(connection)?;
    Ok(newest.unwrap_or_default())
}
