//! What the caller was told.

use actix_web::web::{Json, Query};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::paging::{self, Paging};
use crate::accounts::permissions::Principal;
use crate::api::House;
use crate::http::fault::Fault;
use crate::http::guard;
use crate::messages::inbox;
use crate::messages::notifications::NotificationKind;
use crate::platform::database::DatabaseError;

/// A page of the inbox.
#[derive(Debug, Serialize, ToSchema)]
pub struct Inbox {
    /// How many messages are not read; counted up to 100.
    #[schema(maximum = 100)]
    unread: i64,
    /// Newest first.
    messages: Vec<Message>,
    /// The cursor of the next page; null on the last.
    next: Option<String>,
}

/// What somebody was told.
#[derive(Debug, Serialize, ToSchema)]
pub struct Message {
    id: i64,
    /// What it is about.
    #[schema(inline)]
    kind: NotificationKind,
    title: String,
    /// The beginning of the rest.
    body: String,
    /// The page that it leads to.
    url: String,
    at: DateTime<Utc>,
    /// When it was marked as read; null: it was not.
    read_at: Option<DateTime<Utc>>,
}

/// Reads the inbox
///
/// What happened in the caller's challenges, newest first. Reading it here marks nothing as read.
#[utoipa::path(
    get, path = "/api/v1/inbox", operation_id = "list_messages", tag = "messages",
    params(Paging),
    responses((status = 200, description = "A page of messages", body = Inbox)),
)]
pub async fn list(
    house: House,
    principal: Principal,
    paging: Query<Paging>,
) -> Result<Json<Inbox>, Fault> {
    let user_id = guard::user(&principal)?.id;
    let (limit, after) = (paging.limit()?, paging.after()?);
    let (mut found, unread) = house
        .database
        .read(move |connection| {
            let found = inbox::page(connection, user_id, after, limit + 1)?;
            Ok::<_, DatabaseError>((found, inbox::unread(connection, user_id)?))
        })
        .await?;
    let next = paging::cut(&mut found, limit, |message| message.id);
    let messages = found
        .into_iter()
        .map(|message| Message {
            id: message.id,
            kind: message.kind,
            title: message.title,
            body: message.body,
            url: message.href,
            at: message.at,
            read_at: message.read_at,
        })
        .collect();
    Ok(Json(Inbox {
        unread,
        messages,
        next,
    }))
}
