//! A challenge's life by its organizer's hand: review, dates, opening, closing, the archive.

use actix_web::HttpResponse;
use actix_web::web::{Json, Path};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::accounts::permissions::Principal;
use crate::api::{Answer, House};
use crate::challenges::challenge::ChallengeError;
use crate::challenges::life::{self, PhaseDates, Reschedule};
use crate::http::fault::Fault;
use crate::platform::database::DatabaseConnection;

/// Does an act in a write transaction and answers that it is done.
async fn act(
    house: House,
    slug: Path<String>,
    act: impl FnOnce(&mut DatabaseConnection, DateTime<Utc>, &str) -> Result<(), ChallengeError>
    + Send
    + 'static,
) -> Answer {
    let (slug, now) = (slug.into_inner(), house.clock.now());
    house
        .database
        .write(move |connection| act(connection, now, &slug))
        .await
        .map_err(Fault::from)?;
    Ok(HttpResponse::NoContent().finish())
}

/// Hands a draft in for review
///
/// Where the operator asks for it, an admin looks at a challenge before it is shown.
#[utoipa::path(
    post, path = "/api/v1/challenges/{slug}/submit-for-review", operation_id = "submit_challenge_for_review",
    tag = "challenges", params(("slug" = String, Path, description = "The challenge's address")),
    responses((status = 204, description = "It is in review")),
)]
pub async fn submit_for_review(house: House, principal: Principal, slug: Path<String>) -> Answer {
    act(house, slug, move |connection, now, slug| {
        life::submit_for_review(connection, now, &principal, slug)
    })
    .await
}

/// What a reviewer wants changed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewNote {
    /// The organizer reads it.
    #[serde(default)]
    note: String,
}

/// Sends a challenge in review back
///
/// It is a draft again; its organizer reads the note.
#[utoipa::path(
    post, path = "/api/v1/challenges/{slug}/send-back", operation_id = "send_challenge_back",
    tag = "challenges", params(("slug" = String, Path, description = "The challenge's address")),
    request_body = ReviewNote,
    responses((status = 204, description = "It is a draft again")),
)]
pub async fn send_back(
    house: House,
    principal: Principal,
    slug: Path<String>,
    note: Json<ReviewNote>,
) -> Answer {
    act(house, slug, move |connection, now, slug| {
        life::send_back(connection, now, &principal, slug, &note.note)
    })
    .await
}

/// Opens the next phase now
///
/// The phase that runs, if one does, ends now.
#[utoipa::path(
    post, path = "/api/v1/challenges/{slug}/open-next-phase", operation_id = "open_next_phase",
    tag = "challenges", params(("slug" = String, Path, description = "The challenge's address")),
    responses((status = 204, description = "It is open")),
)]
pub async fn open_next(house: House, principal: Principal, slug: Path<String>) -> Answer {
    act(house, slug, move |connection, now, slug| {
        life::reschedule(connection, now, &principal, slug, &Reschedule::OpenNext)
    })
    .await
}

/// Closes a challenge now
///
/// Every phase ends; what was accepted before is still scored.
#[utoipa::path(
    post, path = "/api/v1/challenges/{slug}/close", operation_id = "close_challenge",
    tag = "challenges", params(("slug" = String, Path, description = "The challenge's address")),
    responses((status = 204, description = "It is closed")),
)]
pub async fn close(house: House, principal: Principal, slug: Path<String>) -> Answer {
    act(house, slug, move |connection, now, slug| {
        life::reschedule(connection, now, &principal, slug, &Reschedule::Close)
    })
    .await
}

/// Archives a closed challenge
///
/// Everybody still sees it, and nothing changes any more.
#[utoipa::path(
    post, path = "/api/v1/challenges/{slug}/archive", operation_id = "archive_challenge",
    tag = "challenges", params(("slug" = String, Path, description = "The challenge's address")),
    responses((status = 204, description = "It is archived")),
)]
pub async fn archive(house: House, principal: Principal, slug: Path<String>) -> Answer {
    act(house, slug, move |connection, now, slug| {
        life::archive(connection, now, &principal, slug)
    })
    .await
}

/// Takes a challenge out of the archive
#[utoipa::path(
    post, path = "/api/v1/challenges/{slug}/restore", operation_id = "restore_challenge",
    tag = "challenges", params(("slug" = String, Path, description = "The challenge's address")),
    responses((status = 204, description = "It is published again")),
)]
pub async fn restore(house: House, principal: Principal, slug: Path<String>) -> Answer {
    act(house, slug, move |connection, now, slug| {
        life::restore(connection, now, &principal, slug)
    })
    .await
}

/// The dates of a challenge.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChallengeDates {
    /// One pair for each phase, in their order.
    phases: Vec<PhaseDates>,
}

/// Changes the dates of all phases
///
/// Submissions that were accepted stay so.
#[utoipa::path(
    put, path = "/api/v1/challenges/{slug}/dates", operation_id = "reschedule_challenge",
    tag = "challenges", params(("slug" = String, Path, description = "The challenge's address")),
    request_body = ChallengeDates,
    responses((status = 204, description = "The dates are changed")),
)]
pub async fn reschedule(
    house: House,
    principal: Principal,
    slug: Path<String>,
    dates: Json<ChallengeDates>,
) -> Answer {
    let change = Reschedule::To(dates.into_inner().phases);
    act(house, slug, move |connection, now, slug| {
        life::reschedule(connection, now, &principal, slug, &change)
    })
    .await
}
