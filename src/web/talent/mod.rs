//! Talent for scouts: the boards (here and `board`), drivers side by side (`compare`), a driver's page (`driver`),
//! and the scout's own desk (`desk`).

mod board;
mod compare;
mod desk;
mod driver;
mod measures;

use actix_web::web::{Data, Query, ServiceConfig, post, resource};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use super::page::{Page, get};
use crate::accounts::permissions::Principal;
use crate::http::fault::Fault;
use crate::http::guard::user;
use crate::http::state::State;
use crate::talent::board::{self as boards, BoardLine};
use crate::talent::scouts::searches::{self, SavedSearch};
use crate::talent::scouts::shortlists::{self, Shortlist};

/// Boards on a page of the list.
const PAGE: usize = 30;

/// The routes of this group.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .route("/talent", get().to(list))
        .route("/talent/{slug}", get().to(board::show))
        .route("/talent/{slug}/drivers.{format}", get().to(board::export))
        .route("/talent/{slug}/compare", get().to(compare::show))
        .route("/talent/{slug}/searches", post().to(desk::save_search))
        .route("/talent/{slug}/drivers/{driver}", get().to(driver::show))
        .route(
            "/talent/{slug}/drivers/{driver}/note",
            post().to(desk::write_note),
        )
        .route(
            "/talent/{slug}/drivers/{driver}/shortlists",
            post().to(desk::shortlist),
        )
        .service(
            resource("/scouting/shortlists")
                .route(get().to(desk::lists))
                .route(post().to(desk::create_list)),
        )
        .route("/scouting/shortlists/{id}", get().to(desk::show_list))
        .route(
            "/scouting/shortlists/{id}/delete",
            post().to(desk::delete_list),
        )
        .route(
            "/scouting/searches/{id}/delete",
            post().to(desk::delete_search),
        );
}

/// Where a page of the list begins.
#[derive(Deserialize)]
struct Paging {
    before: Option<i64>,
}

#[derive(Template)]
#[template(path = "talent/list.html")]
struct ListPage {
    page: Page,
    boards: Vec<BoardLine>,
    shortlists: Vec<Shortlist>,
    searches: Vec<SavedSearch>,
    next: String,
}

async fn list(
    state: Data<State>,
    request: HttpRequest,
    principal: Principal,
    paging: Query<Paging>,
) -> Result<HttpResponse, Fault> {
    let before = paging.before;
    let user_id = user(&principal)?.id;
    let (mut boards, shortlists, searches) = state
        .database
        .read(move |connection| {
            let boards = boards::list(connection, before, PAGE as i64 + 1)?;
            let shortlists = shortlists::list(connection, user_id)?;
            Ok::<_, Fault>((boards, shortlists, searches::list(connection, user_id)?))
        })
        .await?;
    let more = boards.len() > PAGE;
    boards.truncate(PAGE);
    let list = ListPage {
        page: Page::new(&request, "talent"),
        next: match boards.last() {
            Some(last) if more => format!("?before={}", last.id),
            _ => String::new(),
        },
        boards,
        shortlists,
        searches,
    };
    list.page.show(&list)
}
