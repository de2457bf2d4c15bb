//! Coached drivers: who they are, their personal links, and their sessions.

use std::collections::HashMap;

use actix_multipart::Multipart;
use actix_web::http::StatusCode;
use actix_web::web::{self, Data, Path, Query, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::form::Form;
use crate::accounts::permissions::Principal;
use crate::datasets::readers;
use crate::http::fault::Fault;
use crate::http::guard;
use crate::http::state::State;
use crate::http::uploads::{ReceivedForm, receive_form_with_files};
use crate::talent::coached_drivers::drivers::{self, CoachedDriver, DriverDraft};
use crate::talent::coached_drivers::laps;
use crate::talent::coached_drivers::link::{self, LINK_DAYS, LinkKey};
use crate::talent::coached_drivers::sessions::{self, Session, SessionDraft};
use crate::talent::coaching::plan::seconds;
use crate::web::page::{Page, get, see_other_saying};

/// Drivers on a page of the list.
const PAGE: usize = 50;
/// Sessions on a driver's page.
const SESSIONS: i64 = 100;

/// The largest file of one session.
const LARGEST_RECORDING: u64 = 64 << 20;

/// The routes of this file.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(
            web::resource("/console/drivers")
                .route(get().to(list))
                .route(web::post().to(add)),
        )
        .service(
            web::resource("/console/drivers/{id}")
                .route(get().to(show))
                .route(web::post().to(change)),
        )
        .route("/console/drivers/{id}/link", web::post().to(set_link))
        .route("/console/drivers/{id}/recordings", web::post().to(record))
        .route("/console/drivers/{id}/delete", web::post().to(delete))
        .route(
            "/console/drivers/{id}/sessions/{session}/delete",
            web::post().to(delete_session),
        );
}

/// Where a page of the list begins.
#[derive(Deserialize)]
struct Paging {
    before: Option<i64>,
}

#[derive(Template)]
#[template(path = "console/drivers.html")]
struct ListPage {
    page: Page,
    drivers: Vec<DriverLine>,
    next: String,
    form: Form,
}

/// A driver in the list.
struct DriverLine {
    id: i64,
    label: String,
    class: String,
    build: String,
    link: Option<DateTime<Utc>>,
}

impl DriverLine {
    fn new(driver: CoachedDriver, now: DateTime<Utc>) -> Self {
        let draft = driver.draft;
        let known = [
            draft.weight_kg.map(|kg| format!("{kg} kg")),
            draft.height_cm.map(|cm| format!("{cm} cm")),
            draft.birth_year.map(|year| format!("born {year}")),
        ];
        let known: Vec<String> = known.into_iter().flatten().collect();
        Self {
            id: driver.id,
            label: draft.label,
            class: draft.class,
            build: known.join(", "),
            link: driver.link_expires_at.filter(|expires| *expires > now),
        }
    }
}

async fn list(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    paging: Query<Paging>,
) -> Result<HttpResponse, Fault> {
    show_list(&state, &request, &principal, paging.before, Form::default()).await
}

async fn show_list(
    state: &State,
    request: &HttpRequest,
    principal: &Principal,
    before: Option<i64>,
    form: Form,
) -> Result<HttpResponse, Fault> {
    let (owner_id, now) = (guard::user(principal)?.id, state.clock.now());
    let mut found = state
        .database
        .read(move |connection| drivers::list(connection, owner_id, before, PAGE as i64 + 1))
        .await?;
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    let shown = ListPage {
        page: Page::new(request, "console"),
        next: match found.last() {
            Some(last) if more => format!("?before={}", last.id),
            _ => String::new(),
        },
        drivers: found
            .into_iter()
            .map(|driver| DriverLine::new(driver, now))
            .collect(),
        form,
    };
    shown.page.show_as(status(&shown.form), &shown)
}

/// The status that a form is shown with.
fn status(form: &Form) -> StatusCode {
    if form.problems().is_empty() {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    }
}

/// A number that may be left away, or a note of what it must be.
fn number<T: std::str::FromStr>(form: &mut Form, field: &str) -> Option<T> {
    match form.text(field) {
        "" => None,
        _ => form.parse(field, "give a number, such as 62, or nothing"),
    }
}

fn draft(form: &mut Form) -> DriverDraft {
    DriverDraft {
        label: form.text("label").to_owned(),
        class: form.text("class").to_owned(),
        weight_kg: number(form, "weight_kg"),
        height_cm: number(form, "height_cm"),
        birth_year: number(form, "birth_year"),
    }
}

