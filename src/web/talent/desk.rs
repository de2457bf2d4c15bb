//! A scout's own desk: shortlists, notes and saved searches.

use actix_web::web::{Data, Form, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use crate::accounts::permissions::Principal;
use crate::http::fault::Fault;
use crate::http::guard::user;
use crate::http::state::State;
use crate::talent::board::BoardSearch;
use crate::talent::scouts::shortlists::{self, Shortlist, ShortlistedDriver};
use crate::talent::scouts::{notes, searches};
use crate::web::page::{FormProblem, Page, see_other_saying};

#[derive(Template)]
#[template(path = "talent/shortlists.html")]
struct ListsPage {
    page: Page,
    lists: Vec<Shortlist>,
    name: String,
    problem: FormProblem,
}

pub async fn lists(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
) -> Result<HttpResponse, Fault> {
    let user_id = user(&principal)?.id;
    show_lists(
        &state,
        &request,
        user_id,
        String::new(),
        FormProblem::default(),
    )
    .await
}

async fn show_lists(
    state: &State,
    request: &HttpRequest,
    user_id: i64,
    name: String,
    problem: FormProblem,
) -> Result<HttpResponse, Fault> {
    let lists = state
        .database
        .read(move |connection| shortlists::list(connection, user_id))
        .await?;
    let shown = ListsPage {
        page: Page::new(request, "talent"),
        lists,
        name,
        problem,
    };
    shown.page.show_as(shown.problem.status(), &shown)
}

#[derive(Deserialize)]
pub struct NewList {
    name: String,
}

pub async fn create_list(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    form: Form<NewList>,
) -> Result<HttpResponse, Fault> {
    let user_id = user(&principal)?.id;
    let (now, name) = (state.clock.now(), form.name.clone());
    let created = state
        .database
        .write(move |connection| shortlists::create(connection, now, user_id, &name))
        .await
        .map_err(Fault::from);
    match created {
        Ok(id) => Ok(see_other_saying(
            &request,
            &format!("/scouting/shortlists/{id}"),
            "success",
            "Put drivers on it from their pages.",
        )),
        Err(fault) => {
            let problem = FormProblem::from_fault(fault)?;
            show_lists(&state, &request, user_id, form.into_inner().name, problem).await
        }
    }
}

#[derive(Template)]
#[template(path = "talent/shortlist.html")]
struct ListPage {
    page: Page,
    id: i64,
    name: String,
    drivers: Vec<ShortlistedDriver>,
}

pub async fn show_list(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    id: Path<i64>,
) -> Result<HttpResponse, Fault> {
    let (user_id, id) = (user(&principal)?.id, *id);
    let (name, drivers) = state
        .database
        .read(move |connection| {
            let name = shortlists::own(connection, user_id, id)?;
            Ok::<_, Fault>((name, shortlists::drivers(connection, user_id, id)?))
        })
        .await?;
    let shown = ListPage {
        page: Page::new(&request, "talent"),
        id,
        name,
        drivers,
    };
    shown.page.show(&shown)
}

pub async fn delete_list(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    id: Path<i64>,
) -> Result<HttpResponse, Fault> {
    let (user_id, id) = (user(&principal)?.id, *id);
    state
        .database
        .write(move |connection| shortlists::delete(connection, user_id, id))
        .await
        .map_err(Fault::from)?;
    let said = "The list is deleted; your notes on its drivers stay.";
    Ok(see_other_saying(
        &request,
        "/scouting/shortlists",
        "success",
        said,
    ))
}

/// What becomes of a driver: on a list, off a list, or on a new one.
#[derive(Deserialize)]
pub struct Listing {
    #[serde(default)]
    add: Option<i64>,
    #[serde(default)]
    remove: Option<i64>,
    #[serde(default)]
    name: String,
    /// Where to go afterwards: the list instead of the driver's page.
    #[serde(default)]
    back: String,
}

fn driver_address(slug: &str, driver: &str) -> String {
    let driver = utf8_percent_encode(driver, NON_ALPHANUMERIC);
    format!("/talent/{slug}/drivers/{driver}")
}

pub async fn shortlist(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    path: Path<(String, String)>,
    form: Form<Listing>,
) -> Result<HttpResponse, Fault> {
    let user_id = user(&principal)?.id;
    let (slug, driver) = path.into_inner();
    let now = state.clock.now();
    let listing = form.into_inner();
    let address = match listing.remove {
        Some(id) if listing.back == "list" => format!("/scouting/shortlists/{id}"),
        _ => driver_address(&slug, &driver),
    };
    let said = state
        .database
        .write(move |connection| {
            let of = (slug.as_str(), driver.as_str());
            match (listing.add, listing.remove) {
                (Some(id), _) => {
                    shortlists::add(connection, now, user_id, id, of)?;
                    Ok::<_, Fault>("The driver is on the list.")
                }
                (None, Some(id)) => {
                    shortlists::remove(connection, user_id, id, of)?;
                    Ok("The driver is off the list.")
                }
                (None, None) => {
                    let id = shortlists::create(connection, now, user_id, &listing.name)?;
                    shortlists::add(connection, now, user_id, id, of)?;
                    Ok("The driver is on the new list.")
                }
            }
        })
        .await?;
    Ok(see_other_saying(&request, &address, "success", said))
}

#[derive(Deserialize)]
pub struct Note {
    note: String,
}

pub async fn write_note(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    path: Path<(String, String)>,
    form: Form<Note>,
) -> Result<HttpResponse, Fault> {
    let user_id = user(&principal)?.id;
    let (slug, driver) = path.into_inner();
    let now = state.clock.now();
    let address = driver_address(&slug, &driver);
    state
        .database
        .write(move |connection| {
            notes::write(connection, now, user_id, (&slug, &driver), &form.note)
        })
        .await
        .map_err(Fault::from)?;
    Ok(see_other_saying(
        &request,
        &address,
        "success",
        "Your note is kept.",
    ))
}

#[derive(Deserialize)]
pub struct NewSearch {
    name: String,
    /// What the board was searched by.
    #[serde(default)]
    query: String,
    #[serde(default)]
    alerts: bool,
}

pub async fn save_search(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    slug: Path<String>,
    form: Form<NewSearch>,
) -> Result<HttpResponse, Fault> {
    let user_id = user(&principal)?.id;
    let now = state.clock.now();
    let form = form.into_inner();
    let search: BoardSearch = serde_urlencoded::from_str(&form.query)
        .map_err(|error| Fault::invalid("query", format!("query: {error}")))?;
    let slug = slug.into_inner();
    let address = match search.query() {
        query if query.is_empty() => format!("/talent/{slug}"),
        query => format!("/talent/{slug}?{query}"),
    };
    state
        .database
        .write(move |connection| {
            let saved = (form.name.as_str(), &search, form.alerts);
            searches::save(connection, now, user_id, &slug, saved)
        })
        .await
        .map_err(Fault::from)?;
    let said = "The search is kept; you find it on the talent page.";
    Ok(see_other_saying(&request, &address, "success", said))
}

pub async fn delete_search(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    id: Path<i64>,
) -> Result<HttpResponse, Fault> {
    let (user_id, id) = (user(&principal)?.id, *id);
    state
        .database
        .write(move |connection| searches::delete(connection, user_id, id))
        .await
        .map_err(Fault::from)?;
    Ok(see_other_saying(
        &request,
        "/talent",
        "success",
        "The search is deleted.",
    ))
}
