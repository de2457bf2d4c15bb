//! The inbox, and what its owner wants to find in it.

use actix_web::web::{self, Data, Form, Path, Query, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;

use super::page::{Page, get, local_address, see_other_saying};
use crate::accounts::permissions::Principal;
use crate::http::fault::Fault;
use crate::http::guard::{see_other, user};
use crate::http::state::State;
use crate::messages::inbox::{self, Message};
use crate::messages::notifications::{NotificationKind, Wanted};
use crate::messages::preferences;
use crate::platform::database::DatabaseError;

/// The routes of this file.
pub fn configure(routes: &mut ServiceConfig) {
    routes
        .service(web::resource("/inbox").route(get().to(show)))
        .service(web::resource("/inbox/read").route(web::post().to(read_all)))
        .service(web::resource("/inbox/{id}/read").route(web::post().to(read)))
        .service(
            web::resource("/account/notifications")
                .route(get().to(show_preferences))
                .route(web::post().to(save_preferences)),
        );
}

/// How many messages a page shows.
const PER_PAGE: usize = 30;

#[derive(Deserialize)]
struct InboxQuery {
    before: Option<i64>,
}

#[derive(Template)]
#[template(path = "inbox/inbox.html")]
struct InboxPage {
    page: Page,
    messages: Vec<Message>,
    /// The newest that is shown: what came since is not marked as read with the others.
    newest: i64,
    has_unread: bool,
    first: String,
    next: String,
}

async fn show(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    query: Query<InboxQuery>,
) -> Result<HttpResponse, Fault> {
    let (user_id, before) = (user(&principal)?.id, query.before);
    let (mut messages, unread) = state
        .database
        .read(move |connection| {
            let messages = inbox::page(connection, user_id, before, PER_PAGE as i64 + 1)?;
            Ok::<_, DatabaseError>((messages, inbox::unread(connection, user_id)?))
        })
        .await?;
    let more = messages.len() > PER_PAGE;
    messages.truncate(PER_PAGE);
    let view = InboxPage {
        page: Page::new(&request, "inbox"),
        newest: messages.first().map_or(0, |message| message.id),
        has_unread: unread > 0,
        first: if before.is_some() {
            "/inbox".into()
        } else {
            String::new()
        },
        next: match messages.last() {
            Some(last) if more => format!("/inbox?before={}", last.id),
            _ => String::new(),
        },
        messages,
    };
    view.page.show(&view)
}

#[derive(Deserialize)]
struct ReadAllForm {
    newest: i64,
}

async fn read_all(
    state: Data<State>,
    principal: Principal,
    form: Form<ReadAllForm>,
) -> Result<HttpResponse, Fault> {
    let (now, user_id, newest) = (state.clock.now(), user(&principal)?.id, form.newest);
    state
        .database
        .write(move |connection| inbox::mark_all_read(connection, now, user_id, newest))
        .await?;
    Ok(see_other("/inbox"))
}

/// Marks a message as read and goes where it leads.
async fn read(
    state: Data<State>,
    principal: Principal,
    id: Path<i64>,
) -> Result<HttpResponse, Fault> {
    let (now, user_id, id) = (state.clock.now(), user(&principal)?.id, id.into_inner());
    let href = state
        .database
        .write(move |connection| inbox::mark_read(connection, now, user_id, id))
        .await?
        .ok_or_else(|| Fault::not_found("You have no such message."))?;
    Ok(see_other(local_address(&href)))
}

/// A line of the page of preferences.
struct Choice {
    kind: NotificationKind,
    wanted: Wanted,
}

#[derive(Template)]
#[template(path = "inbox/preferences.html")]
struct PreferencesPage {
    page: Page,
    choices: Vec<Choice>,
}

async fn show_preferences(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
) -> Result<HttpResponse, Fault> {
    let user_id = user(&principal)?.id;
    let wishes = state
        .database
        .read(move |connection| preferences::of(connection, user_id))
        .await?;
    let view = PreferencesPage {
        page: Page::new(&request, "account"),
        choices: wishes
            .into_iter()
            .map(|(kind, wanted)| Choice { kind, wanted })
            .collect(),
    };
    view.page.show(&view)
}

async fn save_preferences(
    request: HttpRequest,
    state: Data<State>,
    principal: Principal,
    // A box that is not ticked is not sent.
    ticked: Form<Vec<(String, String)>>,
) -> Result<HttpResponse, Fault> {
    let user_id = user(&principal)?.id;
    let is_ticked = |name: String| ticked.iter().any(|(ticked, _)| *ticked == name);
    let wishes: Vec<(NotificationKind, Wanted)> = NotificationKind::ALL
        .iter()
        .map(|kind| {
            let wanted = Wanted {
                in_site: is_ticked(format!("{kind}-site")),
                by_email: is_ticked(format!("{kind}-email")),
            };
            (*kind, wanted)
        })
        .collect();
    state
        .database
        .write(move |connection| preferences::set(connection, user_id, &wishes))
        .await?;
    Ok(see_other_saying(
        &request,
        "/account/notifications",
        "success",
        "From now on you are told of what you ticked.",
    ))
}