async fn add(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    texts: web::Form<HashMap<String, String>>,
) -> Result<HttpResponse, Fault> {
    let (owner_id, now) = (guard::user(&principal)?.id, state.clock.now());
    let mut form = Form::new(texts.into_inner());
    let draft = draft(&mut form);
    if form.problems().is_empty() {
        let added = state
            .database
            .write(move |connection| drivers::add(connection, now, owner_id, &draft))
            .await
            .map_err(Fault::from);
        if let Some(driver) = form.refuse_fault(added)? {
            let address = format!("/console/drivers/{}", driver.id);
            let said = "The driver is added. Make the personal link next.";
            return Ok(see_other_saying(&request, &address, "success", said));
        }
    }
    show_list(&state, &request, &principal, None, form).await
}

#[derive(Template)]
#[template(path = "console/driver.html")]
struct DriverPage {
    page: Page,
    driver: DriverLine,
    form: Form,
    sessions: Vec<SessionLine>,
    /// The link that was just made: shown this once.
    new_link: String,
    link_days: i64,
    api: String,
    /// The largest file, in bytes.
    limit: u64,
}

/// A session in the list.
struct SessionLine {
    id: i64,
    name: String,
    track: String,
    weather: &'static str,
    started_at: DateTime<Utc>,
    is_over: bool,
    laps: i64,
    fastest: String,
}

impl From<Session> for SessionLine {
    fn from(session: Session) -> Self {
        let fastest = session
            .fastest
            .map(|fastest| seconds(fastest.unsigned_abs()));
        Self {
            id: session.id,
            weather: if session.draft.wet { "wet" } else { "dry" },
            name: session.draft.name,
            track: session.draft.track,
            started_at: session.draft.started_at,
            is_over: session.ended_at.is_some(),
            laps: session.laps,
            fastest: fastest.unwrap_or_default(),
        }
    }
}

async fn show(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    id: Path<i64>,
) -> Result<HttpResponse, Fault> {
    show_driver(&state, &request, principal, *id, None, String::new()).await
}

/// A driver's page; with the form as it was filled in, where it could not be taken.
async fn show_driver(
    state: &State,
    request: &HttpRequest,
    principal: Principal,
    id: i64,
    form: Option<Form>,
    new_link: String,
) -> Result<HttpResponse, Fault> {
    let (driver, sessions) = state
        .database
        .read(move |connection| {
            let driver = drivers::find(connection, &principal, id)?;
            let sessions = sessions::recent(connection, id, SESSIONS)?;
            Ok::<_, Fault>((driver, sessions))
        })
        .await?;
    let known = &driver.draft;
    let text = |number: Option<String>| number.unwrap_or_default();
    let kept = [
        ("label", known.label.clone()),
        ("class", known.class.clone()),
        ("weight_kg", text(known.weight_kg.map(|kg| kg.to_string()))),
        ("height_cm", text(known.height_cm.map(|cm| cm.to_string()))),
        (
            "birth_year",
            text(known.birth_year.map(|year| year.to_string())),
        ),
    ];
    let mut form = form.unwrap_or_default();
    // The page has several forms: what was not sent is as it is kept.
    if form.text("label").is_empty() && form.text("class").is_empty() {
        for (field, value) in &kept {
            form.put(field, value);
        }
    }
    let shown = DriverPage {
        page: Page::new(request, "console"),
        driver: DriverLine::new(driver, state.clock.now()),
        form,
        sessions: sessions.into_iter().map(SessionLine::from).collect(),
        new_link,
        link_days: LINK_DAYS,
        api: format!(
            "{}/api/v1/coached-drivers/{id}/sessions",
            state.config.public_url()
        ),
        limit: LARGEST_RECORDING.min(state.config.max_upload_bytes),
    };
    shown.page.show_as(status(&shown.form), &shown)
}

async fn change(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    id: Path<i64>,
    texts: web::Form<HashMap<String, String>>,
) -> Result<HttpResponse, Fault> {
    let (id, now) = (id.into_inner(), state.clock.now());
    let mut form = Form::new(texts.into_inner());
    let draft = draft(&mut form);
    if form.problems().is_empty() {
        let caller = principal.clone();
        let changed = state
            .database
            .write(move |connection| drivers::change(connection, now, &caller, id, &draft))
            .await
            .map_err(Fault::from);
        if form.refuse_fault(changed)?.is_some() {
            let address = format!("/console/drivers/{id}");
            return Ok(see_other_saying(&request, &address, "success", "Saved."));
        }
    }
    show_driver(&state, &request, principal, id, Some(form), String::new()).await
}

