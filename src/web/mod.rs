//! Pages for people: one file for each group of pages, its templates in `templates/`.
//!
//! Handlers are thin: they parse, call one function of a room, and render. No SQL, no rules. Every
//! page works without JavaScript. May touch: every room's public functions. Start reading at
//! [`configure`], then [`page`].

pub mod assets;
pub mod errors;
pub mod format;
pub mod markdown;
pub mod page;

mod accounts;
mod announcements;
mod challenges;
mod consent;
mod console;
mod crawlers;
mod datasets;
mod discussion;
mod driving;
mod experts;
mod home;
mod inbox;
mod leaderboard;
mod profile;
mod receipts;
mod submissions;
mod talent;

use actix_web::web::ServiceConfig;

/// Every page's route: the table of contents.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .configure(assets::configure)
        .configure(crawlers::configure)
        .configure(home::configure)
        .configure(accounts::configure)
        .configure(profile::configure)
        .configure(challenges::configure)
        .configure(submissions::configure)
        .configure(receipts::configure)
        .configure(leaderboard::configure)
        .configure(announcements::configure)
        .configure(discussion::configure)
        .configure(inbox::configure)
        .configure(datasets::configure)
        .configure(consent::configure)
        .configure(talent::configure)
        .configure(driving::configure)
        .configure(experts::configure)
        .configure(console::configure);
}
