//! For workers of other machines: the right to a run, its files, and the report of what came of it.
//!
//! A lease is a run and a fencing number (`attempt`); every call but the first names both, and is
//! refused with 409 when another worker has the run by now.

use actix_web::HttpResponse;
use actix_web::http::header::CONTENT_ENCODING;
use actix_web::web::{Json, Path, Payload, Query};
use serde::Deserialize;
use utoipa::IntoParams;

use super::forms::FileBody;
use crate::accounts::permissions::{Principal, Refusal};
use crate::api::{Answer, House};
use crate::http::fault::Fault;
use crate::scoring::judge::Judgement;
use crate::scoring::queue::{Abilities, Lease};
use crate::scoring::remote::LEASE_WAIT;
use crate::scoring::worker::{Assignment, RunFile};
use crate::scoring::workers::Announcement;

/// The lease that a worker holds.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Attempt {
    /// The fencing number of its lease.
    #[param(minimum = 1)]
    attempt: i32,
}

impl Attempt {
    fn lease(&self, run_id: i64) -> Lease {
        Lease {
            run_id,
            attempt: self.attempt,
        }
    }
}

/// Leases a run
///
/// Waits up to 20 seconds for one to arrive.
#[utoipa::path(
    post, path = "/api/v1/worker/leases", operation_id = "lease_run", tag = "worker",
    request_body = Abilities,
    responses(
        (status = 200, description = "A run to carry out", body = Assignment),
        (status = 204, description = "There is none; ask again"),
        (status = 400, description = "The body is no JSON."),
        (status = 413, description = "The body is too long."),
        (status = 415, description = "The body is not called JSON."),
    ),
)]
pub async fn lease(house: House, principal: Principal, abilities: Json<Abilities>) -> Answer {
    let Principal::Worker { name } = principal else {
        return Err(Refusal::SignIn.into());
    };
    let leased = house.dispatch.lease(&name, &abilities, LEASE_WAIT).await?;
    Ok(match leased {
        Some(assignment) => HttpResponse::Ok().json(assignment),
        None => HttpResponse::NoContent().finish(),
    })
}

/// Says how a worker is
///
/// To be sent every ten seconds: what it takes, how busy it is, and whether it is about to stop. It takes
/// the place of what the worker of this token said before.
#[utoipa::path(
    post, path = "/api/v1/worker/announcement", operation_id = "announce_worker", tag = "worker",
    request_body = Announcement,
    responses(
        (status = 204, description = "Heard"),
        (status = 400, description = "The body is no JSON."),
        (status = 413, description = "The body is too long."),
        (status = 415, description = "The body is not called JSON."),
    ),
)]
pub async fn announce(
    house: House,
    principal: Principal,
    announcement: Json<Announcement>,
) -> Answer {
    let Principal::Worker { name } = principal else {
        return Err(Refusal::SignIn.into());
    };
    house.dispatch.announce(&name, &announcement).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Extends a lease
///
/// To be sent three times in the time of a lease.
#[utoipa::path(
    post, path = "/api/v1/worker/runs/{run}/heartbeat", operation_id = "extend_lease", tag = "worker",
    params(("run" = i64, Path, description = "The run"), Attempt),
    responses(
        (status = 204, description = "Extended"),
        (status = 409, description = "The lease was lost."),
    ),
)]
pub async fn heartbeat(house: House, run: Path<i64>, attempt: Query<Attempt>) -> Answer {
    house.dispatch.heartbeat(attempt.lease(*run)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Reports a run
///
/// Ends the lease. A report of a lost lease is refused and changes nothing.
#[utoipa::path(
    post, path = "/api/v1/worker/runs/{run}/report", operation_id = "report_run", tag = "worker",
    params(("run" = i64, Path, description = "The run"), Attempt),
    request_body = Judgement,
    responses(
        (status = 204, description = "Stored"),
        (status = 400, description = "The body is no JSON."),
        (status = 409, description = "The lease was lost; nothing was stored."),
        (status = 413, description = "The body is too long."),
        (status = 415, description = "The body is not called JSON."),
    ),
)]
pub async fn report(
    house: House,
    run: Path<i64>,
    attempt: Query<Attempt>,
    judgement: Json<Judgement>,
) -> Answer {
    house
        .dispatch
        .report(attempt.lease(*run), judgement.into_inner())
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Downloads a run's submission
#[utoipa::path(
    get, path = "/api/v1/worker/runs/{run}/submission", operation_id = "get_run_submission",
    tag = "worker",
    params(("run" = i64, Path, description = "The run"), Attempt),
    responses(
        (status = 200, description = "The file", body = FileBody, content_type = "application/octet-stream"),
        (status = 409, description = "The lease was lost."),
    ),
)]
pub async fn submission(house: House, run: Path<i64>, attempt: Query<Attempt>) -> Answer {
    stream(&house, attempt.lease(*run), RunFile::Submission).await
}

