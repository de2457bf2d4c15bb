//! Announcements of a challenge.

use actix_web::HttpResponse;
use actix_web::web::{Json, Path, Query};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::paging::{self, Paging};
use crate::accounts::permissions::Principal;
use crate::api::{Answer, House};
use crate::challenges::announcements::{self, AnnouncementDraft};
use crate::challenges::challenge;
use crate::http::fault::Fault;

/// A page of announcements.
#[derive(Debug, Serialize, ToSchema)]
pub struct AnnouncementList {
    /// Newest first.
    announcements: Vec<Announcement>,
    /// The cursor of the next page; null on the last.
    next: Option<String>,
}

/// What an organizer told everybody who takes part.
#[derive(Debug, Serialize, ToSchema)]
pub struct Announcement {
    id: i64,
    /// Who wrote it; null: the platform itself.
    author: Option<String>,
    title: String,
    /// Markdown.
    body: String,
    at: DateTime<Utc>,
}

/// Lists announcements
///
/// What the organizer told everybody who takes part, newest first.
#[utoipa::path(
    get, path = "/api/v1/challenges/{slug}/announcements", operation_id = "list_announcements",
    tag = "messages",
    params(("slug" = String, Path, description = "The challenge's address"), Paging),
    responses((status = 200, description = "A page of announcements", body = AnnouncementList)),
)]
pub async fn list(
    house: House,
    principal: Principal,
    slug: Path<String>,
    paging: Query<Paging>,
) -> Result<Json<AnnouncementList>, Fault> {
    let (limit, after) = (paging.limit()?, paging.after()?);
    let mut found = house
        .database
        .read(move |connection| {
            let (challenge, _) = challenge::find(connection, &principal, &slug)?;
            Ok::<_, Fault>(announcements::page(
                connection,
                &challenge,
                after,
                limit + 1,
            )?)
        })
        .await?;
    let next = paging::cut(&mut found, limit, |announcement| announcement.id);
    let announcements = found
        .into_iter()
        .map(|one| Announcement {
            id: one.id,
            author: one.author,
            title: one.title,
            body: one.body,
            at: one.at,
        })
        .collect();
    Ok(Json(AnnouncementList {
        announcements,
        next,
    }))
}

/// What was announced.
#[derive(Debug, Serialize, ToSchema)]
pub struct Announced {
    id: i64,
}

/// Announces something
///
/// Shown on the challenge's page and told to its members, in their inbox and by e-mail as they wish. It
/// cannot be taken back.
#[utoipa::path(
    post, path = "/api/v1/challenges/{slug}/announcements", operation_id = "announce", tag = "messages",
    params(("slug" = String, Path, description = "The challenge's address")),
    request_body = AnnouncementDraft,
    responses(
        (status = 201, description = "Announced", body = Announced),
        (status = 400, description = "The body is no JSON."),
        (status = 413, description = "The body is too long."),
        (status = 415, description = "The body is not called JSON."),
    ),
)]
pub async fn create(
    house: House,
    principal: Principal,
    slug: Path<String>,
    draft: Json<AnnouncementDraft>,
) -> Answer {
    let now = house.clock.now();
    let id = house
        .database
        .write(move |connection| announcements::post(connection, now, &principal, &slug, &draft))
        .await?;
    Ok(HttpResponse::Created().json(Announced { id }))
}
