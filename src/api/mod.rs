//! The API for programs: JSON under `/api/v1`, errors as problem+json.
//!
//! Handlers are thin: they parse, call one function of a room, and answer. No SQL, no rules. May
//! touch: every room's public functions. [`house`] is what operators and their machines ask of the
//! server itself, [`openapi()`] describes it all. [`metadata`] and [`huggingface`] speak to the clients of
//! others. Start reading at [`v1`].

pub mod house;
pub mod huggingface;
pub mod metadata;
pub mod openapi;
pub mod v1;

use actix_web::error::{JsonPayloadError, PathError, QueryPayloadError};
use actix_web::http::StatusCode;
use actix_web::web::{JsonConfig, PathConfig, QueryConfig, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::error::Category;

use crate::accounts::permissions::Refusal;
use crate::http::fault::Fault;
use crate::http::state::State;

pub use openapi::openapi;

/// The opened house, as handlers take it.
pub type House = web::Data<State>;

/// What a handler that answers by hand returns.
pub type Answer = Result<HttpResponse, Fault>;

/// Every route of the API: the table of contents.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .app_data(
            JsonConfig::default()
                .limit(1 << 20)
                .error_handler(json_fault),
        )
        .app_data(QueryConfig::default().error_handler(query_fault))
        .app_data(PathConfig::default().error_handler(path_fault))
        .configure(house::configure)
        .configure(v1::configure)
        .configure(metadata::configure)
        .configure(huggingface::configure);
}

fn json_fault(error: JsonPayloadError, _: &HttpRequest) -> actix_web::Error {
    let fault = match &error {
        JsonPayloadError::ContentType => Fault::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "Send JSON, with the header `Content-Type: application/json`.",
        ),
        JsonPayloadError::OverflowKnownLength { limit, .. }
        | JsonPayloadError::Overflow { limit } => Fault::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            format!("This JSON is longer than {limit} bytes, the most that is accepted here."),
        ),
        JsonPayloadError::Deserialize(error) if error.classify() == Category::Data => Fault::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid",
            error.to_string(),
        ),
        JsonPayloadError::Deserialize(error) => Fault::new(
            StatusCode::BAD_REQUEST,
            "broken_json",
            format!("This is no JSON: {error}"),
        ),
        _ => Fault::new(
            StatusCode::BAD_REQUEST,
            "broken_upload",
            format!("The body could not be read: {error}"),
        ),
    };
    fault.into()
}

fn query_fault(error: QueryPayloadError, _: &HttpRequest) -> actix_web::Error {
    let problem = match error {
        QueryPayloadError::Deserialize(error) => error.to_string(),
        other => other.to_string(),
    };
    Fault::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "invalid",
        format!("The part of the address after `?` is not as it must be: {problem}"),
    )
    .into()
}

/// An address whose variable part cannot be one, such as a word for a number, has nothing at it.
fn path_fault(_: PathError, _: &HttpRequest) -> actix_web::Error {
    Fault::from(Refusal::NoSuchRoute).into()
}
