//! A scout's own desk: shortlists, notes and saved searches, which nobody else sees.

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web::{Json, Path};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::permissions::Principal;
use crate::api::{Answer, House};
use crate::http::fault::Fault;
use crate::http::guard::user;
use crate::talent::board::BoardSearch;
use crate::talent::scouts::notes;
use crate::talent::scouts::searches::{self, SavedSearch};
use crate::talent::scouts::shortlists::{self, Shortlist, ShortlistedDriver};

/// A scout's shortlists, by name: fifty at the most.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShortlistList {
    shortlists: Vec<ShortlistView>,
}

/// A shortlist.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShortlistView {
    id: i64,
    name: String,
    created_at: DateTime<Utc>,
    /// How many drivers are on it.
    drivers: i64,
}

impl From<Shortlist> for ShortlistView {
    fn from(list: Shortlist) -> Self {
        Self {
            id: list.id,
            name: list.name,
            created_at: list.created_at,
            drivers: list.drivers,
        }
    }
}

/// A shortlist with its drivers.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShortlistDetail {
    id: i64,
    name: String,
    /// The newest first: five hundred at the most.
    drivers: Vec<ShortlistedDriverView>,
}

/// A driver on a shortlist.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShortlistedDriverView {
    /// The challenge's address.
    challenge: String,
    /// The pseudonym in its release.
    driver: String,
    added_at: DateTime<Utc>,
    /// The tier on the newest board; null where the driver is not on it.
    tier: Option<i32>,
    /// The pace percentile there.
    pace_percentile: Option<f64>,
    /// What you noted.
    note: String,
}

impl From<ShortlistedDriver> for ShortlistedDriverView {
    fn from(listed: ShortlistedDriver) -> Self {
        Self {
            challenge: listed.challenge_slug,
            driver: listed.driver,
            added_at: listed.added_at,
            tier: listed.tier,
            pace_percentile: listed.pace_percentile,
            note: listed.note,
        }
    }
}

/// Lists your shortlists
#[utoipa::path(
    get, path = "/api/v1/scouting/shortlists", operation_id = "list_shortlists", tag = "talent",
    responses((status = 200, description = "Your shortlists", body = ShortlistList)),
)]
pub async fn shortlists(house: House, principal: Principal) -> Result<Json<ShortlistList>, Fault> {
    let user_id = user(&principal)?.id;
    let found = house
        .database
        .read(move |connection| shortlists::list(connection, user_id))
        .await?;
    let shortlists = found.into_iter().map(ShortlistView::from).collect();
    Ok(Json(ShortlistList { shortlists }))
}

/// A name.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShortlistDraft {
    /// What to call it; a list of yours that has this name already is returned.
    #[schema(min_length = 1, max_length = 80)]
    name: String,
}

/// Begins a shortlist
#[utoipa::path(
    post, path = "/api/v1/scouting/shortlists", operation_id = "create_shortlist", tag = "talent",
    request_body = ShortlistDraft,
    responses(
        (status = 201, description = "The list", body = ShortlistDetail, headers(("Location" = String))),
        (status = 400, description = "The body is no JSON."),
        (status = 413, description = "The body is too long."),
        (status = 415, description = "The body is not called JSON."),
        (status = 422, description = "The name cannot be kept, or there are too many lists."),
    ),
)]
pub async fn create_shortlist(
    house: House,
    principal: Principal,
    draft: Json<ShortlistDraft>,
) -> Answer {
    let user_id = user(&principal)?.id;
    let now = house.clock.now();
    let name = draft.into_inner().name;
    let detail = house
        .database
        .write(move |connection| {
            let id = shortlists::create(connection, now, user_id, &name)?;
            detail(connection, user_id, id)
        })
        .await?;
    Ok(HttpResponse::Created()
        .insert_header((
            LOCATION,
            format!("/api/v1/scouting/shortlists/{}", detail.id),
        ))
        .json(detail))
}

fn detail(
    connection: &mut crate::platform::database::DatabaseConnection,
    user_id: i64,
    id: i64,
) -> Result<ShortlistDetail, Fault> {
    let name = shortlists::own(connection, user_id, id)?;
    let drivers = shortlists::drivers(connection, user_id, id)?;
    Ok(ShortlistDetail {
        id,
        name,
        drivers: drivers
            .into_iter()
            .map(ShortlistedDriverView::from)
            .collect(),
    })
}

