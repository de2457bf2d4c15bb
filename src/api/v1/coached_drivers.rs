//! Coached drivers, for organizers and their timing programs: drivers, their personal links, sessions and laps.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Json, Path, Query};
use chrono::{DateTime, Utc};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::paging::{self, Paging};
use crate::accounts::permissions::Principal;
use crate::api::{Answer, House};
use crate::http::fault::Fault;
use crate::http::guard::user;
use crate::talent::coached_drivers::drivers::{self, CoachedDriver, DriverDraft};
use crate::talent::coached_drivers::laps;
use crate::talent::coached_drivers::link::{self, LinkKey};
use crate::talent::coached_drivers::sessions::{self, Session, SessionDraft};
use crate::talent::coaching::session::DrivenLap;

/// A driver, as an organizer writes them.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DriverForm {
    /// A number or nickname; never a name that others know the driver by.
    #[schema(
        min_length = 1,
        max_length = 40,
        pattern = r"^[^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?$"
    )]
    label: String,
    /// What they drive. Only drivers of one class are compared.
    #[schema(
        min_length = 1,
        max_length = 40,
        pattern = r"^[^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?$"
    )]
    class: String,
    /// Without the kart.
    #[schema(minimum = 15, maximum = 200)]
    weight_kg: Option<f64>,
    /// Without shoes.
    #[schema(minimum = 80, maximum = 230)]
    height_cm: Option<i32>,
    /// For the age.
    #[schema(minimum = 1940, maximum = 2020)]
    birth_year: Option<i32>,
}

impl From<DriverForm> for DriverDraft {
    fn from(form: DriverForm) -> Self {
        Self {
            label: form.label,
            class: form.class,
            weight_kg: form.weight_kg,
            height_cm: form.height_cm,
            birth_year: form.birth_year,
        }
    }
}

/// A coached driver.
#[derive(Debug, Serialize, ToSchema)]
pub struct DriverView {
    /// Its number.
    id: i64,
    label: String,
    class: String,
    weight_kg: Option<f64>,
    height_cm: Option<i32>,
    birth_year: Option<i32>,
    created_at: DateTime<Utc>,
    /// When the personal link ends; null where there is none.
    link_expires_at: Option<DateTime<Utc>>,
}

impl From<CoachedDriver> for DriverView {
    fn from(driver: CoachedDriver) -> Self {
        Self {
            id: driver.id,
            label: driver.draft.label,
            class: driver.draft.class,
            weight_kg: driver.draft.weight_kg,
            height_cm: driver.draft.height_cm,
            birth_year: driver.draft.birth_year,
            created_at: driver.created_at,
            link_expires_at: driver.link_expires_at,
        }
    }
}

/// A page of coached drivers.
#[derive(Debug, Serialize, ToSchema)]
pub struct DriverList {
    /// The newest first.
    items: Vec<DriverView>,
    /// The cursor of the next page; null on the last.
    next: Option<String>,
}

/// Lists the drivers whom you coach
#[utoipa::path(
    get, path = "/api/v1/coached-drivers", operation_id = "list_coached_drivers", tag = "coaching",
    params(Paging),
    responses((status = 200, description = "A page of them", body = DriverList)),
)]
pub async fn list(
    house: House,
    principal: Principal,
    paging: Query<Paging>,
) -> Result<Json<DriverList>, Fault> {
    let owner_id = user(&principal)?.id;
    let (limit, before) = (paging.limit()?, paging.after()?);
    let mut found = house
        .database
        .read(move |connection| drivers::list(connection, owner_id, before, limit + 1))
        .await?;
    let next = paging::cut(&mut found, limit, |driver| driver.id);
    Ok(Json(DriverList {
        items: found.into_iter().map(DriverView::from).collect(),
        next,
    }))
}

/// Adds a driver
#[utoipa::path(
    post, path = "/api/v1/coached-drivers", operation_id = "add_coached_driver", tag = "coaching",
    request_body = DriverForm,
    responses(
        (status = 201, description = "Added", body = DriverView),
        (status = 400, description = "The body is no JSON."),
        (status = 409, description = "Another driver of yours has the label, or there are a thousand already."),
        (status = 413, description = "The body is too long."),
        (status = 415, description = "The body is not called JSON."),
    ),
)]
pub async fn add(house: House, principal: Principal, form: Json<DriverForm>) -> Answer {
    let (owner_id, now) = (user(&principal)?.id, house.clock.now());
    let draft = DriverDraft::from(form.into_inner());
    let added = house
        .database
        .write(move |connection| drivers::add(connection, now, owner_id, &draft))
        .await?;
    Ok(HttpResponse::build(StatusCode::CREATED).json(DriverView::from(added)))
}

