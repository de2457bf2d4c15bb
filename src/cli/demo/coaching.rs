//! The demo's coached drivers: the field of a small simulated championship, of whom one has a personal link.

use chrono::{TimeDelta, Utc};

use super::access::Access;
use crate::accounts::permissions::Principal;
use crate::accounts::users::User;
use crate::cli::progress::Progress;
use crate::datasets::simulator::{Championship, Parameters, simulate};
use crate::http::state::State;
use crate::platform::database::DatabaseConnection;
use crate::talent::coached_drivers::drivers::{self, DriverDraft};
use crate::talent::coached_drivers::link::{self, LinkKey};
use crate::talent::coached_drivers::sessions::{self, SessionDraft};
use crate::talent::coached_drivers::{CoachingError, laps};
use crate::talent::coaching::session::DrivenLap;

/// The driver whose link is handed out: the first of the list, who has others alike.
const COACHED: &str = "Kart 1";

/// Enough drivers for a comparison, and two afternoons of two races each.
fn parameters() -> Parameters {
    Parameters {
        drivers: 30,
        events: 2,
        wet_events: 0,
        stints: 2,
        seed: 61,
        ..Parameters::default()
    }
}

/// Adds the drivers with their laps, unless an earlier start did, and notes the personal link of one.
pub async fn add(state: &State, access: &mut Access, organizer: &User) -> anyhow::Result<()> {
    let adding = Progress::begin("Timing the laps of coached drivers", 0)?;
    let (owner_id, now) = (organizer.id, state.clock.now());
    let known = state
        .database
        .read(move |connection| drivers::list(connection, owner_id, None, i64::MAX))
        .await?;
    if known.is_empty() {
        let championship = tokio::task::spawn_blocking(|| simulate(&parameters(), &mut |_| ()));
        let championship = championship.await??;
        let principal = Principal::Browser(organizer.clone());
        state
            .database
            .write(move |connection| fill(connection, now, &principal, owner_id, &championship))
            .await?;
    }
    let principal = Principal::Browser(organizer.clone());
    let noted = access.driving.clone();
    let key = state
        .database
        .write(move |connection| {
            let noted = noted.rsplit('/').next().unwrap_or_default();
            if link::open(connection, now, noted).is_ok() {
                return Ok(noted.to_owned());
            }
            let all = drivers::list(connection, owner_id, None, i64::MAX)?;
            let mut coached = all.iter().filter(|driver| driver.draft.label == COACHED);
            let driver = coached.next().ok_or(CoachingError::NoSuchLink)?;
            let key = LinkKey::new(&mut rand::rng());
            link::make(connection, now, &principal, driver.id, &key)?;
            Ok::<_, CoachingError>(key.reveal().to_owned())
        })
        .await?;
    // An interruption in between leaves a link that nobody knows, and the next start makes another one.
    access.driving = format!("{}/driving/{key}", access.base_url);
    access.save()?;
    adding.finish(if known.is_empty() {
        "two afternoons"
    } else {
        "there already"
    })?;
    Ok(())
}

/// Writes the field of a championship as an organizer and a timing program would.
fn fill(
    connection: &mut DatabaseConnection,
    now: chrono::DateTime<Utc>,
    principal: &Principal,
    owner_id: i64,
    championship: &Championship,
) -> Result<(), CoachingError> {
    for (index, simulated) in championship.drivers.iter().enumerate() {
        let born = i32::try_from(simulated.age).unwrap_or_default();
        let draft = DriverDraft {
            label: format!("Kart {}", index + 1),
            class: "Junior".to_owned(),
            weight_kg: Some(simulated.weight_kg),
            height_cm: i32::try_from(simulated.height_cm).ok(),
            birth_year: Some(chrono::Datelike::year(&now) - born),
        };
        let driver = drivers::add(connection, now, owner_id, &draft)?;
        let stints = championship
            .events
            .iter()
            .enumerate()
            .flat_map(|(number, event)| {
                (1..=parameters().stints).map(move |stint| (number, event, stint))
            });
        for (number, event, stint) in stints {
            let weeks_ago = i64::try_from(championship.events.len() - number).unwrap_or_default();
            let draft = SessionDraft {
                track: championship.tracks[event.track].name.clone(),
                name: format!("Race {stint}"),
                wet: event.wet,
                started_at: now - TimeDelta::weeks(weeks_ago) + TimeDelta::hours(stint.into()),
            };
            let session = sessions::begin(connection, now, principal, driver.id, &draft)?;
            let driven: Vec<DrivenLap> = championship
                .laps
                .iter()
                .filter(|lap| lap.driver == index && lap.event == number && lap.stint == stint)
                .zip(1..)
                .map(|(lap, number)| DrivenLap {
                    number,
                    milliseconds: lap.milliseconds(),
                    sectors: lap.sector_milliseconds.to_vec(),
                    out_lap: lap.out_lap,
                    pit: lap.pit,
                })
                .collect();
            laps::add(connection, now, principal, driver.id, session.id, &driven)?;
            sessions::end(connection, now, principal, driver.id, session.id)?;
        }
    }
    Ok(())
}
