//! Letters that did not leave, for admins.

use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use crate::http::fault::Fault;
use crate::http::state::State;
use crate::messages::outbox::{self, TroubledLetter};
use crate::web::page::{Page, see_other_saying};

/// Letters on a page.
const PAGE: usize = 50;

/// Where a page of the list begins.
#[derive(Deserialize)]
pub struct Paging {
    before: Option<i64>,
}

#[derive(Template)]
#[template(path = "console/mail.html")]
struct MailPage {
    page: Page,
    way: String,
    letters: Vec<TroubledLetter>,
    next: String,
}

/// The list, newest first.
pub async fn list(
    state: Data<State>,
    request: HttpRequest,
    paging: Query<Paging>,
) -> Result<HttpResponse, Fault> {
    let before = paging.before;
    let mut letters = state
        .database
        .read(move |connection| outbox::troubled(connection, before, PAGE as i64 + 1))
        .await?;
    let more = letters.len() > PAGE;
    letters.truncate(PAGE);
    let shown = MailPage {
        page: Page::new(&request, "console"),
        way: state.mailer.describe(),
        next: match letters.last() {
            Some(last) if more => format!("?before={}", last.id),
            _ => String::new(),
        },
        letters,
    };
    shown.page.show(&shown)
}

/// Tries all of them again.
pub async fn retry(state: Data<State>, request: HttpRequest) -> Result<HttpResponse, Fault> {
    let now = state.clock.now();
    let letters = state
        .database
        .write(move |connection| outbox::retry_all(connection, now))
        .await?;
    let message = format!("{letters} letters are tried again.");
    Ok(see_other_saying(
        &request,
        "/console/mail",
        "success",
        message,
    ))
}