/// A driver
#[utoipa::path(
    get, path = "/api/v1/coached-drivers/{id}", operation_id = "find_coached_driver", tag = "coaching",
    params(("id" = i64, Path, description = "The driver")),
    responses((status = 200, description = "The driver", body = DriverView)),
)]
pub async fn find(
    house: House,
    principal: Principal,
    id: Path<i64>,
) -> Result<Json<DriverView>, Fault> {
    let found = house
        .database
        .read(move |connection| drivers::find(connection, &principal, *id))
        .await?;
    Ok(Json(found.into()))
}

/// Writes a driver anew
///
/// What is left away is forgotten.
#[utoipa::path(
    put, path = "/api/v1/coached-drivers/{id}", operation_id = "change_coached_driver", tag = "coaching",
    params(("id" = i64, Path, description = "The driver")),
    request_body = DriverForm,
    responses(
        (status = 200, description = "As it is now", body = DriverView),
        (status = 400, description = "The body is no JSON."),
        (status = 409, description = "Another driver of yours has the label."),
        (status = 413, description = "The body is too long."),
        (status = 415, description = "The body is not called JSON."),
    ),
)]
pub async fn change(
    house: House,
    principal: Principal,
    id: Path<i64>,
    form: Json<DriverForm>,
) -> Result<Json<DriverView>, Fault> {
    let (draft, now) = (DriverDraft::from(form.into_inner()), house.clock.now());
    let changed = house
        .database
        .write(move |connection| drivers::change(connection, now, &principal, *id, &draft))
        .await?;
    Ok(Json(changed.into()))
}

/// Deletes a driver
///
/// With all sessions and laps; the personal link opens nothing any more.
#[utoipa::path(
    delete, path = "/api/v1/coached-drivers/{id}", operation_id = "delete_coached_driver",
    tag = "coaching",
    params(("id" = i64, Path, description = "The driver")),
    responses((status = 204, description = "Deleted")),
)]
pub async fn delete(house: House, principal: Principal, id: Path<i64>) -> Answer {
    let (id, now) = (id.into_inner(), house.clock.now());
    house
        .database
        .write(move |connection| drivers::delete(connection, now, &principal, id))
        .await?;
    house.live.tell(id);
    Ok(HttpResponse::NoContent().finish())
}

/// A personal link.
#[derive(Debug, Serialize, ToSchema)]
pub struct PersonalLink {
    /// Whoever has it sees the driver's sessions. It is told this once: only a fingerprint is kept.
    url: String,
    /// When it ends.
    expires_at: Option<DateTime<Utc>>,
}

/// Makes or renews the personal link
///
/// A link of before opens nothing any more.
#[utoipa::path(
    post, path = "/api/v1/coached-drivers/{id}/link", operation_id = "make_personal_link",
    tag = "coaching",
    params(("id" = i64, Path, description = "The driver")),
    responses((status = 200, description = "The link", body = PersonalLink)),
)]
pub async fn make_link(house: House, principal: Principal, id: Path<i64>) -> Answer {
    let (id, now, key) = (
        id.into_inner(),
        house.clock.now(),
        LinkKey::new(&mut rand::rng()),
    );
    let kept = key.clone();
    let driver = house
        .database
        .write(move |connection| link::make(connection, now, &principal, id, &kept))
        .await?;
    house.live.tell(id);
    let url = format!("{}/driving/{}", house.config.public_url(), key.reveal());
    Ok(HttpResponse::Ok()
        .insert_header(("cache-control", "no-store"))
        .json(PersonalLink {
            url,
            expires_at: driver.link_expires_at,
        }))
}

/// Takes the personal link back
#[utoipa::path(
    delete, path = "/api/v1/coached-drivers/{id}/link", operation_id = "take_back_personal_link",
    tag = "coaching",
    params(("id" = i64, Path, description = "The driver")),
    responses((status = 204, description = "It opens nothing any more.")),
)]
pub async fn take_back_link(house: House, principal: Principal, id: Path<i64>) -> Answer {
    let (id, now) = (id.into_inner(), house.clock.now());
    house
        .database
        .write(move |connection| link::take_back(connection, now, &principal, id))
        .await?;
    house.live.tell(id);
    Ok(HttpResponse::NoContent().finish())
}

