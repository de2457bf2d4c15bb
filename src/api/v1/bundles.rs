//! Challenges to use again: exported as a bundle, imported, cloned.

use actix_multipart::Multipart;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web::{Json, Path};
use chrono::{DateTime, Utc};
use rand::RngExt;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::forms::{self, FileBody};
use crate::accounts::permissions::Principal;
use crate::api::{Answer, House};
use crate::challenges::bundle::{Change, MissingFile};
use crate::challenges::codabench::NotCarried;
use crate::challenges::reuse::{self, CloneRequest, Reused};
use crate::http::bundles;
use crate::http::fault::Fault;
use crate::http::guard;

/// A draft that was made from something else.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReusedChallenge {
    /// The draft's address.
    slug: String,
    /// The draft in the API.
    url: String,
    /// What it was made from.
    source: &'static str,
    /// The files that it needs before it can be published.
    missing: Vec<MissingFile>,
    /// What was taken over, in words.
    carried: Vec<String>,
    /// What was not, why, and what to do instead.
    not_carried: Vec<NotCarried>,
}

fn created(reused: Reused) -> HttpResponse {
    let url = format!("/api/v1/challenges/{}", reused.slug);
    HttpResponse::Created()
        .insert_header((LOCATION, url.as_str()))
        .json(ReusedChallenge {
            slug: reused.slug,
            url,
            source: reused.source,
            missing: reused.missing,
            carried: reused.carried,
            not_carried: reused.not_carried,
        })
}

/// Exports a challenge
///
/// One zip with its texts, phases, hidden solutions, features and scoring programs; what teams sent is not
/// in it. For whoever runs the challenge; every export is in the audit log.
#[utoipa::path(
    get, path = "/api/v1/challenges/{slug}/bundle", operation_id = "export_challenge", tag = "challenges",
    params(("slug" = String, Path, description = "The challenge's address")),
    responses((status = 200, description = "The bundle", body = FileBody, content_type = "application/zip")),
)]
pub async fn export(house: House, principal: Principal, slug: Path<String>) -> Answer {
    bundles::send(&house, &principal, &slug).await
}

/// A bundle and how the challenge differs.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "describes the form to the reader of the API's description"
)]
pub struct ImportForm {
    /// The zip: an exported challenge, or a Codabench bundle of version 2.
    #[schema(value_type = String, format = Binary, content_media_type = "application/zip")]
    bundle: Vec<u8>,
    /// The challenge's address, where it is not to be the bundle's.
    slug: Option<String>,
    /// When its first phase begins; all dates move by the same time.
    starts_at: Option<DateTime<Utc>>,
}

/// Imports a challenge
///
/// As a draft that nobody else sees. What a Codabench bundle has and a challenge has not is listed.
#[utoipa::path(
    post, path = "/api/v1/challenges/import", operation_id = "import_challenge", tag = "challenges",
    request_body(content = ImportForm, content_type = "multipart/form-data"),
    responses(
        (status = 201, description = "The draft", body = ReusedChallenge, headers(("Location" = String))),
        (status = 400, description = "The form cannot be read."),
        (status = 413, description = "The bundle is too large."),
        (status = 415, description = "This is not a multipart form."),
    ),
)]
pub async fn import(
    house: House,
    principal: Principal,
    request: HttpRequest,
    body: actix_web::web::Payload,
) -> Answer {
    let form: Multipart = forms::multipart(&request, body)?;
    let owner = guard::user(&principal)?.clone();
    let limit = house.config.max_upload_bytes;
    let mut received = forms::receive(form, &["bundle"], limit).await?;
    let given = |text: String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let change = Change {
        slug: given(received.text("slug")),
        title: None,
        starts_at: given(received.text("starts_at"))
            .map(|text| moment(&text))
            .transpose()?,
    };
    received.no_other_texts()?;
    let zip = match received.paths("bundle").as_slice() {
        [zip] => zip.clone(),
        _ => return Err(Fault::invalid("bundle", "send one file")),
    };
    let reused = reuse::import(
        &house.database,
        &house.storage,
        house.clock.now(),
        &owner,
        &zip,
        &change,
        rand::rng().random(),
    )
    .await?;
    Ok(created(reused))
}

fn moment(text: &str) -> Result<DateTime<Utc>, Fault> {
    DateTime::parse_from_rfc3339(text)
        .map(|moment| moment.to_utc())
        .map_err(|_| Fault::invalid("starts_at", "write a moment such as 2027-03-01T12:00:00Z"))
}

/// What a copy is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CloneChallenge {
    /// Its address.
    slug: String,
    /// Its name; the same where nothing is said.
    #[serde(default)]
    title: Option<String>,
    /// When its first phase begins; all dates move by the same time.
    #[serde(default)]
    starts_at: Option<DateTime<Utc>>,
    /// Whether solutions and features go along.
    #[serde(default = "yes")]
    with_solutions: bool,
    /// Whether it is a template, to be cloned and never opened.
    #[serde(default)]
    template: bool,
}

fn yes() -> bool {
    true
}

/// Clones a challenge
///
/// As a draft with its texts, phases and files; without members, submissions and scores. Templates of
/// admins may be cloned by every organizer, and come without their solutions.
#[utoipa::path(
    post, path = "/api/v1/challenges/{slug}/clone", operation_id = "clone_challenge", tag = "challenges",
    params(("slug" = String, Path, description = "The challenge's address")),
    request_body = CloneChallenge,
    responses(
        (status = 201, description = "The draft", body = ReusedChallenge, headers(("Location" = String))),
        (status = 400, description = "The body is no JSON."),
        (status = 413, description = "The body is too long."),
        (status = 415, description = "The body is not called JSON."),
    ),
)]
pub async fn clone_challenge(
    house: House,
    principal: Principal,
    slug: Path<String>,
    asked: Json<CloneChallenge>,
) -> Answer {
    let asked = asked.into_inner();
    let request = CloneRequest {
        change: Change {
            slug: Some(asked.slug),
            title: asked.title,
            starts_at: asked.starts_at,
        },
        with_solutions: asked.with_solutions,
        as_template: asked.template,
    };
    let reused = reuse::clone_challenge(
        &house.database,
        &house.storage,
        house.clock.now(),
        &principal,
        &slug,
        &request,
        rand::rng().random(),
    )
    .await?;
    Ok(created(reused))
}
