//! The front door.

use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::challenges::Card;
use super::page::{Page, get};
use crate::accounts::permissions::Principal;
use crate::challenges::challenge::{self, Listed};
use crate::http::fault::Fault;
use crate::http::state::State;

/// The routes of this file.
pub fn configure(routes: &mut ServiceConfig) {
    routes.service(web::resource("/").route(get().to(home)));
}

/// How many of the newest challenges the home page looks at.
const NEWEST: i64 = 12;

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    page: Page,
    /// Open ones first, then those to come.
    cards: Vec<Card>,
}

async fn home(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
) -> Result<HttpResponse, Fault> {
    let now = state.clock.now();
    let newest = state
        .database
        .read(move |connection| {
            challenge::list(connection, Listed::PublishedFor(&principal), None, NEWEST)
        })
        .await?;
    let mut cards: Vec<Card> = newest
        .iter()
        .filter_map(|found| Card::new(found, now))
        .collect();
    cards.retain(|card| card.state != "closed");
    cards.sort_by_key(|card| (card.state != "open", card.at));
    let view = HomePage {
        page: Page::new(&request, ""),
        cards,
    };
    view.page.show(&view)
}
