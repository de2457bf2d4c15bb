//! What an organizer says of flags and of submissions.

use actix_web::HttpResponse;
use actix_web::web::{Json, Path};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::accounts::permissions::Principal;
use crate::api::{Answer, House};
use crate::challenges::{flags, selection};
use crate::http::fault::Fault;

/// What an organizer found.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Resolution {
    /// 1 to 500 characters, for the log.
    resolution: String,
}

/// Resolves a flag
///
/// Says what was found about two submissions that are alike. Changes no score.
#[utoipa::path(
    post, path = "/api/v1/flags/{id}/resolve", operation_id = "resolve_flag", tag = "challenges",
    params(("id" = i64, Path, description = "The flag")),
    request_body = Resolution,
    responses((status = 204, description = "Nobody has to look at it any more")),
)]
pub async fn resolve(
    house: House,
    principal: Principal,
    id: Path<i64>,
    found: Json<Resolution>,
) -> Answer {
    let (id, now) = (*id, house.clock.now());
    house
        .database
        .write(move |connection| {
            let slug = flags::challenge_of(connection, &principal, id)?;
            flags::resolve(connection, now, &principal, &slug, id, &found.resolution)
        })
        .await
        .map_err(Fault::from)?;
    Ok(HttpResponse::NoContent().finish())
}

/// Whether a score was reproduced.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Verification {
    /// False takes it back.
    #[serde(default = "yes")]
    verified: bool,
}

fn yes() -> bool {
    true
}

/// Verifies a submission
///
/// The board says from then on that the organizer has reproduced its score.
#[utoipa::path(
    post, path = "/api/v1/submissions/{id}/verify", operation_id = "verify_submission", tag = "submissions",
    params(("id" = i64, Path, description = "The submission")),
    request_body = Verification,
    responses(
        (status = 204, description = "The board says so"),
        (status = 409, description = "It has no score."),
    ),
)]
pub async fn verify(
    house: House,
    principal: Principal,
    id: Path<i64>,
    said: Json<Verification>,
) -> Answer {
    let (id, now) = (*id, house.clock.now());
    house
        .database
        .write(move |connection| selection::verify(connection, now, &principal, id, said.verified))
        .await
        .map_err(Fault::from)?;
    Ok(HttpResponse::NoContent().finish())
}
