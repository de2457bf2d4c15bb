//! A driver's personal page: what the link shows to driver and coach, without an account, and live.
//!
//! [`insights`] is the page's changing part: it is rendered with the page, and again for whoever listens in [`live`].

mod insights;
mod live;

use actix_web::web::{self, Data, Path, Query, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use self::insights::Insights;
use super::page::{Page, get};
use crate::http::fault::Fault;
use crate::http::state::State;
use crate::talent::coached_drivers::link;
use crate::talent::coached_drivers::view::view;

/// The routes of this group.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(web::resource("/driving/{key}").route(get().to(show)))
        .service(web::resource("/driving/{key}/live").route(get().to(live::follow)));
}

/// Which session is shown.
#[derive(Deserialize)]
struct Wanted {
    session: Option<i64>,
}

#[derive(Template)]
#[template(path = "driving/page.html")]
struct DrivingPage {
    page: Page,
    label: String,
    class: String,
    expires_at: chrono::DateTime<chrono::Utc>,
    insights: Insights,
    /// Whether the newest session is shown, whichever it is: only that page changes by itself.
    is_live: bool,
    newest_lap: i64,
}

async fn show(
    state: Data<State>,
    request: HttpRequest,
    key: Path<String>,
    wanted: Query<Wanted>,
) -> Result<HttpResponse, Fault> {
    let (now, wanted) = (state.clock.now(), wanted.session);
    let view = state
        .database
        .read(move |connection| {
            let driver = link::open(connection, now, &key)?;
            view(connection, driver, wanted)
        })
        .await?;
    let mut page = Page::new(&request, "");
    // The way back after signing in would carry the key into another address.
    page.path = "/".to_owned();
    let shown = DrivingPage {
        page,
        label: view.driver.draft.label.clone(),
        class: view.driver.draft.class.clone(),
        // A link that opened has an end.
        expires_at: view.driver.link_expires_at.unwrap_or(now),
        newest_lap: view.newest_lap,
        is_live: wanted.is_none(),
        insights: Insights::new(view),
    };
    shown.page.show(&shown)
}
