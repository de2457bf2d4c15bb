//! Pages for people: one file for each group of pages, its templates in `templates/`.
//!
//! Handlers are thin: they parse, call one function of a room, and render. No SQL, no rules. May
//! touch: every room's public functions. Start reading at [`configure`].

pub mod errors;

use actix_web::web::ServiceConfig;

/// Every page's route: the table of contents.
pub fn configure(_routes: &mut ServiceConfig) {}