#[derive(Deserialize)]
struct LinkForm {
    act: String,
}

async fn set_link(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    id: Path<i64>,
    form: web::Form<LinkForm>,
) -> Result<HttpResponse, Fault> {
    let (id, now, caller) = (id.into_inner(), state.clock.now(), principal.clone());
    match form.act.as_str() {
        "make" => {
            let key = LinkKey::new(&mut rand::rng());
            let kept = key.clone();
            state
                .database
                .write(move |connection| link::make(connection, now, &caller, id, &kept))
                .await?;
            state.live.tell(id);
            let url = format!("{}/driving/{}", state.config.public_url(), key.reveal());
            // Answered directly: a redirect would have to keep the key somewhere in readable form.
            show_driver(&state, &request, principal, id, None, url).await
        }
        "take_back" => {
            state
                .database
                .write(move |connection| link::take_back(connection, now, &caller, id))
                .await?;
            state.live.tell(id);
            let address = format!("/console/drivers/{id}");
            let said = "The link opens nothing any more.";
            Ok(see_other_saying(&request, &address, "success", said))
        }
        _ => Err(Fault::invalid("act", "press one of the buttons")),
    }
}

/// Adds a session from a logger's file or a lap table.
async fn record(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    id: Path<i64>,
    sent: Multipart,
) -> Result<HttpResponse, Fault> {
    let (id, now) = (id.into_inner(), state.clock.now());
    let mut received = ReceivedForm::default();
    let limit = LARGEST_RECORDING.min(state.config.max_upload_bytes);
    let outcome = receive_form_with_files(sent, &["file"], limit, &mut received).await;
    let mut form = Form::new(received.texts);
    form.refuse_fault(outcome)?;
    let file = received.files.remove("file");
    if file.is_none() && form.error("file").is_empty() {
        form.refuse("file", "choose the file of a session");
    }
    let started_at = match form.text("started_at") {
        "" => Some(now),
        _ => form.moment("started_at"),
    };
    if let (Some(file), Some(started_at), []) = (file, started_at, form.problems()) {
        let draft = SessionDraft {
            track: form.text("track").to_owned(),
            name: form.text("name").to_owned(),
            wet: form.is_ticked("wet"),
            started_at,
        };
        let path = file.file.path().to_owned();
        let caller = principal.clone();
        let read = tokio::task::spawn_blocking(move || readers::read(&path))
            .await
            .map_err(Fault::internal)?
            .map_err(|error| Fault::invalid("file", error.to_string()));
        let added = match read {
            Ok((_, recording)) => state
                .database
                .write(move |connection| {
                    laps::add_recording(connection, now, &caller, id, &draft, &recording)
                })
                .await
                .map_err(Fault::from),
            Err(fault) => Err(fault),
        };
        if let Some(session) = form.refuse_fault(added)? {
            state.live.tell(id);
            let address = format!("/console/drivers/{id}");
            let said = format!("The session is added, with {} laps.", session.laps);
            return Ok(see_other_saying(&request, &address, "success", said));
        }
    }
    show_driver(&state, &request, principal, id, Some(form), String::new()).await
}

async fn delete(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    id: Path<i64>,
) -> Result<HttpResponse, Fault> {
    let (id, now) = (id.into_inner(), state.clock.now());
    state
        .database
        .write(move |connection| drivers::delete(connection, now, &principal, id))
        .await?;
    state.live.tell(id);
    let said = "The driver is deleted, with all sessions and laps.";
    Ok(see_other_saying(
        &request,
        "/console/drivers",
        "success",
        said,
    ))
}

async fn delete_session(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    path: Path<(i64, i64)>,
) -> Result<HttpResponse, Fault> {
    let (id, session) = path.into_inner();
    state
        .database
        .write(move |connection| sessions::delete(connection, &principal, id, session))
        .await?;
    let address = format!("/console/drivers/{id}");
    let said = "The session is deleted, with its laps.";
    Ok(see_other_saying(&request, &address, "success", said))
}
