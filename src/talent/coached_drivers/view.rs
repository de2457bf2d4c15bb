//! What a personal link shows: the driver's own sessions, and one of them in full.

use chrono::{Datelike as _, NaiveDateTime};
use diesel::prelude::*;

use super::drivers::CoachedDriver;
use super::sessions::{self, Session};
use super::{CoachingError, laps};
use crate::platform::column_types::Json;
use crate::platform::database::DatabaseConnection;
use crate::platform::schema::{coached_drivers, driving_sessions};
use crate::talent::coaching::peers::{Build, Group, NoGroup, Other, similar};
use crate::talent::coaching::plan::{Plan, Weathers, plan};
use crate::talent::coaching::session::{SessionInsights, Summary, insights};
use crate::talent::scouting::Physique;

/// Sessions of a list.
const SHOWN_SESSIONS: i64 = 100;
/// Sessions of others that are looked at, the newest first: enough for two seasons of the largest school.
const MOST_COMPARED: i64 = 5_000;

/// What a personal link shows.
#[derive(Debug, Clone, PartialEq)]
pub struct DriverView {
    /// The driver.
    pub driver: CoachedDriver,
    /// The newest first, at most a hundred.
    pub sessions: Vec<Session>,
    /// The session that was asked for, or the newest; none before the first.
    pub shown: Option<ShownSession>,
    /// The row of the lap that came last; 0 where none came.
    pub newest_lap: i64,
}

/// A session in full.
#[derive(Debug, Clone, PartialEq)]
pub struct ShownSession {
    /// Where and when.
    pub session: Session,
    /// What its laps say.
    pub insights: SessionInsights,
    /// Others of similar physique, or why there are none.
    pub group: Result<Group, NoGroup>,
    /// What to train.
    pub plan: Plan,
}

/// Reads what a driver's link shows, of the session `wanted` or the newest.
///
/// # Errors
/// [`CoachingError::NoSuchSession`] where the driver has no such session.
pub fn view(
    connection: &mut DatabaseConnection,
    driver: CoachedDriver,
    wanted: Option<i64>,
) -> Result<DriverView, CoachingError> {
    // Before the laps are read: what comes between is told again, not lost.
    let newest_lap = laps::newest(connection, driver.id)?;
    let sessions = sessions::recent(connection, driver.id, SHOWN_SESSIONS)?;
    let session = match wanted {
        Some(id) => Some(sessions::find(connection, driver.id, id)?),
        None => sessions.first().cloned(),
    };
    let shown = session
        .map(|session| show(connection, &driver, session))
        .transpose()?;
    Ok(DriverView {
        driver,
        sessions,
        shown,
        newest_lap,
    })
}

fn show(
    connection: &mut DatabaseConnection,
    driver: &CoachedDriver,
    session: Session,
) -> Result<ShownSession, CoachingError> {
    let driven = laps::of_session(connection, session.id)?;
    let insights = insights(&driven);
    let build = driver.build(session.draft.started_at.year());
    let sectors = insights.sector_count();
    let wet = session.draft.wet;
    let [same, other] = [wet, !wet].map(|wet| driven_there(connection, driver, &session, wet));
    let (same, other) = (same?, other?);
    let group = similar(&build, &same.others, sectors);
    let other_group = similar(&build, &other.others, sectors);
    let middles = group.as_ref().ok().zip(other_group.as_ref().ok());
    let own = insights.summary().zip(other.own);
    let weathers = middles.zip(own).map(|((here, there), (now, then))| {
        let (here, there) = (here.typical.middle, there.typical.middle);
        let (now, then) = (now.typical, then.typical);
        let [own_wet, own_dry] = if wet { [now, then] } else { [then, now] };
        let [group_wet, group_dry] = if wet { [here, there] } else { [there, here] };
        Weathers {
            own_wet,
            own_dry,
            group_wet,
            group_dry,
        }
    });
    Ok(ShownSession {
        plan: plan(&insights, group.as_ref().ok(), weathers.as_ref()),
        session,
        insights,
        group,
    })
}

/// The best sessions at a track in one weather.
struct DrivenThere {
    /// The driver's own.
    own: Option<Summary>,
    /// One of each other driver of the same organizer and class.
    others: Vec<Other>,
}

/// The sessions at a session's track in one weather by drivers of the same organizer and class: of each the one
/// with the fastest typical lap.
fn driven_there(
    connection: &mut DatabaseConnection,
    driver: &CoachedDriver,
    session: &Session,
    wet: bool,
) -> Result<DrivenThere, CoachingError> {
    type Row = (
        i64,
        Option<f64>,
        Option<i32>,
        Option<i32>,
        NaiveDateTime,
        Option<Json<Summary>>,
    );
    let rows: Vec<Row> = driving_sessions::table
        .inner_join(coached_drivers::table)
        .filter(coached_drivers::owner_id.eq(driver.owner_id))
        .filter(coached_drivers::class.eq(&driver.draft.class))
        .filter(driving_sessions::track.eq(&session.draft.track))
        .filter(driving_sessions::wet.eq(wet))
        .filter(driving_sessions::summary.is_not_null())
        .order(driving_sessions::id.desc())
        .limit(MOST_COMPARED)
        .select((
            coached_drivers::id,
            coached_drivers::weight_kg,
            coached_drivers::height_cm,
            coached_drivers::birth_year,
            driving_sessions::started_at,
            driving_sessions::summary,
        ))
        .load(connection)?;
    let mut best: std::collections::BTreeMap<i64, Other> = std::collections::BTreeMap::new();
    for (id, weight_kg, height_cm, born, started_at, summary) in rows {
        let Some(Json(summary)) = summary else {
            continue;
        };
        let known = best.get(&id).map(|other| other.summary.typical);
        if known.is_some_and(|typical| typical <= summary.typical) {
            continue;
        }
        let build = Build {
            physique: Physique {
                weight_kg,
                age: born.map(|born| f64::from(started_at.year() - born)),
            },
            height_cm: height_cm.map(f64::from),
        };
        best.insert(id, Other { build, summary });
    }
    Ok(DrivenThere {
        own: best.remove(&driver.id).map(|own| own.summary),
        others: best.into_values().collect(),
    })
}
