//! Meeting a driver: the scout's requests, the organizer's, and the driver's own page.

mod driver;
mod organizer;
mod scout;

use actix_web::web::{self, ServiceConfig};
use chrono::{DateTime, Utc};

use super::page::get;
use crate::talent::consent::ContactRequest;
use crate::talent::consent::rules::ContactState;

/// Requests on a page of a list.
const PAGE: usize = 30;

/// The routes of this folder.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .route("/scouting/requests", get().to(scout::list))
        .route("/scouting/requests/{id}", get().to(scout::show))
        .route(
            "/scouting/requests/{id}/cancel",
            web::post().to(scout::cancel),
        )
        .service(
            web::resource("/talent/{slug}/drivers/{driver}/contact")
                .route(get().to(scout::form))
                .route(web::post().to(scout::ask)),
        )
        .service(
            web::resource("/consent/{key}")
                .route(get().to(driver::show))
                .route(web::post().to(driver::decide)),
        )
        .route("/console/contact-requests", get().to(organizer::list))
        .route("/console/contact-requests/{id}", get().to(organizer::show))
        .route(
            "/console/contact-requests/{id}/forward",
            web::post().to(organizer::forward),
        )
        .route(
            "/console/contact-requests/{id}/refuse",
            web::post().to(organizer::refuse),
        )
        .route(
            "/console/contact-requests/{id}/withdraw",
            web::post().to(organizer::withdraw),
        );
}

/// A request in a list.
struct Line {
    id: i64,
    driver: String,
    challenge: String,
    scout: String,
    organisation: String,
    asked_at: DateTime<Utc>,
    /// When it ends by itself, while it waits.
    expires_at: Option<DateTime<Utc>>,
    state: &'static str,
    tone: &'static str,
}

impl Line {
    fn new(request: ContactRequest) -> Self {
        Self {
            id: request.id,
            driver: request.driver,
            challenge: request.challenge_title,
            scout: request.scout,
            organisation: request.introduction.organisation,
            asked_at: request.asked_at,
            expires_at: request.expires_at,
            state: in_words(request.state),
            tone: tone(request.state),
        }
    }
}

/// Cuts one request too many off a list; the rest as lines, and the address of the next page.
fn lines(mut requests: Vec<ContactRequest>) -> (Vec<Line>, String) {
    let more = requests.len() > PAGE;
    requests.truncate(PAGE);
    let next = match requests.last() {
        Some(last) if more => format!("?before={}", last.id),
        _ => String::new(),
    };
    (requests.into_iter().map(Line::new).collect(), next)
}

const fn in_words(state: ContactState) -> &'static str {
    match state {
        ContactState::Asked => "Waits for the school",
        ContactState::Forwarded => "Waits for the driver",
        ContactState::Refused => "Refused by the school",
        ContactState::Accepted => "Accepted",
        ContactState::Declined => "Declined",
        ContactState::Expired => "Expired",
        ContactState::Withdrawn => "Consent withdrawn",
        ContactState::Cancelled => "Taken back",
    }
}

const fn tone(state: ContactState) -> &'static str {
    match state {
        ContactState::Asked | ContactState::Forwarded => "info",
        ContactState::Accepted => "gain",
        ContactState::Refused | ContactState::Declined | ContactState::Withdrawn => "slow",
        ContactState::Expired | ContactState::Cancelled => "quiet",
    }
}

/// What happened to a request, oldest first.
fn timeline(request: &ContactRequest) -> Vec<(&'static str, DateTime<Utc>)> {
    let ended = match request.state {
        ContactState::Refused => Some("Refused by the school"),
        ContactState::Declined => Some("Declined"),
        ContactState::Expired => Some("Expired: nobody answered in time"),
        ContactState::Withdrawn => Some("Consent withdrawn"),
        ContactState::Cancelled => Some("Taken back by the scout"),
        ContactState::Asked | ContactState::Forwarded | ContactState::Accepted => None,
    };
    // One that has expired and was not written down yet ended when its time was over.
    let ended_at = request.ended_at.or(request.expires_at);
    [
        Some(("Asked", request.asked_at)),
        request
            .forwarded_at
            .map(|at| ("Passed on by the school", at)),
        request.accepted_at.map(|at| ("Accepted", at)),
        ended.zip(ended_at),
    ]
    .into_iter()
    .flatten()
    .collect()
}
