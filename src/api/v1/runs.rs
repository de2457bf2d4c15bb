//! What an organizer does about runs.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Path, Query};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::accounts::permissions::Principal;
use crate::api::{Answer, House};
use crate::challenges::runs;
use crate::http::fault::Fault;

/// Cancels a submission
///
/// Stops its run, waiting or under way: the lease is over at once and the sandbox is ended. The submission
/// fails as `cancelled` and gives its place back; one that was being scored anew keeps its score.
#[utoipa::path(
    post, path = "/api/v1/submissions/{id}/cancel", operation_id = "cancel_submission", tag = "submissions",
    params(("id" = i64, Path, description = "The submission")),
    responses(
        (status = 204, description = "Cancelled"),
        (status = 409, description = "It neither waits nor runs."),
    ),
)]
pub async fn cancel(house: House, principal: Principal, id: Path<i64>) -> Answer {
    let (id, now) = (*id, house.clock.now());
    house
        .database
        .write(move |connection| runs::cancel(connection, now, &principal, id))
        .await
        .map_err(Fault::from)?;
    Ok(HttpResponse::NoContent().finish())
}

/// Whether something was enqueued.
#[derive(Debug, Serialize, ToSchema)]
pub struct ScoredAgain {
    /// False where the submission waited or ran already, and nothing was changed.
    queued: bool,
}

/// Scores a submission again
///
/// A failed one is tried again; a scored one keeps its score until it has another.
#[utoipa::path(
    post, path = "/api/v1/submissions/{id}/rescore", operation_id = "rescore_submission",
    tag = "submissions",
    params(("id" = i64, Path, description = "The submission")),
    responses((status = 202, description = "It waits for a worker", body = ScoredAgain)),
)]
pub async fn rescore(house: House, principal: Principal, id: Path<i64>) -> Answer {
    let (id, now) = (*id, house.clock.now());
    let again = house
        .database
        .write(move |connection| runs::score_again(connection, now, &principal, id))
        .await
        .map_err(Fault::from)?;
    house.dispatch.arrivals.notify_waiters();
    Ok(HttpResponse::build(StatusCode::ACCEPTED).json(ScoredAgain {
        queued: again.queued,
    }))
}

/// Which phase is scored anew.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PhaseQuery {
    /// The name of a phase. Without it: the one that matters now.
    phase: Option<String>,
}

/// How far the scoring anew of a phase is.
#[derive(Debug, Serialize, ToSchema)]
pub struct RescoringView {
    /// How many submissions are scored anew.
    total: i64,
    /// How many of them have been.
    done: i64,
}

/// Scores a phase anew
///
/// Every submission that has a score is judged again, and those that the platform failed at are tried
/// again. Scores stay visible until they are replaced. While it is under way nothing is added and the
/// answer says how far it is.
#[utoipa::path(
    post, path = "/api/v1/challenges/{slug}/rescore", operation_id = "rescore_challenge",
    tag = "challenges",
    params(("slug" = String, Path, description = "The challenge's address"), PhaseQuery),
    responses((status = 202, description = "Under way", body = RescoringView)),
)]
pub async fn rescore_phase(
    house: House,
    principal: Principal,
    slug: Path<String>,
    query: Query<PhaseQuery>,
) -> Answer {
    let (slug, now) = (slug.into_inner(), house.clock.now());
    let phase = query.into_inner().phase;
    let rescoring = house
        .database
        .write(move |connection| {
            runs::rescore(connection, now, Some(&principal), &slug, phase.as_deref())
        })
        .await
        .map_err(Fault::from)?;
    house.dispatch.arrivals.notify_waiters();
    Ok(
        HttpResponse::build(StatusCode::ACCEPTED).json(RescoringView {
            total: rescoring.total,
            done: rescoring.done,
        }),
    )
}