/// Downloads a run's solution
///
/// The hidden truth. Workers keep it by its content hash.
#[utoipa::path(
    get, path = "/api/v1/worker/runs/{run}/solution", operation_id = "get_run_solution", tag = "worker",
    params(("run" = i64, Path, description = "The run"), Attempt),
    responses(
        (status = 200, description = "The file", body = FileBody, content_type = "application/octet-stream"),
        (status = 409, description = "The lease was lost."),
    ),
)]
pub async fn solution(house: House, run: Path<i64>, attempt: Query<Attempt>) -> Answer {
    stream(&house, attempt.lease(*run), RunFile::Solution).await
}

/// Downloads a run's features
///
/// What a model predicts from. Workers keep them by their content hash.
#[utoipa::path(
    get, path = "/api/v1/worker/runs/{run}/features", operation_id = "get_run_features", tag = "worker",
    params(("run" = i64, Path, description = "The run"), Attempt),
    responses(
        (status = 200, description = "The file", body = FileBody, content_type = "application/octet-stream"),
        (status = 404, description = "The run has none."),
        (status = 409, description = "The lease was lost."),
    ),
)]
pub async fn features(house: House, run: Path<i64>, attempt: Query<Attempt>) -> Answer {
    stream(&house, attempt.lease(*run), RunFile::Features).await
}

/// Downloads a run's scoring program
///
/// The organizer's, a zip. Workers keep it by its content hash.
#[utoipa::path(
    get, path = "/api/v1/worker/runs/{run}/program", operation_id = "get_run_program", tag = "worker",
    params(("run" = i64, Path, description = "The run"), Attempt),
    responses(
        (status = 200, description = "The file", body = FileBody, content_type = "application/octet-stream"),
        (status = 404, description = "The run has none."),
        (status = 409, description = "The lease was lost."),
    ),
)]
pub async fn program(house: House, run: Path<i64>, attempt: Query<Attempt>) -> Answer {
    stream(&house, attempt.lease(*run), RunFile::Program).await
}

/// Keeps the predictions that a model wrote
///
/// In the challenge's format; before the report.
#[utoipa::path(
    put, path = "/api/v1/worker/runs/{run}/predictions", operation_id = "keep_run_predictions",
    tag = "worker",
    params(("run" = i64, Path, description = "The run"), Attempt),
    request_body(content = FileBody, content_type = "application/octet-stream"),
    responses(
        (status = 204, description = "Kept"),
        (status = 409, description = "The lease was lost; nothing was kept."),
        (status = 413, description = "They are larger than a run may write."),
    ),
)]
pub async fn keep_predictions(
    house: House,
    run: Path<i64>,
    attempt: Query<Attempt>,
    body: Payload,
) -> Answer {
    house
        .dispatch
        .keep_predictions(attempt.lease(*run), body)
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn stream(house: &House, lease: Lease, which: RunFile) -> Result<HttpResponse, Fault> {
    let bytes = house.dispatch.file(lease, which).await?;
    Ok(HttpResponse::Ok()
        .content_type("application/octet-stream")
        .insert_header((CONTENT_ENCODING, "identity"))
        .streaming(bytes))
}