/// What is driven in one go, at one track in one weather.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionForm {
    /// Track and layout, written the same way each time: only laps of one track are compared.
    #[schema(
        min_length = 1,
        max_length = 40,
        pattern = r"^[^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?$"
    )]
    track: String,
    /// What it is called; `Session` where nothing is said.
    #[schema(
        min_length = 1,
        max_length = 40,
        pattern = r"^[^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?$"
    )]
    name: Option<String>,
    /// Whether the track is wet. Begin another session where that changes.
    #[serde(default)]
    wet: bool,
    /// When it began; now, where nothing is said. Within the last thirty years.
    started_at: Option<DateTime<Utc>>,
}

/// A session.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionView {
    /// Its number.
    id: i64,
    track: String,
    name: String,
    wet: bool,
    started_at: DateTime<Utc>,
    /// Null while laps may come.
    ended_at: Option<DateTime<Utc>>,
    /// How many laps there are.
    laps: i64,
    /// The fastest of them in milliseconds, clean or not; null where there is none.
    fastest_milliseconds: Option<i32>,
}

impl From<Session> for SessionView {
    fn from(session: Session) -> Self {
        Self {
            id: session.id,
            track: session.draft.track,
            name: session.draft.name,
            wet: session.draft.wet,
            started_at: session.draft.started_at,
            ended_at: session.ended_at,
            laps: session.laps,
            fastest_milliseconds: session.fastest,
        }
    }
}

/// A page of sessions.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionList {
    /// The newest first.
    items: Vec<SessionView>,
    /// The cursor of the next page; null on the last.
    next: Option<String>,
}

/// Lists a driver's sessions
#[utoipa::path(
    get, path = "/api/v1/coached-drivers/{id}/sessions", operation_id = "list_driving_sessions",
    tag = "coaching",
    params(("id" = i64, Path, description = "The driver"), Paging),
    responses((status = 200, description = "A page of them", body = SessionList)),
)]
pub async fn list_sessions(
    house: House,
    principal: Principal,
    id: Path<i64>,
    paging: Query<Paging>,
) -> Result<Json<SessionList>, Fault> {
    let (limit, before) = (paging.limit()?, paging.after()?);
    let mut found = house
        .database
        .read(move |connection| {
            let driver = drivers::find(connection, &principal, *id)?;
            sessions::list(connection, driver.id, before, limit + 1)
        })
        .await?;
    let next = paging::cut(&mut found, limit, |session| session.id);
    Ok(Json(SessionList {
        items: found.into_iter().map(SessionView::from).collect(),
        next,
    }))
}

/// Begins a session
#[utoipa::path(
    post, path = "/api/v1/coached-drivers/{id}/sessions", operation_id = "begin_driving_session",
    tag = "coaching",
    params(("id" = i64, Path, description = "The driver")),
    request_body = SessionForm,
    responses(
        (status = 201, description = "It takes laps now.", body = SessionView),
        (status = 400, description = "The body is no JSON."),
        (status = 409, description = "There are two thousand already."),
        (status = 413, description = "The body is too long."),
        (status = 415, description = "The body is not called JSON."),
    ),
)]
pub async fn begin_session(
    house: House,
    principal: Principal,
    id: Path<i64>,
    form: Json<SessionForm>,
) -> Answer {
    let (id, form, now) = (id.into_inner(), form.into_inner(), house.clock.now());
    let draft = SessionDraft {
        track: form.track,
        name: form.name.unwrap_or_else(|| "Session".to_owned()),
        wet: form.wet,
        started_at: form.started_at.unwrap_or(now),
    };
    let begun = house
        .database
        .write(move |connection| sessions::begin(connection, now, &principal, id, &draft))
        .await?;
    Ok(HttpResponse::build(StatusCode::CREATED).json(SessionView::from(begun)))
}

/// A lap. All times are whole milliseconds.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LapForm {
    /// From 1, in the order of driving.
    #[schema(minimum = 1, maximum = 2000)]
    number: u32,
    /// The lap time.
    #[schema(minimum = 5000, maximum = 1_200_000)]
    milliseconds: u32,
    /// All sectors of the lap, which add up to it within 50 milliseconds, or none.
    #[serde(default)]
    #[schema(max_items = 20)]
    sectors: Vec<u32>,
    /// Whether it is the first lap out of the pits or from the grid; where nothing is said lap 1 is.
    out_lap: Option<bool>,
    /// Whether it led through the pit lane.
    #[serde(default)]
    pit: bool,
}