/// Reads a shortlist
#[utoipa::path(
    get, path = "/api/v1/scouting/shortlists/{id}", operation_id = "get_shortlist", tag = "talent",
    params(("id" = i64, Path, description = "The list")),
    responses((status = 200, description = "The list", body = ShortlistDetail)),
)]
pub async fn shortlist(
    house: House,
    principal: Principal,
    id: Path<i64>,
) -> Result<Json<ShortlistDetail>, Fault> {
    let (user_id, id) = (user(&principal)?.id, *id);
    let detail = house
        .database
        .read(move |connection| detail(connection, user_id, id))
        .await?;
    Ok(Json(detail))
}

/// Deletes a shortlist
///
/// Your notes on its drivers stay.
#[utoipa::path(
    delete, path = "/api/v1/scouting/shortlists/{id}", operation_id = "delete_shortlist", tag = "talent",
    params(("id" = i64, Path, description = "The list")),
    responses((status = 204, description = "Deleted")),
)]
pub async fn delete_shortlist(house: House, principal: Principal, id: Path<i64>) -> Answer {
    let (user_id, id) = (user(&principal)?.id, *id);
    house
        .database
        .write(move |connection| shortlists::delete(connection, user_id, id))
        .await
        .map_err(Fault::from)?;
    Ok(HttpResponse::NoContent().finish())
}

/// Puts a driver on a shortlist
///
/// Once: doing it again changes nothing.
#[utoipa::path(
    put, path = "/api/v1/scouting/shortlists/{id}/drivers/{slug}/{driver}",
    operation_id = "shortlist_driver", tag = "talent",
    params(
        ("id" = i64, Path, description = "The list"),
        ("slug" = String, Path, description = "The challenge's address"),
        ("driver" = String, Path, description = "The pseudonym in its release"),
    ),
    responses(
        (status = 204, description = "On the list"),
        (status = 422, description = "The list is full."),
    ),
)]
pub async fn add_driver(
    house: House,
    principal: Principal,
    path: Path<(i64, String, String)>,
) -> Answer {
    let user_id = user(&principal)?.id;
    let now = house.clock.now();
    let (id, slug, driver) = path.into_inner();
    house
        .database
        .write(move |connection| shortlists::add(connection, now, user_id, id, (&slug, &driver)))
        .await
        .map_err(Fault::from)?;
    Ok(HttpResponse::NoContent().finish())
}

/// Takes a driver off a shortlist
#[utoipa::path(
    delete, path = "/api/v1/scouting/shortlists/{id}/drivers/{slug}/{driver}",
    operation_id = "unlist_driver", tag = "talent",
    params(
        ("id" = i64, Path, description = "The list"),
        ("slug" = String, Path, description = "The challenge's address"),
        ("driver" = String, Path, description = "The pseudonym in its release"),
    ),
    responses((status = 204, description = "Off the list")),
)]
pub async fn remove_driver(
    house: House,
    principal: Principal,
    path: Path<(i64, String, String)>,
) -> Answer {
    let user_id = user(&principal)?.id;
    let (id, slug, driver) = path.into_inner();
    house
        .database
        .write(move |connection| shortlists::remove(connection, user_id, id, (&slug, &driver)))
        .await
        .map_err(Fault::from)?;
    Ok(HttpResponse::NoContent().finish())
}

/// A note.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoteDraft {
    /// For your eyes alone; an empty one deletes what there was.
    #[schema(max_length = 4000)]
    note: String,
}

/// Writes a note on a driver
#[utoipa::path(
    put, path = "/api/v1/talent/{slug}/drivers/{driver}/note", operation_id = "note_driver", tag = "talent",
    params(
        ("slug" = String, Path, description = "The challenge's address"),
        ("driver" = String, Path, description = "The pseudonym in its release"),
    ),
    request_body = NoteDraft,
    responses(
        (status = 204, description = "Kept"),
        (status = 400, description = "The body is no JSON."),
        (status = 413, description = "The body is too long."),
        (status = 415, description = "The body is not called JSON."),
        (status = 422, description = "The note is too long."),
    ),
)]
pub async fn write_note(
    house: House,
    principal: Principal,
    path: Path<(String, String)>,
    draft: Json<NoteDraft>,
) -> Answer {
    let user_id = user(&principal)?.id;
    let now = house.clock.now();
    let (slug, driver) = path.into_inner();
    house
        .database
        .write(move |connection| {
            notes::write(connection, now, user_id, (&slug, &driver), &draft.note)
        })
        .await
        .map_err(Fault::from)?;
    Ok(HttpResponse::NoContent().finish())
}

