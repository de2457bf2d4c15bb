//! What operators and their machines ask of the server itself: is it up, can it work, what has it
//! counted, and how is it spoken to.

use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;
use actix_web::web::ServiceConfig;
use actix_web::{HttpResponse, Responder, web};

use super::v1::readable;
use super::{Answer, House};
use crate::http::fault::Fault;
use crate::platform::database::{DatabaseError, database_now};
use crate::scoring::queue;

pub(super) fn configure(routes: &mut ServiceConfig) {
    routes
        .service(readable("/healthz", health))
        .service(readable("/readyz", readiness))
        .service(readable("/metrics", metrics))
        .service(readable("/openapi.json", document));
}

/// The process is up. Touches nothing else, so that a slow database does not get it killed.
async fn health() -> impl Responder {
    "up\n"
}

/// Database and store answer: requests may be sent here.
async fn readiness(house: House) -> Answer {
    let database = house
        .database
        .read(|connection| database_now(connection).map(drop));
    let database = database
        .await
        .map_err(|error: DatabaseError| error.to_string());
    let storage = house
        .storage
        .check()
        .await
        .map_err(|error| error.to_string());
    for (name, answer) in [("database", database), ("object store", storage)] {
        if let Err(error) = answer {
            tracing::error!(error, "not ready: the {name} does not answer");
            return Err(Fault::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "not_ready",
                format!("The {name} does not answer; the server's log says why."),
            ));
        }
    }
    Ok(HttpResponse::Ok()
        .content_type(ContentType::plaintext())
        .body("ready\n"))
}

/// What was counted, in Prometheus' text format.
async fn metrics(house: House) -> Answer {
    let Some(recorded) = &house.metrics else {
        return Err(Fault::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "not_counting",
            "Another recorder of this process counts; nothing is counted here.",
        ));
    };
    let waiting = house.database.read(queue::waiting).await?;
    // Far below 2^53, where floats skip whole numbers.
    metrics::gauge!("paddock_runs_waiting").set(waiting as f64);
    Ok(HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(recorded.render()))
}

async fn document() -> impl Responder {
    web::Json(super::openapi())
}