impl From<LapForm> for DrivenLap {
    fn from(form: LapForm) -> Self {
        Self {
            out_lap: form.out_lap.unwrap_or(form.number == 1),
            number: form.number,
            milliseconds: form.milliseconds,
            sectors: form.sectors,
            pit: form.pit,
        }
    }
}

/// One lap, or a list of at most 500. (It is never sent; it can be, so that its description knows no tag.)
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = Laps)]
pub enum LapsForm {
    /// As a timing loop sends it.
    #[schema(title = "One")]
    One(LapForm),
    /// As a program sends what it recorded.
    #[schema(title = "Many")]
    Many(Vec<LapForm>),
}

/// Tells the two apart by how they begin, so that what is wrong in a lap is said with its line and column.
impl<'de> Deserialize<'de> for LapsForm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> Visitor<'de> for OneOrMany {
            type Value = LapsForm;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a lap, or a list of laps")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<LapsForm, A::Error> {
                LapForm::deserialize(MapAccessDeserializer::new(map)).map(LapsForm::One)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<LapsForm, A::Error> {
                let mut laps = Vec::new();
                while let Some(lap) = list.next_element()? {
                    laps.push(lap);
                }
                Ok(LapsForm::Many(laps))
            }
        }
        deserializer.deserialize_any(OneOrMany)
    }
}

/// What became of laps.
#[derive(Debug, Serialize, ToSchema)]
pub struct LapsAdded {
    /// How many are new.
    added: usize,
    /// How many were there already, just like that.
    unchanged: usize,
}

/// Adds laps to a session
///
/// They appear at once on the driver's personal page. All are added or, where one cannot be, none. What was sent
/// before may be sent again: it is kept as it is.
#[utoipa::path(
    post, path = "/api/v1/coached-drivers/{id}/sessions/{session}/laps", operation_id = "add_laps",
    tag = "coaching",
    params(
        ("id" = i64, Path, description = "The driver"),
        ("session" = i64, Path, description = "The session"),
    ),
    request_body = LapsForm,
    responses(
        (status = 200, description = "What became of them", body = LapsAdded),
        (status = 400, description = "The body is no JSON."),
        (status = 409, description = "A lap of this number is another one, or the session is over."),
        (status = 413, description = "The body is too long."),
        (status = 415, description = "The body is not called JSON."),
    ),
)]
pub async fn add_laps(
    house: House,
    principal: Principal,
    path: Path<(i64, i64)>,
    form: Json<LapsForm>,
) -> Result<Json<LapsAdded>, Fault> {
    let ((driver, session), now) = (path.into_inner(), house.clock.now());
    let sent: Vec<DrivenLap> = match form.into_inner() {
        LapsForm::One(lap) => vec![lap.into()],
        LapsForm::Many(laps) => laps.into_iter().map(DrivenLap::from).collect(),
    };
    let outcome = house
        .database
        .write(move |connection| laps::add(connection, now, &principal, driver, session, &sent))
        .await?;
    if outcome.added > 0 {
        house.live.tell(driver);
    }
    Ok(Json(LapsAdded {
        added: outcome.added,
        unchanged: outcome.unchanged,
    }))
}

/// Ends a session
///
/// It takes no new laps from then on.
#[utoipa::path(
    post, path = "/api/v1/coached-drivers/{id}/sessions/{session}/end",
    operation_id = "end_driving_session", tag = "coaching",
    params(
        ("id" = i64, Path, description = "The driver"),
        ("session" = i64, Path, description = "The session"),
    ),
    responses((status = 200, description = "The session", body = SessionView)),
)]
pub async fn end_session(
    house: House,
    principal: Principal,
    path: Path<(i64, i64)>,
) -> Result<Json<SessionView>, Fault> {
    let ((driver, session), now) = (path.into_inner(), house.clock.now());
    let ended = house
        .database
        .write(move |connection| sessions::end(connection, now, &principal, driver, session))
        .await?;
    Ok(Json(ended.into()))
}

/// Deletes a session with its laps
#[utoipa::path(
    delete, path = "/api/v1/coached-drivers/{id}/sessions/{session}",
    operation_id = "delete_driving_session", tag = "coaching",
    params(
        ("id" = i64, Path, description = "The driver"),
        ("session" = i64, Path, description = "The session"),
    ),
    responses((status = 204, description = "Deleted")),
)]
pub async fn delete_session(house: House, principal: Principal, path: Path<(i64, i64)>) -> Answer {
    let (driver, session) = path.into_inner();
    house
        .database
        .write(move |connection| sessions::delete(connection, &principal, driver, session))
        .await?;
    Ok(HttpResponse::NoContent().finish())
}