/// A scout's searches, by name: a hundred at the most.
#[derive(Debug, Serialize, ToSchema)]
pub struct SearchList {
    searches: Vec<SearchView>,
}

/// A saved search.
#[derive(Debug, Serialize, ToSchema)]
pub struct SearchView {
    id: i64,
    name: String,
    /// The challenge's address.
    challenge: String,
    /// What stands behind the `?` of the board's address.
    query: String,
    /// Whether a new board that changes what is found is told.
    alerts: bool,
}

impl From<SavedSearch> for SearchView {
    fn from(saved: SavedSearch) -> Self {
        Self {
            id: saved.id,
            name: saved.name,
            challenge: saved.challenge_slug,
            query: saved.search.query(),
            alerts: saved.alerts,
        }
    }
}

/// Lists your saved searches
#[utoipa::path(
    get, path = "/api/v1/scouting/searches", operation_id = "list_saved_searches", tag = "talent",
    responses((status = 200, description = "Your searches", body = SearchList)),
)]
pub async fn searches(house: House, principal: Principal) -> Result<Json<SearchList>, Fault> {
    let user_id = user(&principal)?.id;
    let found = house
        .database
        .read(move |connection| searches::list(connection, user_id))
        .await?;
    let searches = found.into_iter().map(SearchView::from).collect();
    Ok(Json(SearchList { searches }))
}

/// A search to keep.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchDraft {
    /// What to call it; one of this name is replaced.
    #[schema(min_length = 1, max_length = 80)]
    name: String,
    /// What stands behind the `?` of the board's address.
    #[serde(default)]
    query: String,
    /// Whether a new board that changes what is found is told.
    #[serde(default)]
    alerts: bool,
}

/// A search that was kept.
#[derive(Debug, Serialize, ToSchema)]
pub struct SavedView {
    id: i64,
}

/// Keeps a search of a board
#[utoipa::path(
    post, path = "/api/v1/talent/{slug}/searches", operation_id = "save_search", tag = "talent",
    params(("slug" = String, Path, description = "The challenge's address")),
    request_body = SearchDraft,
    responses(
        (status = 201, description = "Kept", body = SavedView),
        (status = 400, description = "The body is no JSON."),
        (status = 413, description = "The body is too long."),
        (status = 415, description = "The body is not called JSON."),
        (status = 422, description = "Name or query cannot be kept, or there are too many searches."),
    ),
)]
pub async fn save_search(
    house: House,
    principal: Principal,
    slug: Path<String>,
    draft: Json<SearchDraft>,
) -> Answer {
    let user_id = user(&principal)?.id;
    let now = house.clock.now();
    let draft = draft.into_inner();
    let search: BoardSearch = serde_urlencoded::from_str(&draft.query)
        .map_err(|error| Fault::invalid("query", format!("query: {error}")))?;
    let id = house
        .database
        .write(move |connection| {
            let saved = (draft.name.as_str(), &search, draft.alerts);
            searches::save(connection, now, user_id, &slug, saved)
        })
        .await
        .map_err(Fault::from)?;
    Ok(HttpResponse::Created().json(SavedView { id }))
}

/// Deletes a saved search
#[utoipa::path(
    delete, path = "/api/v1/scouting/searches/{id}", operation_id = "delete_saved_search", tag = "talent",
    params(("id" = i64, Path, description = "The search")),
    responses((status = 204, description = "Deleted")),
)]
pub async fn delete_search(house: House, principal: Principal, id: Path<i64>) -> Answer {
    let (user_id, id) = (user(&principal)?.id, *id);
    house
        .database
        .write(move |connection| searches::delete(connection, user_id, id))
        .await
        .map_err(Fault::from)?;
    Ok(HttpResponse::NoContent().finish())
}
