//! The API for programs: JSON under `/api/v1`, errors as problem+json.
//!
//! Handlers are thin: they parse, call one function of a room, and answer. No SQL, no rules. May
//! touch: every room's public functions. Start reading at [`v1`].

pub mod v1;

use actix_web::web::ServiceConfig;

/// Every route of the API: the table of contents.
pub fn configure(_routes: &mut ServiceConfig) {}
